#include "rtml/core/math.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace rtml;

namespace {

constexpr float math_inf = std::numeric_limits<float>::infinity();
constexpr float math_nan = std::numeric_limits<float>::quiet_NaN();

/// How many units in the last place of float `value` is from the truth.
double ulps(float value, double truth) {
  const auto rounded = static_cast<float>(truth);
  const float next = std::nextafter(std::abs(rounded), math_inf);
  return std::abs(static_cast<double>(value) - truth) / (static_cast<double>(next) - static_cast<double>(std::abs(rounded)));
}

/// Calls `check(x)` for floats from `low` to `high`, all exponents alike, and their successors by `step` in bits.
template <class Check>
void for_floats(float low, float high, std::uint32_t step, Check check) {
  for (std::uint32_t bits = std::bit_cast<std::uint32_t>(low); bits <= std::bit_cast<std::uint32_t>(high); bits += step)
    check(std::bit_cast<float>(bits));
}

}  // namespace

TEST_CASE("log is within one unit in the last place, from the smallest float to the largest", "[core][property]") {
  double worst = 0.0;
  for_floats(std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max(), 4999,
             [&](float x) { worst = std::max(worst, ulps(math::log(x), std::log(static_cast<double>(x)))); });
  for_floats(0.7F, 1.5F, 37, [&](float x) { worst = std::max(worst, ulps(math::log(x), std::log(static_cast<double>(x)))); });
  CHECK(worst <= 0.6);
  CHECK(math::log(1.0F) == 0.0F);
}

TEST_CASE("log1p is within one unit in the last place on both sides of zero", "[core][property]") {
  double worst = 0.0;
  for_floats(1e-38F, 1e38F, 4999, [&](float x) {
    worst = std::max(worst, ulps(math::log1p(x), std::log1p(static_cast<double>(x))));
    if (x < 0.9999F) worst = std::max(worst, ulps(math::log1p(-x), std::log1p(-static_cast<double>(x))));
  });
  CHECK(worst <= 1.0);
  CHECK(math::log1p(0.0F) == 0.0F);
  CHECK(std::signbit(math::log1p(-0.0F)));
  CHECK(math::log1p(std::numeric_limits<float>::denorm_min()) == std::numeric_limits<float>::denorm_min());
}

TEST_CASE("exp is within four units in the last place where it does not saturate", "[core][property]") {
  double worst = 0.0;
  for_floats(1e-30F, 87.0F, 997, [&](float x) {
    worst = std::max(worst, ulps(math::exp(x), std::exp(static_cast<double>(x))));
    worst = std::max(worst, ulps(math::exp(-x), std::exp(-static_cast<double>(x))));
  });
  CHECK(worst <= 3.5);
  CHECK(math::exp(0.0F) == 1.0F);
}

TEST_CASE("exp saturates at e^-87 and e^88 and stays finite and positive", "[core]") {
  const float low = math::exp(-87.0F);
  const float high = math::exp(88.0F);
  CHECK(ulps(low, std::exp(-87.0)) <= 4.0);
  CHECK(ulps(high, std::exp(88.0)) <= 4.0);
  for (const float beyond : {87.5F, 100.0F, 1e15F, std::numeric_limits<float>::max(), math_inf}) CHECK(math::exp(-beyond) == low);
  for (const float beyond : {88.5F, 100.0F, 1e15F, std::numeric_limits<float>::max(), math_inf}) CHECK(math::exp(beyond) == high);
}

TEST_CASE("sigmoid is right within 1e-7, lies in [0, 1] and mirrors at zero", "[core][property]") {
  double worst = 0.0;
  for_floats(1e-10F, 1e10F, 4999, [&](float x) {
    const float up = math::sigmoid(x);
    const float down = math::sigmoid(-x);
    REQUIRE(up <= 1.0F);
    REQUIRE(down >= 0.0F);
    worst = std::max(worst, std::abs(static_cast<double>(up) - 1.0 / (1.0 + std::exp(-static_cast<double>(x)))));
    worst = std::max(worst, std::abs(static_cast<double>(up) + static_cast<double>(down) - 1.0));
    if (x < 80.0F) worst = std::max(worst, 1e-8 * ulps(down, 1.0 / (1.0 + std::exp(static_cast<double>(x)))));
  });
  CHECK(worst <= 1.2e-7);
  CHECK(math::sigmoid(0.0F) == 0.5F);
  CHECK(math::sigmoid(math_inf) == 1.0F);
  CHECK(math::sigmoid(-math_inf) < 1e-37F);
}

TEST_CASE("softplus is right within a few units, is never negative and approaches its argument", "[core][property]") {
  double worst = 0.0;
  for_floats(1e-10F, 80.0F, 4999, [&](float x) {
    worst = std::max(worst, ulps(math::softplus(x), std::log1p(std::exp(static_cast<double>(x)))));
    worst = std::max(worst, ulps(math::softplus(-x), std::log1p(std::exp(-static_cast<double>(x)))));
  });
  CHECK(worst <= 4.0);
  CHECK(math::softplus(0.0F) == Approx(0.6931472));
  CHECK(math::softplus(1e15F) == 1e15F);
  CHECK(math::softplus(-1e15F) >= 0.0F);
  CHECK(math::softplus(-1e15F) < 1e-37F);
}

TEST_CASE("the functions of math do not fall where the true ones rise, beyond the rounding of one step", "[core][property]") {
  const auto rises = [](auto function, float low, float high, std::uint32_t step, bool exactly) {
    float before = function(low);
    bool rising = true;
    for_floats(low, high, step, [&](float x) {
      const float now = function(x);
      const float allowed = exactly ? before : std::nextafter(std::nextafter(before, -math_inf), -math_inf);
      if (now < allowed) rising = false;
      before = now;
    });
    return rising;
  };
  CHECK(rises([](float x) { return math::log(x); }, 1e-40F, 1e38F, 4999, true));
  CHECK(rises([](float x) { return math::log1p(x); }, 1e-38F, 1e38F, 4999, true));
  CHECK(rises([](float x) { return math::log(x); }, 0.99F, 1.01F, 1, true));
  CHECK(rises([](float x) { return math::exp(x); }, 1e-3F, 90.0F, 101, false));
  CHECK(rises([](float x) { return -math::exp(-x); }, 1e-3F, 90.0F, 101, false));
  CHECK(rises([](float x) { return math::sigmoid(x); }, 1e-3F, 100.0F, 101, false));
  CHECK(rises([](float x) { return math::softplus(x); }, 1e-3F, 100.0F, 101, false));
}

TEST_CASE("what is not finite goes through the functions of math as it should", "[core]") {
  CHECK(is_nan(math::log(math_nan)));
  CHECK(is_nan(math::log(0.0F)));
  CHECK(is_nan(math::log(-1.0F)));
  CHECK(is_nan(math::log(-math_inf)));
  CHECK(math::log(math_inf) == math_inf);
  CHECK(is_nan(math::log1p(math_nan)));
  CHECK(is_nan(math::log1p(-1.0F)));
  CHECK(is_nan(math::log1p(-math_inf)));
  CHECK(math::log1p(math_inf) == math_inf);
  CHECK(is_nan(math::exp(math_nan)));
  CHECK(is_nan(math::sigmoid(math_nan)));
  CHECK(is_nan(math::softplus(math_nan)));
}

TEST_CASE("The power transform is right within a unit in the last place, for both signs and every kind of exponent", "[core][property]") {
  const auto truth = [](double x, double lambda) {
    const double exponent = x < 0.0 ? 2.0 - lambda : lambda;
    const double grown = exponent == 0.0 ? std::log1p(std::abs(x)) : std::expm1(exponent * std::log1p(std::abs(x))) / exponent;
    return std::copysign(std::min(grown, 1e15), x);
  };
  for (const float lambda : {-5.0F, -1.0F, -0.5F, 0.0F, 1e-3F, 0.5F, 1.0F, 2.0F, 2.5F, 5.0F}) {
    double worst = 0.0;
    for_floats(1e-30F, 1e15F, 99991, [&](float x) {
      worst = std::max(worst, ulps(math::yeo_johnson(x, lambda), truth(static_cast<double>(x), static_cast<double>(lambda))));
      worst = std::max(worst, ulps(std::abs(math::yeo_johnson(-x, lambda)), -truth(-static_cast<double>(x), static_cast<double>(lambda))));
    });
    CAPTURE(lambda);
    CHECK(worst <= 1.0);
    CHECK(math::yeo_johnson(0.0F, lambda) == 0.0F);
    CHECK(std::isnan(math::yeo_johnson(math_nan, lambda)));
  }
}
