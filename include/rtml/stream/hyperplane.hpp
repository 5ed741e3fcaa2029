#pragma once

#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stream/java_random.hpp"

namespace rtml::stream {

/// A rotating hyperplane: attributes uniform in [0, 1), label 1 on one side of it; after each row the weights move by `speed`, each in its
/// own direction, which turns now and then. The rows of MOA's HyperplaneGenerator.
/// Source: G. Hulten, L. Spencer, P. Domingos, "Mining time-changing data streams", KDD 2001.
class Hyperplane {
 public:
  struct Options {
    int attributes = 10;    ///< in [1, 1000]
    int drifting = 2;       ///< how many of the weights move, in [0, attributes]
    double speed = 0.0;     ///< of a weight, a row
    int noise = 5;          ///< percent of labels flipped, in [0, 100]
    int turns = 10;         ///< percent chance that a moving weight turns, in [0, 100]
    std::int64_t seed = 1;  ///< of java.util.Random
  };

  struct Example {
    std::span<const double> x;  ///< [attributes]; valid until the next one
    int y = 0;
  };

  Hyperplane() : Hyperplane(Options{}) {}

  /// @throws ConfigError
  explicit Hyperplane(const Options& options) : options_(options), random_(options.seed) {
    require("Hyperplane", "attributes", options.attributes, options.attributes >= 1 && options.attributes <= 1000, "in [1, 1000]");
    require("Hyperplane", "drifting", options.drifting, options.drifting >= 0 && options.drifting <= options.attributes,
            "in [0, attributes]");
    require("Hyperplane", "speed", options.speed, is_usable(options.speed), "finite");
    require("Hyperplane", "noise", options.noise, options.noise >= 0 && options.noise <= 100, "in [0, 100]");
    require("Hyperplane", "turns", options.turns, options.turns >= 0 && options.turns <= 100, "in [0, 100]");
    const auto attributes = static_cast<std::size_t>(options.attributes);
    x_.resize(attributes);
    directions_.assign(static_cast<std::size_t>(options.drifting), 1.0);
    for (std::size_t i = 0; i < attributes; ++i) weights_.push_back(random_.next_double());
  }

  Example next() noexcept {
    double sum = 0.0;
    double sum_of_weights = 0.0;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      x_[i] = random_.next_double();
      sum += weights_[i] * x_[i];
      sum_of_weights += weights_[i];
    }
    int y = sum >= 0.5 * sum_of_weights ? 1 : 0;
    if (1 + random_.next_int(100) <= options_.noise) y = 1 - y;
    for (std::size_t i = 0; i < directions_.size(); ++i) {
      weights_[i] += directions_[i] * options_.speed;
      if (1 + random_.next_int(100) <= options_.turns) directions_[i] = -directions_[i];
    }
    return {x_, y};
  }

  std::span<const double> weights() const noexcept { return weights_; }

 private:
  Options options_;
  JavaRandom random_;
  std::vector<double> weights_;
  std::vector<double> directions_;  // +1 or -1, of the weights that move
  std::vector<double> x_;
};

}  // namespace rtml::stream
