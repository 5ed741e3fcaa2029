#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/table.hpp"
#include "rtml/stream/csv_reader.hpp"

namespace rtml::stream {

/// Rows of a CSV by columns, so many at a time: each column as numbers and as text, as CsvReader reads them. Memory is reused from block to
/// block.
///
///     CsvTable block(csv, {.time = "ts"});
///     while (block.next(10'000)) features.transform(block.table(), fitted, windows, out);
class CsvTable {
 public:
  struct Options {
    std::string time = {};  ///< the column of event time, see parse_time; none when empty
  };

  /// `reader` must outlive this; its columns are the table's. @throws ConfigError when the time column is not there
  RTML_API CsvTable(CsvReader& reader, const Options& options);
  explicit CsvTable(CsvReader& reader) : CsvTable(reader, Options()) {}
  CsvTable(const CsvTable&) = delete;  // its table lies in it
  CsvTable& operator=(const CsvTable&) = delete;

  /// Reads up to `rows` good rows; false when there are no more. What was read before is gone. @throws IoError when reading fails
  RTML_API bool next(std::size_t rows);

  /// The rows that next() read; valid until the next call.
  const Table& table() const noexcept { return table_; }

  /// Rows so far whose time was missing or none: they happened no earlier than the row before, as far as anybody knows, and have its time.
  std::uint64_t without_time() const noexcept { return without_time_; }

  RTML_API std::size_t memory_bytes() const noexcept;

 private:
  struct ColumnValues {
    std::vector<double> numbers;
    std::vector<std::string_view> texts;
  };

  void add(const Row& row);
  void look_at_texts();

  CsvReader& reader_;
  std::optional<std::size_t> time_;
  std::vector<ColumnValues> columns_;
  std::string characters_;         // of all fields, row by row
  std::vector<std::size_t> ends_;  // of each field in it
  std::vector<Time> times_;
  Time last_time_{};
  std::uint64_t without_time_ = 0;
  Table table_;
};

}  // namespace rtml::stream
