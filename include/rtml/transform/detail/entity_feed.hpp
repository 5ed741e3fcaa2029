#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "rtml/transform/detail/entity_shard.hpp"
#include "rtml/transform/detail/fading.hpp"

namespace rtml::detail {

/// Puts what happened into one entity, within its bounds. Whoever calls holds the shard's lock.
class EntityFeed {
 public:
  EntityFeed(EntityShard& shard, Entity& entity, const WindowShape& shape) noexcept
      : shard_(shard), entity_(entity), shape_(shape), key_(shape.keys[entity.key]), tree_(entity, key_, shard.blocks) {}

  /// An event that is not too late. `values`: [values of the key] as PartialLayout::add takes them.
  void add(std::int64_t time, const std::uint64_t* values) noexcept {
    if (key_.fades()) {
      add_fading(key_, entity_, time, values);
    } else if (!key_.tiles()) {
      advance(time);
      put({time, time, values, false});
    } else {
      if (!entity_.fed || time > entity_.newest) {
        close_instant();
        advance(time);
      }
      if (time == entity_.newest) {
        key_.layout.add(entity_.head, time, values, &shard_.blocks, std::true_type{});
      } else {
        put({key_.cell_of(time), time, values, false});
      }
    }
    entity_.fed = true;
  }

  /// Sees to it that `time` is the newest instant, or before it, and lets go of what is too old for every window. @pre the newest instant was
  /// closed, when it is before `time`
  void advance(std::int64_t time) noexcept {
    entity_.newest = entity_.fed ? std::max(entity_.newest, time) : time;
    tree_.expire(key_.cell_of(entity_.newest - key_.retention));
  }

  /// The newest instant of tiles enters its tile: a later one begins.
  void close_instant() noexcept {
    if (entity_.head == nullptr || *entity_.head == 0) return;
    put({key_.cell_of(entity_.newest), entity_.newest, entity_.head, true});
    key_.layout.release(entity_.head, shard_.blocks);
    key_.layout.clear(entity_.head);
  }

  /// An event into its place, or a partial aggregate into its tile.
  void put(const CellInput& input) noexcept {
    while (entity_.cells >= shape_.max_cells && !tree_.holds(input.cell)) {
      shard_.counters.truncated.add(1);
      if (input.cell < tree_.oldest()) return;
      tree_.drop_oldest();
    }
    if (!tree_.add(input)) shard_.counters.failed.add(1);
  }

 private:
  EntityShard& shard_;
  Entity& entity_;
  const WindowShape& shape_;
  const WindowShape::Key& key_;
  CellTree tree_;
};

}  // namespace rtml::detail
