#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/detail/read_plan.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/history.hpp"
#include "rtml/store/value.hpp"

namespace rtml {

template <ReadValue T>
class AsOfHandle;

/// The rows of a History put into an order in which any past time is found fast. Borrows the history: rows appended later are not in
/// it, and what loads or assigns the history ends its use.
///
/// As of t, an entity's row is, of those with event time <= t and available at <= t, the one of the newest event time; of equal ones the one
/// that became available last; of equal ones the later one. It is stale when its age t - event time is more than the view's time to live.
/// That is what an OnlineStore answered at t.
///
/// How: a row is there from max(event time, available at) on, and stays; so an entity's rows in that order, each with the best row so far,
/// answer any t by one binary search, however late rows came. O(rows + entities) to build; 16 bytes a row. Reading is safe from any number
/// of threads.
class AsOfIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  RTML_API explicit AsOfIndex(const History& history);

  const History& history() const noexcept { return *history_; }

  /// The row as of `at` of an entity of history().numbers(); none when there is none. O(log rows of the entity)
  RTML_API std::uint32_t row_at(std::uint32_t entity, Time at) const noexcept;

  /// Up to n rows as of `at`, newest first, of different event times: as OnlineStore keeps them. O(m log m), m the rows of the entity.
  RTML_API std::vector<std::uint32_t> last_rows(std::uint32_t entity, Time at, std::size_t n) const;

  /// @throws SchemaError, ConfigError as OnlineStore::resolve
  template <ReadValue T>
  AsOfHandle<T> resolve(const std::vector<std::string>& columns) const;

  RTML_API std::size_t memory_bytes() const noexcept;

 private:
  bool is_newer(std::uint32_t row, std::uint32_t than) const noexcept;

  const History* history_;
  std::vector<std::uint32_t> begins_;  // [entities + 1]
  std::vector<Time> there_from_;       // of each row, by entity, rising
  std::vector<std::uint32_t> rows_;    // which row that is
  std::vector<std::uint32_t> best_;    // of that and all before it of the entity, the one to answer with
};

/// Some columns of an AsOfIndex, found by name once: what a StoreHandle is to a store. Valid as long as the index.
template <ReadValue T>
class AsOfHandle {
 public:
  std::size_t size() const noexcept { return plan_.size(); }

  /// Fills out and status [size()] with what was known at `at`, as StoreHandle::get does.
  ValueStatus as_of(const EntityKey& key, Time at, std::span<T> out, std::span<ValueStatus> status) const noexcept {
    const std::uint32_t entity = index_->history().numbers().find(key.hash(), key.bytes());
    const std::uint32_t row = entity == detail::EntityNumbers::none ? AsOfIndex::none : index_->row_at(entity, at);
    return fill(row, at, out.data(), status.data());
  }

  /// The last rows as of `at`, newest first: as StoreHandle::last. Allocates.
  std::size_t last(const EntityKey& key, Time at, std::span<T> out, std::span<ValueStatus> status) const {
    const std::size_t n = out.size() / size();
    const std::uint32_t entity = index_->history().numbers().find(key.hash(), key.bytes());
    std::vector<std::uint32_t> rows;
    if (entity != detail::EntityNumbers::none) rows = index_->last_rows(entity, at, n);
    rows.resize(n, AsOfIndex::none);
    std::size_t present = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (fill(rows[i], at, out.data() + i * size(), status.data() + i * size()) == ValueStatus::present) ++present;
    return present;
  }

 private:
  friend class AsOfIndex;

  AsOfHandle(const AsOfIndex* index, std::span<const std::string> columns) : index_(index), plan_(index->history().view(), columns) {}

  ValueStatus fill(std::uint32_t row, Time at, T* out, ValueStatus* status) const noexcept {
    const History& history = index_->history();
    ValueStatus row_status = ValueStatus::missing;
    if (row != AsOfIndex::none)
      row_status = history.view().is_stale(history.event_time(row), at) ? ValueStatus::stale : ValueStatus::present;
    if (row_status == ValueStatus::present) {
      plan_.read(history.cells(row), out, status);
    } else {
      plan_.read_nothing(row_status, out, status);
    }
    return row_status;
  }

  const AsOfIndex* index_;
  detail::ReadPlan<T> plan_;
};

template <ReadValue T>
AsOfHandle<T> AsOfIndex::resolve(const std::vector<std::string>& columns) const {
  return AsOfHandle<T>(this, columns);
}

}  // namespace rtml
