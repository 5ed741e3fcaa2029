#include "worker.hpp"

#include <algorithm>

#include "rtml/drift/make_detector.hpp"
#include "rtml/metrics/make_metric.hpp"

namespace rtml::detail {
namespace {

/// For the distances alone: they are compared with the host's level, and no budget is spent.
drift::DriftMonitor::Options of_distances(drift::DriftMonitor::Options options, std::size_t window) {
  options.window = window;
  options.scales = 1;
  options.budget = {.false_alarms = 1e-12, .least_effect = 0.999};
  return options;
}

std::vector<metrics::AnyMetric> metrics_for(Task task, std::size_t classes, metrics::Window window) {
  std::vector<metrics::AnyMetric> made;
  for (const std::string_view name : metrics::metrics_of(task)) made.push_back(metrics::make_metric(name, window, task, classes));
  return made;
}

}  // namespace

SignalValue::SignalValue(const Signal& signal, Task task, std::size_t classes, const Schema& schema,
                         const drift::DriftMonitor::Options& options)
    : signal_(signal) {
  switch (signal.source) {
    case Signal::Source::metric: metric_ = metrics::make_metric(signal.name, metrics::Window::last(signal.window), task, classes); break;
    case Signal::Source::distance:
      distance_.emplace(schema, of_distances(options, signal.window));
      distance_kind_ = drift::distance_named(signal.name);
      break;
    case Signal::Source::alarms: break;
    case Signal::Source::detector: detector_ = drift::make_detector(signal.name); break;
    case Signal::Source::host:
      require("Signal", "read", signal.name, static_cast<bool>(signal.read), "a function, for a host's signal");
      break;
  }
}

double SignalValue::value() {
  constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
  switch (signal_.source) {
    case Signal::Source::metric: return metric_.count() < signal_.window ? not_known : metric_.value();
    case Signal::Source::distance:
      if (!distance_->ready()) return not_known;
      if (windows_ != distance_->windows()) {
        windows_ = distance_->windows();
        largest_ = distance_->largest(distance_kind_).value;
      }
      return largest_;
    case Signal::Source::alarms: return not_known;
    case Signal::Source::detector: return alarmed_ ? 1.0 : 0.0;
    case Signal::Source::host: return signal_.read();
  }
  return not_known;
}

void SignalValue::restart() {
  alarmed_ = false;
  if (metric_) metric_.reset();
  if (detector_) detector_.reset();
  windows_ = 0;
  if (distance_ && distance_->ready()) distance_->relearn();
}

std::size_t SignalValue::memory_bytes() const noexcept {
  return sizeof(*this) + (metric_ ? metric_.memory_bytes() : 0) + (detector_ ? detector_.memory_bytes() : 0) +
         (distance_ ? distance_->memory_bytes() : 0);
}

namespace {

bool needs_history(const Retrain& policy, bool train_apart) {
  if (policy.when.never()) return false;
  return policy.on.what != Data::What::rehearsal || train_apart || policy.start == Start::recall;
}

bool needs_history(const LoopOptions& options) {
  const auto needs = [&](const Challenger& challenger) { return needs_history(challenger.retrain, options.train_apart); };
  return needs_history(options.retrain, options.train_apart) || std::any_of(options.challengers.begin(), options.challengers.end(), needs);
}

}  // namespace

Engine::Worker::Worker(Engine& of, LoopOptions loop_options, std::string feature_set, Schema features)
    : engine(of),
      options(std::move(loop_options)),
      name(std::move(feature_set)),
      schema(std::move(features)),
      working(std::make_unique<Serving>(*of.published_.read())),
      keeps_history(needs_history(options)),
      history(keeps_history ? options.history : 1, of.pending_.shape().sparse,
              keeps_history && options.negative_after.count() > 0 ? of.pending_.shape().capacity : 0),
      rehearser(options.rehearse),
      drifts(schema, engine.task_, options.drift),
      error_detector(drift::make_detector("adwin:direction=rise")),
      performance(options, of.task_, of.pending_.shape().capacity, schema.dense_size(), of.pending_.shape().sparse) {
  const auto add = [&](std::string arm_name, double weight, Retrain policy, bool baseline) {
    Arm arm(std::move(arm_name), working->models[arms.size()], weight, std::move(policy), baseline);
    arm.whole = metrics_for(engine.task_, engine.outputs_, metrics::Window::whole());
    arm.window = metrics_for(engine.task_, engine.outputs_, metrics::Window::last(options.metric_window));
    for (const Signal& signal : arm.scheduler.policy().when.signals())
      arm.signals.emplace_back(signal, engine.task_, engine.outputs_, schema, options.drift);
    arm.series = monitor::Series(arm.name, "");
    has_margins |= is_margin(engine.task_, arm.given.threshold());
    arms.push_back(std::move(arm));
  };
  add("champion", engine.router_.arms()[0].weight, options.retrain, false);
  for (const Challenger& challenger : options.challengers) {
    add(challenger.name, challenger.weight, challenger.retrain, false);
    if (challenger.canary) arms.back().canary.emplace(*challenger.canary);
  }
  while (arms.size() < engine.arms_) add(working->models[arms.size()].name(), 0.0, {}, true);
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (arms[i].scheduler.policy().gate) candidates.push_back({.arm = i});

  history.bind(schema);
  rehearser.bind(schema, engine.pending_.shape().sparse);
}

void Engine::Worker::join() {
  stopping.store(true);
  if (thread.joinable()) thread.join();
  if (trainer.joinable()) trainer.join();
}

void Engine::Worker::bootstrap(const Features& x, std::span<const float> fit, float y, float weight, Time at) {
  journal.observe(*working, fit);
  drifts.bootstrap(x);
  clock.advance(at);
  const bool labelled = is_usable(x, y, weight) && engine.belongs_to_task(y);
  if (!labelled && !is_nan(y)) ++counts.labels_refused;
  if (labelled) {
    learn_example(x, y, weight, Watermark::limited(at));
    journal.label(*working, fit, y, weight);
  }
  if (unpublished >= options.publish_every || journal.full()) publish();
}

std::size_t Engine::Worker::memory_bytes() const {
  std::size_t bytes = sizeof(Engine) + sizeof(*this) + engine.windows_.memory_bytes() + engine.pending_.memory_bytes() +
                      engine.labels_.memory_bytes() + journal.memory_bytes() + drifts.memory_bytes() + incidents.memory_bytes() +
                      performance.memory_bytes() + events.capacity() * sizeof(LoopEvent) + history.memory_bytes() +
                      rehearser.memory_bytes() + engine.predict_latency_.memory_bytes() + engine.label_latency_.memory_bytes();
  const std::size_t copies = 2 + engine.published_.retired();  // served, worked on, and what readers still hold
  bytes += copies * working->fitted.memory_bytes();
  for (const AnyLearner& model : working->models) bytes += copies * model.memory_bytes();
  bytes += training_bytes;
  for (const Training& training : trainings) bytes += training.model.memory_bytes() + training.rows.memory_bytes();
  for (const Arm& arm : arms) {
    bytes += arm.given.memory_bytes() + arm.series.memory_bytes() + arm.shelf.memory_bytes();
    for (const auto& metric : arm.whole) bytes += metric.memory_bytes();
    for (const auto& metric : arm.window) bytes += metric.memory_bytes();
    for (const SignalValue& signal : arm.signals) bytes += signal.memory_bytes();
  }
  constexpr std::size_t node = 4 * sizeof(void*);  // of a map, about
  bytes += offsets.size() * (sizeof(decltype(offsets)::value_type) + node);
  if (directory) bytes += directory->memory_bytes();
  return bytes;
}

void Engine::Worker::tell(LoopEvent event) {
  event.event = counts.events;
  event.at = clock.now();
  const auto is = [&](LoopEvent::Kind kind) { return event.kind == kind; };
  const bool kept = is(LoopEvent::Kind::drift) || is(LoopEvent::Kind::retrain) || is(LoopEvent::Kind::promoted) ||
                    is(LoopEvent::Kind::discarded) || is(LoopEvent::Kind::rolled_back) || is(LoopEvent::Kind::passed);
  if (gates_held) {
    untold.push_back(event);
  } else {
    deliver(event);
  }
  if (!kept) return;
  if (event.kind == LoopEvent::Kind::drift)
    incidents.add({.event = event.event,
                   .at = event.at,
                   .what = event.what,
                   .detector = event.detector,
                   .statistic = event.statistic,
                   .metric = arms[0].window.empty() ? "" : std::string(arms[0].window[0].name()),
                   .before = arms[0].window.empty() ? monitor::unknown : arms[0].window[0].value()});
  if (events.size() == most_events) events.erase(events.begin());
  events.push_back(std::move(event));
}

void Engine::Worker::deliver(const LoopEvent& event) {
#if defined(__cpp_exceptions)
  try {
#endif
    if (options.on_event) options.on_event(event);
    if (options.log) {
      std::string line = "event " + to_text(event.event) + ": " + std::string(name_of(event.kind)) + " " + event.what;
      if (!event.detector.empty()) line += " (" + event.detector + ", " + to_text(static_cast<float>(event.statistic)) + ")";
      options.log(line);
    }
#if defined(__cpp_exceptions)
  } catch (...) {  // the host's own; the loop goes on
    ++counts.callback_failures;
  }
#endif
}

}  // namespace rtml::detail
