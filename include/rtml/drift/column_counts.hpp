#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"

namespace rtml::drift {

class ColumnBins;

/// How many rows fell where, in the bins of each column: exact integers, so that counts of shards, threads and days add up to those of
/// the whole in any order. Made, filled and read by the ColumnBins that it counts for.
///
/// 4 bytes an edge and column, 4 more for missing values; 4 a category. At most 2^32 - 1 rows.
class ColumnCounts {
 public:
  static constexpr std::uint64_t most_rows = std::numeric_limits<std::uint32_t>::max();

  ColumnCounts() = default;

  std::uint64_t rows() const noexcept { return rows_; }

  /// Adds what another one counted over the same bins. O(columns bins); allocates nothing.
  /// @throws ConfigError when it counted over other bins, or both have more than most_rows.
  void merge(const ColumnCounts& other) {
    require("ColumnCounts", "bins", to_text(other.bins_), other.bins_ == bins_ && other.has_shape_of(*this), "those that this one counts");
    require("ColumnCounts", "rows", rows_ + other.rows_, rows_ + other.rows_ <= most_rows, "at most 2^32 - 1");
    add(other);
  }

  /// To no rows.
  void clear() noexcept {
    rows_ = 0;
    above_.assign(above_.size(), 0);
    missing_.assign(missing_.size(), 0);
    categories_.assign(categories_.size(), 0);
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + (above_.capacity() + missing_.capacity() + categories_.capacity()) * sizeof(std::uint32_t);
  }

  /// Restores into counts of the same bins.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ColumnCounts", 1);
    std::uint64_t bins = self.bins_;
    ar(bins, self.rows_);
    ar.check(bins == self.bins_, "bins (saved: others)");
    ar.check(self.rows_ <= most_rows, "rows");
    ar.values(std::span(self.above_));
    ar.values(std::span(self.missing_));
    ar.values(std::span(self.categories_));
  }

 private:
  friend class ColumnBins;
  friend class DriftMonitor;

  bool has_shape_of(const ColumnCounts& other) const noexcept {
    return above_.size() == other.above_.size() && categories_.size() == other.categories_.size();
  }

  /// @pre same bins, and room for the rows
  void add(const ColumnCounts& other) noexcept {
    rows_ += other.rows_;
    for (std::size_t i = 0; i < above_.size(); ++i) above_[i] += other.above_[i];
    for (std::size_t i = 0; i < missing_.size(); ++i) missing_[i] += other.missing_[i];
    for (std::size_t i = 0; i < categories_.size(); ++i) categories_[i] += other.categories_[i];
  }

  std::uint64_t bins_ = 0;  // fingerprint of the bins
  std::uint64_t rows_ = 0;
  std::vector<std::uint32_t> above_;       // [edges, padded columns] values greater than the edge
  std::vector<std::uint32_t> missing_;     // [padded columns]
  std::vector<std::uint32_t> categories_;  // [nominal columns, categories + 2]: known ones, others, missing
};

}  // namespace rtml::drift
