#pragma once

#include <limits>

namespace rtml::stats::detail {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

}  // namespace rtml::stats::detail
