#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/task.hpp"

namespace rtml::stream {

/// What a look at a CSV column says.
struct ColumnSummary {
  static constexpr std::size_t max_values = 64;

  std::string name;
  std::uint64_t missing = 0;
  std::uint64_t numbers = 0;             ///< fields that are numbers
  std::uint64_t texts = 0;               ///< fields that are neither
  bool whole = true;                     ///< every number is an integer
  std::vector<std::string> values = {};  ///< distinct ones, in order of first sight, up to max_values
  bool more_values = false;              ///< than are in `values`

  /// Nearly all that is there is a number: one stray word among a hundred does not make a category.
  bool numeric() const noexcept { return numbers > 0 && texts * 20 <= numbers; }
};

/// Looks at the first `rows` rows of a CSV file, all when 0. @throws as CsvReader.
RTML_API std::vector<ColumnSummary> infer(const std::filesystem::path& path, std::uint64_t rows = 10'000);

/// The task that a label column suggests: two values are binary; words, or at most 20 whole numbers, are classes; else a regression.
RTML_API Task infer_task(const ColumnSummary& label);

}  // namespace rtml::stream
