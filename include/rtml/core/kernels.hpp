#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rtml/core/export.hpp"
#include "rtml/core/finite.hpp"

/// Loops over float columns that end in weights and scores, and so give the same bits wherever they run and however the host is built
/// (-march=native, -ffast-math): sixteen sums side by side, folded in one fixed order, each product rounded before it is added.
/// "Present" leaves out what is missing: a NaN, decided on the bits, contributes nothing.
namespace rtml::kernels {

namespace detail {

#define RTML_INLINE [[gnu::always_inline]] inline  // into a function for each processor (src/core/kernels.cpp), with its instructions

inline constexpr std::size_t lanes = 16;

/// Makes `value` (a float or a vector) exist as it is, rounded, before it is used: no flag of the host can contract a * b + c through this
/// or reorder a sum around it. Costs no instruction.
template <class Value>
RTML_INLINE void settle(Value& value) noexcept {
#if defined(__clang__) && defined(__x86_64__)
  // clang knows wide registers only in functions that target them: src/, built without contraction, of which it does none across
  // statements.
  if constexpr (sizeof(Value) <= 16) __asm__("" : "+x"(value));
#elif defined(__x86_64__)
  if constexpr (sizeof(Value) == 64) {
    __asm__("" : "+v"(value));
  } else {
    __asm__("" : "+x"(value));
  }
#elif defined(__aarch64__)
  __asm__("" : "+w"(value));
#else
  __asm__("" : "+m"(value));
#endif
}

/// `bytes` wide: 16 on every processor, 32 with AVX2, 64 with AVX-512.
template <std::size_t bytes>
struct Vector;
template <>
struct Vector<16> {
  using Floats = float __attribute__((vector_size(16)));
  using Ints = std::int32_t __attribute__((vector_size(16)));
  using Shorts = std::int16_t __attribute__((vector_size(16)));
};
template <>
struct Vector<32> {
  using Floats = float __attribute__((vector_size(32)));
  using Ints = std::int32_t __attribute__((vector_size(32)));
  using Shorts = std::int16_t __attribute__((vector_size(32)));
};
template <>
struct Vector<64> {
  using Floats = float __attribute__((vector_size(64)));
  using Ints = std::int32_t __attribute__((vector_size(64)));
  using Shorts = std::int16_t __attribute__((vector_size(64)));
};
using Quad = Vector<16>::Floats;

// Vectors go by reference: by value their calling convention depends on the host's flags.

/// The vector at `at` of any column.
struct Whole {
  std::size_t at;
  template <class Floats>
  RTML_INLINE void operator()(Floats& into, const float* column) const noexcept {
    std::memcpy(&into, column + at, sizeof(into));
  }
};

/// The last `count` values of any column, 1 to 3, and 0 beyond.
struct Rest {
  std::size_t at;
  std::size_t count;
  RTML_INLINE void operator()(Quad& into, const float* column) const noexcept {
    const float* from = column + at;
    into = Quad{from[0], count > 1 ? from[1] : 0.0F, count > 2 ? from[2] : 0.0F, 0.0F};
  }
};

/// All ones where `values` is a NaN.
template <std::size_t bytes>
RTML_INLINE void missing(typename Vector<bytes>::Ints& mask, const typename Vector<bytes>::Floats& values) noexcept {
  using Ints = typename Vector<bytes>::Ints;
  mask = (reinterpret_cast<Ints>(values) & 0x7fffffff) > 0x7f800000;
}

/// 0 where `values` is a NaN.
template <class Floats>
RTML_INLINE void clear_missing(Floats& values) noexcept {
  using Ints = typename Vector<sizeof(Floats)>::Ints;
  Ints mask;
  missing<sizeof(Floats)>(mask, values);
  values = reinterpret_cast<Floats>(reinterpret_cast<Ints>(values) & ~mask);
}

/// Values no further from 0 than `reach`, which is not negative; decided on the bits.
template <class Floats>
RTML_INLINE void cut_magnitude(Floats& values, const Floats& reach) noexcept {
  using Ints = typename Vector<sizeof(Floats)>::Ints;
  const Ints bits = reinterpret_cast<Ints>(values);
  const Ints most = reinterpret_cast<Ints>(reach);
  const Ints size = bits & 0x7fffffff;
  const Ints over = size > most;
  values = reinterpret_cast<Floats>((most & over) | (size & ~over) | (bits ^ size));
}

/// Both at once, in fewer instructions; 0 keeps the sign that was the NaN's, which no sum shows: one that begins at 0 is never -0.
template <class Floats>
RTML_INLINE void cut_present(Floats& values, const Floats& reach) noexcept {
  using Ints = typename Vector<sizeof(Floats)>::Ints;
  const Ints bits = reinterpret_cast<Ints>(values);
  const Ints most = reinterpret_cast<Ints>(reach);
  const Ints size = bits & 0x7fffffff;
  const Ints present = size <= 0x7f800000;
  const Ints least = size < most ? size : most;
  values = reinterpret_cast<Floats>((least & present) | (bits ^ size));
}

/// Sums over [0, n) of what `term(out, load)` makes from the columns that it loads, `out` an array of one vector for each sum: lane i % 16
/// adds up term i, then the lanes are folded in halves. The same for every width.
template <std::size_t bytes, std::size_t count, class Term>
RTML_INLINE void sums_in_lanes(std::size_t n, Term term, float* result) noexcept {
  using Floats = typename Vector<bytes>::Floats;
  constexpr std::size_t width = bytes / sizeof(float);
  constexpr std::size_t parts = lanes / width;
  Floats sums[count][parts] = {};
  Floats terms[count];
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < parts; ++k) {
      term(terms, Whole{i + k * width});
#pragma GCC unroll 12
      for (std::size_t s = 0; s < count; ++s) {
        sums[s][k] = sums[s][k] + terms[s];
        settle(sums[s][k]);
      }
    }
  }
  Quad quads[count][4];
  std::memcpy(quads, sums, sizeof(quads));
  Quad four[count];
#pragma GCC unroll 4
  for (std::size_t k = 0; k < 4; ++k) {
    if (i == n) break;
    if (n - i < 4) {
      term(four, Rest{i, n - i});
      i = n;
    } else {
      term(four, Whole{i});
      i += 4;
    }
#pragma GCC unroll 4
    for (std::size_t s = 0; s < count; ++s) {
      quads[s][k] = quads[s][k] + four[s];
      settle(quads[s][k]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t s = 0; s < count; ++s) {
    Quad low = quads[s][0] + quads[s][2];
    Quad high = quads[s][1] + quads[s][3];
    settle(low);
    settle(high);
    const Quad last = low + high;
    float even = last[0] + last[2];
    float odd = last[1] + last[3];
    settle(even);
    settle(odd);
    result[s] = even + odd;
  }
}

/// One sum.
template <std::size_t bytes, class Term>
RTML_INLINE float sum_in_lanes(std::size_t n, Term term) noexcept {
  float sum;  // NOLINT(cppcoreguidelines-init-variables)
  sums_in_lanes<bytes, 1>(n, term, &sum);
  return sum;
}

struct Product {
  const float* a;
  const float* b;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats (&product)[1], Load load) const noexcept {
    Floats left;
    Floats right;
    load(left, a);
    load(right, b);
    product[0] = left * right;
    settle(product[0]);
  }
};

struct ProductWherePresent {
  const float* w;
  const float* x;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats (&product)[1], Load load) const noexcept {
    Floats weights;
    Floats values;
    load(weights, w);
    load(values, x);
    clear_missing(values);
    product[0] = weights * values;
    settle(product[0]);
  }
};

struct SquareWherePresent {
  const float* x;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats (&square)[1], Load load) const noexcept {
    Floats values;
    load(values, x);
    clear_missing(values);
    square[0] = values * values;
    settle(square[0]);
  }
};

/// Of `count` columns of weights: products with one column of values, each cut to what its scale allows.
template <std::size_t count>
struct ProductsWithin {
  const float* const* w;
  const float* x;
  const float* scale;
  float most;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats (&products)[count], Load load) const noexcept {
    Floats values;
    Floats reach;
    load(values, x);
    load(reach, scale);
    clear_missing(values);
    reach = reach * most;
    cut_magnitude(values, reach);
#pragma GCC unroll 4
    for (std::size_t s = 0; s < count; ++s) {
      Floats weights;
      load(weights, w[s]);
      products[s] = weights * values;
      settle(products[s]);
    }
  }
};

/// The same of `rows` rows of values, one after the other in the result: weights and scales are loaded once for all of them.
template <std::size_t count, std::size_t rows>
struct RowProductsWithin {
  const float* const* w;
  const float* x;
  std::ptrdiff_t stride;
  const float* scale;
  float most;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats (&products)[count * rows], Load load) const noexcept {
    Floats values[rows];
    Floats reach;
    load(reach, scale);
    reach = reach * most;
#pragma GCC unroll 4
    for (std::size_t r = 0; r < rows; ++r) {
      load(values[r], x + static_cast<std::ptrdiff_t>(r) * stride);
      cut_present(values[r], reach);
    }
#pragma GCC unroll 4
    for (std::size_t s = 0; s < count; ++s) {
      Floats weights;
      load(weights, w[s]);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < rows; ++r) {
        products[r * count + s] = weights * values[r];
        settle(products[r * count + s]);
      }
    }
  }
};

}  // namespace detail

/// The one definition of every kernel, at any width, with the host's instructions when called out of its own translation unit.
namespace plain {

template <std::size_t bytes = 16>
RTML_INLINE float dot(const float* a, const float* b, std::size_t n) noexcept {
  return detail::sum_in_lanes<bytes>(n, detail::Product{a, b});
}

template <std::size_t bytes = 16>
RTML_INLINE float dot_present(const float* w, const float* x, std::size_t n) noexcept {
  return detail::sum_in_lanes<bytes>(n, detail::ProductWherePresent{w, x});
}

template <std::size_t bytes = 16>
RTML_INLINE void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most, std::size_t n,
                             float* sums) noexcept {
  for (; count >= 3; count -= 3, w += 3, sums += 3)  // three share the values: as many sums as registers hold
    detail::sums_in_lanes<bytes, 3>(n, detail::ProductsWithin<3>{w, x, scale, most}, sums);
  for (; count > 0; --count, ++w, ++sums) detail::sums_in_lanes<bytes, 1>(n, detail::ProductsWithin<1>{w, x, scale, most}, sums);
}

template <std::size_t bytes = 16, std::size_t count>
RTML_INLINE void rows_within(const float* const* w, const float* x, std::ptrdiff_t stride, std::size_t rows, const float* scale, float most,
                             std::size_t n, float* sums) noexcept {
  constexpr std::size_t together = bytes / 16;  // as many sums as registers hold
  // Rows side by side are not what the processor expects to be read next.
  const std::size_t ahead = (1024 / (n + 1) / together + 1) * together;
  for (; rows >= together; rows -= together, x += static_cast<std::ptrdiff_t>(together) * stride, sums += together * count) {
    if (together > 1 && rows >= ahead + together)
      for (std::size_t r = 0; r < together; ++r) {
        const float* const later = x + static_cast<std::ptrdiff_t>(ahead + r) * stride;
        for (std::size_t i = 0; i < n; i += detail::lanes) __builtin_prefetch(later + i);
      }
    detail::sums_in_lanes<bytes, count * together>(n, detail::RowProductsWithin<count, together>{w, x, stride, scale, most}, sums);
  }
  for (; rows > 0; --rows, x += stride, sums += count)
    detail::sums_in_lanes<bytes, count>(n, detail::ProductsWithin<count>{w, x, scale, most}, sums);
}

template <std::size_t bytes = 16>
RTML_INLINE void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows,
                             const float* scale, float most, std::size_t n, float* sums) noexcept {
  if (count == 3) {
    rows_within<bytes, 3>(w, x, stride, rows, scale, most, n, sums);
  } else if (count == 1) {
    rows_within<bytes, 1>(w, x, stride, rows, scale, most, n, sums);
  } else {
    for (std::size_t r = 0; r < rows; ++r)
      dots_within<bytes>(w, count, x + static_cast<std::ptrdiff_t>(r) * stride, scale, most, n, sums + r * count);
  }
}

template <std::size_t bytes = 16>
RTML_INLINE float sum_squares_present(const float* x, std::size_t n) noexcept {
  return detail::sum_in_lanes<bytes>(n, detail::SquareWherePresent{x});
}

template <std::size_t bytes = 16>
RTML_INLINE void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept {
  using Floats = typename detail::Vector<bytes>::Floats;
  using Ints = typename detail::Vector<bytes>::Ints;
  constexpr std::size_t width = bytes / sizeof(float);
  Floats values;
  Floats weights;
  Ints mask;
  std::size_t i = 0;
  for (; i + width <= n; i += width) {
    std::memcpy(&values, x + i, sizeof(values));
    std::memcpy(&weights, w + i, sizeof(weights));
    detail::missing<bytes>(mask, values);
    Floats steps = values * a;
    detail::settle(steps);
    const Floats moved = weights + steps;
    weights = reinterpret_cast<Floats>((reinterpret_cast<Ints>(moved) & ~mask) | (reinterpret_cast<Ints>(weights) & mask));
    std::memcpy(w + i, &weights, sizeof(weights));
  }
  for (; i < n; ++i) {
    float step = a * x[i];
    detail::settle(step);
    if (!is_nan(x[i])) w[i] += step;
  }
}

}  // namespace plain

#undef RTML_INLINE

#if defined(RTML_COMPILED)

// Compiled in src/core/kernels.cpp for several processors, picked when the program starts; equal to the plain forms to the bit.

/// Sum of a[i] * b[i].
RTML_API float dot(const float* a, const float* b, std::size_t n) noexcept;
/// Sum of w[i] * x[i] where x[i] is present; w finite.
RTML_API float dot_present(const float* w, const float* x, std::size_t n) noexcept;
/// sums[k] = sum of w[k][i] * cut(x[i], scale[i] * most) over every x[i] that is present, for k in [0, count); w finite, scale >= 0.
RTML_API void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most, std::size_t n,
                          float* sums) noexcept;
/// The same of rows, row r at x + r * stride: sums [rows, count], each with the bits of dots_within.
RTML_API void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows,
                          const float* scale, float most, std::size_t n, float* sums) noexcept;
/// Sum of x[i]^2 where x[i] is present.
RTML_API float sum_squares_present(const float* x, std::size_t n) noexcept;
/// w[i] += a * x[i] where x[i] is present; every other w[i] keeps its bits. x and w do not overlap.
RTML_API void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept;

#else

inline float dot(const float* a, const float* b, std::size_t n) noexcept { return plain::dot(a, b, n); }
inline float dot_present(const float* w, const float* x, std::size_t n) noexcept { return plain::dot_present(w, x, n); }
inline void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most, std::size_t n,
                        float* sums) noexcept {
  plain::dots_within(w, count, x, scale, most, n, sums);
}
inline void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows,
                        const float* scale, float most, std::size_t n, float* sums) noexcept {
  plain::rows_within(w, count, x, stride, rows, scale, most, n, sums);
}
inline float sum_squares_present(const float* x, std::size_t n) noexcept { return plain::sum_squares_present(x, n); }
inline void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept { plain::axpy_present(a, x, w, n); }

#endif

}  // namespace rtml::kernels
