#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

enum class KsMethod : std::uint8_t {
  automatic,   ///< exact while n m <= 1e8 (at most about 0.3 s), else asymptotic
  exact,       ///< by counting lattice paths: O(n m D), with relative accuracy far into the tail
  asymptotic,  ///< Kolmogorov's limit: too large when one sample is tiny, never much too small
};

/// Kolmogorov and Smirnov's largest gap between the distribution functions of two samples, either side above. The effect is the gap.
///
/// Ties count as they stand; they make the p-value too large, never too small. NaN is missing and counts as one value above all
/// others, so that a change of the missing rate shows. Allocates two copies; O((n + m) log(n + m)) and the p-value.
/// Source: J. L. Hodges, "The significance probability of the Smirnov two-sample test", Arkiv foer Matematik 3 (1958), 469-486.
RTML_API TwoSample ks(std::span<const double> reference, std::span<const double> current, KsMethod method = KsMethod::automatic);

/// The least level that the statistic of samples of `n` and `m` values reaches with a chance of at most `alpha` when their distributions
/// are equal; 2 when even the largest statistic, 1, is likelier than that. By exact chances while n m <= 1e7 (at most about 0.5 s), else by
/// Kolmogorov's limit.
RTML_API double ks_critical(std::size_t n, std::size_t m, double alpha);

}  // namespace rtml::drift
