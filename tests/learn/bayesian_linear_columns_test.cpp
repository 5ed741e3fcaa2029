// What BayesianLinear makes of columns: their scales and ranges, missing values, wrong readings.

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "batch_posterior.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/bayesian_linear.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

TEST_CASE("BayesianLinear stays right over collinear columns of every scale", "[learn][numerics][simulation]") {
  // Two columns are one up to 1e-6 of itself, another is the sum of two; scales from 1e-6 to 1e6, offsets a thousand times them.
  constexpr std::size_t d = 8;
  constexpr int n = 20'000;
  const std::array<double, d> scale = {1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1.0};
  BayesianLinear model = testing::bound_to(d);
  Rng rng(7);
  std::vector<float> x(d);
  std::array<double, d> sum{};
  std::vector<std::array<float, d + 1>> seen;
  for (int i = 0; i < n; ++i) {
    std::array<double, d> z{};
    for (double& value : z) value = rng.normal();
    z[4] = z[3] + 1e-6 * rng.normal();
    z[7] = z[5] + z[6];
    double label = 0.1 * rng.normal();
    for (std::size_t j = 0; j < d; ++j) {
      x[j] = static_cast<float>(scale[j] * (z[j] + (j < 3 ? 1000.0 : 0.0)));
      label += z[j];
    }
    seen.push_back({});
    for (std::size_t j = 0; j < d; ++j) {
      seen.back()[j] = x[j];
      sum[j] += static_cast<double>(x[j]);
    }
    seen.back()[d] = static_cast<float>(label);
    model.learn({x, {}}, static_cast<float>(label));
  }
  testing::BatchPosterior batch;  // about the means: its normal equations lose digits to offsets
  const auto centred = [&](const float* row) {
    std::vector<double> values(d);
    for (std::size_t j = 0; j < d; ++j) values[j] = static_cast<double>(row[j]) - sum[j] / n;
    return values;
  };
  for (const auto& row : seen) batch.add(centred(row.data()), static_cast<double>(row[d]), 1.0);
  batch.solve(testing::priors_of(model));
  for (std::size_t i = 0; i < 20; ++i) {
    const auto& row = seen[i];
    testing::require_same(model.predict_distribution({std::span(row.data(), d), {}}), batch.predict(centred(row.data())), 1e-7);
  }
  std::vector<float> apart(seen[0].begin(), seen[0].begin() + d);  // where only the prior knows: the two columns that were one differ
  apart[4] += 300.0F;
  testing::require_same(model.predict_distribution({apart, {}}), batch.predict(centred(apart.data())), 1e-5);
}

TEST_CASE("BayesianLinear does not mind in which order or unit examples come", "[learn][metamorphic]") {
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = 4, .missing = 0.0}, 8, 300);
  BayesianLinear forwards = testing::bound_to(4);
  BayesianLinear backwards = testing::bound_to(4);
  BayesianLinear in_other_units = testing::bound_to(4);
  const auto converted = [](const FeatureVector& x) {
    std::vector<float> other = x.dense();
    other[0] = other[0] * 1024.0F;
    other[1] = other[1] / 4096.0F;
    other[2] += 64.0F;
    return other;
  };
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& last = stream[stream.size() - 1 - i];
    forwards.learn(stream[i].x, stream[i].y, stream[i].weight);
    backwards.learn(last.x, last.y, last.weight);
    in_other_units.learn({converted(stream[i].x), {}}, stream[i].y, stream[i].weight);
  }
  for (std::size_t i = 0; i < 20; ++i) {
    const auto one = forwards.predict_distribution(stream[i].x);
    testing::require_same(backwards.predict_distribution(stream[i].x), one);
    testing::require_same(in_other_units.predict_distribution({converted(stream[i].x), {}}), one, 1e-5);  // 64 rounds the floats
  }
}

TEST_CASE("BayesianLinear takes a missing value for the mean so far", "[learn]") {
  constexpr std::size_t d = 3;
  const auto stream = testing::labelled_examples({.task = Task::regression, .dense = d, .missing = 0.3}, 10, 200);
  BayesianLinear model = testing::bound_to(d);
  testing::BatchPosterior batch;
  std::array<double, d> sum{};
  double total = 0.0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    auto [x, y, weight] = stream[i];
    std::vector<double> filled = testing::in_double(x.dense());
    for (std::size_t j = 0; j < d; ++j) {
      x.dense()[j] += 50.0F;  // 0 is nobody's mean
      filled[j] = is_nan(x.dense()[j]) ? sum[j] / total : static_cast<double>(x.dense()[j]);
      if (i == 0) REQUIRE(!is_nan(x.dense()[j]));
    }
    if (i >= 5) {
      batch.solve(testing::priors_of(model));
      testing::require_same(model.predict_distribution(x), batch.predict(filled));
    }
    model.learn(x, y, weight);
    batch.add(filled, static_cast<double>(y), static_cast<double>(weight));
    total += static_cast<double>(weight);
    for (std::size_t j = 0; j < d; ++j) sum[j] += static_cast<double>(weight) * filled[j];
  }
}

TEST_CASE("BayesianLinear loses nothing to a column that was always missing before", "[learn]") {
  BayesianLinear late = testing::bound_to(2);
  BayesianLinear alone = testing::bound_to(1);
  testing::NormalRows rows{.rng = Rng(11), .columns = 1};
  for (int i = 0; i < 200; ++i) {
    rows.next();
    const std::vector<float> wide = {rows.x[0], testing::missing_value};
    late.learn({wide, {}}, rows.y);
    alone.learn({rows.x, {}}, rows.y);
  }
  const std::vector<float> wide = {1.0F, 1e6F};
  const std::vector<float> narrow = {1.0F};
  CHECK(late.predict({wide, {}}) == alone.predict({narrow, {}}));
  testing::require_same(late.predict_distribution({wide, {}}), alone.predict_distribution({narrow, {}}));
  const float y = 4.0F;
  late.learn({wide, {}}, y);
  alone.learn({narrow, {}}, y);
  testing::require_same(late.predict_distribution({wide, {}}), alone.predict_distribution({narrow, {}}));
  const std::vector<float> other = {1.0F, 1e6F + 1000.0F};  // what never varied may matter as much as the prior says
  CHECK(late.predict_distribution({other, {}}).scale > 5.0 * alone.predict_distribution({narrow, {}}).scale);
}

TEST_CASE("BayesianLinear stays right when ranges grow by 1e30", "[learn][numerics]") {
  // The prior then makes the old weights nothing; had they been subtracted, their rounding would stay as weights of 1e13.
  const auto seed = GENERATE(range(1u, 60u));
  CAPTURE(seed);
  BayesianLinear model = testing::bound_to(3);
  testing::BatchPosterior batch;
  Rng rng(seed);
  const auto learn = [&](std::vector<float> x, float y) {
    model.learn({x, {}}, y);
    batch.add(testing::in_double(x), static_cast<double>(y), 1.0);
  };
  for (int i = 0; i < 20; ++i) {
    const double a = rng.normal();
    const double b = rng.normal();
    const double c = rng.normal();
    learn({static_cast<float>(1e-20 * a), static_cast<float>(1e-20 * (a + b)), static_cast<float>(b - a + c)},
          static_cast<float>(a + b + c));
  }
  learn({1e10F, -3e10F, 0.0F}, 3.0F);
  learn({-2e10F, 1e10F, 1.0F}, -2.0F);
  batch.solve(testing::priors_of(model));
  for (const std::vector<float>& x : {std::vector<float>{1e10F, 0.0F, 1.0F}, {0.0F, 1e10F, 0.0F}, {-2e10F, -1e10F, -1.0F}})
    testing::require_same(model.predict_distribution({x, {}}), batch.predict(testing::in_double(x)));
}

TEST_CASE("BayesianLinear takes a wrong reading for one at ten deviations", "[learn]") {
  const double forgetting = GENERATE(1.0, 0.99);
  BayesianLinear model = testing::bound_to(2, {.forgetting = forgetting});
  BayesianLinear spared = model;
  testing::NormalRows rows{.rng = Rng(15), .columns = 2, .noise = 0.1};
  double weight = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 200; ++i) {
    rows.next();
    const auto x = static_cast<double>(rows.x[0]);
    weight = weight * forgetting + 2.0;
    sum = sum * forgetting + 2.0 * x;
    squares = squares * forgetting + 2.0 * x * x;
    model.learn({rows.x, {}}, rows.y, 2.0F);
    spared.learn({rows.x, {}}, rows.y, 2.0F);
  }
  const double mean = sum / weight;
  const double reach = 10.0 * std::sqrt(squares / weight - mean * mean);
  const std::vector<float> wrong = {-1e12F, 0.5F};
  const std::vector<float> edge = {static_cast<float>(mean - reach), 0.5F};
  CHECK(model.predict({wrong, {}}) == Approx(model.predict({edge, {}})).epsilon(1e-6));
  CHECK(model.predict_distribution({wrong, {}}).scale == Approx(model.predict_distribution({edge, {}}).scale).epsilon(1e-6));
  model.learn({wrong, {}}, 2.0F);
  spared.learn({edge, {}}, 2.0F);
  for (int i = 0; i < 50; ++i) {
    rows.next();
    CHECK(model.predict({rows.x, {}}) == Approx(spared.predict({rows.x, {}})).epsilon(1e-5).margin(1e-5));
  }
}

TEST_CASE("BayesianLinear that forgets keeps a column that stays away for long", "[learn]") {
  BayesianLinear model = testing::bound_to(2, {.forgetting = 0.5});
  testing::NormalRows rows{.rng = Rng(17), .columns = 2, .noise = 0.1};
  for (int i = 0; i < 3000; ++i) {
    rows.next();
    if (i >= 50 && i < 2950) rows.x[1] = testing::missing_value;
    model.learn({rows.x, {}}, rows.y);
  }
  BayesianLinear restored;
  load(restored, save(model));
  const std::vector<float> wrong = {0.0F, 1e12F};
  CHECK(is_finite(restored.predict({wrong, {}})));
  CHECK(std::fabs(restored.predict({wrong, {}})) < 60.0F);
}

TEST_CASE("BayesianLinear leaves a rare indicator as it is", "[learn]") {
  const float yes = GENERATE(1.0F, -1.0F);  // 30 deviations from the mean, and inside the range
  const float no = 0.0F;
  BayesianLinear model = testing::bound_to(1);
  Rng rng(16);
  for (int i = 0; i < 20000; ++i) {
    const bool is = i % 1000 == 999;
    const float& x = is ? yes : no;
    model.learn({std::span(&x, 1), {}}, static_cast<float>((is ? 5.0 : 0.0) + 0.1 * rng.normal()));
  }
  CHECK(model.predict({std::span(&yes, 1), {}}) == Approx(5.0F).margin(0.1));
  const float beyond = 2.0F * yes;
  CHECK(model.predict({std::span(&beyond, 1), {}}) == model.predict({std::span(&yes, 1), {}}));
}
