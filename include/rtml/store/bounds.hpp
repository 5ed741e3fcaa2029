#pragma once

#include <cstddef>
#include <cstdint>

#include "rtml/core/time.hpp"

namespace rtml {

/// What bounds one view in an OnlineStore.
struct ViewBounds {
  std::size_t max_entities = 100'000;  ///< in [1, 2^31]; split evenly over the shards
  std::size_t shards = 64;             ///< locks; a power of two up to 64, halved while a shard would hold fewer than 64 entities
  Duration max_ahead{0};               ///< how far beyond the store's clock a row's times may lie, in [0, 1 day]
};

/// What happened to one view in an OnlineStore.
struct StoreCounters {
  std::uint64_t entities = 0;        ///< held now
  std::uint64_t stored = 0;          ///< rows
  std::uint64_t late = 0;            ///< rows not kept: all that are kept are newer
  std::uint64_t ahead = 0;           ///< rows not kept: their time lies in the future
  std::uint64_t refused = 0;         ///< rows not kept: the key or a time is none
  std::uint64_t refused_values = 0;  ///< infinite values of stored rows, kept as null
  std::uint64_t failed = 0;          ///< rows not kept: no memory
  std::uint64_t evicted = 0;         ///< entities that made room for others
  std::uint64_t expired = 0;         ///< entities taken out by evict_stale
  std::uint64_t missing_reads = 0;   ///< rows asked for that were not there
  std::uint64_t stale_reads = 0;     ///< rows asked for that were too old

  friend bool operator==(const StoreCounters&, const StoreCounters&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.stored, self.late, self.ahead, self.refused, self.refused_values, self.failed, self.evicted, self.expired, self.missing_reads,
       self.stale_reads);
  }
};

}  // namespace rtml
