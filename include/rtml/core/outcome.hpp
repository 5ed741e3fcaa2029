#pragma once

#include "rtml/core/task.hpp"

namespace rtml {

/// A prediction beside the truth: what metrics count.
struct Outcome {
  float score = 0.0F;      ///< binary: P(y = 1); regression: the predicted value; classes: the probability given to the true class
  float predicted = 0.0F;  ///< what was decided: the label 0 or 1, the value, the class
  float actual = 0.0F;     ///< the truth: label, value or class
  float weight = 1.0F;

  /// Of a binary score: 1 above `threshold`, so that a learner that knows nothing (0.5) says 0.
  static constexpr Outcome binary(float score, float actual, float threshold = 0.5F, float weight = 1.0F) noexcept {
    return {score, score > threshold ? 1.0F : 0.0F, actual, weight};
  }
  static constexpr Outcome regression(float value, float actual, float weight = 1.0F) noexcept { return {value, value, actual, weight}; }
  static constexpr Outcome classes(float probability_of_truth, int predicted, int actual, float weight = 1.0F) noexcept {
    return {probability_of_truth, static_cast<float>(predicted), static_cast<float>(actual), weight};
  }
};

}  // namespace rtml
