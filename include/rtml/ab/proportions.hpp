#pragma once

#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/stats/intervals.hpp"

namespace rtml::ab {

using stats::Interval;

/// What a test of two proportions says about b - a.
struct ProportionTest {
  double difference = 0.0;  ///< rate of b minus rate of a
  double z = 0.0;           ///< NaN when an arm is empty or nothing varies
  double p_value = 1.0;     ///< two-sided; NaN when z is
  Interval ci;              ///< of the difference
};

/// Do two arms succeed equally often? Standard error pooled for z, unpooled (Wald) for the interval. Assumes independent units, counts of
/// some ten at least on each side, and one look at a time fixed before: looking again and again rejects far more often than the p-value
/// says.
/// Source: A. Agresti, "Categorical Data Analysis" (2002), 3.1.
/// @throws ConfigError unless successes <= n on both sides and confidence is in (0, 1).
RTML_API ProportionTest two_proportion_z_test(std::uint64_t successes_a, std::uint64_t n_a, std::uint64_t successes_b, std::uint64_t n_b,
                                              double confidence = 0.95);

struct SampleRatioTest {
  double chi2 = 0.0;
  double freedom = 0.0;  ///< arms of weight > 0, minus 1
  double p_value = 1.0;  ///< NaN when nothing was counted or one arm has all the weight; 0 when an arm of weight 0 has units
};

/// Did the arms get the units that their weights promise? Pearson's chi-squared test; a small p-value (the field blocks at 0.001) says that
/// routing or logging lost some, and no other figure of the experiment can be trusted.
/// @throws ConfigError unless there is a weight for each count, >= 0, not all 0.
RTML_API SampleRatioTest sample_ratio_test(std::span<const std::uint64_t> counts, std::span<const double> weights);

}  // namespace rtml::ab
