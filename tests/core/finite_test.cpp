#include "rtml/core/finite.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;

static_assert(is_nan(std::numeric_limits<float>::quiet_NaN()) && !is_nan(std::numeric_limits<float>::infinity()) && !is_nan(0.0));
static_assert(is_finite(0.0F) && !is_finite(-std::numeric_limits<double>::infinity()));
static_assert(is_usable(largest_magnitude) && is_usable(-9e14) && !is_usable(1.0000001e15F));

TEST_CASE("is_nan and is_finite agree with the standard on random bits of float and double", "[core][property]") {
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    std::uint64_t bits = rng();
    if (i % 2 == 0) bits |= 0x7f8000007f800000ULL;  // exponents of all ones, which chance seldom makes
    if (i % 4 == 0) bits |= 0x7ff0000000000000ULL;
    const auto wide = std::bit_cast<double>(bits);
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    REQUIRE(is_nan(wide) == std::isnan(wide));
    REQUIRE(is_finite(wide) == std::isfinite(wide));
    REQUIRE(is_usable(wide) == (std::abs(wide) <= static_cast<double>(largest_magnitude)));
    REQUIRE(is_nan(narrow) == std::isnan(narrow));
    REQUIRE(is_finite(narrow) == std::isfinite(narrow));
    REQUIRE(is_usable(narrow) == (std::abs(narrow) <= 1e15F));
  }
}

TEST_CASE("usable ends exactly at the largest magnitude", "[core]") {
  const float beyond = std::nextafter(largest_magnitude, 1e30F);
  CHECK(is_usable(largest_magnitude));
  CHECK(is_usable(-largest_magnitude));
  CHECK_FALSE(is_usable(beyond));
  CHECK_FALSE(is_usable(-beyond));
  const auto wide = static_cast<double>(largest_magnitude);
  CHECK(is_usable(wide));
  CHECK_FALSE(is_usable(std::nextafter(wide, 1e300)));
  CHECK(is_usable(std::numeric_limits<float>::denorm_min()));
  CHECK(is_usable(-0.0F));
}

TEST_CASE("features are usable with dense values missing, never with sparse ones", "[core]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t place = 0; place < 21; ++place) {
    std::vector<float> dense(21, nan);
    CHECK(is_usable(Features{dense, {}}));
    for (const float hostile : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 1e16F, -1e16F}) {
      dense[place] = hostile;
      CHECK_FALSE(is_usable(Features{dense, {}}));
    }
    dense[place] = 1.0F;
    std::vector<SparseFeature> sparse(21, {7, -1e15F});
    CHECK(is_usable(Features{dense, sparse}));
    sparse[place].value = nan;
    CHECK_FALSE(is_usable(Features{dense, sparse}));
    sparse[place].value = 1e30F;
    CHECK_FALSE(is_usable(Features{dense, sparse}));
  }
  CHECK(is_usable(Features{}));
}

TEST_CASE("an example is usable when features, label and weight are, the weight from 0 on", "[core]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(is_usable({}, 1.0F, 1.0F));
  CHECK(is_usable({}, -1e15F, 0.0F));
  CHECK(is_usable({}, 1.0F, -0.0F));
  CHECK_FALSE(is_usable({}, nan, 1.0F));
  CHECK_FALSE(is_usable({}, 1.0F, nan));
  CHECK_FALSE(is_usable({}, 1.0F, -1e-30F));
  CHECK_FALSE(is_usable({}, 1e16F, 1.0F));
  CHECK_FALSE(is_usable({}, 1.0F, 1e16F));
  const std::vector<float> infinite = {std::numeric_limits<float>::infinity()};
  CHECK_FALSE(is_usable({infinite, {}}, 1.0F, 1.0F));
}
