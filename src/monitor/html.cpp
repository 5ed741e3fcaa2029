#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chart.hpp"
#include "drift_section.hpp"
#include "html.hpp"
#include "performance_section.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/monitor/render.hpp"
#include "style.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_marks = 256;
constexpr std::size_t most_arm_metrics = 8;
constexpr std::size_t most_points = 24;  // of a series as a table

/// At most `most` of `points`, evenly spread, first and last among them.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<Point> kept;
  for (std::size_t i = 0; i < most; ++i) kept.push_back(points[i * (points.size() - 1) / (most - 1)]);
  return kept;
}

/// One report on its way onto a page.
class Page {
 public:
  explicit Page(const Report& report) : report_(report), events_(event_axis(report)), drift_(report) {}

  std::string write() {
    const std::string title = report_.title.empty() ? "A running loop" : clipped(report_.title, 120);
    put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    put("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>{}</title>\n<style>{}{}</style>\n</head>\n",
        title, page_style, drift_.style());
    put("<body class=\"{}\">\n<main>\n<h1>{}</h1>\n", report_.severity == Severity::alarm ? "alarm" : "calm", title);
    top();
    metric();
    performance_section(out_, report_);
    drift_.write(out_);
    segments_section(out_, report_);
    incidents_section(out_, report_);
    arms();
    latency();
    counters();
    configuration();
    method();
    put("</main>\n");
    put("</body>\n</html>\n");
    return std::move(out_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    monitor::put(out_, format, std::forward<Args>(args)...);
  }

  void tile(std::string_view name, const std::string& value, const std::string& beside = "") {
    put("<div><dt>{}</dt><dd>{}", name, value);
    if (!beside.empty()) put("<small>{}</small>", beside);
    put("</dd></div>\n");
  }

  std::uint64_t marks_of(std::string_view kind) const {
    const auto& marks = report_.marks.marks();
    return static_cast<std::uint64_t>(std::count_if(marks.begin(), marks.end(), [kind](const Mark& mark) { return mark.kind == kind; }));
  }

  void top() {
    const std::string at = when(report_.generated);
    put("<p class=\"sub\">{} \xC2\xB7 {}{}{}</p>\n", name_of(report_.task),
        report_.learner.empty() ? "no learner" : clipped(report_.learner, 120), at.empty() ? "" : " \xC2\xB7 ", at);
    put("<p class=\"verdict\"><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\">{}</svg>{}{}{}</p>\n", shape_of(report_.severity),
        word_of(report_.severity), report_.verdict.empty() ? "" : ": ", clipped(report_.verdict, most_words));
    if (const std::string budget = drift_.budget(); !budget.empty()) put("<p class=\"budget\">{}</p>\n", budget);
    if (const std::string basis = drift_.basis(); !basis.empty()) put("<p class=\"sub\">{}</p>\n", basis);
    put("<dl class=\"tiles\">\n");
    if (!report_.metrics.empty()) main_tile(report_.metrics.front());
    tile("events", count(report_.events), count(report_.labels) + " labels");
    if (!report_.features.empty()) tile("features drifted", count(drift_.alarmed()), "of " + count(drift_.features()));
    tile("drifts told", count(marks_of("drift")), report_.marks.dropped() > 0 ? "older ones not kept" : "");
    tile("retrains", count(marks_of("retrain")));
    if (report_.predict.count > 0) tile("predict, p99", nanoseconds(report_.predict.p99), "median " + nanoseconds(report_.predict.p50));
    if (report_.memory_bytes > 0) tile("memory", bytes(report_.memory_bytes));
    put("</dl>\n");
  }

  void main_tile(const MetricRow& row) {
    tile(clipped(row.name, 30), number(row.whole), is_nan(row.no_change) ? "" : "no change: " + number(row.no_change));
    if (!is_nan(row.window)) tile("recently", number(row.window), report_.window > 0 ? "last " + count(report_.window) + " labels" : "");
  }

  std::string main_name() const {
    return report_.metrics.empty() ? "the main metric" : "<b>" + clipped(report_.metrics.front().name, 40) + "</b>";
  }

  void metric() {
    put("<section>\n<h2>Performance over time</h2>\n");
    const bool drawable = std::any_of(report_.series.begin(), report_.series.end(), [](const Series& series) { return !series.empty(); });
    if (!drawable && report_.marks.marks().empty()) {
      put("<p class=\"muted\">Nothing to draw yet: no label has arrived.</p>\n");
    } else {
      std::vector<Reference> references;
      if (!report_.metrics.empty() && is_finite(report_.metrics.front().no_change))
        references.push_back({"no change, all labels", report_.metrics.front().no_change});
      put("<p class=\"sub\">Shown: {}. {}Marks stand beneath the event they happened at{}.</p>\n", main_name(), span_of_time(),
          marks_of("drift") + marks_of("retrain") > 0 ? "; retrains run through the chart as thin lines, drifts as dotted ones" : "");
      metric_chart(out_, report_, events_, references);
      put("<p class=\"note\">Horizontal: event number.</p>\n");
      series_table();
      marks_table();
    }
    metrics_table();
    put("</section>\n");
  }

  std::string span_of_time() const {
    for (const Series& series : report_.series) {
      if (series.empty()) continue;
      const std::string from = when(series.points().front().at);
      const std::string to = when(series.last().at);
      if (!from.empty() && !to.empty()) return from + " to " + to + ". ";
    }
    return "";
  }

  /// The value that holds at `event`: of the last point that is not after it.
  static double held_at(const std::vector<Point>& points, std::uint64_t event) {
    const auto after =
        std::upper_bound(points.begin(), points.end(), event, [](std::uint64_t e, const Point& point) { return e < point.event; });
    return after == points.begin() ? unknown : std::prev(after)->value;
  }

  void series_table() {
    std::vector<Head> heads = {{"event", true}};
    std::vector<std::vector<Point>> lines;
    for (const Series& series : report_.series) {
      if (series.empty() || lines.size() == most_lines) continue;
      heads.push_back({clipped(series.name(), 40), true});
      lines.push_back(series.points());
    }
    if (lines.empty()) return;
    put("<details><summary>The same as a table</summary>\n");
    if (report_.series.size() > lines.size())
      put("<p class=\"note\">{} further series are in the data of this page.</p>\n", report_.series.size() - lines.size());
    begin_table(out_, heads, "The main metric over time");
    for (const Point& point : thinned(lines.front(), most_points)) {
      put("<tr><td class=\"n\">{}</td>", count(point.event));
      for (const auto& line : lines) put("<td class=\"n\">{}</td>", in_column(held_at(line, point.event)));
      put("</tr>\n");
    }
    end_table(out_);
    put("</details>\n");
  }

  void marks_table() {
    const std::vector<Mark>& marks = report_.marks.marks();
    if (marks.empty()) return;
    put("<details><summary>What happened: {} {}</summary>\n", marks.size(), marks.size() == 1 ? "mark" : "marks");
    const std::size_t older = marks.size() - std::min(marks.size(), most_marks);
    if (older + report_.marks.dropped() > 0)
      put("<p class=\"note\">{} older ones are not shown.</p>\n", count(older + report_.marks.dropped()));
    begin_table(out_, {{"event", true}, {"kind", false}, {"what", false}, {"when", false}}, "What happened");
    for (std::size_t i = older; i < marks.size(); ++i)
      put("<tr><td class=\"n\">{}</td><td>{}</td><td class=\"w\">{}</td><td class=\"n\">{}</td></tr>\n", count(marks[i].event),
          clipped(marks[i].kind, 20), clipped(marks[i].text, 160), when(marks[i].at));
    end_table(out_);
    put("</details>\n");
  }

  void metrics_table() {
    if (report_.metrics.empty()) return;
    const std::string window = report_.window > 0 ? "last " + count(report_.window) : "recently";
    put("<h3>Metrics of the served predictions</h3>\n");
    begin_table(out_,
                {{"metric", false},
                 {"all labels", true},
                 {window, true},
                 {"no change", true},
                 {report_.task == Task::regression ? "mean" : "majority", true}},
                "Metrics");
    for (const MetricRow& row : report_.metrics)
      put("<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", &row == &report_.metrics.front() ? " class=\"main\"" : "",
          clipped(row.name, 40), in_column(row.whole), in_column(row.window), in_column(row.no_change), in_column(row.majority));
    end_table(out_);
  }

  void arms() {
    if (report_.arms.empty()) return;
    put("<section>\n<h2>Arms</h2>\n");
    if (!report_.comparison.empty()) put("<p>{}</p>\n", clipped(report_.comparison, most_words));
    std::vector<std::string> names;
    for (const ArmReport& arm : report_.arms)
      for (const Value& metric : arm.metrics)
        if (names.size() < most_arm_metrics && std::find(names.begin(), names.end(), metric.name) == names.end())
          names.push_back(metric.name);
    std::vector<Head> heads = {{"arm", false},  {"learner", false},    {"version", true},
                               {"share", true}, {"predictions", true}, {"labels", true}};
    for (const std::string& name : names) heads.push_back({clipped(name, 24), true});
    heads.push_back({"verdict", false});
    begin_table(out_, heads, "Arms");
    for (const ArmReport& arm : report_.arms) arm_row(arm, names);
    end_table(out_);
    put("</section>\n");
  }

  void arm_row(const ArmReport& arm, const std::vector<std::string>& metrics) {
    put("<tr><td class=\"k\">{}</td><td class=\"k\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>", clipped(arm.name, 60),
        clipped(arm.learner, 60), arm.version == 0 ? number(unknown) : count(arm.version), percent(arm.weight));
    put("<td class=\"n\">{}</td><td class=\"n\">{}</td>", count(arm.predictions), count(arm.labels));
    for (const std::string& name : metrics) {
      const auto found = std::find_if(arm.metrics.begin(), arm.metrics.end(), [&name](const Value& value) { return value.name == name; });
      put("<td class=\"n\">{}</td>", in_column(found == arm.metrics.end() ? unknown : found->value));
    }
    put("<td class=\"k\">{}</td></tr>\n", clipped(arm.verdict, 120));
  }

  void latency() {
    if (report_.predict.count + report_.label.count == 0) return;
    put("<section>\n<h2>Latency</h2>\n");
    put("<p class=\"sub\">The dot is the median; the bar thins at p99 and at p99.9 and ends at the maximum. Logarithmic.</p>\n");
    latency_chart(out_, report_);
    begin_table(out_, {{"call", false}, {"p50", true}, {"p99", true}, {"p99.9", true}, {"maximum", true}, {"calls", true}}, "Latency");
    for (const auto& [name, of] : {std::pair{"predict", report_.predict}, std::pair{"label", report_.label}}) {
      if (of.count == 0) continue;
      put("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
          "class=\"n\">{}</td></tr>\n",
          name, nanoseconds(of.p50), nanoseconds(of.p99), nanoseconds(of.p999), nanoseconds(of.max), count(of.count));
    }
    end_table(out_);
    put("</section>\n");
  }

  void counters() {
    if (report_.counters.empty()) return;
    put("<section>\n<h2>Counters</h2>\n");
    begin_table(out_, {{"name", false}, {"value", true}, {"meaning", false}}, "Counters");
    for (const Sample& sample : report_.counters) {
      std::string labels;
      for (const Label& label : sample.labels) labels += (labels.empty() ? "" : ", ") + label.name + "=" + label.value;
      put("<tr><td class=\"k\">{}{}</td><td class=\"n\">{}</td><td class=\"w\">{}</td></tr>\n", clipped(sample.name, 80),
          labels.empty() ? "" : " <span class=\"muted\">" + clipped(labels, 80) + "</span>", number(sample.value),
          clipped(sample.help, 160));
    }
    end_table(out_);
    put("</section>\n");
  }

  void configuration() {
    if (report_.configuration.empty()) return;
    put("<section>\n<h2>Configuration</h2>\n");
    begin_table(out_, {{"option", false}, {"value", false}}, "Configuration");
    for (const Setting& setting : report_.configuration)
      put("<tr><td class=\"k\">{}</td><td class=\"w\">{}</td></tr>\n", clipped(setting.key, 80), clipped(setting.value, most_words));
    end_table(out_);
    put("</section>\n");
  }

  void method() {
    put("<section>\n<h2>How this was computed</h2>\n<div class=\"method\"><ul>\n");
    put("<li>Metrics are prequential: each label is compared with the prediction that was served before it was known. \"No change\" "
        "repeats "
        "the last label known at that moment; a learner that does not beat it has learned little.</li>\n");
    drift_method();
    if (report_.predict.count + report_.label.count > 0)
      put("<li>Latency quantiles come from a histogram with cells of 1/64 of their value: never below the true one, at most 1/64 above it. "
          "The maximum is exact.</li>\n");
    put("<li>Long histories are thinned: the further back, and the longer the run, the fewer points stand for it.</li>\n");
    for (const std::string& note : report_.notes) put("<li>{}</li>\n", clipped(note, most_words));
    put("</ul></div>\n</section>\n");
  }

  void drift_method() {
    if (report_.features.empty()) return;
    const DriftSummary& drift = report_.drift;
    if (!drift.binning.empty()) put("<li>{}</li>\n", clipped(drift.binning, most_words));
    put("<li>Moved is the widest gap between the two distribution functions at an edge of the bins: the share of rows that lie on the "
        "other "
        "side of it now. PSI is the sum over bins of (now \xE2\x88\x92 reference) \xC2\xB7 ln(now / reference), of shares; small samples "
        "raise it, so it stands beside what it is without drift. JS is the Jensen-Shannon distance in base 2, KS the largest distance of "
        "the "
        "distribution functions, W<sub>1</sub> the first Wasserstein distance in interquartile ranges of the reference.</li>\n");
    put("<li>An alarm is significant after correction and larger than the least effect: of many features looked at many times, some fall "
        "below any level by chance, and of large samples a difference that matters to nobody does.</li>\n");
    if (drift.assumptions.empty())
      put("<li>P-values assume independent rows: on a stream whose neighbours resemble each other they are too small.</li>\n");
    for (const std::string& assumption : drift.assumptions) put("<li>{}</li>\n", clipped(assumption, most_words));
  }

  const Report& report_;
  Axis events_;
  DriftSection drift_;
  std::string out_;
};

}  // namespace

void begin_table(std::string& out, const std::vector<Head>& heads, std::string_view label) {
  const bool only_numbers = std::all_of(heads.begin() + 1, heads.end(), [](const Head& head) { return head.number; });
  put(out, "<div class=\"scroll\"><table{} aria-label=\"{}\">\n<thead><tr>", only_numbers ? " class=\"nums\"" : "", label);
  for (const Head& head : heads) put(out, "<th{}>{}</th>", head.number && !only_numbers ? " class=\"n\"" : "", head.text);
  out += "</tr></thead>\n<tbody>\n";
}

void end_table(std::string& out) { out += "</tbody></table></div>\n"; }

std::string_view word_of(Severity severity) {
  return severity == Severity::good ? "Good" : (severity == Severity::attention ? "Attention" : "Alarm");
}

std::string_view shape_of(Severity severity) {
  switch (severity) {
    case Severity::good: return "<circle cx=\"5\" cy=\"5\" r=\"4.5\"/>";
    case Severity::attention: return "<polygon points=\"5,0.5 10,9.5 0,9.5\"/>";
    case Severity::alarm: return "<rect x=\"0.5\" y=\"0.5\" width=\"9\" height=\"9\"/>";
  }
  return "";
}

std::string flag_of(bool alarmed) { return alarmed ? "<b class=\"flag\" title=\"alarm\">\xE2\x96\xA0</b>" : ""; }

std::string p_value(double p) { return p < 0.001 ? "&lt; 0.001" : in_column(p); }

std::string to_html(const Report& report) { return Page(report).write(); }

}  // namespace rtml::monitor
