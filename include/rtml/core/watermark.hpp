#pragma once

#include <algorithm>
#include <cstdint>

#include "rtml/core/time.hpp"

namespace rtml {

/// How far event time has come: the latest time seen, apart from clocks that are wrong. One event from a far future does not drag
/// everybody's time with it: a step of more than `largest_step` (2 days unless said), or of more than 16 times what steps usually are,
/// counts only when 16 events in a row agree that so much time has passed. It never goes back, but in the beginning: among the first 16
/// events an earlier time is believed before a later one that lies more than such a step ahead. O(1), a value type.
class Watermark {
 public:
  static constexpr unsigned witnesses = 16;
  static constexpr Duration longest = days(36500);

  explicit Watermark(Duration largest_step = days(2)) noexcept : largest_step_(largest_step) {}

  /// Within 36500 days of 1970, so that differences of times never overflow.
  static constexpr Time limited(Time at) noexcept {
    const Duration since = at.time_since_epoch();
    return Time(since > longest ? longest : (since < -longest ? -longest : since));
  }

  /// Returns the time reached.
  Time advance(Time at) noexcept {
    at = limited(at);
    const Duration step = at - now_;
    if (agreed_ == 0 || (agreed_ < witnesses && step < -believable())) {
      if (agreed_ != 0) ++refused_;  // the one before was wrong
      now_ = at;
      agreed_ = 1;
      ahead_ = 0;
    } else if (step <= believable()) {
      if (step > Duration(0)) pass(step, 1);
      agreed_ = std::min(agreed_ + 1, witnesses);
      ahead_ = 0;
    } else if (++ahead_ >= witnesses) {
      pass(step, ahead_);
      ahead_ = 0;
    } else {
      ++refused_;
    }
    return now_;
  }

  /// Goes on as another one, whatever step that believed.
  void restore(const Watermark& other) noexcept {
    const Duration step = largest_step_;
    *this = other;
    largest_step_ = step;
  }

  Time now() const noexcept { return now_; }

  /// Events whose time was too far ahead to be believed.
  std::uint64_t refused() const noexcept { return refused_; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Watermark", 1);
    ar(self.now_, self.usual_, self.agreed_, self.ahead_, self.refused_);
    ar.check(limited(self.now_) == self.now_ && self.agreed_ <= witnesses && self.ahead_ < witnesses, "time");
    ar.check(self.usual_ >= Duration(0) && self.usual_ <= 2 * longest, "usual step");
  }

 private:
  Duration believable() const noexcept { return std::max(largest_step_, 16 * usual_); }

  /// Goes on by `step`, which took so many events.
  void pass(Duration step, unsigned events) noexcept {
    now_ += step;
    usual_ += (step / events - usual_) / 16;
    if (events > 1) usual_ = std::max(usual_, step / events);
  }

  Duration largest_step_;  // an option: not archived
  Time now_{};
  Duration usual_{0};    // fading mean of the steps forward
  unsigned agreed_ = 0;  // events that did not contradict the time, `witnesses` at most; 0 = none yet
  unsigned ahead_ = 0;   // in a row
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
