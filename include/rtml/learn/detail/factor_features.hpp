#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/column_scale.hpp"
#include "rtml/learn/detail/nominal_codes.hpp"

namespace rtml::detail {

/// One feature that an example has: of a dense column, a nominal code or a hashed index.
struct Active {
  std::size_t row;      ///< of the table
  float value;          ///< of a dense column over the column's scale
  std::uint32_t field;  ///< 0 where there are no fields
};

/// A Bloom filter of 8192 bits with one hash: false alarms only cost a closer look.
class RepeatFilter {
 public:
  /// True when `row` may have been asked for before.
  bool seen(std::size_t row) noexcept {
    const std::uint32_t hash = (static_cast<std::uint32_t>(row) * 0x9e3779b1U) >> 19U;
    const std::uint64_t bit = std::uint64_t{1} << (hash % 64);
    const bool before = (bits_[hash / 64] & bit) != 0;
    bits_[hash / 64] |= bit;
    return before;
  }

 private:
  std::array<std::uint64_t, 128> bits_{};
};

/// The features of an example as factorization machines take them. The table has a row for each dense column, then 2^bits for nominal
/// codes and hashed features, where the schema has any. With `fields` > 0 hashed features are of one of those, and each dense column is
/// one more; else all are of field 0.
class FactorFeatures {
 public:
  using Fields = std::span<const std::uint32_t>;

  FactorFeatures(unsigned bits, unsigned fields) noexcept : bits_(bits), fields_(fields) {}

  void bind(const Schema& now, const Schema& old) {
    inverse_ = moved_to(now, old, inverse_);
    scale_.bind(now, old);
    set_up(now);
  }

  std::size_t dense_size() const noexcept { return inverse_.size(); }
  bool hashes() const noexcept { return hashes_; }

  /// Rows of a schema's table.
  std::size_t rows_of(const Schema& schema) const noexcept { return schema.dense_size() + (hashes(schema) ? std::size_t{1} << bits_ : 0); }
  /// Fields of a schema, at least 1.
  std::size_t fields_of(const Schema& schema) const noexcept { return fields_ == 0 ? 1 : fields_ + schema.dense_size(); }

  std::size_t row_of(std::uint32_t index) const noexcept { return dense_size() + (index & mask_); }

  /// True for the fields of hashed features, and for the one field of all.
  bool is_hashed(std::size_t field) const noexcept { return fields_ == 0 || field < fields_; }

  /// So many features of an example cost no allocation.
  std::size_t usual() const noexcept { return dense_size() + 256; }

  /// Calls use(Active) for each numeric dense column of `x` that is present and not 0.
  template <class Use>
  void each_dense(const Features& x, Use use) const noexcept {
    const std::size_t d = std::min(x.dense.size(), dense_size());
    for (std::size_t j = 0; j < d; ++j) {
      const float value = is_nan(x.dense[j]) ? 0.0F : cut(x.dense[j] * inverse_[j], largest_scaled);
      if (value != 0.0F) use(Active{j, value, field_of_dense(j)});
    }
  }

  /// The same for nominal codes and hashed features, repeated ones as they come.
  template <class Use>
  void each_hashed(const Features& x, Fields fields, Use use) const noexcept {
    if (!hashes_) return;
    nominal_.each(x.dense, [&](std::size_t place, std::uint32_t index) { use(Active{row_of(index), 1.0F, field_of_dense(place)}); });
    for (std::size_t i = 0; i < x.sparse.size(); ++i) {
      const SparseFeature& feature = x.sparse[i];
      if (feature.value == 0.0F) continue;
      std::uint32_t field = 0;
      if (fields_ != 0) field = (i < fields.size() ? fields[i] : static_cast<std::uint32_t>(i)) % fields_;
      use(Active{row_of(feature.index), feature.value, field});
    }
  }

  /// Takes an example's columns into their scales; returns its features, repeated ones of one field added up, until the next call. Those
  /// of one row, in several fields, lie side by side. @pre x has dense_size() columns
  std::span<const Active> gather(const Features& x, Fields fields) noexcept {
    scale_.observe(x.dense.data());
    std::copy_n(scale_.inverse(), inverse_.size(), inverse_.begin());
    nominal_.blank(inverse_.data());
    active_.clear();
    each_dense(x, [this](const Active& a) { active_.push_back(a); });
    const auto dense = static_cast<std::ptrdiff_t>(active_.size());
    RepeatFilter filter;
    bool repeats = false;
    each_hashed(x, fields, [&](const Active& a) {
      active_.push_back(a);
      repeats = filter.seen(a.row) || repeats;
    });
    if (repeats) merge(active_.begin() + dense);
    return active_;
  }

  std::size_t memory_bytes() const noexcept {
    return inverse_.capacity() * sizeof(float) + scale_.memory_bytes() + nominal_.memory_bytes() + active_.capacity() * sizeof(Active);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar, const Schema& schema) {
    ar(self.inverse_, self.scale_);
    if constexpr (Ar::reading) {
      ar.check(self.inverse_.size() == schema.dense_size() && self.scale_.size() == schema.dense_size(), "scales");
      for (const float inverse : self.inverse_) ar.check(is_finite(inverse) && inverse >= 0.0F, "scale");
      self.set_up(schema);
    }
  }

 private:
  static bool hashes(const Schema& schema) noexcept {
    const auto columns = schema.columns();
    return std::any_of(columns.begin(), columns.end(), [](const Column& column) { return column.kind != Column::Kind::numeric; });
  }

  std::uint32_t field_of_dense(std::size_t place) const noexcept { return fields_ == 0 ? 0 : static_cast<std::uint32_t>(fields_ + place); }

  /// What follows from the schema.
  void set_up(const Schema& schema) {
    nominal_.bind(schema);
    hashes_ = hashes(schema);
    mask_ = static_cast<std::uint32_t>((std::size_t{1} << bits_) - 1);
    active_.reserve(usual());
  }

  void merge(std::vector<Active>::iterator kept) noexcept {
    std::sort(kept, active_.end(), [](const Active& a, const Active& b) {
      if (a.row != b.row) return a.row < b.row;
      return a.field != b.field ? a.field < b.field : a.value < b.value;  // a total order: the sum does not depend on the input's
    });
    for (auto from = kept; from != active_.end(); ++kept) {
      *kept = *from;
      for (++from; from != active_.end() && from->row == kept->row && from->field == kept->field; ++from)
        kept->value = std::clamp(kept->value + from->value, -largest_magnitude, largest_magnitude);
    }
    active_.erase(kept, active_.end());
  }

  unsigned bits_;
  unsigned fields_;
  std::vector<float> inverse_;  // [d] 1 / the scales of numeric columns as of the last example, 0 of nominal ones
  ColumnScale scale_;
  NominalCodes nominal_;
  bool hashes_ = false;
  std::uint32_t mask_ = 0;
  std::vector<Active> active_;  // scratch of gather
};

}  // namespace rtml::detail
