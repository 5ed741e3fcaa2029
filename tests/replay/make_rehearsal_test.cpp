#include "rtml/replay/make_rehearsal.hpp"

#include "support/catch.hpp"

using rtml::make_rehearsal;
using rtml::Spec;

TEST_CASE("Rehearsal is made by the name of its buffer", "[replay]") {
  const auto reservoir = make_rehearsal(Spec("reservoir:size=300,ratio=0.5"), 7);
  CHECK(reservoir.buffer.kind() == "reservoir");
  CHECK(reservoir.buffer.capacity() == 300);
  CHECK(reservoir.ratio == 0.5);
  CHECK(reservoir.seed == 7);
  CHECK(make_rehearsal(Spec("class_balanced"), 0).buffer.kind() == "class_balanced");
  CHECK(make_rehearsal(Spec("sliding:size=20"), 0).buffer.capacity() == 20);
  CHECK_THROWS_WITH(make_rehearsal(Spec("cellar"), 0),
                    "rehearse: buffer is \"cellar\", must be one of reservoir, class_balanced, sliding, prioritized, decayed, herding");
  CHECK_THROWS_AS(make_rehearsal(Spec("reservoir:size=0"), 0), rtml::ConfigError);
  CHECK(make_rehearsal(Spec("prioritized:alpha=1,beta=0,epsilon=0.5"), 0).buffer.kind() == "prioritized");
  CHECK_THROWS_WITH(make_rehearsal(Spec("prioritized:alpha=2"), 0), "PrioritizedBuffer: alpha is 2, must be in [0, 1]");
  const auto decayed = make_rehearsal(Spec("decayed:size=20,half_life=90m"), 0);
  REQUIRE(decayed.buffer.as<rtml::DecayedBuffer>() != nullptr);
  CHECK(decayed.buffer.as<rtml::DecayedBuffer>()->half_life() == rtml::minutes(90));
  CHECK(decayed.buffer.shape() == "decayed 20 5400000000");
  CHECK_THROWS_WITH(make_rehearsal(Spec("decayed:half_life=90"), 0),
                    "decayed: half_life is \"90\", must be a number of s, m, h or d, as in 90m or 7d");
  const auto herding = make_rehearsal(Spec("herding:size=20,candidates=4,classes=50"), 0);
  REQUIRE(herding.buffer.as<rtml::HerdingBuffer>() != nullptr);
  CHECK(herding.buffer.capacity() == 20);
  CHECK(herding.buffer.as<rtml::HerdingBuffer>()->max_classes() == 50);
  CHECK(make_rehearsal(Spec("class_balanced:classes=3"), 0).buffer.as<rtml::ClassBalancedBuffer>()->max_classes() == 3);
  CHECK_THROWS_AS(make_rehearsal(Spec("reservoir:alpha=1"), 0), rtml::ConfigError);
}

TEST_CASE("The schedule of a rehearsal is made by name", "[replay]") {
  const auto made = make_rehearsal(Spec("reservoir:warmup=100,every=5,drift_ratio=3,drift_rows=1000"), 0).schedule;
  CHECK(made.warmup == 100);
  CHECK(made.every == 5);
  CHECK(made.drift_ratio == 3.0);
  CHECK(made.drift_rows == 1000);
  CHECK_THROWS_WITH(make_rehearsal(Spec("reservoir:every=0"), 0), "reservoir: every is 0, must be >= 1");
  CHECK_THROWS_WITH(make_rehearsal(Spec("reservoir:warmup=-1"), 0), "reservoir: warmup is -1, must be >= 0");
}

TEST_CASE("Buffers that cannot read each other's archives have another shape", "[replay]") {
  using namespace std::chrono_literals;
  using rtml::ReplayBuffer;
  const auto sliding = [](std::optional<rtml::Duration> span) {
    return ReplayBuffer(rtml::SlidingWindow({.capacity = 10, .span = span})).shape();
  };
  CHECK(sliding(1h) == sliding(1h));
  CHECK(sliding(1h) != sliding(2h));
  CHECK(sliding(1h) != sliding({}));
  const auto balanced = [](std::size_t classes) {
    return ReplayBuffer(rtml::ClassBalancedBuffer({.capacity = 10, .max_classes = classes})).shape();
  };
  CHECK(balanced(4) == balanced(4));
  CHECK(balanced(4) != balanced(5));
}
