#include "rtml/drift/ks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::Direction;
using rtml::drift::ks;
using rtml::drift::KsMethod;
using rtml::testing::gaussian;

TEST_CASE("ks is scipy's on all 34 pairs of samples, with ties, constants, tiny and coprime sizes, by each method and direction",
          "[drift][reference]") {
  for (const auto& pair : rtml::testing::pair_references()) {
    CAPTURE(pair.name);
    CHECK(ks(pair.reference, pair.current).p_value == ks(pair.reference, pair.current, KsMethod::exact).p_value);
    CHECK(ks(pair.reference, pair.current, KsMethod::limit).p_value == Approx(pair.ks_limit_p).epsilon(1e-9).margin(0.0));
    const auto check = [&](Direction direction, const rtml::testing::KsReference& expected) {
      const auto exact = ks(pair.reference, pair.current, KsMethod::exact, direction);
      CHECK(exact.statistic == Approx(expected.statistic).margin(1e-12).epsilon(1e-12));
      CHECK(exact.effect == exact.statistic);
      if (!rtml::is_nan(expected.exact_p)) CHECK(exact.p_value == Approx(expected.exact_p).epsilon(1e-9).margin(0.0));
      const auto asymptotic = ks(pair.reference, pair.current, KsMethod::asymptotic, direction);
      CHECK(asymptotic.statistic == exact.statistic);
      CHECK(rtml::is_nan(asymptotic.p_value) == rtml::is_nan(expected.asymptotic_p));
      if (!rtml::is_nan(expected.asymptotic_p)) CHECK(asymptotic.p_value == Approx(expected.asymptotic_p).epsilon(1e-9).margin(0.0));
    };
    check(Direction::both, pair.ks);
    check(Direction::rise, pair.ks_greater);
    check(Direction::fall, pair.ks_less);
  }
}

TEST_CASE("ks of one direction is ks of the other with the samples exchanged, and both is the larger of them", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto a = gaussian(seed, 40 + seed);
  const auto b = gaussian(100 + seed, 55);
  for (const auto method : {KsMethod::exact, KsMethod::asymptotic, KsMethod::limit}) {
    const auto rise = ks(a, b, method, Direction::rise);
    const auto fall = ks(b, a, method, Direction::fall);
    CHECK(rise.statistic == fall.statistic);
    CHECK(rise.p_value == Approx(fall.p_value).epsilon(1e-12));
    const auto other = ks(a, b, method, Direction::fall);
    const auto both = ks(a, b, method);
    CHECK(both.statistic == std::max(rise.statistic, other.statistic));
    if (method == KsMethod::asymptotic) continue;  // of one and of both directions by formulas that do not meet
    CHECK(both.p_value <= (2.0 + 1e-9) * std::min(rise.p_value, other.p_value));
    CHECK(both.p_value >= std::min(rise.p_value, other.p_value));
  }
}

TEST_CASE("ks has the exact p of samples without a common value far into the tail, where a complement would be 0", "[drift]") {
  std::vector<double> low(60);
  std::vector<double> high(60);
  for (std::size_t i = 0; i < 60; ++i) low[i] = static_cast<double>(i), high[i] = 100.0 + static_cast<double>(i);
  double arrangements = 1.0;  // 120! / (60! 60!)
  for (int i = 1; i <= 60; ++i) arrangements *= (60.0 + i) / i;
  CHECK(ks(low, high).p_value == Approx(2.0 / arrangements).epsilon(1e-12).margin(0.0));
  CHECK(ks(low, high, KsMethod::exact, Direction::rise).p_value == Approx(1.0 / arrangements).epsilon(1e-12).margin(0.0));
  CHECK(ks(low, high, KsMethod::exact, Direction::fall).p_value == 1.0);
}

TEST_CASE("ks takes the asymptotic p only where the exact one would take long", "[drift]") {
  const auto small = gaussian(1, 9000);
  const auto large = gaussian(2, 12000);
  CHECK(ks(small, gaussian(2, 9000)).p_value == ks(small, gaussian(2, 9000), KsMethod::exact).p_value);
  CHECK(ks(small, large).p_value == ks(small, large, KsMethod::asymptotic).p_value);
  CHECK(ks(small, large).p_value == Approx(ks(small, large, KsMethod::exact).p_value).epsilon(0.02));
}

TEST_CASE("ks is symmetric, and blind to strictly increasing maps of both samples", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  std::vector<double> a(40 + seed);
  std::vector<double> b(70);
  for (double& value : a) value = std::floor(20.0 * rng.uniform());  // many ties
  for (double& value : b) value = std::floor(25.0 * rng.uniform());
  const auto result = ks(a, b);
  CHECK(ks(b, a).statistic == result.statistic);
  CHECK(ks(b, a).p_value == Approx(result.p_value).epsilon(1e-12));
  for (double& value : a) value = std::exp(0.3 * value);
  for (double& value : b) value = std::exp(0.3 * value);
  CHECK(ks(a, b).statistic == result.statistic);
  CHECK(ks(a, b).p_value == result.p_value);
  for (double& value : a) value = -value;
  for (double& value : b) value = -value;
  CHECK(ks(a, b).statistic == result.statistic);
  CHECK(result.statistic >= 0.0);
  CHECK(result.statistic <= 1.0);
}

TEST_CASE("ks gives p-values that are uniform when nothing drifts, over seeds", "[drift][property]") {
  int below_5 = 0;
  int below_50 = 0;
  const int runs = 2000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(1000 + seed, 130);
    const double p = ks(std::span(values).first(60), std::span(values).last(70)).p_value;
    below_5 += p <= 0.05 ? 1 : 0;
    below_50 += p <= 0.5 ? 1 : 0;
  }
  CHECK(below_5 >= 65);  // 0.05 within three standard errors, less the steps of a discrete statistic
  CHECK(below_5 <= 130);
  CHECK(below_50 >= 900);
  CHECK(below_50 <= 1070);
}

TEST_CASE("ks finds a shift that is there", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto values = rtml::testing::gaussian_with_jump(seed, 400, 200, 0.8);
  CHECK(ks(std::span(values).first(200), std::span(values).last(200)).p_value < 1e-4);
}

TEST_CASE("ks counts missing values as one value above all others", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> a{1.0, 2.0, 3.0, 4.0};
  const std::vector<double> b{nan, 1.0, nan, 2.0};
  CHECK(ks(a, b).statistic == 0.5);
  CHECK(ks(b, a).statistic == 0.5);
  CHECK(ks(b, std::vector<double>{infinity, 1.0, 2.0, infinity}).statistic == 0.5);
  CHECK(ks(std::vector<double>{nan, nan}, b).statistic == 0.5);
  CHECK(ks(std::vector<double>{nan, nan}, std::vector<double>{nan}).statistic == 0.0);
  CHECK(ks(std::vector<double>{nan, nan}, std::vector<double>{nan}).p_value == 1.0);
}

TEST_CASE("ks of an empty sample is not known", "[drift]") {
  const std::vector<double> none;
  const std::vector<double> one{1.0};
  CHECK(rtml::is_nan(ks(none, one).statistic));
  CHECK(rtml::is_nan(ks(one, none).p_value));
}
