#pragma once

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/operations.hpp"

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
  require("hopping", "hop (us)", hop.count(), hop > Duration(0) && hop <= EntityWindows::longest, "in (0, 36500 days]");
  return {WindowKind::Tail::hopping, hop};
}

/// From t - W rounded down to a hop up to t: its newest part is exact, and up to a hop more than W comes in at its end. Costs what hopping
/// does, and shares its tiles. An event that comes late sees up to the beginning of its tile only: what is in that tile may be later.
/// @throws ConfigError unless the hop is in (0, 36500 days]
inline WindowKind sawtooth(Duration hop) {
  require("sawtooth", "hop (us)", hop.count(), hop > Duration(0) && hop <= EntityWindows::longest, "in (0, 36500 days]");
  return {WindowKind::Tail::sawtooth, hop};
}

/// With a hop by the length of the window: 5 minutes below 12 hours, an hour below 12 days, else a day.
constexpr WindowKind sawtooth() noexcept { return {WindowKind::Tail::sawtooth, Duration(0)}; }

namespace detail {

inline std::string in_brackets(const std::string& label) { return label.empty() ? "" : "(" + label + ")"; }

/// A function of the events alone.
template <WindowFunction Function>
struct OfEvents {
  static constexpr WindowFunction function = Function;
  static constexpr std::size_t columns = 1;
  const char* name;

  template <class Event>
  std::string bind(Binding<Event>& /*binding*/, std::size_t /*key*/, WindowColumn& /*column*/) const {
    return name;
  }
};

/// A function of a number of the events, or of what identifies something in them.
template <WindowFunction Function, class A>
struct OfValue {
  static constexpr WindowFunction function = Function;
  const char* name;
  Field<A> field;
  std::size_t columns = 1;

  template <class Event>
  std::string bind(Binding<Event>& binding, std::size_t key, WindowColumn& column) const {
    column.columns = columns;
    if constexpr (Function == WindowFunction::distinct) {
      column.value = binding.identity_of(key, field);
    } else {
      column.value = binding.number(key, field);
    }
    return name + in_brackets(field.label());
  }
};

template <WindowFunction Function, Source S>
auto of_value(const char* name, S source) {
  auto field = to_field(std::move(source));
  return OfValue<Function, std::remove_cvref_t<decltype(field.accessor())>>{name, std::move(field)};
}

/// What a window is, and where its numbers are.
template <class A, class Aggregate>
class WindowSource {
 public:
  WindowSource(Field<A> key, Duration span, Aggregate aggregate, WindowKind kind, bool fading)
      : key_(std::move(key)), span_(span), aggregate_(std::move(aggregate)), kind_(kind), fading_(fading) {}

  std::size_t columns() const noexcept { return aggregate_.columns; }

  /// Returns its definition.
  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) {
    using T = Read<A, Event>;
    static_assert(Integer<T> || Text<T>, "window(): the key is an integer, an enum or text");
    const std::string label = key_.label();
    const std::string key_text = label.empty() ? std::string(kind_of<T>()) : label + ":" + std::string(kind_of<T>());
    const Duration hop = kind_.hop(span_);
    const std::size_t key = binding.key(key_, key_text, hop, fading_);
    WindowColumn column{
        .function = Aggregate::function, .span = span_, .fading = fading_, .hopping = kind_.tail() == WindowKind::Tail::hopping};
    const std::string function = aggregate_.bind(binding, key, column);
    place_ = binding.window(key, column);
    const char* const tail = kind_.tail() == WindowKind::Tail::hopping ? ",hopping" : ",sawtooth";
    return (fading_ ? "fading(" : "window(") + key_text + "," + duration_text(span_) + "," + function +
           (hop > Duration(0) ? tail + ("(" + duration_text(hop) + ")") : "") + ")" + binding.window_rules() + binding.time_suffix(name);
  }

  const float* read(const Cursor& cursor) const noexcept { return cursor.windows + place_; }

 private:
  Field<A> key_;
  Duration span_;
  Aggregate aggregate_;
  WindowKind kind_;
  bool fading_;
  std::size_t place_ = 0;
};

template <class Window>
class WindowInput {
 public:
  static constexpr bool reads_time = true;

  explicit WindowInput(Window window) : window_(std::move(window)) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) {
    return window_.bind(binding, name);
  }
  template <class Event>
  float read(const Event& /*event*/, const Cursor& cursor) const noexcept {
    return *window_.read(cursor);
  }

 private:
  Window window_;
};

/// A window of several numbers: columns NAME.1, NAME.2, ...
template <class Window>
class WindowColumns {
 public:
  static constexpr bool reads_time = true;

  WindowColumns(std::string name, Window window) : name_(std::move(name)), window_(std::move(window)) {}

  template <class Event>
  void bind(Binding<Event>& binding) {
    const std::string definition = window_.bind(binding, name_);
    for (std::size_t i = 1; i <= window_.columns(); ++i) binding.add({name_ + "." + to_text(i), definition});
  }
  template <class Event>
  void compute(const Event& /*event*/, Cursor& cursor) const noexcept {
    const float* const values = window_.read(cursor);
    for (std::size_t i = 0; i < window_.columns(); ++i) *cursor.dense++ = values[i];
  }

 private:
  std::string name_;
  Window window_;
};

}  // namespace detail

/// How many events.
constexpr auto count() noexcept { return detail::OfEvents<WindowFunction::count>{"count"}; }

/// How many events a second of the window.
constexpr auto rate() noexcept { return detail::OfEvents<WindowFunction::rate>{"rate"}; }

/// Seconds since the newest event; missing when there is none.
constexpr auto time_since_last() noexcept { return detail::OfEvents<WindowFunction::time_since_last>{"time_since_last"}; }

/// Of a number of the events that have it; 0 when none has. Exact: no error accumulates.
template <detail::Source S>
auto sum(S source) {
  return detail::of_value<WindowFunction::sum>("sum", std::move(source));
}

/// Of a number of the events that have it; missing when none has.
template <detail::Source S>
auto mean(S source) {
  return detail::of_value<WindowFunction::mean>("mean", std::move(source));
}

/// Of a number of the events that have it, divided by how many they are; missing when none has. Exact as sum is, whatever the mean.
template <detail::Source S>
auto variance(S source) {
  return detail::of_value<WindowFunction::variance>("variance", std::move(source));
}

/// The least of a number of the events that have it; missing when none has.
template <detail::Source S>
auto min(S source) {
  return detail::of_value<WindowFunction::lowest>("min", std::move(source));
}

/// The greatest of a number of the events that have it; missing when none has.
template <detail::Source S>
auto max(S source) {
  return detail::of_value<WindowFunction::highest>("max", std::move(source));
}

/// How many different integers, enums or texts; empty text is none. By a HyperLogLog of 1024 registers: standard error 3.3 %, less while
/// there are few. See stats::HyperLogLog.
template <detail::Source S>
auto distinct(S source) {
  return detail::of_value<WindowFunction::distinct>("distinct", std::move(source));
}

/// A number of the last `n` events that have it, newest first, as columns NAME.1 to NAME.n; missing where there are fewer. Of exact
/// windows. @throws ConfigError unless n is in [1, 256]
template <detail::Source S>
auto last(std::size_t n, S source) {
  require("last", "n", n, n >= 1 && n <= 256, "in [1, 256]");
  auto made = detail::of_value<WindowFunction::last>("last", std::move(source));
  made.columns = n;
  return made;
}

/// What the events of the same `key` come to in [t - span, t), t being this event's time: `window("card_spend", &Payment::card, 1h,
/// sum(&Payment::amount)) | log1p() | standardize()`. Exact, or of tiles: `window("spend", &Payment::card, days(7), sum(&Payment::amount),
/// sawtooth(hours(1)))`; see EntityWindows. Without events count, rate, sum and distinct are 0, the others are missing; an empty text key
/// belongs to no entity.
///
/// A pointer to a member has no name that a fingerprint could hold: where a set has several keys or values, name them with field().
/// @throws ConfigError unless span is in (0, 36500 days]; of tiles: a hop at least, and when hopping a multiple of it
template <detail::Source S, class Aggregate>
auto window(std::string name, S key, Duration span, Aggregate aggregate, WindowKind kind = exact()) {
  require("window", "span (us)", span.count(), span > Duration(0) && span <= EntityWindows::longest, "in (0, 36500 days]");
  const Duration hop = kind.hop(span);
  require("window", "span (us)", span.count(), span >= hop, "a hop at least");
  require("window", "span (us)", span.count(), kind.tail() != WindowKind::Tail::hopping || span % hop == Duration(0),
          "a multiple of the hop");
  constexpr bool lasts = Aggregate::function == WindowFunction::last;
  require("window", "kind", "tiles", !lasts || kind.tail() == WindowKind::Tail::exact, "exact() for last(): tiles keep no single values");
  auto field = detail::to_field(std::move(key));
  using Source = detail::WindowSource<std::remove_cvref_t<decltype(field.accessor())>, Aggregate>;
  Source source(std::move(field), span, std::move(aggregate), kind, false);
  if constexpr (lasts) {
    return detail::WindowColumns<Source>(std::move(name), std::move(source));
  } else {
    using Input = detail::WindowInput<Source>;
    return detail::Scalar<Input>(std::move(name), Input(std::move(source)), std::tuple<>{});
  }
}

/// A sum() or count() of all past events of the same `key`, in which an event weighs half as much when `half_life` has passed, a quarter
/// after two: `fading("spend", &Payment::card, 1h, sum(&Payment::amount))`. Two numbers an entity, whatever the half-life: O(1) to read and
/// to feed, relative error about 1e-13 a step. 0 before the first event. An event that comes late is added as exactly as any; but what the
/// sum was at its time is not known any more: it reads missing.
/// @throws ConfigError unless half_life is in (0, 36500 days]
template <detail::Source S, class Aggregate>
auto fading(std::string name, S key, Duration half_life, Aggregate aggregate) {
  static_assert(Aggregate::function == WindowFunction::sum || Aggregate::function == WindowFunction::count,
                "fading(): of sum() or count()");
  require("fading", "half_life (us)", half_life.count(), half_life > Duration(0) && half_life <= EntityWindows::longest,
          "in (0, 36500 days]");
  auto field = detail::to_field(std::move(key));
  using Source = detail::WindowSource<std::remove_cvref_t<decltype(field.accessor())>, Aggregate>;
  using Input = detail::WindowInput<Source>;
  return detail::Scalar<Input>(std::move(name), Input(Source(std::move(field), half_life, std::move(aggregate), exact(), true)),
                               std::tuple<>{});
}

}  // namespace rtml
