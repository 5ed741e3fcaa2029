#include "drift_watch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "rtml/core/hash.hpp"
#include "rtml/drift/histogram_distance.hpp"

namespace rtml::detail {
namespace {

constexpr double unknown = monitor::unknown;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// What so many columns of all may spend of the budget.
drift::DriftMonitor::Options with_share(drift::DriftMonitor::Options options, std::size_t columns, std::size_t all) {
  options.budget.false_alarms *= static_cast<double>(std::max<std::size_t>(columns, 1)) / static_cast<double>(all);
  return options;
}

void split_off_missing(const std::vector<std::uint64_t>& counted, std::vector<double>& bins, double& missing) {
  double total = 0.0;
  for (const std::uint64_t count : counted) total += static_cast<double>(count);
  bins.assign(counted.begin(), counted.end() - 1);
  missing = total > 0.0 ? static_cast<double>(counted.back()) / total : unknown;
}

/// The p-quantile of counts in bins, linear between edges; unknown where it lies in an outer bin, which has no end.
double binned_quantile(const std::vector<double>& edges, const std::vector<double>& counts, double p) {
  double total = 0.0;
  for (const double count : counts) total += count;
  double below = 0.0;
  for (std::size_t bin = 0; bin < counts.size() && total > 0.0; ++bin) {
    if (below + counts[bin] >= p * total && counts[bin] > 0.0) {
      if (bin == 0 || bin + 1 == counts.size()) return unknown;
      return edges[bin] + (edges[bin + 1] - edges[bin]) * (p * total - below) / counts[bin];
    }
    below += counts[bin];
  }
  return unknown;
}

void describe(const drift::DriftMonitor& monitor, std::size_t column, monitor::FeatureDrift& feature) {
  const drift::ColumnBins& bins = monitor.bins();
  std::vector<std::uint64_t> counted(bins.bins(column));
  bins.histogram(monitor.reference(), column, counted);
  split_off_missing(counted, feature.reference, feature.reference_missing);
  bins.histogram(monitor.last(), column, counted);
  split_off_missing(counted, feature.current, feature.current_missing);
  if (bins.is_nominal(column)) {
    for (const float code : bins.categories(column)) feature.categories.push_back(to_text(code));
    feature.categories.emplace_back("others");
    const auto rows = static_cast<double>(monitor.last().rows());
    if (feature.reference.back() == 0.0) feature.unseen = feature.current.back() / rows;
  } else {
    std::vector<float> inner(counted.size() - 2);
    bins.edges(column, inner);
    feature.edges.assign(1, -infinity);
    feature.edges.insert(feature.edges.end(), inner.begin(), inner.end());
    feature.edges.push_back(infinity);
    for (std::size_t i = 0; i < feature.probabilities.size(); ++i) {
      feature.reference_quantiles[i] = binned_quantile(feature.edges, feature.reference, feature.probabilities[i]);
      feature.current_quantiles[i] = binned_quantile(feature.edges, feature.current, feature.probabilities[i]);
    }
  }
  const auto shift = monitor.shift(column);
  feature.effect = shift.effect;
  const std::size_t last_gap = std::max<std::size_t>(feature.reference.size(), 2) - 2;  // missing against present is beyond them all
  feature.effect_edge = static_cast<std::uint32_t>(std::min(shift.split, last_gap));
  feature.p = shift.p_value;
  feature.psi = monitor.compare(drift::Distance::psi, column).statistic;
  feature.js = monitor.compare(drift::Distance::js, column).statistic;
  feature.ks = monitor.compare(drift::Distance::ks, column).statistic;
  feature.rows = static_cast<double>(monitor.last().rows());
  const std::size_t missing = feature.reference_missing > 0.0 || feature.current_missing > 0.0 ? 1 : 0;
  const std::size_t empty = bins.is_nominal(column) && missing == 0 && feature.reference.back() + feature.current.back() == 0.0 ? 1 : 0;
  feature.psi_null =
      drift::psi_null_mean(feature.reference.size() + missing - empty, static_cast<double>(monitor.reference().rows()), feature.rows);
}

}  // namespace

std::string definition_of(const drift::DriftMonitor::Options& options) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", options.edge_rows, options.reference, options.window, options.scales,
                     options.columns.bins, options.columns.categories, options.budget.false_alarms, options.budget.least_effect,
                     name_of(options.budget.multiplicity));
}

DriftWatch::DriftWatch(const Schema& schema, Task task, const drift::DriftMonitor::Options& options)
    : options_(options),
      features_{drift::DriftMonitor(schema, with_share(options, schema.dense_size(), schema.dense_size() + 2)), {}, {}},
      predictions_(one_column("prediction", task == Task::classes, monitor::FeatureDrift::Kind::prediction,
                              with_share(options, 1, schema.dense_size() + 2))),
      labels_(one_column("label", task != Task::regression, monitor::FeatureDrift::Kind::label,
                         with_share(options, 1, schema.dense_size() + 2))) {
  for (std::size_t column = 0; column < schema.dense_size(); ++column) features_.columns.push_back({.name = schema.dense(column).name});
  ends_.reserve(most_windows);
  times_.reserve(most_windows);
  effects_.reserve(most_windows * entries());
  alarms_.reserve(most_windows * entries());
}

DriftWatch::Watched DriftWatch::one_column(const char* name, bool nominal, monitor::FeatureDrift::Kind kind,
                                           const drift::DriftMonitor::Options& options) {
  const Schema schema({{.name = name, .kind = nominal ? rtml::Column::Kind::nominal : rtml::Column::Kind::numeric}});
  return {drift::DriftMonitor(schema, options), {Column{.name = name}}, kind};
}

const std::vector<DriftWatch::Moved>& DriftWatch::features(const Features& x, std::uint64_t event, Time at) {
  if (observe(features_, x, event, at)) record(event, at);
  return moved_;
}

const std::vector<DriftWatch::Moved>& DriftWatch::prediction(float value, std::uint64_t event, Time at) {
  moved_.clear();
  settled_ = settled_ || ready() || features_.columns.empty();
  if (settled_ && observe(predictions_, {{&value, 1}, {}}, event, at) && features_.columns.empty()) record(event, at);
  return moved_;
}

/// True when a window became full; what moved anew is in `moved_`.
bool DriftWatch::observe(Watched& watched, const Features& x, std::uint64_t event, Time at) {
  moved_.clear();
  const std::uint64_t windows = watched.monitor.windows();
  watched.monitor.update(x);
  if (watched.monitor.windows() == windows) return false;
  for (const auto& alarm : watched.monitor.alarms()) {
    Column& column = watched.columns[alarm.column];
    if (column.alarmed) continue;
    column.alarmed = true;
    ++column.alarms;
    column.alarm_event = event;
    column.alarm_at = at;
    column.change_event = event - std::min(event, alarm.rows);
    moved_.push_back({column.name, alarm.effect});
  }
  for (std::size_t column = 0; column < watched.columns.size(); ++column)
    if (!watched.monitor.drifted(column)) watched.columns[column].alarmed = false;
  return true;
}

void DriftWatch::relearn() noexcept {
  for (Watched* watched : {&features_, &predictions_, &labels_}) {
    if (!watched->monitor.ready()) continue;  // retrained again meanwhile: a reference is never complete if each retraining begins it anew
    watched->monitor.relearn();
    for (Column& column : watched->columns) column.alarmed = false;
  }
}

void DriftWatch::record(std::uint64_t event, Time at) {
  if (ends_.size() == most_windows) {
    const auto row = static_cast<std::ptrdiff_t>(entries());
    ends_.erase(ends_.begin());
    times_.erase(times_.begin());
    effects_.erase(effects_.begin(), effects_.begin() + row);
    alarms_.erase(alarms_.begin(), alarms_.begin() + row);
  }
  ends_.push_back(event);
  times_.push_back(at);
  for (const Watched* watched : {&features_, &predictions_, &labels_}) {
    for (std::size_t column = 0; column < watched->columns.size(); ++column) {
      effects_.push_back(static_cast<float>(watched->monitor.effect(column)));
      alarms_.push_back(watched->monitor.drifted(column) ? 1 : 0);
    }
  }
}

void DriftWatch::add_to(monitor::Report& report, std::span<const double> importance) const {
  report_columns(report, features_);
  for (std::size_t column = 0; column < importance.size(); ++column) report.features[column].importance = importance[column];
  report_columns(report, predictions_);
  report_columns(report, labels_);
  report_history(report);
  summarise(report.drift);
}

void DriftWatch::report_columns(monitor::Report& report, const Watched& watched) const {
  const std::size_t first = report.features.size();
  std::vector<double> p;
  for (std::size_t i = 0; i < watched.columns.size(); ++i) {
    const Column& column = watched.columns[i];
    monitor::FeatureDrift feature;
    feature.name = column.name;
    feature.kind = watched.kind == monitor::FeatureDrift::Kind::numeric && watched.monitor.bins().is_nominal(i)
                       ? monitor::FeatureDrift::Kind::nominal
                       : watched.kind;
    feature.alarmed = column.alarmed;
    feature.alarms = column.alarms;
    feature.first_alarm = column.alarm_event;
    feature.first_alarm_at = column.alarm_at;
    if (column.alarms > 0 && feature.is_feature()) feature.change = column.change_event;
    if (watched.monitor.ready()) describe(watched.monitor, i, feature);
    p.push_back(feature.p);
    report.features.push_back(std::move(feature));
  }
  std::vector<double> adjusted(p.size());
  std::vector<std::uint32_t> order(p.size());
  drift::adjust(options_.budget.multiplicity, p, adjusted, order);
  for (std::size_t i = 0; i < p.size(); ++i) report.features[first + i].adjusted_p = adjusted[i];
}

void DriftWatch::report_history(monitor::Report& report) const {
  report.history.ends = ends_;
  report.history.at = times_;
  for (std::size_t entry = 0; entry < entries(); ++entry) {
    for (std::size_t window = 0; window < ends_.size(); ++window) {
      report.history.effects.push_back(effects_[window * entries() + entry]);
      report.history.alarms.push_back(alarms_[window * entries() + entry]);
    }
  }
}

void DriftWatch::summarise(monitor::DriftSummary& summary) const {
  const drift::Budget& budget = options_.budget;
  const drift::DriftMonitor& monitor = features_.monitor;
  summary.false_alarms_per_row = budget.false_alarms;
  summary.expected_false_alarms = budget.false_alarms * static_cast<double>(std::max(monitor.rows(), predictions_.monitor.rows()));
  summary.least_effect = budget.least_effect;
  summary.procedure =
      fmt::format("{} over features, Bonferroni over edges; the levels of all windows add up to the budget", name_of(budget.multiplicity));
  summary.reference = "the first rows, or those after the last retraining";
  summary.reference_rows = monitor.reference().rows();
  for (std::size_t scale = 0; scale < options_.scales; ++scale) summary.window_rows.push_back(options_.window << (2 * scale));
  summary.rows = std::max(monitor.rows(), predictions_.monitor.rows());
  summary.configuration = hash_bytes(definition_of(options_), monitor.bins().fingerprint());
  summary.binning = fmt::format(
      "{} bins of equal shares of the {} rows before the reference, the {} most frequent categories, and missing values apart; PSI adds "
      "1/2 to "
      "each count.",
      options_.columns.bins, options_.edge_rows, options_.columns.categories);
  summary.assumptions = {"Rows are independent of each other. Where they are not, false alarms are more frequent.",
                         budget.multiplicity == drift::Multiplicity::bh
                             ? "Columns are independent of each other, of any distribution."
                             : "Columns may depend on each other in any way, and may have any distribution.",
                         "Predictions are of a model that stays as it is: one that learns moves them by itself.",
                         "Judged are windows of all lengths; effects, distances and p-values are of the shortest."};
}

std::size_t DriftWatch::memory_bytes() const noexcept {
  std::size_t bytes = ends_.capacity() * (sizeof(std::uint64_t) + sizeof(Time)) + effects_.capacity() * sizeof(float) + alarms_.capacity() +
                      moved_.capacity() * sizeof(Moved);
  for (const Watched* watched : {&features_, &predictions_, &labels_}) {
    bytes += watched->monitor.memory_bytes();
    for (const Column& column : watched->columns) bytes += sizeof(column) + column.name.capacity();
  }
  return bytes;
}

}  // namespace rtml::detail
