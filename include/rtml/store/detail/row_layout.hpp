#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/store/value.hpp"

namespace rtml::detail {

/// Where the values of a view's row lie: words that say which are null (a bit for each column), then the values packed by size, largest
/// first, columns of one type in the order in which they were declared. What is null is zero.
class RowLayout {
 public:
  struct Cell {
    ValueType type = ValueType::float32;
    std::uint32_t offset = 0;  // bytes
  };

  RowLayout() = default;
  explicit RowLayout(std::span<const ValueType> types) : null_words_((types.size() + 63) / 64) {
    std::size_t offset = null_words_ * sizeof(std::uint64_t);
    cells_.resize(types.size());
    for (const ValueType type : {ValueType::int64, ValueType::float64, ValueType::float32, ValueType::boolean}) {
      for (std::size_t i = 0; i < types.size(); ++i) {
        if (types[i] != type) continue;
        cells_[i] = {type, static_cast<std::uint32_t>(offset)};
        offset += size_of(type);
      }
    }
    words_ = (offset + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  }

  std::size_t words() const noexcept { return words_; }
  std::size_t null_words() const noexcept { return null_words_; }
  std::span<const Cell> cells() const noexcept { return cells_; }

  static bool is_null(const std::uint64_t* row, std::size_t column) noexcept { return (row[column / 64] >> (column % 64) & 1U) != 0; }

  bool has_nulls(const std::uint64_t* row) const noexcept {
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < null_words_; ++i) any |= row[i];
    return any != 0;
  }

  template <StoredValue T>
  static T read(const std::uint64_t* row, Cell cell) noexcept {
    T value{};
    std::memcpy(&value, reinterpret_cast<const char*>(row) + cell.offset, sizeof(T));
    return value;
  }

  template <StoredValue T>
  static void write(std::uint64_t* row, std::size_t column, Cell cell, T value) noexcept {
    row[column / 64] &= ~(std::uint64_t{1} << (column % 64));
    std::memcpy(reinterpret_cast<char*>(row) + cell.offset, &value, sizeof(T));
  }

  void set_null(std::uint64_t* row, std::size_t column) const noexcept {
    row[column / 64] |= std::uint64_t{1} << (column % 64);
    std::memset(reinterpret_cast<char*>(row) + cells_[column].offset, 0, size_of(cells_[column].type));
  }

  void set_all_null(std::uint64_t* row) const noexcept {
    std::memset(row, 0, words_ * sizeof(std::uint64_t));
    for (std::size_t i = 0; i < cells_.size(); ++i) row[i / 64] |= std::uint64_t{1} << (i % 64);
  }

  /// False for bytes that no row can have; they may come from anywhere.
  bool plausible(std::span<const std::uint64_t> row) const noexcept {
    if (row.size() != words_) return false;
    for (std::size_t i = cells_.size(); i < null_words_ * 64; ++i)
      if (is_null(row.data(), i)) return false;
    for (std::size_t i = 0; i < cells_.size(); ++i)
      if (!plausible(row.data(), cells_[i], is_null(row.data(), i))) return false;
    return true;
  }

 private:
  static bool plausible(const std::uint64_t* row, Cell cell, bool null) noexcept {
    switch (cell.type) {
      case ValueType::int64: return !null || read<std::int64_t>(row, cell) == 0;
      case ValueType::float64: {
        const auto value = read<double>(row, cell);
        return null ? std::bit_cast<std::uint64_t>(value) == 0 : is_finite(value);
      }
      case ValueType::float32: {
        const auto value = read<float>(row, cell);
        return null ? std::bit_cast<std::uint32_t>(value) == 0 : is_finite(value);
      }
      case ValueType::boolean: {
        const auto byte = reinterpret_cast<const unsigned char*>(row)[cell.offset];  // a bool of another value is undefined
        return byte <= (null ? 0 : 1);
      }
    }
    return false;
  }

  std::vector<Cell> cells_;
  std::size_t null_words_ = 0;
  std::size_t words_ = 0;
};

}  // namespace rtml::detail
