#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/huge_pages.hpp"

namespace rtml::detail {

/// 2^bits rows of `width` cells of `Fields` floats each, found by hashed index: all that belongs to one weight lies together.
template <std::size_t Fields>
class HashedTable {
 public:
  struct alignas(std::bit_ceil(Fields) * sizeof(float)) Cell {
    std::array<float, Fields> fields{};
  };

  void allocate(unsigned bits, std::size_t width = 1) {
    if (!cells_.empty()) return;
    cells_.resize(width << bits);
    mask_ = static_cast<std::uint32_t>((std::size_t{1} << bits) - 1);
  }

  bool empty() const noexcept { return cells_.empty(); }

  /// The cell of an index, of a table of width 1. @pre !empty()
  std::array<float, Fields>& operator[](std::uint32_t index) noexcept { return cells_[index & mask_].fields; }
  const std::array<float, Fields>& operator[](std::uint32_t index) const noexcept { return cells_[index & mask_].fields; }

  /// The first cell of a row. @pre !empty()
  Cell* row(std::uint32_t index, std::size_t width) noexcept { return cells_.data() + width * (index & mask_); }
  const Cell* row(std::uint32_t index, std::size_t width) const noexcept { return cells_.data() + width * (index & mask_); }

  std::uint32_t mask() const noexcept { return mask_; }
  std::span<Cell> cells() noexcept { return cells_; }

  std::size_t memory_bytes() const noexcept { return cells_.capacity() * sizeof(Cell); }

  /// Only cells that hold something are written. A table of another size is refused before it is allocated.
  /// Cells that are not `sound` are refused.
  template <class Self, class Ar, class Sound>
  static void archive(Self& self, Ar& ar, Sound sound, unsigned bits, std::size_t width = 1) {
    ar.header("HashedTable", 1);
    std::uint64_t size = self.cells_.size();
    std::vector<std::uint32_t> places;
    std::vector<float> values;
    if constexpr (!Ar::reading) {
      for (std::size_t i = 0; i < self.cells_.size(); ++i) {
        const auto& fields = self.cells_[i].fields;
        if (std::all_of(fields.begin(), fields.end(), [](float value) { return std::bit_cast<std::uint32_t>(value) == 0; })) continue;
        places.push_back(static_cast<std::uint32_t>(i));
        values.insert(values.end(), fields.begin(), fields.end());
      }
    }
    ar(size, places, values);
    if constexpr (Ar::reading) {
      ar.check(size == 0 || size == std::uint64_t{width} << bits, "size of the table (saved: of other bits)");
      ar.check(values.size() == places.size() * Fields, "cells");
      for (std::size_t i = 0; i < places.size(); ++i)
        ar.check(places[i] < size && (i == 0 || places[i] > places[i - 1]), "place of a cell");
      self = HashedTable{};
      if (size != 0) self.allocate(bits, width);
      for (std::size_t i = 0; i < places.size(); ++i) {
        std::array<float, Fields>& fields = self.cells_[places[i]].fields;
        for (std::size_t k = 0; k < Fields; ++k) fields[k] = values[i * Fields + k];
        ar.check(sound(fields), "weight");
      }
    }
  }

 private:
  std::vector<Cell, HugePageAllocator<Cell>> cells_;
  std::uint32_t mask_ = 0;
};

/// Adds up what repeats in sparse features, so that a learner moves each weight once. Keeps its buffer.
class Merged {
 public:
  Merged() { buffer_.reserve(256); }

  /// `sparse` itself when no index repeats under `mask`; else its sums, by index. `extra` features are appended first.
  std::span<const SparseFeature> operator()(std::span<const SparseFeature> sparse, std::span<const SparseFeature> extra,
                                            std::uint32_t mask) noexcept {
    if (extra.empty() && !may_repeat(sparse, mask)) return sparse;
    buffer_.assign(sparse.begin(), sparse.end());
    buffer_.insert(buffer_.end(), extra.begin(), extra.end());
    for (SparseFeature& feature : buffer_) feature.index &= mask;
    if (!may_repeat(buffer_, mask)) return buffer_;
    std::sort(buffer_.begin(), buffer_.end(), [](const SparseFeature& a, const SparseFeature& b) {
      return a.index != b.index ? a.index < b.index : a.value < b.value;  // a total order: the sum does not depend on the input's
    });
    std::size_t kept = 0;
    for (const SparseFeature& feature : buffer_) {
      if (kept > 0 && buffer_[kept - 1].index == feature.index) {
        buffer_[kept - 1].value = std::clamp(buffer_[kept - 1].value + feature.value, -largest_magnitude, largest_magnitude);
      } else {
        buffer_[kept++] = feature;
      }
    }
    buffer_.resize(kept);
    return buffer_;
  }

  std::size_t memory_bytes() const noexcept { return buffer_.capacity() * sizeof(SparseFeature); }

 private:
  /// A Bloom filter of 8192 bits with one hash: false alarms only cost the sort.
  static bool may_repeat(std::span<const SparseFeature> sparse, std::uint32_t mask) noexcept {
    std::array<std::uint64_t, 128> seen{};
    std::uint64_t repeats = 0;
    for (const SparseFeature& feature : sparse) {
      const std::uint32_t hash = ((feature.index & mask) * 0x9e3779b1U) >> 19U;
      const std::uint64_t bit = std::uint64_t{1} << (hash % 64);
      repeats |= seen[hash / 64] & bit;
      seen[hash / 64] |= bit;
    }
    return repeats != 0;
  }

  std::vector<SparseFeature> buffer_;
};

}  // namespace rtml::detail
