#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/monitor/report.hpp"

// Figures as HTML. Lines and areas are SVG that stretches with the page; words and numbers stand beside it as text, so that they keep
// their size on a phone.

namespace rtml::monitor {

/// Where values lie on an axis, and the round ones among them.
struct Axis {
  double low = 0.0;
  double high = 1.0;
  std::vector<double> ticks = {};
  std::vector<std::string> names = {};  ///< of the ticks

  /// Share of the way from `low` to `high`.
  double place(double value) const { return (value - low) / (high - low); }
};

/// About `target` ticks at 1, 2 or 5 times a power of ten, at least `least_step` apart, inside [low, high]; an empty range is widened.
Axis round_axis(double low, double high, int target, double least_step = 0.0);

/// The events that the figures of a report have in common.
Axis event_axis(const Report& report);

/// A level that lines are compared with.
struct Reference {
  std::string name;
  double value;
};

/// Where a share of the way along an axis lies in a picture of 4000 by 1000.
long across(double share);
long down(double share);

/// Lines at the ticks.
void grid(std::string& out, const Axis& x, const Axis& y);

/// The names of the ticks, beneath and beside a picture.
void event_ticks(std::string& out, const Axis& events);
void value_ticks(std::string& out, const Axis& values);

/// The main metric over time, and the lanes of marks beneath it.
void metric_chart(std::string& out, const Report& report, const Axis& events, const std::vector<Reference>& references);

/// "0.5 to 1.2", "below 0.5", a category, "bin 3"; not escaped.
std::string bin_name(const FeatureDrift& feature, std::size_t bin);

/// From the median to the maximum on a logarithmic axis.
void latency_chart(std::string& out, const Report& report);

/// How many series a chart draws.
inline constexpr std::size_t most_lines = 6;

}  // namespace rtml::monitor
