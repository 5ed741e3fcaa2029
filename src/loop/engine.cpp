#include "rtml/loop/engine.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "rtml/core/finite.hpp"
#include "rtml/drift/make_detector.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/loop/explanation.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "worker.hpp"

namespace rtml {
namespace {

constexpr double rounding = 1e-9;  // of shares that were meant to sum to 1

std::size_t baseline_count(const LoopOptions& options) { return options.baselines ? 2 : 0; }

std::size_t gate_count(const LoopOptions& options) {
  const auto gated = [](const Challenger& challenger) { return static_cast<bool>(challenger.retrain.gate); };
  return (options.retrain.gate ? 1U : 0U) +
         static_cast<std::size_t>(std::count_if(options.challengers.begin(), options.challengers.end(), gated));
}

/// Of a policy within its loop: that there can be as many rows as it waits for.
void validate(const Retrain& policy, const LoopOptions& options) {
  policy.validate();
  if (policy.when.never()) return;
  const bool rehearsed = policy.on.what == Data::What::rehearsal;
  const ReplayBuffer& buffer = options.rehearse.buffer;
  require("Retrain", "on", "rehearsal", !rehearsed || static_cast<bool>(buffer), "used with LoopOptions::rehearse, which keeps the rows");
  const std::size_t kept = rehearsed ? buffer.capacity() : options.history;
  require("Retrain", "min_samples", policy.min_samples, policy.min_samples <= kept,
          "at most " + to_text(kept) + ", as no more rows are kept (" + (rehearsed ? "LoopOptions::rehearse)" : "LoopOptions::history)"));
}

/// Of features without a time of events, which stands still: nothing may wait for it.
void require_no_time(const LoopOptions& options) {
  const auto require_none = [](std::string_view option, Duration time) {
    require("LoopOptions", option, time.count(), time.count() == 0, "0, as the features have no time");
  };
  const auto check = [&](const Retrain& policy) {
    require("Retrain", "when", policy.when.text(), !policy.when.asks_for_time(), "a trigger without times, as the features have none");
    require("Retrain", "most_per_day", policy.most_per_day, policy.most_per_day == 0, "0, as the features have no time");
    require_none("retrain.on.span", policy.on.span);
    require_none("retrain.gate.embargo", policy.gate.embargo);
  };
  check(options.retrain);
  for (const Challenger& challenger : options.challengers) check(challenger.retrain);
  require_none("negative_after", options.negative_after);
  require_none("label_ttl", options.label_ttl);
}

}  // namespace

void LoopOptions::validate() const {
  constexpr std::string_view type = "LoopOptions";
  rtml::validate(retrain, *this);
  require(type, "pending", pending, pending >= 1 && pending <= (std::size_t{1} << 31U), "in [1, 2^31]");
  require(type, "label_queue", label_queue, label_queue >= 1 && label_queue <= (std::size_t{1} << 31U), "in [1, 2^31]");
  require(type, "label_ttl", label_ttl.count(), label_ttl.count() >= 0, ">= 0");
  require(type, "negative_after", negative_after.count(), negative_after.count() >= 0 && negative_after <= days(36500),
          "in [0, 36500 days]");
  require(type, "label_ttl", label_ttl.count(), label_ttl.count() == 0 || label_ttl >= negative_after,
          "0 or at least negative_after: what waits for a label must not refuse it");
  require(type, "history", history, history >= 1, ">= 1");
  require(type, "publish_every", publish_every, publish_every >= 1, ">= 1");
  require(type, "evaluate_every", evaluate_every, evaluate_every >= 1, ">= 1");
  require(type, "metric_window", metric_window, metric_window >= 10 && metric_window <= 1'000'000, "in [10, 1000000]");
  require(type, "idle", idle.count(), idle.count() >= 0, ">= 0");
  require(type, "clock", "empty", static_cast<bool>(clock), "a function that says the time");
  require(type, "label_due", label_due.count(), label_due.count() >= 0, ">= 0");
  require(type, "challengers", challengers.size(), challengers.size() <= 32, "at most 32");
  double share = 0.0;
  for (const Challenger& challenger : challengers) {
    const std::string which = "challenger \"" + challenger.name + "\"";
    require(type, "challenger", challenger.name, !challenger.name.empty() && challenger.name != "champion", "named, and not champion");
    require(type, which + " learner", "none", static_cast<bool>(challenger.learner), "a learner");
    require(type, which + " weight", challenger.weight, challenger.weight >= 0.0 && challenger.weight <= 1.0, "in [0, 1]");
    const auto same = [&](const Challenger& other) { return other.name == challenger.name; };
    require(type, "challenger", challenger.name, std::count_if(challengers.begin(), challengers.end(), same) == 1, "named once");
    rtml::validate(challenger.retrain, *this);
    share += challenger.weight;
    if (!challenger.canary) continue;
    static_cast<void>(Canary(*challenger.canary));  // throws
    require(type, which + " weight", challenger.weight, challenger.weight > 0.0, "above 0, as it is a canary");
  }
  require(type, "challengers' weights", share, share <= 1.0 + rounding, "at most 1 together");
  const bool canaries = std::any_of(challengers.begin(), challengers.end(), [](const Challenger& each) { return each.canary.has_value(); });
  require(type, "challengers' weights", share, !canaries || share < 1.0 - rounding,
          "below 1 together, as canaries need a champion beside them");
  const std::size_t models = 1 + challengers.size() + baseline_count(*this) + gate_count(*this);
  require(type, "models, baselines and gates", models, models <= detail::PendingRing::most_models, "at most 64");
}

namespace detail {
namespace {

LoopOptions validated(LoopOptions options) {
  options.validate();
  return options;
}

std::vector<AnyLearner> baselines_for(Task task, std::size_t outputs) {
  const auto make = [&](std::string_view name) { return make_learner(name, task, std::max(2, static_cast<int>(outputs))); };
  return {make("no_change"), make(task == Task::regression ? "mean" : "majority")};
}

ab::Router router_for(const LoopOptions& options) {
  double rest = 1.0;
  for (const Challenger& challenger : options.challengers) rest -= challenger.weight;
  std::vector<ab::Arm> arms{{"champion", rest > rounding ? rest : 0.0}};
  for (const Challenger& challenger : options.challengers) arms.push_back({challenger.name, challenger.weight});
  return ab::Router(std::move(arms), "rtml-loop-" + to_text(options.seed));
}

AnyLearner bound(AnyLearner learner, const Schema& schema) {
  require("Loop", "learner", "none", static_cast<bool>(learner), "a learner");
  learner.bind(schema);
  return learner;
}

std::unique_ptr<Serving> first_serving(const Engine::FeatureDefinition& features, AnyLearner learner, const LoopOptions& options) {
  auto serving = std::make_unique<Serving>();
  serving->fitted = features.fitted;
  serving->models.push_back(bound(std::move(learner), features.schema));
  if (features.fitted.tables().learn_labels())  // codes of classes have no mean
    require("Loop", "task", name_of(serving->models.front().task()), serving->models.front().task() != Task::classes,
            "binary or regression in a set with target_encoding");
  for (const Challenger& challenger : options.challengers) {
    serving->models.push_back(bound(challenger.learner, features.schema));
    const AnyLearner& champion = serving->models.front();
    const AnyLearner& model = serving->models.back();
    require("Loop", "challenger \"" + challenger.name + "\" task", name_of(model.task()), model.task() == champion.task(),
            "the champion's");
    require("Loop", "challenger \"" + challenger.name + "\" outputs", model.outputs(), model.outputs() == champion.outputs(),
            "the champion's");
  }
  if (options.baselines)
    for (AnyLearner& baseline : baselines_for(serving->models[0].task(), serving->models[0].outputs()))
      serving->models.push_back(bound(std::move(baseline), features.schema));
  serving->models.resize(serving->models.size() + gate_count(options));
  serving->versions.assign(serving->models.size(), 0);
  return serving;
}

}  // namespace

Engine::Engine(FeatureDefinition features, AnyLearner champion, LoopOptions options)
    : schema_(features.schema),
      arms_(1 + validated(options).challengers.size() + baseline_count(options)),
      outputs_(bound(champion, features.schema).outputs()),
      task_(champion.task()),
      windows_(std::move(features.windows)),
      router_(router_for(options)),
      withdrawn_(arms_),
      pending_({.capacity = options.pending,
                .dense = schema_.dense_size(),
                .fit_inputs = features.fitted.size(),
                .models = arms_ + gate_count(options),
                .outputs = outputs_,
                .sparse = features.sparse_capacity,
                .segments = static_cast<bool>(options.segment)}),
      labels_(options.label_queue),
      published_(first_serving(features, std::move(champion), options)),
      worker_(std::make_unique<Worker>(*this, std::move(options), std::move(features.name), features.schema)) {
  require("LoopOptions", "negative_after", name_of(task_), worker_->options.negative_after.count() == 0 || task_ == Task::binary,
          "used with a binary task alone");
  if (!features.has_time) require_no_time(worker_->options);
  const std::string_view buffer = worker_->options.rehearse.buffer.kind();
  require("LoopOptions", "rehearse", buffer, task_ != Task::regression || (buffer != "class_balanced" && buffer != "herding"),
          "a buffer without classes, as the task is regression");
  worker_->resume();
}

Engine::~Engine() { worker_->join(); }

bool Engine::repeat(EventId id, Prediction& prediction) noexcept {
  const auto found = pending_.find(id);
  if (!found || pending_.hold(*found) != PendingRing::Held::yes) return false;
  const PendingRing::Header& header = pending_.header(*found);
  prediction.arm = header.arm;
  prediction.version = header.version;
  decide(prediction, pending_.scores(*found).subspan(header.arm * outputs_, outputs_), header.threshold);
  prediction.status = Prediction::Status::repeated;
  pending_.release(*found);
  repeated_.add();
  return true;
}

std::uint64_t Engine::claim(EventId id, Time at) noexcept {
  bool evicted = false;
  const std::uint64_t row = pending_.claim(id, at, evicted);
  if (evicted) evicted_.add();
  return row;
}

FeatureOutput Engine::output(std::uint64_t row) noexcept {
  return {pending_.dense(row), pending_.sparse(row), pending_.fit_inputs(row), 0};
}

std::uint32_t Engine::route(std::uint64_t unit) const noexcept {
  if (router_.arms().size() == 1) return 0;
  const auto arm = static_cast<std::uint32_t>(router_.route(unit));
  return withdrawn_[arm].load(std::memory_order_relaxed) ? 0 : arm;
}

void Engine::decide(Prediction& prediction, std::span<const float> scores, float threshold) const noexcept {
  if (task_ == Task::classes) {
    const auto best = std::max_element(scores.begin(), scores.end());
    prediction.score = *best;
    prediction.label = static_cast<float>(best - scores.begin());
  } else {
    prediction.score = scores[0];
    prediction.label = task_ == Task::regression ? scores[0] : (scores[0] > threshold ? 1.0F : 0.0F);
  }
}

Prediction Engine::answer(const Serving& serving, std::uint32_t arm, const Features& x, std::span<float> scores) const noexcept {
  Prediction prediction{.arm = arm, .version = serving.versions[arm]};
  serving.models[arm].predict(x, scores);
  decide(prediction, scores, serving.models[arm].threshold());
  return prediction;
}

bool Engine::make_usable(std::span<float> dense, std::span<SparseFeature> sparse) noexcept {
  if (is_usable(Features{dense, sparse})) return true;
  for (float& value : dense)
    if (!is_usable(value)) value = std::numeric_limits<float>::quiet_NaN();
  for (SparseFeature& feature : sparse)
    if (!is_usable(feature.value)) feature.value = 0.0F;
  return false;
}

Prediction Engine::score(const Serving& serving, std::uint64_t row, const FeatureOutput& output, std::uint64_t unit) noexcept {
  PendingRing::Header& header = pending_.header(row);
  const std::span<SparseFeature> sparse = output.sparse.first(output.nnz);
  const bool usable = make_usable(output.dense, sparse);
  const std::uint32_t arm = route(unit);
  Prediction prediction = answer(serving, arm, {output.dense, sparse}, pending_.scores(row).subspan(arm * outputs_, outputs_));
  header.nnz = static_cast<std::uint32_t>(output.nnz);
  header.arm = arm;
  header.version = prediction.version;
  header.threshold = serving.models[arm].threshold();
  header.generation = serving.generation;
  if (!serving.taught) header.flags |= PendingRing::cold;
  if (!usable) {
    header.flags |= PendingRing::refused;
    prediction.status = Prediction::Status::refused;
    refused_features_.add();
  }
  return prediction;
}

bool Engine::belongs_to_task(float y) const noexcept {
  if (task_ == Task::regression) return true;
  if (task_ == Task::binary) return y == 0.0F || y == 1.0F;
  return y >= 0.0F && y < static_cast<float>(outputs_) && y == std::floor(y);
}

bool Engine::label(const Label& label) noexcept {
  if (!is_usable(label.y) || !is_usable(label.weight) || label.weight < 0.0F || !belongs_to_task(label.y)) {
    labels_refused_.add();
    return true;  // dealt with: a host that tries again until it is taken must not try for ever
  }
  if (labels_.push(label)) return true;
  labels_dropped_.add();
  return false;
}

std::size_t Engine::work(std::size_t limit) {
  const std::lock_guard guard(worker_->mutex);
  return worker_->work(limit);
}

bool Engine::train() { return worker_->train_next(); }

void Engine::start() {
  if (worker_->thread.joinable()) return;
  worker_->stopping.store(false);
  worker_->thread = std::thread([this] {
    constexpr std::size_t round = 1024;  // so that report() and checkpoint() get their turn
    while (!worker_->stopping.load(std::memory_order_relaxed))
      if (worker_->try_work(round) == 0) std::this_thread::sleep_for(worker_->options.idle);
  });
  if (!worker_->options.train_apart) return;
  worker_->trainer = std::thread([this] {
    while (!worker_->stopping.load(std::memory_order_relaxed))
      if (!worker_->try_train()) std::this_thread::sleep_for(worker_->options.idle);
  });
}

void Engine::stop() {
  worker_->join();
  while (train()) {
  }
  // What waits now, not what goes on coming.
  for (std::size_t waiting = labels_.size() + static_cast<std::size_t>(pending_.next()); waiting > 0;) {
    const std::size_t done = work(waiting);
    if (done == 0) break;
    waiting -= done;
  }
  if (worker_->directory) checkpoint();
}

std::string Engine::checkpoint() {
  const std::lock_guard guard(worker_->mutex);
  require("LoopOptions", "state", "empty", worker_->directory.has_value(), "a directory, for checkpoint()");
  return worker_->checkpoint();
}

void Engine::export_partition(const std::string& path, std::size_t number, std::size_t partitions) const {
  const std::lock_guard guard(worker_->mutex);
  worker_->export_partition(path, number, partitions);
}

void Engine::import_partition(const std::string& path) {
  const std::lock_guard guard(worker_->mutex);
  worker_->import_partition(path);
}

void Engine::drop_partition(std::size_t number, std::size_t partitions) {
  const std::lock_guard guard(worker_->mutex);
  worker_->drop_partition(number, partitions);
}

Engine::Turn Engine::take_turn() {
  std::unique_lock worker(worker_->mutex);
  return {std::move(worker), std::unique_lock(gates_[0])};
}

void Engine::bootstrap(const Turn& /*turn*/, const Features& x, std::span<const float> fit_inputs, float y, Time at) {
  worker_->bootstrap(x, fit_inputs, y, 1.0F, at);
}

void Engine::bootstrap(const Batch& batch) {
  const std::lock_guard guard(worker_->mutex);
  require("Loop::bootstrap", "columns", batch.dense_size(), batch.dense_size() == schema_.dense_size(), "as the features have");
  require("Loop::bootstrap", "labels", batch.labels().size(), batch.labels().size() == batch.size(), "as many as there are rows");
  for (std::size_t i = 0; i < batch.size(); ++i)
    worker_->bootstrap(batch.row(i), {}, batch.labels()[i], batch.weights().empty() ? 1.0F : batch.weights()[i],
                       batch.times().empty() ? Time{} : batch.times()[i]);
  worker_->publish();
}

void Engine::end_bootstrap(const Turn& /*turn*/) { worker_->publish(); }

std::uint64_t Engine::resume_offset(std::uint32_t partition) const {
  const std::lock_guard guard(worker_->mutex);
  const auto found = worker_->offsets.find(partition);
  return found == worker_->offsets.end() ? 0 : found->second;
}

LoopCounters Engine::counters() const {
  const std::lock_guard guard(worker_->mutex);
  return totals();
}

std::vector<LoopEvent> Engine::events() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->events;
}

LoopCounters Engine::totals() const {
  LoopCounters counts = worker_->counts;
  counts.repeated += repeated_.load();
  counts.refused_features += refused_features_.load();
  counts.evicted += evicted_.load();
  counts.labels_refused += labels_refused_.load();
  counts.labels_dropped += labels_dropped_.load();
  counts.times_refused = worker_->clock.refused();
  return counts;
}

std::vector<std::pair<std::string, double>> Engine::metrics(std::size_t arm, bool window) const {
  const std::lock_guard guard(worker_->mutex);
  require("Loop::metrics", "arm", arm, arm < worker_->arms.size(), "an arm of the loop");
  const Arm& of = worker_->arms[arm];
  std::vector<std::pair<std::string, double>> values;
  for (const auto& metric : window ? of.window : of.whole) values.emplace_back(std::string(metric.name()), metric.value());
  return values;
}

metrics::Decisions Engine::decisions() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->performance.decisions().tally();
}

monitor::EstimatedPerformance Engine::estimated_performance() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->performance.estimated();
}

monitor::LabelCoverage Engine::label_coverage() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->performance.coverage();
}

monitor::FeatureImportance Engine::feature_importance() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->performance.importance();
}

monitor::Segments Engine::segments() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->performance.segments();
}

monitor::Report Engine::report() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->report();
}

std::size_t Engine::memory_bytes() const {
  const std::lock_guard guard(worker_->mutex);
  return worker_->memory_bytes();
}

AnyLearner Engine::model(std::size_t arm) const {
  const std::lock_guard guard(worker_->mutex);
  require("Loop::model", "arm", arm, arm < worker_->arms.size(), "an arm of the loop");
  return worker_->working->models[arm];
}

void explain(const AnyLearner& model, const Schema& schema, const Features& x, Explanation& explanation) {
  std::vector<float> dense(x.dense.size());
  std::vector<float> sparse(x.sparse.size());
  explanation.available = model.explain(x, dense, sparse, explanation.intercept);
  if (!explanation.available) return;
  for (std::size_t i = 0; i < dense.size(); ++i) explanation.parts.push_back({schema.dense(i).name, x.dense[i], dense[i]});
  for (std::size_t i = 0; i < sparse.size(); ++i)
    explanation.parts.push_back({"#" + to_text(x.sparse[i].index), x.sparse[i].value, sparse[i]});
  std::stable_sort(explanation.parts.begin(), explanation.parts.end(), [](const Explanation::Part& a, const Explanation::Part& b) {
    return std::fabs(a.contribution) > std::fabs(b.contribution);
  });
}

}  // namespace detail
}  // namespace rtml
