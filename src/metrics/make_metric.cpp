#include "rtml/metrics/make_metric.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/metrics/binary.hpp"
#include "rtml/metrics/confusion.hpp"
#include "rtml/metrics/fading.hpp"
#include "rtml/metrics/loss.hpp"
#include "rtml/metrics/ranking.hpp"
#include "rtml/metrics/whole.hpp"
#include "rtml/metrics/windowed.hpp"

namespace rtml::metrics {

namespace {

constexpr std::array<std::string_view, 13> all_names{
    "accuracy", "kappa",   "precision",         "recall", "f1",   "macro_f1", "false_positive_rate",
    "log_loss", "roc_auc", "average_precision", "mae",    "rmse", "r2"};
constexpr std::array<std::string_view, 9> binary_names{
    "accuracy", "kappa", "log_loss", "roc_auc", "average_precision", "precision", "recall", "f1", "false_positive_rate"};
constexpr std::array<std::string_view, 4> class_names{"accuracy", "kappa", "log_loss", "macro_f1"};
constexpr std::array<std::string_view, 3> regression_names{"mae", "rmse", "r2"};

bool holds(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <Tally T>
AnyMetric over(const Window& window, T tally = T()) {
  switch (window.kind) {
    case Window::Kind::whole: return Whole<T>(std::move(tally));
    case Window::Kind::last: return Windowed<T>(window.outcomes, std::move(tally));
    case Window::Kind::fading: return Fading<T>(window.factor, std::move(tally));
  }
  return {};
}

}  // namespace

std::span<const std::string_view> metric_names() noexcept { return all_names; }

std::span<const std::string_view> metrics_of(Task task) noexcept {
  switch (task) {
    case Task::binary: return binary_names;
    case Task::classes: return class_names;
    case Task::regression: return regression_names;
  }
  return {};
}

bool higher_is_better(std::string_view name) {
  require("metrics", "metric", name, holds(all_names, name), one_of(all_names));
  constexpr std::array<std::string_view, 4> lower{FalsePositiveRate::name, LogLoss::name, MeanAbsoluteError::name,
                                                  RootMeanSquaredError::name};
  return !holds(lower, name);
}

AnyMetric make_metric(std::string_view name, Window window, Task task, std::size_t classes) {
  require("metrics", "metric", name, holds(all_names, name), one_of(all_names));
  const bool of_task = holds(metrics_of(task), name) || (task == Task::binary && name == MacroF1::name);
  require("metrics", "metric", name, of_task, one_of(metrics_of(task)) + " for " + std::string(name_of(task)));
  if (task == Task::binary) classes = 2;
  if (name == Accuracy::name) return over<Accuracy>(window);
  if (name == Kappa::name) return over(window, Kappa(classes));
  if (name == MacroF1::name) return over(window, MacroF1(classes));
  if (name == Precision::name) return over<Precision>(window);
  if (name == Recall::name) return over<Recall>(window);
  if (name == F1::name) return over<F1>(window);
  if (name == FalsePositiveRate::name) return over<FalsePositiveRate>(window);
  if (name == LogLoss::name) return over(window, LogLoss(task));
  if (name == RocAuc::name) return over<RocAuc>(window);
  if (name == AveragePrecision::name) return over<AveragePrecision>(window);
  if (name == MeanAbsoluteError::name) return over<MeanAbsoluteError>(window);
  if (name == RootMeanSquaredError::name) return over<RootMeanSquaredError>(window);
  return over<R2>(window);
}

}  // namespace rtml::metrics
