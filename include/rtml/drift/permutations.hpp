#pragma once

#include <cstddef>
#include <cstdint>

namespace rtml::drift {

/// How a p-value is found where no formula knows it: by the share of `count` random relabellings of the pooled values whose statistic is at
/// least as large, (k + 1) / (count + 1) and so never 0. Exact for any count when nothing drifts; the same seed gives the same value.
/// Source: B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Statistical Applications in Genetics 9 (2010), 39.
struct Permutations {
  std::size_t count = 999;  ///< 0: no p-value, NaN
  std::uint64_t seed = 1;
};

}  // namespace rtml::drift
