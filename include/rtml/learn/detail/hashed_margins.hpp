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

// The margins of an example's hashed features, in two forms: from the table, and from columns that were gathered from it. Both give the same
// bits, however the host is built: four sums side by side, as an addition need not wait for the one before, each product rounded first.

/// sum += weight * value, of floats or vectors of them.
template <class Sum>
void add_product(Sum& sum, const Sum& weight, const Sum& value) noexcept {
  Sum product = weight * value;
  kernels::detail::settle(product);
  sum = sum + product;
  kernels::detail::settle(sum);
}

/// (a + b) + (c + d)
template <class Sum>
Sum folded(const Sum& a, const Sum& b, const Sum& c, const Sum& d) noexcept {
  Sum left = a + b;
  Sum right = c + d;
  kernels::detail::settle(left);
  kernels::detail::settle(right);
  return left + right;
}

/// Adds weight times value of each feature to the margins of `Lanes` models; now(stored) is a weight, value(feature) what its feature counts.
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
      add_product(sum, Quad{load(x[0])[0], load(x[1])[0], load(x[2])[0], load(x[3])[0]},
                  Quad{value(x[0]), value(x[1]), value(x[2]), value(x[3])});
    }
    margins[0] += folded<float>(sum[0], sum[1], sum[2], sum[3]);
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
        const float v = value(feature);
        add_product(sums[side], weights, Quad{v, v, v, v});
      }
    }
    const Quad sum = folded(sums[0], sums[1], sums[2], sums[3]);
    for (std::size_t k = 0; k < Lanes; ++k) margins[k] += sum[k];
  }
  for (; i < sparse.size(); ++i) {
    const std::array<float, Lanes> weights = load(sparse[i]);
    for (std::size_t k = 0; k < Lanes; ++k) add_product(margins[k], weights[k], value(sparse[i]));
  }
}

/// The same of weights [Lanes, n] and values [n] that lie side by side.
template <std::size_t Lanes>
void add_gathered_margins(const float* const* weights, const float* values, std::size_t n, std::array<float, Lanes>& margins) noexcept {
  using Quad = kernels::detail::Quad;
  const std::size_t whole = n / 4 * 4;
  for (std::size_t k = 0; k < Lanes; ++k) {
    Quad sum{};
    for (std::size_t i = 0; i < whole; i += 4) {
      Quad weight;
      Quad value;
      std::memcpy(&weight, weights[k] + i, sizeof(Quad));
      std::memcpy(&value, values + i, sizeof(Quad));
      add_product(sum, weight, value);
    }
    margins[k] += folded<float>(sum[0], sum[1], sum[2], sum[3]);
    for (std::size_t i = whole; i < n; ++i) add_product(margins[k], weights[k][i], values[i]);
  }
}

}  // namespace rtml::detail
