#pragma once

#include <array>
#include <cstddef>

#include "rtml/learn/detail/optimizer.hpp"

namespace rtml::detail {

/// The margin of a mean example, by the squared gradients that weights met: a category has the value 1, and its weight's share of them is how
/// often it comes. Joined weights lead further than those of the shards, and most of them the same way; the intercept, which learned beside
/// the shards' weights, has to make up for it. Of values that are not 1 the share is no frequency; what comes that often leads no further.
template <class Optimizer>
class MeanMargin {
  using Cell = std::array<float, Optimizer::fields>;

 public:
  void add(const Cell& cell) noexcept { take(cell, 1.0); }
  void remove(const Cell& cell) noexcept { take(cell, -1.0); }

  /// Moves the intercept, which counts the gradients of every example, to where the mean margin is what it was.
  void keep(const Optimizer& optimizer, Cell& intercept) const noexcept {
    const double examples = static_cast<double>(Optimizer::energy(intercept));
    if (!(examples > 0.0)) return;
    for (std::size_t k = 0; k < Optimizer::lanes; ++k) optimizer.place(intercept, k, clamp_weight(static_cast<float>(sums_[k] / examples)));
  }

 private:
  void take(const Cell& cell, double sign) noexcept {
    for (std::size_t k = 0; k < Optimizer::lanes; ++k)
      sums_[k] += sign * static_cast<double>(Optimizer::energy(cell)) * static_cast<double>(cell[k]);
  }

  std::array<double, Optimizer::lanes> sums_{};
};

}  // namespace rtml::detail
