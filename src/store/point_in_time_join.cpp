#include "rtml/store/point_in_time_join.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rtml/store/detail/row_layout.hpp"

namespace rtml {

namespace {

using detail::EntityNumbers;
using detail::RowLayout;

/// Labels of a view by entity; those of entities that are not there come last.
std::vector<std::uint32_t> by_entity(std::span<const std::uint32_t> entities, std::size_t entity_count) {
  const auto place_of = [entity_count](std::uint32_t entity) { return std::min<std::size_t>(entity, entity_count); };
  std::vector<std::uint32_t> begins(entity_count + 2);
  for (const std::uint32_t entity : entities) ++begins[place_of(entity) + 1];
  for (std::size_t e = 1; e < begins.size(); ++e) begins[e] += begins[e - 1];
  std::vector<std::uint32_t> order(entities.size());
  for (std::size_t i = 0; i < entities.size(); ++i) order[begins[place_of(entities[i])]++] = static_cast<std::uint32_t>(i);
  return order;
}

/// The row of each label.
std::vector<std::uint32_t> match(const JoinSource& source, std::span<const Time> at) {
  const AsOfIndex& index = *source.index;
  std::vector<std::uint32_t> rows = index.history().numbers().find_all(*source.keys);
  for (const std::uint32_t label : by_entity(rows, index.history().entities()))
    rows[label] = rows[label] == EntityNumbers::none ? AsOfIndex::none : index.row_at(rows[label], at[label]);
  return rows;
}

/// Rows of some neighbouring labels: few enough to stay in the cache while each column reads them.
struct Block {
  static constexpr std::size_t labels = 256;

  std::size_t begin = 0;
  std::size_t end = 0;
  std::array<const std::uint64_t*, labels> cells{};
  std::array<ValueStatus, labels> status{};
};

void fetch(Block& block, const History& history, std::span<const std::uint32_t> rows, std::span<const Time> at) {
  for (std::size_t i = block.begin; i < block.end; ++i) {
    const std::size_t place = i - block.begin;
    block.status[place] = ValueStatus::missing;
    if (rows[i] == AsOfIndex::none) continue;
    const bool stale = history.view().is_stale(history.event_time(rows[i]), at[i]);
    block.status[place] = stale ? ValueStatus::stale : ValueStatus::present;
    block.cells[place] = history.cells(rows[i]);
    __builtin_prefetch(block.cells[place]);
  }
}

template <StoredValue From, ReadValue To>
void read_column(const Block& block, std::size_t column, RowLayout::Cell cell, std::vector<To>& values, std::vector<ValueStatus>& status) {
  for (std::size_t i = block.begin; i < block.end; ++i) {
    const std::size_t place = i - block.begin;
    ValueStatus known = block.status[place];
    if (known == ValueStatus::present && RowLayout::is_null(block.cells[place], column)) known = ValueStatus::null;
    status[i] = known;
    values[i] = known == ValueStatus::present ? static_cast<To>(RowLayout::read<From>(block.cells[place], cell)) : no_value<To>;
  }
}

void read_column(const Block& block, std::size_t column, RowLayout::Cell cell, JoinedColumn& out) {
  switch (cell.type) {
    case ValueType::int64:
      read_column<std::int64_t>(block, column, cell, std::get<std::vector<std::int64_t>>(out.values), out.status);
      break;
    case ValueType::float64: read_column<double>(block, column, cell, std::get<std::vector<double>>(out.values), out.status); break;
    case ValueType::float32: read_column<float>(block, column, cell, std::get<std::vector<float>>(out.values), out.status); break;
    case ValueType::boolean: read_column<bool>(block, column, cell, std::get<std::vector<float>>(out.values), out.status); break;
  }
}

JoinedColumn make_column(std::string name, ValueType type, std::size_t labels) {
  JoinedColumn column{std::move(name), {}, std::vector<ValueStatus>(labels)};
  if (type == ValueType::int64) {
    column.values = std::vector<std::int64_t>(labels);
  } else if (type == ValueType::float64) {
    column.values = std::vector<double>(labels);
  } else {
    column.values = std::vector<float>(labels);
  }
  return column;
}

/// Adds the columns of one source.
void join(const JoinSource& source, std::span<const Time> at, std::vector<JoinedColumn>& joined) {
  const History& history = source.index->history();
  const FeatureView& view = history.view();
  require("point_in_time_join", "keys of view \"" + view.name() + "\"", source.keys->size(), source.keys->size() == at.size(),
          "one for each of " + to_text(at.size()) + " labels");
  std::vector<std::size_t> columns;
  for (const std::string& name : source.columns) columns.push_back(view.find(name));
  if (columns.empty())
    for (std::size_t i = 0; i < view.columns().size(); ++i) columns.push_back(i);
  const std::size_t first = joined.size();
  for (const std::size_t column : columns) {
    std::string name = (source.as.empty() ? view.name() : source.as) + "." + view.columns()[column].name;
    const bool is_new = std::none_of(joined.begin(), joined.end(), [&](const JoinedColumn& other) { return other.name == name; });
    require("point_in_time_join", "column", name, is_new, "named once");
    joined.push_back(make_column(std::move(name), view.columns()[column].type, at.size()));
  }
  const std::vector<std::uint32_t> rows = match(source, at);
  Block block;
  for (block.begin = 0; block.begin < at.size(); block.begin = block.end) {
    block.end = std::min(at.size(), block.begin + Block::labels);
    fetch(block, history, rows, at);
    for (std::size_t k = 0; k < columns.size(); ++k) read_column(block, columns[k], view.layout().cells()[columns[k]], joined[first + k]);
  }
}

}  // namespace

JoinedTable point_in_time_join(std::span<const Time> at, std::span<const JoinSource> sources) {
  require("point_in_time_join", "labels", at.size(), at.size() <= History::most_rows, "at most 2^32 - 2");
  std::vector<JoinedColumn> joined;
  for (const JoinSource& source : sources) join(source, at, joined);
  return JoinedTable(std::move(joined));
}

}  // namespace rtml
