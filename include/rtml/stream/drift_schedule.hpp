#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/stream/java_random.hpp"

namespace rtml::stream {

/// How a made stream goes from one concept to the next.
enum class Drift : std::uint8_t {
  none,         ///< never
  abrupt,       ///< within some 50 rows
  gradual,      ///< rows of both for a twentieth of the stream
  incremental,  ///< the concept itself moves, through all values between
  recurring,    ///< abruptly, and back
};

/// Which of several concepts, joined one after the other `spacing` rows apart, the next row comes from: of two neighbours the later with
/// probability 1 / (1 + exp(-4 (row - place) / width)). The draws of nested ConceptDriftStreams of MOA, all with seed 1.
/// Source: A. Bifet et al., "New ensemble methods for evolving data streams", KDD 2009, definition 1.
class DriftSchedule {
 public:
  DriftSchedule(std::size_t concepts, std::uint64_t spacing, std::uint64_t width)
      : spacing_(static_cast<double>(spacing)), width_(static_cast<double>(width)), joints_(concepts - 1) {}

  /// The concept of the next row.
  std::size_t next() noexcept {
    for (std::size_t i = 0; i < joints_.size(); ++i) {
      Joint& joint = joints_[i];
      joint.row += 1.0;
      const double later = 1.0 / (1.0 + std::exp(-4.0 * (joint.row - spacing_) / width_));
      if (joint.random.next_double() > later) return i;
    }
    return joints_.size();
  }

 private:
  struct Joint {
    double row = 0.0;  // since the concept before it began to give way
    JavaRandom random{1};
  };

  double spacing_;
  double width_;
  std::vector<Joint> joints_;
};

}  // namespace rtml::stream
