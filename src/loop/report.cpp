#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "rtml/ab/proportions.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "worker.hpp"

namespace rtml::detail {
namespace {

double named(const std::vector<metrics::AnyMetric>& metrics, std::string_view name) {
  for (const auto& metric : metrics)
    if (metric.name() == name) return metric.value();
  return monitor::unknown;
}

monitor::Sample total(std::string name, std::string help, std::uint64_t value) {
  return {"rtml_" + std::move(name) + "_total", std::move(help), static_cast<double>(value), {}, monitor::Sample::Type::counter};
}

std::vector<monitor::Sample> samples_of(const LoopCounters& c) {
  return {total("events", "Predictions served.", c.events),
          total("repeated", "Predictions of an id that was served before.", c.repeated),
          total("refused_features", "Predictions with an infinite or far too large feature.", c.refused_features),
          total("unobserved", "Predictions that made room before the worker saw them.", c.unobserved),
          total("evicted", "Predictions that made room before their label came.", c.evicted),
          total("labels", "Labels that met their prediction.", c.labels),
          total("labels_cold", "Labels of predictions served before anything was learned.", c.labels_cold),
          total("labels_refused", "Labels that are not finite or no label of the task.", c.labels_refused),
          total("labels_unknown", "Labels of an id that is not kept.", c.labels_unknown),
          total("labels_expired", "Labels later than the ttl.", c.labels_expired),
          total("labels_repeated", "Labels of an id that had one.", c.labels_repeated),
          total("rolled_back", "Canaries that were not shown to be as good.", c.rolled_back),
          total("negatives", "Predictions learned as negatives because no label came in time.", c.negatives),
          total("corrected", "Of those, positives after all.", c.corrected),
          total("labels_dropped", "Labels for which the queue had no room.", c.labels_dropped),
          total("learned", "Examples learned as they came.", c.learned),
          total("replayed", "Examples learned again by rehearsal.", c.replayed),
          total("retrained", "Examples learned in retrainings.", c.retrained),
          total("retrainings", "Retrainings.", c.retrainings),
          total("promotions", "Retrained models that passed their gate.", c.promotions),
          total("discarded", "Retrained models that did not pass their gate.", c.discarded),
          total("drifts", "Drifts found.", c.drifts),
          total("publishes", "Times that readers got a newer model.", c.publishes),
          total("checkpoints", "Checkpoints written.", c.checkpoints),
          total("checkpoint_failures", "Checkpoints that could not be written.", c.checkpoint_failures),
          total("callback_failures", "Exceptions from the host's callbacks.", c.callback_failures),
          total("work_failures", "Rounds of the worker's thread that an exception ended.", c.work_failures),
          total("times_refused", "Events too far ahead of all others to be believed.", c.times_refused)};
}

/// What separates two arms, in a sentence. Counted are decisions that were right.
std::string compare(const Arm& control, const Arm& other, Task task) {
  const std::string main(metrics::metrics_of(task)[0]);
  if (task == Task::regression || other.shadow() || control.shadow()) {
    return fmt::format("{} has {} {:.4g}, {} has {:.4g}{}.", control.name, main, named(control.whole, main), other.name,
                       named(other.whole, main), other.shadow() ? " on the same rows" : "");
  }
  if (control.labels == 0 || other.labels == 0) return fmt::format("{} and {}: no labels on one side yet.", control.name, other.name);
  const auto test = ab::two_proportion_z_test(control.right, control.labels, other.right, other.labels);
  return fmt::format("{} decides right {:+.2f} points against {} (95 % interval {:+.2f} to {:+.2f}, z = {:.2f}, p = {:.3g}; one look).",
                     other.name, 100.0 * test.difference, control.name, 100.0 * test.ci.low, 100.0 * test.ci.high, test.z, test.p_value);
}

}  // namespace

void Engine::Worker::add_metrics(monitor::Report& report) const {
  const Arm& champion = arms[0];
  const Arm* no_change = options.baselines ? &arms[arms.size() - 2] : nullptr;
  const Arm* majority = options.baselines ? &arms[arms.size() - 1] : nullptr;
  for (std::size_t i = 0; i < champion.whole.size(); ++i)
    report.metrics.push_back({std::string(champion.whole[i].name()), champion.whole[i].value(), champion.window[i].value(),
                              no_change != nullptr ? no_change->whole[i].value() : monitor::unknown,
                              majority != nullptr ? majority->whole[i].value() : monitor::unknown});
}

void Engine::Worker::add_arms(monitor::Report& report) const {
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const Arm& arm = arms[i];
    if (!arm.baseline || arm.name == "no_change") report.series.push_back(arm.series);
    if (arm.baseline) continue;
    monitor::ArmReport row{.name = arm.name,
                           .learner = working->models[i].name(),
                           .predictions = arm.predictions,
                           .labels = arm.labels,
                           .metrics = {},
                           .weight = arm.weight,
                           .version = working->versions[i],
                           .verdict = i == 0 ? "control" : (arm.shadow() ? "shadow" : "served")};
    for (const auto& metric : arm.whole) row.metrics.push_back({std::string(metric.name()), metric.value()});
    report.arms.push_back(std::move(row));
    if (i > 0) report.comparison += (report.comparison.empty() ? "" : " ") + compare(arms[0], arm, engine.task_);
  }
}

monitor::Report Engine::Worker::report() const {
  monitor::Report report;
  report.title = "rtml loop: " + name;
  report.generated = options.clock();
  report.events = counts.events;
  report.labels = counts.labels;
  report.task = engine.task_;
  report.learner = working->models[0].name();
  report.window = options.metric_window;
  for (const LoopEvent& event : events)
    report.marks.add(
        {event.event, event.at, std::string(name_of(event.kind)),
         event.what + (event.kind == LoopEvent::Kind::retrain ? fmt::format(": {}; {:.0f} rows learned", event.detector, event.statistic)
                                                              : fmt::format(": {} ({:.3g})", event.detector, event.statistic))});
  report.predict = engine.predict_latency_.summary();
  report.label = engine.label_latency_.summary();
  report.memory_bytes = memory_bytes();

  add_metrics(report);
  add_arms(report);

  drifts.add_to(report, performance.importance().shares());
  report.incidents = incidents;
  report.drift.refused = counts.refused_features;
  report.performance = performance.panel(clock.now());
  report.segment_metric = engine.task_ == Task::regression ? "error / (error + usual error)" : "error rate";
  report.segments = performance.segments().judged();
  const std::size_t moved = drifts.drifted();

  LoopCounters totals = engine.totals();
  report.counters = samples_of(totals);
  const auto windows = engine.windows_.counters();
  report.counters.push_back(total("window_entities_evicted", "Entities whose windows made room.", windows.evicted));
  report.counters.push_back(total("window_entities_expired", "Entities that got nothing for their time to live.", windows.expired));
  report.counters.push_back(total("window_events_late", "Events that came after later ones of their entity.", windows.late));
  report.counters.push_back(total("window_events_too_late", "Events too old to enter their windows.", windows.too_late));
  report.counters.push_back(total("window_events_ahead", "Events from too far ahead to enter their windows.", windows.ahead));
  report.counters.push_back(total("window_events_truncated", "Events that left their windows early for room.", windows.truncated));
  report.counters.push_back(total("window_values_refused", "Values that windows did not add.", windows.refused));

  report.configuration = {
      {"features", fmt::format("{} ({} dense columns, fingerprint {:016x})", name, schema.dense_size(), schema.fingerprint())},
      {"retrain when", options.retrain.when.text()},
      {"learns", options.retrain.online ? "each label as it comes" : "only when retrained"},
      {"pending predictions", to_text(engine.pending_.shape().capacity)},
      {"label queue", to_text(engine.labels_.capacity())},
      {"rolling metrics", to_text(options.metric_window) + " labels"},
      {"drift", fmt::format("reference {} rows, window {} rows", options.drift.reference, options.drift.window)},
      {"state", options.state.empty() ? "in memory only" : options.state}};
  report.notes = {
      "Metrics are prequential: each prediction is scored as it was served, before its label was learned. What was served before anything "
      "was learned is not measured.",
      "No-change repeats the last label that was known when the prediction was made; where labels are autocorrelated it is hard to beat.",
      "A drift is told when a feature's window differs from the reference by an exact test, within the budget of false alarms, and by more "
      "than the least effect. PSI, Jensen-Shannon and KS describe the same counts."};

  const auto& main = report.metrics.front();
  report.severity = moved > 0 || drifts.outputs_drifted() ? monitor::Severity::attention : monitor::Severity::good;
  report.verdict =
      fmt::format("{} events, {} labels: {} {:.4g} overall, {:.4g} over the last {}; {} of {} features drifted, {} retrainings{}.",
                  totals.events, totals.labels, main.name, main.whole, main.window, options.metric_window, moved, drifts.columns(),
                  totals.retrainings, options.challengers.empty() ? "" : " over all arms");
  return report;
}

}  // namespace rtml::detail
