#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

namespace rtml::detail {

/// Priorities of n places: drawn from in proportion, and the smallest one, each in O(log n). A binary tree whose inner nodes hold the sum and
/// the minimum below them; both are made again from the leaves on each path that changes, so that no rounding piles up.
class PriorityTree {
 public:
  /// All leaves are empty.
  explicit PriorityTree(std::size_t capacity = 0)
      : leaves_(std::bit_ceil(std::max<std::size_t>(capacity, 1))), sums_(2 * leaves_), least_(2 * leaves_, none) {}

  /// @pre place < capacity, priority > 0
  void set(std::size_t place, float priority) noexcept {
    std::size_t node = leaves_ + place;
    sums_[node] = static_cast<double>(priority);
    least_[node] = priority;
    while ((node /= 2) != 0) {
      sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
      least_[node] = std::min(least_[2 * node], least_[2 * node + 1]);
    }
  }

  float at(std::size_t place) const noexcept { return least_[leaves_ + place]; }
  double total() const noexcept { return sums_[1]; }
  float least() const noexcept { return least_[1]; }  ///< of those that were set

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

  void clear() noexcept {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    std::fill(least_.begin(), least_.end(), none);
  }

  std::size_t heap_bytes() const noexcept { return sums_.capacity() * sizeof(double) + least_.capacity() * sizeof(float); }

 private:
  static constexpr float none = 3e38F;  // above any priority

  std::size_t leaves_;
  std::vector<double> sums_;  // [2 leaves]: node 1 is the root, those of node i are 2i and 2i + 1
  std::vector<float> least_;  // [2 leaves]
};

}  // namespace rtml::detail
