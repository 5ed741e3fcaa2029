#pragma once

#include <cstddef>
#include <string>

#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// The edge at which the most rows moved, and which way; the category that changed most where there are no edges.
struct Movement {
  bool known = false;   ///< between bins, or into one
  std::size_t bin = 0;  ///< the edge is above it
  bool rose = false;    ///< rows moved to larger values, or the category's share grew
  std::string words;    ///< what follows "3 % moved": " above 3.2", ", most in DE 12 % -> 25 %", " to missing"; escaped
};

Movement movement_of(const FeatureDrift& feature);

/// All that is known of one feature, closed until someone opens it. `id` is what links to it.
void feature_page(std::string& out, const Report& report, const FeatureDrift& feature, std::size_t id);

}  // namespace rtml::monitor
