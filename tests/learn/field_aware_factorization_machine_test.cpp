#include "rtml/learn/field_aware_factorization_machine.hpp"

#include <array>
#include <string>
#include <vector>

#include "plain_factorization.hpp"
#include "rtml/learn/factorization_machine.hpp"
#include "rtml/learn/optimizers.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using namespace rtml;

static_assert(ScalarLearner<FieldAwareFactorizationMachine<>>);

namespace {

using Ffm = FieldAwareFactorizationMachine<>;
using PlainFfmFields = std::vector<std::uint32_t>;

Schema ffm_schema(std::size_t dense) {
  std::vector<Column> columns(dense);
  for (std::size_t i = 0; i < dense; ++i) columns[i].name = std::string("x").append(to_text(i));
  columns.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(std::move(columns));
}

template <class Loss>
void check_ffm_against_plain(unsigned seed, unsigned factors, float l2, std::size_t dense) {
  constexpr bool regression = Loss::task == Task::regression;
  FieldAwareFactorizationMachine<Loss, AdaGrad> model({.fields = 5, .factors = factors, .bits = 10, .rate = 1.0F, .l2 = l2, .seed = seed});
  model.bind(ffm_schema(dense));
  testing::PlainFactorization plain(
      {.regression = regression, .fields = 5, .factors = factors, .l2 = static_cast<double>(l2), .seed = seed, .dense = dense});
  Rng rng(seed);
  for (auto example : testing::labelled_examples({.task = Loss::task, .dense = dense, .sparse = 4}, seed, 300)) {
    PlainFfmFields fields = {3, 1, 2, 4};
    // A feature has one field: the learner steps pair by pair, as its source does, and so counts twice what is in two.
    for (std::uint32_t i = 0; i < 4; ++i) example.x.sparse()[i].index = example.x.sparse()[i].index % 64 + 64 * i;
    if (rng.uniform() < 0.2) {
      example.x.sparse()[3].index = example.x.sparse()[1].index;
      fields[3] = 6;  // field 1 of 5 again: the same feature once more
    }
    const Context context{.fields = fields};
    REQUIRE(static_cast<double>(model.predict(example.x, context)) == Approx(plain.predict(example.x, fields)).margin(2e-4));
    model.learn(example.x, example.y, example.weight, context);
    plain.learn(example.x, static_cast<double>(example.y), static_cast<double>(example.weight), fields);
  }
}

/// Whether two categories differ; field 0 is the first one's, field 1 the second's.
struct FieldedDifference {
  std::vector<SparseFeature> sparse;
  float y;
};
FieldedDifference fielded_difference(Rng& rng) {
  const auto a = static_cast<std::uint32_t>(rng.below(2));
  const auto b = static_cast<std::uint32_t>(rng.below(2));
  return {{{100 + a, 1.0F}, {200 + b, 1.0F}}, a != b ? 1.0F : 0.0F};
}

}  // namespace

TEST_CASE("FieldAwareFactorizationMachine is its plain double-precision form, with slopes by differences", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 4u));
  CAPTURE(seed);
  SECTION("of probabilities") { check_ffm_against_plain<Logistic>(seed, 4, 0.0F, 2); }
  SECTION("of numbers") { check_ffm_against_plain<Squared>(seed, 4, 0.0F, 2); }
  SECTION("of hashed features alone") { check_ffm_against_plain<Logistic>(seed, 4, 0.0F, 0); }
  SECTION("with factors that fill no register") { check_ffm_against_plain<Logistic>(seed, 3, 0.0F, 1); }
}

TEST_CASE("FieldAwareFactorizationMachine sums the pairs of a row of several blocks as the naive sum does", "[learn][reference]") {
  FieldAwareFactorizationMachine<Logistic, AdaGrad> model({.fields = 4, .bits = 10, .rate = 1.0F});
  model.bind(ffm_schema(2));
  testing::PlainFactorization plain({.fields = 4, .factors = 4, .dense = 2});
  for (const auto& example : testing::labelled_examples({.dense = 2, .sparse = 4}, 5, 300)) {
    model.learn(example.x, example.y);
    plain.learn(example.x, static_cast<double>(example.y), 1.0);
  }
  Rng rng(6);
  for (const std::size_t nnz : {60U, 61U, 62U, 63U, 64U, 65U, 126U, 127U, 128U, 200U}) {
    FeatureVector x({0.5F, -1.0F});
    for (std::size_t j = 0; j < nnz; ++j)
      x.sparse().push_back({static_cast<std::uint32_t>(hash_integer(rng.below(64))), static_cast<float>(0.3 * rng.normal())});
    CAPTURE(nnz);
    REQUIRE(static_cast<double>(model.predict(x)) == Approx(plain.predict(x)).margin(1e-4));
  }
}

TEST_CASE("FieldAwareFactorizationMachine learns whether two categories differ", "[learn]") {
  Ffm model({.fields = 2});
  model.bind(ffm_schema(0));
  Rng rng(11);
  const PlainFfmFields fields = {0, 1};
  int right = 0;
  for (int i = 0; i < 3000; ++i) {
    const FieldedDifference d = fielded_difference(rng);
    const bool said = model.learn({{}, d.sparse}, d.y, 1.0F, {.fields = fields}) > 0.5F;
    right += static_cast<int>(i >= 1000 && said == (d.y > 0.5F));
  }
  CHECK(right > 1980);
}

TEST_CASE("repeated features of one field add up and do not interact with themselves, in FieldAwareFactorizationMachine",
          "[learn][metamorphic]") {
  Ffm model({.fields = 1});
  model.bind(ffm_schema(0));
  Rng rng(13);
  for (int i = 0; i < 3000; ++i) {
    const FieldedDifference d = fielded_difference(rng);
    model.learn({{}, d.sparse}, d.y);
  }
  Ffm other = model;
  const std::vector<SparseFeature> once = {{100, 0.3F}, {201, 0.4F}};
  const std::vector<SparseFeature> twice = {{201, 0.5F}, {100, 0.1F}, {201, -0.1F}, {100, 0.2F}};
  CHECK(model.predict({{}, once}) == Approx(model.predict({{}, twice})).margin(1e-5));
  for (int i = 0; i < 20; ++i) {
    model.learn({{}, once}, 0.0F);
    other.learn({{}, twice}, 0.0F);
  }
  CHECK(model.predict({{}, once}) == Approx(other.predict({{}, once})).margin(1e-4));
}

TEST_CASE("one index in two fields is two features of FieldAwareFactorizationMachine, which interact", "[learn][reference]") {
  FieldAwareFactorizationMachine<Logistic, AdaGrad> model({.fields = 2, .bits = 10, .rate = 1.0F});
  model.bind(ffm_schema(0));
  testing::PlainFactorization plain({.fields = 2, .factors = 4});
  Rng rng(14);
  for (int i = 0; i < 500; ++i) {
    const auto a = static_cast<std::uint32_t>(rng.below(2));
    const auto b = static_cast<std::uint32_t>(rng.below(2));
    const FeatureVector x({}, {{100 + a, 1.0F}, {100 + b, 1.0F}});
    const float y = a == b ? 1.0F : 0.0F;
    REQUIRE(static_cast<double>(model.learn(x, y)) == Approx(plain.predict(x)).margin(2e-4));
    plain.learn(x, static_cast<double>(y), 1.0);
  }
}

TEST_CASE("fields tell apart what one vector a feature cannot", "[learn]") {
  // With one number a feature the weights of the pairs ab, bc and ca have the product (abc)^2, and this one is negative.
  FieldAwareFactorizationMachine<Squared> fielded({.fields = 3, .factors = 1});
  FactorizationMachine<Squared> plain({.factors = 1});
  fielded.bind(ffm_schema(0));
  plain.bind(ffm_schema(0));
  Rng rng(12);
  double error = 0.0;
  double plain_error = 0.0;
  for (int i = 0; i < 6000; ++i) {
    std::array<float, 3> sign{};
    std::vector<SparseFeature> sparse;
    for (std::uint32_t f = 0; f < 3; ++f) {
      const auto code = static_cast<std::uint32_t>(rng.below(2));
      sign[f] = code == 0 ? -1.0F : 1.0F;
      sparse.push_back({100 * f + code, 1.0F});
    }
    const float y = sign[0] * sign[1] + sign[1] * sign[2] - sign[2] * sign[0];
    const double off = static_cast<double>(fielded.learn({{}, sparse}, y) - y);
    const double plain_off = static_cast<double>(plain.learn({{}, sparse}, y) - y);
    if (i < 3000) continue;
    error += off * off / 3000.0;
    plain_error += plain_off * plain_off / 3000.0;
  }
  CHECK(error < 0.01);
  CHECK(plain_error > 0.5);
}

TEST_CASE("without fields a hashed feature's field is its place, and numbers begin again behind the last", "[learn]") {
  Ffm placed({.fields = 3, .bits = 8});
  Ffm numbered({.fields = 3, .bits = 8});
  Ffm wrapped({.fields = 3, .bits = 8});
  for (Ffm* model : {&placed, &numbered, &wrapped}) model->bind(ffm_schema(1));
  const PlainFfmFields numbers = {0, 1, 2, 0};
  const PlainFfmFields beyond = {3, 7, 4'294'967'294U, 300};
  for (const auto& example : testing::labelled_examples({.dense = 1, .sparse = 4}, 2, 200)) {
    placed.learn(example.x, example.y);
    numbered.learn(example.x, example.y, 1.0F, {.fields = numbers});
    wrapped.learn(example.x, example.y, 1.0F, {.fields = beyond});
  }
  CHECK(save(placed) == save(numbered));
  CHECK(save(placed) == save(wrapped));
}

TEST_CASE("fields of another length than the hashed features are refused", "[learn]") {
  Ffm model({.bits = 4});
  model.bind(ffm_schema(0));
  const std::vector<SparseFeature> sparse = {{1, 1.0F}, {2, 1.0F}};
  for (const PlainFfmFields& fields : {PlainFfmFields{1}, PlainFfmFields{1, 2, 3}}) {
    const Context context{.fields = fields};
    const auto before = model.refused();
    CHECK(model.predict({{}, sparse}, context) == 0.5F);
    CHECK(model.learn({{}, sparse}, 1.0F, 1.0F, context) == 0.5F);
    CHECK(model.refused() == before + 1);
  }
  CHECK(model.predict({{}, sparse}) == 0.5F);
}

TEST_CASE("fields reach the learner through AnyLearner", "[learn]") {
  Ffm model({.fields = 4, .bits = 8});
  AnyLearner any{Ffm({.fields = 4, .bits = 8})};
  model.bind(ffm_schema(1));
  any.bind(ffm_schema(1));
  const PlainFfmFields fields = {2, 0, 3};
  std::array<float, 1> score{};
  for (const auto& example : testing::labelled_examples({.dense = 1, .sparse = 3}, 3, 200)) {
    const float before = model.learn(example.x, example.y, example.weight, {.fields = fields});
    any.learn(example.x, example.y, example.weight, score, {.fields = fields});
    REQUIRE(score[0] == before);
    any.predict(example.x, score, {.fields = fields});
    REQUIRE(score[0] == model.predict(example.x, {.fields = fields}));
  }
}

TEST_CASE("FieldAwareFactorizationMachine learns a product of columns", "[learn]") {
  FieldAwareFactorizationMachine<Squared> model;
  model.bind(Schema::numeric(4));
  Rng rng(7);
  double error = 0.0;
  for (int i = 0; i < 8000; ++i) {
    std::vector<float> x(4);
    for (float& value : x) value = static_cast<float>(rng.normal());
    const float y = x[0] * x[1] - x[2] * x[3] + static_cast<float>(0.1 * rng.normal());
    const double off = static_cast<double>(model.learn({x, {}}, y) - y);
    if (i >= 4000) error += off * off / 4000.0;
  }
  CHECK(error < 0.02);  // the noise is 0.01
}

TEST_CASE("FieldAwareFactorizationMachine refuses an archive of other fields", "[learn][archive]") {
  Ffm model({.fields = 3, .bits = 4});
  model.bind(ffm_schema(1));
  Ffm other({.fields = 4, .bits = 4});
  CHECK_THROWS_WITH(load(other, save(model)), Catch::Contains("factors, bits or fields"));
}

TEST_CASE("more dense columns than fields that FieldAwareFactorizationMachine has are refused, in a file before they cost memory",
          "[learn][archive][config]") {
  Ffm model({.fields = 3, .bits = 1});
  CHECK_NOTHROW(model.bind(Schema::numeric(1024)));
  CHECK_THROWS_WITH(model.bind(Schema::numeric(1025)), "FieldAwareFactorizationMachine: number of dense columns is 1025, must be <= 1024");

  Writer hostile;
  hostile.header("FieldAwareFactorizationMachine", 1);
  hostile(std::string(Logistic::name), std::string(MultiRate::name), Logistic{}, MultiRate{}, 4U, 1U, 3U, 1.5F, 0.0F, std::uint64_t{1});
  hostile(Schema::numeric(1025));
  CHECK_THROWS_WITH(load(model, hostile.bytes()), Catch::Contains("number of dense columns"));
}

TEST_CASE("FieldAwareFactorizationMachine names the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(Ffm({.fields = 0}), "FieldAwareFactorizationMachine: fields is 0, must be in [1, 1024]");
  CHECK_THROWS_WITH(Ffm({.fields = 1025}), "FieldAwareFactorizationMachine: fields is 1025, must be in [1, 1024]");
  CHECK_THROWS_WITH(Ffm({.factors = 65}), "FieldAwareFactorizationMachine: factors is 65, must be in [1, 64]");
  CHECK_THROWS_WITH(Ffm({.bits = 29}), "FieldAwareFactorizationMachine: bits is 29, must be in [1, 28]");
}

TEST_CASE("FieldAwareFactorizationMachine keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(Ffm({.fields = 3, .bits = 5}), {.nominal = 1, .examples = 200, .archived = 20});
  testing::check_learner(FieldAwareFactorizationMachine<Squared>({.fields = 2, .factors = 3, .bits = 5, .l2 = 0.1F}),
                         {.examples = 200, .archived = 20});
  testing::check_learner(FieldAwareFactorizationMachine<Hinge, AdaGrad>(),
                         {.sparse = 0, .probability = false, .examples = 200, .archived = 20});
}
