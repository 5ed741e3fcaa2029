#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/direction.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

enum class KsMethod : std::uint8_t {
  automatic,   ///< exact while n m <= 1e8 (at most about 0.3 s), else asymptotic
  exact,       ///< by counting lattice paths: O(n m D), O(n m) for one direction; with relative accuracy far into the tail
  asymptotic,  ///< scipy's: that of one sample of n m / (n + m) values, rounded; for one direction Hodges' correction of the limit
  limit,       ///< Kolmogorov's limit, exp(-2 n m D^2 / (n + m)) for one direction: too large when one sample is tiny
};

/// Kolmogorov and Smirnov's largest gap between the distribution functions of two samples. The effect is the gap.
///
/// `both` looks at either side, `rise` only where current values are the larger ones (scipy's "greater": the reference's distribution
/// function lies above), `fall` only where they are the smaller ones.
///
/// Ties count as they stand; they make the p-value too large, never too small. NaN is missing and counts as one value above all
/// others, so that a change of the missing rate shows. `asymptotic` is NaN where n m / (n + m) rounds to 0.
/// Allocates two copies and the merged values; O((n + m) log(n + m)) and the p-value.
/// Source: J. L. Hodges, "The significance probability of the Smirnov two-sample test", Arkiv foer Matematik 3 (1958), 469-486.
RTML_API TwoSample ks(std::span<const double> reference, std::span<const double> current, KsMethod method = KsMethod::automatic,
                      Direction direction = Direction::both);

/// The least level that the statistic of samples of `n` and `m` values reaches with a chance of at most `alpha` when their distributions
/// are equal; 2 when even the largest statistic, 1, is likelier than that. By exact chances while n m <= 1e7 (at most about 0.5 s), else by
/// Kolmogorov's limit.
RTML_API double ks_critical(std::size_t n, std::size_t m, double alpha);

}  // namespace rtml::drift
