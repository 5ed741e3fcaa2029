#pragma once

#include <algorithm>
#include <cstdint>

#include "rtml/core/finite.hpp"

namespace rtml::drift {

/// Whose definition a detector follows where two are in use.
enum class Rules : std::uint8_t {
  paper,  ///< its paper; a value outside the range that the method assumes is refused and counted
  moa,    ///< MOA's class, alarm for alarm, also on values that the method is not made for
};

/// True when a detector of errors may see `value`: in [0, 1] by the papers, anything usable by MOA.
constexpr bool is_error(double value, Rules rules) noexcept {
  return is_usable(value) && (rules == Rules::moa || (value >= 0.0 && value <= 1.0));
}

/// What MOA's detectors that keep values keep of one: a double cast to a byte in Java goes through a saturated int, of which the low
/// byte stays. The same for 0 and 1.
constexpr double moa_byte(double value) noexcept {
  const auto whole = static_cast<std::int32_t>(std::clamp(value, -2147483648.0, 2147483647.0));
  return static_cast<double>(static_cast<std::int8_t>(static_cast<std::uint32_t>(whole) & 0xffU));
}

}  // namespace rtml::drift
