#include "rtml/monitor/skew_meter.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;
using monitor::SkewMeter;

static_assert(Mergeable<SkewMeter> && Sized<SkewMeter>);

namespace {

constexpr float skew_nan = std::numeric_limits<float>::quiet_NaN();

SkewMeter two_columns(double share = 1.0, std::uint64_t seed = 0) { return SkewMeter(Schema::numeric(2), share, seed); }

void compare(SkewMeter& meter, const FeatureVector& served, const FeatureVector& again) { meter.compare(served, again); }

FeatureVector vector_of(std::vector<float> dense, std::vector<SparseFeature> sparse = {}) {
  FeatureVector x;
  x.dense() = std::move(dense);
  x.sparse() = std::move(sparse);
  return x;
}

}  // namespace

TEST_CASE("Skew is counted column by column, by what differs and by how much", "[monitor][skew][reference]") {
  SkewMeter meter = two_columns();
  compare(meter, vector_of({1.0F, 5.0F}), vector_of({1.0F, 5.0F}));
  compare(meter, vector_of({1.0F, 5.0F}), vector_of({3.0F, 5.0F}));
  compare(meter, vector_of({skew_nan, 2.0F}), vector_of({skew_nan, skew_nan}));
  compare(meter, vector_of({skew_nan, 2.0F}), vector_of({4.0F, 2.0F}));
  compare(meter, vector_of({0.0F, 2.0F}), vector_of({-0.0F, 2.0F}));  // other bits
  CHECK(meter.vectors() == 5);
  CHECK(meter.mismatches() == 4);
  CHECK(meter.hashed_mismatches() == 0);
  const SkewMeter::Column& a = meter.columns()[0];
  CHECK(a.equal == 2);
  CHECK(a.different == 2);
  CHECK(a.missing == 0);
  CHECK(a.extra == 1);
  CHECK(a.mismatch_rate() == Approx(0.6));
  CHECK(a.smape() == Approx(2.0 / 6.0));  // |1 - 3| over 2 + 4 + 0
  CHECK(a.largest_distance == 2.0);
  CHECK(meter.columns()[1].missing == 1);
  CHECK(meter.columns()[1].smape() == 0.0);
  compare(meter, vector_of({1.0F}), vector_of({1.0F, 2.0F}));
  CHECK(meter.refused() == 1);
  CHECK(meter.vectors() == 5);
}

TEST_CASE("Hashed features are the same in any order, but not in other numbers", "[monitor][skew]") {
  SkewMeter meter(Schema{});
  const auto differs = [&](std::vector<SparseFeature> served, std::vector<SparseFeature> again) {
    const std::uint64_t before = meter.hashed_mismatches();
    compare(meter, vector_of({}, std::move(served)), vector_of({}, std::move(again)));
    return meter.hashed_mismatches() != before;
  };
  CHECK_FALSE(differs({{1, 1.0F}, {2, 1.0F}, {1, 2.0F}}, {{2, 1.0F}, {1, 2.0F}, {1, 1.0F}}));
  CHECK(differs({{1, 1.0F}}, {{2, 1.0F}}));
  CHECK(differs({{1, 1.0F}}, {{1, 2.0F}}));
  CHECK(differs({{1, 1.0F}}, {{1, 1.0F}, {1, 1.0F}}));
  CHECK(differs({{1, 1.0F}, {1, 1.0F}, {2, 1.0F}}, {{1, 1.0F}, {2, 1.0F}, {2, 1.0F}}));
  CHECK(meter.mismatches() == 4);
}

TEST_CASE("The sample is of whole entities, of about its share, and another by another seed", "[monitor][skew]") {
  const SkewMeter meter = two_columns(0.25);
  const SkewMeter other = two_columns(0.25, 9);
  int sampled = 0;
  int both = 0;
  for (std::uint64_t entity = 0; entity < 10'000; ++entity) {
    CHECK(meter.samples(entity) == meter.samples(entity));
    sampled += meter.samples(entity) ? 1 : 0;
    both += meter.samples(entity) && other.samples(entity) ? 1 : 0;
  }
  CHECK(std::abs(sampled - 2500) < 175);  // four deviations
  CHECK(std::abs(both - 625) < 100);
  CHECK_FALSE(two_columns(0.0).samples(1));
  CHECK(two_columns(1.0).samples(1));
  CHECK_THROWS_WITH(two_columns(1.5), "SkewMeter: share is 1.5, must be in [0, 1]");
}

TEST_CASE("Skew adds up over partitions, lasts, and allocates nothing", "[monitor][skew][merge]") {
  Rng rng(2);
  SkewMeter whole = two_columns();
  SkewMeter a = two_columns();
  SkewMeter b = two_columns();
  for (int i = 0; i < 200; ++i) {
    const auto draw = [&] { return rng.uniform() < 0.2 ? skew_nan : static_cast<float>(rng.below(3)); };
    const FeatureVector served = vector_of({draw(), draw()}, {{static_cast<std::uint32_t>(rng.below(2)), 1.0F}});
    const FeatureVector again = vector_of({draw(), draw()}, {{static_cast<std::uint32_t>(rng.below(2)), 1.0F}});
    const testing::AllocationCounter counter;
    whole.compare(served, again);
    (i % 2 == 0 ? a : b).compare(served, again);
    const auto allocated = counter.count();
    REQUIRE(allocated == 0);
  }
  a.merge(b);
  CHECK(save(a) == save(whole));
  SkewMeter loaded = two_columns();
  load(loaded, save(whole));
  CHECK(save(loaded) == save(whole));
  CHECK_THROWS_AS(a.merge(SkewMeter(Schema::numeric(3))), SchemaError);
}
