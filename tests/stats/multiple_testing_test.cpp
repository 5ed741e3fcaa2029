#include "rtml/stats/multiple_testing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "stats/reference/multiple_testing_reference.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml::stats;

namespace {

using Values = std::vector<double>;
using Procedure = void (*)(std::span<const double>, std::span<double>, std::span<std::uint32_t>) noexcept;

void bonferroni_with_scratch(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t>) noexcept {
  bonferroni(p, adjusted);
}

constexpr std::array<Procedure, 5> procedures{bonferroni_with_scratch, holm, hochberg, benjamini_hochberg, benjamini_yekutieli};

Values adjusted_by(Procedure procedure, const Values& p) {
  Values adjusted(p.size());
  std::vector<std::uint32_t> order(p.size());
  procedure(p, adjusted, order);
  return adjusted;
}

Values random_p_values(std::uint64_t seed) {
  rtml::Rng rng(seed);
  Values p(1 + rng.below(40));
  for (double& value : p) value = std::pow(rng.uniform(), 1.0 + static_cast<double>(rng.below(4)));
  if (p.size() > 3) p[1] = p[3];  // a tie
  return p;
}

void check_equal(const Values& got, const Values& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-12).margin(0.0));
}

}  // namespace

TEST_CASE("adjusted p-values are statsmodels' on 7 families", "[stats][reference]") {
  for (const auto& family : rtml::testing::multiple_testing_references()) {
    CAPTURE(family.p);
    check_equal(adjusted_by(bonferroni_with_scratch, family.p), family.bonferroni);
    check_equal(adjusted_by(holm, family.p), family.holm);
    check_equal(adjusted_by(hochberg, family.p), family.hochberg);
    check_equal(adjusted_by(benjamini_hochberg, family.p), family.bh);
    check_equal(adjusted_by(benjamini_yekutieli, family.p), family.by);
  }
}

TEST_CASE("adjusted p-values are monotone in p, follow a permutation, and lie between p and 1", "[stats][metamorphic]") {
  const auto seed = GENERATE(range(1u, 21u));
  const auto procedure = GENERATE(0u, 1u, 2u, 3u, 4u);
  CAPTURE(seed, procedure);
  Values p = random_p_values(seed);
  Values adjusted = adjusted_by(procedures[procedure], p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    CHECK(adjusted[i] >= p[i]);
    CHECK(adjusted[i] <= 1.0);
    for (std::size_t j = 0; j < p.size(); ++j)
      if (p[i] <= p[j]) CHECK(adjusted[i] <= adjusted[j]);
  }
  std::rotate(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(p.size() / 2), p.end());
  std::rotate(adjusted.begin(), adjusted.begin() + static_cast<std::ptrdiff_t>(p.size() / 2), adjusted.end());
  CHECK(adjusted_by(procedures[procedure], p) == adjusted);
}

TEST_CASE("hochberg rejects what holm does, holm what bonferroni does, benjamini_hochberg what hochberg does", "[stats][property]") {
  const auto seed = GENERATE(range(1u, 41u));
  CAPTURE(seed);
  const Values p = random_p_values(seed);
  const Values by_bonferroni = adjusted_by(bonferroni_with_scratch, p);
  const Values by_holm = adjusted_by(holm, p);
  const Values by_hochberg = adjusted_by(hochberg, p);
  const Values by_bh = adjusted_by(benjamini_hochberg, p);
  for (std::size_t i = 0; i < p.size(); ++i) {
    CHECK(by_holm[i] <= by_bonferroni[i]);
    CHECK(by_hochberg[i] <= by_holm[i]);
    CHECK(by_bh[i] <= by_hochberg[i]);
  }
}

TEST_CASE("holm, hochberg and benjamini_hochberg keep their error rate over families without and with effects", "[stats][property]") {
  const int runs = 4000;
  const std::size_t nulls = 15;
  int holm_errors = 0;
  int hochberg_errors = 0;
  double false_share = 0.0;
  rtml::Rng rng(7);
  for (int run = 0; run < runs; ++run) {
    Values p(20);
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = i < nulls ? rng.uniform() : 0.001 * rng.uniform();
    const auto any_null_below = [&](const Values& adjusted) {
      return std::any_of(adjusted.begin(), adjusted.begin() + nulls, [](double value) { return value <= 0.05; });
    };
    holm_errors += any_null_below(adjusted_by(holm, p)) ? 1 : 0;
    hochberg_errors += any_null_below(adjusted_by(hochberg, p)) ? 1 : 0;
    const Values bh = adjusted_by(benjamini_hochberg, p);
    const auto rejected = std::count_if(bh.begin(), bh.end(), [](double value) { return value <= 0.05; });
    const auto wrong = std::count_if(bh.begin(), bh.begin() + nulls, [](double value) { return value <= 0.05; });
    false_share += rejected == 0 ? 0.0 : static_cast<double>(wrong) / static_cast<double>(rejected);
  }
  CHECK(holm_errors <= 250);  // 5 percent and five standard errors
  CHECK(hochberg_errors <= 250);
  CHECK(hochberg_errors >= 120);
  CHECK(false_share / runs == Approx(0.05 * 15.0 / 20.0).margin(0.01));  // exactly alpha times the share of true hypotheses
}

TEST_CASE("e_benjamini_hochberg rejects the k largest e-values, k the most with k e >= (number of hypotheses) / alpha", "[stats]") {
  const Values e{0.5, 90.0, 3.0, 45.0, 0.0, 41.0, 12.0, 1.0};
  const Values adjusted = adjusted_by(e_benjamini_hochberg, e);
  // 90 alone would need 160 at level 0.05, two need 80, three 53.3, four 40, five 32.
  const auto rejected = [&](double alpha) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < e.size(); ++i)
      if (adjusted[i] <= alpha) places.push_back(i);
    return places;
  };
  CHECK(rejected(0.05).empty());
  CHECK(rejected(8.0 / (3.0 * 41.0) + 1e-12) == std::vector<std::size_t>{1, 3, 5});
  CHECK(rejected(8.0 / (3.0 * 41.0) - 1e-12).empty());
  CHECK(rejected(0.99) == std::vector<std::size_t>{1, 2, 3, 5, 6});
  CHECK(adjusted[4] == 1.0);
}

TEST_CASE("e_benjamini_hochberg keeps the false discovery rate of e-values that move together", "[stats][property]") {
  const int runs = 4000;
  double false_share = 0.0;
  rtml::Rng rng(11);
  for (int run = 0; run < runs; ++run) {
    const double common = rng.uniform();
    Values e(20);
    for (std::size_t i = 0; i < e.size(); ++i) e[i] = i < 15 ? e_from_p(common) : 1000.0;  // all nulls are one
    const Values adjusted = adjusted_by(e_benjamini_hochberg, e);
    const auto rejected = std::count_if(adjusted.begin(), adjusted.end(), [](double value) { return value <= 0.05; });
    const auto wrong = std::count_if(adjusted.begin(), adjusted.begin() + 15, [](double value) { return value <= 0.05; });
    CHECK(rejected >= 5);
    false_share += static_cast<double>(wrong) / static_cast<double>(rejected);
  }
  CHECK(false_share / runs <= 0.05);
}

TEST_CASE("what could not be tested is never rejected, and counts in its family", "[stats]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Procedure procedure : procedures) {
    const Values with = adjusted_by(procedure, {0.01, nan, 0.02, 0.3});
    const Values as_one = adjusted_by(procedure, {0.01, 1.0, 0.02, 0.3});
    CHECK(rtml::is_nan(with[1]));
    for (const std::size_t i : {0u, 2u, 3u}) CHECK(with[i] == as_one[i]);
    CHECK(adjusted_by(procedure, {}).empty());
  }
  const Values e = adjusted_by(e_benjamini_hochberg, {nan, -1.0, std::numeric_limits<double>::infinity(), -0.0});
  CHECK(rtml::is_nan(e[0]));
  CHECK(rtml::is_nan(e[1]));
  CHECK(e[2] == 0.0);
  CHECK(e[3] == 1.0);
}

TEST_CASE("adjusted p-values may be written over the p-values, and nothing is allocated", "[stats][allocation]") {
  const Values p = random_p_values(3);
  std::vector<std::uint32_t> order(p.size());
  for (const Procedure procedure : procedures) {
    Values in_place = p;
    const rtml::testing::AllocationCounter counter;
    procedure(in_place, in_place, order);
    const auto allocated = counter.count();
    CHECK(allocated == 0);
    CHECK(in_place == adjusted_by(procedure, p));
  }
  Values e{30.0, 0.0, 2.0};
  const Values apart = adjusted_by(e_benjamini_hochberg, e);
  e_benjamini_hochberg(e, e, std::span(order).first(3));
  CHECK(e == apart);
}

TEST_CASE("e_from_p falls from infinity to 1/2, has mean 1, and does not round where p is near 1 or 0", "[stats][property]") {
  CHECK(e_from_p(1.0) == 0.5);
  CHECK(e_from_p(0.0) == std::numeric_limits<double>::infinity());
  CHECK(e_from_p(0.5) == Approx((0.5 + 0.5 * std::log(0.5)) / (0.5 * std::log(0.5) * std::log(0.5))).epsilon(1e-14));
  CHECK(e_from_p(1.0 - 1e-9) == Approx(0.5 + 1e-9 / 6.0).epsilon(1e-15));
  CHECK(e_from_p(1e-300) == Approx(1e300 / std::pow(std::log(1e-300), 2)).epsilon(1e-12));
  CHECK(rtml::is_finite(e_from_p(4e-309)));
  double last = 0.5;
  double mean = 0.0;
  const int steps = 20'000;
  for (int i = steps; i > 0; --i) {
    const double e = e_from_p((i - 0.5) / steps);
    CHECK(e >= last);
    last = e;
    mean += e / steps;
  }
  CHECK(mean == Approx(1.0 - 1.0 / std::log(steps)).margin(0.02));  // what lies below p is 1 / ln(1/p), about
  for (const double p : {std::exp(-0.5), std::exp(-30.0)})
    CHECK(e_from_p(std::nextafter(p, 0.0)) == Approx(e_from_p(std::nextafter(p, 1.0))).epsilon(1e-13));
  for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) CHECK(rtml::is_nan(e_from_p(p)));
}
