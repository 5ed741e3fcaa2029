#pragma once

#include <cstddef>
#include <span>

#include "rtml/core/features.hpp"

namespace rtml {

/// Where FeatureSet::compute writes: memory of the caller's, so that serving allocates nothing.
struct FeatureOutput {
  std::span<float> dense;           ///< [dense_size]
  std::span<SparseFeature> sparse;  ///< [sparse_capacity]
  std::span<float> fit_inputs;      ///< [fit_size] what transforms with statistics saw; NaN where it was missing or not usable
  std::size_t nnz = 0;              ///< how many of `sparse` were written

  Features features() const noexcept { return {dense, sparse.first(nnz)}; }
};

}  // namespace rtml
