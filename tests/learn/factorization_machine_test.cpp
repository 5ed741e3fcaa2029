#include "rtml/learn/factorization_machine.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "plain_factorization.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/optimizers.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using namespace rtml;

static_assert(ScalarLearner<FactorizationMachine<>>);
static_assert(ScalarLearner<FactorizationMachine<Squared, AdaGrad>>);

namespace {

Schema fm_hashed_schema() { return Schema({{.name = "words", .kind = Column::Kind::hashed}}); }

/// Columns x0, x1, ... and hashed features.
Schema fm_schema(std::size_t dense) {
  std::vector<Column> columns(dense);
  for (std::size_t i = 0; i < dense; ++i) columns[i].name = std::string("x").append(to_text(i));
  columns.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(std::move(columns));
}

template <class Loss>
FactorizationMachine<Loss, AdaGrad> plain_like(float rate, float l2, std::uint64_t seed, unsigned factors) {
  return FactorizationMachine<Loss, AdaGrad>({.factors = factors, .bits = 10, .rate = rate, .l2 = l2, .seed = seed});
}

template <class Loss>
void check_fm_against_plain(unsigned seed, unsigned factors, float l2) {
  constexpr bool regression = Loss::task == Task::regression;
  auto model = plain_like<Loss>(1.0F, l2, seed, factors);
  model.bind(fm_schema(2));
  testing::PlainFactorization plain(
      {.regression = regression, .factors = factors, .l2 = static_cast<double>(l2), .seed = seed, .dense = 2});
  Rng rng(seed);
  for (auto example : testing::labelled_examples({.task = Loss::task, .dense = 2, .sparse = 4}, seed, 300)) {
    if (rng.uniform() < 0.2) example.x.sparse()[3].index = example.x.sparse()[1].index;
    REQUIRE(static_cast<double>(model.predict(example.x)) == Approx(plain.predict(example.x)).margin(2e-4));
    model.learn(example.x, example.y, example.weight);
    plain.learn(example.x, static_cast<double>(example.y), static_cast<double>(example.weight));
  }
}

/// Two of two categories each, and whether they differ: no weight of one of them tells anything.
struct Difference {
  std::vector<SparseFeature> sparse;
  float y;
};
Difference draw_difference(Rng& rng) {
  const auto a = static_cast<std::uint32_t>(rng.below(2));
  const auto b = static_cast<std::uint32_t>(rng.below(2));
  return {{{100 + a, 1.0F}, {200 + b, 1.0F}}, a != b ? 1.0F : 0.0F};
}

template <class Model>
double accuracy_on_differences(Model model) {
  model.bind(fm_hashed_schema());
  Rng rng(11);
  int right = 0;
  for (int i = 0; i < 3000; ++i) {
    const Difference d = draw_difference(rng);
    const bool said = model.learn({{}, d.sparse}, d.y) > 0.5F;
    right += static_cast<int>(i >= 1000 && said == (d.y > 0.5F));
  }
  return right / 2000.0;
}

}  // namespace

TEST_CASE("FactorizationMachine is its plain double-precision form, with slopes by differences", "[learn][reference]") {
  const auto seed = GENERATE(range(1u, 4u));
  CAPTURE(seed);
  SECTION("of probabilities") { check_fm_against_plain<Logistic>(seed, 8, 0.0F); }
  SECTION("of numbers") { check_fm_against_plain<Squared>(seed, 4, 0.0F); }
  SECTION("with L2, and factors that fill no register") { check_fm_against_plain<Logistic>(seed, 3, 0.05F); }
}

TEST_CASE("FactorizationMachine sums the pairs of a long row as the naive sum does, repeated features added up", "[learn][reference]") {
  auto model = plain_like<Logistic>(1.0F, 0.0F, 1, 8);
  model.bind(fm_schema(2));
  testing::PlainFactorization plain({.factors = 8, .dense = 2});
  for (const auto& example : testing::labelled_examples({.dense = 2, .sparse = 4}, 5, 200)) {
    model.learn(example.x, example.y);
    plain.learn(example.x, static_cast<double>(example.y), 1.0);
  }
  Rng rng(6);
  for (int i = 0; i < 20; ++i) {
    FeatureVector x({0.5F, -1.0F});
    for (int j = 0; j < 300; ++j)
      x.sparse().push_back({static_cast<std::uint32_t>(hash_integer(rng.below(64))), static_cast<float>(0.1 * rng.normal())});
    REQUIRE(static_cast<double>(model.predict(x)) == Approx(plain.predict(x)).margin(1e-4));
  }
}

TEST_CASE("FactorizationMachine learns whether two categories differ, which no linear model can", "[learn]") {
  CHECK(accuracy_on_differences(FactorizationMachine<>()) > 0.99);
  CHECK(accuracy_on_differences(FactorizationMachine<Logistic, AdaGrad>({.factors = 2})) > 0.99);
  CHECK(accuracy_on_differences(FactorizationMachine<Hinge>()) > 0.99);
  CHECK(accuracy_on_differences(LogisticRegression()) < 0.6);
}

TEST_CASE("FactorizationMachine learns a product of columns, whatever their units", "[learn]") {
  const double unit = GENERATE(1.0, 1e-4, 1e6);
  CAPTURE(unit);
  FactorizationMachine<Squared> model;
  LinearRegression linear;
  model.bind(Schema::numeric(4));
  linear.bind(Schema::numeric(4));
  Rng rng(7);
  double error = 0.0;
  double linear_error = 0.0;
  for (int i = 0; i < 8000; ++i) {
    std::vector<float> x(4);
    for (float& value : x) value = static_cast<float>(unit * rng.normal());
    const double truth = static_cast<double>(x[0]) / unit * static_cast<double>(x[1]) / unit + 0.5 * static_cast<double>(x[2]) / unit;
    const auto y = static_cast<float>(100.0 + truth + 0.1 * rng.normal());
    const double off = static_cast<double>(model.learn({x, {}}, y)) - static_cast<double>(y);
    const double linear_off = static_cast<double>(linear.learn({x, {}}, y)) - static_cast<double>(y);
    if (i < 4000) continue;
    error += off * off / 4000.0;
    linear_error += linear_off * linear_off / 4000.0;
  }
  CHECK(error < 0.015);  // the noise is 0.01
  CHECK(linear_error > 0.9);
}

TEST_CASE("FactorizationMachine is no worse than its linear half where nothing interacts", "[learn]") {
  FactorizationMachine<> model;
  LogisticRegression linear;
  model.bind(fm_hashed_schema());
  linear.bind(fm_hashed_schema());
  Rng rng(8);
  double loss = 0.0;
  double linear_loss = 0.0;
  for (int i = 0; i < 20'000; ++i) {
    std::vector<SparseFeature> sparse;
    double m = -1.0;
    for (std::uint32_t field = 0; field < 10; ++field) {
      const std::uint64_t id = rng.below(30) * rng.below(30);
      sparse.push_back({static_cast<std::uint32_t>(hash_integer(id, field)), 1.0F});
      m += 0.5 * Rng(hash_integer(id, field)).normal();
    }
    const bool one = rng.uniform() < 1.0 / (1.0 + std::exp(-m));
    const auto add = [&](double& sum, float p) { sum -= std::log(static_cast<double>(one ? p : 1.0F - p)); };
    add(loss, model.learn({{}, sparse}, one ? 1.0F : 0.0F));
    add(linear_loss, linear.learn({{}, sparse}, one ? 1.0F : 0.0F));
  }
  CHECK(loss < 1.01 * linear_loss);
}

TEST_CASE("a feature that FactorizationMachine never learned from says nothing", "[learn]") {
  FactorizationMachine<> model;
  model.bind(fm_hashed_schema());
  Rng rng(9);
  for (int i = 0; i < 500; ++i) {
    const Difference d = draw_difference(rng);
    model.learn({{}, d.sparse}, d.y);
  }
  const std::vector<SparseFeature> known = {{100, 1.0F}, {200, 1.0F}};
  const std::vector<SparseFeature> more = {{100, 1.0F}, {777, 1.0F}, {200, 1.0F}};
  CHECK(model.predict({{}, known}) == model.predict({{}, more}));
}

TEST_CASE("a code of a nominal column is a category to FactorizationMachine, not a number", "[learn]") {
  FactorizationMachine<> model;
  model.bind(Schema({{.name = "x"}, {.name = "kind", .kind = Column::Kind::nominal}}));
  Rng rng(10);
  int right = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::vector<float> x = {static_cast<float>(rng.normal()), static_cast<float>(rng.below(4))};
    const bool one = (x[0] > 0.0F) != (x[1] == 1.0F || x[1] == 2.0F);  // the sign of x, turned for the kinds in the middle
    const bool said = model.learn({x, {}}, one ? 1.0F : 0.0F) > 0.5F;
    right += static_cast<int>(i >= 3000 && said == one);
  }
  CHECK(right > 2850);
  const std::vector<float> unseen = {0.5F, 9.0F};
  const std::vector<float> missing = {0.5F, std::numeric_limits<float>::quiet_NaN()};
  CHECK(model.predict({unseen, {}}) == model.predict({missing, {}}));
}

TEST_CASE("the same seed gives FactorizationMachine the same bits, another one others", "[learn]") {
  const auto bytes = [](std::uint64_t seed) {
    FactorizationMachine<> model({.bits = 8, .seed = seed});
    model.bind(fm_schema(2));
    for (const auto& example : testing::labelled_examples({.dense = 2, .sparse = 3}, 3, 100)) model.learn(example.x, example.y);
    return model;
  };
  CHECK(save(bytes(3)) == save(bytes(3)));
  const auto one = bytes(3);
  const auto other = bytes(4);
  const auto examples = testing::labelled_examples({.dense = 2, .sparse = 3}, 3, 1);
  CHECK(one.predict(examples[0].x) != other.predict(examples[0].x));
}

TEST_CASE("rows that FactorizationMachine never learned from cost its archive nothing", "[learn][archive]") {
  FactorizationMachine<> model({.bits = 18});
  model.bind(fm_hashed_schema());
  Rng rng(9);
  for (int i = 0; i < 100; ++i) {
    const Difference d = draw_difference(rng);
    model.learn({{}, d.sparse}, d.y);
  }
  CHECK(save(model).size() < 2000);
  CHECK(model.memory_bytes() > (std::size_t{1} << 18U) * 80);
}

TEST_CASE("FactorizationMachine refuses an archive of a table of another size", "[learn][archive]") {
  FactorizationMachine<> model({.factors = 8, .bits = 4});
  model.bind(fm_hashed_schema());
  for (const FactorizationMachine<>::Options& options :
       std::vector<FactorizationMachine<>::Options>{{.factors = 8, .bits = 5}, {.factors = 7, .bits = 4}}) {
    FactorizationMachine<> other(options);
    CHECK_THROWS_WITH(load(other, save(model)), Catch::Contains("factors, bits or fields"));
  }
  FactorizationMachine<Logistic, AdaGrad> optimizer({.bits = 4});
  CHECK_THROWS_WITH(load(optimizer, save(model)), Catch::Contains("of another learner"));
}

TEST_CASE("rows of factors that no learner can have left are refused", "[learn][archive]") {
  using Rows = detail::FactorRows<2>;
  const auto sound = [](const Rows::Cell& cell) { return cell[0] < 100.0F; };
  Rows rows(3, 4);
  rows.put(1, {1.0F, 2.0F});
  rows.factors(1)[2] = -0.5F;
  rows.energies(1)[3] = 7.0F;
  const auto written = [&](const Rows& some) {
    Writer writer;
    Rows::archive(some, writer, sound, 3, 4);
    return writer.take();
  };
  const auto read = [&](const Rows& some, std::size_t size, std::size_t width) {
    const auto bytes = written(some);
    Reader reader(bytes);
    Rows back;
    Rows::archive(back, reader, sound, size, width);
    return back;
  };
  CHECK(written(read(rows, 3, 4)) == written(rows));
  CHECK_THROWS_WITH(read(rows, 4, 4), Catch::Contains("size of the table"));
  CHECK_THROWS_WITH(read(rows, 3, 8), Catch::Contains("size of the table"));
  const auto spoiled = [&](auto spoil) {
    Rows other = rows;
    spoil(other);
    return other;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(read(spoiled([&](Rows& r) { r.factors(1)[0] = nan; }), 3, 4), Catch::Contains("factor"));
  CHECK_THROWS_WITH(read(spoiled([&](Rows& r) { r.factors(2)[3] = -2e6F; }), 3, 4), Catch::Contains("factor"));
  CHECK_THROWS_WITH(read(spoiled([&](Rows& r) { r.energies(1)[0] = -1.0F; }), 3, 4), Catch::Contains("energy of a factor"));
  CHECK_THROWS_WITH(read(spoiled([&](Rows& r) { r.energies(0)[3] = nan; }), 3, 4), Catch::Contains("energy of a factor"));
  CHECK_THROWS_WITH(read(spoiled([&](Rows& r) { r.put(0, {100.0F, 0.0F}); }), 3, 4), Catch::Contains("weight"));
}

TEST_CASE("FactorizationMachine names the option that is out of range", "[learn][config]") {
  using Fm = FactorizationMachine<>;
  CHECK_THROWS_WITH(Fm({.factors = 0}), "FactorizationMachine: factors is 0, must be in [1, 64]");
  CHECK_THROWS_WITH(Fm({.factors = 65}), "FactorizationMachine: factors is 65, must be in [1, 64]");
  CHECK_THROWS_WITH(Fm({.bits = 0}), "FactorizationMachine: bits is 0, must be in [1, 28]");
  CHECK_THROWS_WITH(Fm({.bits = 29}), "FactorizationMachine: bits is 29, must be in [1, 28]");
  CHECK_THROWS_WITH(Fm({.rate = 0.0F}), "FactorizationMachine: rate is 0, must be in (0, 1e6]");
  CHECK_THROWS_WITH(Fm({.l2 = -1.0F}), "FactorizationMachine: l2 is -1, must be in [0, 1000]");
  CHECK_THROWS_AS(Fm({.rate = std::numeric_limits<float>::quiet_NaN()}), ConfigError);
}

TEST_CASE("FactorizationMachine keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(FactorizationMachine<>({.bits = 5}), {.nominal = 1, .examples = 200, .archived = 20});
  testing::check_learner(FactorizationMachine<Squared>({.factors = 4, .bits = 5, .l2 = 0.1F}), {.examples = 200, .archived = 20});
  testing::check_learner(FactorizationMachine<Poisson, AdaGrad>({.factors = 5, .bits = 5}),
                         {.counts = true, .examples = 200, .archived = 20});
  testing::check_learner(FactorizationMachine<Hinge, FtrlProximal>({.factors = 1, .bits = 5}),
                         {.probability = false, .examples = 200, .archived = 20});
  testing::check_learner(FactorizationMachine<Quantile>(), {.sparse = 0, .examples = 200, .archived = 20});
}
