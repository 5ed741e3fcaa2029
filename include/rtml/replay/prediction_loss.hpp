#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "rtml/core/task.hpp"

namespace rtml {

/// By what rehearsal calls an example hard: how far a prediction was from the truth, |y - f| of a regression and of P(y = 1), 1 - P(truth)
/// of classes, the hinge of a binary learner that decides at a margin (threshold 0). Of probabilities it is bounded, unlike log loss, where
/// one wrong label would be drawn again and again. `scores` as AnyLearner::predict fills them; NaN without any, or of a label that is no
/// class. O(1).
inline float prediction_loss(Task task, std::span<const float> scores, float y, float threshold = 0.5F) noexcept {
  if (scores.empty()) return std::numeric_limits<float>::quiet_NaN();
  if (task == Task::classes) {
    if (!(y >= 0.0F && y < static_cast<float>(scores.size()))) return std::numeric_limits<float>::quiet_NaN();
    return std::max(0.0F, 1.0F - scores[static_cast<std::size_t>(y)]);
  }
  if (is_margin(task, threshold)) return std::max(0.0F, 1.0F - (2.0F * y - 1.0F) * scores[0]);
  return std::fabs(y - scores[0]);
}

}  // namespace rtml
