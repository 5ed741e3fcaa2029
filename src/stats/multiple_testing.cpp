#include "rtml/stats/multiple_testing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "rtml/core/finite.hpp"
#include "undefined.hpp"

namespace rtml::stats {

namespace {

using detail::undefined;

double tested(double p) noexcept { return is_nan(p) ? 1.0 : p; }

/// The places of p-values in ascending order.
void sort_by_p(std::span<const double> p, std::span<std::uint32_t> order) noexcept {
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::sort(order.begin(), order.end(), [p](std::uint32_t a, std::uint32_t b) { return tested(p[a]) < tested(p[b]); });
}

/// From the largest p-value down, none larger than the one before. The r-th smallest (r = 1 .. k) is `weight(r)` times itself.
template <class Weight>
void step_up(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order, Weight weight) noexcept {
  sort_by_p(p, order);
  double least = 1.0;
  for (std::size_t rank = order.size(); rank > 0; --rank) {
    const std::uint32_t at = order[rank - 1];
    least = std::min(least, weight(static_cast<double>(rank)) * tested(p[at]));
    adjusted[at] = is_nan(p[at]) ? undefined : least;
  }
}

}  // namespace

void bonferroni(std::span<const double> p, std::span<double> adjusted) noexcept {
  const auto k = static_cast<double>(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) adjusted[i] = is_nan(p[i]) ? undefined : std::min(1.0, k * p[i]);
}

void holm(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  sort_by_p(p, order);
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const std::uint32_t at = order[rank];
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * tested(p[at])));
    adjusted[at] = is_nan(p[at]) ? undefined : largest;
  }
}

void hochberg(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  const auto k = static_cast<double>(p.size());
  step_up(p, adjusted, order, [k](double rank) { return k - rank + 1.0; });
}

void benjamini_hochberg(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  const auto k = static_cast<double>(p.size());
  step_up(p, adjusted, order, [k](double rank) { return k / rank; });
}

void benjamini_yekutieli(std::span<const double> p, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  double harmonic = 0.0;
  for (std::size_t i = p.size(); i > 0; --i) harmonic += 1.0 / static_cast<double>(i);
  const double all = harmonic * static_cast<double>(p.size());
  step_up(p, adjusted, order, [all](double rank) { return all / rank; });
}

void e_benjamini_hochberg(std::span<const double> e, std::span<double> adjusted, std::span<std::uint32_t> order) noexcept {
  for (std::size_t i = 0; i < e.size(); ++i) adjusted[i] = e[i] >= 0.0 ? std::min(1.0, 1.0 / std::abs(e[i])) : undefined;  // abs: -0.0
  benjamini_hochberg(adjusted, adjusted, order);
}

double e_from_p(double p) noexcept {
  if (!(p >= 0.0 && p <= 1.0)) return undefined;
  const double x = -std::log(p);  // (e^x - 1 - x) / x^2
  if (p == 0.0) return x;
  if (x > 30.0) return 1.0 / (p * x) / x - (1.0 + x) / (x * x);  // 1 / p alone may overflow
  if (x > 0.5) return (std::expm1(x) - x) / (x * x);
  double sum = 0.0;  // 1/2! + x/3! + x^2/4! + ...
  double term = 0.5;
  for (double n = 3.0; n < 18.0; n += 1.0) {
    sum += term;
    term *= x / n;
  }
  return sum;
}

}  // namespace rtml::stats
