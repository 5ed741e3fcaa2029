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
  CHECK_THROWS_WITH(make_rehearsal(Spec("cellar"), 0), "rehearse: buffer is \"cellar\", must be one of reservoir, class_balanced, sliding");
  CHECK_THROWS_AS(make_rehearsal(Spec("reservoir:size=0"), 0), rtml::ConfigError);
}
