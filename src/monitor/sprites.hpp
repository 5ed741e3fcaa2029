#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// How many steps a heat map's colour has.
inline constexpr int heat_levels = 5;

/// Where they begin, as a multiple of the least effect that matters.
inline constexpr double heat_steps[heat_levels - 1] = {0.5, 1.0, 2.0, 4.0};

/// What the steps are measured in: the least effect of the monitor, or one of 0.05 when it names none.
double heat_unit(const Report& report);

/// Columns of a feature's heat strip: one a window, or one of several when there are more than 64.
std::size_t heat_columns(const Report& report);

/// One column of a feature's heat strip.
struct HeatCell {
  float effect = -1.0F;  ///< the largest of its windows; negative = not known
  bool alarmed = false;  ///< in one of its windows
};

/// [heat_columns(report)]
std::vector<HeatCell> heat_cells(const Report& report, const FeatureDrift& feature);

/// Rules of style for the heat map of `features`, a row each (class "m", and "i" in a feature table), its alarms (::after) and their
/// histograms ("b" in a feature table). Three pictures hold them all, so that a thousand features fit on a page; transparent where nothing is, so that they stand on any ground.
std::string sprite_style(const Report& report, const std::vector<const FeatureDrift*>& features);

/// Of counts; all 0 when their sum is.
std::vector<double> shares(const std::vector<double>& counts);

}  // namespace rtml::monitor
