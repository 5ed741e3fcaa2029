#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>

#include "rtml/monitor/segment_name.hpp"

namespace rtml {

/// Which part of the stream an event belongs to, for LoopOptions::segment. Made by segment_by; none by default.
class EventSegment {
 public:
  EventSegment() = default;

  /// True when there is a rule.
  explicit operator bool() const noexcept { return static_cast<bool>(read_); }

  /// True when the rule is about events of this type, or there is none.
  template <class Event>
  bool is_of() const noexcept {
    return type_ == nullptr || type_ == &tag<Event>;
  }

  /// @pre a rule, of this type of event
  template <class Event>
  monitor::SegmentName of(const Event& event) const {
    return read_(&event);
  }

 private:
  template <class Event>
  static constexpr char tag = 0;  // its address is the type, without RTTI

  template <class Event, class Name>
  friend EventSegment segment_by(Name name);

  std::function<monitor::SegmentName(const void*)> read_;
  const char* type_ = nullptr;
};

/// A rule that names the part of an event: `segment_by<Payment>([](const Payment& p) { return std::string_view(p.country); })`. Called
/// at each prediction, from any thread: it must not throw, nor should it allocate.
template <class Event, class Name>
EventSegment segment_by(Name name) {
  EventSegment segment;
  segment.type_ = &EventSegment::tag<Event>;
  segment.read_ = [name = std::move(name)](const void* event) { return monitor::SegmentName(name(*static_cast<const Event*>(event))); };
  return segment;
}

/// A member of the event, a text or a whole number: `segment_by(&Payment::country)`.
template <class Event, class Member>
EventSegment segment_by(Member Event::*member) {
  return segment_by<Event>([member](const Event& event) {
    if constexpr (std::integral<Member>) {
      char digits[24] = {};
      const char* end = std::to_chars(std::begin(digits), std::end(digits), event.*member).ptr;
      return monitor::SegmentName(std::string_view(digits, static_cast<std::size_t>(end - digits)));
    } else {
      return monitor::SegmentName(std::string_view(event.*member));
    }
  });
}

}  // namespace rtml
