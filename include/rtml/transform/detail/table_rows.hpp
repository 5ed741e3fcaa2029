#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/table.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/detail/tile_memory.hpp"

namespace rtml::detail {

/// Reads a table, a tile of rows at a time: columns as floats, or whole events. Only what the feature set reads.
class TableRows {
 public:
  /// @throws ConfigError when the set reads a column that is not there, or text as a number
  TableRows(const Table& table, const ColumnsRead& read, TileMemory& memory) : table_(table), read_(read), memory_(memory) {
    check();
    find_blocks();
    memory.numbers.reserve(tile_rows * width());
    memory.texts.reserve(tile_rows * width());
    memory.characters.resize(std::max(memory.characters.size(), texts_read() * tile_rows * TableColumn::longest_number));
  }

  std::size_t size() const noexcept { return table_.size(); }

  /// The rows [begin, begin + count) are asked for from here on.
  void go_to(std::size_t begin, std::size_t count) noexcept {
    begin_ = begin;
    count_ = count;
    have_events_ = false;
  }

  /// Row `row` of the tile, whole.
  const Row& event(std::size_t row) noexcept {
    if (!have_events_) read_events();
    return memory_.rows[row];
  }

  /// Numbers of the tile as numeric() keeps them.
  void numbers(std::size_t column, float* to) noexcept {
    const TableColumn& from = table_.columns()[column];
    const std::size_t first = table_.begin() + begin_;
    const std::size_t block = memory_.block_of[column];
    if (block != memory_.blocks.size()) {
      from_block(memory_.blocks[block], from, first, to);
    } else if (from.type == TableColumn::Type::float32 && from.stride == sizeof(float)) {
      const float* const values = static_cast<const float*>(from.values) + first;
      prefetch_tile(values + tile_rows);
      kernels::from_numbers(values, count_, to);
    } else if (from.type == TableColumn::Type::float64 && from.stride == sizeof(double)) {
      const double* const values = static_cast<const double*>(from.values) + first;
      prefetch_tile(values + tile_rows);
      kernels::from_numbers(values, count_, to);
    } else {
      for (std::size_t row = 0; row < count_; ++row) to[row] = kernels::element::canonical(from.number(first + row));
      return;
    }
    if (from.validity == nullptr) return;
    for (std::size_t row = 0; row < count_; ++row)
      if (!from.present(first + row)) to[row] = std::numeric_limits<float>::quiet_NaN();
  }

  /// Begins to fetch what the next tile needs while this one is computed: no hardware follows so many streams.
  /// Always inlined: g++ 12 takes a function that does nothing else for one that does nothing, and leaves it out.
  [[gnu::always_inline]] static void prefetch(const void* from, std::size_t bytes) noexcept {
    for (std::size_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(static_cast<const char*>(from) + at, 0, 2);
  }
  template <class T, std::size_t... lines>
  [[gnu::always_inline]] static void prefetch_tile(const T* from, std::index_sequence<lines...> /*lines*/) noexcept {
    (__builtin_prefetch(reinterpret_cast<const char*>(from) + lines * cache_line, 0, 2), ...);
  }
  template <class T>
  [[gnu::always_inline]] static void prefetch_tile(const T* from) noexcept {
    prefetch_tile(from, std::make_index_sequence<tile_rows * sizeof(T) / cache_line>());
  }

 private:
  static constexpr std::size_t widest = 64;  // columns of a block: a row of it is four cache lines

  std::size_t width() const noexcept { return table_.columns().size(); }
  std::size_t texts_read() const noexcept { return read_.all ? width() : read_.texts.size(); }

  void check() const {
    const auto columns = table_.columns();
    const auto require_there = [&](std::size_t column) {
      if (column >= columns.size())
        require("Table", "columns", columns.size(), false, "more than " + to_text(column) + ", the column that the feature set reads");
    };
    for (const std::size_t column : read_.numbers) {
      require_there(column);
      if (!columns[column].has_numbers())
        raise(ConfigError("Table: column \"" + columns[column].name + "\" is text, must be numbers as the feature set reads it"));
    }
    for (const std::size_t column : read_.texts) require_there(column);
  }

  static const float* float_at(const TableColumn& column) noexcept {
    const bool in_rows = column.type == TableColumn::Type::float32 && column.stride % static_cast<std::ptrdiff_t>(sizeof(float)) == 0 &&
                         column.stride != sizeof(float);
    return in_rows ? static_cast<const float*>(column.values) : nullptr;
  }

  void find_blocks() {
    const auto columns = table_.columns();
    memory_.blocks.clear();
    memory_.block_of.resize(width());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const float* const values = float_at(columns[i]);
      const bool continues = i > 0 && values != nullptr && !memory_.blocks.empty() &&
                             memory_.block_of[i - 1] == memory_.blocks.size() - 1 && columns[i - 1].stride == columns[i].stride &&
                             float_at(columns[i - 1]) + 1 == values && memory_.blocks.back().columns < widest;
      memory_.block_of[i] = none;
      if (values == nullptr) continue;
      if (!continues) memory_.blocks.push_back({values, columns[i].stride / static_cast<std::ptrdiff_t>(sizeof(float))});
      ++memory_.blocks.back().columns;
      memory_.block_of[i] = memory_.blocks.size() - 1;
    }
    float* tile = memory_.block_columns.room(width() * tile_rows);
    for (RowBlock& block : memory_.blocks) {
      block.tile = tile;
      block.loaded = none;
      tile += block.columns * tile_rows;
    }
    for (const std::size_t column : read_.numbers)
      if (memory_.block_of[column] != none) ++memory_.blocks[memory_.block_of[column]].read;
    for (std::size_t& block : memory_.block_of)  // of a wide block of which little is read, single values are read
      if (block == none || 4 * memory_.blocks[block].read < memory_.blocks[block].columns) block = memory_.blocks.size();
  }

  void from_block(RowBlock& block, const TableColumn& from, std::size_t first, float* to) noexcept {
    const float* const corner = block.first + static_cast<std::ptrdiff_t>(first) * block.stride;
    if (block.loaded != begin_) {
      kernels::rows_to_columns(corner, count_, block.columns, block.stride, block.tile, tile_rows);
      block.loaded = begin_;
    }
    const auto place = static_cast<std::size_t>(static_cast<const float*>(from.values) - block.first);
    // Each column fetches its share of the rows to come.
    const std::size_t share = (tile_rows + block.columns - 1) / block.columns;
    for (std::size_t row = place * share; row < (place + 1) * share && row < tile_rows; ++row)
      prefetch(corner + static_cast<std::ptrdiff_t>(tile_rows + row) * block.stride, block.columns * sizeof(float));
    kernels::from_numbers(block.tile + place * tile_rows, count_, to);
  }

  void read_events() noexcept {
    have_events_ = true;
    if (!std::exchange(any_events_, true)) {  // columns that nobody reads are missing
      memory_.numbers.assign(tile_rows * width(), std::numeric_limits<double>::quiet_NaN());
      memory_.texts.assign(tile_rows * width(), {});
    }
    const std::size_t first = table_.begin() + begin_;
    char* characters = memory_.characters.data();
    const auto read_number = [&](std::size_t column) {
      for (std::size_t row = 0; row < count_; ++row) memory_.numbers[row * width() + column] = table_.columns()[column].number(first + row);
    };
    const auto read_text = [&](std::size_t column) {
      for (std::size_t row = 0; row < count_; ++row, characters += TableColumn::longest_number)
        memory_.texts[row * width() + column] = table_.columns()[column].text(
            first + row, std::span<char, TableColumn::longest_number>(characters, TableColumn::longest_number));
    };
    if (read_.all) {
      for (std::size_t column = 0; column < width(); ++column) {
        read_number(column);
        read_text(column);
      }
    } else {
      for (const std::size_t column : read_.numbers) read_number(column);
      for (const std::size_t column : read_.texts) read_text(column);
    }
    for (std::size_t row = 0; row < count_; ++row)
      memory_.rows[row] = {table_.time(begin_ + row), std::span<const double>(memory_.numbers).subspan(row * width(), width()),
                           std::span<const std::string_view>(memory_.texts).subspan(row * width(), width())};
  }

  static constexpr std::size_t none = ~std::size_t{0};

  const Table& table_;
  const ColumnsRead& read_;
  TileMemory& memory_;
  std::size_t begin_ = 0;
  std::size_t count_ = 0;
  bool have_events_ = false;  // of this tile
  bool any_events_ = false;
};

/// Reads events that lie one after the other.
template <class Event>
class EventRows {
 public:
  EventRows(std::span<const Event> events, const ColumnsRead& /*read*/, TileMemory& /*memory*/) noexcept : events_(events) {}

  std::size_t size() const noexcept { return events_.size(); }
  void go_to(std::size_t begin, std::size_t /*count*/) noexcept { begin_ = begin; }
  const Event& event(std::size_t row) const noexcept { return events_[begin_ + row]; }

 private:
  std::span<const Event> events_;
  std::size_t begin_ = 0;
};

/// What a set over `Event` reads many events of, and how.
template <class Event>
struct BatchRows {
  using Input = std::span<const Event>;
  using Reader = EventRows<Event>;
};
template <>
struct BatchRows<Row> {
  using Input = Table;
  using Reader = TableRows;
};

}  // namespace rtml::detail
