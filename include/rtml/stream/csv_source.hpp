#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/stream/csv_reader.hpp"
#include "rtml/stream/source.hpp"

namespace rtml::stream {

/// A CSV file as labelled rows: one column is the label, one may be the event time, the rest are the columns.
///
/// Labels of binary and classes tasks are numbered in order of their value (numbers by size, words by alphabet), so that 0 and 1 stay
/// 0 and 1; the file is read once beforehand to find them. What of a row cannot be used (a label that is no number, a time that is none)
/// is counted, and the row comes without it.
class CsvSource final : public Source {
 public:
  static constexpr std::size_t max_labels = 1024;

  struct Options {
    std::string target = {};                ///< the label column
    std::string time = {};                  ///< of event time, see parse_time; none when empty
    std::vector<std::string> nominal = {};  ///< columns whose numbers are categories
    std::vector<std::string> ignore = {};   ///< columns to leave out
    std::optional<Task> task = {};          ///< inferred from the label when not given
  };

  /// @throws ConfigError for a column that is not there (lists those that are), one that is both target and ignored, labels that do
  /// not suit the task, or what is no regular file (it is read more than once); FormatError for a file without rows or a used column
  /// without a name; and as CsvReader.
  RTML_API CsvSource(const std::filesystem::path& path, const Options& options);

  std::string_view name() const noexcept override { return name_; }
  std::span<const SourceColumn> columns() const noexcept override { return columns_; }
  Task task() const noexcept override { return task_; }
  std::size_t classes() const noexcept override { return task_ == Task::classes ? labels_.size() : 2; }
  RTML_API bool next(Row& row, float& y) override;

  /// What label k stands for in the file; empty for a regression.
  std::span<const std::string> labels() const noexcept { return labels_; }

  /// Lines, bad rows and their reasons, fields that were no numbers.
  const CsvReader& reader() const noexcept { return reader_; }

  /// Rows whose label, or whose time, was missing or not usable.
  std::uint64_t without_label() const noexcept { return without_label_; }
  std::uint64_t without_time() const noexcept { return without_time_; }

 private:
  void find_columns(const std::filesystem::path& path, const Options& options);
  void find_labels(const std::filesystem::path& path);
  float label_of(std::string_view text) const noexcept;

  CsvReader reader_;
  std::string name_;
  Task task_ = Task::regression;
  std::size_t target_ = 0;
  std::optional<std::size_t> time_;
  std::vector<SourceColumn> columns_;
  std::vector<std::size_t> places_;  // of each column in the file
  std::vector<std::string> labels_;
  std::vector<double> numbers_;
  std::vector<std::string_view> text_;
  Time last_time_{};
  std::uint64_t without_label_ = 0;
  std::uint64_t without_time_ = 0;
};

}  // namespace rtml::stream
