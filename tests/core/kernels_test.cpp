#include "rtml/core/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/kernel_oracle.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace rtml::testing;

namespace {

std::uint32_t kernel_bits(float value) { return std::bit_cast<std::uint32_t>(value); }

std::vector<std::uint32_t> kernel_bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> all;
  for (const float value : values) all.push_back(kernel_bits(value));
  return all;
}

struct Kernels {
  const char* name;
  float (*dot)(const float*, const float*, std::size_t);
  float (*dot_present)(const float*, const float*, std::size_t);
  void (*dots_within)(const float* const*, std::size_t, const float*, const float*, float, std::size_t, float*);
  void (*rows_within)(const float* const*, std::size_t, const float*, std::ptrdiff_t, std::size_t, const float*, float, std::size_t,
                      float*);
  float (*sum_squares_present)(const float*, std::size_t);
  void (*axpy_present)(float, const float*, float*, std::size_t);
};

// g++ contracts from -O2 on only, and is to be tempted in every build.
#if defined(__clang__)
#define WITH_OPTIMIZER
#else
#define WITH_OPTIMIZER , optimize("O3")
#endif

// The plain forms at every width, each compiled for the processor that the width is for, with FMA at hand.
#define KERNELS_AT(type, bytes, target)                                                                                                    \
  struct type {                                                                                                                            \
    target static float dot(const float* a, const float* b, std::size_t n) { return kernels::plain::dot<bytes>(a, b, n); }                 \
    target static float dot_present(const float* w, const float* x, std::size_t n) { return kernels::plain::dot_present<bytes>(w, x, n); } \
    target static void dots_within(const float* const* w, std::size_t count, const float* x, const float* scale, float most,               \
                                   std::size_t n, float* sums) {                                                                           \
      kernels::plain::dots_within<bytes>(w, count, x, scale, most, n, sums);                                                               \
    }                                                                                                                                      \
    target static void rows_within(const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows,      \
                                   const float* scale, float most, std::size_t n, float* sums) {                                           \
      kernels::plain::rows_within<bytes>(w, count, x, stride, rows, scale, most, n, sums);                                                 \
    }                                                                                                                                      \
    target static float sum_squares_present(const float* x, std::size_t n) { return kernels::plain::sum_squares_present<bytes>(x, n); }    \
    target static void axpy_present(float a, const float* x, float* w, std::size_t n) { kernels::plain::axpy_present<bytes>(a, x, w, n); } \
    static Kernels all(const char* name) {                                                                                                 \
      return {name, &dot, &dot_present, &dots_within, &rows_within, &sum_squares_present, &axpy_present};                                  \
    }                                                                                                                                      \
  };

KERNELS_AT(PlainKernels, 16, )
#if defined(__x86_64__) && !defined(__AVX2__)
KERNELS_AT(FusedKernels, 16, __attribute__((target("arch=x86-64-v3") WITH_OPTIMIZER)))
KERNELS_AT(Avx2Kernels, 32, __attribute__((target("arch=x86-64-v3") WITH_OPTIMIZER)))
KERNELS_AT(Avx512Kernels, 64, __attribute__((target("arch=x86-64-v4") WITH_OPTIMIZER)))
#endif

std::vector<Kernels> kernels_of_this_machine() {
  std::vector<Kernels> all = {
      PlainKernels::all("plain"),
      {"picked", [](const float* a, const float* b, std::size_t n) { return kernels::dot(a, b, n); },
       [](const float* w, const float* x, std::size_t n) { return kernels::dot_present(w, x, n); },
       [](const float* const* w, std::size_t count, const float* x, const float* scale, float most, std::size_t n, float* sums) {
         kernels::dots_within(w, count, x, scale, most, n, sums);
       },
       [](const float* const* w, std::size_t count, const float* x, std::ptrdiff_t stride, std::size_t rows, const float* scale, float most,
          std::size_t n, float* sums) { kernels::rows_within(w, count, x, stride, rows, scale, most, n, sums); },
       [](const float* x, std::size_t n) { return kernels::sum_squares_present(x, n); },
       [](float a, const float* x, float* w, std::size_t n) { kernels::axpy_present(a, x, w, n); }}};
#if defined(__x86_64__) && !defined(__AVX2__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back(FusedKernels::all("plain with FMA"));
    all.push_back(Avx2Kernels::all("AVX2"));
  }
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    all.push_back(Avx512Kernels::all("AVX-512"));
#endif
  return all;
}

}  // namespace

TEST_CASE("every kernel gives the bits of its contract at any width, length and alignment", "[core][property]") {
  const auto seed = GENERATE(range(1U, 6U));
  for (const Kernels& kernel : kernels_of_this_machine()) {
    for (std::size_t n = 0; n <= 130; ++n) {
      const std::size_t shift = n % 5;
      const std::vector<float> weights = mixed_values(seed, n + shift, 0.0);
      const std::vector<float> values = mixed_values(seed + 100, n + shift, 0.2);
      const std::vector<float> whole = mixed_values(seed + 200, n + shift, 0.0);
      const float* w = weights.data() + shift;
      const float* x = values.data() + shift;
      CAPTURE(kernel.name, n);
      REQUIRE(kernel_bits(kernel.dot(w, whole.data() + shift, n)) == kernel_bits(oracle_dot(w, whole.data() + shift, n, false)));
      REQUIRE(kernel_bits(kernel.dot_present(w, x, n)) == kernel_bits(oracle_dot(w, x, n, true)));
      REQUIRE(kernel_bits(kernel.sum_squares_present(x, n)) == kernel_bits(oracle_dot(x, x, n, true)));

      // Values beyond 1.5 scales are cut; a scale of 0 cuts to 0.
      std::vector<float> scales(n);
      std::vector<float> within(values.begin() + static_cast<std::ptrdiff_t>(shift), values.end());
      for (std::size_t i = 0; i < n; ++i) {
        scales[i] = i % 7 == 0 ? 0.0F : std::fabs(whole[i]);
        if (!is_nan(within[i])) within[i] = std::clamp(within[i], -(scales[i] * 1.5F), scales[i] * 1.5F);
      }
      const std::vector<std::vector<float>> columns = {mixed_values(seed + 300, n, 0.0), mixed_values(seed + 301, n, 0.0),
                                                       mixed_values(seed + 302, n, 0.0), mixed_values(seed + 303, n, 0.0)};
      const float* const of[] = {columns[0].data(), columns[1].data(), columns[2].data(), columns[3].data()};
      std::vector<float> sums(4);
      std::vector<float> expected_sums;
      kernel.dots_within(of, 4, x, scales.data(), 1.5F, n, sums.data());
      for (const auto& column : columns) expected_sums.push_back(oracle_dot(column.data(), within.data(), n, true));
      REQUIRE(kernel_bits(sums) == kernel_bits(expected_sums));
      std::vector<float> moved = weights;
      std::vector<float> expected = weights;
      kernel.axpy_present(-0.37F, x, moved.data() + shift, n);
      oracle_axpy(-0.37F, x, expected.data() + shift, n);
      REQUIRE(kernel_bits(moved) == kernel_bits(expected));
    }
  }
}

TEST_CASE("rows together have the bits of one row after the other, at any width, number, length and stride", "[core][property]") {
  for (const Kernels& kernel : kernels_of_this_machine()) {
    for (std::size_t n = 0; n <= 70; ++n) {
      for (const std::ptrdiff_t stride : {static_cast<std::ptrdiff_t>(n), static_cast<std::ptrdiff_t>(n + 3), std::ptrdiff_t{1}}) {
        constexpr std::size_t rows = 43;
        std::vector<float> block = mixed_values(n + 1, rows * (n + 4), 0.2);
        block[block.size() / 2] = std::numeric_limits<float>::infinity();
        std::vector<std::vector<float>> columns;
        for (unsigned k = 0; k < 4; ++k) columns.push_back(mixed_values(n + 50 + k, n, 0.0));
        std::vector<float> scales = mixed_values(n + 60, n, 0.0);
        for (float& scale : scales) scale = std::fabs(scale);
        const float* const of[] = {columns[0].data(), columns[1].data(), columns[2].data(), columns[3].data()};
        for (const std::size_t count : {1U, 2U, 3U, 4U}) {
          std::vector<float> together(rows * count);
          kernel.rows_within(of, count, block.data(), stride, rows, scales.data(), 1.5F, n, together.data());
          std::vector<float> alone(rows * count);
          for (std::size_t r = 0; r < rows; ++r)
            kernels::plain::dots_within(of, count, block.data() + static_cast<std::ptrdiff_t>(r) * stride, scales.data(), 1.5F, n,
                                        alone.data() + r * count);
          CAPTURE(kernel.name, n, stride, count);
          REQUIRE(kernel_bits(together) == kernel_bits(alone));
        }
      }
    }
  }
}

TEST_CASE("a missing value contributes nothing, whatever its weight and however many there are", "[core]") {
  const float nan = std::bit_cast<float>(0xffc12345U);
  const std::vector<float> missing(40, nan);
  for (const Kernels& kernel : kernels_of_this_machine()) {
    CAPTURE(kernel.name);
    const std::vector<float> weights = mixed_values(3, 40, 0.0);
    CHECK(kernel_bits(kernel.dot_present(weights.data(), missing.data(), 40)) == 0);
    CHECK(kernel_bits(kernel.sum_squares_present(missing.data(), 40)) == 0);
    std::vector<float> moved = weights;
    kernel.axpy_present(2.0F, missing.data(), moved.data(), 40);
    CHECK(kernel_bits(moved) == kernel_bits(weights));  // -0 too
  }
}

TEST_CASE("kernels pass infinities on: what is refused is decided before them", "[core]") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> ones(20, 1.0F);
  std::vector<float> values(20, 1.0F);
  values[17] = -inf;
  for (const Kernels& kernel : kernels_of_this_machine()) {
    CAPTURE(kernel.name);
    CHECK(kernel.dot(ones.data(), values.data(), 20) == -inf);
    CHECK(kernel.dot_present(ones.data(), values.data(), 20) == -inf);
    CHECK(kernel.sum_squares_present(values.data(), 20) == inf);
  }
}
