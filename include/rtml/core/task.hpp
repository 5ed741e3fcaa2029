#pragma once

#include <cstdint>
#include <string_view>

namespace rtml {

/// What is predicted: P(y = 1) with labels 0 and 1, a number, or one of several classes.
enum class Task : std::uint8_t { binary, regression, classes };

constexpr std::string_view name_of(Task task) noexcept {
  switch (task) {
    case Task::binary: return "binary";
    case Task::regression: return "regression";
    case Task::classes: return "classes";
  }
  return "?";
}

/// Whether scores are margins, of a binary learner that decides at 0 (hinge loss): no probabilities. `threshold` as AnyLearner::threshold().
constexpr bool is_margin(Task task, float threshold) noexcept { return task == Task::binary && threshold <= 0.0F; }

}  // namespace rtml
