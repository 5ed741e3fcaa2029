#include "rtml/drift/cramer_von_mises.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/stats/special.hpp"

#include "drift/pooled.hpp"

namespace rtml::drift {

namespace {

__extension__ using Wide = __int128;

constexpr std::size_t most_exact = 20;

/// 12 U - 2 n m (4 n m - 1), with U = n sum (rank - place)^2 over one sample + m ... over the other: 12 n m (n + m) T, in integers because T
/// is a small difference of large numbers. Holds to n + m = 1e9.
Wide scaled_statistic(const std::vector<Run>& runs, Wide n, Wide m) {
  Wide u = 0;
  Wide below_a = 0;
  Wide below_b = 0;
  for (const Run& run : runs) {
    const auto a = static_cast<Wide>(run.a);
    const auto b = static_cast<Wide>(run.b);
    const Wide twice_b = 2 * below_b + b;  // how many of the other sample lie below, ties as half
    const Wide twice_a = 2 * below_a + a;
    u += n * (3 * a * twice_b * twice_b + a * a * a - a) + m * (3 * b * twice_a * twice_a + b * b * b - b);
    below_a += a;
    below_b += b;
  }
  return u - 2 * n * m * (4 * n * m - 1);
}

/// Sums of squared gaps that lattice paths have so far, and the share of paths with each.
struct Sum {
  std::int64_t value;
  double share;
};

/// Adds `share` of what `from` has, sum by sum. Both are sorted.
void mix(std::vector<Sum>& into, const std::vector<Sum>& from, double share, std::vector<Sum>& scratch) {
  scratch.clear();
  std::size_t i = 0;
  for (const Sum& sum : from) {
    while (i < into.size() && into[i].value < sum.value) scratch.push_back(into[i++]);
    scratch.push_back({sum.value, share * sum.share});
    if (i < into.size() && into[i].value == sum.value) scratch.back().share += into[i++].share;
  }
  scratch.insert(scratch.end(), into.begin() + static_cast<std::ptrdiff_t>(i), into.end());
  into.swap(scratch);
}

/// Share of the lattice paths from (0, 0) to (n, m) whose squared gaps (i m - j n)^2 / gcd^2 add up to at least `least`. What has reached
/// it is counted at once.
double exact_p(std::int64_t least, std::int64_t n, std::int64_t m) {
  if (least <= 0) return 1.0;
  const std::int64_t divisor = std::gcd(n, m);
  std::vector<std::vector<Sum>> sums(static_cast<std::size_t>(m) + 1);  // at (i, j), for one i at a time; shares of the paths that come by
  std::vector<Sum> scratch;
  double reached = 0.0;
  for (std::int64_t i = 0; i <= n; ++i) {
    for (std::int64_t j = 0; j <= m; ++j) {
      auto& here = sums[static_cast<std::size_t>(j)];
      if (i + j == 0) {
        here.push_back({0, 1.0});
        continue;
      }
      // From (i - 1, j) a path goes on in i with the share of i's that are left, n - i + 1 of what is left.
      const auto left = static_cast<double>(n - i + m - j + 1);
      const double on_i = i == 0 ? 0.0 : static_cast<double>(n - i + 1) / left;
      for (Sum& sum : here) sum.share *= on_i;
      if (j > 0) mix(here, sums[static_cast<std::size_t>(j) - 1], static_cast<double>(m - j + 1) / left, scratch);
      const std::int64_t gap = (i * m - j * n) / divisor;
      std::size_t kept = 0;
      for (const Sum& sum : here) {
        const std::int64_t value = sum.value + gap * gap;
        if (value >= least) {
          reached += sum.share;
        } else {
          here[kept++] = {value, sum.share};
        }
      }
      here.resize(kept);
    }
  }
  return std::min(1.0, reached);
}

double asymptotic_p(double statistic, double n, double m) {
  const double total = n + m;
  const double mean = (1.0 + 1.0 / total) / 6.0;
  const double variance =
      (total + 1.0) * (4.0 * n * m * total - 3.0 * (n * n + m * m) - 2.0 * n * m) / (45.0 * total * total * 4.0 * n * m);
  if (!(variance > 0.0)) return 1.0;  // of one value against one there is a single statistic
  return stats::cramer_von_mises_sf(1.0 / 6.0 + (statistic - mean) / std::sqrt(45.0 * variance));
}

}  // namespace

TwoSample cramer_von_mises(std::span<const double> reference, std::span<const double> current, CvmMethod method) {
  const std::size_t largest = std::max(reference.size(), current.size());
  if (method == CvmMethod::exact) require("cramer_von_mises", "values", largest, largest <= most_exact, "at most 20 for method exact");
  if (reference.empty() || current.empty()) return {};
  const std::vector<Run> runs = pooled(reference, current);
  const auto size_a = static_cast<Wide>(reference.size());
  const auto size_b = static_cast<Wide>(current.size());
  const Wide scaled = scaled_statistic(runs, size_a, size_b);
  const auto n = static_cast<double>(reference.size());
  const auto m = static_cast<double>(current.size());
  const double statistic = static_cast<double>(scaled) / (12.0 * n * m * (n + m));
  const bool tied = runs.size() < reference.size() + current.size();
  if (method == CvmMethod::automatic) method = largest <= most_exact && !tied ? CvmMethod::exact : CvmMethod::asymptotic;
  double p = 1.0;
  if (method == CvmMethod::exact) {
    const Wide divisor = std::gcd(reference.size(), current.size());
    const Wide unit = 12 * divisor * divisor;
    p = exact_p(static_cast<std::int64_t>((size_a + size_b) * scaled / unit), static_cast<std::int64_t>(size_a),
                static_cast<std::int64_t>(size_b));
  } else {
    p = asymptotic_p(statistic, n, m);
  }
  const double squared_gap = (statistic - (1.0 + 1.0 / (n + m)) / 6.0) * (n + m) / (n * m);
  return {statistic, p, std::sqrt(std::max(0.0, squared_gap))};
}

}  // namespace rtml::drift
