#pragma once

#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

enum class Ties : std::uint8_t {
  midrank,  ///< both distribution functions are taken half-way up their steps: A_akN of the paper
  right,    ///< at the top of the steps: A_kN
};

/// Anderson and Darling's two-sample statistic, which weighs gaps in the tails more than cramer_von_mises does; standardised: less its mean,
/// over its standard deviation, when nothing drifts.
///
/// The p-value is the limit's at the same standard score: neither interpolated nor capped, rough for fewer than 8 values a side. The effect
/// is the root of the mean squared gap in units of sqrt(H (1 - H)), H of the pooled values, less what is there when nothing drifts. NaN is
/// missing and counts as one value above all others. Values that are all one differ in nothing: p = 1. NaN for n + m < 4, where there is no
/// variance. Allocates; O((n + m) log(n + m)).
/// Source: F. W. Scholz, M. A. Stephens, "K-sample Anderson-Darling tests", J. American Statistical Association 82 (1987), 918-924.
RTML_API TwoSample anderson_darling(std::span<const double> reference, std::span<const double> current, Ties ties = Ties::midrank);

}  // namespace rtml::drift
