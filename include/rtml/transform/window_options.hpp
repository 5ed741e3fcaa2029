#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// An event that did not enter its windows.
struct RefusedEvent {
  enum class Reason : std::uint8_t { too_late, ahead };
  Reason reason;
  std::size_t key;       ///< which of the set's
  std::uint64_t entity;  ///< hash of its key value
  Time at;
  Time reached;  ///< its entity's newest event, or how far time has come in its shard
};

/// Bounds of an EntityWindows.
struct WindowOptions {
  static constexpr Duration longest = days(36500);

  std::size_t max_entities = 100'000;        ///< of all keys together, in [1, 2^31]; a key with exact windows and tiles counts twice
  std::size_t max_events_per_entity = 1024;  ///< or tiles, in [1, 2^20]
  Duration lateness = hours(1);              ///< how much older than the entity's newest an event may be, in [0, 36500 days]
  Duration time_to_live = longest;           ///< in (0, 36500 days]; an entity that got nothing for longer has no events
  Duration max_skew = longest;               ///< how far ahead of its shard an event may be, in (0, 36500 days]; see Watermark
  std::size_t shards = 64;                   ///< locks; a power of two up to 64, halved while a shard would hold fewer than 64 entities
  std::function<void(const RefusedEvent&)> on_refused = {};  ///< in the thread that feeds, under a lock: brief, and must not throw
};

/// What happened to the entities and events of an EntityWindows.
struct WindowCounters {
  std::uint64_t entities = 0;   ///< held now
  std::uint64_t evicted = 0;    ///< entities that had to go
  std::uint64_t expired = 0;    ///< entities that got nothing for `time_to_live`
  std::uint64_t late = 0;       ///< events put before newer ones; once for each key
  std::uint64_t too_late = 0;   ///< events not fed because of their age (or a time beyond 1970 +- 36500 days); once for each key
  std::uint64_t ahead = 0;      ///< events not fed because they are from the future; once for each key
  std::uint64_t truncated = 0;  ///< events or tiles that left before their time
  std::uint64_t refused = 0;    ///< values that are infinite or beyond 1e15: counted by count(), not added
  std::uint64_t failed = 0;     ///< events not fed, or parts of sketches lost, because there was no memory

  WindowCounters& operator+=(const WindowCounters& other) noexcept {
    entities += other.entities;
    evicted += other.evicted;
    expired += other.expired;
    late += other.late;
    too_late += other.too_late;
    ahead += other.ahead;
    truncated += other.truncated;
    refused += other.refused;
    failed += other.failed;
    return *this;
  }

  friend bool operator==(const WindowCounters&, const WindowCounters&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("WindowCounters", 1);
    ar(self.entities, self.evicted, self.expired, self.late, self.too_late, self.ahead, self.truncated, self.refused, self.failed);
  }
};

namespace detail {

/// @throws ConfigError
inline void check(const WindowOptions& options) {
  constexpr std::string_view type = "EntityWindows";
  const auto within = [&](std::string_view option, Duration value, Duration least, std::string_view rule) {
    require(type, option, value.count(), value >= least && value <= WindowOptions::longest, rule);
  };
  require(type, "max_entities", options.max_entities, options.max_entities >= 1 && options.max_entities <= (std::size_t{1} << 31U),
          "in [1, 2^31]");
  require(type, "max_events_per_entity", options.max_events_per_entity,
          options.max_events_per_entity >= 1 && options.max_events_per_entity <= (std::size_t{1} << 20U), "in [1, 2^20]");
  within("lateness (us)", options.lateness, Duration(0), "in [0, 36500 days]");
  within("time_to_live (us)", options.time_to_live, Duration(1), "in (0, 36500 days]");
  within("max_skew (us)", options.max_skew, Duration(1), "in (0, 36500 days]");
  require(type, "shards", options.shards, std::has_single_bit(options.shards) && options.shards <= 64, "a power of two up to 64");
}

}  // namespace detail
}  // namespace rtml
