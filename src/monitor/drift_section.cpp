#include "drift_section.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "feature_page.hpp"
#include "html.hpp"
#include "ranking.hpp"
#include "rtml/core/finite.hpp"
#include "sprites.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_rows = 1000;  // features with a row
constexpr std::size_t most_pages = 50;   // features with a page
constexpr std::size_t open_rows = 30;    // that are seen at once
constexpr std::size_t named_strips = 20;
constexpr std::size_t most_lanes = 6;

bool is_output(const FeatureDrift* feature) { return feature->kind >= FeatureDrift::Kind::prediction; }

bool any(const std::vector<const FeatureDrift*>& features, double FeatureDrift::*number) {
  return std::any_of(features.begin(), features.end(), [number](const FeatureDrift* feature) { return is_finite(feature->*number); });
}

/// "1 false alarm in 1,000,000 rows".
std::string rate(double per_row) {
  if (!(per_row > 0.0) || !is_finite(per_row)) return "no false alarm";
  return fmt::format("1 false alarm in {} rows", number(std::round(1.0 / per_row)));
}

/// In few characters, so that small ones differ.
std::string short_p(double p) {
  if (p >= 0.0 && p < 1e-300) return "&lt;1e-300";
  return p >= 0.0 && p < 0.001 ? fmt::format("{:.0e}", p) : in_column(p);
}

std::string missing(const FeatureDrift& feature) {
  const std::string before = hundredths(feature.reference_missing);
  const std::string now = hundredths(feature.current_missing);
  return before == now ? now : before + "\xE2\x86\x92" + now;
}

}  // namespace

DriftSection::DriftSection(const Report& report) : report_(report), order_(ranked(report.features)) {
  const auto features = std::stable_partition(order_.begin(), order_.end(), is_output);
  outputs_ = std::min<std::size_t>(static_cast<std::size_t>(features - order_.begin()), most_rows);
  if (order_.size() > most_rows) order_.resize(most_rows);
  pages_ = std::min(order_.size(), most_pages);
  corrected_ = any(order_, &FeatureDrift::adjusted_p);
  has_missing_ = any(order_, &FeatureDrift::reference_missing) || any(order_, &FeatureDrift::current_missing);
  has_wasserstein_ = any(order_, &FeatureDrift::wasserstein);
  has_unseen_ = any(order_, &FeatureDrift::unseen);
}

std::string DriftSection::style() const { return sprite_style(report_, order_); }

std::size_t DriftSection::alarmed() const {
  return static_cast<std::size_t>(std::count_if(report_.features.begin(), report_.features.end(),
                                                [](const FeatureDrift& column) { return column.is_feature() && column.alarmed; }));
}

std::size_t DriftSection::features() const {
  return static_cast<std::size_t>(
      std::count_if(report_.features.begin(), report_.features.end(), [](const FeatureDrift& column) { return column.is_feature(); }));
}

std::string DriftSection::budget() const {
  const DriftSummary& drift = report_.drift;
  std::string text;
  if (report_.features.empty()) return text;
  put(text, "{} of {} features {} drifted", alarmed(), count(features()), alarmed() == 1 ? "has" : "have");
  for (const FeatureDrift& column : report_.features)
    if (!column.is_feature() && column.alarmed) put(text, ", so have the {}s", name_of(column.kind));
  if (!drift.procedure.empty()) put(text, " ({})", clipped(drift.procedure, 160));
  if (is_finite(drift.false_alarms_per_row)) put(text, "; accepted over them all: {}", rate(drift.false_alarms_per_row));
  if (is_finite(drift.expected_false_alarms)) put(text, ", at most {} expected in this period", number(drift.expected_false_alarms));
  if (is_finite(drift.least_effect)) put(text, "; least effect that matters: {} of the rows", percent(drift.least_effect));
  text += ".";
  return text;
}

std::string DriftSection::basis() const {
  const DriftSummary& drift = report_.drift;
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!text.empty()) text += " \xC2\xB7 ";
    text += part;
  };
  if (report_.features.empty()) return text;
  if (drift.reference_rows > 0) add(fmt::format("reference of {} rows", count(drift.reference_rows)));
  if (drift.reference_rows > 0 && !drift.reference.empty()) put(text, " ({})", clipped(drift.reference, 80));
  std::string windows;
  for (std::size_t i = 0; i < std::min<std::size_t>(drift.window_rows.size(), 8); ++i)
    windows.append(i == 0 ? "" : ", ").append(count(drift.window_rows[i]));
  if (!windows.empty()) add(fmt::format("windows of {} rows", windows));
  if (drift.rows > 0) add(count(drift.rows) + " rows judged");
  if (drift.refused > 0) add(count(drift.refused) + " refused");
  if (drift.configuration != 0) add(fmt::format("configuration {:016x}", drift.configuration));
  return text;
}

void DriftSection::window_ticks(std::string& out) const {
  const DriftHistory& history = report_.history;
  const auto name = [&history](std::size_t w) {
    const std::string at = history.at.size() == history.ends.size() ? when(history.at[w]) : "";
    std::string text = count(history.ends[w]);
    if (!at.empty()) put(text, " <small>{}</small>", at);
    return text;
  };
  put(out, "<div class=\"row\"><span></span><p class=\"ends\"><span>{}</span><span>event {}</span></p></div>\n", name(0),
      name(history.windows() - 1));
}

void DriftSection::alarm_counts(std::string& out) const {
  const std::size_t windows = report_.history.windows();
  std::vector<std::size_t> alarms(windows, 0);
  for (const FeatureDrift& feature : report_.features) {
    const HistoryRow row = history_of(report_, feature);
    for (std::size_t w = 0; w < row.windows; ++w) alarms[w] += row.alarms[w] != 0 ? 1U : 0U;
  }
  const std::size_t most = *std::max_element(alarms.begin(), alarms.end());
  put(out,
      "<div class=\"row\"><span>alarmed, at most {}</span><svg class=\"bars\" viewBox=\"0 0 {} 30\" preserveAspectRatio=\"none\" "
      "role=\"img\" "
      "aria-label=\"Features alarmed in each window, at most {}\"><path class=\"alarmed\" d=\"",
      most, windows, most);
  for (std::size_t w = 0; w < windows; ++w)
    if (alarms[w] > 0) put(out, "M{} 30v-{}h1V30z", w, std::max<std::size_t>(2, 30 * alarms[w] / most));
  out += "\"/></svg></div>\n";
}

/// Where the loop acted: retrains, acknowledgements and the rest, but not the drifts, which the map shows.
void DriftSection::lanes(std::string& out) const {
  std::vector<std::string> kinds;
  for (const Mark& mark : report_.marks.marks())
    if (mark.kind != "drift" && kinds.size() < most_lanes && std::find(kinds.begin(), kinds.end(), mark.kind) == kinds.end())
      kinds.push_back(mark.kind);
  const auto windows = static_cast<double>(report_.history.windows());
  for (const std::string& kind : kinds) {
    std::map<long, std::string> places;
    std::size_t marks = 0;
    for (const Mark& mark : report_.marks.marks()) {
      const double place = place_of(report_.history, mark.event);
      if (mark.kind != kind || place <= -1.0) continue;
      ++marks;
      std::string& text = places[std::lround(400.0 * (place + 1.0) / windows)];
      if (text.empty()) put(text, "event {}: {}", count(mark.event), clipped(mark.text, 80));
    }
    if (marks == 0) continue;
    put(out,
        "<div class=\"row\"><span>{}</span><svg class=\"lane\" viewBox=\"0 0 400 10\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"{} of kind {}\">",
        clipped(kind, 16), marks, clipped(kind, 40));
    for (const auto& [at, text] : places)
      put(out, "<g><title>{}</title><path class=\"hit\" d=\"M{} 0V10\"/><path class=\"mark\" d=\"M{} 1V9\"/></g>", text, at, at);
    out += "</svg></div>\n";
  }
}

void DriftSection::heat_map(std::string& out) const {
  if (heat_columns(report_) == 0) return;
  const double unit = heat_unit(report_);
  put(out,
      "<h3>When it moved</h3>\n<p class=\"sub\">One column a window, the latest on the right: the stronger the colour, the larger the "
      "share of rows that moved. A bar beneath a cell, and orange, say that it was an alarm.</p>\n<ul class=\"legend\">\n");
  for (int l = 0; l < heat_levels; ++l)
    put(out, "<li><span class=\"key k{}\"></span>{}{}</li>\n", l, l == 0 ? "below " : "from ",
        percent(unit * heat_steps[std::max(0, l - 1)]));
  put(out, "<li><span class=\"key ka\"></span>alarm</li>\n</ul>\n<div class=\"heat\">\n");
  alarm_counts(out);
  lanes(out);
  for (std::size_t i = 0; i < std::min(order_.size(), named_strips); ++i)
    put(out, "<div class=\"row\"><span title=\"{}\">{}</span><i class=\"m\" style=\"--r:{}\"></i></div>\n", clipped(order_[i]->name, 80),
        clipped(order_[i]->name, 40), i);
  if (order_.size() > named_strips)
    put(out,
        "<div class=\"row all\"><span>all {}, by rank</span><div class=\"m\" role=\"img\" aria-label=\"Effect of {} features by window, "
        "those that rank first on top\"></div></div>\n",
        count(order_.size()), count(order_.size()));
  window_ticks(out);
  out += "</div>\n";
}

void DriftSection::table(std::string& out, std::size_t first, std::size_t end, const char* label) const {
  put(out,
      "<div class=\"scroll\"><table class=\"ft\" aria-label=\"{}\">\n<thead><tr><th>feature</th><th>over time</th><th>was, now</th>"
      "<th>moved, %</th><th>{}</th><th>PSI</th>",
      label, corrected_ ? "corr. p" : "p");
  if (has_missing_) out += "<th>missing, %</th>";
  if (has_wasserstein_) out += "<th>W<sub>1</sub> / IQR</th>";
  if (has_unseen_) out += "<th>unseen, %</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = first; i < end; ++i) row(out, i);
  out += "</tbody></table></div>\n";
}

void DriftSection::row(std::string& out, std::size_t place) const {
  const FeatureDrift& feature = *order_[place];
  put(out, "<tr{} style=\"--r:{}\"><th>", feature.alarmed ? " class=\"al\"" : "", place);
  if (place < pages_) {
    put(out, "<a href=\"#f{}\">{}</a>", place, brief(feature.name, 48));
  } else {
    out += brief(feature.name, 48);
  }
  put(out, "</th><td><i></i></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>", feature.reference.empty() ? "" : "<b></b>",
      hundredths(feature.effect), short_p(corrected_ ? feature.adjusted_p : feature.p), in_column(feature.psi));
  if (has_missing_) put(out, "<td>{}</td>", missing(feature));
  if (has_wasserstein_) put(out, "<td>{}</td>", in_column(feature.wasserstein));
  if (has_unseen_) put(out, "<td>{}</td>", hundredths(feature.unseen));
  out += "</tr>\n";
}

void DriftSection::pages(std::string& out) const {
  if (pages_ == 0) return;
  put(out,
      "<h3>Feature by feature</h3>\n<p class=\"sub\">Open one to see its bins (reference grey, now as a line), the share of the rows up to "
      "each edge "
      "(reference dashed) with the widest gap, and how it moved: dotted is the least effect that matters, the upright lines are where "
      "the change began and where it was found, the bar beneath is the alarm.</p>\n");
  if (pages_ < order_.size())
    put(out, "<p class=\"note\">The {} that moved most; the others are in the JSON of this report.</p>\n", pages_);
  for (std::size_t i = 0; i < pages_; ++i) feature_page(out, report_, *order_[i], i);
}

void DriftSection::write(std::string& out) const {
  put(out, "<section class=\"drift\">\n<h2>Drift</h2>\n");
  if (order_.empty()) {
    put(out, "<p class=\"muted\">No feature is watched.</p>\n</section>\n");
    return;
  }
  heat_map(out);
  if (outputs_ > 0) {
    put(out, "<h3>What the model says, and what is true</h3>\n");
    table(out, 0, outputs_, "Predictions and labels");
  }
  if (outputs_ < order_.size()) {
    put(out,
        "<h3>Features, those that need a look first</h3>\n<p class=\"sub\">Alarmed ones first, then by the share of the rows that moved. "
        "In the small histograms, grey alone is what the reference had, blue alone is what is new.</p>\n");
    const std::size_t open = std::min(order_.size(), outputs_ + open_rows);
    table(out, outputs_, open, "Features");
    if (open < order_.size()) {
      put(out, "<details><summary>{} more features</summary>\n", count(order_.size() - open));
      table(out, open, order_.size(), "More features");
      put(out, "</details>\n");
    }
  }
  if (order_.size() < report_.features.size())
    put(out, "<p class=\"note\">{} further features are in the JSON of this report.</p>\n", count(report_.features.size() - order_.size()));
  pages(out);
  put(out, "</section>\n");
}

}  // namespace rtml::monitor
