#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
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

/// Where the cells of a table lie: its own memory, or bytes of a file that somebody keeps, until they are to change.
template <class Cell>
class TableCells {
 public:
  TableCells() = default;
  TableCells(const TableCells& other) : own_(other.own_), file_(other.file_), data_(other.data_), size_(other.size_) {
    if (!file_) data_ = own_.data();
  }
  TableCells(TableCells&& other) noexcept { swap(other); }
  TableCells& operator=(TableCells other) noexcept {
    swap(other);
    return *this;
  }
  ~TableCells() = default;

  void resize(std::size_t size) {
    own_.resize(size);
    data_ = own_.data();
    size_ = size;
  }

  /// Reads them where they lie, as long as `file` does.
  void borrow(const Cell* cells, std::size_t size, std::shared_ptr<const void> file) noexcept {
    file_ = std::move(file);
    data_ = const_cast<Cell*>(cells);  // NOLINT(cppcoreguidelines-pro-type-const-cast): written to only after own()
    size_ = size;
  }

  void copy(const Cell* cells, std::size_t size) {
    own_.assign(cells, cells + size);
    data_ = own_.data();
    size_ = size;
  }

  /// Before the first change: copies what is borrowed.
  void own() {
    if (!file_) return;
    copy(data_, size_);
    file_.reset();
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  Cell* data() noexcept { return data_; }
  const Cell* data() const noexcept { return data_; }
  Cell& operator[](std::size_t i) noexcept { return data_[i]; }
  const Cell& operator[](std::size_t i) const noexcept { return data_[i]; }

  /// Without what is borrowed: processes share it.
  std::size_t memory_bytes() const noexcept { return own_.capacity() * sizeof(Cell); }

 private:
  void swap(TableCells& other) noexcept {
    own_.swap(other.own_);
    file_.swap(other.file_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  std::vector<Cell, HugePageAllocator<Cell>> own_;
  std::shared_ptr<const void> file_;
  Cell* data_ = nullptr;
  std::size_t size_ = 0;
};

/// 2^bits rows of `width` cells of `Fields` floats each, found by hashed index: all that belongs to one weight lies together.
template <std::size_t Fields>
class HashedTable {
  static constexpr std::size_t cell_floats = std::bit_ceil(Fields);

 public:
  struct alignas(cell_floats * sizeof(float)) Cell {
    std::array<float, Fields> fields{};
  };

  void allocate(unsigned bits, std::size_t width = 1) {
    if (!cells_.empty()) return;
    cells_.resize(width << bits);
    mask_ = static_cast<std::uint32_t>((std::size_t{1} << bits) - 1);
  }

  bool empty() const noexcept { return cells_.empty(); }

  /// To be called before the first change of a table that `archive` may have left in a file.
  void own() { cells_.own(); }

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
  std::span<Cell> cells() noexcept { return {cells_.data(), cells_.size()}; }

  std::size_t memory_bytes() const noexcept { return cells_.memory_bytes(); }

  /// Cells that hold something are written with their places; when most do, all cells as they lie. A table of another size is refused before
  /// it is allocated. Cells that are not `sound` are refused. With `may_borrow`, a reader that can leaves them where they are: then whoever
  /// changes the table calls own().
  template <class Self, class Ar, class Sound>
  static void archive(Self& self, Ar& ar, Sound sound, unsigned bits, std::size_t width = 1, bool may_borrow = false) {
    const std::uint32_t version = ar.header("HashedTable", 2);
    std::uint64_t size = self.cells_.size();
    bool whole = false;
    if constexpr (!Ar::reading) {
      const std::size_t count = self.held();
      whole = packed && count * (sizeof(std::uint32_t) + sizeof(Cell)) > self.cells_.size() * sizeof(Cell);
      ar(size, whole);
      if (whole) {
        ar.lasting(std::span(reinterpret_cast<const float*>(self.cells_.data()), self.cells_.size() * Fields));
      } else {
        std::vector<std::uint32_t> held;
        held.reserve(count);
        for (std::size_t i = 0; i < self.cells_.size(); ++i)
          if (holds_something(self.cells_[i])) held.push_back(static_cast<std::uint32_t>(i));
        std::vector<float> values;
        values.reserve(held.size() * Fields);
        for (const std::uint32_t place : held)
          values.insert(values.end(), self.cells_[place].fields.begin(), self.cells_[place].fields.end());
        ar(held, values);
      }
    } else {
      ar(size);
      if (version >= 2) ar(whole);
      ar.check(size == 0 || size == std::uint64_t{width} << bits, "size of the table (saved: of other bits)");
      ar.check(packed || !whole, "form of the table");
      self = HashedTable{};
      if (whole) {
        self.read_whole(ar.template lasting<float>(size * Fields), bits, width, may_borrow);
        for (std::size_t i = 0; i < self.cells_.size(); ++i) ar.check(sound(std::as_const(self.cells_)[i].fields), "weight");
      } else {
        self.read_held(ar, sound, bits, width, size);
      }
    }
  }

 private:
  static constexpr bool packed = cell_floats == Fields;  // no byte of a cell is padding

  static bool holds_something(const Cell& cell) noexcept {
    std::uint32_t any = 0;
    for (const float value : cell.fields) any |= std::bit_cast<std::uint32_t>(value);
    return any != 0;
  }

  /// How many cells hold something.
  std::size_t held() const noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < cells_.size(); ++i) count += holds_something(cells_[i]) ? 1U : 0U;
    return count;
  }

  void read_whole(const auto& numbers, unsigned bits, std::size_t width, bool may_borrow) {
    if (numbers.bytes.empty()) return;
    mask_ = static_cast<std::uint32_t>((std::size_t{1} << bits) - 1);
    const auto* cells = reinterpret_cast<const Cell*>(numbers.bytes.data());
    if (may_borrow && numbers.owner) {
      cells_.borrow(cells, width << bits, numbers.owner);
    } else if (reinterpret_cast<std::uintptr_t>(cells) % alignof(Cell) == 0) {
      cells_.copy(cells, width << bits);  // in one pass
    } else {
      allocate(bits, width);
      std::memcpy(cells_.data(), numbers.bytes.data(), numbers.bytes.size());
    }
  }

  template <class Sound>
  void read_held(auto& ar, Sound sound, unsigned bits, std::size_t width, std::uint64_t size) {
    std::vector<std::uint32_t> places;
    std::vector<float> values;
    ar(places, values);
    ar.check(values.size() == places.size() * Fields, "cells");
    for (std::size_t i = 0; i < places.size(); ++i) ar.check(places[i] < size && (i == 0 || places[i] > places[i - 1]), "place of a cell");
    if (size != 0) allocate(bits, width);
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::array<float, Fields>& fields = cells_[places[i]].fields;
      for (std::size_t k = 0; k < Fields; ++k) fields[k] = values[i * Fields + k];
      ar.check(sound(fields), "weight");
    }
  }

  TableCells<Cell> cells_;
  std::uint32_t mask_ = 0;
};

}  // namespace rtml::detail
