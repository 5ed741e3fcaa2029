#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "arm.hpp"
#include "candidate.hpp"
#include "drift_watch.hpp"
#include "history.hpp"
#include "journal.hpp"
#include "performance_watch.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/loop/engine.hpp"
#include "rtml/replay/rehearsal.hpp"

namespace rtml::detail {

/// What the loop knows beyond what requests read: belongs to whoever holds `mutex`.
struct Engine::Worker {
  Worker(Engine& of, LoopOptions loop_options, std::string feature_set, Schema features);

  // learning.cpp
  std::size_t work(std::size_t limit);
  std::size_t try_work(std::size_t limit);
  bool observe_next();
  void compare_until(std::uint64_t sequence, const Serving* left);
  void observe_until(std::uint64_t sequence);
  void pass(EventId id);  // its partition is read up to here
  struct Row {            // a served one, while its features, fit inputs and scores are in the worker's buffers
    std::uint64_t sequence = 0;
    Time at{};
    std::uint32_t arm = 0;
    std::uint32_t flags = 0;  // before it was marked
    float threshold = 0.5F;
    monitor::SegmentName segment = {};

    bool is_measured() const noexcept { return (flags & (PendingRing::refused | PendingRing::cold)) == 0; }
  };
  bool answered(std::size_t arm, const Row& row) const;
  void set_time(std::uint64_t sequence, Time at);
  bool copy_row(std::uint64_t sequence, std::uint32_t mark, Row& row);
  void take(const Label& label);
  void learn_outcome(const Row& row, float y, float weight);
  void correct(const Row& row, float weight);
  bool learn_negative();
  std::uint64_t outcomes() const { return counts.labels + counts.negatives; }
  Prediction served_prediction(const Row& row) const;
  void learn_example(const Features& x, float y, float weight, Time at);
  void remember(const Example& example, float loss);
  void count_outcomes(const Row& row, float y, float weight);
  float loss_of(std::span<const float> before, std::uint64_t who, float y) const;
  void rehearse_with(const Example& fresh, float loss);
  std::uint64_t learners() const;
  void watch_error(double error);
  void tell_drifts(const std::vector<DriftWatch::Moved>& moved);
  void publish();
  double error_of(const Outcome& outcome) const;
  void scale_errors(const Outcome& outcome);

  // training.cpp
  class Underway;
  double value_of(SignalValue& signal);
  void consider_retraining(std::size_t arm);
  bool train_next();
  bool try_train();
  void adopt(Training training);
  void judge(std::size_t candidate, const Row& row, float y, float weight);
  void end_trial(std::size_t candidate, bool promoted);
  void serve_from_now(std::size_t arm, AnyLearner model);
  void watch_canaries(std::uint32_t served, float score);
  void judge_canaries(const Row& row, float y);
  double canary_loss(const Row& row, float y) const;
  void heed(std::size_t arm);
  void withdraw(std::size_t arm);
  void answer_incidents(const std::string& why);
  void settle_incidents(monitor::Incident::Outcome outcome);
  void measure_incidents();

  // state.cpp
  class AllGates;
  void export_partition(const std::string& path, std::size_t number, std::size_t partitions);
  void import_partition(const std::string& path);
  void drop_partition(std::size_t number, std::size_t partitions);
  std::string checkpoint();
  void checkpoint_if_due();
  void resume();
  template <class Self, class Ar>
  static void archive_arms(Self& self, Ar& ar);
  template <class Self, class Part>
  static void each_part(Self& self, Part part);

  // worker.cpp
  void bootstrap(const Features& x, std::span<const float> fit, float y, float weight, Time at);
  void join();
  std::size_t memory_bytes() const;

  // report.cpp
  monitor::Report report() const;
  void add_metrics(monitor::Report& report) const;
  void add_arms(monitor::Report& report) const;

  void tell(LoopEvent event);
  void deliver(const LoopEvent& event);

  Engine& engine;
  LoopOptions options;
  std::string name;  // of the feature set
  Schema schema;

  mutable std::mutex mutex;
  std::thread thread;
  std::thread trainer;
  std::atomic<bool> stopping{false};

  std::vector<Arm> arms;  // the champion, challengers, baselines
  std::vector<Candidate> candidates;
  std::vector<Training> trainings;  // with train_apart, one an arm at most
  std::size_t training_bytes = 0;   // of the one that is being carried out
  bool has_margins = false;         // an arm's scores are no probabilities
  std::unique_ptr<Serving> working;
  std::uint64_t generation = 0;
  Journal journal;
  std::uint64_t unpublished = 0;

  bool keeps_history;
  History history;
  Rehearser rehearser;

  DriftWatch drifts;
  drift::AnyDetector error_detector;
  PerformanceWatch performance;
  double error_scale = 0.0;  // fading mean of |error|, of a regression
  static constexpr std::size_t most_events = 1024;
  std::vector<LoopEvent> events;  // the newest drifts and retrainings
  monitor::IncidentLog incidents;
  std::uint64_t unanswered = 0;  // number of the first incident since the last retraining
  std::uint64_t unsettled = 0;   // of the first that it answered
  std::uint64_t settle_at = 0;   // labels of the champion at which its outcome is measured; 0 = none is to be
  bool gates_held = false;
  std::vector<LoopEvent> untold;  // while requests wait, callbacks of the host do too

  LoopCounters counts;
  bool taught = false;         // a label was learned, or history
  std::uint64_t observed = 0;  // sequence number of the next prediction to look at
  std::uint64_t compared = 0;  // of the next one that shadows are to answer
  std::uint64_t matured = 0;   // of the next one to wait for no longer than `negative_after`
  std::uint64_t checkpointed = 0;
  bool took_over = false;  // with train_apart: a model was trained or judged, at a moment that no replay would find again
  std::map<std::uint32_t, std::uint64_t> offsets;  // partition -> behind its last one seen
  Watermark clock;                                 // of events

  std::optional<checkpoint::StateDirectory> directory;

  // One row, copied out of the pending ring.
  std::vector<float> dense;
  std::vector<SparseFeature> sparse;
  std::vector<float> scores;
  std::vector<float> fit_inputs;
};

}  // namespace rtml::detail
