#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/permutations.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

enum class MmdEstimator : std::uint8_t {
  unbiased,  ///< over all pairs of different rows: 0 on the average when nothing drifts, and sometimes below; O((n + m)^2)
  biased,    ///< over all pairs, a row with itself too: never negative
  linear,    ///< over pairs of pairs of neighbouring rows, for large samples: O(n + m), less power, a normal p-value without permutations
};

struct MmdOptions {
  std::size_t columns = 1;  ///< of a row, >= 1: rows lie one after the other
  MmdEstimator estimator = MmdEstimator::unbiased;
  double bandwidth = 0.0;             ///< sigma of exp(-|u - v|^2 / (2 sigma^2)); 0: the median distance of two pooled rows
  Permutations permutations{199, 1};  ///< of the estimators over all pairs
};

/// Squared maximum mean discrepancy under a Gaussian kernel: sees any difference of two joint distributions, not of columns alone.
///
/// The effect is the root of the unbiased (or linear) estimate, 0 where that is negative; at most sqrt(2). The p-value is by permutations,
/// O(count min(n, m)^2), for `linear` the upper tail of a normal. Columns count by their unit: standardise them. Rows with a missing (NaN)
/// or infinite value are left out.
///
/// Over all pairs it keeps a kernel value for each two rows, 4 (n + m)^2 bytes, and takes at most 8192 rows. `linear` takes min(n, m) rows
/// of each, in the order given, which must not be sorted or dependent. The median distance is that of the first 1000 rows of each.
/// Source: A. Gretton et al., "A kernel two-sample test", J. Machine Learning Research 13 (2012), 723-773, sections 2, 6 and 8.
/// @throws ConfigError for an option out of range, rows that are not whole, or more rows than that.
RTML_API TwoSample mmd(std::span<const double> reference, std::span<const double> current, const MmdOptions& options = {});

}  // namespace rtml::drift
