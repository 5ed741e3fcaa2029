#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::detail {

/// The nominal dense columns of a schema as hashed features: one of value 1 for each code, hashed by column name and value.
class NominalCodes {
 public:
  void bind(const Schema& schema) {
    columns_.clear();
    for (std::size_t place = 0; place < schema.dense_size(); ++place)
      if (schema.dense(place).kind == Column::Kind::nominal) columns_.push_back({place, hash_bytes(schema.dense(place).name)});
    features_.resize(columns_.size());
  }

  bool empty() const noexcept { return columns_.empty(); }

  /// A present value as an integer; -0 is 0.
  static std::uint32_t code(float value) noexcept { return std::bit_cast<std::uint32_t>(value + 0.0F); }

  /// Calls use(place, index) for every code of `dense` that is present.
  template <class Use>
  void each(std::span<const float> dense, Use use) const noexcept {
    for (const Salted& column : columns_) {
      if (column.place >= dense.size() || is_nan(dense[column.place])) continue;
      use(column.place, static_cast<std::uint32_t>(hash_integer(code(dense[column.place]), column.salt)));
    }
  }

  /// The codes of `dense`, each of value 1, until the next call.
  std::span<const SparseFeature> features(std::span<const float> dense) noexcept {
    std::size_t n = 0;
    each(dense, [&](std::size_t /*place*/, std::uint32_t index) { features_[n++] = {index, 1.0F}; });
    return std::span(features_).first(n);
  }

  /// Takes codes out of what is treated as numbers.
  void blank(float* values) const noexcept {
    for (const Salted& column : columns_) values[column.place] = 0.0F;
  }

  std::size_t size() const noexcept { return columns_.size(); }
  std::size_t memory_bytes() const noexcept { return columns_.capacity() * sizeof(Salted) + features_.capacity() * sizeof(SparseFeature); }

 private:
  struct Salted {
    std::size_t place;
    std::uint64_t salt;
  };
  std::vector<Salted> columns_;
  std::vector<SparseFeature> features_;
};

}  // namespace rtml::detail
