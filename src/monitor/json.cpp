#include "json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "ranking.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/monitor/render.hpp"
#include "rtml/monitor/report.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

/// One report on its way into JSON.
class ReportJson {
 public:
  explicit ReportJson(const Report& report) : report_(report) {}

  std::string write() {
    json_.begin('{');
    text("title", report_.title);
    time("generated", report_.generated);
    integer("events", report_.events);
    integer("labels", report_.labels);
    text("severity", name_of(report_.severity));
    text("verdict", report_.verdict);
    text("task", name_of(report_.task));
    text("learner", report_.learner);
    metrics();
    list("series", report_.series, [this](const Series& series) { write_series(series); });
    marks();
    drift();
    features();
    performance();
    text("segment_metric", report_.segment_metric);
    list("segments", report_.segments, [this](const Segment& segment) { write_segment(segment); });
    list("incidents", report_.incidents.incidents(), [this](const Incident& incident) { write_incident(incident); });
    integer("incidents_dropped", report_.incidents.dropped());
    list("arms", report_.arms, [this](const ArmReport& arm) { write_arm(arm); });
    text("comparison", report_.comparison);
    json_.key("latency_ns").begin('{');
    latency("predict", report_.predict);
    latency("label", report_.label);
    json_.end('}');
    list("counters", report_.counters, [this](const Sample& sample) { write_sample(sample); });
    json_.key("configuration").begin('[');
    for (const Setting& setting : report_.configuration) {
      json_.begin('{');
      text("key", setting.key);
      text("value", setting.value);
      json_.end('}');
    }
    json_.end(']');
    integer("memory_bytes", report_.memory_bytes);
    list("notes", report_.notes, [this](const std::string& note) { json_.text(note); });
    json_.end('}');
    return json_.take();
  }

 private:
  void text(std::string_view key, std::string_view value) { json_.key(key).text(value); }
  void integer(std::string_view key, std::uint64_t value) { json_.key(key).integer(value); }
  void number(std::string_view key, double value) { json_.key(key).number(value); }
  void flag(std::string_view key, bool value) { json_.key(key).flag(value); }
  void time(std::string_view key, Time at) { json_.key(key).text(iso(at)); }

  /// An event, with its time when the stream has one.
  void moment(std::string_view key, std::uint64_t event, Time at) {
    integer(key, event);
    if (at != Time{}) time(std::string(key) + "_at", at);
  }

  template <class T, class Write>
  void list(std::string_view key, const std::vector<T>& items, Write write) {
    json_.key(key).begin('[');
    for (const T& item : items) write(item);
    json_.end(']');
  }

  void numbers(std::string_view key, const std::vector<double>& values) {
    list(key, values, [this](double value) { json_.number(value); });
  }

  void by_metric(std::string_view key, double MetricRow::*column) {
    json_.key(key).begin('{');
    for (const MetricRow& row : report_.metrics) number(row.name, row.*column);
    json_.end('}');
  }

  void metrics() {
    text("main_metric", report_.metrics.empty() ? std::string_view() : std::string_view(report_.metrics.front().name));
    by_metric("metrics", &MetricRow::whole);
    integer("window", report_.window);
    by_metric("window_metrics", &MetricRow::window);
    json_.key("baselines").begin('{');
    by_metric("no_change", &MetricRow::no_change);
    by_metric("majority", &MetricRow::majority);
    json_.end('}');
  }

  void write_series(const Series& series) {
    const std::vector<Point> points = series.points();
    json_.begin('{');
    text("name", series.name());
    text("unit", series.unit());
    integer("added", series.added());
    list("events", points, [this](const Point& point) { json_.integer(point.event); });
    const bool timed = std::any_of(points.begin(), points.end(), [](const Point& point) { return point.at != Time{}; });
    if (timed) list("at", points, [this](const Point& point) { json_.integer(to_unix_micros(point.at)); });
    list("values", points, [this](const Point& point) { json_.number(point.value); });
    json_.end('}');
  }

  void marks() {
    list("marks", report_.marks.marks(), [this](const Mark& mark) { write_mark(mark); });
    integer("marks_dropped", report_.marks.dropped());
  }

  void write_mark(const Mark& mark) {
    json_.begin('{');
    integer("event", mark.event);
    if (mark.at != Time{}) time("at", mark.at);
    text("kind", mark.kind);
    text("text", mark.text);
    json_.end('}');
  }

  void drift() {
    const DriftSummary& drift = report_.drift;
    json_.key("drift").begin('{');
    number("false_alarms_per_row", drift.false_alarms_per_row);
    number("expected_false_alarms", drift.expected_false_alarms);
    number("least_effect", drift.least_effect);
    text("procedure", drift.procedure);
    text("reference", drift.reference);
    integer("reference_rows", drift.reference_rows);
    list("window_rows", drift.window_rows, [this](std::uint64_t rows) { json_.integer(rows); });
    integer("rows", drift.rows);
    integer("refused", drift.refused);
    text("configuration", fmt::format("{:016x}", drift.configuration));
    text("binning", drift.binning);
    list("assumptions", drift.assumptions, [this](const std::string& line) { json_.text(line); });
    list("window_ends", report_.history.ends, [this](std::uint64_t event) { json_.integer(event); });
    if (!report_.history.at.empty()) list("window_ends_at", report_.history.at, [this](Time at) { json_.integer(to_unix_micros(at)); });
    json_.end('}');
  }

  void features() {
    json_.key("features").begin('[');
    for (const FeatureDrift* feature : ranked(report_.features)) write_feature(*feature);
    json_.end(']');
  }

  void write_feature(const FeatureDrift& feature) {
    json_.begin('{');
    text("name", feature.name);
    text("kind", name_of(feature.kind));
    flag("alarmed", feature.alarmed);
    integer("alarms", feature.alarms);
    if (feature.alarms > 0) moment("first_alarm", feature.first_alarm, feature.first_alarm_at);
    if (feature.change) integer("change", *feature.change);
    number("effect", feature.effect);
    integer("effect_edge", std::uint64_t{feature.effect_edge});
    number("psi", feature.psi);
    number("psi_null", feature.psi_null);
    number("js", feature.js);
    number("ks", feature.ks);
    number("wasserstein", feature.wasserstein);
    number("p", feature.p);
    number("adjusted_p", feature.adjusted_p);
    number("rows", feature.rows);
    number("importance", feature.importance);
    number("impact", feature.impact());
    number("reference_missing", feature.reference_missing);
    number("current_missing", feature.current_missing);
    number("unseen", feature.unseen);
    numbers("edges", feature.edges);
    list("categories", feature.categories, [this](const std::string& name) { json_.text(name); });
    numbers("reference", feature.reference);
    numbers("current", feature.current);
    quantiles(feature);
    history(history_of(report_, feature));
    json_.end('}');
  }

  void quantiles(const FeatureDrift& feature) {
    json_.key("quantiles").begin('[');
    for (std::size_t i = 0; i < FeatureDrift::probabilities.size(); ++i) {
      json_.begin('{');
      number("probability", FeatureDrift::probabilities[i]);
      number("reference", feature.reference_quantiles[i]);
      number("current", feature.current_quantiles[i]);
      json_.end('}');
    }
    json_.end(']');
  }

  /// Beside drift.window_ends.
  void history(const HistoryRow& row) {
    json_.key("effects").begin('[');
    for (std::size_t w = 0; w < row.windows; ++w) json_.number(row.effects[w]);
    json_.end(']');
    json_.key("alarmed_windows").begin('[');
    for (std::size_t w = 0; w < row.windows; ++w)
      if (row.alarms[w] != 0) json_.integer(std::uint64_t{w});
    json_.end(']');
  }

  void estimate(std::string_view key, const Estimate& of) {
    json_.key(key).begin('{');
    number("value", of.value);
    number("low", of.low);
    number("high", of.high);
    json_.end('}');
  }

  void performance() {
    const PerformancePanel& panel = report_.performance;
    json_.key("performance").begin('{');
    text("metric", panel.metric);
    number("alarm_level", panel.alarm_level);
    list("windows", panel.windows, [this](const PerformancePanel::Window& window) {
      json_.begin('{');
      moment("end", window.end, window.at);
      integer("rows", window.rows);
      integer("labelled", window.labelled);
      estimate("realised", window.realised);
      estimate("estimated", window.estimated);
      json_.end('}');
    });
    list("detectors", panel.detectors, [this](const PerformancePanel::Detector& detector) {
      json_.begin('{');
      text("name", detector.name);
      text("watches", detector.watches);
      integer("alarms", detector.alarms);
      if (detector.alarms > 0) moment("last_alarm", detector.last_alarm, detector.last_alarm_at);
      if (detector.change) integer("change", *detector.change);
      number("run_length", detector.run_length);
      json_.end('}');
    });
    list("coverage", panel.coverage, [this](const PerformancePanel::Coverage& coverage) {
      json_.begin('{');
      number("age_seconds", seconds_of(coverage.age));
      integer("rows", coverage.rows);
      integer("labelled", coverage.labelled);
      json_.end('}');
    });
    list("delays", panel.delays, [this](const PerformancePanel::Delay& delay) {
      json_.begin('{');
      number("probability", delay.probability);
      number("seconds", seconds_of(delay.delay));
      json_.end('}');
    });
    json_.end('}');
  }

  void write_segment(const Segment& segment) {
    json_.begin('{');
    text("name", segment.name);
    integer("labels", segment.labels);
    estimate("metric", segment.metric);
    number("gap", segment.gap);
    number("adjusted_p", segment.adjusted_p);
    flag("flagged", segment.flagged);
    json_.end('}');
  }

  void write_incident(const Incident& incident) {
    json_.begin('{');
    moment("alarm", incident.event, incident.at);
    text("what", incident.what);
    text("detector", incident.detector);
    number("statistic", incident.statistic);
    text("action", name_of(incident.action));
    if (incident.action != Incident::Action::none) moment("action_event", incident.action_event, incident.action_at);
    text("trigger", incident.trigger);
    text("outcome", name_of(incident.outcome));
    text("metric", incident.metric);
    number("before", incident.before);
    number("after", incident.after);
    json_.end('}');
  }

  void write_arm(const ArmReport& arm) {
    json_.begin('{');
    text("name", arm.name);
    text("learner", arm.learner);
    integer("version", arm.version);
    number("weight", arm.weight);
    integer("predictions", arm.predictions);
    integer("labels", arm.labels);
    json_.key("metrics").begin('{');
    for (const Value& metric : arm.metrics) number(metric.name, metric.value);
    json_.end('}');
    text("verdict", arm.verdict);
    json_.end('}');
  }

  void latency(std::string_view key, const Latency& of) {
    json_.key(key).begin('{');
    integer("p50", of.p50);
    integer("p99", of.p99);
    integer("p999", of.p999);
    integer("max", of.max);
    integer("count", of.count);
    json_.end('}');
  }

  void write_sample(const Sample& sample) {
    json_.begin('{');
    text("name", sample.name);
    text("help", sample.help);
    text("type", name_of(sample.type));
    json_.key("labels").begin('{');
    for (const Label& label : sample.labels) text(label.name, label.value);
    json_.end('}');
    number("value", sample.value);
    json_.end('}');
  }

  const Report& report_;
  JsonWriter json_;
};

}  // namespace

void JsonWriter::text(std::string_view value) {
  comma();
  out_ += '"';
  for (const char c : valid_utf8(value)) {
    switch (c) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\n': out_ += "\\n"; break;
      case '\t': out_ += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20U || c == '<' || c == '\x7F') {
          fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out_ += c;
        }
    }
  }
  out_ += '"';
}

void JsonWriter::integer(std::uint64_t value) {
  comma();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::integer(std::int64_t value) {
  comma();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::number(double value) {
  comma();
  out_ += is_finite(value) ? fmt::format("{}", value) : "null";
}

void JsonWriter::number(float value) {
  comma();
  out_ += is_finite(value) ? fmt::format("{}", value) : "null";
}

std::string to_json(const Report& report) { return ReportJson(report).write(); }

}  // namespace rtml::monitor
