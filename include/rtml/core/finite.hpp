#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "rtml/core/features.hpp"

namespace rtml {

// Tested on the bits, because a host built with -ffast-math folds std::isnan to false.

constexpr bool is_nan(float value) noexcept { return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) > 0x7f800000U; }
constexpr bool is_nan(double value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & 0x7fffffffffffffffULL) > 0x7ff0000000000000ULL;
}
constexpr bool is_finite(float value) noexcept { return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) < 0x7f800000U; }
constexpr bool is_finite(double value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & 0x7fffffffffffffffULL) < 0x7ff0000000000000ULL;
}

/// Largest magnitude that a feature, label or weight may have, in a double too: 999'999'986'991'104, the float nearest to 1e15.
inline constexpr float largest_magnitude = 1e15F;

/// Finite and not beyond `largest_magnitude`: bit patterns of one sign are ordered as their values are.
constexpr bool is_usable(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) <= std::bit_cast<std::uint32_t>(largest_magnitude);
}
constexpr bool is_usable(double value) noexcept {
  return (std::bit_cast<std::uint64_t>(value) & 0x7fffffffffffffffULL) <=
         std::bit_cast<std::uint64_t>(static_cast<double>(largest_magnitude));
}

/// True when a learner may see `x`: dense values usable or NaN (missing), sparse values usable. O(d + nnz).
inline bool is_usable(const Features& x) noexcept {
  constexpr auto limit = std::bit_cast<std::int32_t>(largest_magnitude);
  constexpr auto infinity = std::int32_t{0x7f800000};
  const auto magnitude = [](float value) { return std::bit_cast<std::int32_t>(value) & 0x7fffffff; };
  // Signed, and no early exit: so the loops vectorise on any processor, and a refused row is the rare one.
  std::int32_t refused = 0;
  for (const float value : x.dense)
    refused |= static_cast<std::int32_t>(magnitude(value) > limit) & static_cast<std::int32_t>(magnitude(value) <= infinity);
  for (const SparseFeature& feature : x.sparse) refused |= static_cast<std::int32_t>(magnitude(feature.value) > limit);
  return refused == 0;
}

/// True when an example may reach a weight: usable features and label, weight usable and not negative.
inline bool is_usable(const Features& x, float y, float weight) noexcept {
  return is_usable(y) && is_usable(weight) && weight >= 0.0F && is_usable(x);
}

}  // namespace rtml
