#include "rtml/stats/quantile_sketch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;
using stats::QuantileSketch;

static_assert(Mergeable<QuantileSketch> && Checkpointable<QuantileSketch> && Sized<QuantileSketch>);

namespace {

constexpr double promised = 0.0133;  // of the rank, for 99 % of the answers at k = 200

enum class Order { random, ascending, descending, few_values };

std::vector<float> numbers(Order order, std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> all(n);
  for (float& value : all)
    value = order == Order::few_values ? static_cast<float>(rng.below(7)) : static_cast<float>(std::exp(2.0 * rng.normal()));
  if (order == Order::ascending) std::sort(all.begin(), all.end());
  if (order == Order::descending) std::sort(all.rbegin(), all.rend());
  return all;
}

QuantileSketch sketch_of(const std::vector<float>& values, std::size_t k = 200, std::uint64_t seed = 0) {
  QuantileSketch sketch(k, seed);
  for (const float value : values) sketch.update(value);
  return sketch;
}

void quantiles_of(const QuantileSketch& sketch, std::vector<float>& out) {
  std::vector<QuantileSketch::Weighted> scratch(sketch.held());
  sketch.quantiles(out, scratch);
}

/// How far from p the ranks are that a value has among sorted ones: it has all from below it to at most it.
double rank_error(const std::vector<float>& sorted, float value, double p) {
  const auto n = static_cast<double>(sorted.size());
  const double low = static_cast<double>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin()) / n;
  const double high = static_cast<double>(std::upper_bound(sorted.begin(), sorted.end(), value) - sorted.begin()) / n;
  return std::max({0.0, low - p, p - high});
}

/// Of all quantiles of a sketch: how many are further off than promised, and how far the worst is.
struct Errors {
  int beyond = 0;
  int all = 0;
  double worst = 0.0;
  void add(const QuantileSketch& sketch, std::vector<float> values) {
    std::sort(values.begin(), values.end());
    std::vector<float> quantiles(33);
    quantiles_of(sketch, quantiles);
    CHECK(std::is_sorted(quantiles.begin(), quantiles.end()));
    CHECK(quantiles.front() == values.front());
    CHECK(quantiles.back() == values.back());
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
      const double error = rank_error(values, quantiles[i], static_cast<double>(i) / 32.0);
      beyond += error > promised ? 1 : 0;
      ++all;
      worst = std::max(worst, error);
    }
  }
};

}  // namespace

TEST_CASE("Ranks are as near as promised, in whatever order values come", "[stats][sketch][property]") {
  for (const Order order : {Order::random, Order::ascending, Order::descending, Order::few_values}) {
    Errors errors;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const auto values = numbers(order, 30'000, seed);
      errors.add(sketch_of(values, 200, seed), values);
    }
    CAPTURE(static_cast<int>(order), errors.worst);
    CHECK(errors.beyond <= errors.all / 50);
    CHECK(errors.worst < 2.0 * promised);
  }
}

TEST_CASE("A larger k is nearer, a smaller one smaller", "[stats][sketch]") {
  const auto values = numbers(Order::random, 50'000, 3);
  Errors coarse;
  Errors fine;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    coarse.add(sketch_of(values, 25, seed), values);
    fine.add(sketch_of(values, 800, seed), values);
  }
  CHECK(fine.worst < 0.004);
  CHECK(coarse.worst > fine.worst);
  CHECK(sketch_of(values, 25).memory_bytes() < sketch_of(values, 800).memory_bytes() / 4);
}

TEST_CASE("Until k values were seen all quantiles are exact", "[stats][sketch]") {
  std::vector<float> quantiles(5);
  QuantileSketch sketch;
  quantiles_of(sketch, quantiles);
  for (const float q : quantiles) CHECK(is_nan(q));
  CHECK(is_nan(sketch.lowest()));
  sketch.update(7.0F);
  quantiles_of(sketch, quantiles);
  CHECK(quantiles == std::vector<float>(5, 7.0F));
  QuantileSketch hundred;
  for (int i = 100; i > 0; --i) hundred.update(static_cast<float>(i));
  quantiles_of(hundred, quantiles);
  CHECK(quantiles == std::vector<float>{1.0F, 25.0F, 50.0F, 75.0F, 100.0F});
  CHECK(hundred.rank(30.0F) == Approx(0.295));
  CHECK(hundred.rank(0.0F) == 0.0);
  CHECK(hundred.rank(101.0F) == 1.0);
}

TEST_CASE("What is not usable is left out", "[stats][sketch]") {
  QuantileSketch sketch;
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -2e15F, 3.0F})
    sketch.update(value);
  CHECK(sketch.count() == 1);
  CHECK(sketch.highest() == 3.0F);
}

TEST_CASE("Shards merged are as near as one sketch that saw all, in any order", "[stats][sketch][merge][property]") {
  for (const Order order : {Order::random, Order::ascending, Order::few_values}) {
    Errors errors;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const auto values = numbers(order, 40'000, seed);
      std::vector<QuantileSketch> shards;
      for (std::size_t s = 0; s < 8; ++s) shards.emplace_back(200, 100 * seed + s);
      for (std::size_t i = 0; i < values.size(); ++i) shards[i % 9 == 0 ? 7 : i % 7].update(values[i]);
      QuantileSketch forwards = shards[0];
      for (std::size_t s = 1; s < 8; ++s) forwards.merge(shards[s]);
      QuantileSketch backwards = shards[7];
      for (std::size_t s = 7; s-- > 0;) backwards.merge(shards[s]);
      CHECK(forwards.count() == values.size());
      CHECK(backwards.count() == values.size());
      errors.add(forwards, values);
      errors.add(backwards, values);
    }
    CAPTURE(static_cast<int>(order), errors.worst);
    CHECK(errors.beyond <= errors.all / 50);
    CHECK(errors.worst < 2.0 * promised);
  }
}

TEST_CASE("Many small shards merged lean to no side", "[stats][sketch][merge][property]") {
  double lean = 0.0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto values = numbers(Order::random, 40'000, seed);
    QuantileSketch all(25, seed);
    for (std::size_t from = 0; from < values.size(); from += 80)
      all.merge(
          sketch_of({values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + static_cast<std::ptrdiff_t>(from) + 80}, 25));
    lean += all.rank(1.0F) - 0.5;  // the median of the distribution
  }
  CHECK(std::abs(lean / 10.0) < 0.02);
}

TEST_CASE("Merging with nothing, or with itself, is what it says", "[stats][sketch][merge]") {
  const auto values = numbers(Order::random, 5000, 1);
  QuantileSketch sketch = sketch_of(values);
  const auto before = save(sketch);
  sketch.merge(QuantileSketch());
  CHECK(save(sketch) == before);
  sketch.merge(sketch);
  CHECK(sketch.count() == 10'000);
  Errors errors;
  errors.add(sketch, values);
  CHECK(errors.worst < 2.0 * promised);
  sketch.update(1.0F);  // and goes on
  CHECK(sketch.count() == 10'001);
  CHECK_THROWS_AS(sketch.merge(QuantileSketch(100)), SchemaError);
}

TEST_CASE("Memory is bounded, whatever comes", "[stats][sketch]") {
  QuantileSketch sketch;
  const std::size_t before = sketch.memory_bytes();
  for (int i = 0; i < 2'000'000; ++i) sketch.update(static_cast<float>(i % 1009));
  CHECK(sketch.held() <= 3 * 200 + 8 * 40);
  CHECK(sketch.memory_bytes() == before);
  CHECK(sketch.memory_bytes() < 5000);
}

TEST_CASE("Saved, loaded and continued is continued, to the bit", "[stats][sketch][archive]") {
  const auto values = numbers(Order::random, 20'000, 4);
  QuantileSketch sketch;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sketch.update(values[i]);
    if (i % 777 == 0) {
      QuantileSketch loaded;
      load(loaded, save(sketch));
      REQUIRE(save(loaded) == save(sketch));
      sketch = loaded;
    }
  }
  CHECK(save(sketch) == save(sketch_of(values)));
}

TEST_CASE("A damaged sketch is refused or harmless", "[stats][sketch][archive]") {
  const auto bytes = save(sketch_of(numbers(Order::random, 3000, 2), 16));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const unsigned bit : {0U, 3U, 7U}) {
      auto damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(1U << bit);
      QuantileSketch loaded;
      try {
        load(loaded, damaged);
      } catch (const Error&) {
        continue;
      }
      for (int n = 0; n < 100; ++n) loaded.update(static_cast<float>(n));
      std::vector<float> quantiles(9);
      quantiles_of(loaded, quantiles);
      CHECK(std::is_sorted(quantiles.begin(), quantiles.end()));
    }
}

TEST_CASE("A k that makes no sense is refused", "[stats][sketch]") {
  CHECK_THROWS_WITH(QuantileSketch(7), "QuantileSketch: k is 7, must be in [8, 65535]");
  CHECK_THROWS_AS(QuantileSketch(65'536), ConfigError);
}
