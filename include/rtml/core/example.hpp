#pragma once

#include "rtml/core/features.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// One labelled example. Borrowed like its features: valid until who gave it changes.
struct Example {
  Features x;
  float y = 0.0F;       ///< label, value or class
  float weight = 1.0F;  ///< how much it counts, >= 0
  Time at{};            ///< when it happened
};

}  // namespace rtml
