#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "rtml/stream/delayed_labels.hpp"
#include "rtml/stream/source.hpp"

namespace rtml::stream {

/// Makes a learner's features of a row. What it knows of rows before (a mean, a window) it takes in by `observe(row)`, where it has that:
/// a FeaturePipeline<Row> does, a lambda need not.
template <class F>
concept FeatureFunction = requires(F& features, const Row& row) {
  { features(row) } -> std::convertible_to<Features>;
};

struct PrequentialOptions {
  std::uint64_t limit = 0;                  ///< rows; 0 = all
  Delay delay = {};                         ///< after which a row's label is known
  std::size_t max_pending = 1'000'000;      ///< labels on their way; more are lost, and counted
  std::uint64_t checkpoint_every = 10'000;  ///< rows between two checkpoints; 0 = none
  std::size_t window = 1000;                ///< labels that a checkpoint looks back on
};

struct PrequentialResult {
  struct Checkpoint {
    std::uint64_t rows = 0;      ///< predicted so far
    std::vector<double> values;  ///< of each metric, over the last `window` labels
  };

  std::uint64_t rows = 0;
  std::uint64_t labels = 0;                 ///< learned from
  std::uint64_t unlabelled = 0;             ///< rows whose label was missing
  std::uint64_t lost = 0;                   ///< labels beyond max_pending
  std::vector<metrics::AnyMetric> metrics;  ///< of the task, over all labels
  std::vector<Checkpoint> checkpoints;

  /// NaN when the task has no such metric.
  double value(std::string_view metric) const noexcept {
    for (const metrics::AnyMetric& candidate : metrics)
      if (candidate.name() == metric) return candidate.value();
    return std::numeric_limits<double>::quiet_NaN();
  }
};

/// Test-then-train: predicts each row before its label is learned from, in order. A label counts against the prediction that was made when
/// its row came, however late it is. Labels still on their way at the end are neither counted nor learned from.
///
/// `learner` is bound to the features' schema. Allocates when set up, and with a delay to keep vectors.
/// Source: A. P. Dawid, "Statistical theory: the prequential approach" (1984); J. Gama, R. Sebastiao, P. P. Rodrigues, "On evaluating
/// stream learning algorithms" (2013).
/// @throws ConfigError when learner and source differ in task or number of classes, and as the source.
template <FeatureFunction F>
PrequentialResult prequential(AnyLearner& learner, Source& source, F&& features, const PrequentialOptions& options = {}) {
  require("prequential", "task", name_of(learner.task()), learner.task() == source.task(),
          "the source's, " + std::string(name_of(source.task())));
  if (learner.task() == Task::classes)
    require("prequential", "classes", learner.outputs(), learner.outputs() >= source.classes(), "at least those of the source");

  struct Pending {
    FeatureVector x;
    std::vector<float> scores;
    float y = 0.0F;
  };
  PrequentialResult result;
  std::vector<metrics::AnyMetric> recent;
  for (const std::string_view name : metrics::metrics_of(learner.task())) {
    result.metrics.push_back(metrics::make_metric(name, metrics::Window::whole(), learner.task(), learner.outputs()));
    if (options.checkpoint_every != 0)
      recent.push_back(metrics::make_metric(name, metrics::Window::last(options.window), learner.task(), learner.outputs()));
  }
  const bool at_once = options.delay == Delay{};
  DelayedLabels<Pending> labels(options.delay, at_once ? 1 : options.max_pending);
  std::vector<float> scores(learner.outputs());
  std::vector<float> before(learner.outputs());

  const auto learn = [&](const Features& x, float y, std::span<const float> served) {
    const Outcome outcome = metrics::outcome_of(learner.task(), served, y, learner.threshold());
    for (metrics::AnyMetric& metric : result.metrics) metric.update(outcome);
    for (metrics::AnyMetric& metric : recent) metric.update(outcome);
    learner.learn(x, y, 1.0F, before);
    ++result.labels;
  };

  Row row;
  float y = 0.0F;
  Pending known;
  while ((options.limit == 0 || result.rows < options.limit) && source.next(row, y)) {
    const Features x = features(row);
    learner.predict(x, scores);
    ++result.rows;
    if (is_nan(y)) ++result.unlabelled;
    if (at_once) {
      if (!is_nan(y)) learn(x, y, scores);
    } else {
      labels.push(row.at, {FeatureVector(x), scores, y});
      while (labels.pop(known))
        if (!is_nan(known.y)) learn(known.x.features(), known.y, known.scores);
    }
    if constexpr (requires { features.observe(row); }) features.observe(row);
    if (options.checkpoint_every != 0 && result.rows % options.checkpoint_every == 0) {
      result.checkpoints.push_back({result.rows, {}});
      for (const metrics::AnyMetric& metric : recent) result.checkpoints.back().values.push_back(metric.value());
    }
  }
  result.lost = labels.dropped();
  return result;
}

}  // namespace rtml::stream
