#include "rtml/stats/special.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "rtml/core/finite.hpp"

#include "stats/deviance.hpp"
#include "undefined.hpp"

namespace rtml::stats {

namespace {

using detail::undefined;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double log_sqrt_two_pi = 0.91893853320467274178;

/// c0 + c1 x + c2 x^2 + ...
template <std::size_t N>
double polynomial(const double (&coefficients)[N], double x) noexcept {
  double sum = coefficients[N - 1];
  for (std::size_t i = N - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

/// x^a e^-x / Gamma(a).
double gamma_prefactor(double a, double x) noexcept {
  if (a < 15.0) return std::exp(a * std::log(x) - x - log_gamma(a));
  return std::exp(-detail::deviance(a, x) - detail::stirling_series(a)) * std::sqrt(a) / std::sqrt(2.0 * std::numbers::pi);
}

double gamma_series(double a, double x) noexcept {
  double term = 1.0 / a;
  double sum = term;
  for (double n = a + 1.0; std::abs(term) > std::abs(sum) * 1e-17; n += 1.0) {
    term *= x / n;
    sum += term;
  }
  return sum * gamma_prefactor(a, x);
}

double gamma_fraction(double a, double x) noexcept {
  constexpr double tiny = 1e-300;
  double b = x + 1.0 - a;
  double c = 1.0 / tiny;
  double d = 1.0 / b;
  double h = d;
  for (int i = 1; i < 100'000; ++i) {  // Lentz's method
    const double an = -i * (i - a);
    b += 2.0;
    d = an * d + b;
    if (std::abs(d) < tiny) d = tiny;
    c = b + an / c;
    if (std::abs(c) < tiny) c = tiny;
    d = 1.0 / d;
    const double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1.0) < 1e-16) break;
  }
  return h * gamma_prefactor(a, x);
}

/// ln(Gamma(a + b) / Gamma(b)) for b >= 15, without the cancellation between two large logarithms.
double log_gamma_ratio(double a, double b) noexcept {
  return (b - 0.5) * std::log1p(a / b) + a * std::log(a + b) - a + detail::stirling_series(a + b) - detail::stirling_series(b);
}

/// x^a (1 - x)^b / B(a, b).
double beta_prefactor(double a, double b, double x) noexcept {
  const double small = std::min(a, b);
  const double large = std::max(a, b);
  if (small >= 15.0) {
    const double n = a + b;
    const double error = detail::stirling_series(n) - detail::stirling_series(a) - detail::stirling_series(b);
    return std::exp(error - detail::deviance(a, n * x) - detail::deviance(b, n * (1.0 - x))) *
           std::sqrt(a / n * b / (2.0 * std::numbers::pi));
  }
  const double log_gammas =
      large >= 15.0 ? log_gamma_ratio(small, large) - log_gamma(small) : log_gamma(small + large) - log_gamma(small) - log_gamma(large);
  return std::exp(a * std::log(x) + b * std::log1p(-x) + log_gammas);
}

/// I_x(a, b) for x below about the mean, 0 < x < 1.
double beta_fraction(double a, double b, double x) noexcept {
  constexpr double tiny = 1e-300;
  const auto kept = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1.0;
  double d = 1.0 / kept(1.0 - (a + b) * x / (a + 1.0));
  double h = d;
  for (int m = 1; m < 100'000; ++m) {  // Lentz's method, two terms a turn
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / kept(1.0 + even * d);
    c = kept(1.0 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / kept(1.0 + odd * d);
    c = kept(1.0 + odd / c);
    h *= d * c;
    if (std::abs(d * c - 1.0) < 1e-16) break;
  }
  return h * beta_prefactor(a, b, x) / a;
}

bool in_beta_domain(double a, double b) noexcept { return a > 0.0 && is_finite(a) && b > 0.0 && is_finite(b); }

bool in_gamma_domain(double a, double x) noexcept { return a > 0.0 && is_finite(a) && x >= 0.0; }

}  // namespace

double normal_cdf(double z) noexcept { return 0.5 * std::erfc(-z * (0.5 * std::numbers::sqrt2)); }

double normal_sf(double z) noexcept { return 0.5 * std::erfc(z * (0.5 * std::numbers::sqrt2)); }

double normal_quantile(double p) noexcept {
  if (!(p >= 0.0 && p <= 1.0)) return undefined;
  if (p == 0.0) return -infinity;
  if (p == 1.0) return infinity;
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    constexpr double a[] = {3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
                            45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727};
    constexpr double b[] = {1.0,
                            42.313330701600911252,
                            687.18700749205790830,
                            5394.1960214247511077,
                            21213.794301586595867,
                            39307.895800092710610,
                            28729.085735721942674,
                            5226.4952788528545610};
    const double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  const double r = std::sqrt(-std::log(q < 0.0 ? p : 1.0 - p));
  double z = 0.0;
  if (r <= 5.0) {
    constexpr double c[] = {1.42343711074968357734, 4.63033784615654529590,  5.76949722146069140550,   3.64784832476320460504,
                            1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4};
    constexpr double d[] = {1.0,
                            2.05319162663775882187,
                            1.67638483018380384940,
                            0.689767334985100004550,
                            0.148103976427480074590,
                            0.0151986665636164571966,
                            5.47593808499534494600e-4,
                            1.05075007164441684324e-9};
    z = polynomial(c, r - 1.6) / polynomial(d, r - 1.6);
  } else {
    constexpr double e[] = {6.65790464350110377720,   5.46378491116411436990,    1.78482653991729133580,    0.296560571828504891230,
                            0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
    constexpr double f[] = {1.0,
                            0.599832206555887937690,
                            0.136929880922735805310,
                            0.0148753612908506148525,
                            7.86869131145613259100e-4,
                            1.84631831751005468180e-5,
                            1.42151175831644588870e-7,
                            2.04426310338993978564e-15};
    z = polynomial(e, r - 5.0) / polynomial(f, r - 5.0);
  }
  return q < 0.0 ? -z : z;
}

double log_gamma(double x) noexcept {
  if (!(x > 0.0)) return undefined;
  double shift = 1.0;  // Gamma(x) = Gamma(x + n) / (x (x + 1) ... (x + n - 1))
  while (x < 15.0) shift *= x, x += 1.0;
  return (x - 0.5) * std::log(x) - x + log_sqrt_two_pi + detail::stirling_series(x) - std::log(shift);
}

double gamma_p(double a, double x) noexcept {
  if (!in_gamma_domain(a, x)) return undefined;
  if (x == 0.0) return 0.0;
  if (x == infinity) return 1.0;
  return x < a + 1.0 ? gamma_series(a, x) : 1.0 - gamma_fraction(a, x);
}

double gamma_q(double a, double x) noexcept {
  if (!in_gamma_domain(a, x)) return undefined;
  if (x == 0.0) return 1.0;
  if (x == infinity) return 0.0;
  return x < a + 1.0 ? 1.0 - gamma_series(a, x) : gamma_fraction(a, x);
}

double chi2_sf(double x, double freedom) noexcept { return gamma_q(0.5 * freedom, 0.5 * std::max(x, 0.0)); }

double beta_p(double a, double b, double x) noexcept {
  if (!in_beta_domain(a, b) || !(x >= 0.0 && x <= 1.0)) return undefined;
  if (x == 0.0) return 0.0;
  if (x == 1.0) return 1.0;
  return x < (a + 1.0) / (a + b + 2.0) ? beta_fraction(a, b, x) : 1.0 - beta_fraction(b, a, 1.0 - x);
}

double beta_quantile(double p, double a, double b) noexcept {
  if (!in_beta_domain(a, b) || !(p >= 0.0 && p <= 1.0)) return undefined;
  if (p == 0.0 || p == 1.0) return p;
  double low = 0.0;
  double high = 1.0;
  // I_x is about x^a / (a B(a, b)) near 0, and 1 - (1 - x)^b / (b B) near 1: below or above the mean a start where that is far from it.
  const double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
  const double near_zero = std::exp((std::log(p * a) + log_beta) / a);
  const double mean = a / (a + b);
  double x = near_zero < mean ? near_zero : mean;
  for (int i = 0; i < 200 && high - low > 1e-16 * high; ++i) {
    const double excess = beta_p(a, b, x) - p;
    (excess < 0.0 ? low : high) = x;
    const double density = beta_prefactor(a, b, x) / (x * (1.0 - x));
    double next = x - excess / density;
    if (!(next > low && next < high)) next = low > 0.0 && high > 4.0 * low ? std::sqrt(low * high) : 0.5 * (low + high);
    if (next == x || std::abs(next - x) < 1e-16 * x) return next;
    x = next;
  }
  return x;
}

double kolmogorov_sf(double x) noexcept {
  if (is_nan(x)) return undefined;
  if (x < 0.04) return 1.0;  // the theta series below would divide by x^2
  if (x < 1.0) {
    const double scale = std::numbers::pi * std::numbers::pi / (8.0 * x * x);
    double sum = 0.0;
    for (int k = 1; k <= 9; k += 2) sum += std::exp(-scale * k * k);
    return 1.0 - std::sqrt(2.0 * std::numbers::pi) / x * sum;
  }
  double sum = 0.0;
  for (int k = 1; k <= 6; ++k) sum += (k % 2 == 1 ? 2.0 : -2.0) * std::exp(-2.0 * x * x * k * k);
  return sum;
}

}  // namespace rtml::stats
