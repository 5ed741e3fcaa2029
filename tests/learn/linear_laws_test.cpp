#include <concepts>

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

/// The laws that depend on the pair; the rest are about code that all pairs share.
template <class Loss, class Optimizer>
void check_pair() {
  const Linear<Loss, Optimizer> fresh({.bits = 6});
  const auto laws = laws_of<Loss>();
  CHECK(testing::law_predictions_stay_finite(fresh, laws) == "");
  CHECK(testing::law_learn_returns_the_prediction(fresh, laws) == "");
  CHECK(testing::law_checkpoint_continues(fresh, laws) == "");
  CHECK(testing::law_hostile_rows_leave_no_trace(fresh, laws) == "");
}

}  // namespace

TEMPLATE_TEST_CASE("the default optimizer keeps the laws of learners under every loss", "[learn][laws]", Squared, Logistic, Hinge, Quantile,
                   Poisson, Huber, Expectile) {
  testing::check_learner(Linear<TestType>({.bits = 6}), laws_of<TestType>());
}

TEMPLATE_TEST_CASE("every optimizer keeps the laws of learners", "[learn][laws]", Sgd, AdaGrad, FtrlProximal, Nag) {
  testing::check_learner(Linear<Logistic, TestType>({.bits = 6}), laws_of<Logistic>());
}

TEMPLATE_TEST_CASE("penalised models keep the laws of learners", "[learn][laws]", MultiRate, AdaGrad, FtrlProximal) {
  testing::check_learner(Linear<Squared, TestType>({.bits = 6, .l1 = 1e-3F, .l2 = 1e-3F}), laws_of<Squared>());
}

TEMPLATE_TEST_CASE("every pair of loss and optimizer stays finite, honest and restorable", "[learn][laws]", Sgd, AdaGrad, FtrlProximal,
                   Nag) {
  check_pair<Squared, TestType>();
  check_pair<Hinge, TestType>();
  check_pair<Quantile, TestType>();
  check_pair<Poisson, TestType>();
  check_pair<Huber, TestType>();
  check_pair<Expectile, TestType>();
}
