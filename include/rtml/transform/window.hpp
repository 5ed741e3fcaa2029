#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/window_features.hpp"
#include "rtml/transform/field.hpp"
#include "rtml/transform/operations.hpp"
#include "rtml/transform/window_kind.hpp"

namespace rtml {

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

/// The least value that at least the part `q` of a number of the events do not exceed; missing when none has it. Of exact windows as it is,
/// as a float, in O(events of the window). Of tiles from 256 buckets, the finest that suffice: as exact while the window has up to 256
/// different values; beyond that off by 0.8 % of itself at most while they lie within a factor of 16, 1.5 % within 256, 3 % within 65536, of
/// one sign. Quantiles of one value share their buckets. See detail/quantile_tally.hpp.
/// @throws ConfigError unless q is in [0, 1]
template <detail::Source S>
auto quantile(double q, S source) {
  require("quantile", "q", q, q >= 0.0 && q <= 1.0, "in [0, 1]");
  auto field = detail::to_field(std::move(source));
  return detail::OfQuantile<std::remove_cvref_t<decltype(field.accessor())>>{q, std::move(field)};
}

/// The k most frequent integers, enums or texts, as hashed features: the index is a hash of the window's name and the value, the value its
/// share of the window's events. Empty text is none. Of two as frequent the smaller hash goes first. Values are told apart by 32 bits of their
/// hash. Exact, but in a tile with more than 256 different values, whose counts are too small by at most 1/257 of its events each, by which
/// depends on their order. See detail/top_tally.hpp. @throws ConfigError unless k is in [1, 64]
template <detail::Source S>
auto top_k(std::size_t k, S source) {
  return detail::of_top<WindowFunction::top_k>("top_k", k, std::move(source));
}

/// The share of the window's events that its k most frequent integers, enums or texts come to, in [0, 1]; missing without events. As exact as
/// top_k, and from the same tallies. @throws ConfigError unless k is in [1, 64]
template <detail::Source S>
auto top_share(std::size_t k, S source) {
  return detail::of_top<WindowFunction::top_share>("top_share", k, std::move(source));
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
  constexpr bool hashes = Aggregate::function == WindowFunction::top_k;
  require("window", "kind", "tiles", !lasts || kind.tail() == WindowKind::Tail::exact, "exact() for last(): tiles keep no single values");
  auto field = detail::to_field(std::move(key));
  using Source = detail::WindowSource<std::remove_cvref_t<decltype(field.accessor())>, Aggregate>;
  Source source(std::move(field), span, std::move(aggregate), kind, false);
  if constexpr (lasts) {
    return detail::WindowColumns<Source>(std::move(name), std::move(source));
  } else if constexpr (hashes) {
    return detail::WindowHashes<Source>(std::move(name), std::move(source));
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
