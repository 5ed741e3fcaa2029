#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/bounds.hpp"
#include "rtml/store/detail/view_table.hpp"
#include "rtml/store/feature_row.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/store_handle.hpp"
#include "rtml/store/stored_row.hpp"

namespace rtml {

/// The newest feature rows of each entity, in memory, for many readers and writers at once.
///
///     OnlineStore store;
///     store.add(card, {.max_entities = 1'000'000});
///     const auto handle = store.resolve<float>(card, {"spend_7d", "count_7d"});   // once
///     store.put(row);                                                             // any thread
///     handle.get(card.key(id), at, values, status);                               // any thread, below a microsecond
///
/// A row replaces what is stored only when it is newer by (event time, available at), or equal and later: rows may come in any order. Of too
/// many entities one goes that was neither read nor written for long (second chance); after that an older row of it would be accepted again.
///
/// Times: a row that is ahead of the store's clock by more than `max_ahead` is refused, so that no wrong clock freezes a key. With the
/// default of 0 a read at the present time answers exactly what a History answers. With more, a row that is ahead is not served before its
/// time, nor is, unless the view keeps a history, the row that it replaced.
///
/// Threads: put, restore, reads and counters from anywhere; a read locks one of `shards` locks for as long as the copy takes. `add`,
/// assignment and loading want no other user. Allocates while entities are new; what has no memory is counted (failed).
///
/// A handle goes with its store: after a load or an assignment it reads the rows that came; where its view did not come with them, everything
/// is missing. Of a store that was moved from it is resolved anew.
class OnlineStore {
 public:
  explicit OnlineStore(Clock clock = system_now) : clock_(std::move(clock)) {}

  OnlineStore(const OnlineStore& other) : clock_(other.clock_) {
    for (const auto& table : other.tables_) tables_.push_back(std::make_shared<detail::ViewTable>(*table));
  }
  OnlineStore(OnlineStore&&) noexcept = default;
  OnlineStore& operator=(const OnlineStore& other) {
    if (this != &other) *this = OnlineStore(other);
    return *this;
  }
  OnlineStore& operator=(OnlineStore&& other) noexcept {
    if (this == &other) return *this;
    for (auto& theirs : other.tables_) {
      const auto same_view = [&](const auto& table) { return table->view() == theirs->view(); };
      const auto mine = std::find_if(tables_.begin(), tables_.end(), same_view);
      if (mine == tables_.end()) continue;
      (*mine)->swap(*theirs);
      std::swap(*mine, theirs);
    }
    for (const auto& table : tables_) table->clear();  // what handles still refer to
    tables_ = std::exchange(other.tables_, {});
    clock_ = std::move(other.clock_);
    return *this;
  }
  ~OnlineStore() = default;

  /// @throws ConfigError for bounds out of range, or a second view of one name.
  void add(const FeatureView& view, const ViewBounds& bounds = {}) {
    for (const auto& table : tables_) require("OnlineStore", "view", view.name(), table->view().name() != view.name(), "added once");
    tables_.push_back(std::make_shared<detail::ViewTable>(view, bounds));
  }

  /// @throws SchemaError when the store has no such view, or not as it was defined here, or a column is not there or of a type that would
  /// lose digits as T. @throws ConfigError for a column asked for twice.
  template <ReadValue T>
  StoreHandle<T> resolve(const FeatureView& view, const std::vector<std::string>& columns) const {
    return StoreHandle<T>(table_of(view), columns);
  }

  /// Stores a row of a view that was added; a row of any other is refused.
  PutResult put(const FeatureRow& row) noexcept {
    for (const auto& table : tables_)
      if (table->view().fingerprint() == row.view()) return table->put(row, clock_());
    return PutResult::refused;
  }

  /// Takes out the entities whose newest row is stale by the store's clock; from then on they are missing. Returns how many.
  std::size_t evict_stale() noexcept {
    std::size_t gone = 0;
    const Time now = clock_();
    for (const auto& table : tables_) gone += table->evict_stale(now);
    return gone;
  }

  /// Changes so far of a view's rows. What visit_changed showed since a version is complete up to the version read before.
  std::uint64_t version(const FeatureView& view) const { return table_of(view)->version(); }

  /// Shows, as StoredRow, all rows of each entity that changed after version `since`, oldest first. An entity that was taken out is not shown.
  /// `visit` runs under a lock: it copies, and asks this store nothing.
  template <class Visit>
  void visit_changed(const FeatureView& view, std::uint64_t since, Visit&& visit) const {
    table_of(view)->visit_changed(since, visit);
  }

  /// Puts back a row that was shown once; the clock is not asked. Checks all of it: it may come from a file.
  PutResult restore(const FeatureView& view, const StoredRow& row) { return table_of(view)->restore(row); }

  StoreCounters counters(const FeatureView& view) const { return table_of(view)->counters(); }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + tables_.capacity() * sizeof(tables_[0]);
    for (const auto& table : tables_) bytes += table->memory_bytes();
    return bytes;
  }

  /// Restores into a store of the same views. Bounds stay as they are here: where they are smaller,
  /// entities go and are counted. Versions begin anew. Written while others put, each row is whole, but not all are of one moment;
  /// whoever reads waits while the rows of one shard are copied.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("OnlineStore", 1);
    std::uint64_t views = self.tables_.size();
    ar(views);
    ar.check(views == self.tables_.size(), "views");
    for (auto& table : self.tables_) {
      if constexpr (Ar::reading) {
        table->swap(*table->read(ar));
      } else {
        table->write(ar);
      }
    }
  }

 private:
  const std::shared_ptr<detail::ViewTable>& table_of(const FeatureView& view) const {
    for (const auto& table : tables_) {
      if (table->view().name() != view.name()) continue;
      if (table->view() != view) raise(SchemaError("OnlineStore: " + view.difference(table->view()).value_or("")));
      return table;
    }
    raise(SchemaError("OnlineStore: view \"" + view.name() + "\" was not added"));
  }

  Clock clock_;
  std::vector<std::shared_ptr<detail::ViewTable>> tables_;  // handles keep theirs
};

}  // namespace rtml
