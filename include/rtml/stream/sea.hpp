#pragma once

#include <array>

#include "rtml/core/error.hpp"
#include "rtml/stream/java_random.hpp"

namespace rtml::stream {

/// SEA concepts: three attributes uniform in [0, 10), label 1 when the first two sum to more than theta, the third says nothing; some
/// labels are flipped. The rows of MOA's SEAGenerator, bit for bit.
/// Source: W. N. Street, Y. Kim, "A streaming ensemble algorithm (SEA) for large-scale classification", KDD 2001.
class Sea {
 public:
  struct Options {
    double theta = 8.0;     ///< the paper's concepts: 8, 9, 7 and 9.5
    int noise = 10;         ///< percent of labels flipped, in [0, 100]
    std::int64_t seed = 1;  ///< of java.util.Random
  };

  struct Example {
    std::array<double, 3> x{};
    int y = 0;
  };

  Sea() : Sea(Options{}) {}

  /// @throws ConfigError
  explicit Sea(const Options& options) : options_(options), random_(options.seed) {
    require("Sea", "theta", options.theta, options.theta >= 0.0 && options.theta <= 20.0, "in [0, 20]");
    require("Sea", "noise", options.noise, options.noise >= 0 && options.noise <= 100, "in [0, 100]");
  }

  Example next() noexcept {
    Example example;
    for (double& value : example.x) value = 10.0 * random_.next_double();
    example.y = example.x[0] + example.x[1] <= options_.theta ? 0 : 1;
    if (1 + random_.next_int(100) <= options_.noise) example.y = 1 - example.y;
    return example;
  }

  /// Moves the concept: incremental drift.
  void set_theta(double theta) noexcept { options_.theta = theta; }

 private:
  Options options_;
  JavaRandom random_;
};

}  // namespace rtml::stream
