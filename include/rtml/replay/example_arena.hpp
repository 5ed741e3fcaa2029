#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::detail {

/// Where a replay buffer keeps its rows: flat arrays of `capacity` places, allocated by bind(), written in place ever after.
class ExampleArena {
 public:
  ExampleArena(std::string_view owner, std::size_t capacity, std::size_t max_sparse) : capacity_(capacity), max_sparse_(max_sparse) {
    require(owner, "capacity", capacity, capacity >= 1 && capacity <= std::numeric_limits<std::uint32_t>::max(), "in [1, 2^32)");
    require(owner, "max_sparse", max_sparse, max_sparse <= std::numeric_limits<std::uint32_t>::max(), "< 2^32");
  }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t max_sparse() const noexcept { return max_sparse_; }
  const Schema& schema() const noexcept { return schema_; }
  bool is_bound() const noexcept { return !labels_.empty(); }

  /// With room for at least `sparse` hashed features an example. Again with a schema that gained columns: what is stored gets NaN (missing) there.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(std::string_view owner, const Schema& schema, std::size_t sparse) {
    if (is_bound() && schema == schema_ && sparse <= max_sparse_) return;
    if (auto missing = schema.missing_from(schema_))
      raise(SchemaError(std::string(owner) + " holds examples of other features: " + *missing));
    ExampleArena wider(owner, capacity_, std::max(max_sparse_, sparse));
    wider.allocate(schema);
    if (is_bound()) wider.take_rows_of(*this);
    *this = std::move(wider);
  }

  /// True when `put` would take the example.
  bool accepts(const Features& x, float y, float weight) const noexcept {
    return is_bound() && x.dense.size() == schema_.dense_size() && x.sparse.size() <= sparse_width() && is_usable(x, y, weight);
  }

  /// @pre place < capacity(), accepts(x, y, weight)
  void put(std::size_t place, const Features& x, float y, float weight, Time at) noexcept {
    std::copy(x.dense.begin(), x.dense.end(), dense_.data() + place * schema_.dense_size());
    std::copy(x.sparse.begin(), x.sparse.end(), sparse_.data() + place * sparse_width());
    sparse_sizes_[place] = static_cast<std::uint32_t>(x.sparse.size());
    labels_[place] = y;
    weights_[place] = weight;
    times_[place] = at;
  }

  /// @pre something was put at `place`
  Example at(std::size_t place) const noexcept {
    const std::size_t d = schema_.dense_size();
    return {{std::span(dense_).subspan(place * d, d), std::span(sparse_).subspan(place * sparse_width(), sparse_sizes_[place])},
            labels_[place],
            weights_[place],
            times_[place]};
  }

  /// @pre something was put at `place`
  void reweigh(std::size_t place, float weight) noexcept { weights_[place] = weight; }

  Time time(std::size_t place) const noexcept { return times_[place]; }
  float label(std::size_t place) const noexcept { return labels_[place]; }

  /// Beside the object itself.
  std::size_t heap_bytes() const noexcept {
    return dense_.capacity() * sizeof(float) + sparse_.capacity() * sizeof(SparseFeature) +
           sparse_sizes_.capacity() * sizeof(std::uint32_t) + (labels_.capacity() + weights_.capacity()) * sizeof(float) +
           times_.capacity() * sizeof(Time) + schema_.memory_bytes() - sizeof(Schema);
  }

  /// The rows at `count` places, which `place(i)` names for i in [0, count). Reading puts them at places 0, 1, ...: `place` is not asked.
  /// An arena that is bound takes no more columns than it has; one that is not, no more memory than stands in proportion to what is read.
  template <class Self, class Ar, class Place>
  static void archive(Self& self, Ar& ar, std::size_t& count, Place place) {
    std::uint64_t capacity = self.capacity_;
    std::uint64_t max_sparse = self.max_sparse_;
    ar(capacity, max_sparse);
    ar.check(capacity == self.capacity_, "capacity (saved: another one)");
    bool bound = self.is_bound();
    std::uint64_t rows = count;
    ar(bound, rows);
    ar.check(rows <= (bound ? capacity : 0), "number of examples");
    count = static_cast<std::size_t>(rows);
    if constexpr (Ar::reading) {
      if (bound) {
        self.read_schema(ar);
      } else {
        self = ExampleArena("", self.capacity_, self.max_sparse_);
      }
      for (std::size_t i = 0; i < count; ++i) self.read_row(ar, i);
    } else {
      if (bound) ar(self.schema_);
      for (std::size_t i = 0; i < count; ++i) self.write_row(ar, place(i));
    }
  }

 private:
  static constexpr std::size_t unread_allowance = std::size_t{1} << 26U;  // bytes that an arena not yet bound takes whatever is read

  std::size_t sparse_width() const noexcept { return schema_.has_hashed() ? max_sparse_ : 0; }

  void allocate(const Schema& schema) {
    schema_ = schema;
    dense_.assign(capacity_ * schema_.dense_size(), 0.0F);
    sparse_.assign(capacity_ * sparse_width(), SparseFeature{0, 0.0F});
    sparse_sizes_.assign(capacity_, 0);
    labels_.assign(capacity_, 0.0F);
    weights_.assign(capacity_, 0.0F);
    times_.assign(capacity_, Time{});
  }

  void take_rows_of(const ExampleArena& narrow) {
    const std::size_t d = schema_.dense_size();
    std::fill(dense_.begin(), dense_.end(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t from = 0; from < narrow.schema_.dense_size(); ++from) {
      const std::optional<std::size_t> to = schema_.dense_place(narrow.schema_.dense(from).name);
      for (std::size_t row = 0; to && row < capacity_; ++row)
        dense_[row * d + *to] = narrow.dense_[row * narrow.schema_.dense_size() + from];
    }
    if (narrow.sparse_width() != 0) {
      for (std::size_t row = 0; row < capacity_; ++row)
        std::copy_n(narrow.sparse_.data() + row * narrow.sparse_width(), narrow.sparse_sizes_[row], sparse_.data() + row * sparse_width());
      sparse_sizes_ = narrow.sparse_sizes_;
    }
    labels_ = narrow.labels_;
    weights_ = narrow.weights_;
    times_ = narrow.times_;
  }

  template <class Ar>
  void read_schema(Ar& ar) {
    const std::size_t columns = schema_.dense_size();
    const bool hashed = schema_.has_hashed();
    Schema schema;
    ar(schema);
    if (is_bound()) {
      ar.check(schema.dense_size() <= columns && (hashed || !schema.has_hashed()), "columns (bound to fewer)");
    } else {
      const std::size_t row = schema.dense_size() * sizeof(float) + (schema.has_hashed() ? max_sparse_ * sizeof(SparseFeature) : 0);
      ar.check(row == 0 || capacity_ <= (unread_allowance + 8 * ar.left()) / row, "columns (bind to the features before loading so many)");
    }
    allocate(schema);
  }

  template <class Ar>
  void write_row(Ar& ar, std::size_t place) const {
    const Example row = at(place);
    ar(sparse_sizes_[place], row.y, row.weight, row.at);
    ar.raw(std::as_bytes(row.x.dense));
    for (const SparseFeature& feature : row.x.sparse) ar(feature.index, feature.value);
  }

  template <class Ar>
  void read_row(Ar& ar, std::size_t place) {
    ar(sparse_sizes_[place], labels_[place], weights_[place], times_[place]);
    ar.check(sparse_sizes_[place] <= sparse_width(), "number of sparse features");
    const std::size_t d = schema_.dense_size();
    const auto dense = ar.raw(d * sizeof(float));
    const auto into = std::as_writable_bytes(std::span(dense_).subspan(place * d, d));
    std::copy(dense.begin(), dense.end(), into.begin());
    for (std::size_t i = 0; i < sparse_sizes_[place]; ++i) {
      SparseFeature& feature = sparse_[place * sparse_width() + i];
      ar(feature.index, feature.value);
    }
    const Example row = at(place);
    ar.check(is_usable(row.x, row.y, row.weight), "example");
  }

  std::size_t capacity_;
  std::size_t max_sparse_;
  Schema schema_;
  std::vector<float> dense_;                 // [capacity, d]
  std::vector<SparseFeature> sparse_;        // [capacity, max_sparse], or empty without hashed columns
  std::vector<std::uint32_t> sparse_sizes_;  // [capacity]
  std::vector<float> labels_;                // [capacity]
  std::vector<float> weights_;               // [capacity]
  std::vector<Time> times_;                  // [capacity]
};

}  // namespace rtml::detail
