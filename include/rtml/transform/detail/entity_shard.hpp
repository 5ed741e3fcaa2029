#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "rtml/core/huge_pages.hpp"
#include "rtml/core/linear_probing.hpp"
#include "rtml/core/spin_lock.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/transform/detail/cell_tree.hpp"
#include "rtml/transform/detail/window_shape.hpp"
#include "rtml/transform/window_options.hpp"

namespace rtml::detail {

/// The entities whose hash falls here, in a hash table and a list by last use, and the blocks of their cells. Whoever calls holds `lock`.
/// They lie in the table itself: a way by a slot or an index would be one cache miss more.
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
  ~EntityShard() {
    if (table_ != nullptr) memory().deallocate(table_, mask_ + 1);
  }

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

  /// @pre called once, before use
  void prepare(const WindowShape& shape) {
    blocks.prepare(shape.block_words);
    watermark = Watermark(Duration(shape.largest_step));
  }

  // A call that only prefetches has no effect that GCC knows of, and would be left out: so these are always inlined.

  /// The neighbours in the list by last use: touch() changes them.
  [[gnu::always_inline]] void prefetch_neighbours(const Entity& used) const noexcept {
    if (used.newer != none) __builtin_prefetch(&table_[used.newer]);
    if (used.older != none) __builtin_prefetch(&table_[used.older]);
  }

  /// Needs no lock: it may fetch a line that is no longer the right one, and no more.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const noexcept {
    const auto table = reinterpret_cast<std::uintptr_t>(published_table_.load(std::memory_order_relaxed));
    const std::uintptr_t home = table + (hash & published_mask_.load(std::memory_order_relaxed)) * sizeof(Entity);
    __builtin_prefetch(reinterpret_cast<const void*>(home));  // NOLINT(performance-no-int-to-ptr): never dereferenced
  }

  Entity* find(std::uint64_t hash, std::size_t key) const noexcept {
    if (table_ == nullptr) return nullptr;
    for (std::uint64_t at = hash & mask_; !table_[at].free(); at = (at + 1) & mask_)
      if (table_[at].hash == hash && table_[at].key == key) return &table_[at];
    return nullptr;
  }

  /// The entity, made if need be in the place of the one that was not used for longest; nullptr when there is no memory (counted). Others may
  /// have moved then.
  Entity* find_or_make(std::uint64_t hash, std::size_t key, const WindowShape& shape) noexcept {
    if (Entity* found = find(hash, key)) return found;
    if (counters.entities.value() >= shape.max_entities) {
      let_go(oldest_, shape);
      counters.evicted.add(1);
    }
    if (!reserve()) return nullptr;
    std::uint64_t* head = nullptr;
    if (shape.keys[key].head_words > 0) {
      head = blocks.take(shape.keys[key].head_class());
      if (head == nullptr) return nullptr;
      shape.keys[key].clear_head(head);
    }
    const std::uint32_t at = free_place(hash);
    Entity& made = table_[at];
    made = Entity{};
    made.hash = hash;
    made.head = head;
    made.key = static_cast<std::uint16_t>(key);
    link_newest(at);
    counters.entities.add(1);
    return &made;
  }

  /// Lets go of those that were not used for longest and got nothing since `time`: two at most, so that no event pays for many.
  void expire(std::int64_t time, const WindowShape& shape) noexcept {
    for (int i = 0; i < 2 && oldest_ != none && table_[oldest_].newest < time; ++i) {
      let_go(oldest_, shape);
      counters.expired.add(1);
    }
  }

  /// The same of one entity, which others may keep from being the oldest.
  /// Another serves it from now on.
  void release(std::uint64_t hash, std::size_t key, const WindowShape& shape) noexcept {
    if (const Entity* found = find(hash, key)) let_go(static_cast<std::uint32_t>(found - table_), shape);
  }
  void expire(std::uint64_t hash, std::size_t key, std::int64_t time, const WindowShape& shape) noexcept {
    const Entity* found = find(hash, key);
    if (found == nullptr || found->newest >= time) return;
    let_go(static_cast<std::uint32_t>(found - table_), shape);
    counters.expired.add(1);
  }

  void touch(const Entity& used) noexcept {
    const auto at = static_cast<std::uint32_t>(&used - table_);
    if (newest_ == at) return;
    unlink(at);
    link_newest(at);
  }

  template <class Visit>
  void oldest_first(const Visit& visit) const {
    for (std::uint32_t at = oldest_; at != none; at = table_[at].newer) visit(table_[at]);
  }

 private:
  static HugePageAllocator<Entity> memory() noexcept { return {}; }

  /// Keeps at least a quarter of the places free.
  bool reserve() noexcept {
    const std::uint64_t places = table_ == nullptr ? 0 : mask_ + 1;
    if ((counters.entities.value() + 1) * 4 <= places * 3) return true;
    const std::uint64_t wanted = std::max<std::uint64_t>(16, places * 2);
    Entity* const larger = wanted > none ? nullptr : memory().try_allocate(wanted);
    if (larger == nullptr) {
      counters.failed.add(1);
      return false;
    }
    Entity* const smaller = table_;
    const std::uint32_t first = oldest_;
    table_ = std::uninitialized_value_construct_n(larger, wanted) - wanted;
    mask_ = wanted - 1;
    published_table_.store(table_, std::memory_order_relaxed);
    published_mask_.store(mask_, std::memory_order_relaxed);
    oldest_ = newest_ = none;
    for (std::uint32_t from = first; from != none; from = smaller[from].newer) {
      const std::uint32_t at = free_place(smaller[from].hash);
      table_[at] = smaller[from];
      link_newest(at);
    }
    if (smaller != nullptr) memory().deallocate(smaller, places);
    counters.bytes.add((wanted - places) * sizeof(Entity));
    return true;
  }

  std::uint32_t free_place(std::uint64_t hash) const noexcept {
    std::uint64_t at = hash & mask_;
    while (!table_[at].free()) at = (at + 1) & mask_;
    return static_cast<std::uint32_t>(at);
  }

  void let_go(std::uint32_t at, const WindowShape& shape) noexcept {
    Entity& gone = table_[at];
    const WindowShape::Key& key = shape.keys[gone.key];
    unlink(at);
    CellTree(gone, key, blocks).clear();
    if (gone.head != nullptr) {
      if (key.tiles()) key.layout.release(gone.head, blocks);
      blocks.give(gone.head, key.head_class());
    }
    erase(at);
    counters.entities.subtract(1);
  }

  void erase(std::uint32_t at) noexcept {
    const std::uint64_t free = close_gap(
        at, mask_, [&](std::uint64_t place) noexcept { return table_[place].free(); },
        [&](std::uint64_t place) noexcept { return table_[place].hash & mask_; },
        [&](std::uint64_t from, std::uint64_t to) noexcept { move(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)); });
    table_[free] = Entity{};
  }

  /// Its neighbours in the list follow it.
  void move(std::uint32_t from, std::uint32_t to) noexcept {
    const Entity& moved = table_[to] = table_[from];
    (moved.newer == none ? newest_ : table_[moved.newer].older) = to;
    (moved.older == none ? oldest_ : table_[moved.older].newer) = to;
  }

  void unlink(std::uint32_t at) noexcept {
    const Entity& gone = table_[at];
    (gone.newer == none ? newest_ : table_[gone.newer].older) = gone.older;
    (gone.older == none ? oldest_ : table_[gone.older].newer) = gone.newer;
  }

  void link_newest(std::uint32_t at) noexcept {
    Entity& used = table_[at];
    used.newer = none;
    used.older = newest_;
    (newest_ == none ? oldest_ : table_[newest_].newer) = at;
    newest_ = at;
  }

  Entity* table_ = nullptr;
  std::uint64_t mask_ = 0;
  std::atomic<const Entity*> published_table_{nullptr};  // the same, for who prefetches without the lock
  std::atomic<std::uint64_t> published_mask_{0};
  std::uint32_t newest_ = none;
  std::uint32_t oldest_ = none;
};

}  // namespace rtml::detail
