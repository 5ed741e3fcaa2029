#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "rtml/core/archive.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/outcome.hpp"

namespace rtml::metrics {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// What a metric counts: a sum over weighted outcomes from which `value()` follows. Sums of two streams merge to the sum of both, and
/// `value()` does not change when all weights grow by one factor: that is what Whole, Windowed and Fading rest on.
template <class T>
concept Tally = std::copyable<T> && requires(T& tally, const T& view, const Outcome& outcome, double weight) {
  { T::name } -> std::convertible_to<std::string_view>;
  { T::higher_is_better } -> std::convertible_to<bool>;
  { view.accepts(outcome) }
  noexcept->std::same_as<bool>;  // of a usable outcome: is it one of this task?
  { tally.add(outcome, weight) }
  noexcept;
  { tally.merge(view) }
  noexcept;
  { tally.scale(weight) }
  noexcept;
  { tally.reset() }
  noexcept;
  { view.value() }
  noexcept->std::same_as<double>;
  { view.memory_bytes() }
  noexcept->std::same_as<std::size_t>;
};

namespace detail {

/// True when every number of an outcome may be counted.
inline bool is_usable_outcome(const Outcome& outcome) noexcept {
  return is_usable(outcome.score) && is_usable(outcome.predicted) && is_usable(outcome.actual) && is_usable(outcome.weight) &&
         outcome.weight >= 0.0F;
}

constexpr bool is_binary_label(float label) noexcept { return label == 0.0F || label == 1.0F; }

constexpr double ratio(double part, double whole) noexcept { return whole > 0.0 ? part / whole : undefined; }

/// Sums read from an archive: finite and, where `least` says so, not negative.
inline bool is_sum(double sum, double least = 0.0) noexcept { return rtml::is_finite(sum) && sum >= least; }

}  // namespace detail

}  // namespace rtml::metrics
