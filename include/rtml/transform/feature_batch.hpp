#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rtml/core/batch.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/transform/detail/tile_memory.hpp"

namespace rtml {

/// Where FeatureSet::transform writes the features of many events, and what it works with. Reused from batch to batch: allocates only to grow.
/// One for each thread.
class FeatureBatch {
 public:
  FeatureBatch() = default;

  /// Dense rows go to the host's memory, one after the other: its own block, or a part of it for each thread.
  explicit FeatureBatch(std::span<float> dense) noexcept : host_(dense) {}

  /// What was written last; valid until the next time.
  Batch batch() const {
    const Batch dense(host_ ? host_->data() : dense_.data(), size_, columns_);
    return offsets_.empty() ? dense : dense.with_sparse(offsets_, sparse_);
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + dense_.capacity() * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature) +
           offsets_.capacity() * sizeof(std::uint64_t) + memory_.memory_bytes();
  }

  // For FeatureSet.

  /// @throws ConfigError when the host's memory has too little room
  void begin(std::size_t size, std::size_t columns, bool sparse) {
    if (host_) {
      if (host_->size() < size * columns)
        require("FeatureBatch", "dense", host_->size(), false, "rows times columns at least, " + to_text(size * columns));
    } else if (dense_.size() < size * columns) {
      dense_.resize(size * columns);
    }
    size_ = size;
    columns_ = columns;
    sparse_.clear();
    offsets_.clear();
    if (!sparse) return;
    offsets_.reserve(size + 1);
    offsets_.push_back(0);
  }
  float* dense_row(std::size_t row) noexcept { return (host_ ? host_->data() : dense_.data()) + row * columns_; }
  void add_sparse_row(std::span<const SparseFeature> features) {
    sparse_.insert(sparse_.end(), features.begin(), features.end());
    offsets_.push_back(sparse_.size());
  }
  detail::TileMemory& memory() noexcept { return memory_; }

 private:
  std::optional<std::span<float>> host_;
  std::vector<float, HugePageAllocator<float>> dense_;
  std::size_t size_ = 0;
  std::size_t columns_ = 0;
  std::vector<SparseFeature> sparse_;
  std::vector<std::uint64_t> offsets_;
  detail::TileMemory memory_;
};

}  // namespace rtml
