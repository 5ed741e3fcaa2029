#include "rtml/drift/mmd.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::mmd;
using rtml::drift::MmdEstimator;
using rtml::drift::MmdOptions;
using rtml::testing::gaussian;

TEST_CASE("mmd is the reference's in one, two and five columns, by the median distance of pooled rows", "[drift][reference]") {
  for (const auto& pair : rtml::testing::mmd_references()) {
    CAPTURE(pair.name);
    MmdOptions options{.columns = pair.columns};
    CHECK(mmd(pair.reference, pair.current, options).statistic == Approx(pair.unbiased).epsilon(1e-12).margin(1e-12));
    CHECK(mmd(pair.current, pair.reference, options).statistic == Approx(pair.unbiased).epsilon(1e-12).margin(1e-12));
    options.bandwidth = pair.sigma;
    CHECK(mmd(pair.reference, pair.current, options).statistic == Approx(pair.unbiased).epsilon(1e-12).margin(1e-12));
    options.estimator = MmdEstimator::biased;
    CHECK(mmd(pair.reference, pair.current, options).statistic == Approx(pair.biased).epsilon(1e-12).margin(1e-12));
    CHECK(mmd(pair.reference, pair.current, options).effect == Approx(std::sqrt(std::max(0.0, pair.unbiased))).epsilon(1e-10));
  }
}

TEST_CASE("mmd keeps its level when nothing drifts, by each estimator and whichever sample is the smaller",
          "[drift][property][simulation]") {
  int unbiased = 0;
  int biased = 0;
  int linear = 0;
  const int runs = 400;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(11'000 + seed, 4 * 60);
    const std::size_t cut = seed % 2 == 0 ? 2 * 25 : 2 * 35;
    const auto a = std::span(values).first(cut);
    const auto b = std::span(values).subspan(cut, 120 - cut);
    unbiased += mmd(a, b, {.columns = 2, .permutations = {99, seed}}).p_value <= 0.05 ? 1 : 0;
    biased += mmd(a, b, {.columns = 2, .estimator = MmdEstimator::biased, .permutations = {99, seed}}).p_value <= 0.05 ? 1 : 0;
    const auto first = std::span(values).first(120);
    const auto last = std::span(values).last(120);
    linear += mmd(first, last, {.estimator = MmdEstimator::linear}).p_value <= 0.05 ? 1 : 0;
  }
  for (const int alarms : {unbiased, biased, linear}) {
    CHECK(alarms >= 7);
    CHECK(alarms <= 36);
  }
}

TEST_CASE("mmd sees a dependence between columns that no column shows", "[drift][property]") {
  std::vector<double> independent;
  std::vector<double> dependent;
  rtml::Rng rng(5);
  for (int i = 0; i < 200; ++i) {
    independent.insert(independent.end(), {rng.normal(), rng.normal()});
    const double u = rng.normal();
    dependent.insert(dependent.end(), {u, 0.9 * u + std::sqrt(1.0 - 0.81) * rng.normal()});
  }
  const auto result = mmd(independent, dependent, {.columns = 2});
  CHECK(result.p_value == 1.0 / 200.0);  // never 0
  CHECK(result.effect > 0.1);
  CHECK(mmd(independent, dependent, {.columns = 2, .permutations = {0, 1}}).statistic == result.statistic);
  CHECK(rtml::is_nan(mmd(independent, dependent, {.columns = 2, .permutations = {0, 1}}).p_value));
}

TEST_CASE("mmd in linear time is near the one of all pairs on large samples, and finds a shift", "[drift][property][simulation]") {
  const auto a = gaussian(1, 4000);
  auto b = gaussian(2, 4000);
  for (double& value : b) value += 0.6;
  const auto linear = mmd(a, b, {.estimator = MmdEstimator::linear});
  const auto all = mmd(a, b, {.permutations = {0, 1}});
  CHECK(linear.statistic == Approx(all.statistic).margin(0.05));
  CHECK(linear.p_value < 1e-3);
  CHECK(mmd(std::vector<double>(20, 1.0), std::vector<double>(20, 2.0), {.estimator = MmdEstimator::linear}).p_value == std::exp2(-10.0));
}

TEST_CASE("mmd in linear time is the mean over pairs of neighbours, and its p-value that of its standard error", "[drift]") {
  const auto x = gaussian(3, 12);
  const auto y = gaussian(4, 15);  // the last three have no partner
  const auto kernel = [](double u, double v) { return std::exp(-0.5 * (u - v) * (u - v) / (0.7 * 0.7)); };
  std::vector<double> h;
  double mean = 0.0;
  for (std::size_t i = 0; i < 12; i += 2) {
    h.push_back(kernel(x[i], x[i + 1]) + kernel(y[i], y[i + 1]) - kernel(x[i], y[i + 1]) - kernel(x[i + 1], y[i]));
    mean += h.back() / 6.0;
  }
  double squares = 0.0;
  for (const double one : h) squares += (one - mean) * (one - mean);
  const auto result = mmd(x, y, {.estimator = MmdEstimator::linear, .bandwidth = 0.7});
  CHECK(result.statistic == Approx(mean).epsilon(1e-12));
  CHECK(result.p_value == Approx(0.5 * std::erfc(mean / std::sqrt(squares / 5.0 / 6.0) / std::sqrt(2.0))).epsilon(1e-10));
}

TEST_CASE("mmd is whole where distances are 0: more than half of the values are one", "[drift]") {
  const std::vector<double> a{1.0, 1.0, 1.0, 1.0, 1.0, 2.0};
  const std::vector<double> b{1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const auto result = mmd(a, b);
  CHECK(rtml::is_finite(result.statistic));
  CHECK(result.p_value > 0.5);
  CHECK(mmd(b, b).statistic == 0.0);
  CHECK(mmd(b, b).p_value == 1.0);
}

TEST_CASE("mmd does not mind the unit, until distances are beyond the largest number: then there is no p-value", "[drift][metamorphic]") {
  const auto a = gaussian(1, 30);
  auto b = gaussian(2, 30);
  for (double& value : b) value += 2.0;
  const auto times = [](std::vector<double> values, double unit) {
    for (double& value : values) value *= unit;
    return values;
  };
  for (const auto estimator : {MmdEstimator::unbiased, MmdEstimator::linear}) {
    const double huge = std::ldexp(1.0, 900);
    const auto plain = mmd(a, b, {.estimator = estimator, .bandwidth = 1.0});
    CHECK(mmd(times(a, huge), times(b, huge), {.estimator = estimator, .bandwidth = huge}).statistic == plain.statistic);
    CHECK(mmd(times(a, 1.0 / huge), times(b, 1.0 / huge), {.estimator = estimator, .bandwidth = 1.0 / huge}).p_value == plain.p_value);
    const auto beyond = mmd(times(a, huge), times(b, huge), {.estimator = estimator});
    CHECK(rtml::is_nan(beyond.statistic));
    CHECK(rtml::is_nan(beyond.p_value));
  }
}

TEST_CASE("mmd leaves out rows that are not whole, and knows nothing of too few", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> a{1.0, 2.0, 3.0, 4.0, 5.0, 7.0};
  const std::vector<double> b{2.0, 2.0, 1.0, 5.0};
  std::vector<double> with = a;
  with.insert(with.begin() + 2, {nan, 9.0, 8.0, std::numeric_limits<double>::infinity()});
  CHECK(mmd(with, b, {.columns = 2}).statistic == mmd(a, b, {.columns = 2}).statistic);
  CHECK(rtml::is_nan(mmd(a, std::vector<double>{1.0, 2.0}, {.columns = 2}).statistic));
  CHECK(rtml::is_nan(mmd({}, {}).p_value));
}

TEST_CASE("mmd names the option that is out of range", "[drift][config]") {
  const std::vector<double> three(3, 1.0);
  CHECK_THROWS_WITH(mmd(three, three, {.columns = 0}), "mmd: columns is 0, must be >= 1");
  CHECK_THROWS_WITH(mmd(three, three, {.columns = 2}), "mmd: values is 3, must be whole rows of 2");
  CHECK_THROWS_WITH(mmd(three, three, {.bandwidth = -1.0}), "mmd: bandwidth is -1, must be finite and >= 0");
  const std::vector<double> many(5000, 1.0);
  CHECK_THROWS_WITH(mmd(many, many), "mmd: rows is 10000, must be at most 8192; take estimator linear");
}
