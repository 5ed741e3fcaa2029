// Compiled with -ffast-math: in a host built so, what is decided on the bits is decided the same. Never part of a unity build.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"

// All of rtml under another name and as headers alone, else the linker would take the inline functions of other files for these.
#undef RTML_COMPILED
#define rtml rtml_of_fast_host
#include "core/kernel_oracle.hpp"
#include "core/toy_learners.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/core/math.hpp"

using namespace rtml;

namespace {

// Read from memory that the compiler cannot see through.
float float_of(std::uint32_t bits) {
  volatile std::uint32_t hidden = bits;
  return std::bit_cast<float>(static_cast<std::uint32_t>(hidden));
}
double double_of(std::uint64_t bits) {
  volatile std::uint64_t hidden = bits;
  return std::bit_cast<double>(static_cast<std::uint64_t>(hidden));
}
std::uint32_t fast_bits(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace

TEST_CASE("a host built with -ffast-math knows what is finite", "[core][fast-math]") {
#if !defined(__FAST_MATH__)
  WARN("built without -ffast-math: this shows nothing");
#endif
  for (const std::uint32_t sign : {0U, 0x80000000U}) {
    for (const std::uint32_t nan : {0x7f800001U, 0x7fc00000U, 0x7fffffffU}) {
      CHECK(is_nan(float_of(sign | nan)));
      CHECK_FALSE(is_finite(float_of(sign | nan)));
      CHECK_FALSE(is_usable(float_of(sign | nan)));
    }
    CHECK_FALSE(is_nan(float_of(sign | 0x7f800000U)));
    CHECK_FALSE(is_finite(float_of(sign | 0x7f800000U)));
    CHECK(is_finite(float_of(sign | 0x7f7fffffU)));
    CHECK_FALSE(is_usable(float_of(sign | 0x7f7fffffU)));
    CHECK(is_usable(float_of(sign | 1U)));
    const std::uint64_t wide_sign = static_cast<std::uint64_t>(sign) << 32U;
    CHECK(is_nan(double_of(wide_sign | 0x7ff0000000000001ULL)));
    CHECK_FALSE(is_nan(double_of(wide_sign | 0x7ff0000000000000ULL)));
    CHECK_FALSE(is_finite(double_of(wide_sign | 0x7ff0000000000000ULL)));
    CHECK(is_finite(double_of(wide_sign | 0x7fefffffffffffffULL)));
  }
  const float nan = float_of(0x7fc00000U);
  const float inf = float_of(0x7f800000U);
  const std::vector<float> dense = {1.0F, nan, 2.0F};
  const std::vector<float> infinite = {1.0F, nan, inf};
  const std::vector<SparseFeature> sparse = {{1, nan}};
  CHECK(is_usable(Features{dense, {}}));
  CHECK_FALSE(is_usable(Features{infinite, {}}));
  CHECK_FALSE(is_usable(Features{dense, sparse}));
  CHECK_FALSE(is_usable(Features{dense, {}}, nan, 1.0F));
  CHECK_FALSE(is_usable(Features{dense, {}}, 1.0F, nan));
  CHECK_FALSE(is_usable(Features{dense, {}}, 1.0F, -1.0F));
}

TEST_CASE("a host built with -ffast-math gets the bits of the kernels", "[core][fast-math]") {
  for (std::size_t n = 0; n <= 100; ++n) {
    const std::vector<float> w = testing::mixed_values(n, n, 0.0);
    const std::vector<float> x = testing::mixed_values(n + 1000, n, 0.3);
    CAPTURE(n);
    REQUIRE(fast_bits(kernels::dot_present(w.data(), x.data(), n)) == fast_bits(testing::oracle_dot(w.data(), x.data(), n, true)));
    REQUIRE(fast_bits(kernels::dot(w.data(), w.data(), n)) == fast_bits(testing::oracle_dot(w.data(), w.data(), n, false)));
    REQUIRE(fast_bits(kernels::sum_squares_present(x.data(), n)) == fast_bits(testing::oracle_dot(x.data(), x.data(), n, true)));
    std::vector<float> moved = w;
    std::vector<float> expected = w;
    kernels::axpy_present(0.7F, x.data(), moved.data(), n);
    testing::oracle_axpy(0.7F, x.data(), expected.data(), n);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(fast_bits(moved[i]) == fast_bits(expected[i]));
  }
}

TEST_CASE("a host built with -ffast-math gets NaN for NaN from the functions of math", "[core][fast-math]") {
  const float nan = float_of(0x7fc00000U);
  for (const float value : {math::log(nan), math::log1p(nan), math::exp(nan)}) CHECK(is_nan(value));
  CHECK_FALSE(is_finite(math::log(float_of(0x7f800000U))));
  CHECK_FALSE(is_finite(math::log1p(float_of(0x7f800000U))));
  CHECK(is_nan(math::log(float_of(0xbf800000U))));
  CHECK(is_nan(math::log1p(float_of(0xbf800000U))));
}

TEST_CASE("a learner in a host built with -ffast-math refuses what is not finite", "[core][fast-math]") {
  AnyLearner any(testing::ToySoftmax(3));
  any.bind(Schema::numeric(2));
  const std::vector<float> x = {1.0F, 2.0F};
  std::vector<float> before(3);
  std::uint64_t refused = 0;
  for (const float label : {float_of(0x7fc00000U), float_of(0x7f800000U), -1.0F, 3.0F, 0.5F, 1e20F}) {
    any.learn({x, {}}, label, 1.0F, before);
    CHECK(any.refused() == ++refused);
  }
  any.learn({x, {}}, 2.0F, 1.0F, before);
  CHECK(any.refused() == refused);
}
