#include "rtml/core/kernels.hpp"

#include "multiversion.hpp"

namespace rtml::kernels {

namespace {

struct Versions {
  float (*dot)(const float*, const float*, std::size_t) noexcept;
  float (*dot_present)(const float*, const float*, std::size_t) noexcept;
  void (*dots_within)(const float* const*, std::size_t, const float*, const float*, float, std::size_t, float*) noexcept;
  void (*rows_within)(const float* const*, std::size_t, const float*, std::ptrdiff_t, std::size_t, const float*, float, std::size_t,
                      float*) noexcept;
  float (*sum_squares_present)(const float*, std::size_t) noexcept;
  void (*axpy_present)(float, const float*, float*, std::size_t) noexcept;
};

// The plain forms, inlined into functions for each kind of processor: what fixes the order of summation is written once.
// NOLINTBEGIN(bugprone-macro-parentheses): `target` is an attribute
#define RTML_VERSIONS(name, bytes, target)                                                                                                 \
  struct name {                                                                                                                            \
    target static float dot(const float* a, const float* b, std::size_t n) noexcept { return plain::dot<bytes>(a, b, n); }                 \
    target static float dot_present(const float* w, const float* x, std::size_t n) noexcept { return plain::dot_present<bytes>(w, x, n); } \
    target static void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most,               \
                                   std::size_t n, float* sums) noexcept {                                                                  \
      plain::dots_within<bytes>(w, count, x, scale, most, n, sums);                                                                        \
    }                                                                                                                                      \
    target static void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows,      \
                                   const float* scale, float most, std::size_t n, float* sums) noexcept {                                  \
      plain::rows_within<bytes>(w, count, x, stride, rows, scale, most, n, sums);                                                          \
    }                                                                                                                                      \
    target static float sum_squares_present(const float* x, std::size_t n) noexcept { return plain::sum_squares_present<bytes>(x, n); }    \
    target static void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept { plain::axpy_present<bytes>(a, x, w, n); } \
    static constexpr Versions all{&dot, &dot_present, &dots_within, &rows_within, &sum_squares_present, &axpy_present};                    \
  };
// NOLINTEND(bugprone-macro-parentheses)

RTML_VERSIONS(Any, 16, )
#if defined(RTML_HAS_VERSIONS)
RTML_VERSIONS(Avx2, 32, RTML_AVX2)
RTML_VERSIONS(Avx512, 64, RTML_AVX512)
#endif
#undef RTML_VERSIONS

const Versions& versions() noexcept { return picked<RTML_ALL_VERSIONS>(); }

}  // namespace

float dot(const float* a, const float* b, std::size_t n) noexcept { return versions().dot(a, b, n); }

float dot_present(const float* w, const float* x, std::size_t n) noexcept { return versions().dot_present(w, x, n); }

void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most, std::size_t n,
                 float* sums) noexcept {
  versions().dots_within(w, count, x, scale, most, n, sums);
}

void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows, const float* scale,
                 float most, std::size_t n, float* sums) noexcept {
  versions().rows_within(w, count, x, stride, rows, scale, most, n, sums);
}

float sum_squares_present(const float* x, std::size_t n) noexcept { return versions().sum_squares_present(x, n); }

void axpy_present(float a, const float* x, float* w, std::size_t n) noexcept { versions().axpy_present(a, x, w, n); }

}  // namespace rtml::kernels
