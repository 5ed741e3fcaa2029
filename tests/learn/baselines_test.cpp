#include "rtml/learn/baselines.hpp"

#include <array>

#include "rtml/learn/binary.hpp"
#include "rtml/learn/gaussian_naive_bayes.hpp"
#include "support/catch.hpp"

using namespace rtml;

static_assert(ScalarLearner<Mean> && ScalarLearner<NoChange> && ClassLearner<Majority> && ClassLearner<NoChangeClass>);
static_assert(ScalarLearner<Binary<GaussianNaiveBayes>>);

TEST_CASE("Mean predicts the weighted mean of the labels so far", "[learn]") {
  Mean mean;
  CHECK(mean.predict({}) == 0.0F);
  CHECK(mean.learn({}, 10.0F) == 0.0F);
  CHECK(mean.learn({}, 40.0F, 2.0F) == 10.0F);
  CHECK(mean.predict({}) == 30.0F);
}

TEST_CASE("a binary baseline refuses labels that are neither 0 nor 1", "[learn][refusal]") {
  Mean mean({.task = Task::binary});
  NoChange last({.task = Task::binary});
  mean.learn({}, 0.5F);
  last.learn({}, 2.0F);
  CHECK(mean.refused() == 1);
  CHECK(last.refused() == 1);
  CHECK(last.predict({}) == 0.0F);
  CHECK(mean.task() == Task::binary);
}

TEST_CASE("Majority predicts the class of the largest weight, by shares", "[learn]") {
  Majority majority({.classes = 3});
  std::array<float, 3> p{};
  majority.predict_proba({}, p);
  CHECK(p[2] == Approx(1.0F / 3.0F));
  majority.learn({}, 1);
  majority.learn({}, 2, 3.0F);
  CHECK(majority.predict({}) == 2);
  majority.predict_proba({}, p);
  CHECK(p[1] == 0.25F);
}

TEST_CASE("NoChange predicts the label learned last", "[learn]") {
  NoChange last;
  CHECK(last.learn({}, 5.0F) == 0.0F);
  CHECK(last.learn({}, 7.0F) == 5.0F);
  CHECK(last.predict({}) == 7.0F);
  NoChangeClass last_class({.classes = 3});
  CHECK(last_class.learn({}, 2) == 0);
  CHECK(last_class.predict({}) == 2);
}

TEST_CASE("Binary asks for two classes and answers with the second one's probability", "[learn]") {
  CHECK_THROWS_WITH(Binary<Majority>(Majority({.classes = 3})), "majority: classes is 3, must be 2 for a binary task");
  Binary<Majority> binary{Majority()};
  binary.learn({}, 1.0F);
  binary.learn({}, 1.0F);
  binary.learn({}, 0.0F, 2.0F);
  CHECK(binary.predict({}) == 0.5F);
  binary.learn({}, 0.5F);
  CHECK(binary.refused() == 1);
}

TEST_CASE("baselines name the option that is out of range", "[learn][config]") {
  CHECK_THROWS_WITH(Mean({.task = Task::classes}), "Mean: task is \"classes\", must be regression or binary");
  CHECK_THROWS_WITH(NoChange({.task = Task::classes}), "NoChange: task is \"classes\", must be regression or binary");
  CHECK_THROWS_WITH(Majority({.classes = 1}), "Majority: classes is 1, must be in [2, 65536]");
  CHECK_THROWS_WITH(NoChangeClass({.classes = 1}), "NoChangeClass: classes is 1, must be in [2, 65536]");
}
