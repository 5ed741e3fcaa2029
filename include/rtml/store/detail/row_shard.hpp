#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "rtml/core/linear_probing.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/detail/row_arena.hpp"
#include "rtml/store/entity_key.hpp"

namespace rtml::detail {

/// Counted under a shard's lock, read from anywhere: one writer at a time, so a load and a store do.
class ShardCounter {
 public:
  void add(std::uint64_t count) noexcept { value_.store(value() + count, std::memory_order_relaxed); }
  void subtract(std::uint64_t count) noexcept { value_.store(value() - count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What all shards of a view agree on.
struct RowShape {
  std::uint32_t max_entities = 0;  // of one shard
  std::uint32_t history = 1;       // rows of an entity
  std::size_t key_words = 0;
  std::size_t row_words = 0;  // event time, available at, cells

  std::size_t entity_bytes() const noexcept;
};

/// An entity: which key, and where in its ring the newest row is. Its words (key, then the ring) follow it in memory.
struct RowEntity {
  std::uint64_t hash = 0;
  std::uint64_t version = 0;    // of its last change
  std::uint32_t next_free = 0;  // of a free place
  std::uint16_t key_size = 0;   // bytes
  std::uint16_t newest = 0;     // place in the ring
  std::uint16_t rows = 0;       // 0 = this place is free
  bool used = false;            // since the hand of the clock last came by

  std::uint64_t* words() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }
  const std::uint64_t* words() const noexcept { return reinterpret_cast<const std::uint64_t*>(this + 1); }
};

inline std::size_t RowShape::entity_bytes() const noexcept {
  return sizeof(RowEntity) + (key_words + history * row_words) * sizeof(std::uint64_t);
}

/// A row of words, as it lies in a ring or in a file.
struct RowWords {
  static constexpr std::size_t times = 2;

  static Time event_time(const std::uint64_t* row) noexcept { return Time(Duration(static_cast<std::int64_t>(row[0]))); }
  static Time available_at(const std::uint64_t* row) noexcept { return Time(Duration(static_cast<std::int64_t>(row[1]))); }
  static void set_times(std::uint64_t* row, Time event_time, Time available_at) noexcept {
    row[0] = static_cast<std::uint64_t>(to_unix_micros(event_time));
    row[1] = static_cast<std::uint64_t>(to_unix_micros(available_at));
  }
};

/// The entities whose hash falls here: an open-addressing table over places, and the rows in chunks that never move. When it is full, the
/// clock (second chance) finds an entity that was neither read nor written for long. Whoever calls holds `lock`.
class alignas(64) RowShard {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  struct Counters {
    ShardCounter entities, stored, late, ahead, refused, refused_values, failed, evicted, expired, missing_reads, stale_reads, bytes;
  };

  RowShard() = default;
  RowShard(const RowShard&) = delete;
  RowShard& operator=(const RowShard&) = delete;
  ~RowShard() { delete[] slots_; }

  SpinLock lock;
  Counters counters;

  /// @pre called once, before use
  void prepare(const RowShape& shape, RowArena& arena) {
    shape_ = shape;
    arena_ = &arena;
    const std::uint32_t chunks = (shape.max_entities + chunk_size - 1) / chunk_size;
    chunks_ = std::make_unique<std::byte*[]>(chunks);
    counters.bytes.add(chunks * sizeof(std::byte*));
  }

  // A call that only prefetches has no effect that GCC knows of, and would be left out: so both are always inlined.

  /// Needs no lock: it may fetch a line that is no longer the right one, and no more.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const noexcept {
    const auto table = reinterpret_cast<std::uintptr_t>(published_slots_.load(std::memory_order_relaxed));
    const std::uint64_t mask = published_mask_.load(std::memory_order_relaxed);
    const std::uintptr_t slot = table + (hash & mask) * sizeof(Slot);  // the two may be of different tables
    __builtin_prefetch(reinterpret_cast<const void*>(slot));           // NOLINT(performance-no-int-to-ptr): never dereferenced
  }

  /// The second step, when the slot is here: the entity with its words.
  [[gnu::always_inline]] void prefetch_entity(std::uint64_t hash) const noexcept {
    if (slots_ == nullptr) return;
    for (std::uint64_t at = hash & slot_mask_; slots_[at].entity != none; at = (at + 1) & slot_mask_) {
      if (slots_[at].hash != hash) continue;
      const auto* found = reinterpret_cast<const char*>(&entity(slots_[at].entity));
      for (std::size_t line = 0; line < std::min(shape_.entity_bytes(), prefetched); line += 64) __builtin_prefetch(found + line);
      return;
    }
  }

  RowEntity* find(std::uint64_t hash, std::string_view key) const noexcept {
    if (slots_ == nullptr) return nullptr;
    for (std::uint64_t at = hash & slot_mask_; slots_[at].entity != none; at = (at + 1) & slot_mask_) {
      if (slots_[at].hash != hash) continue;
      RowEntity& found = entity(slots_[at].entity);
      if (key_of(found) == key) return &found;
    }
    return nullptr;
  }

  /// The entity, made without rows if need be, in the place of one that was not used for long when the shard is full; nullptr when there is
  /// no memory.
  RowEntity* find_or_make(std::uint64_t hash, std::string_view key) noexcept {
    if (RowEntity* found = find(hash, key)) return found;
    if (!reserve_slot()) return nullptr;
    if (counters.entities.value() >= shape_.max_entities) evict();
    const std::uint32_t place = take_place();
    if (place == none) return nullptr;
    RowEntity& made = entity(place);
    made = RowEntity{.hash = hash, .key_size = static_cast<std::uint16_t>(key.size())};
    std::memcpy(made.words(), key.data(), key.size());
    insert_slot(hash, place);
    counters.entities.add(1);
    return &made;
  }

  static std::string_view key_of(const RowEntity& owner) noexcept { return {reinterpret_cast<const char*>(owner.words()), owner.key_size}; }

  /// The row that is `age` rows older than the newest. @pre age < owner.rows
  const std::uint64_t* row(const RowEntity& owner, std::size_t age) const noexcept {
    std::size_t place = owner.newest + age;
    if (place >= shape_.history) place -= shape_.history;
    return owner.words() + shape_.key_words + place * shape_.row_words;
  }
  std::uint64_t* row(RowEntity& owner, std::size_t age) const noexcept {
    return const_cast<std::uint64_t*>(row(std::as_const(owner), age));  // NOLINT(cppcoreguidelines-pro-type-const-cast): it is the owner's
  }

  /// Puts a row into the ring by its times: rows have different event times, newest first, and of one event time the row that became
  /// available last stays (of equals the later one). False when it is older than all that can be kept.
  bool place(RowEntity& owner, Time event_time, Time available_at, std::span<const std::uint64_t> cells) noexcept {
    std::size_t age = 0;
    while (age < owner.rows && RowWords::event_time(row(owner, age)) > event_time) ++age;
    if (age < owner.rows && RowWords::event_time(row(owner, age)) == event_time) {
      if (RowWords::available_at(row(owner, age)) > available_at) return false;
    } else {
      if (age == shape_.history) return false;
      make_room(owner, age);
    }
    std::uint64_t* placed = row(owner, age);
    RowWords::set_times(placed, event_time, available_at);
    std::memcpy(placed + RowWords::times, cells.data(), cells.size_bytes());
    return true;
  }

  /// Takes an entity out. @pre `gone` is of this shard
  void erase(RowEntity& gone) noexcept {
    const std::uint64_t at = slot_of(gone);
    const std::uint32_t place = slots_[at].entity;
    erase_slot(at);
    gone.rows = 0;
    gone.next_free = free_;
    free_ = place;
    counters.entities.subtract(1);
  }

  /// Takes out all of them; their memory stays for others.
  void clear() noexcept {
    if (slots_ != nullptr) counters.bytes.subtract((slot_mask_ + 1) * sizeof(Slot));
    counters.entities.subtract(counters.entities.value());
    delete[] std::exchange(slots_, nullptr);
    slot_mask_ = 0;
    published_slots_.store(nullptr, std::memory_order_relaxed);
    published_mask_.store(0, std::memory_order_relaxed);
    made_ = 0;
    free_ = none;
    hand_ = 0;
  }

  /// Every entity, from the one that the clock comes to first.
  template <class Visit>
  void visit(const Visit& visit) const {
    for (std::uint32_t i = 0; i < made_; ++i) visit_place((hand_ + i) % made_, visit);
  }

  /// The entities at some places from `first` on; returns the place to go on with, none at the end. Between two calls others may have the lock.
  template <class Visit>
  std::uint32_t visit_some(std::uint32_t first, const Visit& visit) const {
    const std::uint32_t end = std::min(made_, first + chunk_size);
    for (std::uint32_t place = first; place < end; ++place) visit_place(place, visit);
    return end < made_ ? end : none;
  }

 private:
  static constexpr std::uint32_t chunk_size = 64;
  static constexpr std::size_t prefetched = 1024;  // bytes of an entity: more would push out what was just fetched

  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t entity = none;
  };

  template <class Visit>
  void visit_place(std::uint32_t place, const Visit& visit) const {
    RowEntity& found = entity(place);
    if (found.rows != 0) visit(found);
  }

  RowEntity& entity(std::uint32_t place) const noexcept {
    std::byte* at = chunks_[place / chunk_size] + place % chunk_size * shape_.entity_bytes();
    return *std::launder(reinterpret_cast<RowEntity*>(at));
  }

  /// Makes the row of `age` free to be written, the oldest going when the ring is full.
  void make_room(RowEntity& owner, std::size_t age) noexcept {
    owner.newest = static_cast<std::uint16_t>(owner.newest == 0 ? shape_.history - 1 : owner.newest - 1U);
    if (owner.rows < shape_.history) ++owner.rows;
    for (std::size_t i = 0; i < age; ++i) std::memcpy(row(owner, i), row(owner, i + 1), shape_.row_words * sizeof(std::uint64_t));
  }

  /// A free place, or one that was never used; none when there is no memory.
  std::uint32_t take_place() noexcept {
    if (free_ != none) return std::exchange(free_, entity(free_).next_free);
    std::byte*& chunk = chunks_[made_ / chunk_size];
    if (chunk == nullptr) chunk = arena_->take(chunk_size * shape_.entity_bytes());
    if (chunk == nullptr) return none;
    new (chunk + made_ % chunk_size * shape_.entity_bytes()) RowEntity;
    return made_++;
  }

  /// Source: F. Corbato, "A paging experiment with the Multics system" (1968).
  void evict() noexcept {
    for (;;) {
      RowEntity& candidate = entity(hand_);
      hand_ = (hand_ + 1) % made_;
      if (candidate.rows == 0) continue;
      if (std::exchange(candidate.used, false)) continue;
      erase(candidate);
      counters.evicted.add(1);
      return;
    }
  }

  /// Keeps at least a quarter of the slots free.
  bool reserve_slot() noexcept {
    const std::uint64_t slots = slots_ == nullptr ? 0 : slot_mask_ + 1;
    if ((counters.entities.value() + 1) * 4 <= slots * 3) return true;
    const std::uint64_t wanted = std::max<std::uint64_t>(16, slots * 2);
    Slot* larger = new (std::nothrow) Slot[wanted];
    if (larger == nullptr) return false;
    counters.bytes.add((wanted - slots) * sizeof(Slot));
    delete[] std::exchange(slots_, larger);
    slot_mask_ = wanted - 1;
    published_slots_.store(slots_, std::memory_order_relaxed);
    published_mask_.store(slot_mask_, std::memory_order_relaxed);
    // No place is free: the table grows when there are more entities than ever.
    for (std::uint32_t place = 0; place < made_; ++place) insert_slot(entity(place).hash, place);
    return true;
  }

  void insert_slot(std::uint64_t hash, std::uint32_t place) noexcept {
    std::uint64_t at = hash & slot_mask_;
    while (slots_[at].entity != none) at = (at + 1) & slot_mask_;
    slots_[at] = {hash, place};
  }

  std::uint64_t slot_of(const RowEntity& wanted) const noexcept {
    std::uint64_t at = wanted.hash & slot_mask_;
    while (&entity(slots_[at].entity) != &wanted) at = (at + 1) & slot_mask_;
    return at;
  }

  void erase_slot(std::uint64_t gap) noexcept {
    const std::uint64_t free = close_gap(
        gap, slot_mask_, [&](std::uint64_t place) noexcept { return slots_[place].entity == none; },
        [&](std::uint64_t place) noexcept { return slots_[place].hash & slot_mask_; },
        [&](std::uint64_t from, std::uint64_t to) noexcept { slots_[to] = slots_[from]; });
    slots_[free] = {};
  }

  RowShape shape_;
  Slot* slots_ = nullptr;
  std::uint64_t slot_mask_ = 0;
  std::atomic<const Slot*> published_slots_{nullptr};  // the same, for who prefetches without the lock
  std::atomic<std::uint64_t> published_mask_{0};
  RowArena* arena_ = nullptr;
  std::unique_ptr<std::byte*[]> chunks_;  // of the arena
  std::uint32_t made_ = 0;                // places ever used
  std::uint32_t free_ = none;
  std::uint32_t hand_ = 0;
};

}  // namespace rtml::detail
