#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/ab/router.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/event_id.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/loop/label_queue.hpp"
#include "rtml/loop/options.hpp"
#include "rtml/loop/pending.hpp"
#include "rtml/loop/prediction.hpp"
#include "rtml/metrics/decisions.hpp"
#include "rtml/monitor/counter.hpp"
#include "rtml/monitor/estimated_performance.hpp"
#include "rtml/monitor/feature_importance.hpp"
#include "rtml/monitor/label_coverage.hpp"
#include "rtml/monitor/latency_histogram.hpp"
#include "rtml/monitor/report.hpp"
#include "rtml/monitor/segments.hpp"
#include "rtml/serve/published.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature_output.hpp"
#include "rtml/transform/fitted.hpp"

namespace rtml {

/// What a loop has counted since its first start, runs before a resume included.
struct LoopCounters {
  std::uint64_t events = 0;            ///< predictions served
  std::uint64_t repeated = 0;          ///< predict() of an id that was served before
  std::uint64_t refused_features = 0;  ///< predictions with an infinite or far too large feature
  std::uint64_t unobserved = 0;        ///< predictions that made room before work() had looked at them
  std::uint64_t evicted = 0;           ///< predictions that made room before their label came
  std::uint64_t labels = 0;            ///< labels that met their prediction
  std::uint64_t labels_cold = 0;       ///< and negatives, of predictions served before anything was learned: learned, not measured
  std::uint64_t labels_refused = 0;    ///< labels or weights that are not finite, or no label of the task
  std::uint64_t labels_unknown = 0;    ///< labels of an id that was never served or made room
  std::uint64_t labels_expired = 0;    ///< labels later than the ttl
  std::uint64_t labels_repeated = 0;   ///< labels of an id that had one
  std::uint64_t labels_dropped = 0;    ///< labels for which the queue had no room: label() said false
  std::uint64_t negatives = 0;         ///< predictions learned as negatives because no label came within `negative_after`
  std::uint64_t corrected = 0;         ///< of those, positives after all: labels that came later
  std::uint64_t learned = 0;           ///< examples learned as they came, over all models
  std::uint64_t replayed = 0;          ///< examples learned again, by rehearsal
  std::uint64_t retrained = 0;         ///< examples learned in retrainings
  std::uint64_t retrainings = 0;
  std::uint64_t promotions = 0;   ///< of candidates that passed their gate
  std::uint64_t discarded = 0;    ///< candidates that did not
  std::uint64_t rolled_back = 0;  ///< canaries that became shadows
  std::uint64_t drifts = 0;
  std::uint64_t publishes = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t checkpoint_failures = 0;
  std::uint64_t callback_failures = 0;  ///< exceptions that on_event, log or a host's signal let out
  std::uint64_t work_failures = 0;      ///< exceptions that ended a round of the thread of start()
  std::uint64_t times_refused = 0;      ///< events too far ahead of all others to be believed (core/watermark.hpp)
};

namespace detail {

/// What a request reads: everything of one moment.
struct Serving {
  Fitted fitted;
  std::vector<AnyLearner> models;       // [arms, then candidates]; a candidate that is not there is empty
  std::vector<std::uint32_t> versions;  // [the same] how often each was replaced
  std::uint64_t generation = 0;         // publishes that it has seen
  bool taught = false;                  // learned from a label, or from history
};

/// The loop without its event type: whatever need not be compiled for each host struct. The request path is a few calls in the order in
/// which Loop::predict makes them; the rest runs in whichever thread calls work().
class RTML_API Engine {
 public:
  /// What the loop knows of the features: the definition, and its fresh state.
  struct FeatureDefinition {
    std::string name;
    Schema schema;
    std::size_t sparse_capacity = 0;
    Fitted fitted;
    EntityWindows windows;
    bool has_time = false;
  };

  Engine(FeatureDefinition features, AnyLearner champion, LoopOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- request path: any thread, noexcept, no allocation ---

  /// Held through a prediction: orders predictions of one id, and lets a checkpoint wait for those under way.
  SpinLock& gate(EventId id) noexcept { return gates_[id.hash() % gates_.size()]; }

  EntityWindows& windows() noexcept { return windows_; }
  Published<Serving>::Guard serving() const noexcept { return published_.read(); }

  /// The answer that was given to `id`, while it is kept.
  bool repeat(EventId id, Prediction& prediction) noexcept;

  std::uint64_t claim(EventId id, Time at) noexcept;
  FeatureOutput output(std::uint64_t row) noexcept;
  void name_segment(std::uint64_t row, const monitor::SegmentName& segment) noexcept { pending_.segment(row) = segment; }
  Prediction score(const Serving& serving, std::uint64_t row, const FeatureOutput& output, std::uint64_t unit) noexcept;
  void release(std::uint64_t row) noexcept {
    pending_.release(row);
    pending_.prefetch_next();
  }

  /// Which arm serves `unit`.
  std::uint32_t route(std::uint64_t unit) const noexcept;

  /// What `scores` of one model say.
  void decide(Prediction& prediction, std::span<const float> scores, float threshold) const noexcept;

  /// Takes what is not usable for missing; false when there was such.
  static bool make_usable(std::span<float> dense, std::span<SparseFeature> sparse) noexcept;

  /// One model's answer to features that are kept nowhere.
  Prediction answer(const Serving& serving, std::uint32_t arm, const Features& x, std::span<float> scores) const noexcept;

  bool label(const Label& label) noexcept;
  bool belongs_to_task(float y) const noexcept;

  void timed_predict(std::uint64_t nanoseconds) noexcept { predict_latency_.record(nanoseconds); }
  void timed_label(std::uint64_t nanoseconds) noexcept { label_latency_.record(nanoseconds); }

  std::size_t outputs() const noexcept { return outputs_; }
  std::size_t arms() const noexcept { return arms_; }
  const Schema& schema() const noexcept { return schema_; }

  // --- work: any thread, one at a time (serialised by a mutex that no request takes) ---

  std::size_t work(std::size_t limit);
  bool train();
  void start();
  void stop();
  /// Keeps the worker out, and requests of one gate, while history is told.
  struct Turn {
    std::unique_lock<std::mutex> worker;
    std::unique_lock<SpinLock> gate;
  };
  Turn take_turn();
  void bootstrap(const Turn& turn, const Features& x, std::span<const float> fit_inputs, float y, Time at);
  void bootstrap(const Batch& batch);
  void end_bootstrap(const Turn& turn);
  std::string checkpoint();
  void export_partition(const std::string& path, std::size_t number, std::size_t partitions) const;
  void import_partition(const std::string& path);
  void drop_partition(std::size_t number, std::size_t partitions);
  std::uint64_t resume_offset(std::uint32_t partition) const;
  LoopCounters counters() const;
  std::vector<LoopEvent> events() const;
  monitor::Report report() const;
  std::vector<std::pair<std::string, double>> metrics(std::size_t arm, bool window) const;
  metrics::Decisions decisions() const;
  monitor::EstimatedPerformance estimated_performance() const;
  monitor::LabelCoverage label_coverage() const;
  monitor::FeatureImportance feature_importance() const;
  monitor::Segments segments() const;
  std::size_t memory_bytes() const;
  AnyLearner model(std::size_t arm) const;
  bool resumed() const noexcept { return resumed_; }

 private:
  struct Worker;

  LoopCounters totals() const;

  Schema schema_;
  std::size_t arms_;
  std::size_t outputs_;
  Task task_;
  EntityWindows windows_;
  ab::Router router_;
  std::vector<std::atomic<bool>> withdrawn_;  // [arms] whose units the champion serves
  PendingRing pending_;
  LabelQueue labels_;
  Published<Serving> published_;
  std::array<SpinLock, 64> gates_;

  monitor::LatencyHistogram predict_latency_;
  monitor::LatencyHistogram label_latency_;
  monitor::Counter repeated_;
  monitor::Counter refused_features_;
  monitor::Counter evicted_;
  monitor::Counter labels_refused_;
  monitor::Counter labels_dropped_;
  bool resumed_ = false;

  std::unique_ptr<Worker> worker_;
};

inline std::uint64_t nanoseconds_now() noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace detail
}  // namespace rtml
