#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/monitor/render.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

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
    for (const FeatureDrift& feature : report.features) drift(feature);
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

  void drift(const FeatureDrift& feature) {
    const std::string help = "Distance of a feature's recent values from its reference.";
    const std::pair<const char*, double> distances[] = {{"psi", feature.psi}, {"js", feature.js}, {"ks", feature.ks}};
    for (const auto& [distance, value] : distances)
      if (!is_nan(value)) add("rtml_feature_drift", help, value, {{"feature", feature.name}, {"distance", distance}});
    if (!is_nan(feature.current_missing))
      add("rtml_feature_missing_ratio", "Share of a feature's recent values that is missing.", feature.current_missing,
          {{"feature", feature.name}});
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
