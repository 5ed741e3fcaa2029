#include "rtml/stats/hypergeometric.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stats/deviance.hpp"

namespace rtml::stats {

namespace {

/// ln of the binomial probability of x among n, 0 < p < 1, by Loader's pieces.
double log_binomial(double x, double n, double p) noexcept {
  const double q = 1.0 - p;
  if (x == 0.0) return n * std::log1p(-p);
  if (x == n) return n * std::log(p);
  const double shape = detail::stirling_error(n) - detail::stirling_error(x) - detail::stirling_error(n - x);
  return shape - detail::deviance(x, n * p) - detail::deviance(n - x, n * q) + 0.5 * std::log(n / (2.0 * std::numbers::pi * x * (n - x)));
}

struct Urn {
  double marked;
  double others;
  double draws;

  double probability(double x) const noexcept {
    const double p = draws / (marked + others);
    return std::exp(log_binomial(x, marked, p) + log_binomial(draws - x, others, p) - log_binomial(draws, marked + others, p));
  }

  /// P(X >= x) over P(X = x), for x at or beyond the mode.
  double sum_upwards(double x) const noexcept {
    double term = 1.0;
    double sum = 1.0;
    for (double k = x; term > 1e-17 * sum; k += 1.0) {
      term *= (marked - k) * (draws - k) / ((k + 1.0) * (others - draws + k + 1.0));
      sum += term;
    }
    return sum;
  }

  /// P(X <= x) over P(X = x), for x at or below the mode.
  double sum_downwards(double x) const noexcept {
    double term = 1.0;
    double sum = 1.0;
    for (double k = x; term > 1e-17 * sum; k -= 1.0) {
      term *= k * (others - draws + k) / ((marked - k + 1.0) * (draws - k + 1.0));
      sum += term;
    }
    return sum;
  }
};

}  // namespace

Tails hypergeometric_tails(std::uint64_t x, std::uint64_t marked, std::uint64_t draws, std::uint64_t population) noexcept {
  const std::uint64_t others = population - marked;
  const std::uint64_t least = draws > others ? draws - others : 0;
  const std::uint64_t most = std::min(marked, draws);
  if (least == most) return x < least ? Tails{0.0, 1.0} : (x > most ? Tails{1.0, 0.0} : Tails{});
  if (x < least) return {0.0, 1.0};
  if (x > most) return {1.0, 0.0};
  const Urn urn{static_cast<double>(marked), static_cast<double>(others), static_cast<double>(draws)};
  const auto at = static_cast<double>(x);
  const double here = urn.probability(at);
  const double mean = urn.draws * urn.marked / (urn.marked + urn.others);
  Tails tails;
  if (at > mean) {
    tails.upper = std::min(1.0, here * urn.sum_upwards(at));
    tails.lower = std::min(1.0, 1.0 - tails.upper + here);
  } else {
    tails.lower = std::min(1.0, here * urn.sum_downwards(at));
    tails.upper = std::min(1.0, 1.0 - tails.lower + here);
  }
  return tails;
}

}  // namespace rtml::stats
