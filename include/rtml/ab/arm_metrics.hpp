#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/ab/proportions.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/task.hpp"
#include "rtml/metrics/make_metric.hpp"

namespace rtml::ab {

/// The metrics of each arm beside each other: every metric of the task, over what that arm served.
///
/// update() is O(metrics), allocates nothing. One thread at a time.
class ArmMetrics {
 public:
  struct Options {
    Task task = Task::binary;
    std::size_t classes = 2;      ///< of a task of classes
    metrics::Window window = {};  ///< over which outcomes
  };

  /// @throws ConfigError without arms, or for a window or number of classes that metrics refuse.
  ArmMetrics(const std::vector<std::string>& arms, const Options& options) {
    require("ArmMetrics", "arms", arms.size(), !arms.empty(), "at least 1");
    std::vector<metrics::AnyMetric> of_task;
    for (const std::string_view name : metrics::metrics_of(options.task))
      of_task.push_back(metrics::make_metric(name, options.window, options.task, options.classes));
    for (const std::string& name : arms) arms_.push_back({name, 0, 0, 0, of_task});
  }

  std::size_t arms() const noexcept { return arms_.size(); }
  const std::string& name(std::size_t arm) const noexcept { return arms_[arm].name; }

  /// A prediction was served by `arm`. @pre arm < arms()
  void served(std::size_t arm) noexcept { ++arms_[arm].predictions; }

  /// The truth of one of its predictions is known. @pre arm < arms()
  void update(std::size_t arm, const Outcome& outcome) noexcept {
    Counted& counted = arms_[arm];
    const std::uint64_t before = counted.metrics.front().count();
    for (metrics::AnyMetric& metric : counted.metrics) metric.update(outcome);
    if (counted.metrics.front().count() == before) return;  // refused: the metrics count it
    ++counted.labels;
    if (outcome.predicted == outcome.actual) ++counted.right;
  }

  std::uint64_t predictions(std::size_t arm) const noexcept { return arms_[arm].predictions; }
  std::uint64_t labels(std::size_t arm) const noexcept { return arms_[arm].labels; }

  std::span<const metrics::AnyMetric> metrics(std::size_t arm) const noexcept { return arms_[arm].metrics; }

  /// NaN until it is defined. @throws ConfigError for a metric that is not of the task.
  double value(std::size_t arm, std::string_view metric) const {
    for (const metrics::AnyMetric& candidate : arms_[arm].metrics)
      if (candidate.name() == metric) return candidate.value();
    raise(ConfigError("ArmMetrics: metric is \"" + std::string(metric) + "\", must be one of the task's"));
  }

  /// Is `b` right more often than `a`? Over all labels, whatever the window; of tasks with labels or classes.
  ProportionTest compare_accuracy(std::size_t a, std::size_t b) const {
    return two_proportion_z_test(arms_[a].right, arms_[a].labels, arms_[b].right, arms_[b].labels);
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + arms_.capacity() * sizeof(Counted);
    for (const Counted& arm : arms_) {
      bytes += arm.name.capacity();
      for (const metrics::AnyMetric& metric : arm.metrics) bytes += metric.memory_bytes();
    }
    return bytes;
  }

  /// Restores into metrics of the same arms and options.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ArmMetrics", 1);
    std::uint64_t count = self.arms_.size();
    ar(count);
    ar.check(count == self.arms_.size(), "number of arms");
    for (auto& arm : self.arms_) {
      std::string name = arm.name;
      ar(name, arm.predictions, arm.labels, arm.right);
      ar.check(name == arm.name, "arm name");
      ar.check(arm.right <= arm.labels, "right predictions");
      for (auto& metric : arm.metrics) ar(metric);
    }
  }

 private:
  struct Counted {
    std::string name;
    std::uint64_t predictions = 0;
    std::uint64_t labels = 0;
    std::uint64_t right = 0;  // of the labels
    std::vector<metrics::AnyMetric> metrics;
  };

  std::vector<Counted> arms_;
};

}  // namespace rtml::ab
