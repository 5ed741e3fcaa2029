#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/block_pool.hpp"
#include "rtml/transform/detail/distinct_sketch.hpp"
#include "rtml/transform/detail/quantile_tally.hpp"
#include "rtml/transform/detail/top_tally.hpp"
#include "rtml/transform/detail/wide.hpp"

namespace rtml::detail {

// What some events come to, as words: how many they are, then what the slots say. Merging two is exact, associative and commutative: it
// matters neither in which order events came nor how they were grouped (but for `top` of more than 256 values).

enum class SlotKind : std::uint8_t { newest, usable, sum, squares, lowest, highest, distinct, quantiles, top };

/// One word that may lead to a block.
constexpr bool is_sketch(SlotKind kind) noexcept { return kind >= SlotKind::distinct; }

/// In place of std::true_type where a partial aggregate is that of a node.
struct InNode : std::true_type {};

struct Slot {
  SlotKind kind = SlotKind::newest;
  std::uint16_t value = 0;   // of the event; of `newest` none
  std::uint32_t offset = 0;  // words

  friend bool operator==(const Slot&, const Slot&) = default;
};

constexpr std::uint32_t words_of(SlotKind kind) noexcept {
  return kind == SlotKind::sum ? sum_words : kind == SlotKind::squares ? square_words : 1;
}

/// A double as an integer of the same order; -0.0 is 0. @pre usable
inline std::int64_t ordered(double usable) noexcept {
  const auto bits = std::bit_cast<std::int64_t>(usable);
  return bits < 0 ? (bits ^ std::numeric_limits<std::int64_t>::max()) + 1 : bits;
}
inline double unordered(std::int64_t key) noexcept {
  return std::bit_cast<double>(key < 0 ? (key - 1) ^ std::numeric_limits<std::int64_t>::max() : key);
}

inline constexpr std::int64_t no_lowest = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t no_highest = std::numeric_limits<std::int64_t>::min();

inline void raise_word(std::uint64_t& word, std::int64_t value) noexcept {
  word = static_cast<std::uint64_t>(std::max(static_cast<std::int64_t>(word), value));
}
inline void lower_word(std::uint64_t& word, std::int64_t value) noexcept {
  word = static_cast<std::uint64_t>(std::min(static_cast<std::int64_t>(word), value));
}

/// How partial aggregates of one key lie.
struct PartialLayout {
  std::vector<Slot> slots;
  std::uint32_t words = 1;
  std::size_t first_sketch_class = 0;  // of the pool's blocks
  bool has_sketches = false;

  /// The offset of a slot, made if need be.
  std::uint32_t slot(SlotKind kind, std::size_t value) {
    for (const Slot& slot : slots)
      if (slot.kind == kind && slot.value == value) return slot.offset;
    slots.push_back({kind, static_cast<std::uint16_t>(value), words});
    words += words_of(kind);
    has_sketches = has_sketches || is_sketch(kind);
    return slots.back().offset;
  }

  /// Of no event.
  void clear(std::uint64_t* partial) const noexcept {
    std::fill_n(partial, words, 0);
    for (const Slot& slot : slots) {
      if (slot.kind == SlotKind::lowest) partial[slot.offset] = static_cast<std::uint64_t>(no_lowest);
      if (slot.kind == SlotKind::highest || slot.kind == SlotKind::newest) partial[slot.offset] = static_cast<std::uint64_t>(no_highest);
    }
  }

  /// `values`: [values of the key] a double's bits, or a hash, 0 = missing.
  /// `Sketches`: std::true_type or InNode, or std::false_type to leave them out.
  template <class Sketches>
  void add(std::uint64_t* partial, std::int64_t time, const std::uint64_t* values, BlockPool* pool, Sketches with) const noexcept {
    ++partial[0];
    for (const Slot& slot : slots) {
      std::uint64_t* const word = partial + slot.offset;
      if (slot.kind == SlotKind::newest) {
        raise_word(*word, time);
        continue;
      }
      const std::uint64_t value = values[slot.value];
      if (is_sketch(slot.kind)) {
        if constexpr (Sketches::value) add_to_sketch(slot.kind, *word, value, *pool, with);
        continue;
      }
      const auto number = std::bit_cast<double>(value);
      if (!is_usable(number)) continue;
      switch (slot.kind) {
        case SlotKind::usable: ++*word; break;
        case SlotKind::sum: add_wide<sum_words>(word, wide_value(to_fixed(number)).data()); break;
        case SlotKind::squares: add_wide<square_words>(word, wide_square(to_fixed(number)).data()); break;
        case SlotKind::lowest: lower_word(*word, ordered(number)); break;
        default: raise_word(*word, ordered(number));
      }
    }
  }

  template <class Sketches>
  void merge(std::uint64_t* partial, const std::uint64_t* other, BlockPool* pool, Sketches with) const noexcept {
    partial[0] += other[0];
    for (const Slot& slot : slots) {
      std::uint64_t* const word = partial + slot.offset;
      const std::uint64_t* const from = other + slot.offset;
      switch (slot.kind) {
        case SlotKind::usable: *word += *from; break;
        case SlotKind::sum: add_wide<sum_words>(word, from); break;
        case SlotKind::squares: add_wide<square_words>(word, from); break;
        case SlotKind::lowest: lower_word(*word, static_cast<std::int64_t>(*from)); break;
        case SlotKind::distinct:
        case SlotKind::quantiles:
        case SlotKind::top:
          if constexpr (Sketches::value) merge_sketch(slot.kind, *word, *from, *pool, with);
          break;
        default: raise_word(*word, static_cast<std::int64_t>(*from));
      }
    }
  }

  /// Gives its sketches back.
  void release(std::uint64_t* partial, BlockPool& pool) const noexcept {
    if (!has_sketches) return;
    for (const Slot& slot : slots) {
      if (slot.kind == SlotKind::distinct) {
        release_distinct(partial[slot.offset], first_sketch_class, pool);
      } else if (is_sketch(slot.kind)) {
        release_tally(partial[slot.offset], first_sketch_class, pool);
      }
    }
  }

 private:
  template <class Sketches>
  void add_to_sketch(SlotKind kind, std::uint64_t& word, std::uint64_t value, BlockPool& pool, Sketches /*with*/) const noexcept {
    if (kind == SlotKind::quantiles) {
      const auto number = std::bit_cast<double>(value);
      if (is_usable(number)) add_quantile(word, number, first_sketch_class, pool);
    } else if (value != 0 && kind == SlotKind::distinct) {
      add_distinct(word, distinct_entry(value), first_sketch_class, pool);
    } else if (value != 0) {
      add_top(word, value, first_sketch_class, pool, std::is_same<Sketches, InNode>());
    }
  }

  template <class Sketches>
  void merge_sketch(SlotKind kind, std::uint64_t& word, std::uint64_t other, BlockPool& pool, Sketches /*with*/) const noexcept {
    switch (kind) {
      case SlotKind::distinct: merge_distinct(word, other, first_sketch_class, pool); break;
      case SlotKind::quantiles: merge_quantiles(word, other, first_sketch_class, pool); break;
      default: merge_top(word, other, first_sketch_class, pool, std::is_same<Sketches, InNode>());
    }
  }
};

}  // namespace rtml::detail
