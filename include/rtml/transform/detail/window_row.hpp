#pragma once

#include <cstddef>
#include <cstdint>

#include "rtml/core/finite.hpp"

namespace rtml::detail {

// A ring row is words: the event's time, then for each value of the key {sum, sum, count}: what the values of all events before it add up
// to, and how many of them were usable. The row behind the newest event has no time yet and holds the totals. So any window is the
// difference of two rows, whatever its span, and events of the same time or late ones need no other path.
//
// Sums are integers of 128 bits, in units of 2^-56: adding and taking away are exact and know no order, which is why no error accumulates,
// why a window rebuilt, restored or recomputed has the same bits, and why -ffast-math changes nothing. 2^20 values of 1e15 fit.
__extension__ using Fixed = unsigned __int128;
__extension__ using SignedFixed = __int128;

inline constexpr std::size_t words_per_value = 3;

constexpr std::size_t row_width(std::size_t values) noexcept { return 1 + words_per_value * values; }

/// A usable value, rounded towards zero to a multiple of 2^-56.
constexpr Fixed to_fixed(double usable) noexcept { return static_cast<Fixed>(static_cast<SignedFixed>(usable * 0x1p56)); }
constexpr double from_fixed(Fixed value) noexcept { return static_cast<double>(static_cast<SignedFixed>(value)) * 0x1p-56; }

inline Fixed sum_at(const std::uint64_t* row, std::size_t value) noexcept {
  const std::uint64_t* words = row + 1 + words_per_value * value;
  return static_cast<Fixed>(words[1]) << 64U | words[0];
}
inline std::uint64_t count_at(const std::uint64_t* row, std::size_t value) noexcept { return row[3 + words_per_value * value]; }

inline void set_value(std::uint64_t* row, std::size_t value, Fixed sum, std::uint64_t count) noexcept {
  std::uint64_t* words = row + 1 + words_per_value * value;
  words[0] = static_cast<std::uint64_t>(sum);
  words[1] = static_cast<std::uint64_t>(sum >> 64U);
  words[2] = count;
}

inline std::int64_t time_at(const std::uint64_t* row) noexcept { return static_cast<std::int64_t>(*row); }

}  // namespace rtml::detail

namespace rtml {

/// The events of one entity in [t - W, t). Borrowed: valid while the entity's lock is held.
struct WindowRange {
  const std::uint64_t* first = nullptr;  ///< row of the oldest event inside
  const std::uint64_t* last = nullptr;   ///< row behind the newest
  std::uint64_t count = 0;               ///< events, those without a usable value included
  std::int64_t newest = 0;               ///< when the newest event inside was; of none, nothing

  /// Of the usable values; 0 when there are none. Exact but for one rounding and 2^-56 a value.
  double sum(std::size_t value) const noexcept {
    return count == 0 ? 0.0 : detail::from_fixed(detail::sum_at(last, value) - detail::sum_at(first, value));
  }
  std::uint64_t usable(std::size_t value) const noexcept {
    return count == 0 ? 0 : detail::count_at(last, value) - detail::count_at(first, value);
  }
};

}  // namespace rtml
