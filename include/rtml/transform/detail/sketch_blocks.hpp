#pragma once

#include <array>
#include <cstdint>

namespace rtml::detail {

/// Words of the pool's blocks for sketches: a head and what it counts.
inline constexpr std::array<std::uint32_t, 7> sketch_block_words = {4, 8, 16, 32, 64, 129, 257};

}  // namespace rtml::detail
