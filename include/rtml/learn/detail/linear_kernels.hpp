#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "rtml/core/export.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/branchless.hpp"

// The loops of linear learners over weights that lie side by side. Written once, as plain scalar code that vectorises; compiled in
// src/learn/linear_kernels.cpp for several processors, to the same bits; by the host itself where only headers are used.

// No two columns of a block overlap.
#if defined(__clang__)
#define RTML_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define RTML_INDEPENDENT _Pragma("GCC ivdep")
#else
#define RTML_INDEPENDENT
#endif

namespace rtml::detail {

inline constexpr float largest_weight = 1e30F;  // far above what any scale of usable inputs asks for, and its square is still finite
inline constexpr float largest_energy = 1e30F;

/// What ColumnScale keeps of each column, and what an example makes of it.
struct ScaledColumns {
  float* scale;
  float* count;
  float* value;
  float* before;
  float* inverse;
};

inline constexpr float least_scale = 1e-18F;    // below it a value counts as 0: its square would lose bits
inline constexpr float most_counted = 1000.0F;  // values over which a scale is averaged: units change
inline constexpr float largest_scaled = 7.0F;

/// The weights of `Optimizer` that an example meets, field by field, and what the example brings to each: arrays of n floats.
template <class Optimizer>
struct WeightBlock {
  std::size_t n = 0;
  std::array<float*, Optimizer::fields> fields{};
  const float* z = nullptr;                           ///< values; 0 moves nothing
  std::array<float*, Optimizer::rate_count> pulls{};  ///< rates times values
  float* relative = nullptr;                          ///< of optimizers that scale themselves: values over their weight's scale
  const float* before = nullptr;                      ///< scales that the weights are in terms of, or null
  const float* inverse = nullptr;                     ///< 1 / the scales that they will be in terms of
  std::size_t penalised = 0;                          ///< so many at the beginning: all but the intercept
};

namespace plain {

/// Takes x [n] into the scales: see ColumnScale.
[[gnu::always_inline]] inline void scale_columns(std::size_t n, const float* x, const ScaledColumns& columns) noexcept {
  const ScaledColumns c = columns;  // a local, which stores cannot change
  RTML_INDEPENDENT
  for (std::size_t j = 0; j < n; ++j) {
    const float raw = choose(mask_of(is_nan(x[j])), 0.0F, x[j]);
    const float size = magnitude(raw);
    const std::int32_t seen = mask_of(bits_of(size) >= bits_of(least_scale));
    const float old = c.scale[j];
    const std::int32_t known = mask_of(bits_of(old) != 0);
    const float counted = smaller(c.count[j] + choose(seen, 1.0F, 0.0F), most_counted);
    const float kept = smaller(size, choose(known, largest_scaled * old, size));
    const float square = larger(old * old + (kept * kept - old * old) / larger(counted, 1.0F), least_scale * least_scale);
    const float now = choose(seen, std::sqrt(square), old);
    const float inverse = choose(mask_of(bits_of(now) != 0), 1.0F / larger(now, least_scale), 0.0F);
    c.before[j] = old;
    c.scale[j] = now;
    c.count[j] = counted;
    c.inverse[j] = inverse;
    c.value[j] = cut(raw * inverse, largest_scaled);
  }
}

template <bool scaled, class Optimizer>
[[gnu::always_inline]] inline void accumulate(const Optimizer& optimizer, const WeightBlock<Optimizer>& block, float energy,
                                              float dispersion) noexcept {
  const Optimizer by = optimizer;
  const WeightBlock<Optimizer> b = block;
  RTML_INDEPENDENT
  for (std::size_t j = 0; j < b.n; ++j) {
    std::array<float, Optimizer::fields> cell{};
    for (std::size_t k = 0; k < Optimizer::fields; ++k) cell[k] = b.fields[k][j];
    if constexpr (scaled)
      for (std::size_t k = 0; k < Optimizer::lanes; ++k) cell[k] *= b.before[j];
    const float z = b.z[j];
    by.accumulate(cell, z, energy);
    const auto rates = by.rates(cell, dispersion);
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) b.pulls[r][j] = rates[r] * z;
    if constexpr (Optimizer::scales_itself) b.relative[j] = by.relative(cell, z);
    for (std::size_t k = 0; k < Optimizer::fields; ++k) b.fields[k][j] = cell[k];
  }
}

template <bool scaled, class Optimizer>
[[gnu::always_inline]] inline void apply(const Optimizer& optimizer, const WeightBlock<Optimizer>& block,
                                         const typename Optimizer::Plan& plan) noexcept {
  const Optimizer by = optimizer;
  const WeightBlock<Optimizer> b = block;
  const typename Optimizer::Plan move = plan;
  RTML_INDEPENDENT
  for (std::size_t j = 0; j < b.n; ++j) {
    std::array<float, Optimizer::fields> cell{};
    for (std::size_t k = 0; k < Optimizer::fields; ++k) cell[k] = b.fields[k][j];
    std::array<float, Optimizer::rate_count> pulls{};
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) pulls[r] = b.pulls[r][j];
    by.apply(cell, b.z[j], pulls, move, j < b.penalised);
    if constexpr (scaled)
      for (std::size_t k = 0; k < Optimizer::lanes; ++k) cell[k] = cut(cell[k] * b.inverse[j], largest_weight);
    for (std::size_t k = 0; k < Optimizer::fields; ++k) b.fields[k][j] = cell[k];
  }
}

}  // namespace plain

/// The two passes of learning over a block: `accumulate` counts gradients, fills pulls and leaves weights in terms of scaled values;
/// `apply` moves weights, and leaves them in terms of the columns' own values.
template <class Optimizer>
struct LinearKernels {
  static void accumulate(const Optimizer& optimizer, const WeightBlock<Optimizer>& block, float energy, float dispersion) noexcept {
    if (block.before != nullptr) {
      plain::accumulate<true>(optimizer, block, energy, dispersion);
    } else {
      plain::accumulate<false>(optimizer, block, energy, dispersion);
    }
  }
  static void apply(const Optimizer& optimizer, const WeightBlock<Optimizer>& block, const typename Optimizer::Plan& plan) noexcept {
    if (block.before != nullptr) {
      plain::apply<true>(optimizer, block, plan);
    } else {
      plain::apply<false>(optimizer, block, plan);
    }
  }
};

#if defined(RTML_COMPILED)

RTML_API void scale_columns(std::size_t n, const float* x, const ScaledColumns& columns) noexcept;

/// Says that src/ has the kernels of an optimizer. In its header, behind it.
#define RTML_COMPILED_KERNELS(Optimizer)                                                                                            \
  template <>                                                                                                                       \
  RTML_API void LinearKernels<Optimizer>::accumulate(const Optimizer& optimizer, const WeightBlock<Optimizer>& block, float energy, \
                                                     float dispersion) noexcept;                                                    \
  template <>                                                                                                                       \
  RTML_API void LinearKernels<Optimizer>::apply(const Optimizer& optimizer, const WeightBlock<Optimizer>& block,                    \
                                                const Optimizer::Plan& plan) noexcept;

#else

inline void scale_columns(std::size_t n, const float* x, const ScaledColumns& columns) noexcept { plain::scale_columns(n, x, columns); }

#define RTML_COMPILED_KERNELS(Optimizer)

#endif

}  // namespace rtml::detail
