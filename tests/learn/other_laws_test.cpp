#include "rtml/learn/baselines.hpp"
#include "rtml/learn/binary.hpp"
#include "rtml/learn/gaussian_naive_bayes.hpp"
#include "rtml/learn/softmax.hpp"
#include "support/catch.hpp"
#include "support/learner_laws.hpp"

using namespace rtml;

TEST_CASE("Softmax keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(Softmax({.classes = 3, .bits = 5}), {.nominal = 1, .examples = 200, .archived = 20});
  testing::check_learner(Binary<Softmax>(Softmax({.bits = 5})), {.sparse = 0, .examples = 200, .archived = 20});
}

TEST_CASE("GaussianNaiveBayes keeps the laws of learners", "[learn][laws]") {
  testing::check_learner(GaussianNaiveBayes({.classes = 4}), {.nominal = 2, .examples = 200});
  testing::check_learner(Binary<GaussianNaiveBayes>(), {.sparse = 0});
}

TEST_CASE("the baselines keep the laws of learners", "[learn][laws]") {
  testing::check_learner(Mean());
  testing::check_learner(Mean({.task = Task::binary}));
  testing::check_learner(Majority({.classes = 5}));
  testing::check_learner(NoChange());
  testing::check_learner(NoChange({.task = Task::binary}));
  testing::check_learner(NoChangeClass({.classes = 5}));
}
