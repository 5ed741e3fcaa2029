#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/row.hpp"

namespace rtml::stream {

/// A number as a CSV field holds it, in any locale: spaces around it and a leading + are allowed; nothing for text.
RTML_API std::optional<double> parse_number(std::string_view text) noexcept;

/// Event time as a CSV field holds it: unix seconds, milliseconds or microseconds (told apart by their size, 1e11 and 1e14), or
/// "2026-01-31", "2026-01-31 12:30:05.25", with T between and Z after if so written; UTC. Nothing for other text.
RTML_API std::optional<Time> parse_time(std::string_view text) noexcept;

/// Reads comma separated rows below a header line, one by one in bounded memory: RFC 4180 with quotes, newlines inside them and CRLF.
///
/// An empty field is missing. A row that is ragged, too long or badly quoted is left out, counted, and named by its line. Blank lines are
/// skipped. Whatever the bytes are, nothing but these counts comes of it.
class CsvReader {
 public:
  struct Options {
    char separator = ',';
    std::size_t max_line = std::size_t{1} << 20U;  ///< bytes of a row, newlines inside quotes included, in [16, 2^30]
    std::size_t max_columns = 16384;               ///< > 0
    std::size_t max_reasons = 20;                  ///< bad rows that are kept with their reason
  };

  struct BadRow {
    std::uint64_t line = 0;  ///< 1-based, where the row begins
    std::string reason;
  };

  /// @throws IoError when `path` cannot be opened, FormatError when it has no header or names a column twice, ConfigError for an option.
  RTML_API CsvReader(const std::filesystem::path& path, const Options& options);
  explicit CsvReader(const std::filesystem::path& path) : CsvReader(path, Options()) {}

  /// Reads bytes that are already here; `name` stands for the path in messages.
  RTML_API static CsvReader of_text(std::string text, const Options& options, std::string name = "text");
  static CsvReader of_text(std::string text) { return of_text(std::move(text), Options()); }

  std::span<const std::string> columns() const noexcept { return columns_; }

  /// @throws ConfigError that lists the columns there are.
  RTML_API std::size_t column(std::string_view name) const;

  /// Counts what is not a number in `column` from here on.
  void declare_numeric(std::size_t column) { declared_numeric_.at(column) = true; }

  /// Reads the next good row; false at the end. @throws IoError when reading fails.
  RTML_API bool next();

  /// The row that next() read; valid until the next call. Its time is not set.
  Row row() const noexcept { return {{}, numbers_, fields_}; }

  /// Where the row that next() read begins, 1-based.
  std::uint64_t line() const noexcept { return row_line_; }

  std::uint64_t rows() const noexcept { return rows_; }
  std::uint64_t bad_rows() const noexcept { return bad_rows_; }
  std::span<const BadRow> reasons() const noexcept { return reasons_; }

  /// Fields of a declared numeric column that were text.
  std::uint64_t not_numeric(std::size_t column) const noexcept { return not_numeric_[column]; }

  RTML_API std::size_t memory_bytes() const noexcept;

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  enum class Record : std::uint8_t { end, good, bad };

  CsvReader(std::unique_ptr<std::FILE, Close> file, std::string text, std::string name, const Options& options);

  int get();
  int peek();
  bool fill();
  void read_header();
  Record read_record();
  void skip_line();
  Record refuse(std::string reason);
  void end_field(std::size_t begin);
  void parse_fields();

  Options options_;
  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;  // none when reading text
  std::string buffer_;                      // what was read and not yet taken
  std::size_t at_ = 0;
  std::uint64_t line_ = 1;

  std::string record_;             // fields of the current row, unquoted, one after the other
  std::vector<std::size_t> ends_;  // of each field in it
  std::string reason_;             // why it is bad
  std::uint64_t row_line_ = 0;

  std::vector<std::string> columns_;
  std::vector<double> numbers_;
  std::vector<std::string_view> fields_;
  std::vector<bool> declared_numeric_;
  std::vector<std::uint64_t> not_numeric_;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_rows_ = 0;
  std::vector<BadRow> reasons_;
};

}  // namespace rtml::stream
