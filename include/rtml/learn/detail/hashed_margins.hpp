#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>

#include "rtml/core/features.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/learn/detail/hashed_table.hpp"

namespace rtml::detail {

/// Adds weight times value of each feature to the margins of `Lanes` models; now(stored) is a weight, value(feature) what its feature counts.
/// Four sums side by side, as an addition need not wait for the one before.
template <class Access, std::size_t Lanes, std::size_t Fields, class Now, class Value>
void add_hashed_margins(const HashedTable<Fields>& table, std::span<const SparseFeature> sparse, std::array<float, Lanes>& margins, Now now,
                        Value value) noexcept {
  using Quad = kernels::detail::Quad;
  const auto load = [&](const SparseFeature& feature) {
    std::array<float, Lanes> weights = table.template load<Access, Lanes>(feature.index);
    for (float& weight : weights) weight = now(weight);
    return weights;
  };
  std::size_t i = 0;
  if constexpr (Lanes == 1) {  // a vector of four features
    Quad sum{};
    for (; i + 4 <= sparse.size(); i += 4) {
      const SparseFeature* x = sparse.data() + i;
      sum += Quad{load(x[0])[0], load(x[1])[0], load(x[2])[0], load(x[3])[0]} * Quad{value(x[0]), value(x[1]), value(x[2]), value(x[3])};
    }
    margins[0] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
  } else {  // a vector for each of four features: what a cell has beside weights is summed for nothing
    constexpr bool whole = Fields == 4 && std::same_as<Access, OwnAccess>;
    std::array<Quad, 4> sums{};
    for (; i + 4 <= sparse.size(); i += 4) {
      for (std::size_t side = 0; side < 4; ++side) {
        const SparseFeature& feature = sparse[i + side];
        Quad weights{};
        if constexpr (whole) {
          std::memcpy(&weights, table[feature.index].data(), sizeof(Quad));
          for (std::size_t k = 0; k < Lanes; ++k) weights[k] = now(weights[k]);
        } else {
          const std::array<float, Lanes> loaded = load(feature);
          for (std::size_t k = 0; k < Lanes; ++k) weights[k] = loaded[k];
        }
        sums[side] += weights * value(feature);
      }
    }
    const Quad sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (std::size_t k = 0; k < Lanes; ++k) margins[k] += sum[k];
  }
  for (; i < sparse.size(); ++i) {
    const std::array<float, Lanes> weights = load(sparse[i]);
    for (std::size_t k = 0; k < Lanes; ++k) margins[k] += weights[k] * value(sparse[i]);
  }
}

}  // namespace rtml::detail
