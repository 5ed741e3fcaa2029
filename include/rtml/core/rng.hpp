#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"

namespace rtml {

/// Seeded random numbers, the same on every standard library: xoshiro256++ seeded by splitmix64. 40 bytes, a value type.
/// Source: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47 (2021), 36.
class Rng {
 public:
  using result_type = std::uint64_t;

  explicit Rng(std::uint64_t seed = 0) noexcept {
    for (std::uint64_t i = 0; i < state_.size(); ++i) state_[i] = hash_integer(seed + i * 0x9e3779b97f4a7c15ULL);
  }

  static constexpr std::uint64_t min() noexcept { return 0; }
  static constexpr std::uint64_t max() noexcept { return ~std::uint64_t{0}; }

  std::uint64_t operator()() noexcept {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1.0p-53; }

  /// Uniform integer in [0, n), n > 0, without bias. Source: D. Lemire, ACM TOMACS 29 (2019), 3.
  std::uint64_t below(std::uint64_t n) noexcept {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>((*this)()) * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t threshold = (0 - n) % n;
      while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<Wide>((*this)()) * n;
    }
    return static_cast<std::uint64_t>(product >> 64U);
  }

  /// Standard normal, by Marsaglia's polar method; equal wherever std::log is.
  double normal() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    double u = 0.0;
    double v = 0.0;
    double s = 0.0;
    do {
      u = 2.0 * uniform() - 1.0;
      v = 2.0 * uniform() - 1.0;
      s = u * u + v * v;
    } while (s >= 1.0 || s == 0.0);
    const double scale = std::sqrt(-2.0 * std::log(s) / s);
    spare_ = v * scale;
    has_spare_ = true;
    return u * scale;
  }

  friend bool operator==(const Rng&, const Rng&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Rng", 1);
    ar(self.state_, self.spare_, self.has_spare_);
    ar.check(self.state_ != std::array<std::uint64_t, 4>{}, "state");  // from which it never moves: normal() would not end
    ar.check(is_finite(self.spare_), "spare");
  }

 private:
  std::array<std::uint64_t, 4> state_{};
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace rtml
