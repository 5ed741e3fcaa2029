#include "rtml/drift/histogram_distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/stats/quantile_bins.hpp"

#include "drift/reference/distance_reference.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using rtml::drift::hellinger;
using rtml::drift::jensen_shannon;
using rtml::drift::JsForm;
using rtml::drift::kl;
using rtml::drift::psi;
using rtml::drift::total_variation;
using rtml::testing::gaussian;

namespace {

using Counted = std::vector<std::uint64_t>;

Counted random_counts(rtml::Rng& rng, std::size_t bins) {
  Counted counts(bins);
  for (auto& count : counts) count = rng.below(4) == 0 ? 0 : rng.below(200);
  counts.front() += 1;
  return counts;
}

}  // namespace

TEST_CASE("histogram distances of samples are those of numpy's quantile bins, on all 31 pairs that have them", "[drift][reference]") {
  int checked = 0;
  for (const auto& pair : rtml::testing::pair_references()) {
    if (pair.reference_counts.empty()) continue;
    ++checked;
    CAPTURE(pair.name);
    const rtml::stats::QuantileBins bins(pair.reference);
    REQUIRE(std::vector<double>(bins.edges().begin(), bins.edges().end()) == pair.inner_edges);
    const auto stability = psi(pair.reference, pair.current);
    CHECK(stability.statistic == Approx(pair.psi).epsilon(1e-12).margin(1e-12));
    CHECK(stability.p_value == Approx(pair.psi_p).epsilon(1e-9).margin(0.0));
    CHECK(psi(pair.reference_counts, pair.current_counts).statistic == stability.statistic);
    const auto divergence = [&](JsForm form, double base) {
      return jensen_shannon(pair.reference, pair.current, 10, form, base).statistic;
    };
    CHECK(divergence(JsForm::distance, 2.0) == Approx(pair.js_base2).epsilon(1e-12).margin(1e-12));
    CHECK(divergence(JsForm::distance, std::numbers::e) == Approx(pair.js_base_e).epsilon(1e-12).margin(1e-12));
    CHECK(divergence(JsForm::divergence, 2.0) == Approx(pair.js_bits).epsilon(1e-12).margin(1e-12));
    CHECK(hellinger(pair.reference, pair.current).statistic == Approx(pair.hellinger).epsilon(1e-12).margin(1e-12));
    CHECK(total_variation(pair.reference, pair.current).statistic == Approx(pair.total_variation).epsilon(1e-12).margin(1e-12));
    CHECK(kl(pair.reference, pair.current).statistic == kl(pair.reference_counts, pair.current_counts).statistic);
  }
  CHECK(checked == 31);
}

TEST_CASE("histogram distances of counts are scipy's on all 15 tables", "[drift][reference]") {
  for (const auto& table : rtml::testing::counts_references()) {
    CAPTURE(table.name);
    CHECK(psi(table.reference, table.current).statistic == Approx(table.psi).epsilon(1e-12).margin(1e-12));
    const auto divergence = [&](JsForm form, double base) { return jensen_shannon(table.reference, table.current, form, base).statistic; };
    CHECK(divergence(JsForm::distance, 2.0) == Approx(table.js_base2).epsilon(1e-12).margin(1e-12));
    CHECK(divergence(JsForm::distance, std::numbers::e) == Approx(table.js_base_e).epsilon(1e-12).margin(1e-12));
    CHECK(divergence(JsForm::divergence, std::numbers::e) == Approx(table.js_nats).epsilon(1e-12).margin(1e-12));
    CHECK(kl(table.reference, table.current).statistic == Approx(table.kl).epsilon(1e-12).margin(1e-12));
    CHECK(kl(table.current, table.reference).statistic == Approx(table.kl_reversed).epsilon(1e-12).margin(1e-12));
    CHECK(hellinger(table.reference, table.current).statistic == Approx(table.hellinger).epsilon(1e-12).margin(1e-12));
    CHECK(total_variation(table.reference, table.current).statistic == Approx(table.total_variation).epsilon(1e-12).margin(1e-12));
  }
}

TEST_CASE("psi and jensen_shannon are symmetric, not negative, 0 on equal counts, and indifferent to the order of bins",
          "[drift][metamorphic]") {
  const auto seed = GENERATE(range(1u, 26u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  Counted a = random_counts(rng, 1 + seed % 12);
  Counted b = random_counts(rng, a.size());
  for (const bool stability : {true, false}) {
    const auto distance = [&] { return stability ? psi(a, b) : jensen_shannon(a, b); };
    const auto there = distance();
    std::swap(a, b);
    CHECK(distance().statistic == Approx(there.statistic).epsilon(1e-12).margin(1e-15));
    std::rotate(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(a.size() / 2), a.end());
    std::rotate(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(b.size() / 2), b.end());
    CHECK(distance().statistic == Approx(there.statistic).epsilon(1e-12).margin(1e-15));
    CHECK(there.statistic >= 0.0);
    CHECK(there.p_value >= 0.0);
    CHECK(there.p_value <= 1.0);
  }
  CHECK(psi(a, a).statistic == 0.0);
  CHECK(psi(a, a).p_value == 1.0);
  CHECK(psi(a, a).effect == 0.0);
  CHECK(jensen_shannon(a, a).statistic == 0.0);
  CHECK(jensen_shannon(a, b).statistic <= 1.0);
  CHECK(jensen_shannon(a, b, JsForm::distance, std::numbers::e).effect == jensen_shannon(a, b).statistic);
}

TEST_CASE("jensen_shannon of what shares no bin is 1 in base 2", "[drift]") {
  CHECK(jensen_shannon(Counted{5, 0, 3}, Counted{0, 9, 0}).statistic == Approx(1.0).epsilon(1e-15));
  CHECK(jensen_shannon(Counted{5, 0, 3}, Counted{0, 9, 0}, JsForm::divergence, std::numbers::e).statistic ==
        Approx(std::numbers::ln2).epsilon(1e-15));
}

TEST_CASE("jensen_shannon does not mind bins that neither side fills", "[drift][metamorphic]") {
  const auto without = jensen_shannon(Counted{50, 30}, Counted{40, 45});
  const auto with = jensen_shannon(Counted{50, 0, 30, 0}, Counted{40, 0, 45, 0});
  CHECK(with.statistic == without.statistic);
  CHECK(with.p_value == without.p_value);
}

TEST_CASE("the p-values of psi and jensen_shannon keep their level when nothing drifts, and psi's mean is as predicted",
          "[drift][property]") {
  const int runs = 1000;
  int psi_alarms = 0;
  int js_alarms = 0;
  int fixed_level_alarms = 0;
  double sum = 0.0;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(seed, 600);
    const auto reference = std::span(values).first(300);
    const auto stability = psi(reference, std::span(values).last(300));
    sum += stability.statistic;
    psi_alarms += stability.p_value <= 0.05 ? 1 : 0;
    js_alarms += jensen_shannon(reference, std::span(values).last(300)).p_value <= 0.05 ? 1 : 0;
    fixed_level_alarms += psi(reference, std::span(values).subspan(300, 50)).statistic > 0.2 ? 1 : 0;
  }
  CHECK(psi_alarms >= 20);
  CHECK(psi_alarms <= 75);
  CHECK(js_alarms >= 20);
  CHECK(js_alarms <= 75);
  CHECK(sum / runs == Approx(rtml::drift::psi_null_mean(10, 300, 300)).epsilon(0.08));
  CHECK(fixed_level_alarms > 150);  // why a window of 50 must not be judged by the usual level
}

TEST_CASE("psi grows with the shift of a sample", "[drift][property]") {
  const auto reference = gaussian(1, 2000);
  double last = 0.0;
  for (const double shift : {0.0, 0.3, 0.6, 1.2, 2.4}) {
    auto current = gaussian(2, 2000);
    for (double& value : current) value += shift;
    const auto stability = psi(reference, current);
    CHECK(stability.statistic > last);
    CHECK(stability.effect == Approx(std::max(0.0, stability.statistic - rtml::drift::psi_null_mean(10, 2000, 2000))));
    last = stability.statistic;
  }
}

TEST_CASE("psi and jensen_shannon see a change of the missing rate, and have a bin for it only then", "[drift]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto reference = gaussian(1, 1000);
  auto current = gaussian(2, 1000);
  const auto without = psi(reference, current);
  CHECK(without.p_value > 0.001);
  for (std::size_t i = 0; i < current.size(); i += 5) current[i] = nan;
  CHECK(psi(reference, current).p_value < 1e-9);
  CHECK(jensen_shannon(reference, current).p_value < 1e-9);
  CHECK(psi(std::vector<double>{nan, nan}, std::vector<double>{nan, nan}).statistic == 0.0);
}

TEST_CASE("histogram distances refuse what has not as many bins, and know nothing of the empty", "[drift][config]") {
  CHECK_THROWS_WITH(psi(Counted{1, 2}, Counted{1, 2, 3}), "psi: bins is 3, must be those of the reference, 2");
  CHECK_THROWS_WITH(jensen_shannon(Counted{1, 2}, Counted{1}), "jensen_shannon: bins is 1, must be those of the reference, 2");
  CHECK_THROWS_WITH(jensen_shannon(Counted{1, 2}, Counted{1, 2}, JsForm::distance, 1.0),
                    "jensen_shannon: base is 1, must be finite and > 1");
  CHECK_THROWS_WITH(psi(gaussian(1, 5), gaussian(2, 5), 1), "QuantileBins: bins is 1, must be in [2, 65536]");
  CHECK(rtml::is_nan(psi(Counted{0, 0}, Counted{1, 2}).statistic));
  CHECK(rtml::is_nan(psi(Counted{1, 2}, Counted{0, 0}).p_value));
  CHECK(rtml::is_nan(jensen_shannon(Counted{0, 0}, Counted{1, 2}).effect));
  CHECK(rtml::is_nan(psi(gaussian(1, 5), std::vector<double>{}).statistic));
}

TEST_CASE("jensen_shannon takes the mean of the distributions, not of the samples, and keeps bins that one side lacks", "[drift]") {
  // Two of three and three of three in the first bin: M = (5/6, 1/6).
  const double expected = 0.5 * (2.0 / 3.0 * std::log2(4.0 / 5.0) + 1.0 / 3.0 * std::log2(2.0)) + 0.5 * std::log2(6.0 / 5.0);
  CHECK(jensen_shannon(Counted{2, 1}, Counted{3, 0}, JsForm::divergence).statistic == Approx(expected).epsilon(1e-14));
}

TEST_CASE("an empty bin costs psi a few units, not hundreds", "[drift]") {
  CHECK(psi(Counted{50, 50, 0}, Counted{40, 50, 10}).statistic < 0.5);
  CHECK(psi(Counted{100, 0}, Counted{0, 100}).statistic < 11.0);
}

TEST_CASE("the number of bins of psi, kl, hellinger and total_variation takes effect", "[drift]") {
  const auto a = gaussian(1, 500);
  const auto b = gaussian(2, 500);
  CHECK(psi(a, b, 4).statistic < psi(a, b, 40).statistic);
  CHECK(kl(a, b, 4).statistic < kl(a, b, 40).statistic);
  CHECK(hellinger(a, b, 4).statistic < hellinger(a, b, 40).statistic);
  CHECK(total_variation(a, b, 4).statistic < total_variation(a, b, 40).statistic);
}

TEST_CASE("kl is infinite where the current side lacks a bin, and its p-value is not fooled by it", "[drift]") {
  const auto lacking = kl(Counted{30, 28, 1}, Counted{31, 29, 0});
  CHECK(lacking.statistic == std::numeric_limits<double>::infinity());
  CHECK(lacking.p_value > 0.2);
  CHECK(rtml::is_finite(lacking.effect));
  const auto moved = kl(Counted{300, 280, 1}, Counted{100, 480, 0});
  CHECK(moved.p_value < 1e-9);
  CHECK(moved.effect > 0.1);
}

TEST_CASE("kl, hellinger and total_variation lie between their bounds and order pairs alike", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 26u));
  CAPTURE(seed);
  rtml::Rng rng(seed);
  const Counted a = random_counts(rng, 2 + seed % 12);
  const Counted b = random_counts(rng, a.size());
  const double h = hellinger(a, b).statistic;
  const double v = total_variation(a, b).statistic;
  CHECK(h * h <= v + 1e-12);  // Le Cam's inequalities
  CHECK(v <= h * std::sqrt(2.0 - h * h) + 1e-12);
  CHECK(kl(a, b).statistic >= 2.0 * v * v - 1e-12);  // Pinsker's
  CHECK(hellinger(b, a).statistic == Approx(h).margin(1e-15));
  CHECK(total_variation(b, a).statistic == Approx(v).margin(1e-15));
  CHECK(hellinger(a, a).statistic == 0.0);
  CHECK(total_variation(a, a).statistic == 0.0);
  CHECK(kl(a, a).statistic == 0.0);
  CHECK(kl(a, a).p_value == 1.0);
}

TEST_CASE("p-values of kl, hellinger and total_variation keep their level when nothing drifts", "[drift][property]") {
  const int runs = 1000;
  int kl_alarms = 0;
  int hellinger_alarms = 0;
  int variation_alarms = 0;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    const auto values = gaussian(5000 + seed, 600);
    const auto reference = std::span(values).first(300);
    const auto current = std::span(values).last(300);
    kl_alarms += kl(reference, current).p_value <= 0.05 ? 1 : 0;
    hellinger_alarms += hellinger(reference, current).p_value <= 0.05 ? 1 : 0;
    variation_alarms += total_variation(reference, current).p_value <= 0.05 ? 1 : 0;
  }
  for (const int alarms : {kl_alarms, hellinger_alarms, variation_alarms}) {
    CHECK(alarms >= 20);
    CHECK(alarms <= 75);
  }
}

TEST_CASE("kl, hellinger and total_variation refuse what has not as many bins, and know nothing of the empty", "[drift][config]") {
  CHECK_THROWS_WITH(kl(Counted{1, 2}, Counted{1}), "kl: bins is 1, must be those of the reference, 2");
  CHECK_THROWS_WITH(hellinger(Counted{1, 2}, Counted{1}), "hellinger: bins is 1, must be those of the reference, 2");
  CHECK_THROWS_WITH(total_variation(Counted{1, 2}, Counted{1}), "total_variation: bins is 1, must be those of the reference, 2");
  for (const auto& result : {kl(Counted{0}, Counted{1}), hellinger(Counted{0}, Counted{1}), total_variation(Counted{1}, Counted{0})}) {
    CHECK(rtml::is_nan(result.statistic));
    CHECK(rtml::is_nan(result.p_value));
  }
}
