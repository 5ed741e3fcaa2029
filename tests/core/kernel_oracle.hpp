// The kernels' contract written out with volatile floats: no compiler may contract, reorder or vectorise it, whatever its flags.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/rng.hpp"

namespace rtml::testing {

inline bool is_missing(float value) noexcept { return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) > 0x7f800000U; }

/// Sum of a[i] * b[i], lane i % 16, lanes folded in halves; terms with a missing b are left out when `skip`.
inline float oracle_dot(const float* a, const float* b, std::size_t n, bool skip) {
  volatile float lane[16] = {};
  for (std::size_t i = 0; i < n; ++i) {
    if (skip && is_missing(b[i])) continue;
    volatile float product = a[i];
    product = product * b[i];
    lane[i % 16] = lane[i % 16] + product;
  }
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t k = 0; k < width; ++k) lane[k] = lane[k] + lane[k + width];
  return lane[0];
}

inline void oracle_axpy(float a, const float* x, float* w, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (is_missing(x[i])) continue;
    volatile float step = a;
    step = step * x[i];
    w[i] = w[i] + step;
  }
}

/// Values of mixed magnitude and sign, -0 among them, so that any other order or rounding of their sums shows.
inline std::vector<float> mixed_values(std::uint64_t seed, std::size_t n, double missing) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) {
    const float scale = rng.below(4) == 0 ? 1000.0F : 1.0F;
    value = rng.below(16) == 0 ? -0.0F : scale * static_cast<float>(2.0 * rng.uniform() - 1.0);
    if (rng.uniform() < missing) value = std::bit_cast<float>(0x7fc00000U | static_cast<std::uint32_t>(rng.below(1000)));
  }
  return values;
}

}  // namespace rtml::testing
