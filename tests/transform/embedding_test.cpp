#include "rtml/transform/embedding.hpp"

#include <limits>
#include <string>
#include <vector>

#include "payment.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::testing::dense_of;
using rtml::testing::Payment;

namespace {

EmbeddingTable merchants() {
  EmbeddingTable table(2);
  table.add("bakery", std::vector{0.5F, -1.0F});
  table.add("garage", std::vector{2.0F, 3.0F});
  return table;
}

Payment at_merchant(std::string_view merchant) { return {Time{}, 7, merchant, 1.0}; }

}  // namespace

TEST_CASE("An embedding gives a key's vector, and zeros of a key that it does not know", "[transform][embedding]") {
  FeaturePipeline<Payment> pipeline(
      feature_set<Payment>("p", embedding("m", &Payment::merchant, merchants()), numeric("amount", &Payment::amount)));
  CHECK(pipeline.schema().dense(1).name == "m.1");
  CHECK(dense_of(pipeline, at_merchant("garage")) == std::vector<float>{2.0F, 3.0F, 1.0F});
  CHECK(dense_of(pipeline, at_merchant("bakery")) == std::vector<float>{0.5F, -1.0F, 1.0F});
  CHECK(dense_of(pipeline, at_merchant("other")) == std::vector<float>{0.0F, 0.0F, 1.0F});
}

TEST_CASE("Integers are keys as they are", "[transform][embedding]") {
  EmbeddingTable cards(1);
  cards.add(7, std::vector{0.25F});
  cards.add(-7, std::vector{0.75F});
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("p", embedding("card", &Payment::card, cards)));
  CHECK(dense_of(pipeline, at_merchant("bakery"))[0] == 0.25F);
}

TEST_CASE("The contents of the table are part of the fingerprint, the order of adding is not", "[transform][embedding]") {
  const auto print = [](const EmbeddingTable& table) {
    return feature_set<Payment>("p", embedding("m", &Payment::merchant, table)).schema().fingerprint();
  };
  EmbeddingTable turned(2);
  turned.add("garage", std::vector{2.0F, 3.0F});
  turned.add("bakery", std::vector{0.5F, -1.0F});
  CHECK(print(turned) == print(merchants()));
  EmbeddingTable swapped(2);
  swapped.add("bakery", std::vector{2.0F, 3.0F});
  swapped.add("garage", std::vector{0.5F, -1.0F});
  CHECK(print(swapped) != print(merchants()));
  EmbeddingTable more = merchants();
  more.add("shop", std::vector{0.0F, 0.0F});
  CHECK(print(more) != print(merchants()));
}

TEST_CASE("A copy of a table does not change with the one it was taken from", "[transform][embedding]") {
  EmbeddingTable table = merchants();
  FeaturePipeline<Payment> pipeline(feature_set<Payment>("p", embedding("m", &Payment::merchant, table)));
  const std::size_t before = table.memory_bytes();
  for (int i = 0; i < 1000; ++i) table.add(i, std::vector{1.0F, 1.0F});
  table.add("shop", table.find(hash_bytes("garage")));
  CHECK(table.size() == 1003);
  CHECK(table.memory_bytes() >= before + 1000 * 8);
  CHECK(table.find(hash_bytes("shop"))[1] == 3.0F);
  CHECK(dense_of(pipeline, at_merchant("shop")) == std::vector<float>{0.0F, 0.0F});
}

TEST_CASE("A table says which vector is wrong, and stays as it was", "[transform][embedding]") {
  EmbeddingTable table = merchants();
  const std::uint64_t print = table.fingerprint();
  CHECK_THROWS_WITH(EmbeddingTable(0), "EmbeddingTable: width is 0, must be in [1, 4096]");
  CHECK_THROWS_WITH(table.add("shop", std::vector{1.0F}), "EmbeddingTable: width of \"shop\" is 1, must be that of the table, 2");
  CHECK_THROWS_WITH(table.add("bakery", std::vector{1.0F, 1.0F}), "EmbeddingTable: key is \"bakery\", must be one that is not there");
  CHECK_THROWS_AS(table.add("shop", std::vector{1.0F, std::numeric_limits<float>::quiet_NaN()}), ConfigError);
  CHECK_THROWS_AS(embedding("m", &Payment::merchant, EmbeddingTable(3)), ConfigError);
  CHECK(table.fingerprint() == print);
}
