#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/operations.hpp"

namespace rtml {
namespace detail {

/// A window's number never makes an example unusable.
inline float limited(double value) noexcept {
  constexpr auto limit = static_cast<double>(largest_magnitude);
  return static_cast<float>(value > limit ? limit : (value < -limit ? -limit : value));
}

struct Count {
  template <class Event>
  std::string bind(Binding<Event>& /*binding*/, std::size_t /*key*/) const {
    return "count";
  }
  static float of(const WindowRange& range, Time /*at*/, Duration /*span*/) noexcept { return static_cast<float>(range.count); }
};

struct Rate {
  template <class Event>
  std::string bind(Binding<Event>& /*binding*/, std::size_t /*key*/) const {
    return "rate";
  }
  static float of(const WindowRange& range, Time /*at*/, Duration span) noexcept {
    return static_cast<float>(static_cast<double>(range.count) / std::chrono::duration<double>(span).count());
  }
};

struct TimeSinceLast {
  template <class Event>
  std::string bind(Binding<Event>& /*binding*/, std::size_t /*key*/) const {
    return "time_since_last";
  }
  static float of(const WindowRange& range, Time at, Duration /*span*/) noexcept {
    if (range.count == 0) return std::numeric_limits<float>::quiet_NaN();
    return static_cast<float>(static_cast<double>(at.time_since_epoch().count() - range.newest) / 1e6);
  }
};

template <class A>
class ValueOf {
 public:
  explicit ValueOf(Field<A> field) : field_(std::move(field)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key) {
    static_assert(Number<Read<A, Event>>, "a window's value is an arithmetic type, or std::optional of one");
    value_ = binding.value(key, field_);
    const std::string label = field_.label();
    return label.empty() ? "" : "(" + label + ")";
  }
  std::size_t value() const noexcept { return value_; }

 private:
  Field<A> field_;
  std::size_t value_ = 0;
};

template <class A>
class Sum {
 public:
  explicit Sum(Field<A> field) : value_(std::move(field)) {}
  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key) {
    return "sum" + value_.bind(binding, key);
  }
  float of(const WindowRange& range, Time /*at*/, Duration /*span*/) const noexcept { return limited(range.sum(value_.value())); }

 private:
  ValueOf<A> value_;
};

template <class A>
class Mean {
 public:
  explicit Mean(Field<A> field) : value_(std::move(field)) {}
  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key) {
    return "mean" + value_.bind(binding, key);
  }
  float of(const WindowRange& range, Time /*at*/, Duration /*span*/) const noexcept {
    const auto usable = static_cast<double>(range.usable(value_.value()));
    return usable > 0.0 ? limited(range.sum(value_.value()) / usable) : std::numeric_limits<float>::quiet_NaN();
  }

 private:
  ValueOf<A> value_;
};

template <class A, class Aggregate>
class WindowInput {
 public:
  static constexpr bool reads_time = true;

  WindowInput(Field<A> key, Duration span, Aggregate aggregate) : key_(std::move(key)), span_(span), aggregate_(std::move(aggregate)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) {
    using T = Read<A, Event>;
    static_assert(Integer<T> || Text<T>, "window(): the key is an integer, an enum or text");
    const std::string label = key_.label();
    const std::string key_text = label.empty() ? std::string(kind_of<T>()) : label + ":" + std::string(kind_of<T>());
    const std::size_t key = binding.key(key_, key_text);
    range_ = key * EntityWindows::max_spans + binding.span(key, span_);
    return "window(" + key_text + "," + span_text() + "," + aggregate_.bind(binding, key) + ")" + binding.time_suffix(name);
  }

  template <class Event>
  float read(const Event& /*event*/, const Cursor& cursor) const noexcept {
    return aggregate_.of(cursor.ranges[range_], cursor.at, span_);
  }

 private:
  std::string span_text() const {
    const auto count = span_.count();
    return count % 1'000'000 == 0 ? to_text(count / 1'000'000) + "s" : to_text(count) + "us";
  }

  Field<A> key_;
  Duration span_;
  Aggregate aggregate_;
  std::size_t range_ = 0;
};

}  // namespace detail

/// How many events.
constexpr detail::Count count() noexcept { return {}; }

/// How many events a second.
constexpr detail::Rate rate() noexcept { return {}; }

/// Seconds since the newest event; missing when there is none.
constexpr detail::TimeSinceLast time_since_last() noexcept { return {}; }

/// Of a number of the events that have it; 0 when none has.
template <detail::Source S>
auto sum(S source) {
  return detail::Sum(detail::to_field(std::move(source)));
}

/// Of a number of the events that have it; missing when none has.
template <detail::Source S>
auto mean(S source) {
  return detail::Mean(detail::to_field(std::move(source)));
}

/// What the events of the same `key` come to in [t - span, t), t being this event's time: `window("card_spend", &Payment::card, 1h,
/// sum(&Payment::amount)) | log1p() | standardize()`. Exact, see EntityWindows. Without events count, rate and sum are 0, mean and
/// time_since_last are missing; an empty text key belongs to no entity.
///
/// A pointer to a member has no name that a fingerprint could hold: where a set has several keys or values, name them with field().
/// @throws ConfigError unless span is in (0, 36500 days]
template <detail::Source S, class Aggregate>
auto window(std::string name, S key, Duration span, Aggregate aggregate) {
  require("window", "span (us)", span.count(), span > Duration(0) && span <= EntityWindows::longest, "in (0, 36500 days]");
  auto field = detail::to_field(std::move(key));
  using Input = detail::WindowInput<std::remove_cvref_t<decltype(field.accessor())>, Aggregate>;
  return detail::Scalar<Input>(std::move(name), Input(std::move(field), span, std::move(aggregate)), std::tuple<>{});
}

}  // namespace rtml
