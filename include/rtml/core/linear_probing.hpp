#pragma once

#include <cstdint>

namespace rtml {

/// Closes the gap that an entry leaves in an open-addressing table of mask + 1 places, so that probing needs no tombstones. `is_free(place)`;
/// `home_of(place)`: where probing for its entry begins; `move(from, to)`. Returns the place that is free in the end.
/// Source: D. Knuth, TAOCP 3, 6.4, algorithm R.
template <class IsFree, class HomeOf, class Move>
std::uint64_t close_gap(std::uint64_t gap, std::uint64_t mask, IsFree is_free, HomeOf home_of, Move move) noexcept {
  for (std::uint64_t at = (gap + 1) & mask; !is_free(at); at = (at + 1) & mask) {
    if (((at - home_of(at)) & mask) < ((at - gap) & mask)) continue;
    move(at, gap);
    gap = at;
  }
  return gap;
}

}  // namespace rtml
