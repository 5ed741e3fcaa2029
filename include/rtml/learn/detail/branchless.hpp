#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace rtml::detail {

// Float arithmetic on the bits, for loops that must vectorise: compilers turn comparisons of floats into branches, and then give up. Arguments are finite.

inline std::int32_t bits_of(float x) noexcept { return std::bit_cast<std::int32_t>(x); }
inline float magnitude(float x) noexcept { return std::bit_cast<float>(bits_of(x) & 0x7fffffff); }

/// Of numbers >= 0, whose bits are ordered as they are.
inline float smaller(float a, float b) noexcept { return std::bit_cast<float>(std::min(bits_of(a), bits_of(b))); }
inline float larger(float a, float b) noexcept { return std::bit_cast<float>(std::max(bits_of(a), bits_of(b))); }

/// `x`, its magnitude cut to `limit` >= 0; infinities too.
inline float cut(float x, float limit) noexcept {
  return std::bit_cast<float>(bits_of(smaller(magnitude(x), limit)) | (bits_of(x) & static_cast<std::int32_t>(0x80000000U)));
}

/// All ones when holds.
inline std::int32_t mask_of(bool holds) noexcept { return -static_cast<std::int32_t>(holds); }
inline float choose(std::int32_t mask, float yes, float no) noexcept {
  return std::bit_cast<float>((bits_of(yes) & mask) | (bits_of(no) & ~mask));
}

}  // namespace rtml::detail
