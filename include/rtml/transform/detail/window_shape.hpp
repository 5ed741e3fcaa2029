#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/transform/detail/partial_aggregate.hpp"

namespace rtml::detail {

inline constexpr std::uint32_t none = 0xffffffffU;

/// Cells of a full leaf, children of a full node.
inline constexpr std::size_t fan_out = 16;

/// What all shards of an EntityWindows agree on.
struct WindowShape {
  /// A fading sum: of a value, or of events.
  struct Fading {
    std::uint32_t value = none;  // none: counts events
    std::int64_t half_life = 0;  // microseconds

    friend bool operator==(const Fading&, const Fading&) = default;
  };

  struct Key {
    std::int64_t hop = 0;      // microseconds; 0: a cell is one event, else a tile
    bool keeps_cells = false;  // false: all windows fade
    std::size_t values = 0;
    std::vector<bool> hashes;  // [values]
    PartialLayout layout;
    std::vector<Fading> fadings;
    std::int64_t retention = 0;    // longest span + lateness
    std::uint32_t cell_words = 0;  // {time, the event's values or the tile's partial aggregate}
    std::uint32_t head_words = 0;  // of what an entity has beside its cells
    std::size_t first_class = 0;   // of the pool's blocks: leaves of 1, 2, 4, 8, 16 cells, a node, a head

    bool tiles() const noexcept { return hop > 0; }
    std::uint32_t fadings_at() const noexcept { return tiles() ? layout.words : 0; }  // in the head
    std::uint32_t child_words() const noexcept { return 2 + layout.words; }           // {time of the first cell, block, partial aggregate}
    std::size_t leaf_class(unsigned log2_cells) const noexcept { return first_class + log2_cells; }
    std::size_t node_class() const noexcept { return first_class + 5; }
    std::size_t head_class() const noexcept { return first_class + 6; }

    /// True for a value that is only counted: a hash, not a number.
    bool hashed(std::size_t value) const noexcept { return hashes[value]; }

    /// What a restored event has of a value that is new.
    std::uint64_t missing(std::size_t value) const noexcept {
      return hashed(value) ? 0 : std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN());
    }

    void clear_head(std::uint64_t* head) const noexcept {
      std::fill_n(head, head_words, 0);  // of what fades, doubles of 0
      if (tiles()) layout.clear(head);
    }

    /// The cell that an event belongs to.
    std::int64_t cell_of(std::int64_t time) const noexcept {
      if (!tiles()) return time;
      const std::int64_t beyond = time % hop;
      return time - beyond - (beyond < 0 ? hop : 0);
    }
  };

  std::vector<Key> keys;
  std::vector<std::uint32_t> block_words;  // of each class of blocks
  std::uint32_t max_entities = 0;          // of one shard
  std::uint32_t max_cells = 0;             // of one entity
  std::int64_t lateness = 0;
  std::int64_t time_to_live = 0;
  std::int64_t largest_step = 0;  // of event time, that is believed at once

  /// Sets the sizes of what was declared. @pre called once
  void lay_out() {
    block_words.assign(sketch_block_words.begin(), sketch_block_words.end());
    for (Key& key : keys) {
      key.cell_words = 1 + (key.tiles() ? key.layout.words : static_cast<std::uint32_t>(key.values));
      key.head_words = key.fadings_at() + static_cast<std::uint32_t>(2 * key.fadings.size());
      key.first_class = block_words.size();
      for (std::uint32_t cells = 1; cells <= fan_out; cells *= 2) block_words.push_back(1 + cells * key.cell_words);
      block_words.push_back(1 + static_cast<std::uint32_t>(fan_out) * key.child_words());
      block_words.push_back(key.head_words == 0 ? 1 : key.head_words);
    }
  }
};

/// One entity of one key. One cache line.
struct alignas(64) Entity {
  static constexpr std::uint16_t no_key = 0xffffU;

  std::uint64_t hash = 0;
  std::uint64_t* root = nullptr;  // of its cells
  std::uint64_t* head = nullptr;  // of tiles: the partial aggregate of the newest instant; then sums that fade
  std::int64_t newest = 0;        // time of the newest event
  std::uint32_t cells = 0;
  std::uint16_t key = no_key;
  std::uint8_t height = 0;     // of the root: 0 is a leaf
  std::uint8_t leaf_log2 = 0;  // how many cells a root that is a leaf has room for
  std::uint32_t newer = none;  // by last use, places in the shard's table
  std::uint32_t older = none;
  bool fed = false;  // false: just made, without an event

  /// A place in the table without an entity.
  bool free() const noexcept { return key == no_key; }
};

}  // namespace rtml::detail
