#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/tally.hpp"

namespace rtml::detail {

// Quantiles of numbers by a tally of them: the key is the number as a float, its lowest bits dropped as far as at most 256 keys are left, and
// no further. How many bits that are, the level, depends on the set of numbers alone: so it matters neither in which order they came nor how
// they were grouped, and 256 different numbers are told apart as floats are. Dropping a bit joins neighbouring buckets in pairs, and an
// answer is off by half a bucket at most: 1/129 (0.8 %) of itself while the numbers lie within a factor of 16, 1/65 within 256, 1/33 within
// 65536, of one sign.
// After I. Epicoco, C. Melle, M. Cafaro, M. Pulimeno, G. Morleo, "UDDSketch: accurate tracking of quantiles in data streams", IEEE Access 8
// (2020), with the mantissa's leading bits for the logarithm, as C. Masson, J. E. Rim, H. K. Lee, "DDSketch", PVLDB 12 (2019).

inline constexpr unsigned quantile_levels = 24;  // more bits never go: what is usable has 178 keys then

/// Of the same order as the numbers. -0.0 is 0. @pre usable
inline std::uint32_t quantile_key(double usable) noexcept {
  const auto bits = std::bit_cast<std::int32_t>(static_cast<float>(usable));
  const std::int32_t ordered = bits < 0 ? (bits ^ std::numeric_limits<std::int32_t>::max()) + 1 : bits;
  return static_cast<std::uint32_t>(ordered) ^ 0x80000000U;
}
inline float quantile_number(std::uint32_t key) noexcept {
  const auto ordered = static_cast<std::int32_t>(key ^ 0x80000000U);
  return std::bit_cast<float>(ordered < 0 ? (ordered - 1) ^ std::numeric_limits<std::int32_t>::max() : ordered);
}

/// What a bucket answers: off by the same part of the least and of the greatest number in it. Usable.
inline float quantile_number(std::uint32_t key, unsigned level) noexcept {
  const std::uint32_t first = key << level;
  const float low = quantile_number(first);
  if (level == 0 || low == 0.0F) return low;  // 0 too where the host flushes what is tiny
  const auto l = static_cast<double>(low);
  const auto h = static_cast<double>(quantile_number(first + ((1U << level) - 1)));
  return std::clamp(static_cast<float>(l * (2.0 * h / (l + h))), -largest_magnitude, largest_magnitude);
}

/// The rank, from 1, of a quantile of n numbers: of the least that at least q n of them do not exceed. What the product q n of a decimal q
/// is too large by is less than what is taken off.
inline std::uint64_t quantile_rank(double q, std::uint64_t n) noexcept {
  const double rank = std::ceil(q * static_cast<double>(n) * (1.0 - 4.0 * std::numeric_limits<double>::epsilon()));
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, n);
}

namespace tally {

/// Drops so many bits more.
inline void coarsen(Tally& tally, unsigned bits) noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < tally.size; ++i) {
    const TallyEntry entry = tally_entry(key_of(tally.entries[i]) >> bits, times_of(tally.entries[i]));
    if (kept > 0 && key_of(tally.entries[kept - 1]) == key_of(entry)) {
      tally.entries[kept - 1] = Tally::sum_of(tally.entries[kept - 1], entry);
    } else {
      tally.entries[kept++] = entry;
    }
  }
  tally.size = kept;
  tally.level += bits;
}

/// How many bits more must go until at most 256 keys are left. Two neighbours become one when the highest bit goes in which they differ.
inline unsigned bits_beyond(const Tally& tally) noexcept {
  std::array<std::size_t, 33> joined{};  // [bits]
  for (std::size_t i = 1; i < tally.size; ++i)
    ++joined[static_cast<std::size_t>(std::bit_width(key_of(tally.entries[i - 1]) ^ key_of(tally.entries[i])))];
  unsigned bits = 0;
  for (std::size_t left = tally.size; left > tally_most;) left -= joined[++bits];
  return bits;
}

}  // namespace tally

/// Adds numbers to those that were gathered.
inline void gather_quantiles(Tally& tally, const TallyView& more) noexcept {
  if (tally.level < more.level) tally::coarsen(tally, more.level - tally.level);
  tally.add(more.entries, tally.level - more.level);
  if (tally.size > tally_most) tally::coarsen(tally, tally::bits_beyond(tally));
}

inline void merge_quantiles(std::uint64_t& word, std::uint64_t other, std::size_t first_class, BlockPool& pool) noexcept {
  if (other == 0) return;
  Tally tally;
  gather_quantiles(tally, view_tally(word));
  gather_quantiles(tally, view_tally(other));
  store_tally(word, tally, first_class, pool);
}

/// O(log 256), or O(256) when no such number came before.
inline void add_quantile(std::uint64_t& word, double usable, std::size_t first_class, BlockPool& pool) noexcept {
  const std::uint32_t key = quantile_key(usable);
  if (count_in_place(word, tally_entry(key >> view_tally(word).level))) return;
  merge_quantiles(word, tally_entry(key), first_class, pool);
}

/// NaN of none.
inline float quantile_of(const Tally& tally, double q) noexcept {
  const std::uint64_t n = tally.total();
  if (n == 0) return std::numeric_limits<float>::quiet_NaN();
  std::uint64_t left = quantile_rank(q, n);
  std::size_t at = 0;
  while (times_of(tally.entries[at]) < left) left -= times_of(tally.entries[at++]);
  return quantile_number(key_of(tally.entries[at]), tally.level);
}

/// The same of keys that visit(use) gives one by one to use(key), the same each time: exact as floats. Reads them once when they are at most
/// 1024, else up to four times.
template <class Visit>
float select_quantile(double q, const Visit& visit) noexcept {
  std::array<std::uint32_t, 1024> few;
  std::uint64_t left = 0;   // rank among the keys from `first` on
  std::uint64_t first = 0;  // the key lies in [first, first + 256 << shift)
  for (unsigned shift = 24;; shift -= 8) {
    std::array<std::uint64_t, 256> buckets{};
    std::uint64_t size = 0;
    visit([&](std::uint32_t key) noexcept {
      if (key < first || (key - first) >> shift > 255) return;
      ++buckets[(key - first) >> shift];
      if (size < few.size()) few[size] = key;
      ++size;
    });
    if (size == 0) return std::numeric_limits<float>::quiet_NaN();
    if (left == 0) left = quantile_rank(q, size);
    if (size <= few.size()) {
      std::uint32_t* const place = few.data() + (left - 1);
      std::nth_element(few.data(), place, few.data() + size);
      return quantile_number(*place);
    }
    std::size_t bucket = 0;
    while (buckets[bucket] < left) left -= buckets[bucket++];
    first += static_cast<std::uint64_t>(bucket) << shift;
    if (shift == 0) return quantile_number(static_cast<std::uint32_t>(first));
  }
}

}  // namespace rtml::detail
