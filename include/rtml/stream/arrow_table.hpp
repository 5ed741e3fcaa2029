#pragma once

#include <span>
#include <string>
#include <utility>

#include "rtml/core/arrow_abi.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/table.hpp"

namespace rtml::stream {

/// A record batch of the Arrow C data interface (a struct of columns), read where it lies: nothing is copied. Owns the array from here on, and
/// calls its release callback at its end; tables over it are valid until then.
///
/// Columns of int8 to int64, uint8 to uint64, float, double, bool, utf8, large utf8, and timestamps in s, ms, us or ns (the time zone is how
/// they are shown: they count from 1970 UTC). Null is missing. Of what the interface tells all is checked: O(1) a column, of text O(n). How large
/// a buffer is it does not tell: there the producer is believed.
class ArrowTable {
 public:
  /// Takes `array` over (its release becomes null); `schema` is only read, and stays the caller's. With `columns` these alone, in this order:
  /// what the others are does not matter.
  /// @throws ConfigError for a column that is not there, of another type, or dictionary-encoded: names it and its format; FormatError for
  /// what no producer may make. `array` then stays the caller's.
  RTML_API ArrowTable(ArrowArray&& array, const ArrowSchema& schema, std::span<const std::string> columns = {});

  ArrowTable(ArrowTable&& other) noexcept : array_(std::exchange(other.array_, ArrowArray{})), table_(std::move(other.table_)) {}
  ArrowTable& operator=(ArrowTable&& other) noexcept {
    std::swap(array_, other.array_);
    std::swap(table_, other.table_);
    return *this;
  }
  ArrowTable(const ArrowTable&) = delete;
  ArrowTable& operator=(const ArrowTable&) = delete;
  ~ArrowTable() {
    if (array_.release != nullptr) array_.release(&array_);
  }

  const Table& table() const noexcept { return table_; }

 private:
  ArrowArray array_{};
  Table table_;
};

}  // namespace rtml::stream
