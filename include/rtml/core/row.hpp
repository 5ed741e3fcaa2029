#pragma once

#include <span>
#include <string_view>

#include "rtml/core/time.hpp"

namespace rtml {

/// An event of columns that are named at run time (a CSV line, a row of an Arrow block). Borrowed: valid during the call.
struct Row {
  Time at{};                               ///< event time; the epoch when the source has none
  std::span<const double> numbers;         ///< [columns]; NaN where missing or not a number
  std::span<const std::string_view> text;  ///< [columns]; as it stood, empty where missing
};

}  // namespace rtml
