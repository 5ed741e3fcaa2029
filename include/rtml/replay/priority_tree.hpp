#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

namespace rtml::detail {

/// Priorities of n places, drawn from in proportion in O(log n). A binary tree whose inner nodes hold the sum below them, which is made
/// again from the leaves on each path that changes, so that no rounding piles up.
class PriorityTree {
 public:
  /// All leaves are empty.
  explicit PriorityTree(std::size_t capacity = 0) : leaves_(std::bit_ceil(std::max<std::size_t>(capacity, 1))), sums_(2 * leaves_) {}

  /// @pre place < capacity, priority > 0
  void set(std::size_t place, float priority) noexcept {
    std::size_t node = leaves_ + place;
    sums_[node] = static_cast<double>(priority);
    while ((node /= 2) != 0) sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
  }

  float at(std::size_t place) const noexcept { return static_cast<float>(sums_[leaves_ + place]); }
  double total() const noexcept { return sums_[1]; }

  /// The place at which the sum of priorities from place 0 on passes `mass`. @pre something was set, 0 <= mass <= total()
  std::size_t place_of(double mass) const noexcept {
    std::size_t node = 1;
    while (node < leaves_) {
      node *= 2;
      const double left = sums_[node];
      if (mass < left || sums_[node + 1] == 0.0) continue;  // rounding must not lead to where nothing is
      mass -= left;
      ++node;
    }
    return node - leaves_;
  }

  void clear() noexcept { std::fill(sums_.begin(), sums_.end(), 0.0); }

  std::size_t heap_bytes() const noexcept { return sums_.capacity() * sizeof(double); }

 private:
  std::size_t leaves_;
  std::vector<double> sums_;  // [2 leaves]: node 1 is the root, those of node i are 2i and 2i + 1; 0 where nothing is
};

}  // namespace rtml::detail
