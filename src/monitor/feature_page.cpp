#include "feature_page.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "chart.hpp"
#include "html.hpp"
#include "ranking.hpp"
#include "rtml/core/finite.hpp"
#include "sprites.hpp"
#include "text.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_bins = 12;  // in a table

bool has_bins(const FeatureDrift& feature) { return !feature.reference.empty() && feature.current.size() == feature.reference.size(); }

bool has_edges(const FeatureDrift& feature) { return has_bins(feature) && feature.edges.size() == feature.reference.size() + 1; }

/// Whole numbers in a picture 100 high.
long level(double share) { return std::lround(100.0 * std::clamp(share, 0.0, 1.0)); }

/// A bin's part of the PSI, of shares smoothed by half a count.
std::vector<double> contributions(const FeatureDrift& feature) {
  const auto smoothed = [](const std::vector<double>& counts) {
    const auto usable = [](double count) { return count > 0.0 && count < 1e300 ? count : 0.0; };
    double sum = 0.5 * static_cast<double>(counts.size());
    for (const double count : counts) sum += usable(count);
    std::vector<double> shares;
    for (const double count : counts) shares.push_back((usable(count) + 0.5) / sum);
    return shares;
  };
  const std::vector<double> p = smoothed(feature.reference);
  const std::vector<double> q = smoothed(feature.current);
  std::vector<double> parts(p.size());
  for (std::size_t b = 0; b < p.size(); ++b) parts[b] = (q[b] - p[b]) * std::log(q[b] / p[b]);
  return parts;
}

std::vector<double> cumulated(std::vector<double> shares) {
  std::partial_sum(shares.begin(), shares.end(), shares.begin());
  return shares;
}

/// A stepped line from bin to bin.
std::string steps(const std::vector<double>& heights, double largest) {
  std::string path;
  for (std::size_t from = 0, to = 0; from < heights.size(); from = to) {
    const long at = level(heights[from] / largest);
    for (to = from + 1; to < heights.size() && level(heights[to] / largest) == at;) ++to;
    put(path, "V{}h{}", 100 - at, to - from);
  }
  return path;
}

/// Goes on by one to the right, relative to where it was, which takes the fewest characters.
void line_to(std::string& path, long& at, long next, bool first) {
  put(path, "{}1{}{}", first ? "l" : " ", next < at ? "" : " ", next - at);
  at = next;
}

std::string polyline(const std::vector<double>& heights) {
  std::string path = "M0 100";
  long at = 100;
  for (std::size_t b = 0; b < heights.size(); ++b) line_to(path, at, 100 - level(heights[b]), b == 0);
  return path;
}

void begin_figure(std::string& out, const std::string& title, std::size_t columns) {
  put(out, "<figure><figcaption>{}</figcaption><svg viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\">", title, columns);
}

void ends(std::string& out, const std::string& left, const std::string& right) {
  put(out, "<p class=\"ends\"><span>{}</span><span>{}</span></p></figure>\n", left, right);
}

/// A small table of numbers.
void begin_numbers(std::string& out, std::string_view heads) { put(out, "<table><tr><th>{}</th></tr>\n", heads); }

std::string first_bin(const FeatureDrift& feature) { return escaped(bin_name(feature, 0)); }
std::string last_bin(const FeatureDrift& feature) { return escaped(bin_name(feature, feature.reference.size() - 1)); }

void histogram(std::string& out, const FeatureDrift& feature, const std::vector<double>& parts) {
  const std::vector<double> before = shares(feature.reference);
  const std::vector<double> now = shares(feature.current);
  double largest = 1e-12;
  for (std::size_t b = 0; b < before.size(); ++b) largest = std::max({largest, before[b], now[b]});
  begin_figure(out, "Bins, and what each adds to the PSI", before.size());
  const std::string now_line = steps(now, largest);
  put(out, "<path class=\"was\" d=\"M0 100{}V100z\"/><path class=\"is\" d=\"M0 {}{}\"/></svg>", steps(before, largest),
      100 - level(now.front() / largest), now_line);
  const double most = std::max(1e-12, *std::max_element(parts.begin(), parts.end()));
  std::vector<double> hanging;
  for (const double part : parts) hanging.push_back(1.0 - part / most);
  put(out,
      "<svg class=\"low\" viewBox=\"0 0 {} 100\" preserveAspectRatio=\"none\"><path class=\"part\" d=\"M0 "
      "0{}V0z\"/></svg>",
      parts.size(), steps(hanging, 1.0));
  ends(out, first_bin(feature), last_bin(feature));
}

void distribution(std::string& out, const FeatureDrift& feature, const Movement& moved) {
  const std::vector<double> before = cumulated(shares(feature.reference));
  const std::vector<double> now = cumulated(shares(feature.current));
  begin_figure(out, "Rows up to each edge", before.size());
  put(out, "<path class=\"before\" d=\"{}\"/><path class=\"is\" d=\"{}\"/>", polyline(before), polyline(now));
  if (moved.known)
    put(out, "<path class=\"gap\" d=\"M{} {}V{}\"/>", moved.bin + 1, 100 - level(before[moved.bin]), 100 - level(now[moved.bin]));
  out += "</svg>";
  ends(out, first_bin(feature), last_bin(feature));
}

void course(std::string& out, const Report& report, const FeatureDrift& feature) {
  const std::vector<HeatCell> cells = heat_cells(report, feature);
  if (cells.size() < 2) return;
  const double least = report.drift.least_effect;
  double largest = is_finite(least) && least > 0.0 ? 1.5 * least : 0.01;
  for (const HeatCell& cell : cells) largest = std::max(largest, static_cast<double>(cell.effect));
  largest = std::min(1.0, largest);
  begin_figure(out, "Moved, by window; to " + percent(largest), cells.size() - 1);
  std::string line;
  std::string alarms;  // as a bar along the ground
  long at = 0;
  bool begins = true;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (cells[c].effect < 0.0F) continue;
    const long next = 100 - level(static_cast<double>(cells[c].effect) / largest);
    const bool joins = c > 0 && cells[c - 1].effect >= 0.0F;
    if (joins) line_to(line, at, next, begins);
    if (!joins) put(line, "M{} {}", c, next);
    begins = !joins;
    at = next;
  }
  for (std::size_t from = 0, to = 0; from < cells.size(); from = to) {
    for (to = from + 1; to < cells.size() && cells[to].alarmed == cells[from].alarmed;) ++to;
    if (cells[from].alarmed) put(alarms, "M{} 100H{}", from > 0 ? from - 1 : 0, to - 1);
  }
  if (is_finite(least) && least < largest) put(out, "<path class=\"ref\" d=\"M0 {}H{}\"/>", 100 - level(least / largest), cells.size() - 1);
  const auto upright = [&](std::uint64_t event, const char* kind) {
    const double columns = static_cast<double>(cells.size());
    const double place = (place_of(report.history, event) + 1.0) * columns / static_cast<double>(report.history.windows()) - 1.0;
    if (place >= 0.0) put(out, "<path class=\"{}\" d=\"M{:.1f} 0V100\"/>", kind, place);
  };
  if (feature.change) upright(*feature.change, "change");
  if (feature.alarms > 0) upright(feature.first_alarm, "raised");
  put(out, "<path class=\"is\" d=\"{}\"/>", line);
  if (!alarms.empty()) put(out, "<path class=\"alarms\" d=\"{}\"/>", alarms);
  out += "</svg>";
  ends(out, count(report.history.ends.front()), "event " + count(report.history.ends.back()));
}

std::vector<std::size_t> shown_bins(const FeatureDrift& feature, const std::vector<double>& parts) {
  std::vector<std::size_t> bins(parts.size());
  std::iota(bins.begin(), bins.end(), std::size_t{0});
  if (has_edges(feature) && bins.size() <= most_bins) return bins;
  std::stable_sort(bins.begin(), bins.end(), [&parts](std::size_t a, std::size_t b) { return parts[a] > parts[b]; });
  bins.resize(std::min<std::size_t>(bins.size(), has_edges(feature) ? most_bins : 10));
  return bins;
}

void bins_table(std::string& out, const FeatureDrift& feature, const std::vector<double>& parts) {
  const std::vector<double> before = shares(feature.reference);
  const std::vector<double> now = shares(feature.current);
  const std::vector<std::size_t> bins = shown_bins(feature, parts);
  const auto most = static_cast<std::size_t>(std::max_element(parts.begin(), parts.end()) - parts.begin());
  begin_numbers(out, has_edges(feature) ? "bin</th><th>reference, %</th><th>now, %</th><th>adds to PSI"
                                        : "category</th><th>reference, %</th><th>now, %</th><th>adds to PSI");
  for (const std::size_t b : bins)
    put(out, "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{:.3f}</td></tr>", b == most ? " class=\"main\"" : "",
        brief(bin_name(feature, b), 28), hundredths(before[b]), hundredths(now[b]), parts[b]);
  out += "</table>\n";
  if (bins.size() < parts.size()) put(out, "<p class=\"note\">The {} of {} that changed most.</p>\n", bins.size(), parts.size());
}

void quantile_table(std::string& out, const FeatureDrift& feature) {
  const auto known = [](const FeatureDrift::Quantiles& quantiles) {
    return std::any_of(quantiles.begin(), quantiles.end(), [](double value) { return !is_nan(value); });
  };
  if (!known(feature.reference_quantiles) && !known(feature.current_quantiles)) return;
  begin_numbers(out, "quantile</th><th>reference</th><th>now");
  for (std::size_t i = 0; i < FeatureDrift::probabilities.size(); ++i)
    put(out, "<tr><td>p{:.0f}</td><td>{}</td><td>{}</td></tr>", 100.0 * FeatureDrift::probabilities[i],
        in_column(feature.reference_quantiles[i]), in_column(feature.current_quantiles[i]));
  out += "</table>\n";
}

/// The sentences above the figures.
std::string facts(const FeatureDrift& feature) {
  std::string text;
  if (feature.alarms > 0) {
    put(text, "{} event {}", feature.alarmed ? "Alarmed since" : "Last alarm at", count(feature.first_alarm));
    if (const std::string at = when(feature.first_alarm_at); !at.empty()) put(text, " ({})", at);
    if (feature.change && *feature.change <= feature.first_alarm)
      put(text, "; the change began about event {}, {} earlier", count(*feature.change), count(feature.first_alarm - *feature.change));
    text += ".<br/>";
  }
  put(text, "PSI {}", number(feature.psi));
  if (is_finite(feature.psi_null)) put(text, " ({} without drift)", number(feature.psi_null));
  put(text, " \xC2\xB7 JS {} \xC2\xB7 KS {}", number(feature.js), number(feature.ks));
  if (is_finite(feature.wasserstein)) put(text, " \xC2\xB7 W<sub>1</sub> {} IQR", number(feature.wasserstein));
  put(text, " \xC2\xB7 p {}", p_value(feature.p));
  if (!is_nan(feature.adjusted_p)) put(text, ", corrected {}", p_value(feature.adjusted_p));
  if (is_finite(feature.rows)) put(text, " \xC2\xB7 {} rows", number(std::round(feature.rows)));
  if (is_finite(feature.current_missing))
    put(text, " \xC2\xB7 missing {} \xE2\x86\x92 {}", percent(feature.reference_missing), percent(feature.current_missing));
  if (feature.unseen > 0.0) put(text, " \xC2\xB7 {} in unseen categories", percent(feature.unseen));
  if (is_finite(feature.importance)) put(text, " \xC2\xB7 importance {}, impact {}", percent(feature.importance), number(feature.impact()));
  return text;
}

}  // namespace

Movement movement_of(const FeatureDrift& feature) {
  Movement moved;
  const double vanished = feature.current_missing - feature.reference_missing;
  if (std::abs(vanished) > 0.0 && std::abs(vanished) >= feature.effect - 1e-9) {
    moved.words = vanished > 0.0 ? " to missing" : " from missing";
    return moved;
  }
  if (!has_bins(feature)) return moved;
  const std::vector<double> before = shares(feature.reference);
  const std::vector<double> now = shares(feature.current);
  const bool ordered = has_edges(feature);
  const std::vector<double> left = ordered ? cumulated(before) : before;
  const std::vector<double> right = ordered ? cumulated(now) : now;
  const std::size_t last = ordered ? left.size() - 1 : left.size();  // above the last bin lies nothing
  if (last == 0) return moved;
  for (std::size_t b = 0; b < last; ++b)
    if (std::abs(right[b] - left[b]) > std::abs(right[moved.bin] - left[moved.bin])) moved.bin = b;
  if (ordered && feature.effect_edge < last && is_finite(feature.effect)) moved.bin = feature.effect_edge;
  const double change = right[moved.bin] - left[moved.bin];
  if (change == 0.0) return moved;
  moved.known = true;
  moved.rose = ordered ? change < 0.0 : change > 0.0;
  if (ordered) {
    moved.words = (moved.rose ? " above " : " below ") + number(feature.edges[moved.bin + 1]);
  } else {
    moved.words = ", most in " + brief(bin_name(feature, moved.bin), 24) + " " + percent(before[moved.bin]) + " \xE2\x86\x92 " +
                  percent(now[moved.bin]);
  }
  return moved;
}

void feature_page(std::string& out, const Report& report, const FeatureDrift& feature, std::size_t id) {
  const Movement moved = movement_of(feature);
  put(out, "<details><summary>{}{}", flag_of(feature.alarmed), brief(feature.name, 80));
  if (is_finite(feature.effect)) put(out, " <span>{} moved{}</span>", percent(feature.effect), moved.words);
  put(out, "</summary>\n<div class=\"page\" id=\"f{}\">\n<p class=\"sub\">{}</p>\n<div class=\"figures\">\n", id, facts(feature));
  if (has_bins(feature)) {
    const std::vector<double> parts = contributions(feature);
    histogram(out, feature, parts);
    if (has_edges(feature)) distribution(out, feature, moved);
    course(out, report, feature);
    out += "</div><div class=\"tables\">\n";
    bins_table(out, feature, parts);
  } else {
    course(out, report, feature);
    out += "</div><div class=\"tables\">\n";
  }
  quantile_table(out, feature);
  out += "</div></div></details>\n";
}

}  // namespace rtml::monitor
