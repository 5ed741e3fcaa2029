#pragma once

#include <cstdint>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/window_options.hpp"

namespace rtml {

/// How a window keeps the past, and how exact it is for that. Made by exact(), hopping() and sawtooth().
class WindowKind {
 public:
  enum class Tail : std::uint8_t { exact, hopping, sawtooth };

  constexpr WindowKind(Tail tail, Duration hop) noexcept : tail_(tail), hop_(hop) {}

  constexpr Tail tail() const noexcept { return tail_; }

  /// Of a window of that length. Where none was given: 5 minutes below 12 hours, an hour below 12 days, else a day.
  /// Source of the table: Chronon, "Windowing" (its default sawtooth hops).
  constexpr Duration hop(Duration span) const noexcept {
    if (tail_ == Tail::exact || hop_ > Duration(0)) return hop_;
    return span < hours(12) ? Duration(minutes(5)) : (span < days(12) ? Duration(hours(1)) : Duration(days(1)));
  }

 private:
  Tail tail_;
  Duration hop_;
};

/// [t - W, t), from the events themselves: 8 bytes a value and event.
constexpr WindowKind exact() noexcept { return {WindowKind::Tail::exact, Duration(0)}; }

/// [t' - W, t'), t' being t rounded down to a hop: up to a hop behind. Costs a tile for each hop in which something came, however much it
/// was. W is a multiple of the hop. @throws ConfigError unless the hop is in (0, 36500 days]
inline WindowKind hopping(Duration hop) {
  require("hopping", "hop (us)", hop.count(), hop > Duration(0) && hop <= WindowOptions::longest, "in (0, 36500 days]");
  return {WindowKind::Tail::hopping, hop};
}

/// From t - W rounded down to a hop up to t: its newest part is exact, and up to a hop more than W comes in at its end. Costs what hopping
/// does, and shares its tiles. An event that comes late sees up to the beginning of its tile only: what is in that tile may be later.
/// @throws ConfigError unless the hop is in (0, 36500 days]
inline WindowKind sawtooth(Duration hop) {
  require("sawtooth", "hop (us)", hop.count(), hop > Duration(0) && hop <= WindowOptions::longest, "in (0, 36500 days]");
  return {WindowKind::Tail::sawtooth, hop};
}

/// With a hop by the length of the window: 5 minutes below 12 hours, an hour below 12 days, else a day.
constexpr WindowKind sawtooth() noexcept { return {WindowKind::Tail::sawtooth, Duration(0)}; }

}  // namespace rtml
