#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/detail/entity_numbers.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/feature_row.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/stored_row.hpp"

namespace rtml {

/// All rows of a view in the order in which they came: the offline side of an OnlineStore. An AsOfIndex over it answers what was known at any
/// past time; point_in_time_join puts that beside labels.
///
/// Times and entities lie in columns, values in rows: what is asked for is a row. 20 bytes a row and its cells, 24 an entity and its key.
/// A value; appending wants no other user. Bounded by `max_rows`.
class History {
 public:
  static constexpr std::size_t most_rows = 0xfffffffeU;

  /// @throws ConfigError unless max_rows is in [1, 2^32 - 2].
  explicit History(FeatureView view, std::size_t max_rows = 100'000'000) : view_(std::move(view)), max_rows_(max_rows) {
    require("History", "max_rows", max_rows, max_rows >= 1 && max_rows <= most_rows, "in [1, 2^32 - 2]");
  }

  const FeatureView& view() const noexcept { return view_; }
  std::size_t size() const noexcept { return entities_.size(); }  ///< rows
  std::size_t entities() const noexcept { return numbers_.keys().size(); }
  std::uint64_t refused() const noexcept { return refused_; }  ///< rows whose key or time is none, or of another view
  std::uint64_t dropped() const noexcept { return dropped_; }  ///< rows beyond max_rows

  /// Keeps a row; where it does not say when it was available, that was at its event time. Refuses what a store refuses; `failed` is a row
  /// beyond max_rows. Amortised O(1).
  PutResult append(const FeatureRow& row) {
    const Time available_at = row.available_at().value_or(row.event_time());
    if (row.view() != view_.fingerprint() || !row.key().valid() || !FeatureView::is_time(row.event_time()) ||
        !FeatureView::is_time(available_at)) {
      ++refused_;
      return PutResult::refused;
    }
    if (size() >= max_rows_) {
      ++dropped_;
      return PutResult::failed;
    }
    add(numbers_.find_or_add(row.key()), row.event_time(), available_at, row.cells());
    return PutResult::stored;
  }

  std::uint32_t entity(std::size_t row) const noexcept { return entities_[row]; }
  Time event_time(std::size_t row) const noexcept { return event_times_[row]; }
  Time available_at(std::size_t row) const noexcept { return available_at_[row]; }
  const std::uint64_t* cells(std::size_t row) const noexcept {
    return chunks_[row / chunk_rows].data() + row % chunk_rows * view_.layout().words();
  }
  const detail::EntityNumbers& numbers() const noexcept { return numbers_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(view_) - sizeof(numbers_) + view_.memory_bytes() + numbers_.memory_bytes() +
                        entities_.capacity() * sizeof(std::uint32_t) + (event_times_.capacity() + available_at_.capacity()) * sizeof(Time) +
                        chunks_.capacity() * sizeof(std::vector<std::uint64_t>);
    for (const auto& chunk : chunks_) bytes += chunk.capacity() * sizeof(std::uint64_t);
    return bytes;
  }

  /// Restores into a history of the same view. @throws FormatError for another, or more rows than may be here.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("History", 1);
    if constexpr (Ar::reading) {
      self.read(ar);
    } else {
      self.write(ar);
    }
  }

 private:
  static constexpr std::size_t chunk_rows = 1024;  // rows never move, so that growing costs no second copy of them

  void add(std::uint32_t entity, Time event_time, Time available_at, std::span<const std::uint64_t> cells) {
    if (size() % chunk_rows == 0) {
      chunks_.emplace_back();
      chunks_.back().reserve(chunk_rows * view_.layout().words());
    }
    chunks_.back().insert(chunks_.back().end(), cells.begin(), cells.end());
    entities_.push_back(entity);
    event_times_.push_back(event_time);
    available_at_.push_back(available_at);
  }

  void write(auto& ar) const {
    ar(view_, refused_, dropped_, static_cast<std::uint64_t>(entities()), static_cast<std::uint64_t>(size()));
    for (std::size_t i = 0; i < entities(); ++i) ar(std::string(numbers_.keys().bytes(i)));
    for (std::size_t i = 0; i < size(); ++i) {
      ar(entities_[i], event_times_[i], available_at_[i]);
      ar.values(std::span<const std::uint64_t>(cells(i), view_.layout().words()));
    }
  }

  void read(auto& ar) {
    FeatureView saved = view_;
    std::uint64_t entity_count = 0;
    std::uint64_t row_count = 0;
    History fresh(view_, max_rows_);
    ar(saved, fresh.refused_, fresh.dropped_, entity_count, row_count);
    ar.check(saved == view_, "saved by another view: " + saved.difference(view_).value_or(""));
    ar.check(row_count <= max_rows_ && entity_count <= row_count, "rows");
    for (std::uint64_t i = 0; i < entity_count; ++i) {
      std::string key;
      ar(key);
      ar.check(view_.is_key(key), "key of an entity");
      ar.check(fresh.numbers_.find_or_add(EntityKey::from_bytes(key)) == i, "entity (twice)");
    }
    std::vector<std::uint64_t> cells(view_.layout().words());
    for (std::uint64_t i = 0; i < row_count; ++i) {
      std::uint32_t entity = 0;
      Time event_time{};
      Time available_at{};
      ar(entity, event_time, available_at);
      ar.values(std::span<std::uint64_t>(cells));
      ar.check(entity < entity_count, "entity of a row");
      ar.check(FeatureView::is_time(event_time) && FeatureView::is_time(available_at), "times of a row");
      ar.check(view_.layout().plausible(cells), "values of a row");
      fresh.add(entity, event_time, available_at, cells);
    }
    *this = std::move(fresh);
  }

  FeatureView view_;
  std::size_t max_rows_;
  detail::EntityNumbers numbers_;
  std::vector<std::uint32_t> entities_;
  std::vector<Time> event_times_;
  std::vector<Time> available_at_;
  std::vector<std::vector<std::uint64_t>> chunks_;
  std::uint64_t refused_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace rtml
