#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/repeats.hpp"

namespace rtml::detail {

/// Adds up what repeats in sparse features, so that a learner moves each weight once. O(nnz); keeps its buffers.
class Merged {
 public:
  /// Makes room for so many features, so that merging need not.
  void reserve(std::size_t features) {
    if (features <= sums_.size()) return;
    sums_.resize(features);
    slots_.assign(std::bit_ceil(2 * features), Slot{});
  }

  /// `sparse` itself when no index repeats under `mask`; else its sums, in the order of first appearance. `extra` features come last.
  std::span<const SparseFeature> operator()(std::span<const SparseFeature> sparse, std::span<const SparseFeature> extra,
                                            std::uint32_t mask) noexcept {
    reserve(sparse.size() + extra.size());
    if (extra.empty() && are_distinct(sparse, mask)) return sparse;
    next_stamp();
    const Finder find(slots_, stamp_);
    std::size_t n = 0;
    for (const auto features : {sparse, extra}) {
      for (const SparseFeature& feature : features) {
        const std::uint32_t index = feature.index & mask;
        const std::size_t place = find(index, n, [&](std::size_t at) { return sums_[at].index; });
        if (place == n) {
          sums_[n++] = {index, feature.value};
        } else {
          sums_[place].value = std::clamp(sums_[place].value + feature.value, -largest_magnitude, largest_magnitude);
        }
      }
    }
    return std::span(sums_).first(n);
  }

  std::size_t memory_bytes() const noexcept { return sums_.capacity() * sizeof(SparseFeature) + slots_.capacity() * sizeof(Slot); }

 private:
  /// An open hash table from index to place, emptied by a new stamp.
  struct Slot {
    std::uint32_t stamp = 0;
    std::uint32_t place = 0;
  };

  bool are_distinct(std::span<const SparseFeature> sparse, std::uint32_t mask) noexcept {
    if (sparse.size() <= most_compared && !may_repeat(sparse.data(), sparse.size(), mask)) return true;
    next_stamp();
    const Finder find(slots_, stamp_);
    for (std::size_t i = 0; i < sparse.size(); ++i)
      if (find(sparse[i].index & mask, i, [&](std::size_t at) { return sparse[at].index & mask; }) != i) return false;
    return true;
  }

  /// Where an index is in the hash table; put at `next` when it is nowhere. Locals of a loop, which its stores cannot change.
  class Finder {
   public:
    Finder(std::span<Slot> slots, std::uint32_t stamp) noexcept
        : slots_(slots.data()), last_(slots.size() - 1), shift_(std::countl_zero(static_cast<std::uint32_t>(last_))), stamp_(stamp) {}

    template <class IndexAt>
    std::size_t operator()(std::uint32_t index, std::size_t next, IndexAt index_at) const noexcept {
      for (std::size_t at = (index * 0x9e3779b1U) >> static_cast<unsigned>(shift_);; at = (at + 1) & last_) {
        Slot& slot = slots_[at];
        if (slot.stamp != stamp_) {
          slot = {stamp_, static_cast<std::uint32_t>(next)};
          return next;
        }
        if (index_at(slot.place) == index) return slot.place;
      }
    }

   private:
    Slot* slots_;
    std::size_t last_;
    int shift_;
    std::uint32_t stamp_;
  };

  void next_stamp() noexcept {
    if (++stamp_ != 0) return;  // a wrapped stamp must not meet an old one
    std::fill(slots_.begin(), slots_.end(), Slot{});
    stamp_ = 1;
  }

  std::vector<SparseFeature> sums_;
  std::vector<Slot> slots_;
  std::uint32_t stamp_ = 0;
};

}  // namespace rtml::detail
