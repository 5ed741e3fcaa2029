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

}  // namespace rtml
