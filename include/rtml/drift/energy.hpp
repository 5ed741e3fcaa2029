#pragma once

#include <span>

#include "rtml/core/export.hpp"
#include "rtml/drift/permutations.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

/// Energy distance: sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|), which on a line is sqrt(2 integral (F - G)^2), in the root of the data's unit.
///
/// The effect is its square over 2 E|X - Y|: free of units, 0 for equal distributions, 1 for two different points. p-value by permutations:
/// O(count (n + m)).
///
/// Ties are as good as other values. What is missing (NaN) or infinite has no place on a line and is left out: watch its rate by ks or psi.
/// Allocates; O((n + m) log(n + m)).
/// Source: G. J. Szekely, M. L. Rizzo, "Energy statistics: a class of statistics based on distances", J. Statistical Planning and Inference
/// 143 (2013), 1249-1272.
RTML_API TwoSample energy(std::span<const double> reference, std::span<const double> current, const Permutations& permutations = {});

}  // namespace rtml::drift
