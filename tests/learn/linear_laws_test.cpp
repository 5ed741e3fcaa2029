#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "rtml/core/any_learner.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/optimizers.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using namespace rtml;

namespace {

template <class Loss>
testing::LearnerLaws laws_of() {
  return {.nominal = 1, .counts = std::same_as<Loss, Poisson>, .probability = !std::same_as<Loss, Hinge>, .examples = 200, .archived = 20};
}

/// One type for all: the laws are compiled once.
struct AnyLinear {
  AnyLearner learner;

  Task task() const noexcept { return learner.task(); }
  std::uint64_t refused() const noexcept { return learner.refused(); }
  std::size_t memory_bytes() const noexcept { return learner.memory_bytes(); }
  void bind(const Schema& schema) { learner.bind(schema); }
  float predict(const Features& x) const noexcept {
    float score = 0.0F;
    learner.predict(x, std::span(&score, 1));
    return score;
  }
  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    float before = 0.0F;
    learner.learn(x, y, weight, std::span(&before, 1));
    return before;
  }
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.learner);
  }
};

/// Whatever it learned from, every weight is one that its archive lets in again.
std::string law_weights_stay_sound(const AnyLinear& fresh, const testing::LearnerLaws& laws) {
  AnyLinear learner = testing::detail::trained(fresh, laws, 0);
  for (std::uint64_t round = 0; round < 5; ++round) {
    for (const auto& example : testing::detail::wild_examples(learner, laws, 50 + 2 * round, laws.examples))
      learner.learn(example.x, example.y, example.weight);
    try {
      AnyLinear restored = fresh;
      load(restored, save(learner));
    } catch (const FormatError& error) {
      return error.what();
    }
  }
  return "";
}

/// The laws that depend on the pair; the rest are about code that all pairs share.
void check_laws_of_pairs(const AnyLinear& fresh, const testing::LearnerLaws& laws) {
  CHECK(testing::law_predictions_stay_finite(fresh, laws) == "");
  CHECK(law_weights_stay_sound(fresh, laws) == "");
  CHECK(testing::law_learn_returns_the_prediction(fresh, laws) == "");
  CHECK(testing::law_checkpoint_continues(fresh, laws) == "");
  CHECK(testing::law_copies_agree(fresh, laws) == "");
  CHECK(testing::law_hostile_rows_leave_no_trace(fresh, laws) == "");
}

template <class Loss, class Optimizer>
void check_pair(const Optimizer& optimizer) {
  if constexpr (detail::Suits<Loss, Optimizer>) {
    CAPTURE(Loss::name, Optimizer::name);
    check_laws_of_pairs({Linear<Loss, Optimizer>({.optimizer = optimizer, .bits = 6})}, laws_of<Loss>());
  }
}

template <class Optimizer>
void check_pairs(const Optimizer& optimizer) {
  check_pair<Squared>(optimizer);
  check_pair<Logistic>(optimizer);
  check_pair<Hinge>(optimizer);
  check_pair<Quantile>(optimizer);
  check_pair<Poisson>(optimizer);
  check_pair<Huber>(optimizer);
  check_pair<Expectile>(optimizer);
}

}  // namespace

TEMPLATE_TEST_CASE("the default optimizer keeps the laws of learners under every loss", "[learn][laws]", Squared, Logistic, Hinge, Quantile,
                   Poisson, Huber, Expectile) {
  testing::check_learner(AnyLinear{Linear<TestType>({.bits = 6})}, laws_of<TestType>());
}

TEST_CASE("so does the default as it is, not behind AnyLearner", "[learn][laws]") {
  testing::check_learner(LogisticRegression({.bits = 6}), laws_of<Logistic>());
}

TEMPLATE_TEST_CASE("every optimizer keeps the laws of learners", "[learn][laws]", Sgd, AdaGrad, FtrlProximal, Nag, Adam, CoinBetting) {
  testing::check_learner(AnyLinear{Linear<Logistic, TestType>({.bits = 6})}, laws_of<Logistic>());
}

TEMPLATE_TEST_CASE("passive-aggressive learners keep the laws of learners", "[learn][laws]", Hinge, Quantile) {
  testing::check_learner(AnyLinear{Linear<TestType, PassiveAggressive>({.bits = 6})}, laws_of<TestType>());
}

TEMPLATE_TEST_CASE("penalised models keep the laws of learners", "[learn][laws]", MultiRate, AdaGrad, FtrlProximal, Adam) {
  testing::check_learner(AnyLinear{Linear<Squared, TestType>({.bits = 6, .l1 = 1e-3F, .l2 = 1e-3F})}, laws_of<Squared>());
}

TEMPLATE_TEST_CASE("every pair of loss and optimizer stays finite, honest and restorable", "[learn][laws]", MultiRate, Sgd, AdaGrad,
                   FtrlProximal, Nag, Adam, CoinBetting, PassiveAggressive) {
  check_pairs(TestType{});
}

TEST_CASE("so does every loss under other forms of an optimizer", "[learn][laws]") {
  check_pairs(Sgd({.rate = 0.5F, .power = 0.5F, .horizon = 10.0F}));
  check_pairs(PassiveAggressive({.aggressiveness = 10.0F, .slack = PassiveAggressive::Slack::squared}));
}
