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

/// Largest magnitude that a feature, label or weight may have.
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
inline bool is_usable(Features x) noexcept {
  constexpr std::uint32_t limit = std::bit_cast<std::uint32_t>(largest_magnitude);
  std::uint32_t refused = 0;  // no early exit: the loop vectorises, and a refused row is the rare one
  for (const float value : x.dense) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7fffffffU;
    refused |= static_cast<std::uint32_t>(magnitude > limit) & static_cast<std::uint32_t>(magnitude <= 0x7f800000U);
  }
  for (const SparseFeature& feature : x.sparse) refused |= static_cast<std::uint32_t>(!is_usable(feature.value));
  return refused == 0;
}

/// True when an example may reach a weight: usable features and label, weight usable and not negative.
inline bool is_usable(Features x, float y, float weight) noexcept {
  return is_usable(y) && is_usable(weight) && weight >= 0.0F && is_usable(x);
}

}  // namespace rtml
