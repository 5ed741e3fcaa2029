#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "rtml/transform/detail/cells.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml::detail {

// An entity's cells (events or tiles) in the order of their time: a B+ tree, each child with the partial aggregate of what lies below it.
// Adding a cell anywhere, early or late, costs O(log n), and so does reading any span of time; nothing is computed anew from the events.
// Nodes are full as long as time goes forward. Cells leave at the front only, so only the first nodes of each level may be less than half
// full, and the height stays that of a B-tree. As events leave, the partial aggregates of these first nodes are not kept up: who reads goes
// down there instead. As tiles leave, which is seldom, they are.
// After K. Tangwongsan, M. Hirzel, S. Schneider, "Optimal and general out-of-order sliding-window aggregation", VLDB 2019, without its
// finger: with 2^20 cells the height is 5 to 7, and in order the way down is the right edge, which is in the cache.

/// What enters: an event, or a tile's partial aggregate.
struct CellInput {
  std::int64_t cell = 0;  // the cell's time
  std::int64_t time = 0;  // the event's
  const std::uint64_t* words = nullptr;
  bool partial = false;
};

/// Changes the cells of one entity.
class CellTree {
 public:
  CellTree(Entity& entity, const WindowShape::Key& key, BlockPool& pool) noexcept : entity_(entity), key_(key), pool_(pool) {}

  /// Into the tile of that time, or as a new cell behind those of its time. Without memory nothing changes (counted by the pool).
  void add(const CellInput& input) noexcept {
    if (entity_.root == nullptr && !make_root()) return;
    if (entity_.height == 0 && count_of(entity_.root) == std::size_t{1} << entity_.leaf_log2 && !holds(input.cell) && !grow_root()) return;
    const bool may_split = entity_.height > 0 || entity_.leaf_log2 == 4;
    if (may_split && !(pool_.reserve(key_.leaf_class(4), 1) && pool_.reserve(key_.node_class(), entity_.height + 1U))) return;
    const Split split = insert(entity_.root, entity_.height, input);
    if (split.right != nullptr) raise_root(split);
  }

  /// True when a tile of that time is there.
  bool holds(std::int64_t cell) const noexcept {
    if (!key_.tiles() || entity_.root == nullptr) return false;
    const std::uint64_t* block = entity_.root;
    for (unsigned height = entity_.height; height > 0; --height) block = child_of(entry(block, height, place_of(block, height, cell)));
    for (std::size_t i = 0; i < count_of(block); ++i)
      if (time_at(entry(block, 0, i)) == cell) return true;
    return false;
  }

  /// @pre there is a cell
  std::int64_t oldest() const noexcept { return time_at(first_leaf() + 1); }

  /// Lets go of the cells that are before `time`. Amortised O(1).
  void expire(std::int64_t time) noexcept {
    while (entity_.cells > 0) {
      const std::uint64_t* const leaf = first_leaf();
      std::size_t gone = 0;
      while (gone < count_of(leaf) && time_at(entry(leaf, 0, gone)) < time) ++gone;
      if (gone == 0) return;
      drop(gone);
    }
  }

  /// Lets go of the oldest cell. @pre there is one
  void drop_oldest() noexcept { drop(1); }

  /// Gives back all blocks.
  void clear() noexcept {
    if (entity_.root != nullptr) free_below(entity_.root, entity_.height);
    entity_.root = nullptr;
    entity_.height = 0;
    entity_.cells = 0;
  }

 private:
  static constexpr std::true_type in_tile{};
  static constexpr InNode in_node{};

  struct Split {
    std::uint64_t* right = nullptr;  // block that holds what had no room
    bool moved = false;              // what lay below the left block lies below it now
  };

  std::size_t width(unsigned height) const noexcept { return height == 0 ? key_.cell_words : key_.child_words(); }
  std::uint64_t* entry(const std::uint64_t* block, unsigned height, std::size_t i) const noexcept {
    return const_cast<std::uint64_t*>(entry_of(block, i, width(height)));
  }

  /// The last entry that begins at or before `cell`, or the first.
  std::size_t place_of(const std::uint64_t* block, unsigned height, std::int64_t cell) const noexcept {
    std::size_t i = count_of(block) - 1;
    while (i > 0 && time_at(entry(block, height, i)) > cell) --i;
    return i;
  }

  bool make_root() noexcept {
    entity_.root = pool_.take(key_.leaf_class(0));
    if (entity_.root == nullptr) return false;
    *entity_.root = 0;
    entity_.height = 0;
    entity_.leaf_log2 = 0;
    return true;
  }

  bool grow_root() noexcept {
    if (entity_.leaf_log2 == 4) return true;  // splits
    std::uint64_t* const larger = pool_.take(key_.leaf_class(entity_.leaf_log2 + 1U));
    if (larger == nullptr) return false;
    std::memcpy(larger, entity_.root, (1 + count_of(entity_.root) * key_.cell_words) * sizeof(std::uint64_t));
    pool_.give(entity_.root, key_.leaf_class(entity_.leaf_log2));
    entity_.root = larger;
    ++entity_.leaf_log2;
    return true;
  }

  /// `Where`: std::true_type for a tile, or InNode.
  template <class Where>
  void absorb(std::uint64_t* partial, const CellInput& input, Where where) noexcept {
    if (input.partial) {
      key_.layout.merge(partial, input.words, &pool_, where);
    } else {
      key_.layout.add(partial, input.time, input.words, &pool_, where);
    }
  }

  /// The partial aggregate of all that lies in `block`.
  void sum_up(std::uint64_t* partial, const std::uint64_t* block, unsigned height) noexcept {
    key_.layout.clear(partial);
    for (std::size_t i = 0; i < count_of(block); ++i) {
      const std::uint64_t* const each = entry(block, height, i);
      if (height > 0) {
        key_.layout.merge(partial, each + 2, &pool_, in_node);
      } else if (key_.tiles()) {
        key_.layout.merge(partial, each + 1, &pool_, in_node);
      } else {
        key_.layout.add(partial, time_at(each), each + 1, &pool_, in_node);
      }
    }
  }
  void sum_up_again(std::uint64_t* child, unsigned height) noexcept {
    key_.layout.release(child + 2, pool_);
    sum_up(child + 2, child_of(child), height);
  }

  void write_cell(std::uint64_t* cell, const CellInput& input) noexcept {
    *cell = static_cast<std::uint64_t>(input.cell);
    if (key_.tiles()) {
      key_.layout.clear(cell + 1);
      absorb(cell + 1, input, in_tile);
    } else {
      std::copy_n(input.words, key_.values, cell + 1);  // `words` is null where no function reads a value
    }
  }

  void write_child(std::uint64_t* child, std::uint64_t* block, unsigned height) noexcept {
    child[0] = static_cast<std::uint64_t>(time_at(block + 1));
    child[1] = reinterpret_cast<std::uintptr_t>(block);
    sum_up(child + 2, block, height);
  }

  /// Room for an entry at `place`; where there is none, the block is split. Returns the entry.
  std::uint64_t* make_room(std::uint64_t* block, unsigned height, std::size_t place, Split& split) noexcept {
    const std::size_t count = count_of(block);
    const std::size_t size = width(height);
    if (count < fan_out) {
      std::uint64_t* const at = entry(block, height, place);
      std::memmove(at + size, at, (count - place) * size * sizeof(std::uint64_t));
      ++*block;
      return at;
    }
    split.right = pool_.take(height == 0 ? key_.leaf_class(4) : key_.node_class());  // was reserved
    if (place == count) {                                                            // as time goes forward: the left one stays full
      *split.right = 1;
      return split.right + 1;
    }
    constexpr std::size_t half = fan_out / 2;
    split.moved = true;
    std::memcpy(split.right + 1, entry(block, height, half), half * size * sizeof(std::uint64_t));
    *block = half;
    *split.right = half;
    Split no_more;
    return place <= half ? make_room(block, height, place, no_more) : make_room(split.right, height, place - half, no_more);
  }

  Split insert(std::uint64_t* block, unsigned height, const CellInput& input) noexcept {
    Split split;
    if (height == 0) {
      std::size_t place = count_of(block);
      while (place > 0 && time_at(entry(block, 0, place - 1)) > input.cell) --place;
      if (key_.tiles() && place > 0 && time_at(entry(block, 0, place - 1)) == input.cell) {
        absorb(entry(block, 0, place - 1) + 1, input, in_tile);
        return split;
      }
      write_cell(make_room(block, 0, place, split), input);
      ++entity_.cells;
      return split;
    }
    const std::size_t place = place_of(block, height, input.cell);
    std::uint64_t* const child = entry(block, height, place);
    child[0] = static_cast<std::uint64_t>(std::min(time_at(child), input.cell));
    const Split below = insert(child_of(child), height - 1, input);
    if (below.right == nullptr) {
      absorb(child + 2, input, in_node);
      return split;
    }
    if (below.moved) sum_up_again(child, height - 1);
    write_child(make_room(block, height, place + 1, split), below.right, height - 1);
    split.moved = split.moved || below.moved;
    return split;
  }

  void raise_root(const Split& split) noexcept {
    std::uint64_t* const root = pool_.take(key_.node_class());  // was reserved
    *root = 2;
    write_child(entry(root, 1, 0), entity_.root, entity_.height);
    write_child(entry(root, 1, 1), split.right, entity_.height);
    entity_.root = root;
    ++entity_.height;
  }

  std::uint64_t* first_leaf() const noexcept {
    std::uint64_t* block = entity_.root;
    for (unsigned height = entity_.height; height > 0; --height) block = child_of(block + 1);
    return block;
  }

  /// The oldest cells, which lie in the first leaf.
  void drop(std::size_t gone) noexcept {
    std::uint64_t* const leaf = first_leaf();
    entity_.cells -= static_cast<std::uint32_t>(gone);
    if (entity_.cells == 0) return clear();
    if (gone == count_of(leaf)) return drop_leaf();
    if (key_.tiles())
      for (std::size_t i = 0; i < gone; ++i) key_.layout.release(entry(leaf, 0, i) + 1, pool_);
    *leaf -= gone;
    std::memmove(leaf + 1, entry(leaf, 0, gone), count_of(leaf) * key_.cell_words * sizeof(std::uint64_t));
    if (key_.tiles()) sum_up_edge(entity_.root, entity_.height);
  }

  void drop_leaf() noexcept {
    drop_first(entity_.root, entity_.height);
    while (entity_.height > 0 && count_of(entity_.root) == 1) {
      std::uint64_t* const above = entity_.root;
      entity_.root = child_of(above + 1);
      key_.layout.release(above + 3, pool_);
      pool_.give(above, key_.node_class());
      --entity_.height;
      entity_.leaf_log2 = 4;
    }
    if (key_.tiles()) sum_up_edge(entity_.root, entity_.height);
  }

  /// The partial aggregates of the first nodes, of which cells have gone.
  void sum_up_edge(std::uint64_t* block, unsigned height) noexcept {
    if (height == 0) return;
    std::uint64_t* const first = block + 1;
    sum_up_edge(child_of(first), height - 1);
    sum_up_again(first, height - 1);
    *first = static_cast<std::uint64_t>(time_at(child_of(first) + 1));
  }

  void drop_first(std::uint64_t* block, unsigned height) noexcept {
    std::uint64_t* const first = block + 1;
    std::uint64_t* const child = child_of(first);
    if (height > 1) {
      drop_first(child, height - 1);
      if (count_of(child) > 0) return;
    }
    free_below(child, height - 1);
    key_.layout.release(first + 2, pool_);
    --*block;
    std::memmove(first, first + width(height), count_of(block) * width(height) * sizeof(std::uint64_t));
  }

  void free_below(std::uint64_t* block, unsigned height) noexcept {
    for (std::size_t i = 0; i < count_of(block); ++i) {
      std::uint64_t* const each = entry(block, height, i);
      if (height > 0) {
        free_below(child_of(each), height - 1);
        key_.layout.release(each + 2, pool_);
      } else if (key_.tiles()) {
        key_.layout.release(each + 1, pool_);
      }
    }
    const bool small = height == 0 && entity_.height == 0;
    pool_.give(block, height > 0 ? key_.node_class() : key_.leaf_class(small ? entity_.leaf_log2 : 4U));
  }

  Entity& entity_;
  const WindowShape::Key& key_;
  BlockPool& pool_;
};

}  // namespace rtml::detail
