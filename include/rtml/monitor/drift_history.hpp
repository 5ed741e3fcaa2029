#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/time.hpp"

namespace rtml::monitor {

/// What each feature's effect was in the last windows: feature by window, 5 bytes a cell. Windows come oldest first.
struct DriftHistory {
  std::vector<std::uint64_t> ends;   ///< [windows] event at which a window ended, ascending
  std::vector<Time> at;              ///< [windows], or empty when the stream has no time
  std::vector<float> effects;        ///< [features, windows], features in the order of `Report::features`; NaN = not known
  std::vector<std::uint8_t> alarms;  ///< [features, windows], 1 = significant after correction and above the least effect

  std::size_t windows() const noexcept { return ends.size(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DriftHistory", 1);
    ar(self.ends, self.at, self.effects, self.alarms);
    ar.check(self.at.empty() || self.at.size() == self.ends.size(), "times of windows");
    ar.check(self.ends.empty() ? self.effects.empty() : self.effects.size() % self.ends.size() == 0, "effects");
    ar.check(self.alarms.size() == self.effects.size(), "alarms");
  }
};

}  // namespace rtml::monitor
