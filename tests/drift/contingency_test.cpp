#include "rtml/drift/contingency.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using rtml::drift::chi2;
using rtml::drift::Correction;
using rtml::drift::cramers_v;
using rtml::drift::fisher_exact;
using rtml::drift::g_test;
using rtml::drift::VForm;

namespace {

using Cells = std::vector<std::uint64_t>;

Approx to_p(double p) { return Approx(p).epsilon(1e-9).margin(0.0); }
Approx to_statistic(double value) { return Approx(value).epsilon(1e-12).margin(1e-12); }

}  // namespace

TEST_CASE("chi2, g_test, cramers_v and fisher_exact are scipy's on all 15 tables", "[drift][reference]") {
  int fisher_tables = 0;
  for (const auto& table : rtml::testing::counts_references()) {
    CAPTURE(table.name);
    const auto pearson = chi2(table.reference, table.current);
    const auto likelihood = g_test(table.reference, table.current);
    if (rtml::is_nan(table.chi2)) {  // a single category
      CHECK(pearson.statistic == Approx(0.0).margin(1e-12));
      CHECK(pearson.p_value == 1.0);
      CHECK(likelihood.p_value == 1.0);
      continue;
    }
    CHECK(pearson.statistic == to_statistic(table.chi2));
    CHECK(pearson.p_value == to_p(table.chi2_p));
    CHECK(pearson.effect == to_statistic(table.cramers_v_corrected));
    const auto corrected = chi2(table.reference, table.current, Correction::yates);
    CHECK(corrected.statistic == to_statistic(table.yates));
    CHECK(corrected.p_value == to_p(table.yates_p));
    CHECK(likelihood.statistic == to_statistic(table.g_test));
    CHECK(likelihood.p_value == to_p(table.g_test_p));
    CHECK(cramers_v(table.reference, table.current).statistic == to_statistic(table.cramers_v_corrected));
    CHECK(cramers_v(table.reference, table.current, VForm::plain).statistic == to_statistic(table.cramers_v));
    CHECK(cramers_v(table.reference, table.current, VForm::plain).p_value == to_p(table.chi2_p));
    if (rtml::is_nan(table.fisher_p)) continue;
    ++fisher_tables;
    const auto exact = fisher_exact(table.reference, table.current);
    CHECK(exact.statistic == to_statistic(table.fisher_odds));
    CHECK(exact.p_value == to_p(table.fisher_p));
  }
  CHECK(fisher_tables == 5);
}

TEST_CASE("chi2 corrects for continuity only when asked, and only two categories", "[drift]") {
  CHECK(chi2(Cells{8, 2}, Cells{3, 7}).statistic > chi2(Cells{8, 2}, Cells{3, 7}, Correction::yates).statistic);
  CHECK(chi2(Cells{8, 2, 4}, Cells{3, 7, 4}).statistic == chi2(Cells{8, 2, 4}, Cells{3, 7, 4}, Correction::yates).statistic);
  CHECK(chi2(Cells{8, 0, 2}, Cells{3, 0, 7}, Correction::yates).statistic ==
        chi2(Cells{8, 2}, Cells{3, 7}, Correction::yates).statistic);  // two categories are two, whatever is empty beside them
}

TEST_CASE("tests of counts do not mind the order of categories, empty ones, or which sample is the first", "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  Cells a(2 + seed % 7);
  Cells b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = 1 + rng.below(90), b[i] = rng.below(90);
  const Cells backwards_a(a.rbegin(), a.rend());
  const Cells backwards_b(b.rbegin(), b.rend());
  Cells padded_a = a;
  Cells padded_b = b;
  padded_a.insert(padded_a.begin() + 1, 0);
  padded_b.insert(padded_b.begin() + 1, 0);
  for (const auto& test :
       {+[](const Cells&x, const Cells&y) { return chi2(x, y); }, +[](const Cells&x, const Cells&y) { return g_test(x, y); },
        +[](const Cells&x, const Cells&y) { return cramers_v(x, y); }}) {
    const auto there = test(a, b);
    CHECK(there.p_value >= 0.0);
    CHECK(there.p_value <= 1.0);
    CHECK(there.effect >= 0.0);
    CHECK(there.effect <= 1.0);
    for (const auto& other : {test(b, a), test(backwards_a, backwards_b), test(padded_a, padded_b)}) {
      CHECK(other.statistic == Approx(there.statistic).epsilon(1e-12).margin(1e-13));
      CHECK(other.p_value == Approx(there.p_value).epsilon(1e-10));
    }
  }
}

TEST_CASE("fisher_exact is the sum over all tables of the margins, on small ones", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 31u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  const Cells a{rng.below(9), rng.below(9)};
  const Cells b{1 + rng.below(9), rng.below(9)};
  if (a[0] + a[1] == 0 || a[1] + b[1] == 0) return;
  const std::uint64_t n = a[0] + a[1];
  const std::uint64_t first = a[0] + b[0];
  const std::uint64_t total = n + b[0] + b[1];
  const auto choose = [](std::uint64_t of, std::uint64_t k) {
    double ways = 1.0;
    for (std::uint64_t i = 1; i <= k; ++i) ways = ways * static_cast<double>(of - k + i) / static_cast<double>(i);
    return std::round(ways);
  };
  double at_most = 0.0;
  for (std::uint64_t x = 0; x <= std::min(n, first); ++x) {
    if (first - x > total - n) continue;
    const double ways = choose(first, x) * choose(total - first, n - x);
    if (ways <= choose(first, a[0]) * choose(total - first, n - a[0])) at_most += ways;
  }
  CHECK(fisher_exact(a, b).p_value == Approx(at_most / choose(total, n)).epsilon(1e-12));
}

TEST_CASE("fisher_exact is right where chances vanish: no overflow, no 0 over 0", "[drift]") {
  const auto apart = fisher_exact(Cells{100'000, 0}, Cells{0, 100'000});
  CHECK(apart.p_value >= 0.0);
  CHECK(apart.p_value < 1e-300);
  CHECK(apart.effect == 1.0);
  CHECK(fisher_exact(Cells{1'000'000'000, 1}, Cells{1'000'000'000, 1}).p_value == 1.0);
  CHECK(fisher_exact(Cells{5, 0}, Cells{9, 0}).p_value == 1.0);
  CHECK(fisher_exact(Cells{50, 50}, Cells{50, 50}).p_value == Approx(1.0).epsilon(1e-12));
  CHECK(fisher_exact(Cells{3, 0}, Cells{1, 4}).statistic == std::numeric_limits<double>::infinity());
}

TEST_CASE("cramers_v corrected is near 0 when nothing drifts, where the plain one is not", "[drift][property]") {
  double plain = 0.0;
  double corrected = 0.0;
  int alarms = 0;
  const int runs = 400;
  rtml::Rng rng(3);
  for (int run = 0; run < runs; ++run) {
    Cells a(10);
    Cells b(10);
    for (int i = 0; i < 100; ++i) ++a[rng.below(10)], ++b[rng.below(10)];
    plain += cramers_v(a, b, VForm::plain).statistic / runs;
    corrected += cramers_v(a, b).statistic / runs;
    alarms += chi2(a, b).p_value <= 0.05 ? 1 : 0;
  }
  CHECK(plain > 0.18);
  CHECK(corrected < 0.06);
  CHECK(alarms >= 6);
  CHECK(alarms <= 36);
}

TEST_CASE("tests of counts refuse tables that do not fit, know nothing of the empty, and allocate nothing", "[drift][config]") {
  CHECK_THROWS_WITH(chi2(Cells{1, 2}, Cells{1, 2, 3}), "chi2: categories is 3, must be those of the reference, 2");
  CHECK_THROWS_WITH(g_test(Cells{1, 2}, Cells{1}), "g_test: categories is 1, must be those of the reference, 2");
  CHECK_THROWS_WITH(cramers_v(Cells{1, 2}, Cells{1}), "cramers_v: categories is 1, must be those of the reference, 2");
  CHECK_THROWS_WITH(fisher_exact(Cells{1, 2, 3}, Cells{1, 2, 3}), "fisher_exact: categories is 3, must be at most 2");
  CHECK(rtml::is_nan(chi2(Cells{0, 0}, Cells{1, 2}).statistic));
  CHECK(rtml::is_nan(fisher_exact(Cells{1, 2}, Cells{0, 0}).p_value));
  CHECK(cramers_v(Cells{1, 0}, Cells{0, 1}).statistic == 0.0);  // of two values nothing is known
  const Cells a{5, 9, 4};
  const rtml::testing::AllocationCounter counter;
  const auto result = chi2(a, a);
  const auto allocated = counter.count();
  CHECK(allocated == 0);
  CHECK(result.p_value == Approx(1.0));
}

TEST_CASE("fisher_exact of 1e9 and of 1e12 counts has the p-value of Yates' correction, in time that goes by the deviation", "[drift]") {
  struct Pair {
    Cells a;
    Cells b;
  };
  for (const Pair& pair : {Pair{{500'000'000, 500'000'000}, {500'030'000, 499'970'000}},
                           Pair{{500'000'000'000, 500'000'000'000}, {500'001'000'000, 499'999'000'000}}}) {
    CAPTURE(pair.a[0]);
    const auto exact = fisher_exact(pair.a, pair.b);
    CHECK(exact.p_value == Approx(chi2(pair.a, pair.b, Correction::yates).p_value).epsilon(1e-4));
    CHECK(fisher_exact(pair.b, pair.a).p_value == Approx(exact.p_value).epsilon(1e-6));
  }
  CHECK(fisher_exact(Cells{1'000'000'000, 0}, Cells{0, 1'000'000'000}).p_value == 0.0);
}
