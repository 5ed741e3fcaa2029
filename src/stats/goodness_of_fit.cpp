#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <span>

#include "rtml/core/finite.hpp"
#include "rtml/stats/special.hpp"

#include "stats/deviance.hpp"
#include "undefined.hpp"

namespace rtml::stats {

namespace {

using detail::undefined;
constexpr double pi = std::numbers::pi;

/// P(D > x), one side above, for 0 < x < 1: a sum of positive terms, each the chance that j of n values do what first happens there.
double one_sided_sf(double x, double n) noexcept {
  const double t = n * x;
  double sum = 0.0;
  for (double j = 0.0; j <= n - t; j += 1.0) sum += t / (t + j) * detail::binomial_pmf(j, n, t + j, n - t - j);
  return sum;
}

constexpr std::size_t most_steps = 25;                 // of the lattice: n x < 25
constexpr std::size_t most_rows = 2 * most_steps - 1;  // of its matrix
using Matrix = std::array<double, most_rows * most_rows>;

/// `a` times `b`, [rows, rows] both.
void multiply(const Matrix& a, const Matrix& b, std::size_t rows, Matrix& product) noexcept {
  for (std::size_t i = 0; i < rows; ++i) {
    double* out = product.data() + i * rows;
    std::fill_n(out, rows, 0.0);
    for (std::size_t k = 0; k < rows; ++k) {
      const double factor = a[i * rows + k];
      for (std::size_t j = 0; j < rows; ++j) out[j] += factor * b[k * rows + j];
    }
  }
}

/// P(D <= x) by the n-th power of Durbin's matrix, for n x < most_steps.
/// Source: G. Marsaglia, W. W. Tsang, J. Wang, "Evaluating Kolmogorov's distribution", J. Statistical Software 8 (2003), 18.
double durbin_cdf(double x, std::uint64_t n) noexcept {
  const double t = static_cast<double>(n) * x;
  const auto steps = static_cast<std::size_t>(t) + 1;
  const std::size_t rows = 2 * steps - 1;
  const double h = static_cast<double>(steps) - t;
  Matrix base;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < rows; ++j) base[i * rows + j] = i + 1 < j ? 0.0 : 1.0;
  double power = h;
  for (std::size_t i = 0; i < rows; ++i, power *= h) {
    base[i * rows] -= power;
    base[(rows - 1) * rows + rows - 1 - i] -= power;
  }
  base[(rows - 1) * rows] += 2.0 * h - 1.0 > 0.0 ? std::pow(2.0 * h - 1.0, static_cast<double>(rows)) : 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    double factorial = 1.0;
    for (std::size_t j = i + 1; j-- > 0;) {  // entry (i, j) is over (i - j + 1)!
      factorial *= static_cast<double>(i - j + 1);
      base[i * rows + j] /= factorial;
    }
  }
  Matrix result{};
  Matrix scratch;
  for (std::size_t i = 0; i < rows; ++i) result[i * rows + i] = 1.0;
  // n! / n^n is shared out over the n factors: the powers stay near 1, with what is left of their size in `exponent`.
  const double scale = std::exp((log_gamma(static_cast<double>(n) + 1.0)) / static_cast<double>(n) - std::log(static_cast<double>(n)));
  for (double& value : base) value *= scale;
  for (std::uint64_t left = n; left != 0; left /= 2) {
    if (left % 2 == 1) {
      multiply(result, base, rows, scratch);
      result = scratch;
    }
    multiply(base, base, rows, scratch);
    base = scratch;
  }
  return result[(steps - 1) * rows + steps - 1];
}

/// P(D <= x) by the limit and its first three corrections, in powers of 1 / sqrt(n).
/// Source: W. Pelz, I. J. Good, "Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic", J. Royal
/// Statistical Society B 38 (1976), 152-156.
double pelz_good_cdf(double x, double n) noexcept {
  const double z = std::sqrt(n) * x;
  const double z2 = z * z;
  const double z4 = z2 * z2;
  const double z6 = z4 * z2;
  constexpr double pi2 = pi * pi;
  double k0 = 0.0;
  double k1 = 0.0;
  double k2 = 0.0;
  double k3 = 0.0;
  double even2 = 0.0;
  double even3 = 0.0;
  for (double k = std::ceil(16.0 * z / pi); k > 0.0; k -= 1.0) {
    const double odd = pi2 / 4.0 * (2.0 * k - 1.0) * (2.0 * k - 1.0);  // (pi (k - 1/2))^2
    const double q = std::exp(-odd / (2.0 * z2));
    k0 += q;
    k1 += q * (odd - z2);
    k2 += q * (6.0 * z6 + 2.0 * z4 + odd * (2.0 * z4 - 5.0 * z2) + odd * odd * (1.0 - 2.0 * z2));
    k3 += q * (-30.0 * z6 - 90.0 * z4 * z4 + odd * (135.0 * z4 - 96.0 * z6) + odd * odd * (212.0 * z4 - 60.0 * z2) +
               odd * odd * odd * (5.0 - 30.0 * z2));
    const double even = pi2 * k * k;
    const double r = std::exp(-even / (2.0 * z2));
    even2 += r * even;
    even3 += r * even * (3.0 * z2 - even);
  }
  const double root = std::sqrt(2.0 * pi);
  k0 *= root / z;
  k1 *= root / (6.0 * z4);
  k2 = root * (k2 / (72.0 * z6 * z) - even2 / (36.0 * z2 * z));
  k3 = root * (k3 / (6480.0 * z6 * z4) + even3 / (216.0 * z6));
  return k0 + (k1 + (k2 + k3 / std::sqrt(n)) / std::sqrt(n)) / std::sqrt(n);
}

/// Integral of f(t) / sqrt(1 - t^2) over [-1, 1], by Gauss and Chebyshev's nodes.
template <class F>
double chebyshev_integral(F f) noexcept {
  constexpr int nodes = 96;
  double sum = 0.0;
  for (int i = 0; i < nodes; ++i) sum += f(std::cos((i + 0.5) * pi / nodes));
  return sum * pi / nodes;
}

/// Sum of term(1) - term(2) + term(3) - ..., falling.
template <class F>
double alternating_sum(F term) noexcept {
  double sum = 0.0;
  double sign = 1.0;
  for (int k = 1; k < 1000; ++k, sign = -sign) {
    const double next = term(static_cast<double>(k));
    sum += sign * next;
    if (next <= 1e-18 * sum) break;
  }
  return std::clamp(sum, 0.0, 1.0);
}

/// sqrt((1 - t^2) / cos(pi t / 2)): what is left of 1 / sqrt(|sin|) between two zeros when the nodes have taken their roots.
double smooth_part(double t) noexcept { return std::sqrt((1.0 - t * t) / std::cos(0.5 * pi * t)); }

}  // namespace

double kolmogorov_smirnov_sf(double x, std::uint64_t count) noexcept {
  if (is_nan(x) || count == 0) return undefined;
  const auto n = static_cast<double>(count);
  const double t = n * x;
  if (t <= 0.5) return 1.0;
  if (x >= 1.0) return 0.0;
  if (t <= 1.0) {  // n! (2 t - 1)^n / n^n
    const double log_cdf = log_gamma(n + 1.0) - n * std::log(n) + n * std::log(2.0 * t - 1.0);
    return -std::expm1(std::min(0.0, log_cdf));
  }
  if (t >= n - 1.0) return 2.0 * std::pow(1.0 - x, n);
  const double spread = t * x;  // 2 exp(-2 spread) in the limit
  if (x >= 0.5 || spread > (count <= 140 ? 4.0 : 2.2)) return std::min(1.0, 2.0 * one_sided_sf(x, n));
  const bool exact = count <= 140 || (n * x * std::sqrt(x) <= 1.4 && t < static_cast<double>(most_steps) - 1.0);
  return std::clamp(1.0 - (exact ? durbin_cdf(x, count) : pelz_good_cdf(x, n)), 0.0, 1.0);
}

// Both limits are sums of squares of normals, weighed by 1 / (pi k)^2 and 1 / (k (k + 1)): their tails are alternating sums of integrals
// between neighbouring weights, each smaller by far than the one before when x is large.

double cramer_von_mises_sf(double x) noexcept {
  if (is_nan(x)) return undefined;
  if (x < 0.003) return 1.0;
  return alternating_sum([x](double k) {
    return chebyshev_integral([x, k](double t) {
      const double v = (2.0 * k - 0.5 + 0.5 * t) * pi;
      return std::exp(-0.5 * x * v * v) / std::sqrt(v) * smooth_part(t);
    });
  });
}

double anderson_darling_sf(double x) noexcept {
  if (is_nan(x)) return undefined;
  if (x < 0.03) return 1.0;
  return alternating_sum([x](double k) {
    return chebyshev_integral([x, k](double t) {
      const double v = 4.0 * k + t;
      const double u = 0.25 * (v - 1.0) * (v + 1.0);
      return std::exp(-0.5 * x * u) * 0.5 * v / std::sqrt(pi * u) * smooth_part(t);
    });
  });
}

}  // namespace rtml::stats
