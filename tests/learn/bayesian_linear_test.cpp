#include "rtml/learn/bayesian_linear.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "batch_posterior.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"
#include "support/streams.hpp"

using namespace rtml;

static_assert(ScalarLearner<BayesianLinear>);
static_assert(Explainable<BayesianLinear>);
static_assert(Mergeable<BayesianLinear>);

TEST_CASE("BayesianLinear is the batch posterior over all that it saw", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 6u));
  const double prior = GENERATE(1.0, 100.0);
  CAPTURE(seed, prior);
  constexpr std::size_t d = 6;
  BayesianLinear model = testing::bound_to(d, {.prior = prior});
  testing::BatchPosterior batch;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, seed, 300);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& [x, y, weight] = stream[i];
    if (i >= 3 && i % 7 == 0) {
      batch.solve(testing::priors_of(model));
      testing::require_same(model.predict_distribution(x), batch.predict(testing::in_double(x.dense())));
    }
    model.learn(x, y, weight);
    batch.add(testing::in_double(x.dense()), static_cast<double>(y), static_cast<double>(weight));
  }
}

TEST_CASE("BayesianLinear finds NIST's certified line through Norris's ozone readings", "[learn][reference]") {
  // NIST StRD, Norris: y = -0.262323073774029 + 1.00211681802045 x, residual standard deviation 0.884796396144373.
  constexpr std::array<std::array<float, 2>, 36> norris = {
      {{0.2F, 0.1F},     {337.4F, 338.8F}, {118.2F, 118.1F}, {884.6F, 888.0F}, {10.1F, 9.2F},    {226.5F, 228.1F},
       {666.3F, 668.5F}, {996.3F, 998.5F}, {448.6F, 449.1F}, {777.0F, 778.9F}, {558.2F, 559.2F}, {0.4F, 0.3F},
       {0.6F, 0.1F},     {775.5F, 778.1F}, {666.9F, 668.8F}, {338.0F, 339.3F}, {447.5F, 448.9F}, {11.6F, 10.8F},
       {556.0F, 557.7F}, {228.1F, 228.3F}, {995.8F, 998.0F}, {887.6F, 888.8F}, {120.2F, 119.6F}, {0.3F, 0.3F},
       {0.3F, 0.6F},     {556.8F, 557.6F}, {339.1F, 339.3F}, {887.2F, 888.0F}, {999.0F, 998.5F}, {779.0F, 778.9F},
       {11.1F, 10.2F},   {118.3F, 117.6F}, {229.2F, 228.9F}, {669.1F, 668.4F}, {448.9F, 449.2F}, {0.5F, 0.2F}}};
  BayesianLinear model = testing::bound_to(1, {.prior = 1e9});  // flat: the estimates of least squares
  for (const auto& [x, y] : norris) model.learn({std::span(&x, 1), {}}, y);
  const auto mean_at = [&](float x) { return static_cast<double>(model.predict({std::span(&x, 1), {}})); };
  CHECK(mean_at(0.0F) == Approx(-0.262323073774029).epsilon(1e-5));
  CHECK(mean_at(1000.0F) - mean_at(0.0F) == Approx(1002.11681802045).epsilon(1e-6));
  // 34 degrees of freedom of the residuals there, 35 here: the prior of the weight, however flat, is one observation.
  const float far = 1000.0F;
  const auto predictive = model.predict_distribution({std::span(&far, 1), {}});
  CHECK(predictive.freedom == 35.0);
  double mean_x = 0.0;
  double squares_x = 0.0;
  for (const auto& [x, y] : norris) mean_x += static_cast<double>(x) / 36.0;
  for (const auto& [x, y] : norris) squares_x += (static_cast<double>(x) - mean_x) * (static_cast<double>(x) - mean_x);
  const double leverage = 1.0 / 36.0 + (1000.0 - mean_x) * (1000.0 - mean_x) / squares_x;
  const double expected = 0.884796396144373 * std::sqrt(34.0 / 35.0 * (1.0 + leverage));
  CHECK(predictive.scale == Approx(expected).epsilon(1e-4));  // floats round the readings
  CHECK(predictive.variance() == Approx(expected * expected * 35.0 / 33.0).epsilon(1e-4));
}

TEST_CASE("BayesianLinear's intervals hold what they promise", "[learn][statistics]") {
  // 97.5 % quantiles of Student's t are below 1.99 from 80 degrees of freedom on, and 1.96 in the end.
  const auto seed = GENERATE(range(1u, 4u));
  CAPTURE(seed);
  constexpr std::size_t d = 10;
  testing::NormalRows rows{.rng = Rng(seed), .columns = d, .noise = 0.3};
  BayesianLinear model = testing::bound_to(d);
  int judged = 0;
  int inside = 0;
  for (int i = 0; i < 4000; ++i) {
    rows.next();
    if (i >= 100) {
      const auto predictive = model.predict_distribution({rows.x, {}});
      ++judged;
      inside += static_cast<int>(std::fabs(static_cast<double>(rows.y) - predictive.mean) <= 1.97 * predictive.scale);
    }
    model.learn({rows.x, {}}, rows.y);
  }
  const double coverage = static_cast<double>(inside) / judged;
  CHECK(coverage > 0.93);
  CHECK(coverage < 0.97);
}

TEST_CASE("BayesianLinear is as sure as it may be with few examples", "[learn][statistics]") {
  // Many short streams whose truth is drawn from the prior: 90 % of the intervals after 6 examples hold, t with 5 degrees of freedom.
  Rng rng(5);
  int inside = 0;
  constexpr int streams = 4000;
  for (int s = 0; s < streams; ++s) {
    BayesianLinear model = testing::bound_to(1, {.prior = 1.0});
    const double weight = rng.normal() / 4.0;  // the range of these columns is 3.5, its unit 4
    const double offset = 10.0 * rng.normal();
    const auto label = [&](float x) { return static_cast<float>(offset + weight * static_cast<double>(x) + rng.normal()); };
    for (const float x : {0.0F, 3.5F, 1.0F, 2.0F, 3.0F, 0.5F}) model.learn({std::span(&x, 1), {}}, label(x));
    const float next = 2.75F;
    const auto predictive = model.predict_distribution({std::span(&next, 1), {}});
    REQUIRE(predictive.freedom == 5.0);
    inside += static_cast<int>(std::fabs(static_cast<double>(label(next)) - predictive.mean) <= 2.015048 * predictive.scale);
  }
  CHECK(static_cast<double>(inside) / streams == Approx(0.90).margin(0.015));
}

TEST_CASE("BayesianLinear takes weight 2 for the example twice", "[learn][metamorphic]") {
  BayesianLinear heavy = testing::bound_to(4);
  BayesianLinear twice = testing::bound_to(4);
  for (const auto& example : testing::labelled_examples({.task = Task::regression, .dense = 4, .missing = 0.2}, 2, 300)) {
    const auto one = heavy.predict_distribution(example.x);
    const auto other = twice.predict_distribution(example.x);
    CHECK(one.mean == Approx(other.mean).epsilon(1e-6).margin(1e-6));
    if (one.freedom > 0.0) CHECK(one.scale == Approx(other.scale).epsilon(1e-9));
    CHECK(one.freedom == Approx(other.freedom));
    heavy.learn(example.x, example.y, 2.0F * example.weight);
    twice.learn(example.x, example.y, example.weight);
    twice.learn(example.x, example.y, example.weight);
  }
}

TEST_CASE("BayesianLinear that forgets is the batch posterior of fading weights under a prior that does not fade", "[learn][reference]") {
  const double forgetting = GENERATE(0.999, 0.98, 0.6, 0.05);
  CAPTURE(forgetting);
  constexpr std::size_t d = 7;
  BayesianLinear model = testing::bound_to(d, {.forgetting = forgetting});
  BayesianLinear remembers = testing::bound_to(d);
  testing::BatchPosterior batch(forgetting);
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, 3, 400);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& [x, y, weight] = stream[i];
    if (i >= 5 && i % 13 == 0) {
      const auto prior = testing::priors_of(model);
      batch.solve(prior);
      const auto expected = batch.predict(testing::in_double(x.dense()));
      if (expected.freedom > 0.0) {
        testing::require_same(model.predict_distribution(x), expected);
      } else {
        CHECK(model.predict(x) == Approx(expected.mean).epsilon(1e-5).margin(1e-5));
      }
      for (std::size_t j = 0; j < d; ++j) {
        CHECK(prior[j] <= (1.0 + 1e-12) * remembers.prior_precision(j));
        CHECK(prior[j] > 0.48 * remembers.prior_precision(j));
      }
    }
    remembers.learn(x, y, weight);
    model.learn(x, y, weight);
    batch.add(testing::in_double(x.dense()), static_cast<double>(y), static_cast<double>(weight));
  }
}

TEST_CASE("BayesianLinear that forgets follows an abrupt change", "[learn]") {
  constexpr std::size_t d = 5;
  testing::NormalRows rows{.rng = Rng(4), .columns = d, .noise = 0.1};
  BayesianLinear remembers = testing::bound_to(d);
  BayesianLinear forgets = testing::bound_to(d, {.forgetting = 0.98});
  double error_of_memory = 0.0;
  double error = 0.0;
  for (int i = 0; i < 3000; ++i) {
    rows.next();
    const float y = i < 2000 ? rows.y : -rows.y;
    const double a = static_cast<double>(remembers.learn({rows.x, {}}, y) - y);
    const double b = static_cast<double>(forgets.learn({rows.x, {}}, y) - y);
    if (i < 2300) continue;
    error_of_memory += a * a / 700;
    error += b * b / 700;
  }
  CHECK(error < 0.02);  // of which the noise is 0.01
  CHECK(error_of_memory > 1.0);
}

TEST_CASE("BayesianLinear does not wind up while a column rests", "[learn]") {
  const double forgetting = GENERATE(0.99, 0.5);
  CAPTURE(forgetting);
  BayesianLinear model = testing::bound_to(3, {.forgetting = forgetting});
  Rng rng(6);
  std::vector<float> x(3);
  const auto learn = [&](bool rests) {
    for (float& value : x) value = static_cast<float>(rng.normal());
    if (rests) x[1] = 0.0F;
    model.learn({x, {}}, static_cast<float>(static_cast<double>(x[0]) + static_cast<double>(x[1]) + 0.1 * rng.normal()));
  };
  for (int i = 0; i < 500; ++i) learn(false);
  for (int i = 0; i < 20000; ++i) learn(true);
  x = {0.0F, 1.0F, 0.0F};
  const auto predictive = model.predict_distribution({x, {}});
  CHECK(predictive.scale < 25.0);  // a weight is worth ten deviations of the noise over a range of at least 4, if nothing were known of it
  x[1] = 0.0F;
  CHECK(model.predict_distribution({x, {}}).scale < predictive.scale);
}

TEST_CASE("BayesianLinear that was merged saw everything", "[learn][merge]") {
  constexpr std::size_t d = 5;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.0}, 9, 800);
  BayesianLinear whole = testing::bound_to(d);
  std::vector<BayesianLinear> shards(4, testing::bound_to(d));
  for (std::size_t i = 0; i < stream.size(); ++i) {
    auto [x, y, weight] = stream[i];
    const std::size_t shard = i % 7 == 0 ? 3 : i % 3;
    for (float& value : x.dense()) value = value * (shard == 3 ? 100.0F : 1.0F) + static_cast<float>(shard);  // ranges and means differ
    whole.learn(x, y, weight);
    shards[shard].learn(x, y, weight);
  }
  shards[0].learn({std::vector<float>(1), {}}, 1.0F);  // refused, and counted
  BayesianLinear forwards = testing::bound_to(d);
  BayesianLinear backwards = shards[3];
  for (const BayesianLinear& shard : shards) forwards.merge(shard);
  for (std::size_t shard = 3; shard-- > 0;) backwards.merge(shards[shard]);
  backwards.merge(testing::bound_to(d));
  CHECK(forwards.refused() == 1);
  for (int learned = 0; learned < 2; ++learned) {
    for (std::size_t i = 0; i < 50; ++i) {
      const auto expected = whole.predict_distribution(stream[i].x);
      testing::require_same(forwards.predict_distribution(stream[i].x), expected);
      testing::require_same(backwards.predict_distribution(stream[i].x), expected);
    }
    const std::vector<float> wrong = {1e12F, -1e12F, 0.0F, 1e12F, 0.0F};  // cut where that one cuts
    testing::require_same(forwards.predict_distribution({wrong, {}}), whole.predict_distribution({wrong, {}}));
    testing::require_same(backwards.predict_distribution({wrong, {}}), whole.predict_distribution({wrong, {}}));
    for (std::size_t j = 0; j < d; ++j) CHECK(forwards.prior_precision(j) == Approx(whole.prior_precision(j)).epsilon(1e-12));
    for (std::size_t i = 0; i < 100; ++i) {  // and goes on as that one
      for (BayesianLinear* model : {&whole, &forwards, &backwards}) model->learn(stream[i].x, -stream[i].y);
    }
  }
}

TEST_CASE("BayesianLinear that never saw a column takes it from the other, and that other's mean for its own", "[learn][merge]") {
  BayesianLinear blind = testing::bound_to(2);
  BayesianLinear sees = testing::bound_to(2);
  testing::BatchPosterior batch;
  testing::NormalRows rows{.rng = Rng(18), .columns = 2};
  std::vector<testing::NormalRows> unseen;
  double mean = 0.0;
  for (int i = 0; i < 100; ++i) {
    rows.next();
    if (i % 2 == 0) {
      unseen.push_back(rows);
      rows.x[1] = testing::missing_value;
      blind.learn({rows.x, {}}, rows.y);
    } else {
      rows.x[1] += 100.0F;
      sees.learn({rows.x, {}}, rows.y);
      batch.add(testing::in_double(rows.x), static_cast<double>(rows.y), 1.0);
      mean += static_cast<double>(rows.x[1]) / 50.0;
    }
  }
  for (const testing::NormalRows& row : unseen) batch.add({static_cast<double>(row.x[0]), mean}, static_cast<double>(row.y), 1.0);
  BayesianLinear backwards = sees;
  backwards.merge(blind);
  blind.merge(sees);
  batch.solve(testing::priors_of(blind));
  const std::vector<float> x = {1.0F, 102.0F};
  testing::require_same(blind.predict_distribution({x, {}}), batch.predict(testing::in_double(x)));
  testing::require_same(backwards.predict_distribution({x, {}}), batch.predict(testing::in_double(x)));
}

TEST_CASE("BayesianLinear is not merged with what it cannot be", "[learn][merge][config]") {
  BayesianLinear model = testing::bound_to(2);
  CHECK_THROWS_WITH(model.merge(testing::bound_to(2, {.forgetting = 0.9})), "BayesianLinear: forgetting is 0.9, must be 1 to merge");
  CHECK_THROWS_WITH(testing::bound_to(2, {.forgetting = 0.9}).merge(model), "BayesianLinear: forgetting is 0.9, must be 1 to merge");
  CHECK_THROWS_WITH(model.merge(testing::bound_to(2, {.prior = 1.0})),
                    "BayesianLinear: prior of the other is 1, must be the same to merge: 100");
  CHECK_THROWS_AS(model.merge(testing::bound_to(3)), SchemaError);
}

TEST_CASE("BayesianLinear's contributions sum to its prediction", "[learn]") {
  BayesianLinear model = testing::bound_to(3);
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = 3, .sparse = 2, .missing = 0.2}, 13, 300);
  std::array<float, 3> dense{};
  std::array<float, 2> sparse{};
  for (const auto& example : stream) {
    const float intercept = model.contributions(example.x, dense, sparse);
    CHECK(intercept + dense[0] + dense[1] + dense[2] == Approx(model.predict(example.x)).margin(1e-5));
    for (std::size_t j = 0; j < 3; ++j)
      if (is_nan(example.x.dense()[j])) CHECK(dense[j] == 0.0F);
    CHECK((sparse[0] == 0.0F && sparse[1] == 0.0F));
    model.learn(example.x, example.y);
  }
}

TEST_CASE("BayesianLinear knows nothing before it saw two examples, and all of a constant", "[learn]") {
  BayesianLinear model = testing::bound_to(1);
  const std::vector<float> x = {1.0F};
  CHECK(model.predict({x, {}}) == 0.0F);
  CHECK(model.predict_distribution({x, {}}).freedom == 0.0);
  CHECK(!is_finite(model.predict_distribution({x, {}}).scale));
  for (int i = 0; i < 10; ++i) {
    model.learn({x, {}}, 7.0F);
    const auto predictive = model.predict_distribution({x, {}});
    CHECK(predictive.mean == 7.0);
    CHECK(predictive.freedom == static_cast<double>(i));
    CHECK(is_finite(predictive.scale) == (i >= 1));
    CHECK(is_finite(predictive.variance()) == (i >= 3));
  }
  CHECK(model.predict_distribution({x, {}}).scale == 0.0);
}

TEST_CASE("BayesianLinear names the option or column that it cannot take", "[learn][config]") {
  CHECK_THROWS_WITH(BayesianLinear({.prior = 0.0}), "BayesianLinear: prior is 0, must be in [1e-6, 1e9]");
  CHECK_THROWS_WITH(BayesianLinear({.forgetting = 0.0}), "BayesianLinear: forgetting is 0, must be in (0, 1]");
  CHECK_THROWS_AS(BayesianLinear({.forgetting = std::numeric_limits<double>::quiet_NaN()}), ConfigError);
  BayesianLinear model;
  CHECK_THROWS_WITH(model.bind(Schema({{.name = "a"}, {.name = "color", .kind = Column::Kind::nominal}})),
                    "BayesianLinear: column \"color\" is nominal, must be numeric or one_hot()");
  CHECK_THROWS_WITH(model.bind(Schema::numeric(2049)), "BayesianLinear: number of dense columns is 2049, must be <= 2048");
}

TEST_CASE("BayesianLinear refuses an archive of what no model can be", "[learn][archive]") {
  BayesianLinear model = testing::bound_to(2);
  testing::NormalRows rows{.rng = Rng(14), .columns = 2};
  for (int i = 0; i < 50; ++i) {
    rows.next();
    model.learn({rows.x, {}}, rows.y);
  }
  const auto intact = save(model);
  const auto refused = [&](double was, double becomes) {
    std::array<std::byte, sizeof(double)> from{};
    std::array<std::byte, sizeof(double)> to{};
    std::memcpy(from.data(), &was, sizeof(was));
    std::memcpy(to.data(), &becomes, sizeof(becomes));
    auto damaged = intact;
    const auto at = std::search(damaged.begin(), damaged.end(), from.begin(), from.end());
    REQUIRE(at != damaged.end());
    std::copy(to.begin(), to.end(), at);
    BayesianLinear other;
    CHECK_THROWS_AS(load(other, damaged), FormatError);
  };
  const double unit = std::sqrt(model.prior_precision(0) * 100.0);
  refused(unit, 2.0 * unit);
  refused(unit, -unit);
  refused(100.0, 0.0);   // prior
  refused(1.0, 2.0);     // forgetting
  refused(50.0, -50.0);  // weight seen
  // The variances of the weights are the only doubles behind the covariance's tag: each must be positive.
  const std::string tag = "UdCovariance";
  auto damaged = intact;
  const auto at = std::search(damaged.begin(), damaged.end(), tag.begin(), tag.end(),
                              [](std::byte byte, char c) { return byte == static_cast<std::byte>(c); });
  REQUIRE(at != damaged.end());
  const auto first = at + static_cast<std::ptrdiff_t>(tag.size() + sizeof(std::uint32_t) + sizeof(std::uint64_t));
  *(first + 7) ^= std::byte{0x80};
  BayesianLinear other;
  CHECK_THROWS_AS(load(other, damaged), FormatError);
}

TEST_CASE("BayesianLinear keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(BayesianLinear());
  testing::check_learner(BayesianLinear({.prior = 1e-3, .forgetting = 0.97}), {.sparse = 0, .examples = 203});
  testing::check_learner(BayesianLinear({.prior = 1e9, .forgetting = 0.1}), {.dense = 2, .examples = 200, .archived = 20});
}
