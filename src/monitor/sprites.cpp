#include "sprites.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>

#include "html.hpp"
#include "png.hpp"
#include "ranking.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::monitor {
namespace {

constexpr std::size_t most_columns = 64;      // of a heat strip
constexpr std::size_t most_sprite_bins = 12;  // of a small histogram
constexpr std::size_t levels_high = 10;       // pixels of its tallest bar

// Middle tones: they stand out from white and from black.
constexpr Colour calm = {58, 124, 190, 255};
constexpr Colour alarm = {221, 98, 28, 255};
constexpr Colour grey = {140, 150, 160, 255};

constexpr Colour faded(Colour colour, std::uint8_t alpha) { return {colour.red, colour.green, colour.blue, alpha}; }

int level_of(double effect, double unit) {
  int level = 0;
  for (const double step : heat_steps) level += effect >= step * unit ? 1 : 0;
  return level;
}

void rule(std::string& out, const char* selector, const std::string& png) {
  put(out, "{}{{background-image:url(data:image/png;base64,{})}}\n", selector, base64(png));
}

void heat(std::string& out, const Report& report, const std::vector<const FeatureDrift*>& features) {
  const std::size_t columns = heat_columns(report);
  if (columns == 0) return;
  constexpr std::array<std::uint8_t, heat_levels> alphas = {26, 80, 140, 200, 255};
  std::vector<Colour> palette = {{0, 0, 0, 0}};
  for (const Colour hue : {calm, alarm})
    for (const std::uint8_t alpha : alphas) palette.push_back(faded(hue, alpha));
  std::vector<std::uint8_t> cells;
  std::vector<std::uint8_t> marks;
  const double unit = heat_unit(report);
  for (const FeatureDrift* feature : features) {
    for (const HeatCell& cell : heat_cells(report, *feature)) {
      const int level = level_of(static_cast<double>(cell.effect), unit);
      cells.push_back(cell.effect < 0.0F ? std::uint8_t{0} : static_cast<std::uint8_t>(1 + level + (cell.alarmed ? heat_levels : 0)));
      marks.push_back(cell.alarmed ? 1 : 0);
    }
  }
  rule(out, ".ft i,.m", palette_png(columns, features.size(), 4, palette, cells));
  const std::array<Colour, 2> mark = {Colour{0, 0, 0, 0}, alarm};
  rule(out, ".ft i::after,.m::after", palette_png(columns, features.size(), 1, mark, marks));
}

/// Columns that most features' bins fill one by one.
std::size_t histogram_columns(const std::vector<const FeatureDrift*>& features) {
  std::map<std::size_t, std::size_t> common;
  for (const FeatureDrift* feature : features)
    if (const std::size_t bins = feature->reference.size(); bins > 0) ++common[bins / ((bins + most_sprite_bins - 1) / most_sprite_bins)];
  std::size_t columns = 0;
  std::size_t most = 0;
  for (const auto& [bins, times] : common)
    if (times >= most) columns = bins, most = times;
  return columns;
}

/// `of` in that many columns: neighbours added up where there are too many.
std::vector<double> gathered(const std::vector<double>& of, std::size_t columns) {
  std::vector<double> heights(columns, 0.0);
  for (std::size_t c = 0; c < columns; ++c) {
    const std::size_t from = c * of.size() / columns;
    for (std::size_t b = from; b < std::max(from + 1, (c + 1) * of.size() / columns); ++b) heights[c] += of[b];
  }
  return heights;
}

void histograms(std::string& out, const std::vector<const FeatureDrift*>& features) {
  const std::size_t columns = histogram_columns(features);
  if (columns == 0) return;
  const std::array<Colour, 4> palette = {Colour{0, 0, 0, 0}, faded(grey, 120), calm, {92, 118, 143, 255}};  // nothing, was, is, both
  std::vector<std::uint8_t> pixels(features.size() * levels_high * columns, 0);
  for (std::size_t f = 0; f < features.size(); ++f) {
    const FeatureDrift& feature = *features[f];
    if (feature.reference.empty() || feature.current.size() != feature.reference.size()) continue;
    const std::vector<double> before = gathered(shares(feature.reference), columns);
    const std::vector<double> now = gathered(shares(feature.current), columns);
    double largest = 1e-12;
    for (std::size_t c = 0; c < columns; ++c) largest = std::max({largest, before[c], now[c]});
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t y = 0; y < levels_high; ++y) {
        const double level = (static_cast<double>(y) + 0.5) / static_cast<double>(levels_high);
        const unsigned was = before[c] / largest > level ? 1U : 0U;
        const unsigned is = now[c] / largest > level ? 2U : 0U;
        pixels[(f * levels_high + levels_high - 1 - y) * columns + c] = static_cast<std::uint8_t>(was | is);
      }
  }
  rule(out, ".ft td b", palette_png(columns, features.size() * levels_high, 2, palette, pixels));
}

}  // namespace

double heat_unit(const Report& report) {
  const double least = report.drift.least_effect;
  return is_finite(least) && least > 0.0 ? least : 0.05;
}

std::vector<HeatCell> heat_cells(const Report& report, const FeatureDrift& feature) {
  std::vector<HeatCell> cells(heat_columns(report));
  const HistoryRow row = history_of(report, feature);
  for (std::size_t c = 0; c < cells.size(); ++c)
    for (std::size_t w = c * row.windows / cells.size(); w < (c + 1) * row.windows / cells.size(); ++w) {
      if (row.effects[w] > cells[c].effect) cells[c].effect = row.effects[w];  // a NaN is not
      cells[c].alarmed = cells[c].alarmed || row.alarms[w] != 0;
    }
  return cells;
}

std::size_t heat_columns(const Report& report) { return std::min(most_columns, report.history.windows()); }

std::string sprite_style(const Report& report, const std::vector<const FeatureDrift*>& features) {
  std::string out;
  if (features.empty()) return out;
  heat(out, report, features);
  histograms(out, features);
  put(out, ".drift{{--n:{}}}\n", features.size());
  return out;
}

std::vector<double> shares(const std::vector<double>& counts) {
  const auto usable = [](double count) { return count > 0.0 && count < 1e300; };
  double sum = 0.0;
  for (const double count : counts) sum += usable(count) ? count : 0.0;
  std::vector<double> shares(counts.size());
  for (std::size_t i = 0; i < counts.size(); ++i) shares[i] = usable(counts[i]) && sum < 1e300 ? counts[i] / sum : 0.0;
  return shares;
}

}  // namespace rtml::monitor
