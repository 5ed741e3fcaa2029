#pragma once

#include <cstdint>

namespace rtml::stream {

/// The numbers of Java's java.util.Random, so that generators give the rows that MOA's give. Everywhere else use rtml::Rng.
/// Source: java.util.Random's documentation: a 48-bit linear congruential generator.
class JavaRandom {
 public:
  explicit constexpr JavaRandom(std::int64_t seed = 1) noexcept : state_((static_cast<std::uint64_t>(seed) ^ multiplier) & mask) {}

  /// Uniform in [0, 1), 53 bits.
  constexpr double next_double() noexcept {
    const std::uint64_t high = bits(26);
    return static_cast<double>((high << 27U) + bits(27)) * 0x1.0p-53;
  }

  /// Uniform in [0, bound), bound > 0.
  constexpr std::int32_t next_int(std::int32_t bound) noexcept {
    const auto n = static_cast<std::uint32_t>(bound);
    if ((n & (n - 1)) == 0) return static_cast<std::int32_t>((n * bits(31)) >> 31U);
    for (;;) {
      const auto drawn = static_cast<std::uint32_t>(bits(31));
      const std::uint32_t value = drawn % n;
      if (drawn - value + (n - 1) < (1U << 31U)) return static_cast<std::int32_t>(value);  // Java's overflow of int
    }
  }

 private:
  static constexpr std::uint64_t multiplier = 0x5DEECE66DULL;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << 48U) - 1;

  constexpr std::uint64_t bits(unsigned count) noexcept {
    state_ = (state_ * multiplier + 0xB) & mask;
    return state_ >> (48U - count);
  }

  std::uint64_t state_;
};

}  // namespace rtml::stream
