#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// What the drift monitor promises, and on what its judgement rests. What is unknown, 0 or empty is not shown.
struct DriftSummary {
  double false_alarms_per_row = unknown;   ///< accepted, over all features together
  double expected_false_alarms = unknown;  ///< at most so many in the period, if nothing drifted
  double least_effect = unknown;           ///< smaller ones raise no alarm however sure they are, in [0, 1]
  std::string procedure;                   ///< how many features and many looks are corrected for, in a few words
  std::string reference;                   ///< what the reference is: a name, a date, a file
  std::uint64_t reference_rows = 0;        ///< that it holds
  std::vector<std::uint64_t> window_rows;  ///< of each scale, the one that the figures are of first
  std::uint64_t rows = 0;                  ///< of the period: judged since the reference was taken
  std::uint64_t refused = 0;               ///< rows that were not counted: infinite or far too large
  std::uint64_t configuration = 0;         ///< hash of everything that the figures depend on: equal ones compare
  std::string binning;                     ///< how bins are made and smoothed, one sentence
  std::vector<std::string> assumptions;    ///< one sentence each

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DriftSummary", 1);
    ar(self.false_alarms_per_row, self.expected_false_alarms, self.least_effect, self.procedure, self.reference, self.reference_rows);
    ar(self.window_rows, self.rows, self.refused, self.configuration, self.binning, self.assumptions);
  }
};

}  // namespace rtml::monitor
