#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/transform/detail/window_row.hpp"

namespace rtml::detail {

inline constexpr std::uint32_t none = 0xffffffffU;

/// What all shards of an EntityWindows agree on.
struct WindowShape {
  struct Key {
    std::size_t width = 1;            // words of a row
    std::vector<std::int64_t> spans;  // microseconds
    std::int64_t retention = 0;       // longest span + lateness
  };
  std::vector<Key> keys;
  std::uint32_t max_entities = 0;  // of one shard
  std::uint32_t max_events = 0;
  std::int64_t lateness = 0;
};

/// Counted under the shard's lock, read from anywhere: one writer at a time, so a load and a store do.
class WindowCounter {
 public:
  void add(std::uint64_t count) noexcept { value_.store(value() + count, std::memory_order_relaxed); }
  void subtract(std::uint64_t count) noexcept { value_.store(value() - count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// One entity's events, oldest first, in a ring of rows. One cache line.
struct alignas(64) Entity {
  static constexpr std::size_t hints = 4;

  std::uint64_t hash = 0;
  std::uint64_t* ring = nullptr;
  std::uint32_t rows = 0;   // capacity of the ring; one row is always kept for the totals
  std::uint32_t begin = 0;  // row of the oldest event
  std::uint32_t size = 0;   // events
  std::uint16_t key = 0;
  std::uint16_t log2_words = 0;
  std::uint32_t index = none;  // in the shard
  std::uint32_t newer = none;  // by last use
  std::uint32_t older = none;
  std::array<std::uint32_t, hints> tails{};  // where the first spans began at the last feed: where the next search begins

  std::uint64_t* row(std::uint32_t place, std::size_t width) const noexcept {
    std::uint32_t at = begin + place;
    if (at >= rows) at -= rows;
    return ring + at * width;
  }
};

/// Blocks of 2^k words, kept for the next that needs one.
class RingBlocks {
 public:
  RingBlocks() = default;
  RingBlocks(const RingBlocks&) = delete;
  RingBlocks& operator=(const RingBlocks&) = delete;
  ~RingBlocks() {
    for (std::uint64_t* block : free_)
      while (block != nullptr) delete[] std::exchange(block, next(block));
  }

  /// nullptr when there is no memory.
  std::uint64_t* take(std::uint16_t log2_words, WindowCounter& bytes) noexcept {
    std::uint64_t*& head = free_[log2_words];
    if (head != nullptr) return std::exchange(head, next(head));
    std::uint64_t* block = new (std::nothrow) std::uint64_t[std::size_t{1} << log2_words];
    if (block != nullptr) bytes.add(sizeof(std::uint64_t) << log2_words);
    return block;
  }

  void give(std::uint64_t* block, std::uint16_t log2_words) noexcept {
    std::memcpy(block, &free_[log2_words], sizeof(std::uint64_t*));
    free_[log2_words] = block;
  }

 private:
  static std::uint64_t* next(const std::uint64_t* block) noexcept {
    std::uint64_t* following = nullptr;
    std::memcpy(&following, block, sizeof(following));
    return following;
  }

  std::array<std::uint64_t*, 40> free_{};
};

/// The entities whose hash falls here: a hash table, a list by last use, and their rings. Whoever calls holds `lock`.
class alignas(64) EntityShard {
 public:
  struct Counters {
    WindowCounter entities, evicted, late, too_late, truncated, refused, failed, bytes;
  };

  EntityShard() = default;
  EntityShard(const EntityShard&) = delete;
  EntityShard& operator=(const EntityShard&) = delete;
  ~EntityShard() {
    for (std::uint32_t i = newest_; i != none; i = entity(i).older) delete[] entity(i).ring;
  }

  SpinLock lock;
  Counters counters;

  /// Sets aside the list of chunks; the rest grows with the entities. @pre called once, before use
  void prepare(const WindowShape& shape) {
    chunk_count_ = (shape.max_entities + chunk_size - 1) / chunk_size;
    chunks_ = std::make_unique<std::unique_ptr<Entity[]>[]>(chunk_count_);
    counters.bytes.add(chunk_count_ * sizeof(std::unique_ptr<Entity[]>));
  }

  void prefetch(std::uint64_t hash) const noexcept {
    if (slots_ != nullptr) __builtin_prefetch(&slots_[hash & slot_mask_]);
  }

  Entity* find(std::uint64_t hash, std::size_t key) const noexcept {
    if (slots_ == nullptr) return nullptr;
    for (std::uint64_t at = hash & slot_mask_; slots_[at].entity != none; at = (at + 1) & slot_mask_) {
      if (slots_[at].hash != hash) continue;
      Entity& found = entity(slots_[at].entity);
      if (found.key == key) return &found;
    }
    return nullptr;
  }

  /// The entity, made if need be in the place of the one that was not used for longest; nullptr when there is no memory.
  Entity* find_or_make(std::uint64_t hash, std::size_t key, const WindowShape& shape) noexcept {
    if (Entity* found = find(hash, key)) return found;
    if (counters.entities.value() >= shape.max_entities) evict();
    if (!reserve_slot() || !reserve_entity()) return nullptr;
    const std::uint32_t index = spare_ != none ? spare_ : used_;
    Entity& made = entity(index);
    made = Entity{};
    made.hash = hash;
    made.index = index;
    made.key = static_cast<std::uint16_t>(key);
    if (!give_ring(made, shape, first_log2(shape.keys[key].width))) return nullptr;
    std::memset(made.ring, 0, shape.keys[key].width * sizeof(std::uint64_t));
    spare_ = none;
    used_ = index < used_ ? used_ : index + 1;
    insert_slot(hash, index);
    link_newest(index);
    counters.entities.add(1);
    return &made;
  }

  void touch(Entity& used) noexcept {
    if (newest_ == used.index) return;
    unlink(used.index);
    link_newest(used.index);
  }

  /// Room for one more row; false when the ring is as large as it may be, or there is no memory (counted).
  bool grow(Entity& owner, const WindowShape& shape) noexcept {
    const std::size_t width = shape.keys[owner.key].width;
    Entity grown = owner;
    if (!give_ring(grown, shape, static_cast<std::uint16_t>(owner.log2_words + 1))) {
      counters.failed.add(1);
      return false;
    }
    for (std::uint32_t i = 0; i <= owner.size; ++i) std::memcpy(grown.ring + i * width, owner.row(i, width), width * sizeof(std::uint64_t));
    blocks_.give(owner.ring, owner.log2_words);
    grown.begin = 0;
    owner = grown;
    return true;
  }

  template <class Visit>
  void oldest_first(const Visit& visit) const {
    for (std::uint32_t i = oldest_; i != none; i = entity(i).newer) visit(entity(i));
  }

 private:
  static constexpr std::uint32_t chunk_size = 256;

  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t entity = none;
  };

  static std::uint16_t first_log2(std::size_t width) noexcept {
    return static_cast<std::uint16_t>(std::bit_width(std::max<std::size_t>(4 * width, 8) - 1));
  }

  Entity& entity(std::uint32_t index) const noexcept { return chunks_[index / chunk_size][index % chunk_size]; }

  bool give_ring(Entity& owner, const WindowShape& shape, std::uint16_t log2_words) noexcept {
    std::uint64_t* ring = blocks_.take(log2_words, counters.bytes);
    if (ring == nullptr) return false;
    const std::size_t fit = (std::size_t{1} << log2_words) / shape.keys[owner.key].width;
    owner.ring = ring;
    owner.rows = static_cast<std::uint32_t>(std::min<std::size_t>(fit, std::size_t{shape.max_events} + 1));
    owner.log2_words = log2_words;
    return true;
  }

  bool reserve_entity() noexcept {
    if (spare_ != none) return true;
    std::unique_ptr<Entity[]>& chunk = chunks_[used_ / chunk_size];
    if (chunk != nullptr) return true;
    chunk.reset(new (std::nothrow) Entity[chunk_size]);
    if (chunk != nullptr) counters.bytes.add(chunk_size * sizeof(Entity));
    return chunk != nullptr;
  }

  /// Keeps at least a quarter of the slots free.
  bool reserve_slot() noexcept {
    const std::uint64_t slots = slots_ == nullptr ? 0 : slot_mask_ + 1;
    if ((counters.entities.value() + 1) * 4 <= slots * 3) return true;
    const std::uint64_t wanted = std::max<std::uint64_t>(16, slots * 2);
    std::unique_ptr<Slot[]> larger(new (std::nothrow) Slot[wanted]);
    if (larger == nullptr) return false;
    counters.bytes.add((wanted - slots) * sizeof(Slot));
    slots_ = std::move(larger);
    slot_mask_ = wanted - 1;
    for (std::uint32_t i = oldest_; i != none; i = entity(i).newer) insert_slot(entity(i).hash, i);
    return true;
  }

  void insert_slot(std::uint64_t hash, std::uint32_t index) noexcept {
    std::uint64_t at = hash & slot_mask_;
    while (slots_[at].entity != none) at = (at + 1) & slot_mask_;
    slots_[at] = {hash, index};
  }

  std::uint64_t place_of(const Entity& wanted) const noexcept {
    std::uint64_t at = wanted.hash & slot_mask_;
    while (slots_[at].entity != wanted.index) at = (at + 1) & slot_mask_;
    return at;
  }

  void evict() noexcept {
    const std::uint32_t index = oldest_;
    Entity& gone = entity(index);
    erase_slot(place_of(gone));
    unlink(index);
    blocks_.give(gone.ring, gone.log2_words);
    gone.ring = nullptr;
    spare_ = index;
    counters.entities.subtract(1);
    counters.evicted.add(1);
  }

  /// Closes the gap, so that probing needs no tombstones. Source: D. Knuth, TAOCP 3, 6.4, algorithm R.
  void erase_slot(std::uint64_t gap) noexcept {
    for (std::uint64_t at = (gap + 1) & slot_mask_; slots_[at].entity != none; at = (at + 1) & slot_mask_) {
      const std::uint64_t home = slots_[at].hash & slot_mask_;
      if (((at - home) & slot_mask_) < ((at - gap) & slot_mask_)) continue;
      slots_[gap] = slots_[at];
      gap = at;
    }
    slots_[gap] = {};
  }

  void unlink(std::uint32_t index) noexcept {
    const Entity& gone = entity(index);
    (gone.newer == none ? newest_ : entity(gone.newer).older) = gone.older;
    (gone.older == none ? oldest_ : entity(gone.older).newer) = gone.newer;
  }

  void link_newest(std::uint32_t index) noexcept {
    Entity& used = entity(index);
    used.newer = none;
    used.older = newest_;
    (newest_ == none ? oldest_ : entity(newest_).newer) = index;
    newest_ = index;
  }

  std::unique_ptr<Slot[]> slots_;
  std::uint64_t slot_mask_ = 0;
  std::unique_ptr<std::unique_ptr<Entity[]>[]> chunks_;
  std::uint32_t chunk_count_ = 0;
  std::uint32_t used_ = 0;  // entities ever made: eviction passes on the place
  std::uint32_t spare_ = none;
  std::uint32_t newest_ = none;
  std::uint32_t oldest_ = none;
  RingBlocks blocks_;
};

}  // namespace rtml::detail
