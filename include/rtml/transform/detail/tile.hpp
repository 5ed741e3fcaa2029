#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/detail/table_rows.hpp"
#include "rtml/transform/detail/tile_memory.hpp"

namespace rtml::detail {

template <class Event>
class FeatureProgram;

/// Some rows of a batch, whose features are computed column by column. What a feature computes of an event alone, it is given event by event.
template <class Event>
class Tile {
 public:
  using Reader = typename BatchRows<Event>::Reader;

  /// `statistics`: where those of the first feature are. `windows` may be null when the set has none.
  Tile(const FeatureProgram<Event>& program, Reader& reader, const Cursor& statistics, const EntityWindows* windows, float* columns,
       TileMemory& memory) noexcept
      : program_(program), reader_(reader), statistics_(statistics), windows_(windows), columns_(columns), memory_(memory) {}

  /// Rows [begin, begin + size) of the batch; their dense ones will go to `rows`, or past the caches where it is null.
  void go_to(std::size_t begin, std::size_t size, const float* rows) noexcept {
    reader_.go_to(begin, size);
    rows_ = reinterpret_cast<const char*>(rows);
    size_ = size;
    cursor_ = statistics_;
    next_ = columns_;
    prepared_ = false;
    std::fill_n(memory_.nnz.begin(), size, std::size_t{0});
  }

  std::size_t size() const noexcept { return size_; }
  /// Where the statistics of the feature at work are.
  Cursor& cursor() noexcept { return cursor_; }
  /// The next dense column, [size]. Fetches as much of where the rows will go.
  float* next_column() noexcept {
    if (rows_ != nullptr) {
      for (std::size_t at = 0; at < tile_rows * sizeof(float); at += cache_line) __builtin_prefetch(rows_ + at, 1, 2);
      rows_ += tile_rows * sizeof(float);
    }
    return std::exchange(next_, next_ + tile_rows);
  }

  /// A number of each row, as numeric() keeps it.
  template <class A>
  void read(const Field<A>& field, float* to) noexcept {
    if constexpr (std::same_as<Event, Row> && std::same_as<A, NumberColumn>) {
      reader_.numbers(field.accessor().index, to);
    } else {
      for (std::size_t row = 0; row < size_; ++row) to[row] = kernels::element::canonical(to_double(field.read(reader_.event(row))));
    }
  }

  /// use(row, event, cursor) for each row; its cursor writes sparse features behind those that the row has, and dense ones into memory.row.
  template <class Use>
  void each_row(Use use) noexcept {
    if (!prepared_) prepare();
    Cursor after = cursor_;
    for (std::size_t row = 0; row < size_; ++row) {
      Cursor cursor = cursor_;
      SparseFeature* const sparse = memory_.sparse.data() + row * program_.sparse_capacity;
      cursor.dense = memory_.row.data();
      cursor.sparse = sparse + memory_.nnz[row];
      cursor.windows = memory_.windows.data() + row * program_.window_columns;
      cursor.at = memory_.times[row];
      use(row, reader_.event(row), cursor);
      memory_.nnz[row] = static_cast<std::size_t>(cursor.sparse - sparse);
      after = cursor;
    }
    cursor_ = after;
  }

  template <class F>
  void compute(const F& feature) noexcept {
    if constexpr (requires { feature.compute(*this); }) {
      feature.compute(*this);
    } else {
      std::size_t columns = 0;
      each_row([&](std::size_t row, const Event& event, Cursor& cursor) {
        feature.compute(event, cursor);
        columns = static_cast<std::size_t>(cursor.dense - memory_.row.data());
        for (std::size_t i = 0; i < columns; ++i) next_[i * tile_rows + row] = memory_.row[i];
      });
      next_ += columns * tile_rows;
    }
  }

 private:
  /// Times and windows, which only some sets need.
  void prepare() noexcept {
    prepared_ = true;
    for (std::size_t row = 0; row < size_; ++row) {
      const Event& event = reader_.event(row);
      memory_.times[row] = program_.time(event);
      if (program_.keys.empty()) continue;
      const auto lock = program_.lock(event, *windows_);
      program_.read_windows(event, memory_.times[row], *windows_,
                            std::span<float>(memory_.windows).subspan(row * program_.window_columns, program_.window_columns));
    }
  }

  const FeatureProgram<Event>& program_;
  Reader& reader_;
  const Cursor& statistics_;
  const EntityWindows* windows_;
  float* columns_;
  TileMemory& memory_;
  std::size_t size_ = 0;
  Cursor cursor_{};
  float* next_ = nullptr;
  const char* rows_ = nullptr;
  bool prepared_ = false;
};

}  // namespace rtml::detail
