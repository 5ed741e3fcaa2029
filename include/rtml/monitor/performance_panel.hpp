#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/time.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// The model's performance as far as labels tell it, beside what can be said before they come. Every part may be empty.
struct PerformancePanel {
  /// One window of the stream.
  struct Window {
    std::uint64_t end = 0;       ///< event
    Time at{};                   ///< the epoch when the stream has no time
    std::uint64_t rows = 0;      ///< predictions
    std::uint64_t labelled = 0;  ///< of them, so far
    Estimate realised;           ///< from the labels
    Estimate estimated;          ///< without labels, from calibrated scores

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.end, self.at, self.rows, self.labelled, self.realised, self.estimated);
    }
  };

  /// A detector that watches the error of the served model.
  struct Detector {
    std::string name;     ///< with its options
    std::string watches;  ///< "error", "score", ...
    std::uint64_t alarms = 0;
    std::uint64_t last_alarm = 0;  ///< event, of `alarms` > 0
    Time last_alarm_at{};
    std::optional<std::uint64_t> change;  ///< event at which the change is estimated to have begun
    double run_length = unknown;          ///< events between two false alarms on the average, as configured

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.name, self.watches, self.alarms, self.last_alarm, self.last_alarm_at, self.change, self.run_length);
    }
  };

  /// What share of the predictions of one age has a label.
  struct Coverage {
    Duration age{};  ///< at least so old, younger than the next one
    std::uint64_t rows = 0;
    std::uint64_t labelled = 0;

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.age, self.rows, self.labelled);
    }
  };

  /// How long labels take.
  struct Delay {
    double probability = unknown;  ///< in [0, 1]
    Duration delay{};              ///< that this share of the labels did not exceed

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.probability, self.delay);
    }
  };

  std::string metric;
  double alarm_level = unknown;     ///< of the metric: worse than this is an alarm
  std::vector<Window> windows;      ///< oldest first
  std::vector<Detector> detectors;  ///< of the error
  std::vector<Coverage> coverage;   ///< youngest first
  std::vector<Delay> delays;        ///< ascending

  bool empty() const noexcept { return windows.empty() && detectors.empty() && coverage.empty() && delays.empty(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PerformancePanel", 1);
    ar(self.metric, self.alarm_level, self.windows, self.detectors, self.coverage, self.delays);
  }
};

}  // namespace rtml::monitor
