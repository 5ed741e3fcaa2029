#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/learn/detail/hashed_weights.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml::detail {

/// The weights of an example's hashed features, each index once, and of the intercept behind them: gathered from all over a table to lie
/// side by side for the kernels, and scattered back. Keeps its buffer.
template <class Optimizer>
class GatheredWeights {
  static constexpr std::size_t fields = Optimizer::fields;
  using Table = HashedTable<fields>;
  using Cell = std::array<float, fields>;

 public:
  /// Makes room for so many features, so that `gather` need not.
  void reserve(std::size_t features) {
    if (features + 1 > room_) make_room(features + 1);
  }

  /// Allocates when there are more features than ever. O(nnz).
  template <class Access>
  WeightBlock<Optimizer> gather(const Table& table, std::span<const SparseFeature> sparse, const Cell& intercept) {
    const std::size_t n = sparse.size();
    reserve(n);
    WeightBlock<Optimizer> block;
    block.n = padded(n + 1);
    float* z = column(fields);
    for (std::size_t i = block.n - lanes_padded; i < block.n; i += 4) put(Quad{}, z + i);
    std::size_t i = 0;
    if constexpr (by_fours<Access>) i = gather_fours(table, sparse.data(), n);
    for (; i < n; ++i) {
      const Cell cell = table.template load<Access>(sparse[i].index);
      for (std::size_t k = 0; k < fields; ++k) column(k)[i] = cell[k];
      z[i] = sparse[i].value;
    }
    for (std::size_t k = 0; k < fields; ++k) column(k)[n] = intercept[k];
    z[n] = 1.0F;

    block.penalised = n;
    for (std::size_t k = 0; k < fields; ++k) block.fields[k] = column(k);
    block.z = z;
    for (std::size_t r = 0; r < Optimizer::rate_count; ++r) block.pulls[r] = column(fields + 1 + r);
    if (Optimizer::scales_itself) block.relative = column(fields + 1 + Optimizer::rate_count);
    return block;
  }

  /// Scales what was gathered: the block is then as one of dense columns. @pre the features of the last gather; scales in use
  template <class Access>
  void scale(HashedScales& scales, std::span<const SparseFeature> sparse, WeightBlock<Optimizer>& block) noexcept {
    static_assert(scaling > 0);
    float* before = column(width + 3);
    float* inverse = column(width + 4);
    scales.observe<Access>(sparse, column(width), {column(width + 1), column(width + 2), column(fields), before, inverse});
    std::fill(before + sparse.size(), before + block.n, 1.0F);
    std::fill(inverse + sparse.size(), inverse + block.n, 1.0F);
    block.before = before;
    block.inverse = inverse;
  }

  /// @pre the table and features of the last gather
  template <class Access>
  void scatter(Table& table, std::span<const SparseFeature> sparse, Cell& intercept) noexcept {
    const std::size_t n = sparse.size();
    std::size_t i = 0;
    if constexpr (by_fours<Access>) i = scatter_fours(table, sparse.data(), n);
    for (; i < n; ++i) {
      Cell cell;
      for (std::size_t k = 0; k < fields; ++k) cell[k] = column(k)[i];
      table.template store<Access>(sparse[i].index, cell);
    }
    for (std::size_t k = 0; k < fields; ++k) intercept[k] = column(k)[n];
  }

  std::size_t memory_bytes() const noexcept { return columns_.capacity() * sizeof(float); }

 private:
  using Quad = kernels::detail::Quad;

  template <class Access>
  static constexpr bool by_fours = std::same_as<Access, OwnAccess> && sizeof(typename Table::Cell) == sizeof(Quad);

  static constexpr std::size_t width = fields + 1 + Optimizer::rate_count + (Optimizer::scales_itself ? 1 : 0);
  static constexpr std::size_t scaling = scales_hashed<Optimizer>() ? 5 : 0;  // columns more

  static constexpr std::size_t lanes_padded = 16;
  static constexpr std::size_t padded(std::size_t n) noexcept { return (n + lanes_padded - 1) / lanes_padded * lanes_padded; }

  void make_room(std::size_t n) {
    room_ = padded(n);
    columns_.assign((width + scaling) * room_, 0.0F);
  }

  float* column(std::size_t at) noexcept { return columns_.data() + at * room_; }

  // Four cells of four floats are a square, which turned is four columns. A cell of three has a fourth float for its alignment.

  // What does not change is a local: stores to the columns could change any member.

  /// So many, a multiple of four, as there are in n.
  std::size_t gather_fours(const Table& table, const SparseFeature* features, std::size_t n) noexcept {
    const auto rows = table.rows();
    const std::array<float*, fields + 1> to = columns(std::make_index_sequence<fields + 1>());
    std::size_t at = 0;
    for (; at + 4 <= n; at += 4) {
      std::array<Quad, 4> square;
      for (std::size_t i = 0; i < 4; ++i) take(rows[features[at + i].index], square[i]);
      turn(square);
      for (std::size_t k = 0; k < fields; ++k) put(square[k], to[k] + at);
      Quad left;  // pairs of index and value
      Quad right;
      take(features + at, left);
      take(features + at + 2, right);
      put(__builtin_shufflevector(left, right, 1, 3, 5, 7), to[fields] + at);
    }
    return at;
  }

  std::size_t scatter_fours(Table& table, const SparseFeature* features, std::size_t n) noexcept {
    const auto rows = table.rows();
    const std::array<float*, fields + 1> from = columns(std::make_index_sequence<fields + 1>());
    std::size_t at = 0;
    for (; at + 4 <= n; at += 4) {
      std::array<Quad, 4> square{};
      for (std::size_t k = 0; k < fields; ++k) take(from[k] + at, square[k]);
      turn(square);
      for (std::size_t i = 0; i < 4; ++i) put(square[i], rows[features[at + i].index]);
    }
    return at;
  }

  template <std::size_t... k>
  std::array<float*, sizeof...(k)> columns(std::index_sequence<k...> /*each*/) noexcept {
    return {column(k)...};
  }

  static void take(const void* from, Quad& quad) noexcept { std::memcpy(&quad, from, sizeof(Quad)); }
  static void put(const Quad& quad, void* to) noexcept { std::memcpy(to, &quad, sizeof(Quad)); }

  static void turn(std::array<Quad, 4>& s) noexcept {
    const Quad low_left = __builtin_shufflevector(s[0], s[1], 0, 4, 1, 5);
    const Quad low_right = __builtin_shufflevector(s[2], s[3], 0, 4, 1, 5);
    const Quad high_left = __builtin_shufflevector(s[0], s[1], 2, 6, 3, 7);
    const Quad high_right = __builtin_shufflevector(s[2], s[3], 2, 6, 3, 7);
    s = {__builtin_shufflevector(low_left, low_right, 0, 1, 4, 5), __builtin_shufflevector(low_left, low_right, 2, 3, 6, 7),
         __builtin_shufflevector(high_left, high_right, 0, 1, 4, 5), __builtin_shufflevector(high_left, high_right, 2, 3, 6, 7)};
  }

  std::vector<float> columns_;  // [width + scaling, room_]: fields, values, pulls, relative values; then what scales values
  std::size_t room_ = 0;
};

}  // namespace rtml::detail
