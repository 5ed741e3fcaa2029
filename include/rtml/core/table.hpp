#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// A column of a Table, borrowed: numbers at any stride, text, or both. What makes one (table_of, stream::ArrowTable, stream::CsvTable) has
/// checked that all of it can be read.
struct TableColumn {
  enum class Type : std::uint8_t {
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float32,
    float64,
    boolean,            ///< a bit each, from the lowest of a byte
    unix_seconds,       ///< int64 since 1970 UTC; as a number it is unix seconds, whatever the unit
    unix_milliseconds,  ///< so for these
    unix_microseconds,  //
    unix_nanoseconds,   //
    text,               ///< bytes between 32-bit offsets; no number
    large_text,         ///< bytes between 64-bit offsets; no number
    number_and_text     ///< float64 in `values`, std::string_view in `texts`
  };

  std::string name;
  Type type = Type::float64;
  const void* values = nullptr;            ///< numbers, bits, or the offsets of text
  std::ptrdiff_t stride = 0;               ///< bytes from a number to the next
  const void* texts = nullptr;             ///< the bytes of text, or an array of std::string_view
  const std::uint8_t* validity = nullptr;  ///< a bit each, 0 where missing; none: all are there
  std::size_t offset = 0;                  ///< of the first row in bits and offsets

  bool has_numbers() const noexcept { return type != Type::text && type != Type::large_text; }
  bool is_time() const noexcept { return type >= Type::unix_seconds && type <= Type::unix_nanoseconds; }

  bool present(std::size_t row) const noexcept { return validity == nullptr || bit(validity, offset + row); }

  /// NaN where it is missing, or text.
  double number(std::size_t row) const noexcept {
    if (!present(row) || !has_numbers()) return std::numeric_limits<double>::quiet_NaN();
    switch (type) {
      case Type::int8: return static_cast<double>(at<std::int8_t>(row));
      case Type::uint8: return static_cast<double>(at<std::uint8_t>(row));
      case Type::int16: return static_cast<double>(at<std::int16_t>(row));
      case Type::uint16: return static_cast<double>(at<std::uint16_t>(row));
      case Type::int32: return static_cast<double>(at<std::int32_t>(row));
      case Type::uint32: return static_cast<double>(at<std::uint32_t>(row));
      case Type::int64: return static_cast<double>(at<std::int64_t>(row));
      case Type::uint64: return static_cast<double>(at<std::uint64_t>(row));
      case Type::float32: return static_cast<double>(at<float>(row));
      case Type::boolean: return bit(static_cast<const std::uint8_t*>(values), offset + row) ? 1.0 : 0.0;
      case Type::unix_seconds: return static_cast<double>(at<std::int64_t>(row));
      case Type::unix_milliseconds: return static_cast<double>(at<std::int64_t>(row)) / 1e3;
      case Type::unix_microseconds: return static_cast<double>(at<std::int64_t>(row)) / 1e6;
      case Type::unix_nanoseconds: return static_cast<double>(at<std::int64_t>(row)) / 1e9;
      default: return at<double>(row);
    }
  }

  static constexpr std::size_t longest_number = 32;  ///< characters of a number as text

  /// As it stood; of a column of numbers the shortest text that reads back as the number, written to `room`. Empty where it is missing, as
  /// NaN is; of a timestamp its count, in its unit.
  std::string_view text(std::size_t row, std::span<char, longest_number> room) const noexcept {
    if (!present(row)) return {};
    if ((type == Type::float32 || type == Type::float64) && is_nan(number(row))) return {};
    switch (type) {
      case Type::text: return between<std::int32_t>(row);
      case Type::large_text: return between<std::int64_t>(row);
      case Type::number_and_text: return static_cast<const std::string_view*>(texts)[offset + row];
      case Type::boolean: return number(row) != 0.0 ? "true" : "false";
      case Type::float32: return written(at<float>(row), room);
      case Type::float64: return written(at<double>(row), room);
      case Type::int8: return written(at<std::int8_t>(row), room);
      case Type::uint8: return written(at<std::uint8_t>(row), room);
      case Type::int16: return written(at<std::int16_t>(row), room);
      case Type::uint16: return written(at<std::uint16_t>(row), room);
      case Type::int32: return written(at<std::int32_t>(row), room);
      case Type::uint32: return written(at<std::uint32_t>(row), room);
      case Type::uint64: return written(at<std::uint64_t>(row), room);
      default: return written(at<std::int64_t>(row), room);
    }
  }

  /// The epoch where it is missing; rounded down to microseconds, and limited to what they hold. @pre is_time()
  Time time(std::size_t row) const noexcept {
    if (!present(row)) return Time{};
    const auto count = at<std::int64_t>(row);
    const auto times = [&](std::int64_t factor) {
      const std::int64_t most = std::numeric_limits<std::int64_t>::max() / factor;
      return Time(Duration((count > most ? most : (count < -most ? -most : count)) * factor));
    };
    switch (type) {
      case Type::unix_seconds: return times(1'000'000);
      case Type::unix_milliseconds: return times(1000);
      case Type::unix_nanoseconds: return Time(Duration(count / 1000 - (count % 1000 < 0 ? 1 : 0)));
      default: return Time(Duration(count));
    }
  }

 private:
  static bool bit(const std::uint8_t* bits, std::size_t at) noexcept { return (bits[at / 8] >> (at % 8) & 1U) != 0U; }

  template <class T>
  T at(std::size_t row) const noexcept {
    T value;
    std::memcpy(&value, static_cast<const char*>(values) + static_cast<std::ptrdiff_t>(row) * stride, sizeof(T));
    return value;
  }

  template <class Offset>
  std::string_view between(std::size_t row) const noexcept {
    const auto* const offsets = static_cast<const Offset*>(values) + offset + row;
    return {static_cast<const char*>(texts) + offsets[0], static_cast<std::size_t>(offsets[1] - offsets[0])};
  }

  template <class T>
  static std::string_view written(T value, std::span<char, longest_number> room) noexcept {
    const char* const end = std::to_chars(room.data(), room.data() + room.size(), value).ptr;
    return {room.data(), static_cast<std::size_t>(end - room.data())};
  }
};

/// n rows of named columns, borrowed: what a feature set over Row reads many events of. Valid while what it was made from lives and keeps its
/// place. Cheap to copy; any number of threads may read one.
class Table {
 public:
  Table() = default;
  Table(std::vector<TableColumn> columns, std::size_t rows)
      : columns_(std::make_shared<const std::vector<TableColumn>>(std::move(columns))), rows_(rows) {}

  std::size_t size() const noexcept { return rows_; }
  bool empty() const noexcept { return rows_ == 0; }
  std::span<const TableColumn> columns() const noexcept { return columns_ == nullptr ? std::span<const TableColumn>() : *columns_; }

  /// The place of a column, as column(i) and text_column(i) know it. @throws ConfigError that lists the columns there are.
  std::size_t column(std::string_view name) const {
    std::string known;
    for (std::size_t i = 0; i < columns().size(); ++i) {
      if (columns()[i].name == name) return i;
      known += (i == 0 ? "" : ", ") + columns()[i].name;
    }
    raise(ConfigError("Table: no column \"" + std::string(name) + "\", there are " + known));
  }

  /// The same rows with these columns in this order, so that a set finds each in its place wherever it lies in a later block.
  /// @throws ConfigError for one that is not there
  Table select(std::span<const std::string> names) const {
    std::vector<TableColumn> chosen;
    for (const std::string& name : names) chosen.push_back(columns()[column(name)]);
    Table table = *this;
    table.columns_ = std::make_shared<const std::vector<TableColumn>>(std::move(chosen));
    return table;
  }

  /// Rows [begin, begin + count), for a thread of its own. @throws ConfigError beyond the end
  Table slice(std::size_t begin, std::size_t count) const {
    require("Table", "slice", begin, begin <= rows_, "within the rows, " + to_text(rows_));
    require("Table", "slice", count, count <= rows_ - begin, "within the rows behind its begin, " + to_text(rows_ - begin));
    Table table = *this;
    table.begin_ += begin;
    table.rows_ = count;
    return table;
  }

  /// Event times, one a row. @throws ConfigError unless there are as many
  Table with_times(std::span<const Time> times) const {
    require("Table", "times", times.size(), times.size() == rows_, "one a row, " + to_text(rows_));
    Table table = *this;
    table.times_ = times;
    table.times_begin_ = begin_;
    table.time_column_.reset();
    return table;
  }

  /// Event times from a column of timestamps, also when it is not selected. @throws ConfigError for a column that is not there or no timestamp
  Table with_times(std::string_view name) const {
    const TableColumn& found = columns()[column(name)];
    require("Table", "times", name, found.is_time(), "a column of timestamps");
    Table table = *this;
    table.time_column_ = std::shared_ptr<const TableColumn>(columns_, &found);
    table.times_ = {};
    return table;
  }

  /// Where row 0 lies in the columns.
  std::size_t begin() const noexcept { return begin_; }

  /// The epoch when the table has none. @pre row < size()
  Time time(std::size_t row) const noexcept {
    if (!times_.empty()) return times_[begin_ - times_begin_ + row];
    return time_column_ == nullptr ? Time{} : time_column_->time(begin_ + row);
  }

 private:
  std::shared_ptr<const std::vector<TableColumn>> columns_;  // none: no columns
  std::shared_ptr<const TableColumn> time_column_;
  std::span<const Time> times_;
  std::size_t times_begin_ = 0;  // the row that times_[0] is of
  std::size_t begin_ = 0;
  std::size_t rows_ = 0;
};

namespace detail {

template <class T>
constexpr TableColumn::Type table_type() noexcept {
  using Type = TableColumn::Type;
  if constexpr (std::same_as<T, float>) return Type::float32;
  if constexpr (std::same_as<T, double>) return Type::float64;
  constexpr std::size_t width = sizeof(T) == 1 ? 0 : (sizeof(T) == 2 ? 2 : (sizeof(T) == 4 ? 4 : 6));
  return static_cast<Type>(width + (std::is_signed_v<T> ? 0 : 1));
}

template <class T>
concept TableNumber = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, long double>;

}  // namespace detail

/// Borrows a block [rows, names.size()] of any numbers at any strides (in elements): row-major, column-major, every second row.
/// @throws ConfigError when `values` is null and there is something to read, or two columns have one name
template <detail::TableNumber T>
Table table_of(const T* values, std::size_t rows, std::span<const std::string> names, std::ptrdiff_t row_stride,
               std::ptrdiff_t column_stride) {
  require("Table", "values", "null", values != nullptr || rows == 0 || names.empty(), "the address of the first row");
  std::vector<TableColumn> columns(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) require("Table", "column", names[i], names[j] != names[i], "named once");
    columns[i].name = names[i];
    columns[i].type = detail::table_type<T>();
    columns[i].values = values == nullptr ? nullptr : values + static_cast<std::ptrdiff_t>(i) * column_stride;
    columns[i].stride = row_stride * static_cast<std::ptrdiff_t>(sizeof(T));
  }
  return {std::move(columns), rows};
}

/// Rows one after the other.
template <detail::TableNumber T>
Table table_of(const T* values, std::size_t rows, std::span<const std::string> names) {
  return table_of(values, rows, names, static_cast<std::ptrdiff_t>(names.size()), 1);
}

}  // namespace rtml
