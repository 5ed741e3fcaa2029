#pragma once

#include <limits>

namespace rtml::drift {

/// How far apart two samples are. All NaN when one of them is empty.
///
/// A small p-value says that there is a difference, not that it matters: at n = 1e6 a shift of 0.01 standard deviations gives 1e-7. Alarm
/// when `p_value` is small and `effect` is large.
struct TwoSample {
  double statistic = std::numeric_limits<double>::quiet_NaN();
  double p_value = std::numeric_limits<double>::quiet_NaN();  ///< chance of a statistic as large from equal distributions
  double effect = std::numeric_limits<double>::quiet_NaN();   ///< size of the difference, comparable between sample sizes
};

}  // namespace rtml::drift
