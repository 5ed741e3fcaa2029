#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>

#include "rtml/transform/detail/tally.hpp"

namespace rtml::detail {

// The most frequent of some values by tallies of them: the key is 32 bits of the value's hash. A tile with more than 256 different values
// keeps those that a summary of Misra and Gries does: each count is too small by at most n / 257 of the tile's n values. A node holds what
// its tiles come to, exactly; where that has more than 256 keys, it says so, and who reads goes down. As the node has every key of a tile, it
// does so no later than a tile loses one: answers do not depend on the shape of the tree. The level is always 0.
// After J. Misra, D. Gries, "Finding repeated elements", Science of Computer Programming 2 (1982), and for adding two up P. Agarwal et al.,
// "Mergeable summaries", PODS 2012.

inline constexpr std::uint64_t top_look_below = 2;  // in place of a node's tally

inline std::uint32_t top_key(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 32U); }

namespace tally {

/// Takes from all counts as much as the 257th has: so many are left at most.
inline void reduce(Tally& tally) noexcept {
  std::array<std::uint64_t, 2 * tally_most> counts;
  std::transform(tally.entries.data(), tally.entries.data() + tally.size, counts.data(), times_of);
  std::nth_element(counts.data(), counts.data() + tally_most, counts.data() + tally.size, std::greater<>());
  const std::uint64_t least = counts[tally_most];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < tally.size; ++i) {
    const std::uint64_t times = times_of(tally.entries[i]);
    if (times > least) tally.entries[kept++] = tally_entry(key_of(tally.entries[i]), times - least);
  }
  tally.size = kept;
}

}  // namespace tally

/// `InNode`: std::true_type for the tally of a node, which may be left to those below.
template <class InNode>
void merge_top(std::uint64_t& word, std::uint64_t other, std::size_t first_class, BlockPool& pool, InNode /*node*/) noexcept {
  if (other == 0 || word == top_look_below) return;
  Tally tally;
  tally.add(view_tally(word).entries);
  tally.add(view_tally(other).entries);
  if constexpr (InNode::value) {
    if (tally.size > tally_most || other == top_look_below) {
      release_tally(word, first_class, pool);
      word = top_look_below;
      return;
    }
  } else if (tally.size > tally_most) {
    tally::reduce(tally);
  }
  store_tally(word, tally, first_class, pool);
}

template <class InNode>
void add_top(std::uint64_t& word, std::uint64_t hash, std::size_t first_class, BlockPool& pool, InNode node) noexcept {
  const TallyEntry entry = tally_entry(top_key(hash));
  if (!count_in_place(word, entry)) merge_top(word, entry, first_class, pool, node);
}

struct TopValue {
  std::uint32_t key = 0;
  std::uint64_t times = 0;

  /// More often, or as often and of a smaller key.
  bool before(const TopValue& other) const noexcept { return times != other.times ? times > other.times : key < other.key; }
};

/// The most frequent of all that visit(use) gives to use(key, times), the same each time, best first: fills `best` [k] as far as there are
/// as many. However many keys there are, it counts exactly: where there are more than 384, a range of them at a time.
class TopValues {
 public:
  template <class Visit>
  void find(std::span<TopValue> best, const Visit& visit) noexcept {
    std::fill(best.begin(), best.end(), TopValue{});
    std::uint64_t width = all_keys;
    for (std::uint64_t from = 0; from < all_keys;) {
      slots_.fill({});
      used_ = 0;
      visit([&](std::uint32_t key, std::uint64_t times) noexcept {
        if (key >= from && key - from < width && used_ <= most) add(key, times);
      });
      if (used_ > most) {
        width /= 2;
        continue;
      }
      for (const TopValue& slot : slots_) insert(best, slot);
      from += width;
      width = std::min(2 * width, all_keys - from);
    }
  }

 private:
  static constexpr std::uint64_t all_keys = std::uint64_t{1} << 32U;
  static constexpr std::size_t slots = 512;
  static constexpr std::size_t most = 384;

  void add(std::uint32_t key, std::uint64_t times) noexcept {
    std::size_t at = (key * 0x9e3779b1U) >> 23U;
    while (slots_[at].times != 0 && slots_[at].key != key) at = (at + 1) % slots;
    used_ += slots_[at].times == 0 ? 1U : 0U;
    slots_[at].key = key;
    slots_[at].times += times;
  }

  static void insert(std::span<TopValue> best, const TopValue& value) noexcept {
    if (value.times == 0 || !value.before(best.back())) return;
    std::size_t at = best.size() - 1;
    for (; at > 0 && value.before(best[at - 1]); --at) best[at] = best[at - 1];
    best[at] = value;
  }

  std::array<TopValue, slots> slots_;
  std::size_t used_ = 0;  // slots
};

}  // namespace rtml::detail
