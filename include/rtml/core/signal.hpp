#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace rtml {

/// A number that a running loop can compute, and that retraining triggers compare: `drift::psi() > 0.2 || metrics::accuracy() < 0.9`.
/// Only its description: whoever evaluates a trigger (the loop) keeps the statistic itself.
struct Signal {
  enum class Source : std::uint8_t {
    metric,    ///< a metric of served predictions, over the last `window` labels
    distance,  ///< between a feature's reference and its last window of values; the largest over the features
    alarms,    ///< how many features have drifted now
    detector,  ///< 1 when a change detector on the error alarmed since the last retraining, else 0
    host,      ///< `read` says
  };

  Source source = Source::metric;
  std::string name = {};              ///< as the room knows it: "average_precision", "psi", "adwin"
  std::size_t window = 1000;          ///< samples; a trigger does not judge before they are there
  std::function<double()> read = {};  ///< of a host signal; NaN = not known

  /// Any number of the host's own.
  static Signal host(std::string name, std::function<double()> read) { return {Source::host, std::move(name), 0, std::move(read)}; }
};

}  // namespace rtml
