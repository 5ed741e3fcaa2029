#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rtml/core/export.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/kernels.hpp"

namespace rtml::detail {

inline constexpr std::size_t most_compared = 96;  // features of an example; of more, a hash table finds repeats sooner

namespace plain {

/// False when no index of sparse [n] repeats under `mask`; true when one does, and for one in 10^5 pairs that do not. Each index is hashed to
/// 16 bits and compared with all others, `bytes` at a time, without a branch. O(n^2 / bytes). @pre n <= most_compared
template <std::size_t bytes>
[[gnu::always_inline]] inline bool may_repeat(const SparseFeature* sparse, std::size_t n, std::uint32_t mask) noexcept {
  using Hash = std::int16_t;
  using Hashes = typename kernels::detail::Vector<bytes>::Shorts;
  constexpr std::size_t width = bytes / sizeof(Hash);
  if (n < 2) return false;
  const std::size_t end = (n + width - 1) / width * width;
  const std::size_t others = n / 2;                                       // going round, no two are further apart
  std::array<Hash, most_compared + most_compared / 2 + 2 * width> round;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto hash = [&](std::size_t i) {
    round[i] = static_cast<Hash>(static_cast<std::uint16_t>(((sparse[i].index & mask) * 0x9e3779b1U) >> 16U));
  };
  std::size_t hashed = 0;
  for (; hashed + 8 <= n; hashed += 8)
    for (std::size_t i = 0; i < 8; ++i) hash(hashed + i);
  for (; hashed < n; ++hashed) hash(hashed);
  for (std::size_t at = n; at < end + others; at += std::min(n, width)) {  // a vector at a time, whatever lies behind
    Hashes again;
    std::memcpy(&again, round.data() + at - n, bytes);
    std::memcpy(round.data() + at, &again, bytes);
  }
  Hashes met{};
  for (std::size_t i = 0; i < end; i += width) {
    Hashes mine;
    std::memcpy(&mine, round.data() + i, bytes);
    for (std::size_t away = 1; away <= others; ++away) {
      Hashes other;
      std::memcpy(&other, round.data() + i + away, bytes);
      met |= mine == other;
    }
  }
  std::array<std::uint64_t, bytes / 8> words;
  std::memcpy(words.data(), &met, bytes);
  std::uint64_t any = 0;
  for (const std::uint64_t word : words) any |= word;
  return any != 0;
}

}  // namespace plain

#if defined(RTML_COMPILED)
RTML_API bool may_repeat(const SparseFeature* sparse, std::size_t n, std::uint32_t mask) noexcept;
#else
inline bool may_repeat(const SparseFeature* sparse, std::size_t n, std::uint32_t mask) noexcept {
  return plain::may_repeat<16>(sparse, n, mask);
}
#endif

}  // namespace rtml::detail
