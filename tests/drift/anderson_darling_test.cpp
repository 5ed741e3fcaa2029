#include "rtml/drift/anderson_darling.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/ks.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::anderson_darling;
using rtml::drift::Ties;
using rtml::testing::gaussian;

TEST_CASE("anderson_darling has scipy's statistics for both ways with ties, on all 31 pairs that scipy takes", "[drift][reference]") {
  int checked = 0;
  for (const auto& pair : rtml::testing::pair_references()) {
    if (rtml::is_nan(pair.anderson_midrank)) continue;
    CAPTURE(pair.name);
    ++checked;
    const auto midrank = anderson_darling(pair.reference, pair.current);
    CHECK(midrank.statistic == Approx(pair.anderson_midrank).epsilon(1e-12).margin(1e-12));
    CHECK(anderson_darling(pair.reference, pair.current, Ties::right).statistic ==
          Approx(pair.anderson_right).epsilon(1e-12).margin(1e-12));
    CHECK(midrank.p_value >= 0.0);
    CHECK(midrank.p_value <= 1.0);
  }
  CHECK(checked == 31);
}

TEST_CASE("anderson_darling gives the paper's critical values of large samples their levels", "[drift][reference]") {
  // Scholz and Stephens, table 1, for m = k - 1 = 1: 25, 10, 5, 2.5 and 1 percent at 0.326, 1.225, 1.960, 2.719, 3.752.
  std::vector<double> a(4000);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<double>(i);
  double last = 1.0;
  for (double shift = 0.5; shift < 260.0; shift += 5.0) {
    std::vector<double> b = a;
    for (double& value : b) value += shift;
    const auto result = anderson_darling(a, b);
    CHECK(result.p_value <= last);
    last = result.p_value;
    if (result.statistic > 0.33) CHECK(result.p_value < 0.25);
    if (result.statistic < 1.22) CHECK(result.p_value > 0.10);
    if (result.statistic > 1.97) CHECK(result.p_value < 0.05);
    if (result.statistic < 3.74) CHECK(result.p_value > 0.0099);
    if (result.statistic > 3.77) CHECK(result.p_value < 0.0101);
  }
  CHECK(last < 0.0101);
}

TEST_CASE("anderson_darling is symmetric, and blind to strictly increasing maps of both samples", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  std::vector<double> a(40 + seed);
  std::vector<double> b(70);
  for (double& value : a) value = std::floor(20.0 * rng.uniform());
  for (double& value : b) value = std::floor(25.0 * rng.uniform());
  const auto result = anderson_darling(a, b);
  CHECK(anderson_darling(b, a).statistic == Approx(result.statistic).epsilon(1e-12));
  for (double& value : a) value = -std::exp(0.3 * value);
  for (double& value : b) value = -std::exp(0.3 * value);
  CHECK(anderson_darling(a, b).statistic == Approx(result.statistic).epsilon(1e-12));
}

TEST_CASE("anderson_darling keeps its level when nothing drifts, small samples included", "[drift][property]") {
  for (const std::size_t n : {8u, 60u}) {
    CAPTURE(n);
    int alarms = 0;
    const int runs = 1500;
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
      const auto values = gaussian(7000 + seed, 2 * n);
      alarms += anderson_darling(std::span(values).first(n), std::span(values).last(n)).p_value <= 0.05 ? 1 : 0;
    }
    CHECK(alarms >= 45);
    CHECK(alarms <= 108);
  }
}

TEST_CASE("anderson_darling sees wider tails that ks does not", "[drift][property]") {
  int seen = 0;
  int seen_by_ks = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto a = gaussian(seed, 300);
    auto b = gaussian(1000 + seed, 300);
    for (double& value : b) value *= 1.35;
    seen += anderson_darling(a, b).p_value <= 0.01 ? 1 : 0;
    seen_by_ks += rtml::drift::ks(a, b).p_value <= 0.01 ? 1 : 0;
  }
  CHECK(seen > 30);
  CHECK(seen > 2 * seen_by_ks);
}

TEST_CASE("anderson_darling takes missing values for one above all others, and what is all one for equal", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(anderson_darling(std::vector<double>{1.0, nan, 3.0}, std::vector<double>{nan, 2.0, nan}).statistic ==
        anderson_darling(std::vector<double>{1.0, infinity, 3.0}, std::vector<double>{infinity, 2.0, infinity}).statistic);
  const auto same = anderson_darling(std::vector<double>(5, 2.0), std::vector<double>(9, 2.0));
  CHECK(same.p_value == 1.0);
  CHECK(same.effect == 0.0);
  CHECK(rtml::is_nan(anderson_darling({}, std::vector<double>(9, 2.0)).statistic));
  CHECK(rtml::is_nan(anderson_darling(std::vector<double>{1.0}, std::vector<double>{2.0, 3.0}).p_value));
}
