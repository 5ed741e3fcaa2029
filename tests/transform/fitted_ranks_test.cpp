#include "rtml/transform/fitted_ranks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "payment.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::testing::bits_of;
using rtml::testing::dense_of;
using rtml::testing::Payment;

static_assert(Mergeable<FittedRanks> && Checkpointable<FittedRanks> && Sized<FittedRanks>);

namespace {

constexpr float ranks_nan = std::numeric_limits<float>::quiet_NaN();
constexpr float ranks_inf = std::numeric_limits<float>::infinity();

std::vector<float> skewed(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(std::exp(1.5 * rng.normal()));
  return values;
}

FittedRanks seen(const std::vector<float>& values) {
  FittedRanks ranks({1});
  for (const float value : values) ranks.observe(std::vector<float>{value});
  return ranks;
}

/// 0, 1, ..., 32: the knots are the values themselves.
FittedRanks ladder() {
  std::vector<float> steps(33);
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = static_cast<float>(i);
  FittedRanks ranks = seen(steps);
  ranks.merge(FittedRanks({1}));  // looks at them anew
  return ranks;
}

Payment paying(double amount) { return {Time{}, 1, "shop", amount}; }

}  // namespace

TEST_CASE("A rank is read off between the knots", "[transform][fitted]") {
  const FittedRanks ranks = ladder();
  const float* knots = ranks.knots().data();
  CHECK(FittedRanks::rank(8.0F, knots) == Approx(0.25).margin(1.0 / 32.0));
  CHECK(FittedRanks::rank(-1.0F, knots) == 0.0F);
  CHECK(FittedRanks::rank(33.0F, knots) == 1.0F);
  float before = 0.0F;
  for (float x = 0.0F; x <= 32.0F; x += 0.125F) {
    CHECK(FittedRanks::rank(x, knots) >= before);
    before = FittedRanks::rank(x, knots);
  }
  CHECK(is_nan(FittedRanks::rank(ranks_nan, knots)));
  CHECK(FittedRanks::rank(ranks_inf, knots) == ranks_inf);
}

TEST_CASE("A value that many have lies in the middle of them", "[transform][fitted]") {
  std::vector<float> values(1000, 0.0F);
  for (std::size_t i = 0; i < 250; ++i) values[4 * i] = static_cast<float>(i);
  const FittedRanks ranks = seen(values);
  CHECK(FittedRanks::rank(0.0F, ranks.knots().data()) == Approx(0.375).margin(0.05));
  CHECK(FittedRanks::centered(100.0F, ranks.knots().data()) == 0.0F);  // both quartiles are 0
}

TEST_CASE("Ranks of whatever distribution are uniform", "[transform][fitted][property]") {
  const FittedRanks ranks = seen(skewed(20'000, 1));
  auto fresh = skewed(5000, 2);
  for (float& value : fresh) value = FittedRanks::rank(value, ranks.knots().data());
  std::sort(fresh.begin(), fresh.end());
  double distance = 0.0;  // of Kolmogorov and Smirnov
  for (std::size_t i = 0; i < fresh.size(); ++i)
    distance = std::max(distance, std::abs(static_cast<double>(fresh[i]) - static_cast<double>(i) / static_cast<double>(fresh.size())));
  CHECK(distance < 0.05);
}

TEST_CASE("Outliers move neither the median nor the quartiles", "[transform][fitted]") {
  auto values = skewed(2000, 3);
  const FittedRanks without = seen(values);
  for (std::size_t i = 0; i < 2000; i += 40) values[i] = 1e15F;
  const FittedRanks with = seen(values);
  for (const float x : {0.1F, 1.0F, 3.0F})
    CHECK(FittedRanks::centered(x, with.knots().data()) == Approx(FittedRanks::centered(x, without.knots().data())).margin(0.12));
  CHECK(FittedRanks::centered(1e12F, with.knots().data()) == 8.0F);
  CHECK(FittedRanks::within_range(3.0F, with.knots().data()) < 1e-12F);
}

TEST_CASE("The range is that of all values until now, at once", "[transform][fitted]") {
  FittedRanks ranks = seen(skewed(1000, 4));
  const auto part = [&](float x) { return FittedRanks::within_range(x, ranks.knots().data()); };
  ranks.observe(std::vector<float>{-10.0F});
  ranks.observe(std::vector<float>{990.0F});
  CHECK(part(-10.0F) == 0.0F);
  CHECK(part(490.0F) == Approx(0.5));
  CHECK(part(1e6F) == 1.0F);
  CHECK(part(-1e6F) == 0.0F);
}

TEST_CASE("Before anything was seen, what is served is in the middle", "[transform][fitted]") {
  const FittedRanks none({1});
  CHECK(FittedRanks::rank(5.0F, none.knots().data()) == 0.5F);
  CHECK(FittedRanks::centered(5.0F, none.knots().data()) == 0.0F);
  CHECK(FittedRanks::within_range(5.0F, none.knots().data()) == 0.0F);
  CHECK(FittedRanks::centered(5.0F, seen({3.0F}).knots().data()) == 0.0F);
  CHECK(FittedRanks::within_range(5.0F, seen({3.0F}).knots().data()) == 0.0F);
}

TEST_CASE("A set serves ranks as of before the event, beside means", "[transform][fitted][features]") {
  FeaturePipeline<Payment> pipeline(feature_set<Payment>(
      "p", numeric("rank", &Payment::amount) | quantile(), numeric("z", &Payment::amount) | standardize(),
      numeric("part", &Payment::amount) | clip(0.0F, 200.0F) | min_max(), numeric("robust", &Payment::amount) | robust() | polynomial(2),
      numeric("filled", &Payment::amount) | fill_with_mean()));
  CHECK(pipeline.feature_set().fit_size() == 5);
  CHECK(pipeline.schema().dense(3).definition == "numeric|robust|polynomial(2)");
  CHECK(pipeline.schema().dense(2).definition == "numeric|clip(0,200)|min_max");
  CHECK(pipeline.schema().dense(5).definition == "numeric|fill_with_mean");
  CHECK(dense_of(pipeline, paying(7.0)) == std::vector<float>{0.5F, 0.0F, 0.0F, 0.0F, 0.0F, 7.0F});
  CHECK(dense_of(pipeline, paying(rtml::testing::nan)).back() == 0.0F);
  for (int i = 0; i <= 100; ++i) {
    static_cast<void>(pipeline(paying(i)));
    pipeline.observe(paying(i));
  }
  const auto x = dense_of(pipeline, paying(75.0));
  CHECK(x[0] == Approx(0.75).margin(0.06));
  CHECK(x[2] == 0.75F);
  CHECK(x[3] == Approx(0.5).margin(0.12));
  CHECK(x[4] == x[3] * x[3]);
  CHECK(dense_of(pipeline, paying(rtml::testing::nan)).back() == Approx(50.0));
  CHECK(dense_of(pipeline, paying(500.0))[2] == 1.0F);
  const auto missing = dense_of(pipeline, paying(rtml::testing::nan));
  for (std::size_t i = 0; i < 5; ++i) CHECK(is_nan(missing[i]));
}

TEST_CASE("Shards merged serve what one serves that saw all", "[transform][fitted][merge]") {
  const auto values = skewed(20'000, 5);
  const FittedRanks whole = seen(values);
  FittedRanks a({1});
  FittedRanks b({1});
  for (std::size_t i = 0; i < values.size(); ++i) (i % 3 == 0 ? a : b).observe(std::vector<float>{values[i]});
  FittedRanks other_way = b;
  other_way.merge(a);
  a.merge(b);
  for (const float x : {0.05F, 0.3F, 1.0F, 2.0F, 9.0F}) {
    CHECK(FittedRanks::rank(x, a.knots().data()) == Approx(FittedRanks::rank(x, whole.knots().data())).margin(0.04));
    CHECK(FittedRanks::rank(x, other_way.knots().data()) == Approx(FittedRanks::rank(x, a.knots().data())).margin(0.04));
  }
  Fitted one({}, {1});
  CHECK_THROWS_AS(one.merge(Fitted({}, {2})), SchemaError);
  CHECK_THROWS_AS(one.merge(Fitted({1}, {})), SchemaError);
}

TEST_CASE("Observing ranks allocates nothing", "[transform][fitted]") {
  FittedRanks ranks({1, 2});
  const auto values = skewed(50'000, 6);
  std::vector<float> inputs(2);
  const rtml::testing::AllocationCounter counter;
  for (const float value : values) {
    inputs[0] = value;
    inputs[1] = -value;
    ranks.observe(inputs);
  }
  const auto allocations = counter.count();
  CHECK(allocations == 0);
  const FittedRanks copy = ranks;
  CHECK(copy.memory_bytes() <= ranks.memory_bytes());
}

TEST_CASE("Ranks saved, restored and continued are ranks continued, bit for bit", "[transform][fitted][archive]") {
  const auto values = skewed(3000, 7);
  Fitted fitted({9}, {1, 2});
  for (std::size_t i = 0; i < values.size(); ++i) {
    fitted.observe(std::vector<float>{values[i], values[i], i % 5 == 0 ? ranks_nan : -values[i]});
    if (i % 271 != 0) continue;
    Fitted restored({9}, {1, 2});
    load(restored, save(fitted));
    REQUIRE(bits_of(restored.knots()) == bits_of(fitted.knots()));
    fitted = restored;
  }
  Fitted whole({9}, {1, 2});
  for (std::size_t i = 0; i < values.size(); ++i)
    whole.observe(std::vector<float>{values[i], values[i], i % 5 == 0 ? ranks_nan : -values[i]});
  CHECK(save(fitted) == save(whole));
}

TEST_CASE("Ranks of a set that gained features restore the old ones and begin the new", "[transform][fitted][archive]") {
  Fitted old({}, {11, 12});
  for (const float value : skewed(100, 8)) old.observe(std::vector<float>{value, 2.0F * value});
  Fitted wider({7}, {11, 99, 12});
  load(wider, save(old));
  const std::size_t n = FittedRanks::knot_count;
  CHECK(bits_of(wider.knots().subspan(0, n)) == bits_of(old.knots().subspan(0, n)));
  CHECK(bits_of(wider.knots().subspan(2 * n, n)) == bits_of(old.knots().subspan(n, n)));
  CHECK(is_nan(wider.knots()[n]));
  Fitted other({}, {11, 13});
  CHECK_THROWS_AS(load(other, save(old)), FormatError);
}

TEST_CASE("Ranks read no truncated bytes, and serve no nonsense of damaged ones", "[transform][fitted][archive]") {
  const auto bytes = save(seen(skewed(300, 9)));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    FittedRanks restored({1});
    CHECK_THROWS_AS(load(restored, std::span(bytes).first(size)), FormatError);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 3) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    FittedRanks restored({1});
    try {
      load(restored, flipped);
    } catch (const FormatError&) {
      continue;
    }
    for (const float x : {-1.0F, 0.5F, 3.0F, 1e15F}) {
      const float rank = FittedRanks::rank(x, restored.knots().data());
      CHECK((rank >= 0.0F && rank <= 1.0F));
      CHECK(is_usable(FittedRanks::centered(x, restored.knots().data())));
    }
    restored.observe(std::vector<float>{1.0F});
  }
}
