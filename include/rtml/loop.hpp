#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/loop/engine.hpp"
#include "rtml/loop/explanation.hpp"
#include "rtml/loop/options.hpp"
#include "rtml/loop/prediction.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml {

/// The whole real-time loop in one object: features, models, learning from delayed labels, drift, retraining, a comparison of models,
/// checkpoints and a report, behind `predict` and `label`.
///
/// | called                                              | from                          | waits for                                      |
/// |-----------------------------------------------------|-------------------------------|------------------------------------------------|
/// | predict, score, explain                             | any thread                    | events of the same entity; a checkpoint's copy |
/// | label                                               | any thread                    | nothing                                        |
/// | work, checkpoint, bootstrap, report, metrics, model | any thread, they take turns   | one another; never a request                   |
/// | import_partition, drop_partition, export_partition  | any thread, they take turns   | work; requests wait for them                   |
/// | train                                               | one thread at a time          | work, before and after it trains               |
/// | counters, resume_offset, memory_bytes               | any thread                    | work                                           |
/// | start, stop, construction, destruction              | one thread, alone in the loop | the worker's last round                        |
///
/// predict, score and label are noexcept and allocate nothing after warm-up. Whoever calls work(), the host or the thread of start(), pays
/// for learning, retraining and files. A fork()ed child must not use a loop of its parent: locks and the worker thread do not come along.
template <class Event>
class Loop {
 public:
  using Options = LoopOptions;

  Loop(FeatureSet<Event> features, AnyLearner learner) : Loop(std::move(features), std::move(learner), Options{}) {}

  /// With `options.state`, goes on from its newest whole checkpoint.
  /// @throws ConfigError for an option out of range, SchemaError when the checkpoint learned from other features, IoError when the
  ///         directory is held by another process or cannot be read.
  Loop(FeatureSet<Event> features, AnyLearner learner, Options options)
      : features_(std::move(features)),
        segment_(segment_of(options)),
        engine_(std::make_unique<detail::Engine>(
            detail::Engine::FeatureDefinition{features_.name(), features_.schema(), features_.sparse_capacity(), features_.make_fitted(),
                                              features_.make_windows(), features_.has_time()},
            std::move(learner), std::move(options))) {}

  /// Reads the event's features as of its own time, scores them, keeps both under `id` until the label comes, then lets the event enter the
  /// windows. An `id` that was served before gets the answer that it got, and feeds nothing. `unit` says who is served (a user, a card):
  /// one unit always meets the same arm; by default each event is a unit.
  Prediction predict(EventId id, const Event& event, std::uint64_t unit) noexcept {
    const std::uint64_t began = detail::nanoseconds_now();
    features_.prefetch(event, engine_->windows());
    Prediction prediction;
    {
      const std::lock_guard gate(engine_->gate(id));
      if (!engine_->repeat(id, prediction)) prediction = serve(id, event, unit);
    }
    engine_->timed_predict(detail::nanoseconds_now() - began);
    return prediction;
  }
  Prediction predict(EventId id, const Event& event) noexcept { return predict(id, event, id.hash()); }

  /// What the first model says of an event that is not to be remembered: only reads.
  Prediction score(const Event& event) const noexcept {
    Scratch& scratch = computed(event);
    const auto serving = engine_->serving();
    return engine_->answer(*serving, 0, scratch.features(), scratch.scores);
  }

  /// What each feature gives to the first model's score. Linear learners can say; of others `available` is false. Allocates.
  Explanation explain(const Event& event) const {
    Scratch& scratch = computed(event);
    const auto serving = engine_->serving();
    Explanation explanation;
    explanation.prediction = engine_->answer(*serving, 0, scratch.features(), scratch.scores);
    detail::explain(serving->models[0], schema(), scratch.features(), explanation);
    return explanation;
  }

  /// The truth about `id`; learned by work(), from the features that were served. False when the queue is full (counted): try again after
  /// work(). A label that is none (NaN, not of the task) is counted and done with.
  bool label(EventId id, float y, float weight = 1.0F) noexcept { return label(Label{.id = id, .y = y, .weight = weight}); }
  bool label(const Label& label) noexcept {
    const std::uint64_t began = detail::nanoseconds_now();
    const bool taken = engine_->label(label);
    engine_->timed_label(detail::nanoseconds_now() - began);
    return taken;
  }

  /// Learns what waits, looks for drift, retrains, publishes, checkpoints when due. Returns how many events and labels it took, `limit` at
  /// most. A checkpoint that fails is counted and told to `on_event`; the next is tried when due.
  std::size_t work(std::size_t limit = std::numeric_limits<std::size_t>::max()) { return engine_->work(limit); }

  /// With `options.train_apart`: carries out one retraining that is due, while work() goes on with what it learns from; false when none is.
  /// With `options.state` the next work() writes a checkpoint, unless `checkpoint_every` is 0: a replay would not find this moment again.
  /// What came meanwhile is learned before the new model is judged or served.
  bool train() { return engine_->train(); }

  /// Starts the one thread that calls work(), and with `options.train_apart` one that calls train().
  void start() { engine_->start(); }

  /// Ends the threads of start(), carries out what they had begun, works off what waited until now, and writes a checkpoint, with `options.state`. Destruction without stop() is
  /// as a crash: what came after the last checkpoint is replayed from resume_offset().
  /// @throws IoError when the checkpoint cannot be written
  void stop() { engine_->stop(); }

  /// Learns from history before going live: events in time order with their labels, y = NaN where it is not known. Call it before requests come: those
  /// that meet it wait.
  /// @throws ConfigError when the sizes differ.
  void bootstrap(std::span<const Event> events, std::span<const float> y) {
    require("Loop::bootstrap", "labels", y.size(), y.size() == events.size(), "as many as there are events");
    const auto turn = engine_->take_turn();
    for (std::size_t i = 0; i < events.size(); ++i) {
      const Event& event = events[i];
      const auto lock = features_.lock(event, engine_->windows());
      Scratch& scratch = compute_locked(event);
      features_.feed(event, engine_->windows());
      engine_->bootstrap(turn, scratch.features(), scratch.fit_inputs, y[i], features_.time(event));
    }
    engine_->end_bootstrap(turn);
  }

  /// Learns from rows that are features already: [n, dense_size()] with labels.
  /// @throws ConfigError when the batch has another shape or no labels.
  void bootstrap(const Batch& batch) { engine_->bootstrap(batch); }

  /// Writes everything that must outlive the process, as one file that is either whole or not there; returns its name. Requests wait while
  /// the state is copied, not while it is written.
  /// @throws ConfigError without `options.state`, IoError when the file cannot be written (what was there stays).
  std::string checkpoint() { return engine_->checkpoint(); }

  /// Writes the windows of one partition of the entities (EntityWindows::partition_of) as one file, whole or not there, for another loop of the same
  /// features. Requests wait while they are copied, not while they are written.
  /// @throws ConfigError for a partition that is none, IoError
  void export_partition(const std::string& path, std::size_t number, std::size_t partitions) const {
    engine_->export_partition(path, number, partitions);
  }

  /// Takes the entities of such a file; nothing changes when it is refused. Requests wait meanwhile. Lasts from the next checkpoint() on.
  /// @throws IoError, FormatError; SchemaError when it is of other features; ConfigError for an entity that is here already
  void import_partition(const std::string& path) { engine_->import_partition(path); }

  /// Lets the entities of a partition go, which another loop serves from now on. Requests wait meanwhile. Lasts from the next checkpoint() on.
  void drop_partition(std::size_t number, std::size_t partitions) { engine_->drop_partition(number, partitions); }

  /// True when the state of an earlier run was taken up.
  bool resumed() const noexcept { return engine_->resumed(); }

  /// From which offset of a partition the host is to go on: behind the last one that the checkpoint holds; 0 for a new loop. So the events of
  /// one partition come in order: predict them from one thread at a time. The same for
  /// the partition of a label feed (Label::source).
  std::uint64_t resume_offset(std::uint32_t partition = 0) const { return engine_->resume_offset(partition); }

  LoopCounters counters() const { return engine_->counters(); }

  /// The last 1024 drifts, retrainings and what became of their models, canaries that ended, oldest first, runs before a resume included.
  std::vector<LoopEvent> events() const { return engine_->events(); }

  /// Of an arm's predictions at the time they were made, by name; over all labels, or over the last `metric_window`.
  std::vector<std::pair<std::string, double>> metrics(std::size_t arm = 0, bool window = false) const {
    return engine_->metrics(arm, window);
  }

  /// What was served over the last `metric_window` labels: accuracy, precision, recall and F1 with their intervals. Of a task of classes a
  /// right choice counts as a true positive and a wrong one as a false positive, so accuracy alone means something; of a regression empty.
  metrics::Decisions decisions() const { return engine_->decisions(); }

  /// How good served decisions are before their labels come, beside what labels said of the same ones; keys are the order of serving. Of a
  /// task of classes only accuracy means something; of a regression empty.
  monitor::EstimatedPerformance estimated_performance() const { return engine_->estimated_performance(); }

  /// Which predictions have their label by now, and how long labels take.
  monitor::LabelCoverage label_coverage() const { return engine_->label_coverage(); }

  /// What each dense column of schema() does to the first model's score; unknown (NaN) where its learner cannot say.
  monitor::FeatureImportance feature_importance() const { return engine_->feature_importance(); }

  /// The error on each part of the stream, with `options.segment`; of a regression error / (error + usual error), in [0, 1].
  monitor::Segments segments() const { return engine_->segments(); }

  monitor::Report report() const { return engine_->report(); }

  /// A copy of an arm's model, as it has learned so far.
  AnyLearner model(std::size_t arm = 0) const { return engine_->model(arm); }

  const FeatureSet<Event>& features() const noexcept { return features_; }
  const Schema& schema() const noexcept { return engine_->schema(); }
  std::size_t memory_bytes() const { return engine_->memory_bytes(); }

 private:
  /// Buffers of one thread for features that are kept nowhere; they grow to the largest set that the thread meets.
  struct Scratch {
    std::vector<float> dense;
    std::vector<float> fit_inputs;
    std::vector<float> scores;
    std::vector<SparseFeature> sparse;
    std::size_t nnz = 0;

    Features features() const noexcept { return {dense, std::span(sparse).first(nnz)}; }
  };

  static EventSegment segment_of(const Options& options) {
    require("LoopOptions", "segment", "of another type", options.segment.template is_of<Event>(), "about the events of this loop");
    return options.segment;
  }

  Prediction serve(EventId id, const Event& event, std::uint64_t unit) noexcept {
    const auto lock = features_.lock(event, engine_->windows());
    const std::uint64_t row = engine_->claim(id, features_.time(event));
    if (segment_) engine_->name_segment(row, segment_.of(event));
    Prediction prediction;
    {
      const auto serving = engine_->serving();
      FeatureOutput output = engine_->output(row);
      features_.compute(event, serving->fitted, engine_->windows(), output);
      prediction = engine_->score(*serving, row, output, unit);
    }
    engine_->release(row);
    features_.feed(event, engine_->windows());
    return prediction;
  }

  Scratch& computed(const Event& event) const noexcept {
    const auto lock = features_.lock(event, engine_->windows());
    return compute_locked(event);
  }

  Scratch& compute_locked(const Event& event) const noexcept {
    static thread_local Scratch scratch;
    scratch.dense.resize(features_.dense_size());
    scratch.fit_inputs.resize(features_.fit_size());
    scratch.sparse.resize(features_.sparse_capacity());
    scratch.scores.resize(engine_->outputs());
    FeatureOutput output{scratch.dense, scratch.sparse, scratch.fit_inputs, 0};
    features_.compute(event, engine_->serving()->fitted, engine_->windows(), output);
    scratch.nnz = output.nnz;
    return scratch;
  }

  FeatureSet<Event> features_;
  EventSegment segment_;
  std::unique_ptr<detail::Engine> engine_;
};

}  // namespace rtml
