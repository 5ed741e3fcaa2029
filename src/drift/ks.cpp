#include "rtml/drift/ks.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "rtml/stats/special.hpp"

#include "drift/pooled.hpp"

namespace rtml::drift {

namespace {

constexpr double exact_cells = 1e8;
constexpr double exact_critical_cells = 1e7;

/// Largest i m - j n, j n - i m or either over all cuts that leave i of n and j of m below: D n m, in integers. Both sides pass a tie
/// before they are compared.
std::uint64_t largest_gap(const std::vector<Run>& runs, std::size_t size_a, std::size_t size_b, Direction direction) {
  const auto n = static_cast<std::int64_t>(size_a);
  const auto m = static_cast<std::int64_t>(size_b);
  std::int64_t i = 0;
  std::int64_t j = 0;
  std::int64_t largest = 0;
  for (const Run& run : runs) {
    i += static_cast<std::int64_t>(run.a);
    j += static_cast<std::int64_t>(run.b);
    const std::int64_t above = i * m - j * n;
    if (direction != Direction::fall) largest = std::max(largest, above);
    if (direction != Direction::rise) largest = std::max(largest, -above);
  }
  return static_cast<std::uint64_t>(largest);
}

/// Share of the lattice paths from (0, 0) to (n, m) that reach a gap |i m - j n| (i m - j n for one side) of at least `gap`. The share is
/// carried itself, by sums of positive terms: the complement of the paths that stay inside would have no digits left far in the tail.
double exact_p(std::uint64_t gap, std::size_t size_a, std::size_t size_b, bool both_sides) {
  if (gap == 0) return 1.0;
  const auto n = static_cast<std::int64_t>(std::max(size_a, size_b));  // one side or the other: paths backwards swap them
  const auto m = static_cast<std::int64_t>(std::min(size_a, size_b));
  const auto bound = static_cast<std::int64_t>(gap);
  std::vector<double> reached(static_cast<std::size_t>(m) + 1, 1.0);  // of (i, j), for one i at a time
  for (std::int64_t i = 0; i <= n; ++i) {
    const std::int64_t low = i * m < bound ? 0 : (i * m - bound) / n + 1;  // inside: low <= j <= high
    const std::int64_t high = both_sides ? std::min(m, (i * m + bound - 1) / n) : m;
    double left = low == 0 ? 0.0 : 1.0;
    for (std::int64_t j = low; j <= high; ++j) {
      double& here = reached[static_cast<std::size_t>(j)];
      if (i + j == 0) {
        here = 0.0;
      } else {
        const double from_left = static_cast<double>(j) / static_cast<double>(i + j);
        here = from_left * left + (1.0 - from_left) * (i == 0 ? 0.0 : here);
      }
      left = here;
    }
  }
  return std::min(1.0, reached.back());
}

double asymptotic_p(double gap, double n, double m, bool both_sides) {
  const double effective = n * m / (n + m);
  if (both_sides) return stats::kolmogorov_smirnov_sf(gap, static_cast<std::uint64_t>(std::nearbyint(effective)));
  const double z = std::sqrt(effective) * gap;
  const double skew = (std::max(n, m) + 2.0 * std::min(n, m)) / std::sqrt(n * m * (n + m));  // Hodges' equation 5.3
  return std::exp(-2.0 * z * z - 2.0 / 3.0 * z * skew);
}

double limit_p(double gap, double n, double m, bool both_sides) {
  const double z = std::sqrt(n * m / (n + m)) * gap;
  return both_sides ? stats::kolmogorov_sf(z) : std::exp(-2.0 * z * z);
}

}  // namespace

TwoSample ks(std::span<const double> reference, std::span<const double> current, KsMethod method, Direction direction) {
  if (reference.empty() || current.empty()) return {};
  const std::uint64_t gap = largest_gap(pooled(reference, current), reference.size(), current.size(), direction);
  const auto n = static_cast<double>(reference.size());
  const auto m = static_cast<double>(current.size());
  const double statistic = static_cast<double>(gap) / (n * m);
  const bool both_sides = direction == Direction::both;
  if (method == KsMethod::automatic) method = n * m <= exact_cells ? KsMethod::exact : KsMethod::asymptotic;
  switch (method) {
    case KsMethod::automatic:
    case KsMethod::exact: return {statistic, exact_p(gap, reference.size(), current.size(), both_sides), statistic};
    case KsMethod::asymptotic: return {statistic, asymptotic_p(statistic, n, m, both_sides), statistic};
    case KsMethod::limit: return {statistic, limit_p(statistic, n, m, both_sides), statistic};
  }
  return {};
}

double ks_critical(std::size_t n, std::size_t m, double alpha) {
  if (n == 0 || m == 0) return 2.0;
  const auto product = static_cast<double>(n) * static_cast<double>(m);
  const double root = std::sqrt(product / static_cast<double>(n + m));
  const bool exact = product <= exact_critical_cells;
  const std::uint64_t step = std::gcd(n, m);  // gaps |i m - j n| are its multiples
  const auto chance = [&](std::uint64_t gap) {
    return exact ? exact_p(gap, n, m, true) : stats::kolmogorov_sf(root * (static_cast<double>(gap) / product));
  };
  std::uint64_t low = 0;  // likelier than alpha, in steps
  std::uint64_t high = n * m / step;
  if (chance(high * step) > alpha) return 2.0;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (chance(middle * step) > alpha ? low : high) = middle;
  }
  return static_cast<double>(high * step) / product;
}

}  // namespace rtml::drift
