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
};
template <>
struct Vector<32> {
  using Floats = float __attribute__((vector_size(32)));
  using Ints = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct Vector<64> {
  using Floats = float __attribute__((vector_size(64)));
  using Ints = std::int32_t __attribute__((vector_size(64)));
};
using Quad = Vector<16>::Floats;

// Vectors go by reference: by value their calling convention depends on the host's flags.

/// The vector at `at` of any column.
struct Whole {
  std::size_t at;
  static constexpr std::size_t size(std::size_t width) noexcept { return width; }  ///< values in a vector of `width`
  template <class Floats>
  RTML_INLINE void operator()(Floats& into, const float* column) const noexcept {
    std::memcpy(&into, column + at, sizeof(into));
  }
};

/// The last `count` values of any column, 1 to 3, and 0 beyond.
struct Rest {
  std::size_t at;
  std::size_t count;
  constexpr std::size_t size(std::size_t /*width*/) const noexcept { return count; }
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

/// Sum over [0, n) of what `term(out, load)` makes from the columns that it loads: lane i % 16 adds up term i, then the lanes are folded
/// in halves. The same for every width.
template <std::size_t bytes, class Term>
RTML_INLINE float sum_in_lanes(std::size_t n, Term term) noexcept {
  using Floats = typename Vector<bytes>::Floats;
  constexpr std::size_t width = bytes / sizeof(float);
  constexpr std::size_t count = lanes / width;
  Floats sums[count] = {};
  Floats terms;
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < count; ++k) {
      term(terms, Whole{i + k * width});
      sums[k] = sums[k] + terms;
      settle(sums[k]);
    }
  }
  Quad quads[4];
  std::memcpy(quads, sums, sizeof(quads));
  Quad four;
#pragma GCC unroll 4
  for (Quad& quad : quads) {
    if (i == n) break;
    if (n - i < 4) {
      term(four, Rest{i, n - i});
      i = n;
    } else {
      term(four, Whole{i});
      i += 4;
    }
    quad = quad + four;
    settle(quad);
  }
  Quad low = quads[0] + quads[2];
  Quad high = quads[1] + quads[3];
  settle(low);
  settle(high);
  const Quad last = low + high;
  float even = last[0] + last[2];
  float odd = last[1] + last[3];
  settle(even);
  settle(odd);
  return even + odd;
}

struct Product {
  const float* a;
  const float* b;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats& product, Load load) const noexcept {
    Floats left;
    Floats right;
    load(left, a);
    load(right, b);
    product = left * right;
    settle(product);
  }
};

struct ProductWherePresent {
  const float* w;
  const float* x;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats& product, Load load) const noexcept {
    Floats weights;
    Floats values;
    load(weights, w);
    load(values, x);
    clear_missing(values);
    product = weights * values;
    settle(product);
  }
};

struct SquareWherePresent {
  const float* x;
  template <class Floats, class Load>
  RTML_INLINE void operator()(Floats& square, Load load) const noexcept {
    Floats values;
    load(values, x);
    clear_missing(values);
    square = values * values;
    settle(square);
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
/// Sum of x[i]^2 where x[i] is present.
RTML_API float sum_squares_present(const float* x, std::size_t n) noexcept;
/// w[i] += a * x[i] where x[i] is present; every other w[i] keeps its bits. x and w do not overlap.
RTML_API void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept;

#else

inline float dot(const float* a, const float* b, std::size_t n) noexcept { return plain::dot(a, b, n); }
inline float dot_present(const float* w, const float* x, std::size_t n) noexcept { return plain::dot_present(w, x, n); }
inline float sum_squares_present(const float* x, std::size_t n) noexcept { return plain::sum_squares_present(x, n); }
inline void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept { plain::axpy_present(a, x, w, n); }

#endif

}  // namespace rtml::kernels
