#pragma once

#include <cstdint>

#include "rtml/core/time.hpp"

namespace rtml {

/// How far event time has come: the latest time seen, apart from clocks that are wrong. It never goes back, and one event from a far future
/// does not drag everybody's time with it: a step of more than `largest_step` counts only when 16 events in a row agree that so much
/// time has passed. O(1), a value type.
class Watermark {
 public:
  static constexpr Duration largest_step = days(2);
  static constexpr unsigned witnesses = 16;
  static constexpr Duration longest = days(36500);

  /// Within 36500 days of 1970, so that differences of times never overflow.
  static constexpr Time limited(Time at) noexcept {
    const Duration since = at.time_since_epoch();
    return Time(since > longest ? longest : (since < -longest ? -longest : since));
  }

  /// Returns the time reached.
  Time advance(Time at) noexcept {
    at = limited(at);
    if (!begun_ || at <= now_ + largest_step) {
      now_ = !begun_ || at > now_ ? at : now_;
      begun_ = true;
      ahead_ = 0;
    } else if (++ahead_ >= witnesses) {
      now_ = at;
      ahead_ = 0;
    } else {
      ++refused_;
    }
    return now_;
  }

  Time now() const noexcept { return now_; }

  /// Events whose time was too far ahead to be believed.
  std::uint64_t refused() const noexcept { return refused_; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Watermark", 1);
    ar(self.now_, self.begun_, self.ahead_, self.refused_);
    ar.check(limited(self.now_) == self.now_ && self.ahead_ < witnesses, "time");
  }

 private:
  Time now_{};
  bool begun_ = false;
  unsigned ahead_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
