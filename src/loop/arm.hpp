#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/drift/any_detector.hpp"
#include "rtml/drift/drift_monitor.hpp"
#include "rtml/metrics/any_metric.hpp"
#include "rtml/monitor/series.hpp"
#include "rtml/serve/canary.hpp"
#include "rtml/train/scheduler.hpp"

namespace rtml::detail {

/// What one signal of a retraining trigger is computed from.
class SignalValue {
 public:
  SignalValue(const Signal& signal, Task task, std::size_t classes, const Schema& schema, const drift::DriftMonitor::Options& options);

  void observe(const Features& x) noexcept {
    if (distance_) distance_->update(x);
  }
  /// `error` of the outcome, in [0, 1].
  void count(const Outcome& outcome, double error) noexcept {
    if (metric_) metric_.update(outcome);
    if (detector_ && detector_.update(error) == Change::drift) alarmed_ = true;
  }

  /// NaN until it is known; so where `alarms` are asked for, which the loop knows.
  double value();
  Signal::Source source() const noexcept { return signal_.source; }

  /// Judges the model anew after a retraining: what was measured of the old one says nothing.
  void restart();

  std::size_t memory_bytes() const noexcept;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("SignalValue", 1);
    ar(self.metric_, self.detector_, self.alarmed_);
    bool present = self.distance_.has_value();
    ar(present);
    ar.check(present == self.distance_.has_value(), "signal (saved: another trigger)");
    if (present) ar(*self.distance_);
  }

 private:
  Signal signal_;
  metrics::AnyMetric metric_;
  drift::AnyDetector detector_;
  std::optional<drift::DriftMonitor> distance_;
  drift::Distance distance_kind_{};
  double largest_ = std::numeric_limits<double>::quiet_NaN();  // of the last full window
  std::uint64_t windows_ = 0;
  bool alarmed_ = false;
};

/// One model of a loop, with its policy and what its predictions were worth.
struct Arm {
  Arm(std::string called, AnyLearner learner, double share, Retrain policy, bool is_baseline)
      : name(std::move(called)),
        given(std::move(learner)),
        weight(share),
        baseline(is_baseline),
        scheduler(std::move(policy)),
        shelf(scheduler.policy().shelf) {}

  bool recalls() const noexcept { return scheduler.policy().start == Start::recall; }

  /// While it is a canary about which nothing is decided.
  bool watched() const noexcept { return canary && canary->verdict() == Canary::Verdict::watching; }

  /// True when every prediction is scored by it beside the one that is served.
  bool shadow() const noexcept { return weight == 0.0; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Arm", 1);
    std::string name = self.name;
    ar(name);
    ar.check(name == self.name, "arm name (saved: other arms)");
    ar(self.scheduler, self.predictions, self.labels, self.right, self.series);
    for (auto& metric : self.whole) ar(metric);
  }

  std::string name;
  AnyLearner given;  // as the host gave it: what a fresh start starts from
  double weight;
  bool baseline;
  std::optional<Canary> canary = {};
  std::uint64_t watched_from = 0;  // sequence number of the first prediction by which the canary is judged
  std::uint64_t shadow_from = 0;   // of the first that it answers as a shadow
  RetrainScheduler scheduler;
  bool in_training = false;
  Shelf shelf;  // with Start::recall
  std::uint64_t predictions = 0;
  std::uint64_t labels = 0;
  std::uint64_t right = 0;                 // of them, decided as the label says; whatever their weight
  std::vector<metrics::AnyMetric> whole;   // [metrics of the task]
  std::vector<metrics::AnyMetric> window;  // [metrics of the task]
  std::vector<SignalValue> signals;        // [signals of the trigger]
  monitor::Series series;                  // the first metric, rolling
};

}  // namespace rtml::detail
