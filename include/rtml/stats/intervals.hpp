#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "rtml/core/finite.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::stats {

/// Where a number lies, for all that was seen.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

namespace detail {

constexpr Interval no_interval{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};

inline bool is_share(double successes, double n, double confidence) noexcept {
  return is_finite(n) && n > 0.0 && successes >= 0.0 && successes <= n && confidence > 0.0 && confidence < 1.0;
}

}  // namespace detail

// Two-sided intervals of a rate of which `successes` of `n` independent draws are a sample. Counts need not be whole: with weights give the
// share times the effective size (sum w)^2 / sum w^2. Both NaN where n = 0 or an argument is out of range. Nothing allocates or throws.

/// Wilson's score interval: covers the rate with about `confidence` on the average over rates, less near 0 and 1 (but 0.83 from n = 5
/// on, of 0.95). The one to show. O(1).
/// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927); recommended by L. D. Brown,
/// T. T. Cai, A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), section 5.
inline Interval wilson(double successes, double n, double confidence = 0.95) noexcept {
  if (!detail::is_share(successes, n, confidence)) return detail::no_interval;
  const double z = -normal_quantile(0.5 * (1.0 - confidence));
  const double rate = successes / n;
  const double shrink = 1.0 / (1.0 + z * z / n);
  const double centre = shrink * (rate + 0.5 * z * z / n);
  const double half = shrink * z * std::sqrt((rate * (1.0 - rate) + 0.25 * z * z / n) / n);
  // The ends at rate 0 and 1 are 0 and 1; rounding must not say otherwise.
  return {successes == 0.0 ? 0.0 : std::max(centre - half, 0.0), successes == n ? 1.0 : std::min(centre + half, 1.0)};
}

/// Clopper and Pearson's exact interval: covers every rate with at least `confidence`, and is wide for it. The one to guarantee. Some
/// twenty calls of beta_p.
/// Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (1934).
inline Interval clopper_pearson(double successes, double n, double confidence = 0.95) noexcept {
  if (!detail::is_share(successes, n, confidence)) return detail::no_interval;
  const double tail = 0.5 * (1.0 - confidence);
  const double failures = n - successes;
  return {successes > 0.0 ? beta_quantile(tail, successes, failures + 1.0) : 0.0,
          failures > 0.0 ? beta_quantile(1.0 - tail, successes + 1.0, failures) : 1.0};
}

}  // namespace rtml::stats
