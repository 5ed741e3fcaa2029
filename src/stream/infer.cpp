#include "rtml/stream/infer.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "rtml/stream/csv_reader.hpp"

namespace rtml::stream {

std::vector<ColumnSummary> infer(const std::filesystem::path& path, std::uint64_t rows) {
  CsvReader reader(path);
  std::vector<ColumnSummary> summaries;
  for (const std::string& name : reader.columns()) summaries.push_back({.name = name});
  while ((rows == 0 || reader.rows() < rows) && reader.next()) {
    const Row row = reader.row();
    for (std::size_t i = 0; i < summaries.size(); ++i) {
      ColumnSummary& summary = summaries[i];
      const std::string_view text = row.text[i];
      if (text.find_first_not_of(" \t") == std::string_view::npos) {
        ++summary.missing;
        continue;
      }
      const auto number = parse_number(text);
      ++(number ? summary.numbers : summary.texts);
      if (number && std::floor(*number) != *number) summary.whole = false;
      if (summary.more_values || std::find(summary.values.begin(), summary.values.end(), text) != summary.values.end()) continue;
      if (summary.values.size() < ColumnSummary::max_values) {
        summary.values.emplace_back(text);
      } else {
        summary.more_values = true;
      }
    }
  }
  return summaries;
}

Task infer_task(const ColumnSummary& label) {
  if (!label.more_values && label.values.size() <= 2) return Task::binary;
  const bool few = !label.more_values && label.values.size() <= 20;
  return !label.numeric() || (label.whole && few) ? Task::classes : Task::regression;
}

}  // namespace rtml::stream
