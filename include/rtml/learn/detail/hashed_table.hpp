#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/huge_pages.hpp"

namespace rtml::detail {

/// How floats are read and written that only one thread sees while it writes.
struct OwnAccess {
  static float load(const float& from) noexcept { return from; }
  static void store(float& to, float value) noexcept { to = value; }
};

/// How floats are read and written that other threads read and write meanwhile: each by itself, whole.
struct SharedAccess {
  static float load(const float& from) noexcept {
    return std::atomic_ref<float>(const_cast<float&>(from)).load(std::memory_order_relaxed);  // NOLINT: nothing is written
  }
  static void store(float& to, float value) noexcept { std::atomic_ref<float>(to).store(value, std::memory_order_relaxed); }
};

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

  /// The first `Count` fields of a cell.
  template <class Access, std::size_t Count = Fields>
  std::array<float, Count> load(std::uint32_t index) const noexcept {
    std::array<float, Count> fields;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t k = 0; k < Count; ++k) fields[k] = Access::load(cells_[index & mask_].fields[k]);
    return fields;
  }
  template <class Access>
  void store(std::uint32_t index, const std::array<float, Fields>& fields) noexcept {
    for (std::size_t k = 0; k < Fields; ++k) Access::store(cells_[index & mask_].fields[k], fields[k]);
  }

  /// The first cell of a row. @pre !empty()
  Cell* row(std::uint32_t index, std::size_t width) noexcept { return cells_.data() + width * (index & mask_); }
  const Cell* row(std::uint32_t index, std::size_t width) const noexcept { return cells_.data() + width * (index & mask_); }

  /// The cells of a table of width 1 by index, in a loop whose stores could change the table itself.
  template <class C>
  struct Rows {
    C* cells;
    std::uint32_t mask;
    C* operator[](std::uint32_t index) const noexcept { return cells + (index & mask); }
  };
  Rows<Cell> rows() noexcept { return {cells_.data(), mask_}; }
  Rows<const Cell> rows() const noexcept { return {cells_.data(), mask_}; }

  /// Fetches the cells of features into the cache, of a table of width 1. @pre !empty()
  void prefetch(std::span<const SparseFeature> features) const noexcept {
#if defined(__GNUC__)
#pragma GCC unroll 4
    for (const SparseFeature& feature : features) __builtin_prefetch(&cells_[feature.index & mask_]);
#endif
  }

  /// Copies some cells of a table of the same size, of width 1.
  void take(const HashedTable& other, std::span<const std::uint32_t> cells) noexcept {
    constexpr std::size_t ahead = 16;
    for (std::size_t i = 0; i < cells.size(); ++i) {
#if defined(__GNUC__)
      if (i + ahead < cells.size()) {
        __builtin_prefetch(&cells_[cells[i + ahead]], 1);
        __builtin_prefetch(&other.cells_[cells[i + ahead]]);
      }
#endif
      cells_[cells[i]] = other.cells_[cells[i]];
    }
  }

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

}  // namespace rtml::detail
