#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::monitor {

/// Training-serving skew: vectors as they were served against vectors made again of the log, column by column, for a sample of whole entities, so that
/// windows of an entity are complete. Vectors of one definition differ in no bit; where they do, a write came late, or the definition changed.
///
///     if (skew.samples(hash_integer(payment.card))) skew.compare(served, replayed);
///
/// Compare and samples never allocate: O(d + nnz), and O(nnz^2) where hashed features differ. One owner; a value that archives and merges.
class SkewMeter {
 public:
  /// Of one dense column.
  struct Column {
    std::uint64_t equal = 0;      ///< to the bit, or both missing
    std::uint64_t different = 0;  ///< both are there
    std::uint64_t missing = 0;    ///< served, but not made again
    std::uint64_t extra = 0;      ///< made again, but not served
    double distance = 0.0;        ///< sum of |served - again|, where both are usable
    double size = 0.0;            ///< sum of |served| + |again|, there
    double largest_distance = 0.0;

    std::uint64_t compared() const noexcept { return equal + different + missing + extra; }
    /// The part of vectors that differ here; 0 of none.
    double mismatch_rate() const noexcept {
      return compared() == 0 ? 0.0 : static_cast<double>(compared() - equal) / static_cast<double>(compared());
    }
    /// Symmetric mean absolute percentage error, sum |a - b| / sum (|a| + |b|), in [0, 1]; 0 of none.
    double smape() const noexcept { return size > 0.0 ? distance / size : 0.0; }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.equal, self.different, self.missing, self.extra, self.distance, self.size, self.largest_distance);
      for (const double sum : {self.distance, self.size, self.largest_distance}) ar.check(is_finite(sum) && sum >= 0.0, "skew of a column");
    }
  };

  /// `share` of the entities are sampled, the same ones for one `seed`. @throws ConfigError unless share is in [0, 1]
  explicit SkewMeter(Schema schema, double share = 1.0, std::uint64_t seed = 0)
      : schema_(std::move(schema)), share_(share), seed_(seed), columns_(schema_.dense_size()) {
    require("SkewMeter", "share", share, share >= 0.0 && share <= 1.0, "in [0, 1]");
  }

  const Schema& schema() const noexcept { return schema_; }
  std::span<const Column> columns() const noexcept { return columns_; }  ///< [dense columns]
  std::uint64_t vectors() const noexcept { return vectors_; }
  std::uint64_t mismatches() const noexcept { return mismatches_; }                ///< vectors that differ anywhere
  std::uint64_t hashed_mismatches() const noexcept { return hashed_mismatches_; }  ///< vectors whose hashed features differ, in any order
  /// Vectors of other numbers of columns: of another definition, compared no further.
  std::uint64_t refused() const noexcept { return refused_; }

  /// Whether an entity, by the hash of its key, is of the sample.
  bool samples(std::uint64_t entity) const noexcept { return static_cast<double>(hash_integer(entity, seed_) >> 11U) * 0x1p-53 < share_; }

  void compare(const Features& served, const Features& again) noexcept {
    if (served.dense.size() != columns_.size() || again.dense.size() != columns_.size()) {
      ++refused_;
      return;
    }
    ++vectors_;
    bool differs = !same_features(served.sparse, again.sparse);
    hashed_mismatches_ += differs ? 1U : 0U;
    for (std::size_t j = 0; j < columns_.size(); ++j) differs |= !count(columns_[j], served.dense[j], again.dense[j]);
    mismatches_ += differs ? 1U : 0U;
  }

  /// @throws SchemaError when the other compares other columns
  void merge(const SkewMeter& other) {
    other.schema_.require_equal(schema_, "SkewMeter");
    vectors_ += other.vectors_;
    mismatches_ += other.mismatches_;
    hashed_mismatches_ += other.hashed_mismatches_;
    refused_ += other.refused_;
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      Column& mine = columns_[j];
      const Column& theirs = other.columns_[j];
      mine.equal += theirs.equal;
      mine.different += theirs.different;
      mine.missing += theirs.missing;
      mine.extra += theirs.extra;
      mine.distance += theirs.distance;
      mine.size += theirs.size;
      mine.largest_distance = std::max(mine.largest_distance, theirs.largest_distance);
    }
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + columns_.capacity() * sizeof(Column);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("SkewMeter", 1);
    ar(self.schema_, self.share_, self.seed_, self.vectors_, self.mismatches_, self.hashed_mismatches_, self.refused_, self.columns_);
    ar.check(self.share_ >= 0.0 && self.share_ <= 1.0, "share of the sample");
    ar.check(self.columns_.size() == self.schema_.dense_size(), "columns");
  }

 private:
  /// True when they are equal.
  static bool count(Column& column, float served, float again) noexcept {
    if (is_nan(served) || is_nan(again)) {
      const bool both = is_nan(served) && is_nan(again);
      ++(both ? column.equal : (is_nan(again) ? column.missing : column.extra));
      return both;
    }
    const bool equal = std::bit_cast<std::uint32_t>(served) == std::bit_cast<std::uint32_t>(again);
    ++(equal ? column.equal : column.different);
    if (is_usable(served) && is_usable(again)) {
      const double distance = std::abs(static_cast<double>(served) - static_cast<double>(again));
      column.distance += distance;
      column.size += std::abs(static_cast<double>(served)) + std::abs(static_cast<double>(again));
      column.largest_distance = std::max(column.largest_distance, distance);
    }
    return equal;
  }

  static bool equal(const SparseFeature& a, const SparseFeature& b) noexcept {
    return a.index == b.index && std::bit_cast<std::uint32_t>(a.value) == std::bit_cast<std::uint32_t>(b.value);
  }

  static bool same_features(std::span<const SparseFeature> a, std::span<const SparseFeature> b) noexcept {
    if (a.size() != b.size()) return false;
    if (std::equal(a.begin(), a.end(), b.begin(), equal)) return true;
    return std::all_of(a.begin(), a.end(), [&](const SparseFeature& feature) {
      const auto times = [&](std::span<const SparseFeature> all) {
        return std::count_if(all.begin(), all.end(), [&](const SparseFeature& other) { return equal(feature, other); });
      };
      return times(a) == times(b);
    });
  }

  Schema schema_;
  double share_;
  std::uint64_t seed_;
  std::uint64_t vectors_ = 0;
  std::uint64_t mismatches_ = 0;
  std::uint64_t hashed_mismatches_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<Column> columns_;
};

}  // namespace rtml::monitor
