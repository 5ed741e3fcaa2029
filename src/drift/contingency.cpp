#include "rtml/drift/contingency.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

using Counts = std::span<const std::uint64_t>;

struct Table {
  Counts reference;
  Counts current;
  double n = 0.0;
  double m = 0.0;
  std::size_t filled = 0;

  Table(std::string_view who, Counts a, Counts b) : reference(a), current(b) {
    if (a.size() != b.size()) require(who, "categories", b.size(), false, "those of the reference, " + to_text(a.size()));
    n = static_cast<double>(std::accumulate(a.begin(), a.end(), std::uint64_t{0}));
    m = static_cast<double>(std::accumulate(b.begin(), b.end(), std::uint64_t{0}));
    for (std::size_t i = 0; i < a.size(); ++i) filled += a[i] + b[i] > 0 ? 1U : 0U;
  }

  bool empty() const noexcept { return n == 0.0 || m == 0.0; }

  /// Sum of term(observed, expected) over the cells of filled categories.
  template <class F>
  double sum(F term) const noexcept {
    double all = 0.0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const auto a = static_cast<double>(reference[i]);
      const auto b = static_cast<double>(current[i]);
      if (a + b == 0.0) continue;
      all += term(a, (a + b) * (n / (n + m))) + term(b, (a + b) * (m / (n + m)));
    }
    return all;
  }

  double p_value(double statistic) const noexcept { return filled < 2 ? 1.0 : stats::chi2_sf(statistic, static_cast<double>(filled - 1)); }

  double pearson() const noexcept {
    return sum([](double observed, double expected) { return (observed - expected) * (observed - expected) / expected; });
  }

  double corrected_v() const noexcept {
    const double total = n + m;
    const double freedom = static_cast<double>(filled) - 1.0;
    if (filled < 2) return 0.0;
    const double phi2 = std::max(0.0, pearson() / total - freedom / (total - 1.0));
    const double columns = freedom - freedom * freedom / (total - 1.0);
    const double rows = 1.0 - 1.0 / (total - 1.0);
    const double least = std::min(columns, rows);
    return least > 0.0 ? std::min(1.0, std::sqrt(phi2 / least)) : 0.0;
  }
};

/// Chances of x of the first category in the reference, for fixed margins, in units of the likeliest one's, to `visit(x, weight)`: first up
/// from the likeliest, then down from it, until they vanish: O(standard deviation of x).
template <class F>
void walk_tables(double n, double first, double total, F visit) noexcept {
  constexpr double vanished = 1e-300;  // among subnormal numbers a product by nearly 1 may stand still
  const double most = std::min(n, first);
  const double least = std::max(0.0, n + first - total);
  const double mode = std::clamp(std::floor((n + 1.0) * (first + 1.0) / (total + 2.0)), least, most);
  const auto step = [&](double x) { return (n - x) * (first - x) / ((x + 1.0) * (total - n - first + x + 1.0)); };  // to x + 1
  double weight = 1.0;
  for (double x = mode; x <= most && weight > vanished; weight *= step(x), x += 1.0) visit(x, weight);
  weight = 1.0;
  for (double x = mode - 1.0; x >= least && weight > vanished; x -= 1.0) visit(x, weight /= step(x));
}

}  // namespace

TwoSample chi2(Counts reference, Counts current, Correction correction) {
  const Table table("chi2", reference, current);
  if (table.empty()) return {};
  double statistic = 0.0;
  if (correction == Correction::yates && table.filled == 2) {
    statistic = table.sum([](double observed, double expected) {
      const double gap = std::max(0.0, std::abs(observed - expected) - 0.5);
      return gap * gap / expected;
    });
  } else {
    statistic = table.pearson();
  }
  return {statistic, table.p_value(statistic), table.corrected_v()};
}

TwoSample g_test(Counts reference, Counts current) {
  const Table table("g_test", reference, current);
  if (table.empty()) return {};
  const double sum =
      table.sum([](double observed, double expected) { return observed > 0.0 ? observed * std::log(observed / expected) : 0.0; });
  const double statistic = std::max(0.0, 2.0 * sum);
  return {statistic, table.p_value(statistic), table.corrected_v()};
}

TwoSample cramers_v(Counts reference, Counts current, VForm form) {
  const Table table("cramers_v", reference, current);
  if (table.empty()) return {};
  const double pearson = table.pearson();
  const double corrected = table.corrected_v();
  return {form == VForm::corrected ? corrected : std::sqrt(pearson / (table.n + table.m)), table.p_value(pearson), corrected};
}

TwoSample fisher_exact(Counts reference, Counts current) {
  const Table table("fisher_exact", reference, current);
  require("fisher_exact", "categories", table.filled, table.filled <= 2, "at most 2");
  if (table.empty()) return {};
  if (table.filled < 2) return {1.0, 1.0, 0.0};
  std::array<double, 2> a{};
  std::array<double, 2> b{};
  std::size_t next = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] == 0) continue;
    a[next] = static_cast<double>(reference[i]);
    b[next++] = static_cast<double>(current[i]);
  }
  const auto each_table = [&](auto visit) { walk_tables(table.n, a[0] + b[0], table.n + table.m, visit); };
  double observed = 0.0;
  double all = 0.0;
  each_table([&](double x, double weight) {
    all += weight;
    if (x == a[0]) observed = weight;
  });
  double at_most = 0.0;
  each_table([&](double, double weight) {
    if (weight <= observed * (1.0 + 1e-9)) at_most += weight;  // equally likely ones differ by their rounding
  });
  const double below = a[1] * b[0];
  const double odds = below > 0.0 ? a[0] * b[1] / below : std::numeric_limits<double>::infinity();
  return {odds, std::min(1.0, at_most / all), std::abs(a[0] / table.n - b[0] / table.m)};
}

}  // namespace rtml::drift
