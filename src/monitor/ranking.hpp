#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// The features by how much they need a person's eye: those alarmed, then the larger effect, of equal ones the larger PSI; what is
/// unknown last. Statistics that do not compare between features never mix. Borrowed.
inline std::vector<const FeatureDrift*> ranked(const std::vector<FeatureDrift>& features) {
  const auto known = [](double value) { return is_nan(value) ? -1.0 : value; };
  const auto weight = [known](const FeatureDrift* f) { return std::tuple(f->alarmed, known(f->effect), known(f->psi)); };
  std::vector<const FeatureDrift*> order;
  order.reserve(features.size());
  for (const FeatureDrift& feature : features) order.push_back(&feature);
  std::stable_sort(order.begin(), order.end(), [weight](const FeatureDrift* a, const FeatureDrift* b) { return weight(a) > weight(b); });
  return order;
}

/// A feature's part of the history: its row, or nothing when the history is of other features.
struct HistoryRow {
  const float* effects = nullptr;  ///< [windows]
  const std::uint8_t* alarms = nullptr;
  std::size_t windows = 0;
};

inline HistoryRow history_of(const Report& report, const FeatureDrift& feature) {
  const DriftHistory& history = report.history;
  const std::size_t windows = history.windows();
  if (windows == 0 || history.effects.size() != report.features.size() * windows || history.alarms.size() != history.effects.size())
    return {};
  const auto at = static_cast<std::size_t>(&feature - report.features.data()) * windows;
  return {history.effects.data() + at, history.alarms.data() + at, windows};
}

/// Where an event lies among the windows, one apart: window w ends at w, so that the first one lies in [-1, 0].
inline double place_of(const DriftHistory& history, std::uint64_t event) {
  const std::vector<std::uint64_t>& ends = history.ends;
  const auto w = static_cast<std::size_t>(std::lower_bound(ends.begin(), ends.end(), event) - ends.begin());
  if (w == ends.size()) return static_cast<double>(w) - 1.0;
  const std::size_t from = w > 0 ? w : std::min<std::size_t>(1, ends.size() - 1);  // the first window is as long as the second one
  const double length = from > 0 ? static_cast<double>(ends[from] - ends[from - 1]) : 1.0;
  return static_cast<double>(w) - std::clamp(static_cast<double>(ends[w] - event) / std::max(1.0, length), 0.0, 1.0);
}

}  // namespace rtml::monitor
