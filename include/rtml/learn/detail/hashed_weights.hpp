#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "rtml/core/features.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/column_scale.hpp"
#include "rtml/learn/detail/hashed_table.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"

namespace rtml::detail {

/// The scales of hashed features, each kept as ColumnScale keeps a dense column's. Categories have the value 1 and need none: all scales are 1
/// until a value comes that is not.
class HashedScales {
 public:
  static bool are_units(std::span<const SparseFeature> features) noexcept {
    std::int32_t other = 0;
    for (const SparseFeature& feature : features) other |= bits_of(magnitude(feature.value)) ^ bits_of(1.0F);
    return other == 0;
  }

  template <class Access>
  bool in_use() const noexcept {
    return Access::load(in_use_) != 0.0F;
  }

  void allocate(unsigned bits) { cells_.allocate(bits); }

  /// From now on scales are counted. Allocates where that was not done before.
  template <class Access>
  void use(unsigned bits) {
    allocate(bits);
    Access::store(in_use_, 1.0F);
  }

  /// A value as far from 0 as it counts. @pre in_use()
  template <class Access>
  float within(std::uint32_t index, float value) const noexcept {
    return cut(value, largest_scaled * known(cells_.load<Access, 1>(index)[0]));
  }

  /// Takes the values of features, each index once, into their scales; columns.value, before and inverse are then this example's. `raw` is
  /// a column for its values. @pre in_use()
  template <class Access>
  void observe(std::span<const SparseFeature> features, float* raw, const ScaledColumns& columns) noexcept {
    const std::size_t n = features.size();
    for (std::size_t i = 0; i < n; ++i) {
      const auto cell = cells_.load<Access>(features[i].index);
      raw[i] = features[i].value;
      columns.scale[i] = cell[0];
      columns.count[i] = cell[1];
    }
    scale_columns(n, raw, columns);
    for (std::size_t i = 0; i < n; ++i) {
      columns.before[i] = known(columns.before[i]);
      if (columns.scale[i] == 0.0F) columns.inverse[i] = 1.0F;
      cells_.store<Access>(features[i].index, {columns.scale[i], columns.count[i]});
    }
  }

  /// Copies some cells. @pre both are in use, or neither
  void take(const HashedScales& other, std::span<const std::uint32_t> cells) noexcept {
    if (in_use_ != 0.0F) cells_.take(other.cells_, cells);
  }

  /// Copies what others may be writing.
  template <class Access>
  void take(const HashedScales& other, unsigned bits) {
    if (!other.in_use<Access>()) return;
    use<OwnAccess>(bits);
    for (std::uint32_t i = 0; i <= other.cells_.mask(); ++i) cells_[i] = other.cells_.load<Access>(i);
  }

  void merge(const HashedScales& other, unsigned bits) {
    if (!other.in_use<OwnAccess>()) return;
    use<OwnAccess>(bits);
    for (std::uint32_t i = 0; i <= cells_.mask(); ++i) merge_scale(cells_[i][0], cells_[i][1], other.cells_[i][0], other.cells_[i][1]);
  }

  std::size_t memory_bytes() const noexcept { return cells_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar, unsigned bits) {
    HashedTable<2>::archive(
        self.cells_, ar, [](const std::array<float, 2>& cell) { return sound_scale(cell[0], cell[1]); }, bits);
    if constexpr (Ar::reading) self.in_use_ = self.cells_.empty() ? 0.0F : 1.0F;
  }

 private:
  /// Of what was learned before there were scales, from ones.
  static float known(float scale) noexcept { return scale > 0.0F ? scale : 1.0F; }

  HashedTable<2> cells_;  // scale, count
  float in_use_ = 0.0F;   // a float, so that threads can share it as they share the cells
};

/// The weights of hashed features, with the scales of those whose values are not all 1. Restored, the weights may lie in a file: own().
template <std::size_t Fields>
class HashedWeights : public HashedTable<Fields> {
 public:
  HashedScales scales;

  void take(const HashedWeights& other, std::span<const std::uint32_t> cells) noexcept {
    HashedTable<Fields>::take(other, cells);
    scales.take(other.scales, cells);
  }

  std::size_t memory_bytes() const noexcept { return HashedTable<Fields>::memory_bytes() + scales.memory_bytes(); }

  template <class Self, class Ar, class Sound>
  static void archive(Self& self, Ar& ar, Sound sound, unsigned bits) {
    using Cells = std::conditional_t<Ar::reading, HashedTable<Fields>, const HashedTable<Fields>>;
    HashedTable<Fields>::archive(static_cast<Cells&>(self), ar, sound, bits, 1, true);
    HashedScales::archive(self.scales, ar, bits);
  }
};

}  // namespace rtml::detail
