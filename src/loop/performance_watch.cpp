#include "performance_watch.hpp"

#include <chrono>

namespace rtml::detail {
namespace {

Duration duration_of(double seconds) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)); }

/// Cohorts by age, youngest first: one, one, two, four and so on of them become a row.
std::vector<monitor::PerformancePanel::Coverage> rows_by_age(const std::vector<monitor::LabelCoverage::Cohort>& cohorts, Time now) {
  std::vector<monitor::PerformancePanel::Coverage> rows;
  std::size_t left = cohorts.size();
  for (std::size_t size = 1, made = 1; left > 0; size = made++ < 2 ? 1 : 2 * size) {
    monitor::PerformancePanel::Coverage row;
    row.age = std::max(now - cohorts[left - 1].last_at, Duration(0));
    for (std::size_t i = 0; i < size && left > 0; ++i) {
      --left;
      row.rows += cohorts[left].predictions;
      row.labelled += cohorts[left].labelled;
    }
    if (!rows.empty() && rows.back().age == row.age) {  // all of them where a stream has no time
      rows.back().rows += row.rows;
      rows.back().labelled += row.labelled;
    } else {
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace

monitor::PerformancePanel PerformanceWatch::panel(Time now) const {
  monitor::PerformancePanel panel;
  if (task_ != Task::regression) panel.metric = "accuracy";
  for (const auto& window : estimated_.windows())
    panel.windows.push_back({.end = window.last + 1,
                             .at = window.at,
                             .rows = window.predictions,
                             .labelled = window.labelled,
                             .realised = window.realised.accuracy,
                             .estimated = window.estimated.accuracy});
  panel.coverage = rows_by_age(coverage_.cohorts(), now);
  if (coverage_.delays().count() > 0 && coverage_.delay(0.99) > 0.0)
    for (const double probability : {0.5, 0.9, 0.99}) panel.delays.push_back({probability, duration_of(coverage_.delay(probability))});
  return panel;
}

}  // namespace rtml::detail
