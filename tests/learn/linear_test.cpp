#include "rtml/learn/linear.hpp"
#include "rtml/learn/optimizers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "learn/plain_linear.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;
using testing::OwnedExample;
using testing::PlainLinear;

static_assert(ScalarLearner<LogisticRegression> && Explainable<LogisticRegression> && Checkpointable<LogisticRegression>);
static_assert(ScalarLearner<Linear<Poisson, FtrlProximal>>);

namespace {

constexpr std::size_t columns = 4;
constexpr unsigned few_bits = 5;  // fewer weights than words: collisions and repeats happen

Schema linear_schema() {
  std::vector<Column> all;
  for (std::size_t j = 0; j < columns; ++j) all.push_back({.name = "x" + to_text(j)});
  all.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(all);
}

template <class Loss>
std::vector<OwnedExample> linear_stream(std::uint64_t seed, std::size_t n) {
  auto examples =
      testing::labelled_examples({.task = Loss::task, .dense = columns, .sparse = 3, .counts = std::same_as<Loss, Poisson>}, seed, n);
  for (OwnedExample& example : examples) example.x.dense()[2] *= 100.0F;  // a column in another unit
  return examples;
}

template <class Loss>
float margin_of(float prediction) {
  if constexpr (std::same_as<Loss, Logistic>) {
    return std::log(prediction / (1.0F - prediction));
  } else if constexpr (std::same_as<Loss, Poisson>) {
    return std::log(prediction);
  } else {
    return prediction;
  }
}

/// Largest difference of margins from the plain model's over a stream, against the size of both.
template <class Loss, class Optimizer>
double largest_difference(std::uint64_t seed, float l1, float l2, const Optimizer& optimizer) {
  Linear<Loss, Optimizer> model({.optimizer = optimizer, .bits = few_bits, .l1 = l1, .l2 = l2});
  model.bind(linear_schema());
  PlainLinear<Loss, Optimizer> plain(columns, few_bits, Loss{}, optimizer, static_cast<double>(l1), static_cast<double>(l2));
  double largest = 0.0;
  for (const OwnedExample& example : linear_stream<Loss>(seed, 600)) {
    const double truth = plain.margin(example.x);
    const double margin = static_cast<double>(margin_of<Loss>(model.learn(example.x, example.y, example.weight)));
    if (std::abs(truth) < 8.0) largest = std::max(largest, std::abs(margin - truth) / (1.0 + std::abs(truth)));
    plain.learn(example.x, static_cast<double>(example.y), static_cast<double>(example.weight));
  }
  return largest;
}

template <class Loss, class Optimizer>
void check_against_plain(const Optimizer& optimizer) {
  // Where a loss has a kink, rounding decides on which side a margin falls that lies on it: the two then part by one step.
  const double tolerance = std::same_as<Loss, Hinge> || std::same_as<Loss, Quantile> ? 5e-3 : 1e-3;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed, Loss::name, Optimizer::name);
    CHECK(largest_difference<Loss>(seed, 0.0F, 0.0F, optimizer) < tolerance);
    if constexpr (!requires { Optimizer::unpenalised; }) CHECK(largest_difference<Loss>(seed, 0.002F, 0.01F, optimizer) < tolerance);
  }
}

template <class Optimizer>
void check_every_loss_against_plain(const Optimizer& optimizer) {
  const auto check = [&]<class Loss>(Loss) {
    if constexpr (detail::Suits<Loss, Optimizer>) check_against_plain<Loss>(optimizer);
  };
  check(Squared{});
  check(Logistic{});
  check(Hinge{});
  check(Quantile{});
  check(Poisson{});
  check(Huber{});
  check(Expectile{});
}

template <class Optimizer>
double log_loss(const std::vector<OwnedExample>& examples, const std::vector<float>& scale) {
  Linear<Logistic, Optimizer> model;
  model.bind(Schema::numeric(scale.size()));
  double sum = 0.0;
  for (const OwnedExample& example : examples) {
    FeatureVector x = example.x;
    for (std::size_t j = 0; j < scale.size(); ++j) x.dense()[j] *= scale[j];
    const double p = static_cast<double>(model.learn(x, example.y));
    sum -= std::log(example.y > 0.5F ? p : 1.0 - p);
  }
  return sum / static_cast<double>(examples.size());
}

}  // namespace

TEMPLATE_TEST_CASE("Linear is its plain double-precision form, penalties worked in at once, under every loss", "[learn][reference]",
                   MultiRate, Sgd, AdaGrad, FtrlProximal, Nag, Adam, CoinBetting, PassiveAggressive) {
  check_every_loss_against_plain(TestType{});
}

TEST_CASE("a rate that falls with the weight of examples is its plain form, and penalties fall with it", "[learn][reference]") {
  check_every_loss_against_plain(Sgd({.rate = 0.3F, .power = 0.5F, .horizon = 10.0F}));
  check_every_loss_against_plain(Sgd({.rate = 0.3F, .power = 1.0F, .horizon = 100.0F}));
}

TEST_CASE("passive-aggressive steps under squared slack are their plain form", "[learn][reference]") {
  check_every_loss_against_plain(PassiveAggressive({.slack = PassiveAggressive::Slack::squared}));
}

TEST_CASE("LinearRegression comes near the least squares solution of a linear stream", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 6u));
  constexpr std::size_t n = 20000;
  Rng rng(seed);
  Eigen::MatrixXd a(n, columns + 1);
  Eigen::VectorXd b(n);
  LinearRegression model;
  model.bind(Schema::numeric(columns));
  const double offset = 1000.0;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<float> x(columns);
    for (float& value : x) value = static_cast<float>(rng.normal());
    const double y = offset + 30.0 * static_cast<double>(x[0]) - 20.0 * static_cast<double>(x[1]) + 10.0 * static_cast<double>(x[2]) +
                     5.0 * rng.normal();
    const auto row = static_cast<Eigen::Index>(i);
    for (std::size_t j = 0; j < columns; ++j) a(row, static_cast<Eigen::Index>(j)) = static_cast<double>(x[j]);
    a(row, columns) = 1.0;
    b(row) = y;
    model.learn({x, {}}, static_cast<float>(y));
  }
  const Eigen::VectorXd w = (a.transpose() * a).ldlt().solve(a.transpose() * b);
  const std::vector<float> ones(columns, 1.0F);
  std::vector<float> dense(columns);
  const float intercept = model.contributions({ones, {}}, dense, {});
  CAPTURE(seed);
  for (std::size_t j = 0; j < columns; ++j)
    // Noise of sd 5, labels of sd 37; a column's scale, the mean square of its last 1000 values, sways by 2 %, and its weight with it.
    CHECK(static_cast<double>(dense[j]) == Approx(w(static_cast<Eigen::Index>(j))).epsilon(0.06).margin(1.0));
  CHECK(static_cast<double>(intercept) == Approx(w(columns)).margin(1.0));
}

TEST_CASE("LogisticRegression separates what a plane separates", "[learn]") {
  const auto seed = GENERATE(range(1u, 6u));
  LogisticRegression model;
  model.bind(Schema::numeric(3));
  Rng rng(seed);
  int wrong = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const float side = 2.0F * x[0] - x[1] + 0.3F;
    const float p = model.learn({x, {}}, side > 0.0F ? 1.0F : 0.0F);
    wrong += static_cast<int>(i >= 2500 && (p > 0.5F) != (side > 0.0F));
  }
  CAPTURE(seed);
  CHECK(wrong < 75);  // of 2500
}

TEST_CASE("predictions do not depend on the unit of a dense column", "[learn][metamorphic]") {
  std::vector<OwnedExample> examples = testing::labelled_examples({.dense = 4}, 3, 3000);
  const double plain = log_loss<MultiRate>(examples, {1.0F, 1.0F, 1.0F, 1.0F});
  CHECK(log_loss<MultiRate>(examples, {1e-6F, 1e4F, 1e9F, 1e-3F}) == Approx(plain).margin(1e-4));
  const double rated = log_loss<AdaGrad>(examples, {1.0F, 1.0F, 1.0F, 1.0F});
  CHECK(log_loss<AdaGrad>(examples, {1e-6F, 1e4F, 1e9F, 1e-3F}) == Approx(rated).margin(1e-4));
}

TEST_CASE("regression does not depend on the unit of the label nor on where its zero is", "[learn][metamorphic]") {
  const auto examples = testing::labelled_examples({.task = Task::regression, .dense = 4}, 5, 2000);
  LinearRegression plain;
  LinearRegression moved;
  plain.bind(Schema::numeric(4));
  moved.bind(Schema::numeric(4));
  for (const OwnedExample& example : examples) {
    const float p = plain.learn(example.x, example.y);
    const float q = moved.learn(example.x, 1024.0F * example.y - 4096.0F);
    if (example.x == examples.front().x) continue;  // before anything is known both say 0
    REQUIRE(static_cast<double>(q) == Approx(1024.0 * static_cast<double>(p) - 4096.0).margin(0.5).epsilon(1e-3));
  }
}

TEST_CASE("a row of another planet does no harm to those that follow", "[learn]") {
  auto examples = testing::labelled_examples({.task = Task::regression, .dense = 3, .missing = 0.0}, 8, 4000);
  const auto error = [&](bool spoiled) {
    LinearRegression model;
    model.bind(Schema::numeric(3));
    double sum = 0.0;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      OwnedExample example = examples[i];
      if (spoiled && i == 500) example.x.dense()[0] = 55027.0F;
      if (spoiled && i == 600) example.y = 1e6F;
      const double apart = static_cast<double>(model.learn(example.x, example.y)) - static_cast<double>(example.y);
      if (i > 700) sum += std::abs(apart);
    }
    return sum;
  };
  CHECK(error(true) < 1.2 * error(false));
}

TEST_CASE("a stream that changes its mind is followed", "[learn]") {
  LogisticRegression model;
  model.bind(Schema::numeric(2));
  Rng rng(4);
  int wrong = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const bool one = (x[0] > 0.0F) == (i < 2000);
    wrong += static_cast<int>(i >= 2200 && (model.learn({x, {}}, one ? 1.0F : 0.0F) > 0.5F) != one);
  }
  CHECK(wrong < 100);  // of 1800, from 200 rows after all signs turned
}

TEST_CASE("QuantileRegression finds the quantile", "[learn]") {
  for (const float tau : {0.1F, 0.5F, 0.9F}) {
    Linear<Quantile> model({.loss = Quantile(tau)});
    model.bind(Schema{});
    Rng rng(11);
    std::vector<double> labels;
    for (int i = 0; i < 30000; ++i) {
      labels.push_back(std::exp(rng.normal()));  // skewed
      model.learn({}, static_cast<float>(labels.back()));
    }
    int below = 0;
    for (const double y : labels) below += static_cast<int>(y < static_cast<double>(model.predict({})));
    CAPTURE(tau);
    CHECK(static_cast<double>(below) / 30000.0 == Approx(static_cast<double>(tau)).margin(0.03));
  }
}

TEST_CASE("Huber's mean hardly moves for outliers that drag the mean away", "[learn]") {
  Linear<Huber> robust;
  LinearRegression mean;
  robust.bind(Schema::numeric(1));
  mean.bind(Schema::numeric(1));
  Rng rng(3);
  const std::array<float, 1> x{1.0F};
  for (int i = 0; i < 20000; ++i) {
    const float y = static_cast<float>(5.0 + rng.normal() + (i % 20 == 0 ? 40.0 : 0.0));
    robust.learn({x, {}}, y);
    mean.learn({x, {}}, y);
  }
  CHECK(mean.predict({x, {}}) == Approx(7.0).margin(0.7));
  CHECK(robust.predict({x, {}}) < 6.3F);
  CHECK(robust.predict({x, {}}) > 4.8F);
}

TEST_CASE("an expectile is where the squared distances above and below balance", "[learn][reference]") {
  // Of the uniform distribution on [0, 1]: tau (1 - e)^2 = (1 - tau) e^2, so e = 1 / (1 + sqrt((1 - tau) / tau)).
  for (const float tau : {0.1F, 0.5F, 0.9F}) {
    Linear<Expectile> model({.loss = Expectile(tau)});
    model.bind(Schema::numeric(0));
    Rng rng(4);
    double mean = 0.0;
    for (int i = 0; i < 40000; ++i) {
      if (i >= 20000) mean += static_cast<double>(model.predict({})) / 20000.0;
      model.learn({}, static_cast<float>(rng.uniform()));
    }
    const double t = static_cast<double>(tau);
    CHECK(mean == Approx(1.0 / (1.0 + std::sqrt((1.0 - t) / t))).margin(0.02));
  }
}

TEST_CASE("PoissonRegression predicts the mean of counts, group by group", "[learn]") {
  PoissonRegression model;
  model.bind(Schema::numeric(1));
  Rng rng(12);
  const auto count = [&](double mean) {  // Knuth: multiply uniforms until they fall below e^-mean
    int k = -1;
    for (double product = 1.0; product > std::exp(-mean); ++k) product *= rng.uniform();
    return static_cast<float>(k);
  };
  double sum[2] = {};
  for (int i = 0; i < 40000; ++i) {
    const std::vector<float> x = {i % 2 == 0 ? 0.0F : 1.0F};
    const float p = model.learn({x, {}}, count(i % 2 == 0 ? 2.0 : 7.0));
    if (i >= 20000) sum[i % 2] += static_cast<double>(p);
  }
  CHECK(sum[0] / 10000.0 == Approx(2.0).epsilon(0.05));
  CHECK(sum[1] / 10000.0 == Approx(7.0).epsilon(0.05));
}

TEST_CASE("under AdaGrad, weight 2 is nearer to the example twice than to the example once", "[learn][metamorphic]") {
  Linear<Logistic, AdaGrad> heavy({.bits = 8});
  auto twice = heavy;
  auto once = heavy;
  for (auto* model : {&heavy, &twice, &once}) model->bind(linear_schema());
  float from_twice = 0.0F;
  float from_once = 0.0F;
  for (const OwnedExample& example : linear_stream<Logistic>(7, 300)) {
    const float p = heavy.learn(example.x, example.y, 2.0F);
    from_twice += std::fabs(p - twice.learn(example.x, example.y));
    twice.learn(example.x, example.y);
    from_once += std::fabs(p - once.learn(example.x, example.y));
  }
  CHECK(from_twice < 0.3F * from_once);
}

TEST_CASE("FTRL with L1 leaves weights that are exactly zero", "[learn]") {
  const auto used = [](float l1) {
    Linear<Logistic, FtrlProximal> model({.bits = 10, .l1 = l1});
    model.bind(linear_schema());
    const auto stream = linear_stream<Logistic>(9, 3000);
    std::set<std::uint32_t> kept;
    for (const OwnedExample& example : stream) model.learn(example.x, example.y);
    for (const OwnedExample& example : stream) {
      std::vector<float> dense(columns);
      std::vector<float> sparse(example.x.sparse().size());
      model.contributions(example.x, dense, sparse);
      for (std::size_t i = 0; i < sparse.size(); ++i)
        if (sparse[i] != 0.0F) kept.insert(example.x.sparse()[i].index % 1024);
    }
    return kept.size();
  };
  CHECK(used(0.0F) > 50);
  CHECK(used(5.0F) < used(0.0F) / 2);
  CHECK(used(1000.0F) == 0);
}

TEST_CASE("repeated hashed indices are one feature of the sum", "[learn][metamorphic]") {
  LogisticRegression apart({.bits = 10});
  LogisticRegression summed({.bits = 10});
  apart.bind(linear_schema());
  summed.bind(linear_schema());
  const std::vector<float> x(columns, 0.5F);
  Rng rng(2);
  for (int i = 0; i < 500; ++i) {
    const float y = rng.uniform() < 0.3 ? 1.0F : 0.0F;
    const auto a = static_cast<std::uint32_t>(rng.below(20));
    const std::vector<SparseFeature> three = {{a, 1.0F}, {a + 1024, 0.5F}, {a + 40, 1.0F}};  // 1024 collides under 10 bits
    const std::vector<SparseFeature> two = {{a, 1.5F}, {a + 40, 1.0F}};
    const std::vector<SparseFeature> many(1000, {a, 0.0015F});
    REQUIRE(apart.predict({x, three}) == Approx(summed.predict({x, two})).margin(1e-4));
    apart.learn({x, three}, y);
    summed.learn({x, two}, y);
    REQUIRE(apart.predict({x, many}) == Approx(apart.predict({x, {{{a, 1.5F}}}})).margin(1e-4));
  }
}

TEST_CASE("a missing value contributes nothing, as a zero does", "[learn][metamorphic]") {
  LogisticRegression missing;
  LogisticRegression zero;
  missing.bind(Schema::numeric(2));
  zero.bind(Schema::numeric(2));
  Rng rng(3);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 500; ++i) {
    const auto x = static_cast<float>(rng.normal());
    const bool gone = rng.uniform() < 0.5;
    const std::vector<float> a = {x, gone ? nan : x * x};
    const std::vector<float> b = {x, gone ? 0.0F : x * x};
    const float y = x > 0.2F ? 1.0F : 0.0F;
    REQUIRE(missing.learn({a, {}}, y) == zero.learn({b, {}}, y));
  }
}

TEST_CASE("A value far outside its column counts for seven times the column's scale, whatever it is", "[learn]") {
  LogisticRegression model;
  model.bind(Schema::numeric(1));
  Rng rng(5);
  std::array<float, 1> x{};
  for (int i = 0; i < 5000; ++i) {
    x[0] = rng.below(2) == 0 ? 100.0F : -100.0F;  // a scale of 100
    model.learn({x, {}}, rng.uniform() < 0.6 ? static_cast<float>(x[0] > 0.0F) : static_cast<float>(x[0] < 0.0F));
  }
  const auto contribution = [&](float value) {
    std::array<float, 1> dense{};
    model.contributions({std::array{value}, {}}, dense, {});
    return dense[0];
  };
  const auto predicted = [&](float value) { return model.predict({std::array{value}, {}}); };
  const float bound = contribution(700.0F);
  CHECK(bound == Approx(7.0F * contribution(100.0F)));
  for (const float outside : {701.0F, 1e6F, 1e15F, std::numeric_limits<float>::infinity()}) {
    CHECK(contribution(outside) == Approx(bound).epsilon(1e-4));
    CHECK(contribution(-outside) == Approx(-bound).epsilon(1e-4));
    CHECK(predicted(outside) == Approx(predicted(700.0F)).epsilon(1e-4));
  }
}

TEST_CASE("Hashed features of any unit are learned as dense columns are", "[learn][property]") {
  constexpr std::size_t n = 6;
  const std::array<float, n> units = {1.0F, 1e-6F, 1e9F, 30.0F, 1e-3F, 1e5F};
  LogisticRegression dense;
  LogisticRegression hashed({.bits = 10});
  dense.bind(Schema::numeric(n));
  hashed.bind(Schema({{.name = "words", .kind = Column::Kind::hashed}}));
  Rng rng(3);
  for (int i = 0; i < 3000; ++i) {
    std::array<float, n> x{};
    std::array<SparseFeature, n> sparse{};
    for (std::uint32_t j = 0; j < n; ++j) {
      x[j] = units[j] * static_cast<float>(rng.normal());
      sparse[j] = {j, x[j]};
    }
    const float y = x[0] + x[1] * 1e6F + x[2] * 1e-9F > 0.0F ? 1.0F : 0.0F;
    CAPTURE(i);
    REQUIRE(hashed.predict({{}, sparse}) == Approx(dense.predict({x, {}})).margin(1e-4));
    hashed.learn({{}, sparse}, y);
    dense.learn({x, {}}, y);
  }
  std::array<float, 1> contribution{};
  const auto of = [&](float value) {
    const std::array<SparseFeature, 1> feature = {{{1, value}}};
    hashed.contributions({{}, feature}, {}, contribution);
    return contribution[0];
  };
  CHECK(of(1e6F) == of(1.0F));  // far outside
  CHECK(of(1e-6F) < 0.2F * of(1.0F));
}

TEST_CASE("Scales of hashed features are there again after a load", "[learn][archive]") {
  const auto bound = [] {
    LogisticRegression model({.bits = 12});
    model.bind(Schema({{.name = "words", .kind = Column::Kind::hashed}}));
    return model;
  };
  auto model = bound();
  const auto row = [](float value) { return std::array<SparseFeature, 2>{{{4, value}, {7, 1.0F}}}; };
  Rng rng(8);
  for (int i = 0; i < 500; ++i) {
    const float value = 30.0F * static_cast<float>(rng.normal());
    model.learn({{}, row(value)}, value > 0.0F ? 1.0F : 0.0F);
  }
  auto loaded = bound();
  load(loaded, save(model));
  std::array<float, 2> before{};
  std::array<float, 2> after{};
  model.contributions({{}, row(1e6F)}, {}, before);
  loaded.contributions({{}, row(1e6F)}, {}, after);
  CHECK(after == before);         // cut
  for (int i = 0; i < 20; ++i) {  // ones only, which are counted now
    model.learn({{}, row(1.0F)}, 1.0F);
    loaded.learn({{}, row(1.0F)}, 1.0F);
  }
  CHECK(save(loaded) == save(model));
}

TEST_CASE("Categories need no scales; the first other value makes room for them", "[learn]") {
  LogisticRegression model({.bits = 12});
  model.bind(Schema({{.name = "words", .kind = Column::Kind::hashed}}));
  const std::size_t before = model.memory_bytes();
  const auto learn = [&](std::uint32_t index, float value) {
    const std::array<SparseFeature, 2> sparse = {{{index, value}, {7, 1.0F}}};
    model.learn({{}, sparse}, static_cast<float>(index % 2));
  };
  for (std::uint32_t i = 0; i < 200; ++i) learn(i % 10, i % 3 == 0 ? -1.0F : 1.0F);
  CHECK(model.memory_bytes() == before);
  const std::array<SparseFeature, 1> known = {{{3, 1.0F}}};
  const float predicted = model.predict({{}, known});
  learn(4, 250.0F);
  CHECK(model.memory_bytes() == before + 8 * 4096);
  CHECK(model.predict({{}, known}) == Approx(predicted).margin(0.05));  // what was learned of ones stays
}

TEST_CASE("contributions and intercept sum to the margin", "[learn]") {
  LogisticRegression model({.bits = 8, .l1 = 1e-4F, .l2 = 1e-4F});
  const Schema base = linear_schema();
  std::vector<Column> named(base.columns().begin(), base.columns().end());
  named.push_back({.name = "color", .kind = Column::Kind::nominal});
  model.bind(Schema(named));
  auto stream = linear_stream<Logistic>(10, 300);
  for (std::size_t i = 0; i < stream.size(); ++i) {
    stream[i].x.dense().push_back(static_cast<float>(i % 5));
    std::vector<float> dense(columns + 1);
    std::vector<float> sparse(stream[i].x.sparse().size());
    float margin = model.contributions(stream[i].x, dense, sparse);
    for (const float part : dense) margin += part;
    for (const float part : sparse) margin += part;
    if (std::fabs(margin) < 10.0F) REQUIRE(model.predict(stream[i].x) == Approx(math::sigmoid(margin)).margin(1e-4));
    model.learn(stream[i].x, stream[i].y);
  }
}

TEST_CASE("a nominal column is learned code by code, not as a number", "[learn]") {
  LogisticRegression model;
  model.bind(Schema({{.name = "color", .kind = Column::Kind::nominal, .categories = 6}}));
  Rng rng(5);
  int wrong = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.below(6))};
    const bool one = static_cast<int>(x[0]) % 2 == 1;  // no line through the codes tells odd from even
    wrong += static_cast<int>(i >= 500 && (model.learn({x, {}}, one ? 1.0F : 0.0F) > 0.5F) != one);
  }
  CHECK(wrong < 25);  // of 2500; a coin would give 1250
}

TEST_CASE("a label outside the loss's domain is refused and counted", "[learn][refusal]") {
  const auto refused = [](auto model, float y) {
    model.bind(Schema{});
    model.learn({}, 1.0F);
    const float before = model.predict({});
    model.learn({}, y);
    CHECK(model.predict({}) == before);
    return model.refused();
  };
  CHECK(refused(LogisticRegression(), 0.5F) == 1);
  CHECK(refused(LogisticRegression(), -1.0F) == 1);
  CHECK(refused(LinearSvm(), 2.0F) == 1);
  CHECK(refused(PoissonRegression(), -1.0F) == 1);
}

TEST_CASE("hinge predicts a margin that is decided at 0, the others at one half", "[learn]") {
  CHECK(LinearSvm().threshold() == 0.0F);
  CHECK(LogisticRegression().threshold() == 0.5F);
  LinearSvm model;
  model.bind(Schema::numeric(1));
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> x = {i % 2 == 0 ? 1.0F : -1.0F};
    model.learn({x, {}}, i % 2 == 0 ? 1.0F : 0.0F);
  }
  const std::vector<float> one = {1.0F};
  CHECK(model.predict({one, {}}) > 0.9F);
}

TEST_CASE("before anything was learned a prediction is the loss's middle, and then the first label", "[learn]") {
  LogisticRegression logistic;
  CHECK(logistic.predict({}) == 0.5F);
  LinearRegression linear;
  linear.bind(Schema::numeric(1));
  const std::vector<float> x = {3.0F};
  CHECK(linear.predict({x, {}}) == 0.0F);
  linear.learn({x, {}}, 42.0F);
  CHECK(linear.predict({x, {}}) == 42.0F);
  linear.learn({x, {}}, 42.0F);
  CHECK(linear.predict({x, {}}) == 42.0F);
}

TEST_CASE("Linear names the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(LogisticRegression({.bits = 31}), "Linear: bits is 31, must be in [1, 30]");
  CHECK_THROWS_WITH(LogisticRegression({.l1 = -1.0F}), "Linear: l1 is -1, must be in [0, 1000]");
  CHECK_THROWS_WITH(LogisticRegression({.l2 = -1.0F}), "Linear: l2 is -1, must be in [0, 1000]");
  CHECK_THROWS_WITH(Quantile(1.0F), "Quantile: tau is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(AdaGrad({.beta = 0.0F}), "AdaGrad: beta is 0, must be in (0, 1e6]");
  CHECK_THROWS_WITH(FtrlProximal({.alpha = -1.0F}), "FtrlProximal: alpha is -1, must be in (0, 1e6]");
  CHECK_THROWS_WITH(MultiRate({.mixing = 0.0F}), "MultiRate: mixing is 0, must be in (0, 1e3]");
  CHECK_THROWS_AS(MultiRate({.bold = std::numeric_limits<float>::quiet_NaN()}), ConfigError);
}

TEST_CASE("Linear refuses a schema that lost a column, and an archive of another size", "[learn]") {
  LogisticRegression model({.bits = 4});
  model.bind(linear_schema());
  CHECK_THROWS_WITH(model.bind(Schema::numeric(3)), "logistic learned from other features: column \"x3\" is missing");
  CHECK(model.fingerprint() == linear_schema().fingerprint());
  LogisticRegression other({.bits = 5});
  CHECK_THROWS_AS(load(other, save(model)), FormatError);
  Linear<Logistic, Sgd> another({.bits = 4});
  CHECK_THROWS_AS(load(another, save(model)), FormatError);
}
