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
    if (!entity_.fed || time > entity_.newest) go_to(time);
    add_fading(key_, entity_, time, values);
    if (key_.tiles() && time == entity_.newest) {
      key_.layout.add(entity_.head, time, values, &shard_.blocks, std::true_type{});
    } else if (key_.keeps_cells) {
      put({key_.cell_of(time), time, values, false});
    }
    entity_.fed = true;
  }

  /// A new newest instant begins: the one before enters its tile, what fades goes on to it, and what is too old for every window goes.
  /// @pre it is later than the one before, when there was one
  void go_to(std::int64_t time) noexcept {
    if (entity_.fed) {
      close_instant();
      fade_to(key_, entity_, time);
    }
    entity_.newest = time;
    expire();
  }

  void expire() noexcept { tree_.expire(key_.cell_of(entity_.newest - key_.retention)); }

  /// An event into its place, or a partial aggregate into its tile.
  void put(const CellInput& input) noexcept {
    while (entity_.cells >= shape_.max_cells && !tree_.holds(input.cell)) {
      shard_.counters.truncated.add(1);
      if (input.cell < tree_.oldest()) return;
      tree_.drop_oldest();
    }
    tree_.add(input);
  }

 private:
  void close_instant() noexcept {
    if (!key_.tiles() || *entity_.head == 0) return;
    put({key_.cell_of(entity_.newest), entity_.newest, entity_.head, true});
    key_.layout.release(entity_.head, shard_.blocks);
    key_.layout.clear(entity_.head);
  }

  EntityShard& shard_;
  Entity& entity_;
  const WindowShape& shape_;
  const WindowShape::Key& key_;
  CellTree tree_;
};

}  // namespace rtml::detail
