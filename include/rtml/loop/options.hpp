#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/time.hpp"
#include "rtml/drift/drift_monitor.hpp"
#include "rtml/loop/event_segment.hpp"
#include "rtml/loop/loop_event.hpp"
#include "rtml/monitor/estimated_performance.hpp"
#include "rtml/monitor/segments.hpp"
#include "rtml/replay/rehearsal.hpp"
#include "rtml/serve/canary.hpp"
#include "rtml/train/retrain.hpp"

namespace rtml {

/// A second model beside the first.
struct Challenger {
  std::string name = {};  ///< unique among the arms; the first model's is "champion"
  AnyLearner learner = {};
  double weight = 0.0;  ///< share of the units that it serves, in [0, 1]; 0 = shadow: it scores and learns all and serves none
  Retrain retrain = {};
  /// Watched while it serves its share: it becomes a shadow when it is worse, or when nothing is shown in time; that it is as good is told
  /// (`passed`), and promoting it is the host's. Of both only what each served counts, with the label that is known at `negative_after`, by the
  /// Brier score (in [0, 1]) or the absolute error, for which `largest_loss` must be set; by their errors alone where an arm answers by margins. Latency is not looked at.
  std::optional<Canary::Options> canary = {};
};

/// Each waiting thing has a bound here, a rule for when it is full, and a counter in Loop::counters().
struct LoopOptions {
  Retrain retrain = {};     ///< of the first model
  Rehearsal rehearse = {};  ///< past examples learned again beside each new one; none by default
  std::string state = {};   ///< directory of checkpoints; empty: nothing outlives the process
  std::vector<Challenger> challengers = {};
  std::uint64_t seed = 0;  ///< of routing

  std::size_t pending = 1U << 16U;  ///< predictions kept for their labels (rounded up to a power of two); the oldest make room: `evicted`
  Duration label_ttl{0};            ///< event time after which a label is too late: `labels_expired`; 0 = as long as it is kept
  /// Binary: event time after which a prediction without a label is learned as a negative; a positive that comes later corrects it. Choose
  /// `pending` so that a prediction is kept for so long. 0 = labels alone count.
  Duration negative_after{0};
  std::size_t label_queue = 1U << 16U;  ///< labels that wait for work(); full: label() says false: `labels_dropped`
  std::size_t history = 100'000;        ///< labelled rows kept for retraining, where a policy needs them; the oldest make room
  bool train_apart = false;             ///< retrainings do not hold up learning: they wait for train(), or for a second thread of start()

  std::uint64_t publish_every = 64;          ///< labels learned before readers see the model, at most; work() publishes when it ends too
  std::uint64_t evaluate_every = 32;         ///< labels between two looks at triggers that compare signals
  std::uint64_t checkpoint_every = 100'000;  ///< events between two checkpoints that work() writes; 0 = only checkpoint() does
  std::size_t retain = 3;                    ///< checkpoints kept
  std::size_t deltas = 0;                    ///< at most so many checkpoints between two full ones hold only what changed, in [0, 1000]
  Duration idle = std::chrono::milliseconds(1);  ///< sleep of start()'s thread when nothing is to do

  drift::DriftMonitor::Options drift = {};  ///< of the features, with the budget of false alarms
  std::size_t metric_window = 1000;         ///< labels of the rolling metrics
  bool baselines = true;                    ///< score no-change and majority (or the mean) beside the models

  monitor::EstimatedPerformance::Options estimate = {};  ///< of the served decisions before their labels come; not of a regression
  Duration label_due{0};                                 ///< age at which a label is overdue; 0 = once 99 % of the labels had come
  std::uint64_t explain_every = 16;          ///< labels between two looks at what each feature gives to the first model's score; 0 = none
  EventSegment segment = {};                 ///< which part of the stream an event belongs to; none by default
  monitor::Segments::Options segments = {};  ///< of the error on each part

  Clock clock = system_now;
  std::function<void(const LoopEvent&)> on_event = {};  ///< must not call back into the loop; what it throws is counted
  std::function<void(std::string_view)> log = {};       ///< a line of text for the host's log

  /// @throws ConfigError
  void validate() const;
};

}  // namespace rtml
