#include "rtml/drift/cramer_von_mises.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::cramer_von_mises;
using rtml::drift::CvmMethod;
using rtml::testing::gaussian;

TEST_CASE("cramer_von_mises is scipy's on all 31 pairs that scipy takes, statistic and both p-values", "[drift][reference]") {
  int pairs = 0;
  int exact = 0;
  for (const auto& pair : rtml::testing::pair_references()) {
    if (rtml::is_nan(pair.cvm)) continue;  // a side of one value
    CAPTURE(pair.name);
    ++pairs;
    const auto asymptotic = cramer_von_mises(pair.reference, pair.current, CvmMethod::asymptotic);
    CHECK(asymptotic.statistic == Approx(pair.cvm).epsilon(1e-12).margin(1e-12));
    if (pair.name == "binary_0.2_0.5" || pair.name == "zero_inflated" || pair.name == "large_shift") {
      // scipy leaves off its series at terms of 1e-7: near p = 1e-8 no digit is right. Checked beside the test of special functions.
      CHECK(std::abs(asymptotic.p_value - pair.cvm_asymptotic_p) < 1e-10);
    } else {
      CHECK(asymptotic.p_value == Approx(pair.cvm_asymptotic_p).epsilon(1e-9).margin(0.0));
    }
    if (rtml::is_nan(pair.cvm_exact_p)) continue;
    ++exact;
    CHECK(cramer_von_mises(pair.reference, pair.current, CvmMethod::exact).p_value == Approx(pair.cvm_exact_p).epsilon(1e-9).margin(0.0));
  }
  CHECK(pairs == 31);
  CHECK(exact == 10);
}

TEST_CASE("cramer_von_mises far into the tail has the p-value of the series summed to 50 digits", "[drift][reference]") {
  const std::map<std::string_view, double> expected{
      {"binary_0.2_0.5", 9.72186058901903802e-9}, {"zero_inflated", 1.80492602973275305e-6}, {"large_shift", 5.75765975254710887e-16}};
  for (const auto& pair : rtml::testing::pair_references()) {
    const auto found = expected.find(pair.name);
    if (found == expected.end()) continue;
    CAPTURE(pair.name);
    CHECK(cramer_von_mises(pair.reference, pair.current).p_value == Approx(found->second).epsilon(1e-9).margin(0.0));
  }
}

TEST_CASE("cramer_von_mises has the exact p of all arrangements, counted one by one", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 13u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  const std::size_t n = 1 + rng.below(5);
  const std::size_t m = 1 + rng.below(6);
  const auto values = gaussian(seed, n + m);
  const auto statistic_of = [&](std::uint32_t chosen) {
    std::vector<double> a;
    std::vector<double> b;
    for (std::size_t i = 0; i < n + m; ++i) ((chosen >> i & 1U) != 0 ? a : b).push_back(values[i]);
    return cramer_von_mises(a, b, CvmMethod::asymptotic).statistic;
  };
  const std::span<const double> all(values);
  const auto result = cramer_von_mises(all.first(n), all.last(m));
  int as_large = 0;
  int count = 0;
  for (std::uint32_t chosen = 0; chosen < 1U << (n + m); ++chosen) {
    if (static_cast<std::size_t>(std::popcount(chosen)) != n) continue;
    ++count;
    as_large += statistic_of(chosen) >= result.statistic - 1e-12 ? 1 : 0;
  }
  CHECK(result.p_value == Approx(static_cast<double>(as_large) / count).epsilon(1e-12));
}

TEST_CASE("cramer_von_mises takes the exact p only of small samples without ties", "[drift]") {
  const auto a = gaussian(1, 20);
  auto b = gaussian(2, 19);
  const auto p_by = [&](CvmMethod method) { return cramer_von_mises(a, b, method).p_value; };
  CHECK(p_by(CvmMethod::automatic) == p_by(CvmMethod::exact));
  CHECK(p_by(CvmMethod::exact) == Approx(p_by(CvmMethod::asymptotic)).epsilon(0.1));
  b[3] = a[5];
  CHECK(p_by(CvmMethod::automatic) == p_by(CvmMethod::asymptotic));
  CHECK(p_by(CvmMethod::automatic) != p_by(CvmMethod::exact));
  b.push_back(0.1);
  b.push_back(0.2);
  CHECK_THROWS_WITH(p_by(CvmMethod::exact), "cramer_von_mises: values is 21, must be at most 20 for method exact");
}

TEST_CASE("cramer_von_mises is symmetric, and blind to strictly increasing maps of both samples", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  std::vector<double> a(40 + seed);
  std::vector<double> b(70);
  for (double& value : a) value = std::floor(20.0 * rng.uniform());
  for (double& value : b) value = std::floor(25.0 * rng.uniform());
  const auto result = cramer_von_mises(a, b);
  CHECK(cramer_von_mises(b, a).statistic == Approx(result.statistic).epsilon(1e-14));
  for (double& value : a) value = -std::exp(0.3 * value);
  for (double& value : b) value = -std::exp(0.3 * value);
  CHECK(cramer_von_mises(a, b).statistic == Approx(result.statistic).epsilon(1e-14));
  CHECK(result.effect >= 0.0);
  CHECK(result.effect <= 0.58);
}

TEST_CASE("cramer_von_mises keeps its level when nothing drifts, and its effect then is near 0", "[drift][property]") {
  int alarms = 0;
  double effect = 0.0;
  const int runs = 1000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(3000 + seed, 130);
    const auto result = cramer_von_mises(std::span(values).first(60), std::span(values).last(70));
    alarms += result.p_value <= 0.05 ? 1 : 0;
    effect += result.effect / runs;
  }
  CHECK(alarms >= 30);
  CHECK(alarms <= 72);
  CHECK(effect < 0.04);
}

TEST_CASE("cramer_von_mises does not lose its digits on large samples", "[drift]") {
  std::vector<double> even(200'000);
  std::vector<double> odd(200'000);
  for (std::size_t i = 0; i < even.size(); ++i) even[i] = static_cast<double>(2 * i), odd[i] = static_cast<double>(2 * i + 1);
  // Each gap is 1/n at every second place: T = n m / N^2 n / n^2 = 1 / (4 n), in integers.
  CHECK(cramer_von_mises(even, odd).statistic == Approx(0.25 / 200'000.0).epsilon(1e-12).margin(0.0));
}

TEST_CASE("cramer_von_mises counts missing values as one value above all others, and knows nothing of the empty", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(cramer_von_mises(std::vector<double>{1.0, nan, 3.0}, std::vector<double>{nan, 2.0, nan}).statistic ==
        cramer_von_mises(std::vector<double>{1.0, infinity, 3.0}, std::vector<double>{infinity, 2.0, infinity}).statistic);
  CHECK(rtml::is_nan(cramer_von_mises({}, std::vector<double>{1.0}).statistic));
  CHECK(rtml::is_nan(cramer_von_mises(std::vector<double>{1.0}, {}).p_value));
  CHECK(cramer_von_mises(std::vector<double>{1.0}, std::vector<double>{2.0}).p_value == 1.0);
  CHECK(cramer_von_mises(std::vector<double>{1.0}, std::vector<double>{1.0}).p_value == 1.0);
}
