#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::detail {

/// Features as a vector of fixed width: numeric columns as they are (NaN = missing), and beside them, where there are nominal or hashed
/// ones, `buckets` sums of those under random signs, which keep distances on average.
/// Source: K. Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.
class FeatureSketch {
 public:
  static constexpr std::size_t buckets = 64;

  void bind(const Schema& schema) {
    numeric_.assign(schema.dense_size(), 0);
    columns_ = 0;
    for (std::size_t i = 0; i < schema.dense_size(); ++i) {
      numeric_[i] = schema.dense(i).kind == Column::Kind::numeric ? 1 : 0;
      columns_ += numeric_[i];
    }
    width_ = columns_ + (columns_ < schema.dense_size() || schema.has_hashed() ? buckets : 0);
  }

  std::size_t width() const noexcept { return width_; }

  /// @pre x is of the schema that was bound, into.size() == width()
  void operator()(const Features& x, std::span<float> into) const noexcept {
    std::fill(into.begin() + static_cast<std::ptrdiff_t>(columns_), into.end(), 0.0F);
    std::size_t column = 0;
    for (std::size_t i = 0; i < x.dense.size(); ++i) {
      if (numeric_[i] != 0) {
        into[column++] = x.dense[i];
      } else if (!is_nan(x.dense[i])) {
        count(hash_combine(i, static_cast<std::uint64_t>(static_cast<std::int64_t>(x.dense[i]))), 1.0F, into);
      }
    }
    for (const SparseFeature& feature : x.sparse) count(hash_integer(feature.index), feature.value, into);
  }

  std::size_t heap_bytes() const noexcept { return numeric_.capacity(); }

 private:
  void count(std::uint64_t hash, float value, std::span<float> into) const noexcept {
    into[columns_ + hash % buckets] += (hash >> 32U & 1U) != 0 ? value : -value;
  }

  std::vector<std::uint8_t> numeric_;  // [dense columns]
  std::size_t columns_ = 0;            // numeric ones
  std::size_t width_ = 0;
};

}  // namespace rtml::detail
