#pragma once

#include <cstdint>
#include <string>

#include "rtml/core/archive.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// How the model does on one part of the stream, beside all the rest of it.
struct Segment {
  std::string name;  ///< "country = NO", "amount in [100, 500)"
  std::uint64_t labels = 0;
  Estimate metric;
  double gap = unknown;         ///< metric here minus metric on the rest
  double adjusted_p = unknown;  ///< of no gap, corrected for all segments
  bool flagged = false;         ///< significant and large enough to matter

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Segment", 1);
    ar(self.name, self.labels, self.metric, self.gap, self.adjusted_p, self.flagged);
  }
};

}  // namespace rtml::monitor
