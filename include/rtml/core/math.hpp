#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "rtml/core/finite.hpp"

namespace rtml::math {

// Transcendental functions in float, without libm: the same bits on every machine for one build of the code, branch-light so that loops
// over them vectorise, and [[gnu::const]], so that what was computed once is not computed again. Accurate to a few units in the last place
// of float (tests/core/math_test.cpp).

namespace detail {

/// ln(x) for a normal, positive double, to about 1e-9 relative.
inline double log_positive(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  // Split so that the mantissa lies in [sqrt(1/2), sqrt(2)): the series below is in s = (m - 1) / (m + 1), |s| < 0.172.
  const std::uint64_t shifted = bits - 0x3fe6a09e667f3bcdULL;
  const auto exponent = static_cast<std::int64_t>(shifted) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52U));
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  const double series = 2.0 + z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
  return static_cast<double>(exponent) * 0.6931471805599453 + s * series;
}

/// e^x - 1, to about 1e-11 relative. @pre |x| <= 300
inline double exp_minus_one(double x) noexcept {
  // x = k ln 2 + r, |r| <= ln(2) / 2; the series of e^r - 1 up to r^11.
  const double scaled = x * 1.4426950408889634;
  const auto k = static_cast<std::int64_t>(scaled + (scaled < 0.0 ? -0.5 : 0.5));
  const auto kf = static_cast<double>(k);
  const double r = (x - kf * 0.6931471803691238) - kf * 1.9082149292705877e-10;
  double series = 1.0;
  for (int n = 11; n > 1; --n) series = 1.0 + series * r / n;
  const double power = std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52U);
  return power * (series * r) + (power - 1.0);
}

}  // namespace detail

/// ln(x) for x > 0, infinity for infinity; NaN for NaN and for x <= 0.
[[gnu::const]] inline float log(float x) noexcept {
  if (is_nan(x) || x <= 0.0F) return std::bit_cast<float>(0x7fc00000U);
  if (!is_finite(x)) return x;
  return static_cast<float>(detail::log_positive(static_cast<double>(x)));
}

/// ln(1 + x) for x > -1, infinity for infinity; NaN for NaN and for x <= -1.
[[gnu::const]] inline float log1p(float x) noexcept {
  if (is_nan(x) || x <= -1.0F) return std::bit_cast<float>(0x7fc00000U);
  if (!is_finite(x)) return x;
  if (x < 1e-5F && x > -1e-5F) return x - 0.5F * x * x;
  return static_cast<float>(detail::log_positive(1.0 + static_cast<double>(x)));
}

/// e^x, saturating at e^-87 and e^88; NaN for NaN.
[[gnu::const]] inline float exp(float value) noexcept {
  // A NaN goes with the smallest: its cast to an integer would be undefined.
  const float x = is_nan(value) || value < -87.0F ? -87.0F : (value > 88.0F ? 88.0F : value);
  // Truncated where it is positive, for a sign is a branch that nobody predicts: x / ln 2 to the nearest integer, plus 127.
  const auto exponent = static_cast<std::int32_t>(x * 1.44269504F + 127.5F);
  const auto kf = static_cast<float>(exponent - 127);
  const float r = (x - kf * 0.693359375F) + kf * 2.12194440e-4F;  // Cody-Waite: ln 2 in two parts, |r| <= ln(2) / 2
  // In pairs (Estrin's scheme): half the latency of one term after the other.
  const float r2 = r * r;
  const float p = (1.0F + r) + r2 * ((0.5F + r * 1.6666667e-1F) + r2 * ((4.1666668e-2F + r * 8.3334519e-3F) + r2 * 1.3981999e-3F));
  return is_nan(value) ? value : p * std::bit_cast<float>(static_cast<std::uint32_t>(exponent) << 23U);
}

/// 1 / (1 + e^-x).
[[gnu::const]] inline float sigmoid(float x) noexcept { return 1.0F / (1.0F + exp(-x)); }

/// ln(1 + e^x), without overflow.
[[gnu::const]] inline float softplus(float x) noexcept { return (x > 0.0F ? x : 0.0F) + log1p(exp(x > 0.0F ? -x : x)); }

/// The power transform of any x, of either sign: ((x + 1)^lambda - 1) / lambda for x >= 0, -((1 - x)^(2 - lambda) - 1) / (2 - lambda) below;
/// where an exponent is 0, its limit ln(1 + |x|). Limited to +-1e15; NaN for NaN. @pre |x| <= 1e15, |lambda| <= 5
/// Source: I.-K. Yeo, R. A. Johnson, "A new family of power transformations", Biometrika 87 (2000), eq. 2.1.
[[gnu::const]] inline float yeo_johnson(float x, float lambda) noexcept {
  if (is_nan(x)) return x;
  const bool below = x < 0.0F;
  const float size = below ? -x : x;
  const double exponent = below ? 2.0 - static_cast<double>(lambda) : static_cast<double>(lambda);
  // Of a small x the logarithm would lose the digits that the addition of 1 takes.
  const double d = static_cast<double>(size);
  const double log = size < 1e-4F ? d * (1.0 - d * (0.5 - d * (1.0 / 3.0 - d / 4.0))) : detail::log_positive(1.0 + d);
  const double grown = exponent == 0.0 ? log : detail::exp_minus_one(exponent * log) / exponent;
  const double limit = static_cast<double>(largest_magnitude);
  const auto result = static_cast<float>(grown < limit ? grown : limit);
  return below ? -result : result;
}

}  // namespace rtml::math
