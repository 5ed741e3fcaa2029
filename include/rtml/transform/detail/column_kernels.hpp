#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rtml/core/export.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/core/math.hpp"

/// What numeric operations do, of one value (`element`, as an event is served) and of a column of them (as a batch is): elementwise, so that
/// both give the same bits. Compiled in src/ for several processors, without contraction.
namespace rtml::kernels {

#define RTML_INLINE [[gnu::always_inline]] inline  // into a function for each processor (src/transform/column_kernels.cpp)

namespace element {

// Decided and chosen on the bits: no flag of the host (-ffast-math) can fold a test for NaN, or take one zero for the other.

RTML_INLINE float choose(bool first, float a, float b) noexcept {
  const auto x = std::bit_cast<std::uint32_t>(a);
  const auto y = std::bit_cast<std::uint32_t>(b);
  return std::bit_cast<float>(first ? x : y);
}

/// -0.0 as 0, beyond 1e15 as infinity, one NaN for all.
RTML_INLINE float canonical(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t size = bits & 0x7fffffffU;
  const std::uint32_t sign = bits & 0x80000000U;
  const std::uint32_t whole = size == 0U ? 0U : bits;
  const std::uint32_t limited = size > std::bit_cast<std::uint32_t>(largest_magnitude) ? (sign | 0x7f800000U) : whole;
  return std::bit_cast<float>(size > 0x7f800000U ? 0x7fc00000U : limited);
}

RTML_INLINE float canonical(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t size = bits & 0x7fffffffffffffffULL;
  const auto sign = static_cast<std::uint32_t>(bits >> 32U) & 0x80000000U;
  const auto rounded = std::bit_cast<std::uint32_t>(static_cast<float>(x));
  const std::uint32_t whole = rounded == 0x80000000U ? 0U : rounded;
  const std::uint32_t limited = size > std::bit_cast<std::uint64_t>(static_cast<double>(largest_magnitude)) ? (sign | 0x7f800000U) : whole;
  return std::bit_cast<float>(size > 0x7ff0000000000000ULL ? 0x7fc00000U : limited);
}

RTML_INLINE float filled(float x, float value) noexcept { return choose(is_nan(x), value, x); }

/// Limited to [lo, hi]; NaN stays where comparisons are those of IEEE 754.
RTML_INLINE float within(float x, float lo, float hi) noexcept {
#if __FINITE_MATH_ONLY__
  return choose(x < lo, lo, choose(x > hi, hi, x));
#else
  const float above = x < lo ? lo : x;  // so written, each is one instruction
  return above > hi ? hi : above;
#endif
}

/// Limited to [lo, hi]; NaN stays.
RTML_INLINE float clipped(float x, float lo, float hi) noexcept {
#if __FINITE_MATH_ONLY__
  return choose(is_nan(x), x, within(x, lo, hi));
#else
  return within(x, lo, hi);  // a comparison with NaN is false
#endif
}

/// (x - mean) * scale, limited to [-most, most]; what is not usable stays.
RTML_INLINE float standardized(float x, float mean, float scale, float most) noexcept {
  return choose(is_usable(x), within((x - mean) * scale, -most, most), x);
}

/// (x - from) / width, limited to [lo, hi]; what is not usable stays.
RTML_INLINE float scaled(float x, float from, float width, float lo, float hi) noexcept {
  return choose(is_usable(x), within((x - from) / width, lo, hi), x);
}

}  // namespace element

namespace plain {

RTML_INLINE void from_numbers(const float* from, std::size_t n, float* to) noexcept {
  std::uint32_t unusual = 0;  // hardly any are
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(from[i]);
    unusual |= (bits & 0x7fffffffU) > std::bit_cast<std::uint32_t>(largest_magnitude) || bits == 0x80000000U ? 1U : 0U;
    to[i] = from[i];
  }
  if (unusual == 0) return;
  for (std::size_t i = 0; i < n; ++i) to[i] = element::canonical(from[i]);
}
RTML_INLINE void from_numbers(const double* from, std::size_t n, float* to) noexcept {
  for (std::size_t i = 0; i < n; ++i) to[i] = element::canonical(from[i]);
}
RTML_INLINE void fill(float* x, std::size_t n, float value) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = element::filled(x[i], value);
}
RTML_INLINE void flag_missing(const float* x, std::size_t n, float* flags) noexcept {
  for (std::size_t i = 0; i < n; ++i) flags[i] = element::choose(is_nan(x[i]), 1.0F, 0.0F);
}
RTML_INLINE void clip(float* x, std::size_t n, float lo, float hi) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = element::clipped(x[i], lo, hi);
}
RTML_INLINE void standardize(float* x, std::size_t n, float mean, float scale, float most) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = element::standardized(x[i], mean, scale, most);
}
RTML_INLINE void scale(float* x, std::size_t n, float from, float width, float lo, float hi) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = element::scaled(x[i], from, width, lo, hi);
}

// Transcendental ones stay in src/ for one value too: there no multiplication is contracted with an addition.

RTML_INLINE float signed_log1p(float x) noexcept {
  const std::uint32_t sign = std::bit_cast<std::uint32_t>(x) & 0x80000000U;
  const float size = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7fffffffU);
  const float result = std::bit_cast<float>(std::bit_cast<std::uint32_t>(math::log1p(size)) | sign);
  return element::choose(is_usable(x), result, x);
}
RTML_INLINE float log(float x) noexcept { return element::choose(is_usable(x), math::log(x), x); }
RTML_INLINE float power(float x, float lambda) noexcept { return is_usable(x) ? math::yeo_johnson(x, lambda) : x; }

RTML_INLINE void signed_log1p(float* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = signed_log1p(x[i]);
}
RTML_INLINE void log(float* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = log(x[i]);
}
RTML_INLINE void power(float* x, std::size_t n, float lambda) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = power(x[i], lambda);
}

/// Rows a, b, c, d of a square of four, which become its columns.
RTML_INLINE void transpose(detail::Quad& a, detail::Quad& b, detail::Quad& c, detail::Quad& d) noexcept {
  const detail::Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const detail::Quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const detail::Quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const detail::Quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/// The square of four whose rows begin at `from`, a distance of `stride` apart.
RTML_INLINE void load_transposed(const float* from, std::ptrdiff_t stride, detail::Quad* square) noexcept {
  for (std::ptrdiff_t k = 0; k < 4; ++k) std::memcpy(square + k, from + k * stride, sizeof(detail::Quad));
  transpose(square[0], square[1], square[2], square[3]);
}

/// columns[j * column_stride + i] = rows[i * row_stride + j] for i in [0, n), j in [0, width): along the rows, as they lie in memory.
RTML_INLINE void rows_to_columns(const float* rows, std::size_t n, std::size_t width, std::ptrdiff_t row_stride, float* columns,
                                 std::size_t column_stride) noexcept {
  const auto at = [&](std::size_t i, std::size_t j) { return rows + static_cast<std::ptrdiff_t>(i) * row_stride + j; };
  const std::size_t whole_rows = n - n % 4;
  const std::size_t whole_width = width - width % 4;
  for (std::size_t i = 0; i < whole_rows; i += 4) {
    for (std::size_t j = 0; j < whole_width; j += 4) {
      detail::Quad square[4];
      load_transposed(at(i, j), row_stride, square);
      for (std::size_t k = 0; k < 4; ++k) std::memcpy(columns + (j + k) * column_stride + i, square + k, sizeof(detail::Quad));
    }
    for (std::size_t j = whole_width; j < width; ++j)
      for (std::size_t k = i; k < i + 4; ++k) columns[j * column_stride + k] = *at(k, j);
  }
  for (std::size_t i = whole_rows; i < n; ++i)
    for (std::size_t j = 0; j < width; ++j) columns[j * column_stride + i] = *at(i, j);
}

/// A cache line of floats: four squares of four side by side.
using Line = float __attribute__((vector_size(64)));

/// Quads that lie `stride` apart.
RTML_INLINE void load_line(const float* from, std::size_t stride, Line& line) noexcept {
  detail::Quad quads[4];
  for (std::size_t k = 0; k < 4; ++k) std::memcpy(quads + k, from + k * stride, sizeof(detail::Quad));
  const auto low = __builtin_shufflevector(quads[0], quads[1], 0, 1, 2, 3, 4, 5, 6, 7);
  const auto high = __builtin_shufflevector(quads[2], quads[3], 0, 1, 2, 3, 4, 5, 6, 7);
  line = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

RTML_INLINE void transpose(Line& a, Line& b, Line& c, Line& d) noexcept {
  const Line ab_low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
  const Line ab_high = __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  const Line cd_low = __builtin_shufflevector(c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
  const Line cd_high = __builtin_shufflevector(c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}

/// rows[i * width + j] = columns[j * column_stride + i] for i in [0, n), j in [0, width): four rows at a time, each by whole cache lines.
/// `store`: how a whole line is written.
template <class Store>
RTML_INLINE void columns_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows,
                                 Store store) noexcept {
  constexpr std::size_t line = 16;
  const auto stride = static_cast<std::ptrdiff_t>(column_stride);
  const std::size_t whole_rows = n - n % 4;
  const std::size_t whole_width = width - width % 4;
  const std::size_t whole_lines = width - width % line;
  for (std::size_t i = 0; i < whole_rows; i += 4) {
    float* const to = rows + i * width;
    std::size_t j = 0;
    for (; j < whole_lines; j += line) {
      Line lines[4];
      for (std::size_t k = 0; k < 4; ++k) load_line(columns + (j + k) * column_stride + i, 4 * column_stride, lines[k]);
      transpose(lines[0], lines[1], lines[2], lines[3]);
      for (std::size_t k = 0; k < 4; ++k) store(to + k * width + j, lines[k]);
    }
    for (; j < whole_width; j += 4) {
      detail::Quad square[4];
      load_transposed(columns + j * column_stride + i, stride, square);
      for (std::size_t k = 0; k < 4; ++k) std::memcpy(to + k * width + j, square + k, sizeof(detail::Quad));
    }
    for (; j < width; ++j)
      for (std::size_t k = 0; k < 4; ++k) to[k * width + j] = columns[j * column_stride + i + k];
  }
  for (std::size_t i = whole_rows; i < n; ++i)
    for (std::size_t j = 0; j < width; ++j) rows[i * width + j] = columns[j * column_stride + i];
}

/// Into the caches, as any store.
struct Keep {
  RTML_INLINE void operator()(float* to, const Line& line) const noexcept { std::memcpy(to, &line, sizeof(line)); }
};

}  // namespace plain

#undef RTML_INLINE

#if defined(RTML_COMPILED)

// Compiled in src/transform/column_kernels.cpp for several processors; equal to the plain forms to the bit. Columns are changed in place.

RTML_API float signed_log1p(float x) noexcept;         ///< sign(x) ln(1 + |x|); what is not usable stays
RTML_API float log(float x) noexcept;                  ///< NaN where x <= 0; what is not usable stays
RTML_API float power(float x, float lambda) noexcept;  ///< math::yeo_johnson; what is not usable stays
inline float scaled(float x, float from, float width, float lo, float hi) noexcept { return element::scaled(x, from, width, lo, hi); }
RTML_API void signed_log1p(float* x, std::size_t n) noexcept;
RTML_API void log(float* x, std::size_t n) noexcept;
RTML_API void power(float* x, std::size_t n, float lambda) noexcept;
RTML_API void from_numbers(const float* from, std::size_t n, float* to) noexcept;  ///< element::canonical
RTML_API void from_numbers(const double* from, std::size_t n, float* to) noexcept;
RTML_API void fill(float* x, std::size_t n, float value) noexcept;                 ///< where it is NaN
RTML_API void flag_missing(const float* x, std::size_t n, float* flags) noexcept;  ///< 1 where it is NaN, else 0
RTML_API void clip(float* x, std::size_t n, float lo, float hi) noexcept;
RTML_API void standardize(float* x, std::size_t n, float mean, float scale, float most) noexcept;
RTML_API void scale(float* x, std::size_t n, float from, float width, float lo, float hi) noexcept;
RTML_API void rows_to_columns(const float* rows, std::size_t n, std::size_t width, std::ptrdiff_t row_stride, float* columns,
                              std::size_t column_stride) noexcept;
RTML_API void columns_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept;
/// The same past the caches, for rows that would not stay there: a third less of memory's traffic. Others see them after stream_end().
RTML_API void stream_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept;
RTML_API void stream_end() noexcept;

#else

// One function for one value and for columns: however the host contracts, or divides by what does not change, both do alike.
[[gnu::noinline]] inline float signed_log1p(float x) noexcept { return plain::signed_log1p(x); }
[[gnu::noinline]] inline float log(float x) noexcept { return plain::log(x); }
[[gnu::noinline]] inline float power(float x, float lambda) noexcept { return plain::power(x, lambda); }
[[gnu::noinline]] inline float scaled(float x, float from, float width, float lo, float hi) noexcept {
  return element::scaled(x, from, width, lo, hi);
}
inline void signed_log1p(float* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = signed_log1p(x[i]);
}
inline void log(float* x, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = log(x[i]);
}
inline void power(float* x, std::size_t n, float lambda) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = power(x[i], lambda);
}
inline void from_numbers(const float* from, std::size_t n, float* to) noexcept { plain::from_numbers(from, n, to); }
inline void from_numbers(const double* from, std::size_t n, float* to) noexcept { plain::from_numbers(from, n, to); }
inline void fill(float* x, std::size_t n, float value) noexcept { plain::fill(x, n, value); }
inline void flag_missing(const float* x, std::size_t n, float* flags) noexcept { plain::flag_missing(x, n, flags); }
inline void clip(float* x, std::size_t n, float lo, float hi) noexcept { plain::clip(x, n, lo, hi); }
inline void standardize(float* x, std::size_t n, float mean, float scale, float most) noexcept {
  plain::standardize(x, n, mean, scale, most);
}
inline void scale(float* x, std::size_t n, float from, float width, float lo, float hi) noexcept {
  for (std::size_t i = 0; i < n; ++i) x[i] = scaled(x[i], from, width, lo, hi);
}
inline void rows_to_columns(const float* rows, std::size_t n, std::size_t width, std::ptrdiff_t row_stride, float* columns,
                            std::size_t column_stride) noexcept {
  plain::rows_to_columns(rows, n, width, row_stride, columns, column_stride);
}
inline void columns_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept {
  plain::columns_to_rows(columns, n, width, column_stride, rows, plain::Keep());
}
inline void stream_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept {
  columns_to_rows(columns, n, width, column_stride, rows);
}
inline void stream_end() noexcept {}

#endif

}  // namespace rtml::kernels
