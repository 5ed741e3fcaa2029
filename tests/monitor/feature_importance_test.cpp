#include "rtml/monitor/feature_importance.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::monitor::FeatureImportance;
using rtml::monitor::ranked_by_impact;

static_assert(rtml::Checkpointable<FeatureImportance> && rtml::Sized<FeatureImportance>);

TEST_CASE("Importance is the mean distance of a contribution from its usual one, as a share", "[monitor][feature_importance]") {
  FeatureImportance importance(3);
  CHECK(rtml::is_nan(importance.shares()[0]));
  rtml::Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto small = static_cast<float>(rng.normal());
    const auto large = static_cast<float>(3.0 * rng.normal());
    const std::vector<float> dense = {small, 100.0F, -large};  // the second always says the same
    const std::vector<float> hashed = {small, small};
    importance.update(dense, hashed);
  }
  CHECK(importance.shares()[0] == Approx(1.0 / 6.0).margin(0.02));
  CHECK(importance.shares()[1] == Approx(0.0).margin(1e-3));
  CHECK(importance.shares()[2] == Approx(0.5).margin(0.03));
  CHECK(importance.hashed_share() == Approx(2.0 / 6.0).margin(0.03));
  CHECK(importance.shares()[0] + importance.shares()[1] + importance.shares()[2] + importance.hashed_share() == Approx(1.0));
  importance.reset();
  CHECK(rtml::is_nan(importance.shares()[2]));
}

TEST_CASE("Importance follows a model that changes, and takes what is not usable for nothing", "[monitor][feature_importance]") {
  FeatureImportance importance(2, {.factor = 0.99});
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int i = 0; i < 1000; ++i) importance.update(std::vector<float>{i % 2 == 0 ? 1.0F : -1.0F, nan}, std::vector<float>{infinity});
  CHECK(importance.shares()[0] == Approx(1.0));
  for (int i = 0; i < 2000; ++i) importance.update(std::vector<float>{0.0F, i % 2 == 0 ? 1.0F : -1.0F}, {});
  CHECK(importance.shares()[1] > 0.99);
  CHECK_THROWS_WITH(FeatureImportance(2, {.factor = 0.0}), "FeatureImportance: factor is 0, must be in (0, 1]");
}

TEST_CASE("Features rank by effect times importance, and by the effect where a learner cannot say", "[monitor][feature_importance]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> effects = {0.5, 0.1, nan, 0.2, 0.3};
  CHECK(ranked_by_impact(effects, std::vector<double>{0.1, 0.6, 0.1, 0.1, 0.0}) == std::vector<std::size_t>{1, 0, 3, 4, 2});
  CHECK(ranked_by_impact(effects, std::vector<double>{nan, nan, nan, nan, nan}) == std::vector<std::size_t>{0, 4, 3, 1, 2});
  CHECK(ranked_by_impact(effects, std::vector<double>{0.1, nan, 0.1, 0.1, 0.0}) == std::vector<std::size_t>{0, 4, 3, 1, 2});
  CHECK(ranked_by_impact(effects, std::vector<double>{0.1, 0.6, nan, 0.1, 0.0}).front() == 1);  // of no effect no share is needed
  CHECK(ranked_by_impact(std::vector<double>{0.1, 0.2}, std::vector<double>{0.0, 0.0}) == std::vector<std::size_t>{1, 0});
  CHECK(ranked_by_impact({}, {}).empty());
}

TEST_CASE("Importance lasts, goes on as before, and allocates nothing", "[monitor][feature_importance][archive]") {
  FeatureImportance importance(4);
  const auto feed = [](FeatureImportance& to, std::uint64_t seed) {
    rtml::Rng rng(seed);
    std::vector<float> dense(4);
    for (int i = 0; i < 50; ++i) {
      for (float& value : dense) value = static_cast<float>(rng.normal());
      const rtml::testing::AllocationCounter counter;
      to.update(dense, dense);
      const auto allocated = counter.count();
      REQUIRE(allocated == 0);
    }
  };
  feed(importance, 1);
  FeatureImportance loaded(4);
  rtml::load(loaded, rtml::save(importance));
  feed(importance, 2);
  feed(loaded, 2);
  CHECK(rtml::save(loaded) == rtml::save(importance));
  rtml::testing::check_archive(importance, FeatureImportance(4));
  CHECK_THROWS_AS(rtml::load(loaded, rtml::save(FeatureImportance(5))), rtml::FormatError);
}
