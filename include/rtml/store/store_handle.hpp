#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "rtml/core/time.hpp"
#include "rtml/store/detail/read_plan.hpp"
#include "rtml/store/detail/view_table.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/value.hpp"

namespace rtml {

/// Some columns of a view of an OnlineStore, found by name once; from then on reading knows no names, allocates nothing and never throws. Made
/// by OnlineStore::resolve; any number of threads at once. Of the store's rows it sees whatever is there, after a load too; it keeps its view's
/// rows from going with the store.
///
/// Every read says `at` which time it asks for: the request's own. It answers what HistoryHandle::as_of answers for that time, as far as the
/// rows are kept: a row whose event time or availability lies after `at` is not there yet, a row older than the time to live is stale.
template <ReadValue T>
class StoreHandle {
 public:
  /// Columns that a read fills.
  std::size_t size() const noexcept { return plan_.size(); }

  /// Fills out and status [size()]; NaN or 0 where the status is not present. Returns missing, stale, or present for the row.
  ValueStatus get(const EntityKey& key, Time at, std::span<T> out, std::span<ValueStatus> status) const noexcept {
    detail::RowShard& shard = table_->shard_of(key.hash());
    const std::lock_guard held(shard.lock);
    shard.prefetch_entity(key.hash());
    return read(shard, key, at, out.data(), status.data());
  }

  /// As get for each key: out and status are [keys, size()]. Their cache misses overlap: the way to read many.
  void multi_get(std::span<const EntityKey> keys, Time at, std::span<T> out, std::span<ValueStatus> status) const noexcept {
    for (std::size_t i = 0; i < std::min(keys.size(), group); ++i) table_->shard_of(keys[i].hash()).prefetch(keys[i].hash());
    for (std::size_t begin = 0; begin < keys.size(); begin += group) {
      const std::size_t end = std::min(keys.size(), begin + group);
      for (std::size_t i = begin; i < end; ++i) {
        detail::RowShard& shard = table_->shard_of(keys[i].hash());
        const std::lock_guard held(shard.lock);
        shard.prefetch_entity(keys[i].hash());
      }
      for (std::size_t i = end; i < std::min(keys.size(), end + group); ++i) table_->shard_of(keys[i].hash()).prefetch(keys[i].hash());
      for (std::size_t i = begin; i < end; ++i) {
        detail::RowShard& shard = table_->shard_of(keys[i].hash());
        const std::lock_guard held(shard.lock);
        read(shard, keys[i], at, out.data() + i * size(), status.data() + i * size());
      }
    }
  }

  /// The last rows of an entity, newest first, as a sequence: out and status are [n, size()], n their size by size(). Rows are of different
  /// event times; what is not there, or no longer kept (FeatureView::history), is missing. Returns how many rows are present.
  std::size_t last(const EntityKey& key, Time at, std::span<T> out, std::span<ValueStatus> status) const noexcept {
    detail::RowShard& shard = table_->shard_of(key.hash());
    const std::lock_guard held(shard.lock);
    shard.prefetch_entity(key.hash());
    return table_->last_rows(shard, shard.find(key.hash(), key.bytes()), at, out.size() / size(),
                             [&](std::size_t place, const std::uint64_t* cells, ValueStatus row_status) {
                               fill(cells, row_status, out.data() + place * size(), status.data() + place * size());
                             });
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(plan_) + plan_.memory_bytes(); }

 private:
  friend class OnlineStore;

  static constexpr std::size_t group = 16;  // keys whose rows are fetched together: 8 lines each are what a core has under way

  StoreHandle(std::shared_ptr<const detail::ViewTable> table, std::span<const std::string> columns)
      : table_(std::move(table)), plan_(table_->view(), columns) {}

  ValueStatus read(detail::RowShard& shard, const EntityKey& key, Time at, T* out, ValueStatus* status) const noexcept {
    const auto [cells, row_status] = table_->row_at(shard, shard.find(key.hash(), key.bytes()), at);
    fill(cells, row_status, out, status);
    return row_status;
  }

  void fill(const std::uint64_t* cells, ValueStatus row_status, T* out, ValueStatus* status) const noexcept {
    if (row_status == ValueStatus::present) {
      plan_.read(cells, out, status);
    } else {
      plan_.read_nothing(row_status, out, status);
    }
  }

  std::shared_ptr<const detail::ViewTable> table_;
  detail::ReadPlan<T> plan_;
};

}  // namespace rtml
