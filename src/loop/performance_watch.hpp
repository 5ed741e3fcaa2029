#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/loop/options.hpp"
#include "rtml/loop/prediction.hpp"
#include "rtml/metrics/decisions.hpp"
#include "rtml/metrics/windowed.hpp"
#include "rtml/monitor/estimated_performance.hpp"
#include "rtml/monitor/feature_importance.hpp"
#include "rtml/monitor/label_coverage.hpp"
#include "rtml/monitor/performance_panel.hpp"
#include "rtml/monitor/segments.hpp"

namespace rtml::detail {

/// What labels say of the predictions that were served, and what can be said before they come. Everything is in the order of serving, by
/// whichever arm served.
class PerformanceWatch {
 public:
  PerformanceWatch(const LoopOptions& options, Task task, std::size_t pending, std::size_t columns, std::size_t sparse)
      : task_(task),
        explain_every_(options.explain_every),
        coverage_({.cohort = std::max<std::size_t>(pending / cohorts, 1), .cohorts = cohorts, .due = options.label_due}),
        decisions_(options.metric_window),
        estimated_(options.estimate),
        importance_(columns),
        segments_(options.segments),
        dense_(columns),
        sparse_(sparse) {}

  /// `cold`: by a model that had learned nothing, so that it says nothing of the model.
  void serve(std::uint64_t sequence, Time at, const Prediction& prediction, bool cold) noexcept {
    coverage_.predict(sequence, at);
    if (!cold && task_ != Task::regression) estimated_.predict(sequence, at, prediction.score, called(prediction));
  }

  void meet(std::uint64_t sequence, Time at, Time known) noexcept { coverage_.label(sequence, at, known); }

  /// A label that came after settle().
  void meet_late(Time at, Time known) noexcept { coverage_.late(at, known); }

  /// No label will be waited for.
  void settle(std::uint64_t sequence) noexcept { coverage_.settle(sequence); }

  /// Of a prediction that was not cold.
  void count(std::uint64_t sequence, const Prediction& prediction, float y, float weight) noexcept {
    if (task_ == Task::regression) return;
    const bool truth = task_ == Task::classes ? prediction.label == y : y == 1.0F;
    const bool positive = called(prediction);
    decisions_.update({prediction.score, positive ? 1.0F : 0.0F, truth ? 1.0F : 0.0F, weight});
    estimated_.label(sequence, prediction.score, positive, truth, weight);
  }

  /// Of a prediction whose truth was counted as 0 and is 1. Rolling decisions get one outcome more: what left their window has no way back.
  void correct(std::uint64_t sequence, const Prediction& prediction, float weight) noexcept {
    const bool positive = called(prediction);
    decisions_.update({prediction.score, positive ? 1.0F : 0.0F, 1.0F, weight});
    estimated_.correct(sequence, prediction.score, positive, weight);
  }

  void count_segment(const monitor::SegmentName& name, double loss) noexcept { segments_.update(name.view(), loss); }

  /// The `label`-th labelled example, as the model sees it before it learns it.
  void explain(std::uint64_t label, const AnyLearner& model, const Features& x) noexcept {
    if (explain_every_ == 0 || label % explain_every_ != 0) return;
    float intercept = 0.0F;
    const auto sparse = std::span(sparse_).first(x.sparse.size());
    if (model.explain(x, dense_, sparse, intercept)) importance_.update(dense_, sparse);
  }

  /// For a report: accuracy by windows, estimated beside realised, and what is known of labels at the time `now`.
  monitor::PerformancePanel panel(Time now) const;

  const monitor::LabelCoverage& coverage() const noexcept { return coverage_; }
  const metrics::Windowed<metrics::Decisions>& decisions() const noexcept { return decisions_; }
  const monitor::EstimatedPerformance& estimated() const noexcept { return estimated_; }
  const monitor::FeatureImportance& importance() const noexcept { return importance_; }
  const monitor::Segments& segments() const noexcept { return segments_; }

  std::size_t memory_bytes() const noexcept {
    return coverage_.memory_bytes() + decisions_.memory_bytes() + estimated_.memory_bytes() + importance_.memory_bytes() +
           segments_.memory_bytes() + (dense_.capacity() + sparse_.capacity()) * sizeof(float);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PerformanceWatch", 1);
    ar(self.coverage_, self.decisions_, self.estimated_, self.importance_, self.segments_);
  }

 private:
  static constexpr std::size_t cohorts = 64;  // over all predictions that wait for a label

  /// What a choice among classes says is "this one": right or wrong.
  bool called(const Prediction& prediction) const noexcept { return task_ == Task::classes || prediction.label == 1.0F; }

  Task task_;
  std::uint64_t explain_every_;
  monitor::LabelCoverage coverage_;
  metrics::Windowed<metrics::Decisions> decisions_;
  monitor::EstimatedPerformance estimated_;
  monitor::FeatureImportance importance_;
  monitor::Segments segments_;
  std::vector<float> dense_;  // contributions, scratch
  std::vector<float> sparse_;
};

}  // namespace rtml::detail
