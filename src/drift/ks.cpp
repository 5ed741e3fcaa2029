#include "rtml/drift/ks.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

constexpr double exact_cells = 1e8;
constexpr double exact_critical_cells = 1e7;

/// Ascending, with NaN as one value above all others.
struct Ordered {
  std::vector<double> values;  // without the missing ones
  std::size_t size = 0;        // with them

  explicit Ordered(std::span<const double> sample) : size(sample.size()) {
    values.reserve(size);
    std::copy_if(sample.begin(), sample.end(), std::back_inserter(values), [](double value) { return !is_nan(value); });
    std::sort(values.begin(), values.end());
  }
};

/// Largest |i m - j n| over all cuts that leave i of n and j of m below: D n m, in integers.
std::uint64_t largest_gap(const Ordered& a, const Ordered& b) {
  const auto n = static_cast<std::int64_t>(a.size);
  const auto m = static_cast<std::int64_t>(b.size);
  std::size_t i = 0;
  std::size_t j = 0;
  std::int64_t largest = 0;
  const auto compare = [&] { largest = std::max(largest, std::abs(static_cast<std::int64_t>(i) * m - static_cast<std::int64_t>(j) * n)); };
  while (i < a.values.size() && j < b.values.size()) {
    const double at = std::min(a.values[i], b.values[j]);
    while (i < a.values.size() && a.values[i] == at) ++i;  // both sides pass the tie before they are compared
    while (j < b.values.size() && b.values[j] == at) ++j;
    compare();
  }
  i = a.values.size(), j = b.values.size();  // only the missing are left on one side
  compare();
  return static_cast<std::uint64_t>(largest);
}

/// Share of the lattice paths from (0, 0) to (n, m) that reach a gap |i m - j n| of at least `gap`. The share is carried itself, by
/// sums of positive terms: the complement of the paths that stay inside would have no digits left far in the tail.
double exact_p(std::uint64_t gap, std::size_t size_a, std::size_t size_b) {
  if (gap == 0) return 1.0;
  const auto n = static_cast<std::int64_t>(std::max(size_a, size_b));
  const auto m = static_cast<std::int64_t>(std::min(size_a, size_b));
  const auto bound = static_cast<std::int64_t>(gap);
  std::vector<double> reached(static_cast<std::size_t>(m) + 1, 1.0);  // of (i, j), for one i at a time
  for (std::int64_t i = 0; i <= n; ++i) {
    const std::int64_t low = i * m < bound ? 0 : (i * m - bound) / n + 1;  // inside: low <= j <= high
    const std::int64_t high = std::min(m, (i * m + bound - 1) / n);
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

}  // namespace

TwoSample ks(std::span<const double> reference, std::span<const double> current, KsMethod method) {
  if (reference.empty() || current.empty()) return {};
  const Ordered a(reference);
  const Ordered b(current);
  const std::uint64_t gap = largest_gap(a, b);
  const auto n = static_cast<double>(a.size);
  const auto m = static_cast<double>(b.size);
  const double statistic = static_cast<double>(gap) / (n * m);
  const bool exact = method == KsMethod::exact || (method == KsMethod::automatic && n * m <= exact_cells);
  const double p = exact ? exact_p(gap, a.size, b.size) : stats::kolmogorov_sf(std::sqrt(n * m / (n + m)) * statistic);
  return {statistic, p, statistic};
}

double ks_critical(std::size_t n, std::size_t m, double alpha) {
  if (n == 0 || m == 0) return 2.0;
  const auto product = static_cast<double>(n) * static_cast<double>(m);
  const double root = std::sqrt(product / static_cast<double>(n + m));
  const bool exact = product <= exact_critical_cells;
  const std::uint64_t step = std::gcd(n, m);  // gaps |i m - j n| are its multiples
  const auto chance = [&](std::uint64_t gap) {
    return exact ? exact_p(gap, n, m) : stats::kolmogorov_sf(root * (static_cast<double>(gap) / product));
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
