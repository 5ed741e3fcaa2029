#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "rtml/core/outcome.hpp"
#include "rtml/core/task.hpp"

namespace rtml::metrics {

/// What a learner's scores say beside the truth `y`: `scores` as AnyLearner::predict fills them, `threshold` as AnyLearner::threshold().
/// A `y` that is no class gives an outcome that every metric refuses. O(scores).
/// @pre !scores.empty()
inline Outcome outcome_of(Task task, std::span<const float> scores, float y, float threshold = 0.5F, float weight = 1.0F) noexcept {
  if (task == Task::binary) return Outcome::binary(scores[0], y, threshold, weight);
  if (task == Task::regression) return Outcome::regression(scores[0], y, weight);
  const auto said = static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  const bool is_class = y >= 0.0F && y < static_cast<float>(scores.size()) && static_cast<float>(static_cast<int>(y)) == y;
  if (!is_class) return {scores[0], static_cast<float>(said), std::numeric_limits<float>::quiet_NaN(), weight};
  return Outcome::classes(scores[static_cast<std::size_t>(y)], said, static_cast<int>(y), weight);
}

}  // namespace rtml::metrics
