#include "rtml/drift/wasserstein.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/drift/energy.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::energy;
using rtml::drift::Permutations;
using rtml::drift::wasserstein;
using rtml::drift::WassersteinScale;
using rtml::testing::gaussian;

namespace {

constexpr Permutations no_permutations{0, 1};

std::vector<double> moved_by(std::vector<double> values, double by, double times = 1.0) {
  for (double& value : values) value = value * times + by;
  return values;
}

}  // namespace

TEST_CASE("wasserstein and energy are scipy's on all 34 pairs of samples", "[drift][reference]") {
  int normed = 0;
  for (const auto& pair : rtml::testing::pair_references()) {
    CAPTURE(pair.name);
    const auto distance = wasserstein(pair.reference, pair.current, WassersteinScale::none, no_permutations);
    CHECK(distance.statistic == Approx(pair.wasserstein).epsilon(1e-12).margin(1e-12));
    CHECK(rtml::is_nan(distance.p_value));
    CHECK(energy(pair.reference, pair.current, no_permutations).statistic == Approx(pair.energy).epsilon(1e-12).margin(1e-12));
    if (rtml::is_nan(pair.wasserstein_normed)) continue;
    ++normed;
    CHECK(wasserstein(pair.reference, pair.current, WassersteinScale::deviation, no_permutations).statistic ==
          Approx(pair.wasserstein_normed).epsilon(1e-12).margin(1e-12));
  }
  CHECK(normed >= 20);
}

TEST_CASE("wasserstein and energy of the smallest values keep their digits", "[drift][reference]") {
  for (const auto& pair : rtml::testing::pair_references()) {
    if (pair.name != "tiny_1e-300") continue;
    CHECK(wasserstein(pair.reference, pair.current, WassersteinScale::none, no_permutations).statistic ==
          Approx(pair.wasserstein).epsilon(1e-12).margin(0.0));
    CHECK(energy(pair.reference, pair.current, no_permutations).statistic == Approx(pair.energy).epsilon(1e-12).margin(0.0));
  }
}

TEST_CASE("wasserstein of a shift is the shift, and its effect is free of units", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 6u));
  CAPTURE(seed);
  const auto a = gaussian(seed, 400);
  CHECK(wasserstein(a, moved_by(a, 0.75), WassersteinScale::none, no_permutations).statistic == Approx(0.75).epsilon(1e-12));
  const auto b = gaussian(100 + seed, 300);
  const auto there = wasserstein(a, b);
  const auto scaled = wasserstein(moved_by(a, 5.0, 1000.0), moved_by(b, 5.0, 1000.0));
  CHECK(scaled.statistic == Approx(1000.0 * there.statistic).epsilon(1e-9));
  CHECK(scaled.effect == Approx(there.effect).epsilon(1e-9));
  CHECK(scaled.p_value == there.p_value);
  CHECK(wasserstein(b, a).statistic == Approx(there.statistic).epsilon(1e-12));
  CHECK(wasserstein(a, moved_by(a, 1.0)).effect == Approx(1.0).epsilon(0.25));
  CHECK(wasserstein(a, b, WassersteinScale::robust).statistic == there.effect);
}

TEST_CASE("energy is its definition by pairs, and its effect lies between 0 and 1 without units", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto a = gaussian(seed, 30);
  const auto b = moved_by(gaussian(50 + seed, 20), 0.1 * seed, 1.5);
  const auto mean_gap = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0.0;
    for (const double u : x)
      for (const double v : y) sum += std::abs(u - v);
    return sum / static_cast<double>(x.size() * y.size());
  };
  const double squared = 2.0 * mean_gap(a, b) - mean_gap(a, a) - mean_gap(b, b);
  const auto result = energy(a, b);
  CHECK(result.statistic * result.statistic == Approx(squared).epsilon(1e-10));
  CHECK(result.effect == Approx(squared / (2.0 * mean_gap(a, b))).epsilon(1e-10));
  CHECK(energy(moved_by(a, 3.0, 10.0), moved_by(b, 3.0, 10.0)).effect == Approx(result.effect).epsilon(1e-9));
  CHECK(energy(std::vector<double>{1.0, 1.0}, std::vector<double>{2.0}).effect == 1.0);
  CHECK(energy(a, a).statistic == 0.0);
  CHECK(energy(a, a).p_value == 1.0);
}

TEST_CASE("permutation p-values are never 0, are repeatable, and keep their level when nothing drifts", "[drift][property][simulation]") {
  const auto far = moved_by(gaussian(2, 50), 9.0);
  CHECK(wasserstein(gaussian(1, 50), far).p_value == 1.0 / 1000.0);
  CHECK(energy(gaussian(1, 50), far, {99, 7}).p_value == 1.0 / 100.0);
  int wasserstein_alarms = 0;
  int energy_alarms = 0;
  const int runs = 600;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(9000 + seed, 70);
    const auto a = std::span(values).first(30);
    const auto b = std::span(values).last(40);
    const double p = wasserstein(a, b, WassersteinScale::none, {99, seed}).p_value;
    CHECK(p == wasserstein(a, b, WassersteinScale::deviation, {99, seed}).p_value);
    wasserstein_alarms += p <= 0.05 ? 1 : 0;
    energy_alarms += energy(a, b, {99, seed}).p_value <= 0.05 ? 1 : 0;
  }
  for (const int alarms : {wasserstein_alarms, energy_alarms}) {
    CHECK(alarms >= 14);
    CHECK(alarms <= 47);
  }
}

TEST_CASE("permutations of a few values agree with all arrangements", "[drift][property]") {
  // {1, 2} of {1, 2, 3, 4, 5}: of the 10 arrangements, {1, 2} and {4, 5} are the farthest.
  const Permutations many{20'000, 3};
  CHECK(wasserstein(std::vector<double>{1, 2}, std::vector<double>{3, 4, 5}, WassersteinScale::none, many).p_value ==
        Approx(0.2).margin(0.01));
  CHECK(energy(std::vector<double>{1, 2}, std::vector<double>{3, 4, 5}, many).p_value == Approx(0.2).margin(0.01));
  CHECK(energy(std::vector<double>{1, 1}, std::vector<double>{2, 2, 2}, many).p_value == Approx(0.1).margin(0.01));  // of two values
}

TEST_CASE("wasserstein over a scale that is 0 is infinite when values moved, and 0 when not", "[drift]") {
  const std::vector<double> constant(10, 3.0);
  CHECK(wasserstein(constant, moved_by(constant, 1.0)).effect == std::numeric_limits<double>::infinity());
  CHECK(wasserstein(constant, constant).effect == 0.0);
  std::vector<double> mostly = constant;
  mostly.back() = 13.0;  // no interquartile range: the standard deviation, 3
  CHECK(wasserstein(mostly, moved_by(mostly, 1.5)).effect == Approx(0.5));
  CHECK(wasserstein(mostly, moved_by(mostly, 1.5), WassersteinScale::robust).statistic == std::numeric_limits<double>::infinity());
}

TEST_CASE("wasserstein and energy leave out what has no place on a line", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> a{1.0, 2.0, 4.0};
  const std::vector<double> b{2.0, 3.0};
  CHECK(wasserstein(std::vector<double>{1.0, nan, 2.0, 4.0, -infinity}, b).statistic == wasserstein(a, b).statistic);
  CHECK(energy(a, std::vector<double>{infinity, 2.0, nan, 3.0}).statistic == energy(a, b).statistic);
  CHECK(rtml::is_nan(wasserstein(std::vector<double>{nan}, b).statistic));
  CHECK(rtml::is_nan(energy(a, std::vector<double>{}).p_value));
}

TEST_CASE("wasserstein and energy have no p-value where the distance is beyond the largest number", "[drift]") {
  const std::vector<double> low(5, -1.7e308);
  const std::vector<double> high(5, 1.7e308);
  for (const auto& result : {wasserstein(low, high), energy(low, high)}) {
    CHECK(!rtml::is_finite(result.statistic));
    CHECK(rtml::is_nan(result.p_value));
  }
}
