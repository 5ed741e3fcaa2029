#include "rtml/learn/detail/interactions.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/make_learner.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

using Product = std::vector<std::string>;

Schema interaction_schema() {
  return Schema({{.name = "size"},
                 {.name = "shop", .kind = Column::Kind::nominal},
                 {.name = "user", .kind = Column::Kind::hashed},
                 {.name = "item", .kind = Column::Kind::hashed}});
}

/// Index -> value of everything that `products` make of an example.
std::map<std::uint32_t, float> products_of(const std::vector<Product>& products, Features x, std::vector<std::uint32_t> fields) {
  detail::Interactions interactions;
  interactions.bind(products, interaction_schema());
  std::map<std::uint32_t, float> made;
  interactions.each(
      x, fields, [&](std::size_t place) { return 0.5F * x.dense[place]; }, [&](std::uint32_t index, float value) { made[index] += value; });
  return made;
}

}  // namespace

TEST_CASE("Products of columns: every pair across, each unordered pair within", "[learn]") {
  const std::vector<float> dense = {6.0F, 2.0F};
  const std::vector<SparseFeature> sparse = {{11, 2.0F}, {12, 3.0F}, {21, 5.0F}};  // two users, one item
  const Features x{dense, sparse};
  const std::vector<std::uint32_t> fields = {0, 0, 1};
  const auto values = [&](std::vector<Product> products) {
    std::multiset<float> all;
    for (const auto& [index, value] : products_of(products, x, fields)) all.insert(value);
    return all;
  };
  CHECK(values({{"user", "item"}}) == std::multiset<float>{10.0F, 15.0F});
  CHECK(values({{"user", "user"}}) == std::multiset<float>{4.0F, 6.0F, 9.0F});
  CHECK(values({{"size", "shop"}}) == std::multiset<float>{3.0F});
  CHECK(values({{"size", "size"}}) == std::multiset<float>{9.0F});
  CHECK(values({{"size", "user", "item"}}) == std::multiset<float>{30.0F, 45.0F});
  CHECK(values({{"user", "item"}, {"shop", "item"}}) == std::multiset<float>{5.0F, 10.0F, 15.0F});
  CHECK(values({{"user", "user", "user"}}).size() == 4);
}

TEST_CASE("Products keep apart who meets whom, and in which columns", "[learn]") {
  const std::vector<float> dense = {1.0F, 1.0F};
  const std::vector<SparseFeature> swapped[] = {{{1, 1.0F}, {2, 1.0F}}, {{2, 1.0F}, {1, 1.0F}}};
  const auto index_of = [&](const Product& product, const std::vector<SparseFeature>& sparse) {
    return products_of({product}, {dense, sparse}, {0, 1}).begin()->first;
  };
  CHECK(index_of({"user", "item"}, swapped[0]) != index_of({"user", "item"}, swapped[1]));
  CHECK(index_of({"user", "item"}, swapped[0]) == index_of({"user", "item"}, swapped[0]));
  CHECK(index_of({"user", "shop"}, swapped[0]) != index_of({"item", "shop"}, swapped[1]));
}

TEST_CASE("What is missing has no products", "[learn]") {
  const std::vector<float> dense = {std::numeric_limits<float>::quiet_NaN(), 2.0F};
  const std::vector<SparseFeature> sparse = {{11, 2.0F}};
  CHECK(products_of({{"size", "shop"}, {"user", "item"}, {"size", "user"}}, {dense, sparse}, {0}).empty());
}

TEST_CASE("A linear model with products learns what lies between columns", "[learn]") {
  Rng rng(5);
  std::vector<float> codes(2 * 3000);
  for (float& code : codes) code = static_cast<float>(rng.below(4));
  const Schema schema({{.name = "a", .kind = Column::Kind::nominal}, {.name = "b", .kind = Column::Kind::nominal}});
  const auto right = [&](AnyLearner learner) {
    learner.bind(schema);
    std::size_t count = 0;
    for (std::size_t i = 0; i < 3000; ++i) {
      const Features x{std::span(codes).subspan(2 * i, 2), {}};
      const float y = (static_cast<int>(x.dense[0]) ^ static_cast<int>(x.dense[1])) % 2 == 0 ? 1.0F : 0.0F;
      float before = 0.0F;
      learner.learn(x, y, 1.0F, {&before, 1});
      count += i >= 2000 && (before > 0.5F) == (y > 0.5F) ? 1U : 0U;
    }
    return count;
  };
  CHECK(right(make_learner("logistic:interactions=a*b")) == 1000);
  CHECK(right(make_learner("logistic")) < 600);
}

TEST_CASE("Products of numbers do not depend on their unit", "[learn]") {
  Rng rng(6);
  LinearRegression plain({.interactions = {{"x0", "x1"}}});
  LinearRegression scaled({.interactions = {{"x0", "x1"}}});
  plain.bind(Schema::numeric(2));
  scaled.bind(Schema::numeric(2));
  double squares = 0.0;
  for (int i = 0; i < 4000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.normal())};
    const std::vector<float> large = {x[0] * 1024.0F, x[1] * 0.0078125F};
    const float y = x[0] * x[1] + 0.1F * static_cast<float>(rng.normal());
    const float p = plain.learn({x, {}}, y);
    REQUIRE(scaled.learn({large, {}}, y) == Approx(p).margin(1e-4));
    if (i >= 2000) squares += static_cast<double>((p - y) * (p - y));
  }
  CHECK(squares / 2000.0 < 0.05);                                                         // the noise is 0.01, the label's variance 1
  CHECK(plain.predict({std::vector<float>{6.0F, 6.0F}, {}}) == Approx(7.0).margin(1.5));  // a product counts for seven times its scale
}

TEST_CASE("Hashed columns have products where fields say whose a feature is; else the example is refused", "[learn]") {
  LogisticRegression model({.bits = 12, .interactions = {{"user", "item"}}});
  model.bind(interaction_schema());
  const std::vector<float> dense = {1.0F, 2.0F};
  const std::vector<SparseFeature> sparse = {{11, 1.0F}, {21, 1.0F}};
  const std::vector<std::uint32_t> fields = {0, 1};
  const Context context{.fields = fields};
  model.learn({dense, sparse}, 1.0F);
  CHECK(model.refused() == 1);
  CHECK(model.predict({dense, sparse}, context) == 0.5F);
  for (int i = 0; i < 20; ++i) {
    const float expected = model.predict({dense, sparse}, context);
    REQUIRE(model.learn({dense, sparse}, 1.0F, 1.0F, context) == expected);
  }
  CHECK(model.refused() == 1);
  CHECK(model.predict({dense, sparse}, context) > model.predict({dense, sparse}));  // without its product

  LogisticRegression restored({.bits = 12});
  load(restored, save(model));
  CHECK(restored.options().interactions == model.options().interactions);
  CHECK(restored.predict({dense, sparse}, context) == model.predict({dense, sparse}, context));
}

TEST_CASE("Wrong products are refused by name", "[learn]") {
  CHECK_THROWS_WITH(LogisticRegression({.interactions = {{"a"}}}), "Linear: interactions is 1, must be products of 2 to 8 columns");
  LogisticRegression model({.interactions = {{"user", "price"}}});
  CHECK_THROWS_WITH(model.bind(interaction_schema()), "Linear: interactions is \"price\", must be a column of the schema");
  CHECK_THROWS_AS(make_learner("logistic:interactions=a*+b"), ConfigError);
}
