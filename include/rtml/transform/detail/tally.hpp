#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rtml/transform/detail/block_pool.hpp"
#include "rtml/transform/detail/sketch_blocks.hpp"

namespace rtml::detail {

// How often each of some keys came, in one word of a partial aggregate: at most 256 entries in the order of their keys. The word is 0 when
// nothing came; is the entry where there is one (its lowest bit is 1 then); or leads to a block, whose first word is {level, size class,
// entries}. What becomes of more than 256 keys, and what the level means, differs: see quantile_tally.hpp and top_tally.hpp.

inline constexpr std::size_t tally_most = 256;

static_assert(sketch_block_words.back() == 1 + tally_most);

using TallyEntry = std::uint64_t;  // key << 32 | count << 1 | 1

inline constexpr std::uint64_t tally_most_counted = 0x7fffffffU;  // of one key; it stays there

constexpr TallyEntry tally_entry(std::uint32_t key, std::uint64_t count = 1) noexcept {
  return static_cast<std::uint64_t>(key) << 32U | std::min(count, tally_most_counted) << 1U | 1U;
}
constexpr std::uint32_t key_of(TallyEntry entry) noexcept { return static_cast<std::uint32_t>(entry >> 32U); }
constexpr std::uint64_t times_of(TallyEntry entry) noexcept { return (entry >> 1U) & tally_most_counted; }

/// The first of sorted entries whose key is not below.
inline const TallyEntry* find_key(const TallyEntry* at, const TallyEntry* end, std::uint32_t key) noexcept {
  return std::lower_bound(at, end, static_cast<TallyEntry>(key) << 32U);
}

struct TallyView {
  std::span<const TallyEntry> entries;
  unsigned level = 0;
};

namespace tally {

inline bool has_block(std::uint64_t word) noexcept { return word != 0 && (word & 3U) == 0; }
inline std::size_t size_of(const std::uint64_t* block) noexcept { return static_cast<std::size_t>(*block & 0xffffU); }
inline std::size_t class_of(const std::uint64_t* block) noexcept { return static_cast<std::size_t>(*block >> 16U & 0xffU); }
inline unsigned level_of(const std::uint64_t* block) noexcept { return static_cast<unsigned>(*block >> 24U); }

}  // namespace tally

/// Valid while the word stays as and where it is.
inline TallyView view_tally(const std::uint64_t& word) noexcept {
  if (tally::has_block(word)) {
    const std::uint64_t* const block = sketch_block(word);
    return {{block + 1, tally::size_of(block)}, tally::level_of(block)};
  }
  return {{&word, word & 1U}, 0};
}

inline void release_tally(std::uint64_t& word, std::size_t first_class, BlockPool& pool) noexcept {
  if (tally::has_block(word)) pool.give(sketch_block(word), first_class + tally::class_of(sketch_block(word)));
  word = 0;
}

/// What is gathered on the stack before it is stored or read: room for the entries of two words.
struct Tally {
  std::array<TallyEntry, 2 * tally_most> entries;  // [size], in the order of their keys
  std::size_t size = 0;
  unsigned level = 0;

  TallyView view() const noexcept { return {std::span(entries).first(size), level}; }

  std::uint64_t total() const noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < size; ++i) all += times_of(entries[i]);
    return all;
  }

  /// Adds entries in the order of their keys, of which the lowest `drop` bits go. O(their number log size + size). @pre at most 256 of either
  void add(std::span<const TallyEntry> more, unsigned drop = 0) noexcept {
    std::array<TallyEntry, tally_most> fresh;  // keys that were not there
    std::size_t count = 0;
    std::size_t at = 0;
    const bool step = more.size() * 8 > size;  // the next is near: a search costs more
    for (const TallyEntry each : more) {
      const TallyEntry entry = tally_entry(key_of(each) >> drop, times_of(each));
      if (count > 0 && key_of(fresh[count - 1]) == key_of(entry)) {
        fresh[count - 1] = sum_of(fresh[count - 1], entry);
        continue;
      }
      if (step) {
        while (at < size && key_of(entries[at]) < key_of(entry)) ++at;
      } else {
        at = static_cast<std::size_t>(find_key(entries.data() + at, entries.data() + size, key_of(entry)) - entries.data());
      }
      if (at < size && key_of(entries[at]) == key_of(entry)) {
        entries[at] = sum_of(entries[at], entry);
      } else {
        fresh[count++] = entry;
      }
    }
    std::size_t left = size;
    size += count;
    for (std::size_t to = size; count > 0;)
      entries[--to] = left > 0 && entries[left - 1] > fresh[count - 1] ? entries[--left] : fresh[--count];
  }

  static constexpr TallyEntry sum_of(TallyEntry a, TallyEntry b) noexcept { return tally_entry(key_of(a), times_of(a) + times_of(b)); }
};

/// Puts `tally` in place of what the word holds. Without memory the word stays as it was (counted by the pool). @pre at most 256 entries
inline void store_tally(std::uint64_t& word, const Tally& tally, std::size_t first_class, BlockPool& pool) noexcept {
  if (!tally::has_block(word) && tally.size <= 1 && tally.level == 0) {
    word = tally.size == 0 ? 0 : tally.entries[0];
    return;
  }
  std::size_t size_class = 0;
  while (sketch_block_words[size_class] < 1 + tally.size) ++size_class;
  if (tally::has_block(word) && tally::class_of(sketch_block(word)) >= size_class) {
    size_class = tally::class_of(sketch_block(word));
  } else {
    std::uint64_t* const block = pool.take(first_class + size_class);
    if (block == nullptr) return;
    release_tally(word, first_class, pool);
    word = reinterpret_cast<std::uintptr_t>(block);
  }
  std::uint64_t* const block = sketch_block(word);
  *block = static_cast<std::uint64_t>(tally.level) << 24U | size_class << 16U | tally.size;
  std::copy_n(tally.entries.data(), tally.size, block + 1);
}

/// Counts an entry whose key is there already, in its place: true when it was.
inline bool count_in_place(std::uint64_t& word, TallyEntry entry) noexcept {
  const std::span<const TallyEntry> entries = view_tally(word).entries;
  const TallyEntry* const end = entries.data() + entries.size();
  const TallyEntry* const at = find_key(entries.data(), end, key_of(entry));
  if (at == end || key_of(*at) != key_of(entry)) return false;
  std::uint64_t* const place = tally::has_block(word) ? sketch_block(word) + 1 + (at - entries.data()) : &word;
  *place = Tally::sum_of(*at, entry);
  return true;
}

}  // namespace rtml::detail
