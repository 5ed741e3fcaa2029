#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranking.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/monitor/render.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_features = 200;  // with gauges of their own
constexpr std::size_t most_segment_series = 50;

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_metric_name(std::string_view name) {
  if (name.empty() || is_digit(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

bool is_label_name(std::string_view name) {
  if (name.empty() || is_digit(name.front()) || name.starts_with("__")) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::string backslashed(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (quotes && c == '"')) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string spelled(double value) {
  if (is_nan(value)) return "NaN";
  if (!is_finite(value)) return value > 0.0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

/// The name that TYPE and HELP go by: a summary's sum and count belong to it.
std::string_view family_of(const Sample& sample) {
  std::string_view name = sample.name;
  if (sample.type != Sample::Type::summary) return name;
  for (const std::string_view suffix : {std::string_view("_sum"), std::string_view("_count")})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  return name;
}

std::string series_of(const Sample& sample) {
  std::string text = sample.name;
  std::set<std::string_view> names;
  for (const Label& label : sample.labels) {
    require(sample.name, "label", label.name, is_label_name(label.name), "of [a-zA-Z0-9_], not beginning with a digit or __");
    require(sample.name, "label", label.name, names.insert(label.name).second, "given once");
    text += names.size() == 1 ? '{' : ',';
    text += label.name + "=\"" + backslashed(label.value, true) + '"';
  }
  return sample.labels.empty() ? text : text + '}';
}

struct Family {
  std::string name;
  std::string help;
  Sample::Type type = Sample::Type::gauge;
  std::string lines;
};

class Families {
 public:
  void add(const Sample& sample) {
    require("to_prometheus", "name", sample.name, is_metric_name(sample.name), "of [a-zA-Z0-9_:], not beginning with a digit");
    const auto [at, is_new] = places_.try_emplace(std::string(family_of(sample)), families_.size());
    if (is_new) families_.push_back({at->first, "", sample.type, ""});
    Family& family = families_[at->second];
    require(sample.name, "type", name_of(sample.type), family.type == sample.type, "the same for all samples of one name");
    if (family.help.empty()) family.help = sample.help;
    std::string series = series_of(sample);
    if (!written_.insert(series).second) return;
    family.lines += series + ' ' + spelled(sample.value) + '\n';
  }

  std::string text() const {
    std::string out;
    for (const Family& family : families_) {
      if (!family.help.empty()) out += "# HELP " + family.name + ' ' + backslashed(family.help, false) + '\n';
      out += "# TYPE " + family.name + ' ' + std::string(name_of(family.type)) + '\n' + family.lines;
    }
    return out;
  }

 private:
  std::vector<Family> families_;
  std::map<std::string, std::size_t> places_;
  std::set<std::string> written_;
};

class ReportSamples {
 public:
  std::vector<Sample> of(const Report& report) {
    add("rtml_events_total", "Events predicted.", static_cast<double>(report.events), {}, Sample::Type::counter);
    add("rtml_labels_total", "Labels that reached the loop.", static_cast<double>(report.labels), {}, Sample::Type::counter);
    add("rtml_severity", "Judgement of the loop: 0 good, 1 attention, 2 alarm.", static_cast<double>(report.severity));
    add("rtml_memory_bytes", "Memory that the loop's state holds.", static_cast<double>(report.memory_bytes));
    for (const MetricRow& row : report.metrics) metric(row);
    features(report);
    performance(report.performance);
    segments(report);
    incidents(report.incidents.incidents(), report.incidents.dropped());
    for (const ArmReport& arm : report.arms) of_arm(arm);
    latency("rtml_predict_latency_seconds", "Duration of predict.", report.predict);
    latency("rtml_label_latency_seconds", "Duration of label.", report.label);
    samples_.insert(samples_.end(), report.counters.begin(), report.counters.end());
    return std::move(samples_);
  }

 private:
  void add(std::string name, std::string help, double value, std::vector<Label> labels = {}, Sample::Type type = Sample::Type::gauge) {
    samples_.push_back({std::move(name), std::move(help), value, std::move(labels), type});
  }

  void metric(const MetricRow& row) {
    const std::string help = "Metric of served predictions: over all labels, over the window, and of the baselines.";
    const std::pair<const char*, double> scopes[] = {
        {"all", row.whole}, {"window", row.window}, {"no_change", row.no_change}, {"majority", row.majority}};
    for (const auto& [scope, value] : scopes)
      if (!is_nan(value)) add("rtml_metric", help, value, {{"metric", row.name}, {"scope", scope}});
  }

  void known(const char* name, const char* help, double value, std::vector<Label> labels = {}) {
    if (!is_nan(value)) add(name, help, value, std::move(labels));
  }

  void features(const Report& report) {
    const std::vector<const FeatureDrift*> order = ranked(report.features);
    if (order.empty()) return;
    const auto watched = std::count_if(order.begin(), order.end(), [](const FeatureDrift* column) { return column->is_feature(); });
    const auto alarmed =
        std::count_if(order.begin(), order.end(), [](const FeatureDrift* column) { return column->is_feature() && column->alarmed; });
    add("rtml_features_watched", "Features that the drift monitor watches.", static_cast<double>(watched));
    add("rtml_features_alarmed", "Features that have drifted: significant after correction and above the least effect.",
        static_cast<double>(alarmed));
    const auto outputs =
        std::count_if(order.begin(), order.end(), [](const FeatureDrift* column) { return !column->is_feature() && column->alarmed; });
    add("rtml_outputs_alarmed", "Of predictions and labels, how many have drifted.", static_cast<double>(outputs));
    known("rtml_drift_false_alarms_per_row", "False alarms accepted, over all features.", report.drift.false_alarms_per_row);
    known("rtml_drift_expected_false_alarms", "False alarms to expect at most in the period if nothing drifted.",
          report.drift.expected_false_alarms);
    if (report.drift.reference_rows > 0)
      add("rtml_drift_reference_rows", "Rows of the drift reference.", static_cast<double>(report.drift.reference_rows));
    for (std::size_t i = 0; i < std::min(order.size(), most_features); ++i) drift(*order[i]);
  }

  void drift(const FeatureDrift& feature) {
    const std::vector<Label> label = {{"feature", feature.name}};
    known("rtml_feature_effect", "Share of a feature's recent rows that moved against its reference.", feature.effect, label);
    add("rtml_feature_alarmed", "1 when a feature has drifted.", feature.alarmed ? 1.0 : 0.0, label);
    const std::pair<const char*, double> distances[] = {{"psi", feature.psi}, {"js", feature.js}, {"ks", feature.ks}};
    for (const auto& [distance, value] : distances)
      known("rtml_feature_drift", "Distance of a feature's recent values from its reference.", value,
            {{"feature", feature.name}, {"distance", distance}});
    known("rtml_feature_missing_ratio", "Share of a feature's recent values that is missing.", feature.current_missing, label);
    known("rtml_feature_unseen_ratio", "Share of a feature's recent values in categories that the reference has not.", feature.unseen,
          label);
  }

  void performance(const PerformancePanel& panel) {
    if (!panel.windows.empty()) {
      const PerformancePanel::Window& last = panel.windows.back();
      estimate("realised", panel.metric, last.realised);
      estimate("estimated", panel.metric, last.estimated);
    }
    for (const PerformancePanel::Detector& detector : panel.detectors)
      add("rtml_detector_alarms_total", "Alarms of a detector on one stream.", static_cast<double>(detector.alarms),
          {{"detector", detector.name}, {"stream", detector.watches}}, Sample::Type::counter);
    double rows = 0.0;
    double labelled = 0.0;
    for (const PerformancePanel::Coverage& coverage : panel.coverage) {
      rows += static_cast<double>(coverage.rows);
      labelled += static_cast<double>(coverage.labelled);
    }
    if (rows > 0.0) add("rtml_label_coverage_ratio", "Share of the kept predictions that have a label.", labelled / rows);
    for (const PerformancePanel::Delay& delay : panel.delays)
      add("rtml_label_delay_seconds", "How long labels take: the delay that a share of them does not exceed.", seconds_of(delay.delay),
          {{"share", spelled(delay.probability)}});
  }

  void estimate(const char* source, const std::string& metric, const Estimate& of) {
    const std::pair<const char*, double> bounds[] = {{"value", of.value}, {"low", of.low}, {"high", of.high}};
    for (const auto& [bound, value] : bounds)
      known("rtml_performance", "The model's performance in the latest window: from labels, and estimated without them.", value,
            {{"metric", metric}, {"source", source}, {"bound", bound}});
  }

  void segments(const Report& report) {
    if (report.segments.empty()) return;
    const auto flagged = std::count_if(report.segments.begin(), report.segments.end(), [](const Segment& one) { return one.flagged; });
    add("rtml_segments_flagged", "Segments on which the model does worse.", static_cast<double>(flagged));
    for (std::size_t i = 0; i < std::min(report.segments.size(), most_segment_series); ++i)
      known("rtml_segment_metric", "The model's performance on a segment.", report.segments[i].metric.value,
            {{"segment", report.segments[i].name}, {"metric", report.segment_metric}});
  }

  void incidents(const std::vector<Incident>& kept, std::uint64_t dropped) {
    if (kept.empty()) return;
    const auto waiting = std::count_if(kept.begin(), kept.end(), [](const Incident& one) { return one.action == Incident::Action::none; });
    add("rtml_incidents_total", "Alarms that were raised.", static_cast<double>(kept.size()) + static_cast<double>(dropped), {},
        Sample::Type::counter);
    add("rtml_incidents_waiting", "Alarms on which nobody has acted.", static_cast<double>(waiting));
  }

  void of_arm(const ArmReport& arm) {
    add("rtml_arm_predictions_total", "Predictions of an arm.", static_cast<double>(arm.predictions), {{"arm", arm.name}},
        Sample::Type::counter);
    add("rtml_arm_labels_total", "Labels of an arm.", static_cast<double>(arm.labels), {{"arm", arm.name}}, Sample::Type::counter);
    if (!is_nan(arm.weight)) add("rtml_arm_weight", "Share of the units that an arm serves.", arm.weight, {{"arm", arm.name}});
    for (const Value& value : arm.metrics)
      if (!is_nan(value.value))
        add("rtml_arm_metric", "Metric of an arm's predictions.", value.value, {{"arm", arm.name}, {"metric", value.name}});
  }

  /// Without a sum: the histogram keeps none.
  void latency(const std::string& name, const std::string& help, const Latency& of) {
    const std::pair<const char*, std::uint64_t> quantiles[] = {{"0.5", of.p50}, {"0.99", of.p99}, {"0.999", of.p999}};
    for (const auto& [q, value] : quantiles)
      add(name, help, of.count == 0 ? unknown : static_cast<double>(value) / 1e9, {{"quantile", q}}, Sample::Type::summary);
    add(name + "_count", help, static_cast<double>(of.count), {}, Sample::Type::summary);
  }

  std::vector<Sample> samples_;
};

}  // namespace

std::vector<Sample> samples(const Report& report) { return ReportSamples().of(report); }

std::string to_prometheus(std::span<const Sample> samples) {
  Families families;
  for (const Sample& sample : samples) families.add(sample);
  return families.text();
}

std::string to_prometheus(const Report& report) { return to_prometheus(samples(report)); }

}  // namespace rtml::monitor
