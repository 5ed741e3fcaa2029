// Pieces of saddle-point expansions: probabilities of counts without the cancellation of large logarithms of factorials.
// Source: C. Loader, "Fast and accurate computation of binomial probabilities" (2000).
#pragma once

#include <cmath>
#include <numbers>

#include "rtml/stats/special.hpp"

namespace rtml::stats::detail {

/// ln Gamma(x) - ((x - 1/2) ln x - x + ln sqrt(2 pi)), for x >= 15.
inline double stirling_series(double x) noexcept {
  const double y = 1.0 / (x * x);
  const double sum = 1.0 / 1680.0 - y * (1.0 / 1188.0 - y * (691.0 / 360360.0));
  return (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * sum))) / x;
}

/// The same for all x > 0.
inline double stirling_error(double x) noexcept {
  constexpr double log_sqrt_two_pi = 0.91893853320467274178;
  return x >= 15.0 ? stirling_series(x) : log_gamma(x) - ((x - 0.5) * std::log(x) - x + log_sqrt_two_pi);
}

/// a ln(a / x) + x - a, without the cancellation near x = a. At least 0.
inline double deviance(double a, double x) noexcept {
  const double v = (x - a) / (x + a);
  if (std::abs(v) > 0.1) return a * std::log(a / x) + x - a;
  double sum = 0.0;  // ln(x / a) = 2 (v + v^3 / 3 + v^5 / 5 + ...), and x - a - 2 a v = (x - a) v
  double power = v;
  for (double k = 3.0; k < 60.0; k += 2.0) {
    power *= v * v;
    const double next = sum + power / k;
    if (next == sum) break;
    sum = next;
  }
  return (x - a) * v - 2.0 * a * sum;
}

/// P(k of n), where each has the chance p = mean / n; `rest` is n - mean, given apart because a p near 1 loses digits.
inline double binomial_pmf(double k, double n, double mean, double rest) noexcept {
  if (mean <= 0.0 || rest <= 0.0) return (mean <= 0.0 ? k == 0.0 : k == n) ? 1.0 : 0.0;
  if (k == 0.0) return std::exp(-deviance(n, rest) - mean);  // (rest / n)^n
  if (k == n) return std::exp(-deviance(n, mean) - rest);
  const double log_of = stirling_error(n) - stirling_error(k) - stirling_error(n - k) - deviance(k, mean) - deviance(n - k, rest);
  return std::exp(log_of) * std::sqrt(n / (2.0 * std::numbers::pi * k * (n - k)));
}

}  // namespace rtml::stats::detail
