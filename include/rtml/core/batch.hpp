#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// n examples, borrowed: a dense block [n, d] with unit stride along a row, sparse rows beside it, and what is known of each (label,
/// weight, time). Valid while what it was made from lives and keeps its place. Cheap to copy; never allocates.
///
///     Batch batch = Batch(values, n, d).with_labels(y);     // or batch_of(matrix): core/batch_eigen.hpp, core/batch_xtensor.hpp
///     for (std::size_t i = 0; i < batch.size(); ++i) model.learn(batch.row(i), batch.label(i), batch.weight(i));
class Batch {
 public:
  Batch() = default;

  /// `rows` examples without features, to be given sparse ones.
  explicit Batch(std::size_t rows) noexcept : rows_(rows) {}

  /// Row i lies at dense + i * row_stride (in floats): negative for rows backwards, less than `columns` for overlapping windows.
  /// @throws ConfigError when `dense` is null and there is something to read.
  Batch(const float* dense, std::size_t rows, std::size_t columns, std::ptrdiff_t row_stride)
      : dense_(dense), rows_(rows), columns_(columns), row_stride_(row_stride) {
    require("Batch", "dense", "null", dense != nullptr || rows == 0 || columns == 0, "the address of the first row");
  }

  /// Rows one after the other.
  Batch(const float* dense, std::size_t rows, std::size_t columns) : Batch(dense, rows, columns, static_cast<std::ptrdiff_t>(columns)) {}

  /// Sparse rows: those of row i are features [offsets[i], offsets[i + 1]).
  /// @throws ConfigError unless there are n + 1 ascending offsets within `features`. O(n).
  Batch with_sparse(std::span<const std::uint64_t> offsets, std::span<const SparseFeature> features) const {
    if (offsets.size() != rows_ + 1) require_count("offsets", offsets.size(), rows_ + 1, "one more than rows");
    for (std::size_t i = 0; i < rows_; ++i)
      if (offsets[i] > offsets[i + 1])
        require("Batch", "offsets", offsets[i + 1], false, "at least the one before, " + to_text(offsets[i]));
    if (offsets.back() > features.size())
      require("Batch", "offsets", offsets.back(), false, "at most the features, " + to_text(features.size()));
    Batch batch = *this;
    batch.offsets_ = offsets;
    batch.sparse_ = features;
    return batch;
  }

  /// @throws ConfigError unless there is one label a row; so for weights and times.
  Batch with_labels(std::span<const float> labels) const {
    require_count("labels", labels.size(), rows_, "one a row");
    Batch batch = *this;
    batch.labels_ = labels;
    return batch;
  }

  Batch with_weights(std::span<const float> weights) const {
    require_count("weights", weights.size(), rows_, "one a row");
    Batch batch = *this;
    batch.weights_ = weights;
    return batch;
  }

  Batch with_times(std::span<const Time> times) const {
    require_count("times", times.size(), rows_, "one a row");
    Batch batch = *this;
    batch.times_ = times;
    return batch;
  }

  std::size_t size() const noexcept { return rows_; }
  bool empty() const noexcept { return rows_ == 0; }
  std::size_t dense_size() const noexcept { return columns_; }
  std::ptrdiff_t row_stride() const noexcept { return row_stride_; }  ///< floats from a dense row to the next

  /// @pre i < size(); so for label, weight and time.
  Features row(std::size_t i) const noexcept {
    Features x;
    if (columns_ != 0) x.dense = {dense_ + static_cast<std::ptrdiff_t>(i) * row_stride_, columns_};
    if (!offsets_.empty()) x.sparse = sparse_.subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
    return x;
  }

  bool has_sparse() const noexcept { return !offsets_.empty(); }
  bool has_labels() const noexcept { return labels_.size() == rows_; }

  /// @pre has_labels()
  float label(std::size_t i) const noexcept { return labels_[i]; }
  /// 1 when the batch has none.
  float weight(std::size_t i) const noexcept { return weights_.empty() ? 1.0F : weights_[i]; }
  /// The epoch when the batch has none.
  Time time(std::size_t i) const noexcept { return times_.empty() ? Time{} : times_[i]; }

  std::span<const float> labels() const noexcept { return labels_; }    ///< [n], or empty
  std::span<const float> weights() const noexcept { return weights_; }  ///< [n], or empty
  std::span<const Time> times() const noexcept { return times_; }       ///< [n], or empty

 private:
  static void require_count(const char* what, std::size_t count, std::size_t expected, const char* rule) {
    require("Batch", what, count, count == expected, std::string(rule) + ", " + to_text(expected));
  }

  const float* dense_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::ptrdiff_t row_stride_ = 0;
  std::span<const std::uint64_t> offsets_;
  std::span<const SparseFeature> sparse_;
  std::span<const float> labels_;
  std::span<const float> weights_;
  std::span<const Time> times_;
};

/// Where values that cannot be borrowed are gathered: rows of floats, reused from batch to batch. A Batch over it is valid until the next
/// gather.
class BatchBuffer {
 public:
  /// Room for [rows, columns] floats, contents unspecified. Allocates only to grow.
  std::span<float> room(std::size_t rows, std::size_t columns) {
    values_.resize(std::max(values_.size(), rows * columns));
    return std::span<float>(values_).first(rows * columns);
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + values_.capacity() * sizeof(float); }

 private:
  std::vector<float> values_;
};

/// Copies a block of any number type and any strides (in elements: column-major, every second row, transposed) into `buffer`.
/// A double beyond float's range becomes infinite, and is refused by whoever learns. O(n d).
template <class T>
requires std::is_arithmetic_v<T> Batch gather(const T* values, std::size_t rows, std::size_t columns, std::ptrdiff_t row_stride,
                                              std::ptrdiff_t column_stride, BatchBuffer& buffer) {
  require("Batch", "dense", "null", values != nullptr || rows == 0 || columns == 0, "the address of the first row");
  const std::span<float> room = buffer.room(rows, columns);
  for (std::size_t i = 0; i < rows; ++i) {
    const T* row = values + static_cast<std::ptrdiff_t>(i) * row_stride;
    for (std::size_t j = 0; j < columns; ++j)
      room[i * columns + j] = static_cast<float>(row[static_cast<std::ptrdiff_t>(j) * column_stride]);
  }
  return {room.data(), rows, columns};
}

}  // namespace rtml
