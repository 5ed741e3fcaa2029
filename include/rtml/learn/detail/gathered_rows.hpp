#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/learn/detail/factor_features.hpp"
#include "rtml/learn/detail/factor_rows.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"

namespace rtml::detail {

/// The linear weights of an example's features, each row once, and of the intercept behind them: gathered from a table of factors to lie
/// side by side for the kernels, and scattered back. Keeps its buffers.
template <class Optimizer>
class GatheredRows {
  static constexpr std::size_t fields = Optimizer::fields;
  using Rows = FactorRows<fields>;
  using Cell = typename Rows::Cell;

 public:
  /// Makes room for so many features, so that `gather` need not.
  void reserve(std::size_t features) {
    if (features + 1 <= room_) return;
    room_ = padded(features + 1);
    columns_.assign(width * room_, 0.0F);
    rows_.reserve(room_);
  }

  /// Those of one row lie side by side in `active`. Allocates when there are more features than ever. O(nnz).
  WeightBlock<Optimizer> gather(const Rows& table, std::span<const Active> active, const Cell& intercept) {
    reserve(active.size());
    float* z = column(fields);
    rows_.clear();
    for (const Active& a : active) {
      if (!rows_.empty() && rows_.back() == a.row) {
        float& sum = z[rows_.size() - 1];
        sum = std::clamp(sum + a.value, -largest_magnitude, largest_magnitude);
        continue;
      }
      put(rows_.size(), table.cell(a.row), a.value);
      rows_.push_back(a.row);
    }
    const std::size_t n = rows_.size();
    put(n, intercept, 1.0F);

    WeightBlock<Optimizer> block;
    block.n = padded(n + 1);
    std::fill(z + n + 1, z + block.n, 0.0F);
    block.penalised = n;
    for (std::size_t k = 0; k < fields; ++k) block.fields[k] = column(k);
    block.z = z;
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) block.pulls[r] = column(fields + 1 + r);
    if (Optimizer::scales_itself) block.relative = column(fields + 1 + Optimizer::rate_count);
    return block;
  }

  /// @pre the table of the last gather
  void scatter(Rows& table, Cell& intercept) noexcept {
    for (std::size_t i = 0; i < rows_.size(); ++i) table.put(rows_[i], cell(i));
    intercept = cell(rows_.size());
  }

  std::size_t memory_bytes() const noexcept { return columns_.capacity() * sizeof(float) + rows_.capacity() * sizeof(std::size_t); }

 private:
  static constexpr std::size_t width = fields + 1 + Optimizer::rate_count + (Optimizer::scales_itself ? 1 : 0);

  static constexpr std::size_t padded(std::size_t n) noexcept { return (n + 15) / 16 * 16; }

  float* column(std::size_t at) noexcept { return columns_.data() + at * room_; }

  void put(std::size_t i, const Cell& cell, float value) noexcept {
    for (std::size_t k = 0; k < fields; ++k) column(k)[i] = cell[k];
    column(fields)[i] = value;
  }

  Cell cell(std::size_t i) noexcept {
    Cell cell;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t k = 0; k < fields; ++k) cell[k] = column(k)[i];
    return cell;
  }

  std::vector<float> columns_;  // [width, room_]: fields, values, pulls, relative values
  std::size_t room_ = 0;
  std::vector<std::size_t> rows_;
};

}  // namespace rtml::detail
