#include "rtml/drift/wasserstein.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rtml/stats/quantile_bins.hpp"

#include "drift/line.hpp"

namespace rtml::drift {

namespace {

struct Scales {
  double deviation = 0.0;
  double robust = 0.0;
};

Scales scales_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double mean = 0.0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean) / static_cast<double>(values.size());
  const std::span<const double> sorted(values);
  const double range = stats::quantile_of_sorted(sorted, 0.75) - stats::quantile_of_sorted(sorted, 0.25);
  return {values.front() < values.back() ? std::sqrt(squares) : 0.0, range / 1.3489795003921634};  // 2 normal_quantile(3 / 4)
}

double over(double distance, double scale) noexcept {
  if (scale > 0.0) return distance / scale;
  return distance > 0.0 ? std::numeric_limits<double>::infinity() : 0.0;
}

}  // namespace

TwoSample wasserstein(std::span<const double> reference, std::span<const double> current, WassersteinScale scale,
                      const Permutations& permutations) {
  std::vector<double> a = finite_values(reference);
  const std::vector<double> b = finite_values(current);
  if (a.empty() || b.empty()) return {};
  const std::vector<Run> runs = pooled(a, b);
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  const auto of_gap = [](double gap) { return std::abs(gap); };
  const double distance = gap_integral(runs, n, m, of_gap) / (n * m);
  const Scales scales = scales_of(std::move(a));
  double statistic = distance;
  if (scale == WassersteinScale::deviation) statistic = over(distance, scales.deviation);
  if (scale == WassersteinScale::robust) statistic = over(distance, scales.robust);
  return {statistic, permutation_p(runs, n, m, permutations, of_gap),
          over(distance, scales.robust > 0.0 ? scales.robust : scales.deviation)};
}

}  // namespace rtml::drift
