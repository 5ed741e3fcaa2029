#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "html.hpp"
#include "rtml/core/finite.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr double chart_width = 4000.0;  // of a chart's own coordinates: whole numbers are fine enough
constexpr double chart_height = 1000.0;

/// Names that tell neighbouring ticks apart, with one suffix for all.
std::vector<std::string> tick_names(const std::vector<double>& ticks, double step) {
  double largest = 0.0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  constexpr std::pair<double, const char*> units[] = {{1e9, "G"}, {1e6, "M"}, {1e4, "k"}};
  double unit = 1.0;
  const char* suffix = "";
  for (const auto& [from, name] : units)
    if (largest >= from && *suffix == '\0') unit = std::min(from, name[0] == 'k' ? 1e3 : from), suffix = name;
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step / unit) - 1e-9)));
  std::vector<std::string> names;
  for (const double tick : ticks) {
    if (largest >= 1e13 || decimals > 5) {
      names.push_back(fmt::format("{:.4g}", tick));
    } else {
      names.push_back(tick == 0.0 ? "0" : fmt::format("{:.{}f}{}", tick / unit, decimals, suffix));
    }
  }
  return names;
}

struct Extent {
  double low = unknown;
  double high = unknown;

  void add(double value) {
    if (!drawable(value)) return;
    low = is_nan(low) ? value : std::min(low, value);
    high = is_nan(high) ? value : std::max(high, value);
  }
};

/// The range of the values, but that a few far outliers do not flatten all others.
Extent robust_extent(std::vector<double> values) {
  Extent all;
  for (const double value : values) all.add(value);
  values.erase(std::remove_if(values.begin(), values.end(), [](double value) { return !drawable(value); }), values.end());
  if (values.size() < 20) return all;
  std::sort(values.begin(), values.end());
  const double low = values[values.size() / 20];
  const double high = values[values.size() - 1 - values.size() / 20];
  const double room = 10.0 * (high - low);
  return room > 0.0 ? Extent{std::max(all.low, low - room), std::min(all.high, high + room)} : all;
}

Axis value_axis(const std::vector<std::vector<Point>>& lines, const std::vector<Reference>& references) {
  std::vector<double> values;
  for (const auto& line : lines)
    for (const Point& point : line) values.push_back(point.value);
  Extent extent = robust_extent(std::move(values));
  for (const Reference& reference : references) extent.add(reference.value);
  if (is_nan(extent.low)) return round_axis(0.0, 1.0, 4);
  const double room = 0.06 * (extent.high - extent.low);
  const bool is_share = extent.low >= 0.0 && extent.high <= 1.0;
  const double low = extent.low >= 0.0 ? std::max(0.0, extent.low - room) : extent.low - room;
  const double high = is_share ? std::min(1.0, extent.high + room) : extent.high + room;
  return round_axis(low, high, 4);
}

struct Paths {
  std::string line;
  std::string dots;  ///< values between two gaps
};

/// A line that breaks where a value is unknown.
Paths paths_of(const std::vector<Point>& points, const Axis& x, const Axis& y) {
  Paths paths;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!drawable(points[i].value)) continue;
    const bool joins = i > 0 && drawable(points[i - 1].value);
    const bool goes_on = i + 1 < points.size() && drawable(points[i + 1].value);
    const long at = across(x.place(static_cast<double>(points[i].event)));
    const long level = down(y.place(points[i].value));
    if (joins || goes_on) {
      put(paths.line, "{}{} {}", joins ? "L" : "M", at, level);
    } else {
      put(paths.dots, "M{} {}h0", at, level);
    }
  }
  return paths;
}

void legend(std::string& out, const std::vector<const Series*>& drawn, const std::vector<Reference>& references) {
  out += "<ul class=\"legend\">\n";
  for (std::size_t i = 0; i < drawn.size(); ++i)
    put(out,
        "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"s{}\" d=\"M0 4h28\"/></svg>{} <b>{}</b></li>\n", i,
        clipped(drawn[i]->name(), 40), number(drawn[i]->last().value));
  for (const Reference& reference : references)
    put(out,
        "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"ref\" d=\"M0 4h28\"/></svg>{} <b>{}</b></li>\n",
        clipped(reference.name, 40), number(reference.value));
  out += "</ul>\n";
}

using Lanes = std::vector<std::pair<std::string, std::vector<const Mark*>>>;

Lanes lanes_of(const Report& report) {
  Lanes lanes;
  for (const Mark& mark : report.marks.marks()) {
    auto lane = std::find_if(lanes.begin(), lanes.end(), [&mark](const auto& one) { return one.first == mark.kind; });
    if (lane == lanes.end()) lane = lanes.insert(lanes.end(), {mark.kind, {}});
    lane->second.push_back(&mark);
  }
  return lanes;
}

void mark_lane(std::string& out, const std::string& kind, const std::vector<const Mark*>& marks, const Axis& events) {
  put(out,
      "<div class=\"lane\"><span>{}</span><svg viewBox=\"0 0 4000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} of kind "
      "{}\">",
      clipped(kind, 12), marks.size(), clipped(kind, 40));
  std::map<long, std::vector<const Mark*>> places;  // neighbours that one could not tell apart share a place and a tooltip
  for (const Mark* mark : marks) places[std::lround(events.place(static_cast<double>(mark->event)) * 160.0)].push_back(mark);
  for (const auto& [place, here] : places) {
    out += "<g><title>";
    for (std::size_t i = 0; i < std::min<std::size_t>(here.size(), 3); ++i)
      put(out, "{}event {}: {}", i == 0 ? "" : "; ", count(here[i]->event), clipped(here[i]->text, 120));
    if (here.size() > 3) put(out, "; and {} more", here.size() - 3);
    const long at = across(events.place(static_cast<double>(here.front()->event)));
    put(out, "</title><path class=\"hit\" d=\"M{} 0V10\"/><path class=\"mark\" d=\"M{} 1V9\"/></g>", at, at);
  }
  out += "</svg></div>\n";
}

/// Thin lines through the chart where drifts and retrains were.
void mark_lines(std::string& out, const Report& report, const Axis& events) {
  for (const std::string_view kind : {std::string_view("drift"), std::string_view("retrain")}) {
    std::map<long, bool> places;
    for (const Mark& mark : report.marks.marks())
      if (mark.kind == kind) places[std::lround(events.place(static_cast<double>(mark.event)) * 400.0)] = true;
    if (places.empty()) continue;
    put(out, "<path class=\"at {}\" d=\"", kind);
    for (const auto& [place, present] : places) put(out, "M{} 0V{}", place * 10, down(0.0));
    out += "\"/>\n";
  }
}

std::size_t outside(const std::vector<std::vector<Point>>& lines, const Axis& y) {
  std::size_t points = 0;
  for (const auto& line : lines)
    points += static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [&y](const Point& point) {
      return drawable(point.value) && (point.value < y.low || point.value > y.high);
    }));
  return points;
}

void latency_row(std::string& out, std::string_view name, const Latency& of, const Axis& decades) {
  const auto at = [&decades](std::uint64_t ns) { return across(decades.place(std::log10(std::max(1.0, static_cast<double>(ns))))); };
  put(out, "<div class=\"row\"><span>{}</span><svg viewBox=\"0 0 4000 10\" preserveAspectRatio=\"none\" role=\"img\">", name);
  put(out, "<title>{}: median {}, p99 {}, p99.9 {}, maximum {}</title>", name, nanoseconds(of.p50), nanoseconds(of.p99),
      nanoseconds(of.p999), nanoseconds(of.max));
  out += "<path class=\"grid v\" d=\"";
  for (const double tick : decades.ticks) put(out, "M{} 0V10", across(decades.place(tick)));
  put(out, "\"/><path class=\"t3\" d=\"M{} 5H{}\"/>", at(of.p999), at(of.max));
  put(out, "<path class=\"t2\" d=\"M{} 5H{}\"/>", at(of.p99), at(of.p999));
  put(out, "<path class=\"t1\" d=\"M{} 5H{}\"/>", at(of.p50), at(of.p99));
  put(out, "<path class=\"t0\" d=\"M{} 5h0\"/></svg><span></span></div>\n", at(of.p50));
}

}  // namespace

long across(double share) { return std::lround(chart_width * std::clamp(share, -1.0, 2.0)); }
long down(double share) { return std::lround(chart_height * (1.0 - std::clamp(share, -1.0, 2.0))); }

void event_ticks(std::string& out, const Axis& events) {
  out += "<div class=\"x\">";
  for (std::size_t i = 0; i < events.ticks.size(); ++i)
    put(out, "<span style=\"left:{:.2f}%\">{}</span>", 100.0 * events.place(events.ticks[i]), events.names[i]);
  out += "</div>\n";
}

void value_ticks(std::string& out, const Axis& values) {
  out += "<div class=\"y\">";
  for (std::size_t i = 0; i < values.ticks.size(); ++i)
    put(out, "<span style=\"bottom:{:.2f}%\">{}</span>", 100.0 * values.place(values.ticks[i]), values.names[i]);
  out += "</div>";
}

void grid(std::string& out, const Axis& x, const Axis& y) {
  out += "<path class=\"grid\" d=\"";
  for (const double tick : y.ticks) put(out, "M0 {}H{}", down(y.place(tick)), across(1.0));
  out += "\"/>\n<path class=\"grid v\" d=\"";
  for (const double tick : x.ticks) put(out, "M{} 0V{}", across(x.place(tick)), down(0.0));
  out += "\"/>\n";
}

Axis round_axis(double low, double high, int target, double least_step) {
  constexpr double least = 1e-290;  // a tenth of less could be 0
  if (!(high - low > std::max(least, 1e-9 * std::max(std::abs(low), std::abs(high))))) {
    const double room = std::abs(low) < least ? 1.0 : 0.05 * std::abs(low);
    low -= room, high += room;
  }
  Axis axis{low, high};
  const double raw = (high - low) / target;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = std::max(least_step, power * (lead < 1.5 ? 1.0 : (lead < 3.5 ? 2.0 : (lead < 7.5 ? 5.0 : 10.0))));
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + 1e-9 * step && axis.ticks.size() < 20; i += 1.0) axis.ticks.push_back(i * step);
  axis.names = tick_names(axis.ticks, step);
  return axis;
}

Axis event_axis(const Report& report) {
  Extent extent;
  const auto add = [&extent](const Series& series) {
    for (const Point& point : series.points()) extent.add(static_cast<double>(point.event));
  };
  for (const Series& series : report.series) add(series);
  for (const Mark& mark : report.marks.marks()) extent.add(static_cast<double>(mark.event));
  if (is_nan(extent.low)) return round_axis(0.0, 1.0, 1, 1.0);
  if (extent.low == extent.high) return round_axis(std::max(0.0, extent.low - 1.0), extent.high + 1.0, 2, 1.0);
  return round_axis(extent.low, extent.high, 5, 1.0);
}

void metric_chart(std::string& out, const Report& report, const Axis& events, const std::vector<Reference>& references) {
  std::vector<const Series*> drawn;
  std::vector<std::vector<Point>> lines;
  for (const Series& series : report.series) {
    if (series.empty() || drawn.size() == most_lines) continue;
    drawn.push_back(&series);
    lines.push_back(series.points());
  }
  const Axis y = value_axis(lines, references);
  legend(out, drawn, references);
  out += "<div class=\"plot\">";
  value_ticks(out, y);
  out += "<svg viewBox=\"0 0 4000 1000\" preserveAspectRatio=\"none\" role=\"img\">\n<title>The main metric over time</title>\n";
  grid(out, events, y);
  mark_lines(out, report, events);
  for (const Reference& reference : references)
    put(out, "<path class=\"ref\" d=\"M0 {}H4000\"><title>{} {}</title></path>\n", down(y.place(reference.value)), escaped(reference.name),
        number(reference.value));
  for (std::size_t i = lines.size(); i-- > 0;) {  // the loop's own on top
    const Paths paths = paths_of(lines[i], events, y);
    put(out, "<g><title>{}: {} at event {}</title>", clipped(drawn[i]->name(), 80), number(drawn[i]->last().value),
        count(drawn[i]->last().event));
    if (!paths.line.empty()) put(out, "<path class=\"s{}\" d=\"{}\"/>", i, paths.line);
    if (!paths.dots.empty()) put(out, "<path class=\"s{} dot\" d=\"{}\"/>", i, paths.dots);
    out += "</g>\n";
  }
  out += "</svg>\n";
  event_ticks(out, events);
  out += "</div>\n";
  for (const auto& [kind, marks] : lanes_of(report)) mark_lane(out, kind, marks, events);
  if (const std::size_t beyond = outside(lines, y); beyond > 0)
    put(out, "<p class=\"note\">{} {} beyond the axis: far outliers are left to the table.</p>\n", beyond,
        beyond == 1 ? "point lies" : "points lie");
}

std::string bin_name(const FeatureDrift& feature, std::size_t bin) {
  if (feature.categories.size() == feature.reference.size()) return feature.categories[bin];
  if (feature.edges.size() != feature.reference.size() + 1) return fmt::format("bin {}", bin);
  const double low = feature.edges[bin];
  const double high = feature.edges[bin + 1];
  if (!is_finite(low)) return fmt::format("below {}", number(high));
  if (!is_finite(high)) return fmt::format("from {}", number(low));
  return fmt::format("{} to {}", number(low), number(high));
}

void latency_chart(std::string& out, const Report& report) {
  const Latency* const both[] = {&report.predict, &report.label};
  double low = 1e18;
  double high = 1.0;
  for (const Latency* of : both) {
    if (of->count == 0) continue;
    low = std::min(low, std::max(1.0, static_cast<double>(of->p50)));
    high = std::max(high, static_cast<double>(of->max));
  }
  if (low > high) return;
  Axis decades{std::floor(std::log10(low)), std::floor(std::log10(high)) + 1.0};
  const int every = decades.high - decades.low > 6.0 ? 2 : 1;
  for (int power = static_cast<int>(decades.low); power <= static_cast<int>(decades.high); power += every) {
    decades.ticks.push_back(power);
    decades.names.push_back(power < 19 ? nanoseconds(static_cast<std::uint64_t>(std::llround(std::pow(10.0, power)))) : "");
  }
  out += "<div class=\"heat lat\">\n";
  if (report.predict.count > 0) latency_row(out, "predict", report.predict, decades);
  if (report.label.count > 0) latency_row(out, "label", report.label, decades);
  out += "<div class=\"plot\">";
  event_ticks(out, decades);
  out += "</div></div>\n";
}

}  // namespace rtml::monitor
