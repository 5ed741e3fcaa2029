#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/row.hpp"
#include "rtml/core/table.hpp"
#include "rtml/core/time.hpp"

namespace rtml::detail {

/// Rows that a batch is transformed by: few enough that the columns of a set of some dozens stay in the nearest cache, enough to be worth a call.
inline constexpr std::size_t tile_rows = 128;

inline constexpr std::size_t cache_line = 64;

/// Floats from the beginning of a cache line on.
class AlignedFloats {
 public:
  /// Contents are undefined. Allocates only to grow.
  float* room(std::size_t count) {
    constexpr std::size_t slack = cache_line / sizeof(float);
    if (memory_.size() < count + slack) memory_.resize(count + slack);
    void* first = memory_.data();
    std::size_t bytes = memory_.size() * sizeof(float);
    return static_cast<float*>(std::align(cache_line, count * sizeof(float), first, bytes));
  }
  std::size_t memory_bytes() const noexcept { return memory_.capacity() * sizeof(float); }

 private:
  std::vector<float> memory_;
};

/// Columns of a table that lie side by side in rows of floats: read together, a cache line of them at a time.
struct RowBlock {
  const float* first = nullptr;
  std::ptrdiff_t stride = 0;  // floats
  std::size_t columns = 0;
  std::size_t read = 0;   // of them
  float* tile = nullptr;  // [columns, tile_rows], of the tile that `loaded` says
  std::size_t loaded = 0;
};

/// Where a tile of rows is worked on. Reused from tile to tile and batch to batch.
struct TileMemory {
  AlignedFloats columns;  // [dense_size, tile_rows]
  std::vector<float> row;
  std::vector<SparseFeature> sparse;  // [tile_rows, sparse_capacity]
  std::array<std::size_t, tile_rows> nnz{};
  std::vector<float> fit_inputs;
  std::vector<float> windows;  // [tile_rows, window columns]
  std::array<Time, tile_rows> times{};

  // Of a table.
  AlignedFloats block_columns;
  std::vector<RowBlock> blocks;
  std::vector<std::size_t> block_of;  // [columns of the table], blocks.size() where it is in none
  std::array<Row, tile_rows> rows{};
  std::vector<double> numbers;          // [tile_rows, columns of the table]
  std::vector<std::string_view> texts;  // the same
  std::vector<char> characters;         // [texts read, tile_rows, TableColumn::longest_number]

  std::size_t memory_bytes() const noexcept {
    return columns.memory_bytes() + block_columns.memory_bytes() +
           (row.capacity() + fit_inputs.capacity() + windows.capacity()) * sizeof(float) + sparse.capacity() * sizeof(SparseFeature) +
           blocks.capacity() * sizeof(RowBlock) + block_of.capacity() * sizeof(std::size_t) + numbers.capacity() * sizeof(double) +
           texts.capacity() * sizeof(std::string_view) + characters.capacity();
  }
};

}  // namespace rtml::detail
