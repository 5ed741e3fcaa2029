#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

// Distances between two histograms over the same bins, or between two samples over `bins` quantile bins of the reference
// (drift/histograms.hpp), where missing values (NaN) have a bin of their own. Those of samples allocate; O((n + m) log n).

/// Population stability index: sum (q - p) ln(q / p), in nats, over counts with 1/2 added to each, so that no bin is infinite.
///
/// The usual levels (0.1, 0.25) hold for large samples only: without any drift it is psi_null_mean on the average, 0.18 for 100 against
/// 100 values in 10 bins. The effect is what it exceeds that mean by, at least 0; the p-value is Yurdakul's, from the chi-squared
/// distribution with bins - 1 degrees of freedom, and takes the edges as given beforehand.
/// Source: B. Yurdakul, "Statistical properties of population stability index", dissertation, Western Michigan University (2018).
/// @throws ConfigError when the two have not as many bins, or bins < 2 for samples.
RTML_API TwoSample psi(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
RTML_API TwoSample psi(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10);

/// What psi is on the average when nothing drifts: (bins - 1)(1 / n + 1 / m).
RTML_API double psi_null_mean(std::size_t bins, double n, double m) noexcept;

enum class JsForm : std::uint8_t {
  distance,    ///< square root of the divergence: a metric; at most 1 in base 2, sqrt(ln 2) in base e
  divergence,  ///< at most 1 in base 2, ln 2 in base e
};

/// Jensen and Shannon's divergence of each distribution from the mean of both, or its root. Without smoothing: empty bins are finite.
///
/// The effect is the distance in base 2, whatever is asked for. The p-value is asymptotic: 8 (divergence in nats) / (1/n + 1/m) follows
/// the chi-squared distribution with (bins filled by either - 1) degrees of freedom when nothing drifts.
/// Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Information Theory 37 (1991), 145-151.
/// @throws ConfigError when the two have not as many bins, base <= 1, or bins < 2 for samples.
RTML_API TwoSample jensen_shannon(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current,
                                  JsForm form = JsForm::distance, double base = 2.0);
RTML_API TwoSample jensen_shannon(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10,
                                  JsForm form = JsForm::distance, double base = 2.0);

/// Kullback and Leibler's divergence of the reference from the current distribution: sum p ln(p / q), in nats; infinite when the current
/// one lacks a bin that the reference fills. Not symmetric.
///
/// p-value and effect are those of the divergence with 1/2 added to each count, so that one empty bin decides nothing: twice it over
/// (1/n + 1/m) follows the chi-squared distribution with bins - 1 degrees of freedom, and the effect is what exceeds its mean when
/// nothing drifts, (bins - 1)(1/n + 1/m) / 2.
/// Source: S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Math. Statistics 22 (1951), 79-86.
/// @throws ConfigError when the two have not as many bins, or bins < 2 for samples.
RTML_API TwoSample kl(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
RTML_API TwoSample kl(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10);

/// Hellinger's distance: sqrt(sum (sqrt p - sqrt q)^2 / 2), in [0, 1], a metric. The effect is the same.
///
/// The p-value is asymptotic: 8 (distance squared) / (1/n + 1/m) follows the chi-squared distribution with (bins filled by either - 1)
/// degrees of freedom when nothing drifts.
/// Source: E. Hellinger, J. reine angewandte Mathematik 136 (1909), 210-271.
/// @throws ConfigError when the two have not as many bins, or bins < 2 for samples.
RTML_API TwoSample hellinger(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
RTML_API TwoSample hellinger(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10);

/// Total variation: sum |p - q| / 2, the largest gap over all sets of bins, in [0, 1]. The effect is the same.
///
/// It has no p-value of its own in closed form; the one given is that of the chi-squared test of the same counts.
/// @throws ConfigError when the two have not as many bins, or bins < 2 for samples.
RTML_API TwoSample total_variation(std::span<const std::uint64_t> reference, std::span<const std::uint64_t> current);
RTML_API TwoSample total_variation(std::span<const double> reference, std::span<const double> current, std::size_t bins = 10);

}  // namespace rtml::drift
