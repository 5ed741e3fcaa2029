#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/bounds.hpp"
#include "rtml/store/detail/row_shard.hpp"
#include "rtml/store/entity_key.hpp"
#include "rtml/store/feature_row.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/stored_row.hpp"

namespace rtml::detail {

/// One view of a store.
class ViewTable {
 public:
  ViewTable(FeatureView view, const ViewBounds& bounds) : view_(std::move(view)), bounds_(bounds) {
    check();
    while (bounds_.shards > 1 && bounds_.max_entities / bounds_.shards < 64) bounds_.shards /= 2;
    shard_shift_ = static_cast<std::uint32_t>(64 - std::countr_zero(bounds_.shards));
    RowShape shape;
    shape.max_entities = static_cast<std::uint32_t>(bounds_.max_entities / bounds_.shards);
    shape.history = static_cast<std::uint32_t>(view_.history());
    shape.key_words = (view_.key_bytes() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    shape.row_words = RowWords::times + view_.layout().words();
    shards_ = std::make_unique<RowShard[]>(bounds_.shards);
    for (RowShard& shard : shards()) shard.prepare(shape, *arena_);
  }

  /// @throws Error when there is no memory for a copy
  ViewTable(const ViewTable& other) : ViewTable(other.view_, other.bounds_) {
    for (RowShard& shard : other.shards()) {
      const std::lock_guard held(shard.lock);
      shard.visit([&](const RowEntity& entity) { copy_entity(shard, entity); });
    }
    set_counters(other.counters());
    version_ = other.version();
  }
  ViewTable& operator=(const ViewTable&) = delete;

  /// Exchanges the rows and bounds with another table of this view: who refers to a table finds the other's rows in it.
  void swap(ViewTable& other) noexcept {
    std::swap(bounds_, other.bounds_);
    std::swap(shard_shift_, other.shard_shift_);
    std::swap(arena_, other.arena_);
    std::swap(shards_, other.shards_);
    version_.store(other.version_.exchange(version()));
  }

  void clear() noexcept {
    for (RowShard& shard : shards()) shard.clear();
  }

  const FeatureView& view() const noexcept { return view_; }
  const ViewBounds& bounds() const noexcept { return bounds_; }
  std::span<RowShard> shards() const noexcept { return {shards_.get(), bounds_.shards}; }

  /// By the high bits; the shard's table goes by the low ones.
  RowShard& shard_of(std::uint64_t hash) const noexcept {
    return shards_[bounds_.shards == 1 ? 0 : static_cast<std::size_t>(hash >> shard_shift_)];
  }

  PutResult put(const FeatureRow& row, Time now) noexcept {
    RowShard& shard = shard_of(row.key().hash());
    const Time available_at = row.available_at().value_or(now);
    const std::lock_guard held(shard.lock);
    if (!row.key().valid() || !FeatureView::is_time(row.event_time()) || !FeatureView::is_time(available_at)) {
      shard.counters.refused.add(1);
      return PutResult::refused;
    }
    if (row.event_time() - now > bounds_.max_ahead || available_at - now > bounds_.max_ahead) {
      shard.counters.ahead.add(1);
      return PutResult::ahead;
    }
    const PutResult result = place(shard, row.key(), row.event_time(), available_at, row.cells());
    if (result == PutResult::stored) shard.counters.refused_values.add(row.refused());
    return result;
  }

  /// As put, of a row that was stored before: no clock is asked.
  PutResult restore(const StoredRow& row) noexcept {
    if (!view_.is_key(row.key) || !FeatureView::is_time(row.event_time) || !FeatureView::is_time(row.available_at) ||
        !view_.layout().plausible(row.cells))
      return PutResult::refused;
    const EntityKey key = EntityKey::from_bytes(row.key);
    RowShard& shard = shard_of(key.hash());
    const std::lock_guard held(shard.lock);
    return place(shard, key, row.event_time, row.available_at, row.cells);
  }

  /// The cells of the newest row that was there at `at`, or why there are none. Marks the entity as used and counts; nullptr is no entity.
  /// @pre the shard's lock is held
  std::pair<const std::uint64_t*, ValueStatus> row_at(RowShard& shard, RowEntity* entity, Time at) const noexcept {
    if (entity != nullptr) {
      entity->used = true;
      for (std::size_t age = 0; age < entity->rows; ++age) {
        const std::uint64_t* row = shard.row(*entity, age);
        if (RowWords::event_time(row) > at || RowWords::available_at(row) > at) continue;
        if (!view_.is_stale(RowWords::event_time(row), at)) return {row + RowWords::times, ValueStatus::present};
        shard.counters.stale_reads.add(1);
        return {nullptr, ValueStatus::stale};
      }
    }
    shard.counters.missing_reads.add(1);
    return {nullptr, ValueStatus::missing};
  }

  /// Calls fill(i, cells, status) for i in [0, n): the rows that were there at `at`, newest first, then missing ones. Returns how many are
  /// present. Marks and counts as row_at. @pre the shard's lock is held
  template <class Fill>
  std::size_t last_rows(RowShard& shard, RowEntity* entity, Time at, std::size_t n, const Fill& fill) const noexcept {
    std::size_t filled = 0;
    std::size_t present = 0;
    if (entity != nullptr) {
      entity->used = true;
      for (std::size_t age = 0; age < entity->rows && filled < n; ++age) {
        const std::uint64_t* row = shard.row(*entity, age);
        if (RowWords::event_time(row) > at || RowWords::available_at(row) > at) continue;
        const bool stale = view_.is_stale(RowWords::event_time(row), at);
        fill(filled++, row + RowWords::times, stale ? ValueStatus::stale : ValueStatus::present);
        present += stale ? 0 : 1;
      }
    }
    if (present == 0) (filled == 0 ? shard.counters.missing_reads : shard.counters.stale_reads).add(1);
    while (filled < n) fill(filled++, nullptr, ValueStatus::missing);
    return present;
  }

  /// Takes out the entities of which no row is good any more at `now`. Returns how many. O(entities)
  std::size_t evict_stale(Time now) noexcept {
    std::size_t gone = 0;
    visit_all([&](RowShard& shard, RowEntity& entity) {
      if (!view_.is_stale(RowWords::event_time(shard.row(entity, 0)), now)) return;
      shard.erase(entity);
      shard.counters.expired.add(1);
      ++gone;
    });
    return gone;
  }

  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  /// Shows every row, oldest first, of each entity that changed after version `since`. O(entities)
  template <class Visit>
  void visit_changed(std::uint64_t since, Visit& visit) const {
    visit_all([&](const RowShard& shard, const RowEntity& entity) {
      if (entity.version <= since) return;
      for (std::size_t age = entity.rows; age-- > 0;) visit(stored_row(shard, entity, age, view_.layout().words()));
    });
  }

  StoreCounters counters() const noexcept {
    StoreCounters all;
    for (const RowShard& shard : shards()) {
      const RowShard::Counters& one = shard.counters;
      all.entities += one.entities.value();
      all.stored += one.stored.value();
      all.late += one.late.value();
      all.ahead += one.ahead.value();
      all.refused += one.refused.value();
      all.refused_values += one.refused_values.value();
      all.failed += one.failed.value();
      all.evicted += one.evicted.value();
      all.expired += one.expired.value();
      all.missing_reads += one.missing_reads.value();
      all.stale_reads += one.stale_reads.value();
    }
    return all;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(FeatureView) + view_.memory_bytes() + bounds_.shards * sizeof(RowShard) + sizeof(RowArena) +
                        arena_->memory_bytes();
    for (const RowShard& shard : shards()) bytes += static_cast<std::size_t>(shard.counters.bytes.value());
    return bytes;
  }

  void write(auto& ar) const {
    ar(view_, counters(), static_cast<std::uint64_t>(bounds_.shards));
    for (RowShard& shard : shards()) {
      const std::lock_guard held(shard.lock);
      ar(shard.counters.entities.value());
      shard.visit([&](const RowEntity& entity) {
        ar(std::string(RowShard::key_of(entity)), entity.used, entity.rows);
        for (std::size_t age = entity.rows; age-- > 0;) ar.values(std::span<const std::uint64_t>(shard.row(entity, age), row_words()));
      });
    }
  }

  /// The rows that were written, within the bounds of this. @throws FormatError when they are of another view.
  std::unique_ptr<ViewTable> read(auto& ar) const {
    FeatureView saved = view_;
    StoreCounters counters;
    std::uint64_t shard_count = 0;
    ar(saved, counters, shard_count);
    ar.check(saved == view_, "saved by another view: " + saved.difference(view_).value_or(""));
    ar.check(shard_count <= 64, "shards");
    auto table = std::make_unique<ViewTable>(view_, bounds_);
    for (std::uint64_t s = 0; s < shard_count; ++s) {
      std::uint64_t entities = 0;
      ar(entities);
      for (std::uint64_t i = 0; i < entities; ++i) table->read_entity(ar);
    }
    counters.evicted += table->counters().evicted;  // for bounds that are smaller than they were
    table->set_counters(counters);
    return table;
  }

 private:
  void check() const {
    const std::string type = "OnlineStore view \"" + view_.name() + "\"";
    require(type, "max_entities", bounds_.max_entities, bounds_.max_entities >= 1 && bounds_.max_entities <= (std::size_t{1} << 31U),
            "in [1, 2^31]");
    require(type, "shards", bounds_.shards, std::has_single_bit(bounds_.shards) && bounds_.shards <= 64, "a power of two up to 64");
    require(type, "max_ahead (us)", bounds_.max_ahead.count(), bounds_.max_ahead >= Duration(0) && bounds_.max_ahead <= days(1),
            "in [0, 1 day]");
  }

  /// Every entity, with its shard locked; readers wait for a few entities at most.
  template <class Visit>
  void visit_all(const Visit& visit) const {
    for (RowShard& shard : shards()) {
      for (std::uint32_t place = 0; place != RowShard::none;) {
        const std::lock_guard held(shard.lock);
        place = shard.visit_some(place, [&](RowEntity& entity) { visit(shard, entity); });
      }
    }
  }

  std::size_t row_words() const noexcept { return RowWords::times + view_.layout().words(); }

  /// @pre the shard's lock is held
  PutResult place(RowShard& shard, const EntityKey& key, Time event_time, Time available_at,
                  std::span<const std::uint64_t> cells) noexcept {
    RowEntity* entity = shard.find_or_make(key.hash(), key.bytes());
    if (entity == nullptr) {
      shard.counters.failed.add(1);
      return PutResult::failed;
    }
    entity->used = true;
    if (!shard.place(*entity, event_time, available_at, cells)) {
      shard.counters.late.add(1);
      return PutResult::late;
    }
    entity->version = version_.fetch_add(1, std::memory_order_relaxed) + 1;
    shard.counters.stored.add(1);
    return PutResult::stored;
  }

  static StoredRow stored_row(const RowShard& shard, const RowEntity& entity, std::size_t age, std::size_t cell_words) noexcept {
    const std::uint64_t* row = shard.row(entity, age);
    return {RowShard::key_of(entity), RowWords::event_time(row), RowWords::available_at(row), {row + RowWords::times, cell_words}};
  }

  void copy_entity(const RowShard& from, const RowEntity& entity) {
    const EntityKey key = EntityKey::from_bytes(RowShard::key_of(entity));
    RowShard& shard = shard_of(key.hash());
    for (std::size_t age = entity.rows; age-- > 0;) {
      const StoredRow row = stored_row(from, entity, age, view_.layout().words());
      if (place(shard, key, row.event_time, row.available_at, row.cells) == PutResult::failed)
        raise(Error("OnlineStore: no memory for a copy"));
    }
    RowEntity& copy = *shard.find(key.hash(), key.bytes());
    copy.used = entity.used;
    copy.version = entity.version;
  }

  void read_entity(auto& ar) {
    std::string bytes;
    bool used = false;
    std::uint16_t rows = 0;
    ar(bytes, used, rows);
    ar.check(view_.is_key(bytes), "key of an entity");
    ar.check(rows >= 1 && rows <= view_.history(), "rows of an entity");
    const EntityKey key = EntityKey::from_bytes(bytes);
    RowShard& shard = shard_of(key.hash());
    ar.check(shard.find(key.hash(), key.bytes()) == nullptr, "entity (twice)");
    std::vector<std::uint64_t> row(row_words());
    Time before{Duration(-1)};
    for (std::uint16_t i = 0; i < rows; ++i) {
      ar.values(std::span<std::uint64_t>(row));
      const Time event_time = RowWords::event_time(row.data());
      const Time available_at = RowWords::available_at(row.data());
      const auto cells = std::span<const std::uint64_t>(row).subspan(RowWords::times);
      ar.check(FeatureView::is_time(event_time) && FeatureView::is_time(available_at) && event_time > before, "times of a row");
      ar.check(view_.layout().plausible(cells), "values of a row");
      if (place(shard, key, event_time, available_at, cells) == PutResult::failed)
        raise(Error("OnlineStore: no memory for the restored rows"));
      before = event_time;
    }
    shard.find(key.hash(), key.bytes())->used = used;
  }

  void set_counters(const StoreCounters& counters) noexcept {
    RowShard::Counters& first = shards_[0].counters;  // their sum is what counts
    const StoreCounters now = this->counters();
    first.stored.add(counters.stored - now.stored);
    first.late.add(counters.late - now.late);
    first.ahead.add(counters.ahead - now.ahead);
    first.refused.add(counters.refused - now.refused);
    first.refused_values.add(counters.refused_values - now.refused_values);
    first.failed.add(counters.failed - now.failed);
    first.evicted.add(counters.evicted - now.evicted);
    first.expired.add(counters.expired - now.expired);
    first.missing_reads.add(counters.missing_reads - now.missing_reads);
    first.stale_reads.add(counters.stale_reads - now.stale_reads);
  }

  FeatureView view_;
  ViewBounds bounds_;
  std::uint32_t shard_shift_ = 64;
  std::unique_ptr<RowArena> arena_ = std::make_unique<RowArena>();
  std::unique_ptr<RowShard[]> shards_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace rtml::detail
