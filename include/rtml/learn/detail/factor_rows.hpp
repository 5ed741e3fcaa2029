#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/optimizer.hpp"

namespace rtml::detail {

inline constexpr float largest_factor = 1e6F;
inline constexpr float largest_slope = 1e15F;  // its square is still finite, and so is the sum of many

inline float clamp_factor(float v) noexcept { return cut(v, largest_factor); }
inline bool sound_factor(float v) noexcept { return is_finite(v) && magnitude(v) <= largest_factor; }

/// 1 / sqrt(x) for x >= 0 to a few units in the last place, as arithmetic that vectorises in a host's code too, where a root may set errno.
/// Source: C. Lomont, "Fast inverse square root" (2003), with three of Newton's steps.
inline float inverse_sqrt(float x) noexcept {
  float y = std::bit_cast<float>(0x5f375a86U - (std::bit_cast<std::uint32_t>(x) >> 1U));
  const float half = 0.5F * x;
  y = y * (1.5F - half * y * y);
  y = y * (1.5F - half * y * y);
  return y * (1.5F - half * y * y);
}

/// AdaGrad's rate of a factor. The 1 keeps the first steps small, as in the source.
/// Source: Y. Juan et al., "Field-aware factorization machines for CTR prediction", RecSys 2016, algorithm 1 and equation 8.
inline float factor_rate(float energy) noexcept { return inverse_sqrt(1.0F + energy); }

/// Draws n factors within `reach` of 0, none of them 0.
inline void draw_factors(float* v, std::size_t n, std::uint64_t key, float reach) noexcept {
  for (std::size_t f = 0; f < n; ++f) {
    const std::uint64_t bits = hash_integer(key, f);
    const float share = static_cast<float>((bits >> 41U) + 1) * 0x1.0p-23F;  // in (0, 1]
    v[f] = (bits & 1U) != 0 ? reach * share : -reach * share;
  }
}

/// A step of L2, implicit: it never passes 0. `shrinkage` is that of a factor of rate 1.
inline void shrink(float* __restrict v, const float* __restrict energies, float shrinkage, std::size_t k) noexcept {
  for (std::size_t f = 0; f < k; ++f) v[f] /= 1.0F + shrinkage * factor_rate(energies[f]);
}

/// Rows of what a factorization machine knows of one feature, all of it together: [the cell of its linear weight | factors [width] | their
/// sums of squared gradients [width]]. A row that was never learned from is all zeros, and costs a file nothing.
template <std::size_t CellSize>
class FactorRows {
 public:
  using Cell = std::array<float, CellSize>;

  FactorRows() = default;
  FactorRows(std::size_t rows, std::size_t width) : width_(width), values_(rows * (head + 2 * width)) {}

  std::size_t size() const noexcept { return values_.size() / stride(); }
  std::size_t width() const noexcept { return width_; }

  const float* row(std::size_t i) const noexcept { return values_.data() + i * stride(); }
  const float* factors(std::size_t i) const noexcept { return row(i) + head; }
  float* factors(std::size_t i) noexcept { return values_.data() + i * stride() + head; }
  const float* energies(std::size_t i) const noexcept { return factors(i) + width_; }
  float* energies(std::size_t i) noexcept { return factors(i) + width_; }

  /// Asks for the first two cache lines of a row.
  void prefetch(std::size_t i) const noexcept {
    __builtin_prefetch(row(i));
    __builtin_prefetch(row(i) + 16);
  }

  Cell cell(std::size_t i) const noexcept {
    Cell cell;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    std::copy_n(row(i), CellSize, cell.begin());
    return cell;
  }
  void put(std::size_t i, const Cell& cell) noexcept { std::copy(cell.begin(), cell.end(), values_.data() + i * stride()); }

  std::size_t memory_bytes() const noexcept { return values_.capacity() * sizeof(float); }

  /// Only rows that hold something are written. Rows of another number or width are refused before they are allocated, and so is what no
  /// learner can have left: cells that are not `sound`, factors and energies out of range.
  template <class Self, class Ar, class Sound>
  static void archive(Self& self, Ar& ar, Sound sound, std::size_t rows, std::size_t width) {
    ar.header("FactorRows", 1);
    std::uint64_t saved_rows = self.size();
    std::uint64_t saved_width = self.width_;
    std::vector<std::uint32_t> places;
    std::vector<float> values;
    if constexpr (!Ar::reading) {
      for (std::size_t i = 0; i < self.size(); ++i) {
        const float* row = self.row(i);
        if (std::all_of(row, row + self.stride(), [](float value) { return std::bit_cast<std::uint32_t>(value) == 0; })) continue;
        places.push_back(static_cast<std::uint32_t>(i));
        values.insert(values.end(), row, row + self.stride());
      }
    }
    ar(saved_rows, saved_width, places, values);
    if constexpr (Ar::reading) {
      ar.check(saved_rows == rows && saved_width == width, "size of the table (saved: of other bits, factors or fields)");
      const std::size_t stride = head + 2 * width;
      ar.check(values.size() == places.size() * stride, "rows");
      for (std::size_t i = 0; i < places.size(); ++i) ar.check(places[i] < rows && (i == 0 || places[i] > places[i - 1]), "place of a row");
      self = FactorRows(rows, width);
      for (std::size_t i = 0; i < places.size(); ++i) {
        std::copy_n(values.data() + i * stride, stride, self.values_.data() + places[i] * stride);
        ar.check(sound(self.cell(places[i])), "weight");
        const float* factors = self.factors(places[i]);
        const float* energies = self.energies(places[i]);
        ar.check(std::all_of(factors, factors + width, sound_factor), "factor");
        ar.check(std::all_of(energies, energies + width, sound_energy), "energy of a factor");
      }
    }
  }

 private:
  static constexpr std::size_t head = (CellSize + 3) / 4 * 4;  // factors begin at a multiple of 16 bytes

  std::size_t stride() const noexcept { return head + 2 * width_; }

  std::size_t width_ = 0;
  std::vector<float, HugePageAllocator<float>> values_;
};

}  // namespace rtml::detail
