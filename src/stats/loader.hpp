// The two pieces of C. Loader, "Fast and accurate computation of binomial probabilities" (2000): densities without the cancellation of
// differences of ln Gamma.
#pragma once

#include <cmath>

namespace rtml::stats {

/// ln Gamma(x) - ((x - 1/2) ln x - x + ln sqrt(2 pi)), for x >= 15.
inline double stirling_error(double x) noexcept {
  constexpr double series[] = {1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360360.0};
  const double y = 1.0 / (x * x);
  double sum = series[5];
  for (int i = 4; i >= 0; --i) sum = sum * y + series[i];
  return sum / x;
}

/// a - x + a ln(x / a), without the cancellation near x = a.
inline double deviance(double a, double x) noexcept {
  const double v = (x - a) / (x + a);
  if (std::abs(v) > 0.1) return a - x + a * std::log(x / a);
  double sum = 0.0;  // ln(x / a) = 2 (v + v^3 / 3 + v^5 / 5 + ...), and a - x + 2 a v = -(x - a) v
  double power = v;
  for (double k = 3.0; k < 40.0; k += 2.0) {
    power *= v * v;
    sum += power / k;
  }
  return 2.0 * a * sum - (x - a) * v;
}

}  // namespace rtml::stats
