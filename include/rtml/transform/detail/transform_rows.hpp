#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/detail/tile.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature_batch.hpp"
#include "rtml/transform/feature_output.hpp"
#include "rtml/transform/fitted.hpp"

namespace rtml::detail {

template <class Event>
void prepare_memory(const FeatureProgram<Event>& program, TileMemory& memory) {
  const auto grow = [](auto& values, std::size_t size) {
    if (values.size() < size) values.resize(size);
  };
  grow(memory.row, program.schema.dense_size());
  grow(memory.sparse, tile_rows * program.sparse_capacity);
  grow(memory.fit_inputs, program.fit_size());
  grow(memory.windows, tile_rows * program.window_columns);
}

template <class Event>
void require_fitted(const FeatureProgram<Event>& program, const Fitted& fitted) {
  if (fitted.size() != program.fit_size())
    require("FeatureSet", "inputs of fitted", fitted.size(), false, "those of the set, " + to_text(program.fit_size()));
}

/// Dense rows of so many bytes and more are written past the caches: who reads them would not find the first ones there.
inline constexpr std::size_t streamed_bytes = std::size_t{32} << 20U;

/// What FeatureSet::transform does; `compute(tile)` computes every feature of it.
template <class Event, class Compute>
void transform_rows(const FeatureProgram<Event>& program, const typename BatchRows<Event>::Input& input, const Fitted& fitted,
                    const EntityWindows* windows, FeatureBatch& out, Compute compute) {
  require_fitted(program, fitted);
  if (windows == nullptr) require("FeatureSet", "windows", "none", program.keys.empty(), "given to transform: the set reads some");
  TileMemory& memory = out.memory();
  prepare_memory(program, memory);
  typename BatchRows<Event>::Reader reader(input, program.columns_read, memory);
  const std::size_t width = program.schema.dense_size();
  float* const columns = memory.columns.room(width * tile_rows);
  out.begin(reader.size(), width, program.sparse_capacity != 0);
  const Cursor statistics = program.statistics(fitted, memory.fit_inputs.data());
  Tile<Event> tile(program, reader, statistics, windows, columns, memory);
  const bool streams = reader.size() * width * sizeof(float) >= streamed_bytes;
  for (std::size_t begin = 0; begin < reader.size(); begin += tile_rows) {
    const std::size_t size = std::min(tile_rows, reader.size() - begin);
    tile.go_to(begin, size, streams ? nullptr : out.dense_row(begin));
    compute(tile);
    (streams ? kernels::stream_to_rows : kernels::columns_to_rows)(columns, size, width, tile_rows, out.dense_row(begin));
    if (program.sparse_capacity == 0) continue;
    for (std::size_t row = 0; row < size; ++row)
      out.add_sparse_row(std::span<const SparseFeature>(memory.sparse).subspan(row * program.sparse_capacity, memory.nnz[row]));
  }
  if (streams) kernels::stream_end();
}

/// What FeatureSet::replay does.
template <class Event>
void replay_rows(const FeatureProgram<Event>& program, const typename BatchRows<Event>::Input& input, Fitted& fitted,
                 EntityWindows& windows, FeatureBatch& out) {
  require_fitted(program, fitted);
  TileMemory& memory = out.memory();
  prepare_memory(program, memory);
  typename BatchRows<Event>::Reader reader(input, program.columns_read, memory);
  const std::size_t width = program.schema.dense_size();
  out.begin(reader.size(), width, program.sparse_capacity != 0);
  const std::span<float> fit_inputs = std::span<float>(memory.fit_inputs).first(program.fit_size());
  for (std::size_t begin = 0; begin < reader.size(); begin += tile_rows) {
    const std::size_t size = std::min(tile_rows, reader.size() - begin);
    reader.go_to(begin, size);
    for (std::size_t row = 0; row < size; ++row) {
      const Event& event = reader.event(row);
      FeatureOutput features{{out.dense_row(begin + row), width}, memory.sparse, fit_inputs};
      const auto lock = program.lock(event, windows);
      program.compute(event, fitted, windows, features);
      fitted.observe(fit_inputs);
      program.feed(event, program.time(event), windows);
      if (program.sparse_capacity != 0) out.add_sparse_row(features.features().sparse);
    }
  }
}

}  // namespace rtml::detail
