#include "rtml/stream/csv_table.hpp"

#include <utility>

namespace rtml::stream {

CsvTable::CsvTable(CsvReader& reader, const Options& options) : reader_(reader), columns_(reader.columns().size()) {
  if (!options.time.empty()) time_ = reader.column(options.time);
}

bool CsvTable::next(std::size_t rows) {
  table_ = Table();  // what it looks at goes now, even when reading fails
  for (ColumnValues& column : columns_) {
    column.numbers.clear();
    column.texts.clear();
  }
  characters_.clear();
  ends_.clear();
  times_.clear();
  std::size_t read = 0;
  for (; read < rows && reader_.next(); ++read) add(reader_.row());
  look_at_texts();
  std::vector<TableColumn> columns(columns_.size());
  for (std::size_t i = 0; i < columns.size(); ++i)
    columns[i] = {.name = reader_.columns()[i],
                  .type = TableColumn::Type::number_and_text,
                  .values = columns_[i].numbers.data(),
                  .stride = sizeof(double),
                  .texts = columns_[i].texts.data()};
  table_ = Table(std::move(columns), read);
  if (time_) table_ = table_.with_times(times_);
  return read > 0;
}

void CsvTable::add(const Row& row) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].numbers.push_back(row.numbers[i]);
    characters_ += row.text[i];
    ends_.push_back(characters_.size());
  }
  if (!time_) return;
  if (const auto at = parse_time(row.text[*time_])) {
    last_time_ = *at;
  } else {
    ++without_time_;
  }
  times_.push_back(last_time_);
}

void CsvTable::look_at_texts() {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    columns_[i % columns_.size()].texts.push_back(std::string_view(characters_).substr(begin, ends_[i] - begin));
    begin = ends_[i];
  }
}

std::size_t CsvTable::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) + characters_.capacity() + ends_.capacity() * sizeof(std::size_t) + times_.capacity() * sizeof(Time) +
                      columns_.capacity() * sizeof(ColumnValues);
  for (const ColumnValues& column : columns_)
    bytes += column.numbers.capacity() * sizeof(double) + column.texts.capacity() * sizeof(std::string_view);
  return bytes;
}

}  // namespace rtml::stream
