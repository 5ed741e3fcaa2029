#pragma once

#include <cstdint>

#include "rtml/core/hash.hpp"

namespace rtml {

/// The host's name for one event, unique for ever and increasing within a partition: its place in the stream it came from.
struct EventId {
  std::uint32_t partition = 0;
  std::uint64_t offset = 0;

  constexpr EventId() = default;
  constexpr EventId(std::uint64_t at) noexcept : offset(at) {}  // NOLINT(google-explicit-constructor): one partition is the common case
  constexpr EventId(std::uint32_t of, std::uint64_t at) noexcept : partition(of), offset(at) {}

  friend constexpr auto operator<=>(const EventId&, const EventId&) = default;

  constexpr std::uint64_t hash() const noexcept { return hash_integer(offset, partition); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.partition, self.offset);
  }
};

}  // namespace rtml
