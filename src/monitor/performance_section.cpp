#include "performance_section.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "chart.hpp"
#include "html.hpp"
#include "rtml/core/finite.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_windows = 128;
constexpr std::size_t most_ranked = 10;
constexpr std::size_t most_segments = 20;
constexpr std::size_t most_incidents = 50;
constexpr std::size_t most_detectors = 20;
constexpr std::size_t most_ages = 12;

using Window = PerformancePanel::Window;

/// "0.912 (0.901 to 0.923)".
std::string shown(const Estimate& of) {
  if (!of.known() || is_nan(of.low) || is_nan(of.high)) return in_column(of.value);
  return in_column(of.value) + " <small>" + number(of.low) + " to " + number(of.high) + "</small>";
}

/// The area between the bounds; a window where they are unknown ends it.
std::string band(const std::vector<Window>& windows, Estimate Window::*of, const Axis& x, const Axis& y) {
  std::string path;
  for (std::size_t from = 0; from < windows.size();) {
    const auto known = [&](std::size_t w) { return drawable((windows[w].*of).low) && drawable((windows[w].*of).high); };
    std::size_t to = from;
    while (to < windows.size() && known(to)) ++to;
    for (std::size_t w = from; w < to; ++w)
      put(path, "{}{} {}", w == from ? 'M' : 'L', across(x.place(static_cast<double>(windows[w].end))),
          down(y.place((windows[w].*of).high)));
    for (std::size_t w = to; w > from; --w)
      put(path, "L{} {}", across(x.place(static_cast<double>(windows[w - 1].end))), down(y.place((windows[w - 1].*of).low)));
    if (to > from) path += 'z';
    from = to + 1;
  }
  return path;
}

std::string line(const std::vector<Window>& windows, Estimate Window::*of, const Axis& x, const Axis& y) {
  std::string path;
  bool joins = false;
  for (const Window& window : windows) {
    const double value = (window.*of).value;
    if (drawable(value)) put(path, "{}{} {}", joins ? 'L' : 'M', across(x.place(static_cast<double>(window.end))), down(y.place(value)));
    joins = drawable(value);
  }
  return path;
}

void course(std::string& out, const PerformancePanel& panel) {
  const std::size_t first = panel.windows.size() - std::min(panel.windows.size(), most_windows);
  const std::vector<Window> windows(panel.windows.begin() + static_cast<std::ptrdiff_t>(first), panel.windows.end());
  if (windows.size() < 2) return;
  std::vector<double> values;
  for (const Window& window : windows)
    for (const Estimate& of : {window.realised, window.estimated})
      for (const double value : {of.value, of.low, of.high})
        if (drawable(value)) values.push_back(value);
  if (drawable(panel.alarm_level)) values.push_back(panel.alarm_level);
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double room = 0.06 * (*high - *low);
  const Axis y = round_axis(*low - room, *high + room, 4);
  const Axis x = round_axis(static_cast<double>(windows.front().end), static_cast<double>(windows.back().end), 5, 1.0);
  out +=
      "<ul class=\"legend\">\n"
      "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"s0\" d=\"M0 4h28\"/></svg>from labels</li>\n"
      "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"s2\" d=\"M0 4h28\"/></svg>estimated without "
      "labels</li>\n";
  if (drawable(panel.alarm_level))
    put(out,
        "<li><svg class=\"key\" viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"ref\" d=\"M0 4h28\"/></svg>alarm level "
        "<b>{}</b></li>\n",
        number(panel.alarm_level));
  out += "</ul>\n<div class=\"plot\">";
  value_ticks(out, y);
  put(out,
      "<svg viewBox=\"0 0 4000 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}, from labels and estimated, by window\">\n",
      clipped(panel.metric, 40));
  grid(out, x, y);
  put(out, "<path class=\"band b2\" d=\"{}\"/><path class=\"band b0\" d=\"{}\"/>\n", band(windows, &Window::estimated, x, y),
      band(windows, &Window::realised, x, y));
  if (drawable(panel.alarm_level)) put(out, "<path class=\"ref\" d=\"M0 {}H4000\"/>", down(y.place(panel.alarm_level)));
  put(out, "<path class=\"s2\" d=\"{}\"/><path class=\"s0\" d=\"{}\"/></svg>\n", line(windows, &Window::estimated, x, y),
      line(windows, &Window::realised, x, y));
  event_ticks(out, x);
  out += "</div>\n";
}

void latest(std::string& out, const PerformancePanel& panel) {
  if (panel.windows.empty()) return;
  const Window& last = panel.windows.back();
  put(out,
      "<p>{} in the latest window: {} from labels ({} of {} predictions have one), {} estimated without. Shaded: what the interval "
      "holds.</p>\n",
      clipped(panel.metric, 40), shown(last.realised), count(last.labelled), count(last.rows), shown(last.estimated));
}

void detectors(std::string& out, const PerformancePanel& panel) {
  if (panel.detectors.empty()) return;
  put(out, "<h3>Detectors on one stream</h3>\n");
  begin_table(out,
              {{"detector", false},
               {"watches", false},
               {"alarms", true},
               {"last at event", true},
               {"change put at", true},
               {"events between false alarms", true}},
              "Detectors");
  for (std::size_t i = 0; i < std::min(panel.detectors.size(), most_detectors); ++i) {
    const PerformancePanel::Detector& one = panel.detectors[i];
    put(out,
        "<tr><td>{}{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        flag_of(one.alarms > 0), clipped(one.name, 60), clipped(one.watches, 24), count(one.alarms),
        one.alarms > 0 ? count(one.last_alarm) : number(unknown), one.change ? count(*one.change) : number(unknown),
        number(one.run_length));
  }
  end_table(out);
}

void labels(std::string& out, const PerformancePanel& panel) {
  if (!panel.coverage.empty()) {
    put(out, "<h3>Labels that have come</h3>\n");
    begin_table(out, {{"age of the prediction", false}, {"predictions", true}, {"with label", true}, {"share", false}},
                "Label coverage by age");
    for (std::size_t i = 0; i < std::min(panel.coverage.size(), most_ages); ++i) {
      const PerformancePanel::Coverage& age = panel.coverage[i];
      const double share = age.rows > 0 ? std::min(1.0, static_cast<double>(age.labelled) / static_cast<double>(age.rows)) : unknown;
      const std::string to = i + 1 < panel.coverage.size() ? fmt::format(" to {}", duration(panel.coverage[i + 1].age)) : " and older";
      put(out,
          "<tr><td>{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"bar\"><span "
          "style=\"width:{:.0f}%\"></span>{}</td></tr>\n",
          duration(age.age), to, count(age.rows), count(age.labelled), is_nan(share) ? 0.0 : 60.0 * share, percent(share));
    }
    end_table(out);
  }
  if (panel.delays.empty()) return;
  out += "<p>Labels take ";
  for (std::size_t i = 0; i < std::min<std::size_t>(panel.delays.size(), 9); ++i)
    put(out, "{}{} ({})", i == 0 ? "" : ", ", duration(panel.delays[i].delay), percent(panel.delays[i].probability));
  out += ": no more than that for the share in brackets.</p>\n";
}

void impacts(std::string& out, const Report& report) {
  std::vector<const FeatureDrift*> order;
  for (const FeatureDrift& feature : report.features)
    if (feature.impact() > 0.0 && drawable(feature.impact())) order.push_back(&feature);
  if (order.empty()) return;
  std::stable_sort(order.begin(), order.end(), [](const FeatureDrift* a, const FeatureDrift* b) { return a->impact() > b->impact(); });
  order.resize(std::min(order.size(), most_ranked));
  put(out,
      "<h3>Which drift may explain it</h3>\n<p class=\"sub\">The share of rows that moved, times the feature's importance to the model: "
      "a large drift of a feature that the model ignores comes last.</p>\n");
  begin_table(out, {{"feature", false}, {"moved", true}, {"importance", true}, {"impact", false}}, "Impact of drift");
  for (const FeatureDrift* feature : order)
    put(out,
        "<tr><td>{}{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"bar\"><span "
        "style=\"width:{:.0f}%\"></span>{}</td></tr>\n",
        flag_of(feature->alarmed), clipped(feature->name, 60), percent(feature->effect), percent(feature->importance),
        60.0 * feature->impact() / order.front()->impact(), number(feature->impact()));
  end_table(out);
}

std::string at_event(std::uint64_t event, Time at) {
  const std::string moment = when(at);
  std::string text = count(event);
  if (!moment.empty()) put(text, " <small>{}</small>", moment);
  return text;
}

std::string reaction(const Incident& incident) {
  if (incident.action == Incident::Action::none) return "none yet";
  std::string text(name_of(incident.action));
  put(text, " at {}", at_event(incident.action_event, incident.action_at));
  if (!incident.trigger.empty()) put(text, " <small>{}</small>", clipped(incident.trigger, 80));
  return text;
}

std::string outcome(const Incident& incident) {
  if (incident.action == Incident::Action::none) return number(unknown);
  std::string text(name_of(incident.outcome));
  if (!incident.metric.empty())
    put(text, " <small>{} {} \xE2\x86\x92 {}</small>", clipped(incident.metric, 40), number(incident.before), number(incident.after));
  return text;
}

}  // namespace

void performance_section(std::string& out, const Report& report) {
  const PerformancePanel& panel = report.performance;
  const bool ranked = std::any_of(report.features.begin(), report.features.end(), [](const FeatureDrift& f) { return f.impact() > 0.0; });
  if (panel.empty() && !ranked) return;
  out += "<section>\n<h2>With labels and without</h2>\n";
  latest(out, panel);
  course(out, panel);
  detectors(out, panel);
  labels(out, panel);
  impacts(out, report);
  out += "</section>\n";
}

void segments_section(std::string& out, const Report& report) {
  if (report.segments.empty()) return;
  const auto flagged =
      std::count_if(report.segments.begin(), report.segments.end(), [](const Segment& segment) { return segment.flagged; });
  const std::size_t shown_ones = std::min(report.segments.size(), most_segments);
  const std::string metric = report.segment_metric.empty() ? "metric" : clipped(report.segment_metric, 40);
  put(out, "<section>\n<h2>Segments</h2>\n<p>{} of {} segments {} flagged. The gap is the {} there minus that of all other rows.</p>\n",
      flagged, count(report.segments.size()), flagged == 1 ? "is" : "are", metric);
  begin_table(out, {{"segment", false}, {"labels", true}, {metric, true}, {"gap", true}, {"corrected p", true}}, "Segments");
  for (std::size_t i = 0; i < shown_ones; ++i) {
    const Segment& one = report.segments[i];
    put(out, "<tr><td>{}{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", flag_of(one.flagged), clipped(one.name, 80),
        count(one.labels), shown(one.metric), in_column(one.gap), p_value(one.adjusted_p));
  }
  end_table(out);
  if (shown_ones < report.segments.size())
    put(out, "<p class=\"note\">The {} worst; the others are in the JSON of this report.</p>\n", shown_ones);
  out += "</section>\n";
}

void incidents_section(std::string& out, const Report& report) {
  const std::vector<Incident>& all = report.incidents.incidents();
  if (all.empty()) return;
  const std::size_t older = all.size() - std::min(all.size(), most_incidents);
  out += "<section>\n<h2>Alarms, and what came of them</h2>\n";
  begin_table(out, {{"alarm at event", true}, {"what", false}, {"statistic", true}, {"action", false}, {"outcome", false}}, "Alarms");
  for (std::size_t i = all.size(); i-- > older;) {
    const Incident& one = all[i];
    put(out, "<tr><td class=\"n\">{}</td><td>{} <small>{}</small></td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>\n",
        at_event(one.event, one.at), clipped(one.what, 60), clipped(one.detector, 40), number(one.statistic), reaction(one), outcome(one));
  }
  end_table(out);
  if (older + report.incidents.dropped() > 0)
    put(out, "<p class=\"note\">The latest first; {} older ones are not shown.</p>\n", count(older + report.incidents.dropped()));
  out += "</section>\n";
}

}  // namespace rtml::monitor
