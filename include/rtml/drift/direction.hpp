#pragma once

#include <cstdint>

namespace rtml::drift {

/// Which change of the mean raises an alarm. On a learner's error, `rise` leaves its improvement alone.
enum class Direction : std::uint8_t { both, rise, fall };

}  // namespace rtml::drift
