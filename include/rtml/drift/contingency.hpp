#pragma once

#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

// Tests of two rows of counts over the same categories (drift/histograms.hpp makes them). Categories that neither side has are left out;
// with a single one there is no difference, and p = 1. O(categories), nothing is allocated.

enum class Correction : std::uint8_t {
  none,
  yates,  ///< takes at most 1/2 off each difference where two categories are compared, and nothing where more are: too careful
};

/// Pearson's chi-squared statistic of homogeneity, with (categories - 1) degrees of freedom. The effect is Cramer's V, corrected.
/// Expected counts below 5 make the p-value rough: pool them, or take fisher_exact for two categories.
/// @throws ConfigError when the two have not as many categories; so all of these.
RTML_API TwoSample chi2(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current,
                        Correction correction = Correction::none);

/// The same by the likelihood ratio: 2 sum O ln(O / E).
RTML_API TwoSample g_test(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);

enum class VForm : std::uint8_t {
  corrected,  ///< 0 on the average when nothing drifts, whatever the sample size
  plain,      ///< sqrt(chi2 / N): sqrt((categories - 1) / N) when nothing drifts
};

/// Cramer's V of association between category and sample, in [0, 1], with chi2's p-value. The effect is the corrected one.
/// Source: W. Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", J. Korean Statistical Society 42 (2013), 323-328.
RTML_API TwoSample cramers_v(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current,
                             VForm form = VForm::corrected);

/// Fisher's exact test of two categories: the statistic is the odds ratio (infinite when a side lacks a category), the p-value that of all
/// tables of these margins which are at most as likely. The effect is the difference of the shares. O(deviation of the table).
/// Source: R. A. Fisher, "Statistical Methods for Research Workers" (5th ed., 1934), section 21.02.
/// @throws ConfigError when more than two categories are filled.
RTML_API TwoSample fisher_exact(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);

}  // namespace rtml::drift
