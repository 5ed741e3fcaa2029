#include "rtml/transform/detail/column_kernels.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "multiversion.hpp"
#include "rtml/transform/detail/tile_memory.hpp"

namespace rtml::kernels {

namespace {

struct ColumnVersions {
  void (*signed_log1p)(float*, std::size_t) noexcept;
  void (*log)(float*, std::size_t) noexcept;
  void (*power)(float*, std::size_t, float) noexcept;
  void (*from_floats)(const float*, std::size_t, float*) noexcept;
  void (*from_doubles)(const double*, std::size_t, float*) noexcept;
  void (*fill)(float*, std::size_t, float) noexcept;
  void (*flag_missing)(const float*, std::size_t, float*) noexcept;
  void (*clip)(float*, std::size_t, float, float) noexcept;
  void (*standardize)(float*, std::size_t, float, float, float) noexcept;
  void (*scale)(float*, std::size_t, float, float, float, float) noexcept;
  void (*rows_to_columns)(const float*, std::size_t, std::size_t, std::ptrdiff_t, float*, std::size_t) noexcept;
  void (*columns_to_rows)(const float*, std::size_t, std::size_t, std::size_t, float*) noexcept;
  void (*stream_to_rows)(const float*, std::size_t, std::size_t, std::size_t, float*) noexcept;
};

#if defined(__SSE2__)
/// Past the caches, by stores of so many bytes. @pre `to` is aligned as a line is
template <std::size_t bytes>
struct Stream {
  [[gnu::always_inline]] void operator()(float* to, const plain::Line& line) const noexcept {
#if !defined(__clang__)
    if constexpr (bytes == sizeof(line)) {  // g++ has no builtin of it, and its intrinsic inlines into no function that is generic
      __asm__("vmovntps %1, %0" : "=m"(*reinterpret_cast<plain::Line*>(to)) : "v"(line));
      return;
    }
#endif
    _mm_stream_ps(to, __builtin_shufflevector(line, line, 0, 1, 2, 3));
    _mm_stream_ps(to + 4, __builtin_shufflevector(line, line, 4, 5, 6, 7));
    _mm_stream_ps(to + 8, __builtin_shufflevector(line, line, 8, 9, 10, 11));
    _mm_stream_ps(to + 12, __builtin_shufflevector(line, line, 12, 13, 14, 15));
  }
};
#else
template <std::size_t bytes>
using Stream = plain::Keep;
#endif

// A whole tile, which most columns are, is a loop of known length.
constexpr std::size_t whole = rtml::detail::tile_rows;

// The plain forms, inlined into functions for each kind of processor.
// NOLINTBEGIN(bugprone-macro-parentheses): `target` is an attribute, the rest lists of parameters and arguments
#define RTML_COLUMN(target, name, parameters, call_whole, call) \
  target static void name parameters noexcept {                 \
    if (n == whole) {                                           \
      plain::call_whole;                                        \
    } else {                                                    \
      plain::call;                                              \
    }                                                           \
  }
#define RTML_COLUMN_VERSIONS(name, bytes, target)                                                                                      \
  struct name {                                                                                                                        \
    RTML_COLUMN(target, signed_log1p, (float* x, std::size_t n), signed_log1p(x, whole), signed_log1p(x, n))                           \
    RTML_COLUMN(target, log, (float* x, std::size_t n), log(x, whole), log(x, n))                                                      \
    RTML_COLUMN(target, power, (float* x, std::size_t n, float lambda), power(x, whole, lambda), power(x, n, lambda))                  \
    RTML_COLUMN(target, from_floats, (const float* from, std::size_t n, float* to), from_numbers(from, whole, to),                     \
                from_numbers(from, n, to))                                                                                             \
    RTML_COLUMN(target, from_doubles, (const double* from, std::size_t n, float* to), from_numbers(from, whole, to),                   \
                from_numbers(from, n, to))                                                                                             \
    RTML_COLUMN(target, fill, (float* x, std::size_t n, float value), fill(x, whole, value), fill(x, n, value))                        \
    RTML_COLUMN(target, flag_missing, (const float* x, std::size_t n, float* flags), flag_missing(x, whole, flags),                    \
                flag_missing(x, n, flags))                                                                                             \
    RTML_COLUMN(target, clip, (float* x, std::size_t n, float lo, float hi), clip(x, whole, lo, hi), clip(x, n, lo, hi))               \
    RTML_COLUMN(target, standardize, (float* x, std::size_t n, float mean, float scale, float most),                                   \
                standardize(x, whole, mean, scale, most), standardize(x, n, mean, scale, most))                                        \
    RTML_COLUMN(target, scale, (float* x, std::size_t n, float from, float width, float lo, float hi),                                 \
                scale(x, whole, from, width, lo, hi), scale(x, n, from, width, lo, hi))                                                \
    target static void rows_to_columns(const float* rows, std::size_t n, std::size_t width, std::ptrdiff_t row_stride, float* columns, \
                                       std::size_t column_stride) noexcept {                                                           \
      plain::rows_to_columns(rows, n, width, row_stride, columns, column_stride);                                                      \
    }                                                                                                                                  \
    target static void columns_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride,              \
                                       float* rows) noexcept {                                                                         \
      plain::columns_to_rows(columns, n, width, column_stride, rows, plain::Keep());                                                   \
    }                                                                                                                                  \
    target static void stream_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride,               \
                                      float* rows) noexcept {                                                                          \
      plain::columns_to_rows(columns, n, width, column_stride, rows, Stream<bytes>());                                                 \
    }                                                                                                                                  \
    static constexpr ColumnVersions all{&signed_log1p,  &log,  &power,       &from_floats, &from_doubles,    &fill,                    \
                                        &flag_missing,  &clip, &standardize, &scale,       &rows_to_columns, &columns_to_rows,         \
                                        &stream_to_rows};                                                                              \
  };
// NOLINTEND(bugprone-macro-parentheses)

RTML_COLUMN_VERSIONS(Any, 16, )
#if defined(RTML_HAS_VERSIONS)
RTML_COLUMN_VERSIONS(Avx2, 16, RTML_AVX2)
RTML_COLUMN_VERSIONS(Avx512, 64, RTML_AVX512)
#endif
#undef RTML_COLUMN_VERSIONS
#undef RTML_COLUMN

const ColumnVersions& versions() noexcept { return picked<RTML_ALL_VERSIONS>(); }

}  // namespace

float signed_log1p(float x) noexcept { return plain::signed_log1p(x); }

float log(float x) noexcept { return plain::log(x); }

float power(float x, float lambda) noexcept { return plain::power(x, lambda); }

void signed_log1p(float* x, std::size_t n) noexcept { versions().signed_log1p(x, n); }

void log(float* x, std::size_t n) noexcept { versions().log(x, n); }

void power(float* x, std::size_t n, float lambda) noexcept { versions().power(x, n, lambda); }

void from_numbers(const float* from, std::size_t n, float* to) noexcept { versions().from_floats(from, n, to); }

void from_numbers(const double* from, std::size_t n, float* to) noexcept { versions().from_doubles(from, n, to); }

void fill(float* x, std::size_t n, float value) noexcept { versions().fill(x, n, value); }

void flag_missing(const float* x, std::size_t n, float* flags) noexcept { versions().flag_missing(x, n, flags); }

void clip(float* x, std::size_t n, float lo, float hi) noexcept { versions().clip(x, n, lo, hi); }

void standardize(float* x, std::size_t n, float mean, float scale, float most) noexcept { versions().standardize(x, n, mean, scale, most); }

void scale(float* x, std::size_t n, float from, float width, float lo, float hi) noexcept { versions().scale(x, n, from, width, lo, hi); }

void rows_to_columns(const float* rows, std::size_t n, std::size_t width, std::ptrdiff_t row_stride, float* columns,
                     std::size_t column_stride) noexcept {
  versions().rows_to_columns(rows, n, width, row_stride, columns, column_stride);
}

void stream_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept {
  const bool whole_lines = width % 16 == 0 && reinterpret_cast<std::uintptr_t>(rows) % 64 == 0;
  (whole_lines ? versions().stream_to_rows : versions().columns_to_rows)(columns, n, width, column_stride, rows);
}

void stream_end() noexcept {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

void columns_to_rows(const float* columns, std::size_t n, std::size_t width, std::size_t column_stride, float* rows) noexcept {
  versions().columns_to_rows(columns, n, width, column_stride, rows);
}

}  // namespace rtml::kernels
