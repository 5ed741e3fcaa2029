#include "rtml/core/features.hpp"

#include <limits>
#include <vector>

#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;

TEST_CASE("a feature vector owns what it copied", "[core]") {
  std::vector<float> dense = {1.0F, std::numeric_limits<float>::quiet_NaN()};
  std::vector<SparseFeature> sparse = {{7, 0.5F}, {7, 0.5F}};
  const FeatureVector kept{Features{dense, sparse}};
  dense.assign(2, 9.0F);
  sparse.clear();
  const Features x = kept;
  REQUIRE(x.dense.size() == 2);
  CHECK(x.dense[0] == 1.0F);
  CHECK(is_nan(x.dense[1]));
  REQUIRE(x.sparse.size() == 2);
  CHECK(x.sparse[1] == SparseFeature{7, 0.5F});
  CHECK(x.dense.data() == kept.dense().data());
  CHECK(kept.memory_bytes() >= sizeof(FeatureVector) + 2 * sizeof(float) + 2 * sizeof(SparseFeature));
}

TEST_CASE("feature vectors are equal when all their values are", "[core]") {
  const FeatureVector a({1.0F, 2.0F}, {{3, 4.0F}});
  FeatureVector b = a;
  CHECK(a == b);
  b.dense()[0] = 5.0F;
  CHECK_FALSE(a == b);
  b = a;
  b.sparse()[0].index = 9;
  CHECK_FALSE(a == b);
}

TEST_CASE("a feature vector keeps the laws of archives", "[core][archive]") {
  testing::check_archive(FeatureVector({1.0F, -0.0F, 3.0F}, {{5, 0.5F}, {6, 0.25F}}), FeatureVector{});
  testing::check_archive(FeatureVector{}, FeatureVector{});
}

TEST_CASE("an example counts once and at the epoch unless it says otherwise", "[core]") {
  const Example example{};
  CHECK(example.weight == 1.0F);
  CHECK(example.at == Time{});
}
