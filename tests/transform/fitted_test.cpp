#include "rtml/transform/fitted.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using rtml::Fitted;

static_assert(rtml::Mergeable<Fitted> && rtml::Checkpointable<Fitted> && rtml::Sized<Fitted>);

namespace {

constexpr float fitted_nan = std::numeric_limits<float>::quiet_NaN();
constexpr float fitted_infinity = std::numeric_limits<float>::infinity();

void observe_each(Fitted& fitted, const std::vector<float>& values) {
  for (const float value : values) fitted.observe(std::vector<float>{value});
}

std::vector<float> normals(std::uint64_t seed, std::size_t count, double mean, double deviation) {
  rtml::Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(mean + deviation * rng.normal());
  return values;
}

}  // namespace

TEST_CASE("Fitted knows the mean and deviation of what it saw, as two passes compute them", "[transform][fitted][property]") {
  const auto seed = GENERATE(range(1U, 11U));
  const auto values = normals(seed, 500, 1000.0, 3.0);
  Fitted fitted({1});
  observe_each(fitted, values);
  double mean = 0.0;
  for (const float value : values) mean += static_cast<double>(value) / 500.0;
  double variance = 0.0;
  for (const float value : values) variance += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean) / 500.0;
  CAPTURE(seed);
  CHECK(fitted.count(0) == 500);
  CHECK(static_cast<double>(fitted.mean()[0]) == Approx(mean));
  CHECK(fitted.variance(0) == Approx(variance).epsilon(0.03));  // the first few may have been limited
  CHECK(static_cast<double>(fitted.scale()[0]) == Approx(1.0 / std::sqrt(fitted.variance(0))));
}

TEST_CASE("Fitted gives rare but real values their weight in mean and variance", "[transform][fitted]") {
  Fitted fitted({1});
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < 50'000; ++i) {
    const double value = i % 100 == 50 ? 100.0 : (i % 2 == 0 ? 1.0 : -1.0);  // rare, large and real
    fitted.observe(std::vector<float>{static_cast<float>(value)});
    sum += value;
    squares += value * value;
  }
  CHECK(static_cast<double>(fitted.mean()[0]) == Approx(sum / 5e4).epsilon(0.1));
  CHECK(fitted.variance(0) == Approx(squares / 5e4 - sum * sum / 25e8).epsilon(0.1));
}

TEST_CASE("Fitted serves 0 before it saw two different values", "[transform][fitted]") {
  Fitted fitted({1});
  CHECK(Fitted::standardized(5.0F, fitted.mean()[0], fitted.scale()[0]) == 0.0F);
  observe_each(fitted, {3.0F, 3.0F, 3.0F});
  CHECK(fitted.mean()[0] == 3.0F);
  CHECK(Fitted::standardized(5.0F, fitted.mean()[0], fitted.scale()[0]) == 0.0F);
}

TEST_CASE("Fitted skips what is missing or not usable, slot by slot", "[transform][fitted]") {
  Fitted fitted({1, 2});
  fitted.observe(std::vector<float>{1.0F, fitted_nan});
  fitted.observe(std::vector<float>{fitted_infinity, 2.0F});
  fitted.observe(std::vector<float>{-fitted_infinity, 2e15F});
  CHECK(fitted.count(0) == 1);
  CHECK(fitted.count(1) == 1);
  CHECK(fitted.mean()[0] == 1.0F);
  CHECK(fitted.mean()[1] == 2.0F);
}

TEST_CASE("A standardized value lies in [-8, 8], is missing where the value is, and stays refused where it is infinite",
          "[transform][fitted]") {
  CHECK(Fitted::standardized(1e15F, 0.0F, 1.0F) == 8.0F);
  CHECK(Fitted::standardized(-1e15F, 0.0F, 1e15F) == -8.0F);
  CHECK(Fitted::standardized(3.0F, 1.0F, 0.5F) == 1.0F);
  CHECK(rtml::is_nan(Fitted::standardized(fitted_nan, 0.0F, 1.0F)));
  CHECK(Fitted::standardized(fitted_infinity, 0.0F, 1.0F) == fitted_infinity);
}

TEST_CASE("One distance of 55,027 miles no more than doubles the variance of the trips before it", "[transform][fitted][robust]") {
  for (const std::size_t before : {8U, 100U, 10'000U}) {
    Fitted fitted({1});
    observe_each(fitted, normals(3, before, 3.0, 2.0));
    const double mean = static_cast<double>(fitted.mean()[0]);
    const double variance = fitted.variance(0);
    fitted.observe(std::vector<float>{55027.0F});
    CAPTURE(before);
    CHECK(fitted.variance(0) <= 2.0 * variance);
    CHECK(std::abs(static_cast<double>(fitted.mean()[0]) - mean) <= std::sqrt(variance / static_cast<double>(before)));
    const auto scaled = [&](float x) { return Fitted::standardized(x, fitted.mean()[0], fitted.scale()[0]); };
    CHECK(scaled(7.0F) - scaled(3.0F) > 0.9F);  // two deviations apart, still told apart
  }
}

TEST_CASE("A huge value among the first few is limited as soon as there are eight", "[transform][fitted][robust]") {
  for (const std::size_t place : {0U, 1U, 6U, 7U})
    for (const float outlier : {1e12F, -1e12F, 1e15F}) {
      auto values = normals(3, 100, 3.0, 2.0);
      values[place] = outlier;
      Fitted fitted({1});
      observe_each(fitted, values);
      CAPTURE(place, outlier);
      CHECK(fitted.count(0) == 100);
      CHECK(std::abs(fitted.mean()[0] - 3.0F) < 1.0F);
      CHECK(fitted.variance(0) < 16.0);
      CHECK(fitted.variance(0) > 2.0);
    }
}

TEST_CASE("The first eight enter as they are when none is far from the others, or most are the same", "[transform][fitted][robust]") {
  Fitted fitted({1});
  observe_each(fitted, {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F, 20.0F});  // median 4.5, spread 3: 20 is 5 of them away
  CHECK(fitted.mean()[0] == 6.0F);
  CHECK(fitted.variance(0) == Approx(31.5));
  Fitted ties({1});
  observe_each(ties, {0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 800.0F});
  CHECK(ties.mean()[0] == 100.0F);
  CHECK(ties.variance(0) == Approx(70'000.0));
}

TEST_CASE("Merged with what saw but a few values, Fitted is as if it had seen them itself", "[transform][fitted][robust]") {
  const auto values = normals(5, 60, 3.0, 2.0);
  const std::vector<float> few = {1e12F, 3.5F, 2.0F};
  Fitted many({1});
  observe_each(many, values);
  Fitted some({1});
  observe_each(some, few);
  Fitted expected = many;
  observe_each(expected, few);
  Fitted merged = many;
  merged.merge(some);
  CHECK(rtml::save(merged) == rtml::save(expected));
  some.merge(many);
  CHECK(some.mean()[0] == expected.mean()[0]);
  CHECK(some.variance(0) == expected.variance(0));
  Fitted five({1});
  observe_each(five, {1.0F, 2.0F, 3.0F, 4.0F, 1e12F});
  Fitted four({1});
  observe_each(four, {2.0F, 3.0F, 4.0F, 5.0F});
  five.merge(four);
  CHECK(five.count(0) == 9);
  CHECK(five.mean()[0] < 10.0F);
  four.merge(four);
  CHECK(four.count(0) == 8);
  CHECK(four.mean()[0] == 3.5F);
}

TEST_CASE("Fitted limits an outlier on its own side of the mean", "[transform][fitted][robust]") {
  Fitted above({1});
  observe_each(above, normals(3, 100, 3.0, 2.0));
  Fitted below = above;
  const float before = above.mean()[0];
  above.observe(std::vector<float>{1e6F});
  below.observe(std::vector<float>{-1e6F});
  CHECK(above.mean()[0] > before);
  CHECK(below.mean()[0] < before);
}

TEST_CASE("Fitted follows a lasting change of level and scale", "[transform][fitted][robust]") {
  Fitted fitted({1});
  observe_each(fitted, normals(1, 1000, 0.0, 1e-3));
  observe_each(fitted, normals(2, 20'000, 500.0, 10.0));
  CHECK(fitted.mean()[0] > 400.0F);
}

TEST_CASE("Fitted merged is Fitted that saw both parts", "[transform][fitted][property]") {
  const auto seed = GENERATE(range(1U, 6U));
  const auto left = normals(seed, 300, 5.0, 2.0);
  const auto right = normals(seed + 100, 200, 6.0, 2.0);
  Fitted a({1});
  Fitted b({1});
  Fitted both({1});
  observe_each(a, left);
  observe_each(b, right);
  observe_each(both, left);
  observe_each(both, right);
  Fitted reversed = b;
  reversed.merge(a);
  a.merge(b);
  CHECK(a.count(0) == 500);
  CHECK(static_cast<double>(a.mean()[0]) == Approx(static_cast<double>(both.mean()[0])).epsilon(0.01));
  CHECK(a.variance(0) == Approx(both.variance(0)).epsilon(0.05));
  CHECK(static_cast<double>(reversed.mean()[0]) == Approx(static_cast<double>(a.mean()[0])));
  CHECK(reversed.variance(0) == Approx(a.variance(0)));
  Fitted other({2});
  CHECK_THROWS_AS(a.merge(other), rtml::SchemaError);
}

TEST_CASE("Fitted saved, restored and continued is Fitted continued, bit for bit", "[transform][fitted][archive]") {
  Fitted fitted({1, 2});
  const auto values = normals(7, 400, 1.0, 9.0);
  for (std::size_t i = 0; i < 200; i += 2) fitted.observe(std::vector<float>{values[i], i % 6 == 0 ? fitted_nan : values[i + 1]});
  Fitted restored({1, 2});
  rtml::load(restored, rtml::save(fitted));
  CHECK(std::vector<float>(restored.scale().begin(), restored.scale().end()) ==
        std::vector<float>(fitted.scale().begin(), fitted.scale().end()));
  for (std::size_t i = 200; i < 400; i += 2) {
    fitted.observe(std::vector<float>{values[i], values[i + 1]});
    restored.observe(std::vector<float>{values[i], values[i + 1]});
  }
  CHECK(rtml::save(restored) == rtml::save(fitted));
}

TEST_CASE("Fitted of a set that gained features restores the old ones and begins the new", "[transform][fitted][archive]") {
  Fitted old({11, 12});
  old.observe(std::vector<float>{4.0F, 5.0F});
  Fitted wider({11, 99, 12});
  rtml::load(wider, rtml::save(old));
  CHECK(wider.mean()[0] == 4.0F);
  CHECK(wider.count(1) == 0);
  CHECK(wider.mean()[2] == 5.0F);
  Fitted other({11, 13});
  CHECK_THROWS_AS(rtml::load(other, rtml::save(old)), rtml::FormatError);
}

TEST_CASE("Fitted reads no truncated bytes, and none of nonsense", "[transform][fitted][archive]") {
  Fitted fitted({1, 2});
  for (const float value : normals(7, 50, 1.0, 9.0)) fitted.observe(std::vector<float>{value, value * 2.0F});
  const auto bytes = rtml::save(fitted);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Fitted restored({1, 2});
    CHECK_THROWS_AS(rtml::load(restored, std::span(bytes).first(size)), rtml::FormatError);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    Fitted restored({1, 2});
    try {
      rtml::load(restored, flipped);
    } catch (const rtml::FormatError&) {
      continue;
    }
    for (std::size_t slot = 0; slot < 2; ++slot) {
      CHECK(rtml::is_usable(restored.mean()[slot]));
      CHECK(rtml::is_usable(restored.scale()[slot]));
    }
  }
}

TEST_CASE("Fitted refuses a version that it would misread", "[transform][fitted][archive]") {
  Fitted fitted({1});
  auto bytes = rtml::save(fitted);
  constexpr std::size_t version = 8 + 6;  // after the length and the letters of "Fitted"
  REQUIRE(bytes[version] == std::byte{3});
  CHECK_NOTHROW(rtml::load(fitted, bytes));
  for (const auto other : {std::byte{1}, std::byte{2}, std::byte{4}}) {
    bytes[version] = other;
    CHECK_THROWS_AS(rtml::load(fitted, bytes), rtml::FormatError);
  }
}
