#include "rtml/drift/ks.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::ks;
using rtml::drift::KsMethod;
using rtml::testing::gaussian;

TEST_CASE("ks is scipy's on 34 pairs of samples, with ties, constants, tiny and coprime sizes", "[drift][reference]") {
  for (const auto& pair : rtml::testing::pair_references()) {
    CAPTURE(pair.name);
    const auto result = ks(pair.reference, pair.current);
    CHECK(result.statistic == Approx(pair.ks).margin(1e-12).epsilon(1e-12));
    CHECK(result.p_value == Approx(pair.ks_exact_p).epsilon(1e-9).margin(0.0));
    CHECK(result.effect == result.statistic);
    const auto limit = ks(pair.reference, pair.current, KsMethod::asymptotic);
    CHECK(limit.statistic == result.statistic);
    CHECK(limit.p_value == Approx(pair.ks_limit_p).epsilon(1e-9).margin(0.0));
  }
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
