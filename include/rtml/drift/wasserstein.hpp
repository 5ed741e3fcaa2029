#pragma once

#include <cstdint>
#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/permutations.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

enum class WassersteinScale : std::uint8_t {
  none,       ///< in the unit of the data
  deviation,  ///< over the standard deviation of the reference
  robust,     ///< over its interquartile range / 1.349, the standard deviation of a normal with that range
};

/// Wasserstein's distance of order 1, the area between the distribution functions: how far values moved on the average.
///
/// The effect is always that over a scale of the reference: the robust one, the standard deviation where more than half of the values are
/// one; infinite when the reference has no spread and the values moved. p-value by permutations: O(count (n + m)).
///
/// Ties are as good as other values. What is missing (NaN) or infinite has no place on a line and is left out: watch its rate by ks or psi.
/// Allocates; O((n + m) log(n + m)).
/// Source: S. S. Vallender, "Calculation of the Wasserstein distance between probability distributions on the line", Theory of Probability
/// and its Applications 18 (1974), 784-786.
RTML_API TwoSample wasserstein(std::span<const double> reference, std::span<const double> current,
                               WassersteinScale scale = WassersteinScale::none, const Permutations& permutations = {});

}  // namespace rtml::drift
