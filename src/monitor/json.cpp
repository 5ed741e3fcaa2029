#include "json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "ranking.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/monitor/render.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

/// One report on its way into JSON.
class ReportJson {
 public:
  ReportJson(const Report& report, const Detail& detail) : report_(report), detail_(detail) {}

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
    list("series", report_.series, [this](const Series& series) { write_series(series, detail_.points); });
    marks();
    number("drift_threshold", report_.drift_threshold);
    features();
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
    list("notes", report_.notes, [this](const std::string& note) { json_.text(cut(note)); });
    json_.end('}');
    return json_.take();
  }

 private:
  std::string_view cut(std::string_view value) const { return value.substr(0, detail_.text); }
  void text(std::string_view key, std::string_view value) { json_.key(key).text(cut(value)); }
  void integer(std::string_view key, std::uint64_t value) { json_.key(key).integer(value); }
  void number(std::string_view key, double value) { json_.key(key).number(value, detail_.digits); }
  void time(std::string_view key, Time at) { json_.key(key).text(iso(at)); }

  template <class T, class Write>
  void list(std::string_view key, const std::vector<T>& items, Write write) {
    json_.key(key).begin('[');
    for (const T& item : items) write(item);
    json_.end(']');
  }

  void numbers(std::string_view key, const std::vector<double>& values) {
    list(key, values, [this](double value) { json_.number(value, detail_.digits); });
  }

  void by_metric(std::string_view key, double MetricRow::*column) {
    json_.key(key).begin('{');
    for (const MetricRow& row : report_.metrics) number(cut(row.name), row.*column);
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

  void write_series(const Series& series, std::size_t most) {
    const std::vector<Point> points = thinned(series.points(), most);
    json_.begin('{');
    text("name", series.name());
    text("unit", series.unit());
    integer("added", series.added());
    list("events", points, [this](const Point& point) { json_.integer(point.event); });
    const bool timed = std::any_of(points.begin(), points.end(), [](const Point& point) { return point.at != Time{}; });
    if (timed && detail_.digits == 0) list("at", points, [this](const Point& point) { json_.integer(to_unix_micros(point.at)); });
    list("values", points, [this](const Point& point) { json_.number(point.value, detail_.digits); });
    json_.end('}');
  }

  void marks() {
    const std::vector<Mark>& all = report_.marks.marks();
    const std::size_t older = all.size() - std::min(all.size(), detail_.marks);
    json_.key("marks").begin('[');
    for (std::size_t i = older; i < all.size(); ++i) write_mark(all[i]);
    json_.end(']');
    integer("marks_dropped", report_.marks.dropped() + older);
  }

  void write_mark(const Mark& mark) {
    json_.begin('{');
    integer("event", mark.event);
    if (mark.at != Time{}) time("at", mark.at);
    text("kind", mark.kind);
    text("text", mark.text);
    json_.end('}');
  }

  void features() {
    json_.key("features").begin('[');
    const std::vector<const FeatureDrift*> order = ranked(report_.features);
    const std::size_t shown = std::min(order.size(), detail_.features);
    for (std::size_t i = 0; i < shown; ++i) write_feature(*order[i]);
    json_.end(']');
  }

  void write_feature(const FeatureDrift& feature) {
    json_.begin('{');
    text("name", feature.name);
    text("severity", name_of(feature.severity));
    number("psi", feature.psi);
    number("js", feature.js);
    number("ks", feature.ks);
    number("p", feature.p);
    number("reference_missing", feature.reference_missing);
    number("current_missing", feature.current_missing);
    numbers("edges", feature.edges);
    numbers("reference", feature.reference);
    numbers("current", feature.current);
    json_.key("series");
    write_series(feature.series, detail_.feature_points);
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
    for (const Value& metric : arm.metrics) number(cut(metric.name), metric.value);
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
    for (const Label& label : sample.labels) text(cut(label.name), label.value);
    json_.end('}');
    number("value", sample.value);
    json_.end('}');
  }

  const Report& report_;
  const Detail& detail_;
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

void JsonWriter::number(double value, int digits) {
  comma();
  if (!is_finite(value)) {
    out_ += "null";
  } else if (digits > 0) {
    fmt::format_to(std::back_inserter(out_), "{:.{}g}", value, digits);
  } else {
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
}

std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most) {
  if (points.size() <= most || most < 2) return points;
  std::vector<Point> kept;
  kept.reserve(most);
  for (std::size_t i = 0; i < most; ++i) kept.push_back(points[i * (points.size() - 1) / (most - 1)]);
  return kept;
}

std::string report_json(const Report& report, const Detail& detail) { return ReportJson(report, detail).write(); }

std::string to_json(const Report& report) { return report_json(report, Detail{}); }

}  // namespace rtml::monitor
