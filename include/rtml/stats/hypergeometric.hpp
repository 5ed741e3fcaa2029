#pragma once

#include <cstdint>

#include "rtml/core/export.hpp"

namespace rtml::stats {

/// P(X <= x) and P(X >= x).
struct Tails {
  double lower = 1.0;
  double upper = 1.0;

  /// Twice the smaller one, at most 1: a valid p-value of both sides.
  double two_sided() const noexcept {
    const double smaller = lower < upper ? lower : upper;
    return smaller < 0.5 ? 2.0 * smaller : 1.0;
  }
};

/// Of how many marked ones come among `draws` from `population`, of which `marked` are marked, without putting back: what a count in one
/// sample is when it and another are drawn from the same distribution, given both together. Exact, to about 1e-12 relative, far into
/// the tail too. O(square root of the variance) steps; neither allocates nor throws.
/// @pre marked <= population < 2^53, draws <= population
RTML_API Tails hypergeometric_tails(std::uint64_t x, std::uint64_t marked, std::uint64_t draws, std::uint64_t population) noexcept;

}  // namespace rtml::stats
