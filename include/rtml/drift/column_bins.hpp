#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/batch.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/drift/column_counts.hpp"

namespace rtml::drift {

/// Where the dense columns of a schema are cut: numeric ones at the quantiles of sample rows, into (-inf, e1], (e1, e2], ..., (ek, inf);
/// nominal ones into their most frequent categories and one bin for all others, those never seen included; missing values (NaN) have
/// a bin of their own, the last. A value that is several quantiles has a bin of its own; ties may leave a column fewer than asked for. Infinities count as what they are, beyond every edge.
///
/// A copy counts as the original does: give one to each thread or shard, and merge what they counted. Thread-safe to read.
/// 4 bytes an edge and column.
class ColumnBins {
 public:
  struct Options {
    std::size_t bins = 10;        ///< of a numeric column, missing apart, in [2, 64]
    std::size_t categories = 32;  ///< of a nominal column that have their own bin, in [1, 128]
  };

  explicit ColumnBins(const Schema& schema) : ColumnBins(schema, Options{}) {}

  /// Allocates all that it ever will.
  /// @throws ConfigError
  RTML_API ColumnBins(const Schema& schema, const Options& options);

  const Options& options() const noexcept { return options_; }
  std::size_t columns() const noexcept { return columns_; }

  /// True once there are edges.
  bool learned() const noexcept { return fingerprint_ != 0; }

  /// Of the edges and categories; 0 before there are any.
  std::uint64_t fingerprint() const noexcept { return fingerprint_; }

  /// What learning needs beside the rows; allocated beforehand by room().
  class Scratch {
   public:
    /// For so many rows. Sized and not reserved: a copy has the room too.
    void room(std::size_t rows) {
      sorted_.resize(rows);
      found_.resize(rows);
    }
    std::size_t memory_bytes() const noexcept { return sorted_.capacity() * sizeof(float) + found_.capacity() * sizeof(Category); }

   private:
    friend class ColumnBins;
    struct Category {
      float value;
      std::uint32_t count;
    };
    std::vector<float> sorted_;
    std::vector<Category> found_;
  };

  /// Puts the edges at the quantiles of `rows` rows that lie `stride` floats apart. Sorts each column: O(columns rows log rows).
  /// Allocates nothing. @pre the scratch has room for the rows
  RTML_API void learn(const float* values, std::size_t rows, std::size_t stride, Scratch& scratch) noexcept;

  /// Forgets the edges.
  RTML_API void forget() noexcept;

  /// Counts of no rows.
  RTML_API ColumnCounts counts() const;

  /// Empties counts that were of other edges of the same schema and options, without allocating.
  RTML_API void begin(ColumnCounts& counts) const noexcept;

  /// Adds the rows of a batch. O(rows columns bins), some 0.3 ns a value with 8 bins; allocates nothing.
  /// @pre learned(); counts are these bins'; the batch has at least columns() columns; counts.rows() + batch.size() <= most_rows
  RTML_API void count(const Batch& batch, ColumnCounts& counts) const noexcept;

  bool is_nominal(std::size_t column) const noexcept { return nominal_of_[column] != numeric; }

  /// How many bins a column has, those for other categories and for missing values included. 0 before learned().
  std::size_t bins(std::size_t column) const noexcept { return bins_[column]; }

  /// The inner edges of a numeric column, ascending, written to `edges` [bins(column) - 2]; those of it that were written.
  RTML_API std::span<float> edges(std::size_t column, std::span<float> edges) const noexcept;

  /// The categories that have a bin of their own, ascending. Empty for a numeric column.
  RTML_API std::span<const float> categories(std::size_t column) const noexcept;

  /// Counts by bin, written to `into` [bins(column)]; the part that was written.
  RTML_API std::span<std::uint64_t> histogram(const ColumnCounts& counts, std::size_t column, std::span<std::uint64_t> into) const noexcept;

  /// Two-way splits of a column's values that drift is looked for in: a numeric column's at each edge (those above it, or missing,
  /// against the rest) and missing against present; each bin of a nominal column against all others.
  std::size_t splits(std::size_t column) const noexcept {
    return is_nominal(column) || bins_[column] == 0 ? bins_[column] : bins_[column] - 1U;
  }

  /// How many of the counted rows are on one side of a split.
  std::uint64_t on_side(const ColumnCounts& counts, std::size_t column, std::size_t split) const noexcept {
    const std::uint32_t nominal = nominal_of_[column];
    if (nominal != numeric) return counts.categories_[nominal * category_stride() + split];
    const std::uint64_t missing = counts.missing_[column];
    return split + 2 < bins_[column] ? missing + counts.above_[split * padded_ + column] : missing;
  }

  RTML_API std::size_t memory_bytes() const noexcept;

  /// Whether counts that were read from a file can be these bins'.
  RTML_API bool allows(const ColumnCounts& counts) const noexcept;

  /// Restores into bins of the same schema and options.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ColumnBins", 1);
    std::uint64_t schema = self.schema_;
    Options options = self.options_;
    ar(schema, options.bins, options.categories);
    ar.check(schema == self.schema_, "schema (saved: other columns)");
    ar.check(options.bins == self.options_.bins && options.categories == self.options_.categories, "bins (saved: others)");
    ar(self.fingerprint_);
    ar.values(std::span(self.bins_));
    ar.values(std::span(self.edges_));
    ar.values(std::span(self.categories_));
    ar.check(self.is_valid(), "bins");
  }

 private:
  static constexpr std::uint32_t numeric = 0xffffffffU;

  std::size_t category_stride() const noexcept { return options_.categories + 2; }
  void learn_numeric(std::size_t column, std::span<const float> sorted) noexcept;
  void learn_nominal(std::size_t column, std::span<const float> sorted, Scratch& scratch) noexcept;
  std::size_t category_bin(std::size_t nominal, std::size_t own, float value) const noexcept;
  std::uint64_t find_fingerprint() const noexcept;
  RTML_API bool is_valid() const noexcept;

  Options options_;
  std::uint64_t schema_ = 0;       // its fingerprint
  std::uint64_t fingerprint_ = 0;  // 0 before there are edges
  std::size_t columns_ = 0;
  std::size_t padded_ = 0;                 // columns, rounded up to a line of 16 floats
  std::vector<std::uint32_t> nominal_of_;  // [columns] place among the nominal columns, or `numeric`
  std::vector<std::uint32_t> nominal_;     // dense places of the nominal columns
  std::vector<std::uint8_t> bins_;         // [columns]
  std::vector<float> edges_;               // [bins - 1, padded], unused ones infinite
  std::vector<float> categories_;          // [nominal, categories] ascending
};

}  // namespace rtml::drift
