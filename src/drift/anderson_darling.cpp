#include "rtml/drift/anderson_darling.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include "rtml/stats/special.hpp"

#include "drift/pooled.hpp"

namespace rtml::drift {

namespace {

/// A^2 of two samples; its mean is 1 when nothing drifts, but for ties.
double raw_statistic(const std::vector<Run>& runs, double n, double m, Ties ties) noexcept {
  const double total = n + m;
  const double step = ties == Ties::midrank ? 0.5 : 0.0;  // how much of a run lies above
  double below_a = 0.0;
  double below = 0.0;
  double sum = 0.0;
  for (const Run& run : runs) {
    const auto a = static_cast<double>(run.a);
    const double both = a + static_cast<double>(run.b);
    below_a += a;
    below += both;
    const double at_a = below_a - step * a;
    const double at = below - step * both;
    const double gap = total * at_a - at * n;  // that of the other sample is its negative
    const double spread = at * (total - at) - 0.5 * step * total * both;
    if (spread > 0.0) sum += both / total * gap * gap / spread;
  }
  sum *= 1.0 / n + 1.0 / m;
  return ties == Ties::midrank ? sum * (total - 1.0) / total : sum;
}

/// Its variance when nothing drifts: the paper's (4), for two samples. @pre n + m > 3
double variance(double n, double m) noexcept {
  const double total = n + m;
  double h = 0.0;
  double g = 0.0;
  for (double i = 2.0; i < total; i += 1.0) {
    h += 1.0 / (total - i + 1.0);
    g += h / i;
  }
  h += 1.0;
  const double inverse = 1.0 / n + 1.0 / m;
  const double a = 4.0 * g - 6.0 + (10.0 - 6.0 * g) * inverse;
  const double b = 4.0 * (2.0 * g - 4.0) + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g - 6.0;
  const double c = 4.0 * (6.0 * h + 2.0 * g - 2.0) + 2.0 * (4.0 * h - 4.0 * g + 6.0) + (2.0 * h - 6.0) * inverse + 4.0 * h;
  const double d = 4.0 * (2.0 * h + 6.0) - 8.0 * h;
  return (((a * total + b) * total + c) * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0));
}

}  // namespace

TwoSample anderson_darling(std::span<const double> reference, std::span<const double> current, Ties ties) {
  const auto n = static_cast<double>(reference.size());
  const auto m = static_cast<double>(current.size());
  if (reference.empty() || current.empty() || n + m < 4.0) return {};
  constexpr double pi2 = std::numbers::pi * std::numbers::pi;
  const double limit_deviation = std::sqrt(2.0 * (pi2 - 9.0) / 3.0);
  const std::vector<Run> runs = pooled(reference, current);
  const double raw = runs.size() < 2 ? 0.0 : raw_statistic(runs, n, m, ties);
  const double statistic = (raw - 1.0) / std::sqrt(variance(n, m));
  const double p = stats::anderson_darling_sf(1.0 + limit_deviation * statistic);
  return {statistic, p, std::sqrt(std::max(0.0, raw - 1.0) * (n + m) / (n * m))};
}

}  // namespace rtml::drift
