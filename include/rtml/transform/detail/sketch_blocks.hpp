#pragma once

#include <array>
#include <cstdint>

namespace rtml::detail {

/// Words of the pool's blocks for sketches: a head and what it counts.
inline constexpr std::array<std::uint32_t, 7> sketch_block_words = {4, 8, 16, 32, 64, 129, 257};

/// The block that a word leads to.
inline std::uint64_t* sketch_block(std::uint64_t word) noexcept {
  return reinterpret_cast<std::uint64_t*>(word);  // NOLINT(performance-no-int-to-ptr): words of tiles are numbers or this
}

}  // namespace rtml::detail
