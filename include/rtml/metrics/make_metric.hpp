#pragma once

#include <span>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/task.hpp"
#include "rtml/metrics/any_metric.hpp"

namespace rtml::metrics {

/// Which outcomes a metric counts: all, the last n, or all with exponential forgetting.
struct Window {
  enum class Kind : std::uint8_t { whole, last, fading };

  Kind kind = Kind::whole;
  std::size_t outcomes = 0;  ///< of last, in [1, max_window]
  double factor = 0.0;       ///< of fading, in [1e-6, 1)

  static constexpr Window whole() noexcept { return {}; }
  static constexpr Window last(std::size_t outcomes) noexcept { return {Kind::last, outcomes, 0.0}; }
  static constexpr Window fading(double factor) noexcept { return {Kind::fading, 0, factor}; }
};

/// The metric called `name`, for predictions of `task`; `classes` is how many a task of classes has.
/// @throws ConfigError for an unknown name (lists the known ones), a metric that `task` has not, or a bad window.
RTML_API AnyMetric make_metric(std::string_view name, Window window = {}, Task task = Task::binary, std::size_t classes = 2);

/// Every name that make_metric knows.
RTML_API std::span<const std::string_view> metric_names() noexcept;

/// The names that say something about `task`, the first one first to look at.
RTML_API std::span<const std::string_view> metrics_of(Task task) noexcept;

/// True for accuracy and its like, false for losses and rates of error. @throws ConfigError for an unknown name.
RTML_API bool higher_is_better(std::string_view name);

}  // namespace rtml::metrics
