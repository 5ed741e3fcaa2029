#include "rtml/transform/detail/column_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/transform/field.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

/// Beyond 1e15 is infinity, and -0.0 is 0: as numeric() keeps a number.
float plain_number(double value) {
  if (is_nan(value)) return std::numeric_limits<float>::quiet_NaN();
  if (!is_usable(value)) return std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(value));
  const auto number = static_cast<float>(value);
  return number == 0.0F ? 0.0F : number;
}

std::uint32_t column_bits(float value) { return std::bit_cast<std::uint32_t>(value); }

/// Patterns that decide something.
constexpr std::uint32_t special[] = {0U,          0x80000000U, 1U,          0x80000001U, 0x7f800000U, 0xff800000U, 0x7fc00000U,
                                     0xffc00001U, 0x7f800001U, 0x58635fa9U, 0x58635faaU, 0xd8635fa9U, 0x7f7fffffU, 0x3f800000U};

/// All of these, and others.
std::vector<float> patterns(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const auto random = static_cast<std::uint32_t>(rng.below(std::uint64_t{1} << 32U));
    const auto small = std::bit_cast<std::uint32_t>(static_cast<float>(rng.below(100'000)) / 100.0F - 500.0F);
    const std::uint64_t kind = rng.below(4);
    value = std::bit_cast<float>(kind == 0 ? special[rng.below(14)] : (kind == 1 ? random : small));
  }
  return values;
}

template <class OfColumn, class OfOne>
void require_elementwise(OfColumn of_column, OfOne of_one) {
  for (const std::size_t n : {0U, 1U, 3U, 15U, 16U, 17U, 64U, 127U, 128U, 129U, 1000U}) {
    const std::vector<float> before = patterns(n, n);
    std::vector<float> column = before;
    of_column(column.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      CAPTURE(n, i, before[i], column_bits(before[i]));
      REQUIRE(column_bits(column[i]) == column_bits(of_one(before[i])));
    }
  }
}

// The plain forms, each compiled for a processor as src/ does, without contraction.
#define COLUMNS_FOR(type, target)                                                                                    \
  struct type {                                                                                                      \
    target static void signed_log1p(float* x, std::size_t n) { kernels::plain::signed_log1p(x, n); }                 \
    target static void log(float* x, std::size_t n) { kernels::plain::log(x, n); }                                   \
    target static void power(float* x, std::size_t n) { kernels::plain::power(x, n, 0.3F); }                         \
    target static void standardize(float* x, std::size_t n) { kernels::plain::standardize(x, n, 3.0F, 0.3F, 8.0F); } \
    target static void scale(float* x, std::size_t n) { kernels::plain::scale(x, n, 3.0F, 7.0F, -1.0F, 1.0F); }      \
    target static void clip(float* x, std::size_t n) { kernels::plain::clip(x, n, 0.0F, 50.0F); }                    \
    target static void rows(float* x, std::size_t n) {                                                               \
      const std::vector<float> from(x, x + n);                                                                       \
      kernels::plain::columns_to_rows(from.data(), n / 20, 20, n / 20, x, kernels::plain::Keep());                   \
    }                                                                                                                \
  };
COLUMNS_FOR(PlainColumns, )
#if defined(__x86_64__) && !defined(__AVX2__)
COLUMNS_FOR(Avx2Columns, __attribute__((target("arch=x86-64-v3"))))
COLUMNS_FOR(Avx512Columns, __attribute__((target("arch=x86-64-v4"))))
#endif

template <class Columns>
void require_as_picked() {
  require_elementwise(&Columns::signed_log1p, [](float x) { return kernels::signed_log1p(x); });
  require_elementwise(&Columns::log, [](float x) { return kernels::log(x); });
  require_elementwise(&Columns::power, [](float x) { return kernels::power(x, 0.3F); });
  require_elementwise(&Columns::standardize, [](float x) { return kernels::element::standardized(x, 3.0F, 0.3F, 8.0F); });
  require_elementwise(&Columns::scale, [](float x) { return kernels::element::scaled(x, 3.0F, 7.0F, -1.0F, 1.0F); });
  require_elementwise(&Columns::clip, [](float x) { return kernels::element::clipped(x, 0.0F, 50.0F); });
  std::vector<float> block = patterns(7, 20 * 33);
  std::vector<float> picked = block;
  const std::vector<float> from = block;
  kernels::columns_to_rows(from.data(), 33, 20, 33, picked.data());
  Columns::rows(block.data(), block.size());
  for (std::size_t i = 0; i < block.size(); ++i) REQUIRE(column_bits(block[i]) == column_bits(picked[i]));
}

/// What each does, written plainly.
bool plain_usable(float x) { return std::fabs(x) <= 1e15F; }
float plain_clip(float x, float lo, float hi) { return x < lo ? lo : (x > hi ? hi : x); }

}  // namespace

TEST_CASE("Columns are transformed as single values are, to the bit", "[transform][batch]") {
  require_elementwise([](float* x, std::size_t n) { kernels::signed_log1p(x, n); }, [](float x) { return kernels::signed_log1p(x); });
  require_elementwise([](float* x, std::size_t n) { kernels::log(x, n); }, [](float x) { return kernels::log(x); });
  for (const float lambda : {-5.0F, 0.0F, 0.5F, 1.0F, 2.0F, 5.0F})
    require_elementwise([=](float* x, std::size_t n) { kernels::power(x, n, lambda); }, [=](float x) { return kernels::power(x, lambda); });
  require_elementwise([](float* x, std::size_t n) { kernels::standardize(x, n, 3.0F, 0.5F, 8.0F); },
                      [](float x) { return kernels::element::standardized(x, 3.0F, 0.5F, 8.0F); });
  require_elementwise([](float* x, std::size_t n) { kernels::scale(x, n, 3.0F, 7.0F, 0.0F, 1.0F); },
                      [](float x) { return kernels::element::scaled(x, 3.0F, 7.0F, 0.0F, 1.0F); });
}

TEST_CASE("One unusual number in a column becomes what it is alone", "[transform][batch]") {
  for (const std::uint32_t pattern : special) {
    for (const std::size_t n : {1U, 17U, 128U, 129U}) {
      for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
        std::vector<float> from(n, 1.5F);
        from[at] = std::bit_cast<float>(pattern);
        std::vector<float> column(n);
        kernels::from_numbers(from.data(), n, column.data());
        CAPTURE(pattern, n, at);
        const float expected = plain_number(static_cast<double>(from[at]));
        CHECK((is_nan(expected) ? is_nan(column[at]) : column_bits(column[at]) == column_bits(expected)));
        CHECK(std::count(column.begin(), column.end(), 1.5F) + 1 == static_cast<std::ptrdiff_t>(n));
      }
    }
  }
}

TEST_CASE("Columns have the same bits on every processor", "[transform][batch]") {
  require_as_picked<PlainColumns>();
#if defined(__x86_64__) && !defined(__AVX2__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) require_as_picked<Avx2Columns>();
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    require_as_picked<Avx512Columns>();
#endif
}

TEST_CASE("Elementwise operations are what they are called", "[transform][batch]") {
  require_elementwise([](float* x, std::size_t n) { kernels::clip(x, n, 0.0F, 100.0F); },
                      [](float x) { return plain_clip(x, 0.0F, 100.0F); });
  require_elementwise([](float* x, std::size_t n) { kernels::fill(x, n, 2.5F); }, [](float x) { return std::isnan(x) ? 2.5F : x; });
  require_elementwise([](float* x, std::size_t n) { kernels::standardize(x, n, 3.0F, 0.5F, 8.0F); },
                      [](float x) { return plain_usable(x) ? plain_clip((x - 3.0F) * 0.5F, -8.0F, 8.0F) : x; });
  require_elementwise([](float* x, std::size_t n) { kernels::scale(x, n, 3.0F, 7.0F, 0.0F, 1.0F); },
                      [](float x) { return plain_usable(x) ? plain_clip((x - 3.0F) / 7.0F, 0.0F, 1.0F) : x; });
  require_elementwise([](float* x, std::size_t n) { kernels::flag_missing(std::vector<float>(x, x + n).data(), n, x); },
                      [](float x) { return std::isnan(x) ? 1.0F : 0.0F; });
  require_elementwise([](float* x, std::size_t n) { kernels::from_numbers(std::vector<float>(x, x + n).data(), n, x); },
                      [](float x) { return plain_number(static_cast<double>(x)); });
}

TEST_CASE("Doubles become floats as they do in an event", "[transform][batch]") {
  for (const std::size_t n : {1U, 16U, 127U, 128U, 500U}) {
    Rng rng(n);
    std::vector<double> from(n);
    const std::vector<float> floats = patterns(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t kind = rng.below(4);
      from[i] = kind == 0 ? static_cast<double>(floats[i]) : std::bit_cast<double>(rng.below(~std::uint64_t{0}));
      if (kind == 1) from[i] = (rng.below(2) == 0 ? 1.0 : -1.0) * std::ldexp(1.0, static_cast<int>(rng.below(300)) - 200);
    }
    std::vector<float> to(n);
    kernels::from_numbers(from.data(), n, to.data());
    for (std::size_t i = 0; i < n; ++i) {
      CAPTURE(from[i]);
      REQUIRE(column_bits(to[i]) == column_bits(plain_number(from[i])));
      REQUIRE(column_bits(to[i]) == column_bits(kernels::element::canonical(from[i])));
    }
  }
}

TEST_CASE("Rows become columns and columns rows, of any shape", "[transform][batch]") {
  constexpr std::size_t stride = 40;  // of a column
  for (const std::size_t rows : {1U, 3U, 4U, 7U, 32U, 39U}) {
    for (const std::size_t width : {1U, 2U, 4U, 15U, 16U, 17U, 31U, 48U, 64U, 67U}) {
      CAPTURE(rows, width);
      std::vector<float> block(rows * (width + 3));
      for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<float>(i);
      std::vector<float> columns(width * stride, -1.0F);
      kernels::rows_to_columns(block.data() + 1, rows, width, static_cast<std::ptrdiff_t>(width + 3), columns.data(), stride);
      std::vector<float> back(rows * width, -1.0F);
      std::vector<float> streamed(rows * width + 32, -1.0F);
      kernels::columns_to_rows(columns.data(), rows, width, stride, back.data());
      void* place = streamed.data();
      std::size_t room = streamed.size() * sizeof(float);
      auto* const aligned = static_cast<float*>(std::align(64, rows * width * sizeof(float), place, room));
      kernels::stream_to_rows(columns.data(), rows, width, stride, aligned);
      kernels::stream_end();
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < width; ++j) {
          const float value = block[1 + i * (width + 3) + j];
          REQUIRE(columns[j * stride + i] == value);
          REQUIRE(back[i * width + j] == value);
          REQUIRE(aligned[i * width + j] == value);
        }
      for (std::size_t j = 0; j < width; ++j)
        for (std::size_t i = rows; i < stride; ++i) REQUIRE(columns[j * stride + i] == -1.0F);  // nothing beyond
    }
  }
}
