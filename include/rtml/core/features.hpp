#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/time.hpp"

namespace rtml {

struct SparseFeature {
  std::uint32_t index;
  float value;

  friend bool operator==(const SparseFeature&, const SparseFeature&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.index, self.value);
  }
};

/// One example as a learner sees it. Borrowed: valid during the call; copy (FeatureVector) to keep.
struct Features {
  std::span<const float> dense;           ///< [d]; NaN = missing
  std::span<const SparseFeature> sparse;  ///< [nnz]; hashed index, any order, repeated indices add up
};

/// What some learners need beyond x; others ignore it.
struct Context {
  Time at{};                                   ///< when the example happened, for decay by time
  std::uint64_t entity = 0;                    ///< whose example it is, for state by entity
  std::span<const std::uint32_t> fields = {};  ///< [nnz] field of each sparse feature, or empty
};

/// Owns one example.
class FeatureVector {
 public:
  FeatureVector() = default;
  explicit FeatureVector(const Features& x) : dense_(x.dense.begin(), x.dense.end()), sparse_(x.sparse.begin(), x.sparse.end()) {}
  FeatureVector(std::vector<float> dense, std::vector<SparseFeature> sparse = {}) : dense_(std::move(dense)), sparse_(std::move(sparse)) {}

  std::vector<float>& dense() noexcept { return dense_; }
  const std::vector<float>& dense() const noexcept { return dense_; }
  std::vector<SparseFeature>& sparse() noexcept { return sparse_; }
  const std::vector<SparseFeature>& sparse() const noexcept { return sparse_; }

  Features features() const noexcept { return {dense_, sparse_}; }
  operator Features() const noexcept {
    return features();
  }  // NOLINT(google-explicit-constructor): a view of an owner, as string to string_view

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + dense_.capacity() * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature);
  }

  friend bool operator==(const FeatureVector&, const FeatureVector&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FeatureVector", 1);
    ar(self.dense_, self.sparse_);
  }

 private:
  std::vector<float> dense_;
  std::vector<SparseFeature> sparse_;
};

}  // namespace rtml
