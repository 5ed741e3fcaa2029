#include "rtml/ab/arm_metrics.hpp"

#include <limits>

#include "metrics/outcomes.hpp"
#include "rtml/core/concepts.hpp"
#include "support/catch.hpp"

using rtml::Outcome;
using rtml::Task;
using rtml::ab::ArmMetrics;

static_assert(rtml::Checkpointable<ArmMetrics> && rtml::Sized<ArmMetrics>);

TEST_CASE("each arm has the metrics of what it served, and of nothing else", "[ab]") {
  for (const Task task : {Task::binary, Task::classes, Task::regression}) {
    ArmMetrics arms({"champion", "challenger"}, {.task = task, .classes = 4});
    std::vector<rtml::metrics::AnyMetric> alone;
    for (const auto name : rtml::metrics::metrics_of(task)) alone.push_back(rtml::metrics::make_metric(name, {}, task, 4));
    std::uint64_t right = 0;
    const auto outcomes = rtml::testing::made_outcomes(task, 3, 300);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      arms.served(i % 3 == 0 ? 1 : 0);
      arms.update(i % 3 == 0 ? 1 : 0, outcomes[i]);
      if (i % 3 != 0) continue;
      right += outcomes[i].predicted == outcomes[i].actual ? 1U : 0U;
      for (auto& metric : alone) metric.update(outcomes[i]);
    }
    CHECK(arms.predictions(1) == 100);
    CHECK(arms.labels(0) == 200);
    for (const auto& metric : alone) {
      CAPTURE(metric.name());
      CHECK(arms.value(1, metric.name()) == metric.value());
    }
    if (task == Task::regression) continue;
    const auto test = arms.compare_accuracy(0, 1);
    CHECK(test.difference < 1.0);
    CHECK(arms.compare_accuracy(1, 0).z == -test.z);
    CHECK(arms.compare_accuracy(1, 1).z == 0.0);
    CHECK(right > 0);
  }
}

TEST_CASE("a refused outcome is no label of its arm", "[ab][bad input]") {
  ArmMetrics arms({"a"}, {});
  arms.update(0, Outcome::binary(std::numeric_limits<float>::quiet_NaN(), 1.0F));
  arms.update(0, Outcome::binary(0.2F, 1.0F));
  CHECK(arms.labels(0) == 1);
  CHECK(arms.metrics(0).front().refused() == 1);
  CHECK(arms.value(0, "recall") == 0.0);
}

TEST_CASE("the metrics of arms saved and loaded go on as before", "[ab][archive]") {
  const std::vector<std::string> names{"a", "b"};
  const ArmMetrics::Options options{.task = Task::binary, .window = rtml::metrics::Window::last(50)};
  ArmMetrics arms(names, options);
  for (const Outcome& outcome : rtml::testing::made_outcomes(Task::binary, 1, 80)) arms.served(1), arms.update(1, outcome);
  const auto bytes = rtml::save(arms);
  ArmMetrics restored(names, options);
  rtml::load(restored, bytes);
  for (const Outcome& outcome : rtml::testing::made_outcomes(Task::binary, 2, 30)) arms.update(1, outcome), restored.update(1, outcome);
  CHECK(rtml::save(restored) == rtml::save(arms));
  CHECK(restored.predictions(1) == 80);

  ArmMetrics others({"a", "c"}, options);
  CHECK_THROWS_AS(rtml::load(others, bytes), rtml::FormatError);
  ArmMetrics fewer({"a"}, options);
  CHECK_THROWS_AS(rtml::load(fewer, bytes), rtml::FormatError);
  for (std::size_t i = 0; i < bytes.size(); i += 7) CHECK_THROWS_AS(rtml::load(restored, std::span(bytes).first(i)), rtml::FormatError);
}

TEST_CASE("the metrics of arms name what is wrong", "[ab][config]") {
  CHECK_THROWS_WITH(ArmMetrics({}, {}), "ArmMetrics: arms is 0, must be at least 1");
  const ArmMetrics arms({"a"}, {});
  CHECK_THROWS_WITH(arms.value(0, "mae"), "ArmMetrics: metric is \"mae\", must be one of the task's");
}
