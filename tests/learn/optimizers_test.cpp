#include "rtml/learn/optimizers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml;

namespace {

template <class Loss, class Optimizer>
concept Pair = requires {
  typename Linear<Loss, Optimizer>;
};

static_assert(Pair<Hinge, PassiveAggressive> && Pair<Quantile, PassiveAggressive>);
static_assert(!Pair<Logistic, PassiveAggressive> && !Pair<Squared, PassiveAggressive> && !Pair<Poisson, PassiveAggressive>);
static_assert(!Pair<Huber, PassiveAggressive> && !Pair<Expectile, PassiveAggressive>);
static_assert(Pair<Logistic, CoinBetting> && Pair<Poisson, Adam> && Pair<Squared, MultiRate>);

Schema words_schema() { return Schema({{.name = "words", .kind = Column::Kind::hashed}}); }

template <class Loss, class Optimizer>
Linear<Loss, Optimizer> words_model(const Optimizer& optimizer) {
  Linear<Loss, Optimizer> model({.optimizer = optimizer, .bits = 8});
  model.bind(words_schema());
  return model;
}

/// What a hashed feature of value 1 adds to the margin.
template <class Model>
float weight_of(const Model& model, std::uint32_t index) {
  const std::array<SparseFeature, 1> feature{{{index, 1.0F}}};
  std::array<float, 1> weight{};
  model.contributions({{}, feature}, {}, weight);
  return weight[0];
}

struct WeightedLabel {
  float y;
  float weight;
};

/// Margins of a model of an intercept alone, after each label.
template <class Optimizer>
std::vector<float> margins_after(const std::vector<WeightedLabel>& labels, const Optimizer& optimizer) {
  Linear<Hinge, Optimizer> model({.optimizer = optimizer});
  model.bind(Schema{});
  std::vector<float> margins;
  for (const auto& [y, weight] : labels) {
    model.learn({}, y, weight);
    margins.push_back(model.predict({}));
  }
  return margins;
}

/// The largest difference of predictions between two ways to teach the same stream.
template <class Model, class One, class Other>
float words_apart(const Model& fresh, One one, Other other) {
  Model a = fresh;
  Model b = fresh;
  float largest = 0.0F;
  for (const testing::OwnedExample& example : testing::labelled_examples({.dense = 0, .sparse = 5}, 6, 1000)) {
    largest = std::max(largest, std::fabs(a.predict(example.x) - b.predict(example.x)));
    one(a, example);
    other(b, example);
  }
  return largest;
}

}  // namespace

TEST_CASE("Adam's first steps are those of the paper's algorithm by hand", "[learn][reference]") {
  // Hinge within its margin has gradients of magnitude 1: m-hat is -1, 0.01 / 0.19, -0.091 / 0.271, -0.1819 / 0.3439; v-hat is 1.
  const auto even = margins_after({{1, 1}, {0, 1}, {1, 1}, {1, 1}}, Adam({.rate = 0.1F}));
  CHECK(even[0] == Approx(0.1).epsilon(1e-5));
  CHECK(even[1] == Approx(0.1 - 0.1 * 0.01 / 0.19).epsilon(1e-5));
  CHECK(even[2] == Approx(0.1 - 0.1 * 0.01 / 0.19 + 0.1 * 0.091 / 0.271).epsilon(1e-5));
  CHECK(even[3] == Approx(0.1 - 0.1 * 0.01 / 0.19 + 0.1 * 0.091 / 0.271 + 0.1 * 0.1819 / 0.3439).epsilon(1e-5));

  // Gradients -1, 2, -0.5. m: -0.1, 0.11, 0.049; v: 0.001, 0.004999, 0.005244001.
  const auto uneven = margins_after({{1, 1}, {0, 2}, {1, 0.5F}}, Adam({.rate = 0.1F}));
  CHECK(uneven[0] == Approx(0.1).epsilon(1e-5));
  CHECK(uneven[1] == Approx(0.0633896).epsilon(1e-5));  // - 0.1 (0.11 / 0.19) / sqrt(0.004999 / 0.001999)
  CHECK(uneven[2] == Approx(0.0497205).epsilon(1e-5));  // - 0.1 (0.049 / 0.271) / sqrt(0.005244001 / 0.002997001)
}

TEST_CASE("a weight under Adam stands still while its feature is away", "[learn][metamorphic]") {
  auto apart = words_model<Hinge>(Adam({.rate = 0.01F}));
  auto alone = apart;
  const std::array<SparseFeature, 1> often{{{1, 1.0F}}};
  const std::array<SparseFeature, 1> rare{{{2, 1.0F}}};
  for (int i = 0; i < 40; ++i) {
    const float y = i % 3 == 0 ? 0.0F : 1.0F;
    apart.learn({{}, rare}, y);
    alone.learn({{}, rare}, y);
    const float before = weight_of(apart, 2);
    for (int k = 0; k < 5; ++k) apart.learn({{}, often}, y);
    REQUIRE(weight_of(apart, 2) == before);
    REQUIRE(before == weight_of(alone, 2));
  }
}

TEST_CASE("Adam does not see an importance that all examples have", "[learn][metamorphic]") {
  CHECK(words_apart(
            words_model<Logistic>(Adam()), [](auto& model, const auto& e) { model.learn(e.x, e.y, 1.0F); },
            [](auto& model, const auto& e) { model.learn(e.x, e.y, 1024.0F); }) < 1e-4F);
}

TEST_CASE("coin betting bets as by hand, and never more than it has", "[learn][reference]") {
  // Wealth 4, |g| <= 1, and the one value is its largest: 4 * 1 / (1 + 1); 4 * 0 / (1 + 2), for what is lost beyond what was won is
  // forgiven; 4 * 1 / (1 + 3); nothing, at a margin of 1; 4 * 0 / (1 + 4).
  const auto margins = margins_after({{1, 1}, {0, 1}, {1, 1}, {1, 1}, {0, 1}}, CoinBetting());
  CHECK(margins == std::vector<float>{2.0F, 0.0F, 1.0F, 1.0F, 0.0F});
  // A gradient of 2 makes 2 the most that one can be: 4 / 2 * 2 / (2 + 2).
  CHECK(margins_after({{1, 2}}, CoinBetting())[0] == 1.0F);
  CHECK(margins_after({{0, 1}}, CoinBetting({.wealth = 6.0F}))[0] == -3.0F);
}

TEST_CASE("what is bet grows with what was won", "[learn]") {
  Linear<Quantile, CoinBetting> model;
  model.bind(Schema{});
  for (int i = 0; i < 8; ++i) model.learn({}, static_cast<float>(i % 2));
  float last = model.predict({});
  float step = 0.0F;
  for (int i = 0; i < 5; ++i) {
    model.learn({}, 1e6F);
    const float moved = model.predict({}) - last;
    CHECK(moved > step);
    step = moved;
    last = model.predict({});
  }
}

TEST_CASE("coin betting does not depend on the unit of a column nor forget where a regression started", "[learn][metamorphic]") {
  Linear<Squared, CoinBetting> plain;
  Linear<Squared, CoinBetting> moved;
  plain.bind(Schema::numeric(4));
  moved.bind(Schema::numeric(4));
  double error = 0.0;
  std::size_t i = 0;
  for (const testing::OwnedExample& example : testing::labelled_examples({.task = Task::regression, .dense = 4}, 5, 3000)) {
    FeatureVector x = example.x;
    x.dense()[0] *= 1048576.0F;
    x.dense()[1] /= 1024.0F;
    const float p = plain.learn(example.x, example.y + 8192.0F, example.weight);
    REQUIRE(moved.learn(x, example.y + 8192.0F, example.weight) == Approx(p).margin(0.01));
    if (++i > 1000) error += static_cast<double>(std::fabs(p - example.y - 8192.0F)) / 2000.0;
  }
  CHECK(error < 1.0);
}

TEST_CASE("a passive-aggressive step ends where the example costs nothing, or at C", "[learn][reference]") {
  // |x|^2 = 1 + 4 and the intercept's 1; the loss is 1 and the margin moves by 6 tau.
  const std::array<SparseFeature, 2> x{{{1, 1.0F}, {2, 2.0F}}};
  const auto margin_after = [&](const PassiveAggressive& optimizer, float y, float weight) {
    auto model = words_model<Hinge>(optimizer);
    model.learn({{}, x}, y, weight);
    return model.predict({{}, x});
  };
  const auto linear = [](float c) { return PassiveAggressive({.aggressiveness = c}); };
  const auto squared = [](float c) { return PassiveAggressive({.aggressiveness = c, .slack = PassiveAggressive::Slack::squared}); };
  CHECK(margin_after(linear(10.0F), 1.0F, 1.0F) == Approx(1.0));
  CHECK(margin_after(linear(10.0F), 0.0F, 1.0F) == Approx(-1.0));
  CHECK(margin_after(linear(0.1F), 1.0F, 1.0F) == Approx(0.6));
  CHECK(margin_after(linear(0.1F), 1.0F, 0.5F) == Approx(0.3));
  CHECK(margin_after(squared(0.1F), 1.0F, 1.0F) == Approx(6.0 / 11.0));
  CHECK(margin_after(squared(0.1F), 1.0F, 2.0F) == Approx(6.0 / 8.5));
  CHECK(margin_after(squared(1e6F), 0.0F, 1.0F) == Approx(-1.0));
}

TEST_CASE("passive-aggressive regression passes through its last label when C allows", "[learn]") {
  auto model = words_model<Quantile>(PassiveAggressive({.aggressiveness = 1e3F}));
  int labels = 0;
  for (const testing::OwnedExample& e : testing::labelled_examples({.task = Task::regression, .dense = 0, .sparse = 5}, 5, 500)) {
    model.learn(e.x, e.y, e.weight);
    if (e.weight > 0.0F && ++labels > 8) REQUIRE(model.predict(e.x) == Approx(e.y).margin(1e-3));
  }
}

TEST_CASE("passive: what costs nothing moves nothing", "[learn]") {
  auto model = words_model<Hinge>(PassiveAggressive({.aggressiveness = 10.0F}));
  const std::array<SparseFeature, 1> x{{{1, 1.0F}}};
  model.learn({{}, x}, 1.0F);
  const auto before = save(model);
  model.learn({{}, std::array<SparseFeature, 1>{{{1, 4.0F}}}}, 1.0F);
  CHECK(save(model) == before);
}

TEST_CASE("under a flow and hashed features, weight 2 is the example twice", "[learn][metamorphic]") {
  const auto once = [](auto& model, const auto& e) { model.learn(e.x, e.y, 2.0F); };
  const auto twice = [](auto& model, const auto& e) {
    model.learn(e.x, e.y);
    model.learn(e.x, e.y);
  };
  CHECK(words_apart(words_model<Logistic>(Sgd()), once, twice) < 1e-4F);
  CHECK(words_apart(words_model<Hinge>(Sgd()), once, twice) < 1e-4F);
  CHECK(words_apart(words_model<Hinge>(PassiveAggressive()), once, twice) < 1e-4F);
  // Where it is not so.
  CHECK(words_apart(words_model<Hinge>(PassiveAggressive({.slack = PassiveAggressive::Slack::squared})), once, twice) > 1e-3F);
  CHECK(words_apart(words_model<Logistic>(Sgd({.rate = 0.5F, .power = 1.0F, .horizon = 10.0F})), once, twice) > 1e-4F);
}

TEST_CASE("passive-aggressive under linear slack is the flow of Sgd at the rate C", "[learn][metamorphic]") {
  auto aggressive = words_model<Hinge>(PassiveAggressive({.aggressiveness = 0.1F}));
  auto flow = words_model<Hinge>(Sgd({.rate = 0.1F}));
  for (const testing::OwnedExample& e : testing::labelled_examples({.dense = 0, .sparse = 5}, 6, 500))
    REQUIRE(aggressive.learn(e.x, e.y, e.weight) == flow.learn(e.x, e.y, e.weight));
}

TEST_CASE("FTRL counts the gradient of weight 2 as one twice as steep", "[learn][reference]") {
  // n = g^2 and z = g: alpha |g| / (beta + |g|).
  CHECK(margins_after({{1, 1}}, FtrlProximal())[0] == Approx(0.2 * 1.0 / 2.0));
  CHECK(margins_after({{1, 2}}, FtrlProximal())[0] == Approx(0.2 * 2.0 / 3.0));
}

TEST_CASE("Sgd's rate falls with the weight of the examples", "[learn][reference]") {
  // Of hinge, each step is the rate times the weight: 0.1 * 2, then 0.1 * (4 / (4 + 2)) * 1, then 0.1 * (4 / (4 + 3)) * 1.
  const auto margins = margins_after({{1, 2}, {1, 1}, {0, 1}}, Sgd({.rate = 0.1F, .power = 1.0F, .horizon = 4.0F}));
  CHECK(margins[0] == Approx(0.2));
  CHECK(margins[1] == Approx(0.2 + 0.1 * 4.0 / 6.0));
  CHECK(margins[2] == Approx(0.2 + 0.1 * 4.0 / 6.0 - 0.1 * 4.0 / 7.0));
  const auto root = margins_after({{1, 12}, {0, 1}}, Sgd({.rate = 0.01F, .power = 0.5F, .horizon = 4.0F}));
  CHECK(root[1] == Approx(0.12 - 0.01 * 0.5));
  // Whatever an example weighs: finite, and not quite 0.
  const auto heavy = margins_after({{1, 1e15F}, {0, 1e15F}, {0, 1}}, Sgd({.power = 1.0F, .horizon = 1e-30F}));
  for (const float margin : heavy) CHECK(is_finite(margin));
}

TEMPLATE_TEST_CASE("every optimizer learns which words a label follows", "[learn]", Sgd, AdaGrad, FtrlProximal, Nag, MultiRate, Adam,
                   CoinBetting) {
  Linear<Logistic, TestType> model({.bits = 10});
  model.bind(words_schema());
  Rng rng(3);
  int wrong = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto word = static_cast<std::uint32_t>(rng.below(40));
    const std::array<SparseFeature, 2> x{{{word, 1.0F}, {100 + static_cast<std::uint32_t>(rng.below(40)), 1.0F}}};
    const float y = word % 2 == 0 ? 1.0F : 0.0F;
    const bool right = (model.learn({{}, x}, y) > 0.5F) == (y > 0.5F);
    if (i >= 10000) wrong += static_cast<int>(!right);
  }
  CHECK(wrong < 100);
}

TEST_CASE("an optimizer names the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(Sgd({.rate = 0.0F}), "Sgd: rate is 0, must be in (0, 1e6]");
  CHECK_THROWS_WITH(Sgd({.power = 1.5F}), "Sgd: power is 1.5, must be in [0, 1]");
  CHECK_THROWS_WITH(Sgd({.horizon = 0.0F}), "Sgd: horizon is 0, must be in (0, 1e15]");
  CHECK_THROWS_WITH(Adam({.rate = -1.0F}), "Adam: rate is -1, must be in (0, 1e6]");
  CHECK_THROWS_WITH(Adam({.beta1 = 1.0F}), "Adam: beta1 is 1, must be in [0, 1)");
  CHECK_THROWS_WITH(Adam({.beta2 = -0.5F}), "Adam: beta2 is -0.5, must be in [0, 1)");
  CHECK_THROWS_WITH(Adam({.epsilon = 0.0F}), "Adam: epsilon is 0, must be in [1e-30, 1]");
  CHECK_THROWS_WITH(CoinBetting({.wealth = 0.0F}), "CoinBetting: wealth is 0, must be in (0, 1e6]");
  CHECK_THROWS_WITH(PassiveAggressive({.aggressiveness = 0.0F}), "PassiveAggressive: aggressiveness is 0, must be in (0, 1e6]");
  CHECK_THROWS_WITH((Linear<Logistic, CoinBetting>({.l1 = 0.5F})), "Linear: l1 is 0.5, must be 0 under coin");
  CHECK_THROWS_WITH((Linear<Logistic, CoinBetting>({.l2 = 0.5F})), "Linear: l2 is 0.5, must be 0 under coin");
}

TEMPLATE_TEST_CASE("a cell that no optimizer leaves behind is not sound", "[learn][archive]", Sgd, AdaGrad, FtrlProximal, Nag, MultiRate,
                   Adam, CoinBetting, PassiveAggressive) {
  std::array<float, TestType::fields> cell{};
  CHECK(TestType::sound(cell));
  for (std::size_t k = 0; k < TestType::fields; ++k) {
    for (const std::uint32_t bits : {0x7fc00000U, 0xffc00000U, 0x7f800000U, 0xff800000U, 0x7f000000U, 0xff000000U}) {
      auto spoiled = cell;
      spoiled[k] = std::bit_cast<float>(bits);
      CAPTURE(k, bits);
      CHECK_FALSE(TestType::sound(spoiled));
    }
  }
}
