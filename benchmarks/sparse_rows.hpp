#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/schema.hpp"

namespace rtml_bench {

/// Labelled rows of hashed features, or of dense columns, all in memory: what a learner costs is measured without reading.
class SparseRows {
 public:
  /// F.svm: lines of `label index:value ...`, labels 0 or 1 (-1 counts as 0). F.bin: u32 rows, u32 k, then for each row u8 label (0 or 1) and k
  /// u32 indices of value 1, or k f32 columns: numbers of 2^30 and more are no indices.
  /// @throws rtml::Error that names the file and the line or row.
  explicit SparseRows(const std::string& file);

  /// Made rows: `words` ids of vocabularies of 10 to a million each, of which the small ones are frequent (P(id) ~ 1 / id): most lines of a
  /// big table are cold.
  static SparseRows made_sparse(std::size_t rows, std::size_t words);

  /// Made rows: standard normal columns, a logistic truth.
  static SparseRows made_dense(std::size_t rows, std::size_t columns);

  std::size_t columns() const noexcept { return columns_; }  ///< 0 of hashed rows

  std::size_t size() const noexcept { return labels_.size(); }
  float label(std::size_t i) const noexcept { return labels_[i]; }
  rtml::Features operator[](std::size_t i) const noexcept {
    if (columns_ != 0) return {std::span(dense_).subspan(i * columns_, columns_), {}};
    return {{}, std::span(sparse_).subspan(begins_[i], begins_[i + 1] - begins_[i])};
  }

  /// Values that a learner looks at, the intercept of each row included.
  std::size_t values() const noexcept { return dense_.size() + sparse_.size() + labels_.size(); }

  rtml::Schema schema() const;

 private:
  SparseRows() = default;

  void read_svm(const std::string& file, const std::string& text);
  void read_bin(const std::string& file, const std::string& bytes);

  std::vector<float> labels_;
  std::size_t columns_ = 0;
  std::vector<float> dense_;  // [rows, columns]
  std::vector<rtml::SparseFeature> sparse_;
  std::vector<std::size_t> begins_;  // [rows + 1]
};

}  // namespace rtml_bench
