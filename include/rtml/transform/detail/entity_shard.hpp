#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "rtml/core/spin_lock.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/transform/detail/cell_tree.hpp"
#include "rtml/transform/detail/window_shape.hpp"
#include "rtml/transform/window_options.hpp"

namespace rtml::detail {

/// The entities whose hash falls here: a hash table, a list by last use, and the blocks of their cells. Whoever calls holds `lock`.
class alignas(64) EntityShard {
 public:
  struct Counters {
    WindowCounter entities, evicted, expired, late, too_late, ahead, truncated, refused, failed, bytes;

    /// What others counted before.
    void add(const WindowCounters& more) noexcept {
      evicted.add(more.evicted);
      expired.add(more.expired);
      late.add(more.late);
      too_late.add(more.too_late);
      ahead.add(more.ahead);
      truncated.add(more.truncated);
      refused.add(more.refused);
      failed.add(more.failed);
    }
  };

  EntityShard() = default;
  EntityShard(const EntityShard&) = delete;
  EntityShard& operator=(const EntityShard&) = delete;
  ~EntityShard() = default;

  SpinLock lock;
  Counters counters;
  BlockPool blocks;
  Watermark watermark;  // of the events fed here: the same however threads interleave, as an entity's shard is one

  WindowCounters counted() const noexcept {
    return {.entities = counters.entities.value(),
            .evicted = counters.evicted.value(),
            .expired = counters.expired.value(),
            .late = counters.late.value(),
            .too_late = counters.too_late.value(),
            .ahead = counters.ahead.value(),
            .truncated = counters.truncated.value(),
            .refused = counters.refused.value(),
            .failed = counters.failed.value() + blocks.failed.value()};
  }

  /// Sets aside the list of chunks; the rest grows with the entities. @pre called once, before use
  void prepare(const WindowShape& shape) {
    chunk_count_ = (shape.max_entities + chunk_size - 1) / chunk_size;
    chunks_ = std::make_unique<Entity*[]>(chunk_count_);
    counters.bytes.add(chunk_count_ * sizeof(Entity*));
    blocks.prepare(shape.block_words);
    watermark = Watermark(Duration(shape.largest_step));
  }

  // A call that only prefetches has no effect that GCC knows of, and would be left out: so these are always inlined.

  /// The neighbours in the list by last use: touch() changes them.
  [[gnu::always_inline]] void prefetch_neighbours(const Entity& used) const noexcept {
    if (used.newer != none) __builtin_prefetch(&entity(used.newer));
    if (used.older != none) __builtin_prefetch(&entity(used.older));
  }

  /// Needs no lock: it may fetch a line that is no longer the right one, and no more.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const noexcept {
    const auto table = reinterpret_cast<std::uintptr_t>(published_slots_.load(std::memory_order_relaxed));
    const std::uintptr_t slot = table + (hash & published_mask_.load(std::memory_order_relaxed)) * sizeof(Slot);
    __builtin_prefetch(reinterpret_cast<const void*>(slot));  // NOLINT(performance-no-int-to-ptr): never dereferenced
  }

  Entity* find(std::uint64_t hash, std::size_t key) const noexcept {
    if (slots_ == nullptr) return nullptr;
    for (std::uint64_t at = hash & slot_mask_; slots_[at].entity != none; at = (at + 1) & slot_mask_)
      if (slots_[at].hash == hash && slots_[at].key == key) return &entity(slots_[at].entity);
    return nullptr;
  }

  /// The entity, made if need be in the place of the one that was not used for longest; nullptr when there is no memory.
  Entity* find_or_make(std::uint64_t hash, std::size_t key, const WindowShape& shape) noexcept {
    if (Entity* found = find(hash, key)) return found;
    if (counters.entities.value() >= shape.max_entities) {
      let_go(entity(oldest_), shape);
      counters.evicted.add(1);
    }
    if (!reserve_slot() || !reserve_entity()) return nullptr;
    std::uint64_t* head = nullptr;
    if (shape.keys[key].head_words > 0) {
      head = blocks.take(shape.keys[key].head_class());
      if (head == nullptr) return nullptr;
      shape.keys[key].clear_head(head);
    }
    const std::uint32_t index = spare_ != none ? spare_ : used_;
    Entity& made = entity(index);
    if (index == used_) {
      ++used_;
    } else {
      spare_ = made.older;
    }
    made = Entity{};
    made.hash = hash;
    made.head = head;
    made.index = index;
    made.key = static_cast<std::uint16_t>(key);
    insert_slot(made);
    link_newest(index);
    counters.entities.add(1);
    return &made;
  }

  /// Lets go of those that were not used for longest and got nothing since `time`: two at most, so that no event pays for many.
  void expire(std::int64_t time, const WindowShape& shape) noexcept {
    for (int i = 0; i < 2 && oldest_ != none && entity(oldest_).newest < time; ++i) {
      let_go(entity(oldest_), shape);
      counters.expired.add(1);
    }
  }

  void touch(Entity& used) noexcept {
    if (newest_ == used.index) return;
    unlink(used.index);
    link_newest(used.index);
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
    std::uint32_t key = 0;
  };

  Entity& entity(std::uint32_t index) const noexcept { return chunks_[index / chunk_size][index % chunk_size]; }

  bool reserve_entity() noexcept {
    if (spare_ != none) return true;
    Entity*& chunk = chunks_[used_ / chunk_size];
    if (chunk == nullptr) chunk = blocks.take_array<Entity>(chunk_size);
    return chunk != nullptr;
  }

  /// Keeps at least a quarter of the slots free.
  bool reserve_slot() noexcept {
    const std::uint64_t slots = slots_ == nullptr ? 0 : slot_mask_ + 1;
    if ((counters.entities.value() + 1) * 4 <= slots * 3) return true;
    const std::uint64_t wanted = std::max<std::uint64_t>(16, slots * 2);
    Slot* const larger = blocks.take_array<Slot>(wanted);  // the smaller ones are lost: as many bytes in all
    if (larger == nullptr) return false;
    slots_ = larger;
    slot_mask_ = wanted - 1;
    published_slots_.store(slots_, std::memory_order_relaxed);
    published_mask_.store(slot_mask_, std::memory_order_relaxed);
    for (std::uint32_t i = oldest_; i != none; i = entity(i).newer) insert_slot(entity(i));
    return true;
  }

  void insert_slot(const Entity& held) noexcept {
    std::uint64_t at = held.hash & slot_mask_;
    while (slots_[at].entity != none) at = (at + 1) & slot_mask_;
    slots_[at] = {held.hash, held.index, held.key};
  }

  std::uint64_t place_of(const Entity& wanted) const noexcept {
    std::uint64_t at = wanted.hash & slot_mask_;
    while (slots_[at].entity != wanted.index) at = (at + 1) & slot_mask_;
    return at;
  }

  void let_go(Entity& gone, const WindowShape& shape) noexcept {
    const WindowShape::Key& key = shape.keys[gone.key];
    erase_slot(place_of(gone));
    unlink(gone.index);
    CellTree(gone, key, blocks).clear();
    if (gone.head != nullptr) {
      if (key.tiles()) key.layout.release(gone.head, blocks);
      blocks.give(gone.head, key.head_class());
    }
    gone.older = spare_;
    spare_ = gone.index;
    counters.entities.subtract(1);
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

  Slot* slots_ = nullptr;
  std::uint64_t slot_mask_ = 0;
  std::atomic<const Slot*> published_slots_{nullptr};  // the same, for who prefetches without the lock
  std::atomic<std::uint64_t> published_mask_{0};
  std::unique_ptr<Entity*[]> chunks_;
  std::uint32_t chunk_count_ = 0;
  std::uint32_t used_ = 0;      // places that entities ever had
  std::uint32_t spare_ = none;  // places of those that went: a list, by `older`
  std::uint32_t newest_ = none;
  std::uint32_t oldest_ = none;
};

}  // namespace rtml::detail
