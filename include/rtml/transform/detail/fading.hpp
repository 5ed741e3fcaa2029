#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "rtml/core/finite.hpp"
#include "rtml/stats/hyper_log_log.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml::detail {

// Sums that fade with time: two doubles each, {what events before the newest instant have come to by then, what the events of that instant
// add}. Apart, because events of one instant do not see each other. A rounding error fades with what it was made on.

/// 2^(-elapsed / half_life), to about 1e-13. @pre elapsed >= 0
inline double fading_factor(std::int64_t elapsed, std::int64_t half_life) noexcept {
  if (elapsed == 0) return 1.0;
  const double lives = static_cast<double>(elapsed) / static_cast<double>(half_life);
  if (lives >= 1000.0) return 0.0;
  const auto whole = static_cast<unsigned>(lives + 0.5);  // NOLINT(bugprone-incorrect-roundings): either will do; lround is a call
  const double x = (static_cast<double>(whole) - lives) * 0.6931471805599453;  // |x| <= ln(2) / 2
  const double x2 = x * x;
  const double x4 = x2 * x2;
  // The series of e^x up to x^11, in pairs.
  const double low = (1.0 + x) + x2 * (1.0 / 2 + x * (1.0 / 6));
  const double middle = (1.0 / 24 + x * (1.0 / 120)) + x2 * (1.0 / 720 + x * (1.0 / 5040));
  const double high = (1.0 / 40320 + x * (1.0 / 362880)) + x2 * (1.0 / 3628800 + x * (1.0 / 39916800));
  return (low + x4 * (middle + x4 * high)) * stats::detail::power_of_half(whole);
}

inline double number_in(std::uint64_t word) noexcept { return std::bit_cast<double>(word); }

/// Takes an entity's sums on to `time`. @pre time >= entity.newest
inline void fade_to(const WindowShape::Key& key, const Entity& entity, std::int64_t time) noexcept {
  std::uint64_t* sums = entity.head + key.fadings_at();
  for (const WindowShape::Fading& fading : key.fadings) {
    const double all = number_in(sums[0]) + number_in(sums[1]);
    sums[0] = std::bit_cast<std::uint64_t>(all * fading_factor(time - entity.newest, fading.half_life));
    sums[1] = 0;
    sums += 2;
  }
}

/// Adds an event. Exact for a late one too: what it has come to by now. @pre time <= entity.newest
inline void add_fading(const WindowShape::Key& key, const Entity& entity, std::int64_t time, const std::uint64_t* values) noexcept {
  std::uint64_t* sums = entity.head + key.fadings_at();
  for (const WindowShape::Fading& fading : key.fadings) {
    const double value = fading.value == none ? 1.0 : number_in(values[fading.value]);
    std::uint64_t& sum = time == entity.newest ? sums[1] : sums[0];
    if (is_usable(value))
      sum = std::bit_cast<std::uint64_t>(number_in(sum) + value * fading_factor(entity.newest - time, fading.half_life));
    sums += 2;
  }
}

/// Adds another entity's sums, which fade on to this one's time. @pre other.newest <= entity.newest
inline void merge_fading(const WindowShape::Key& key, const Entity& entity, const Entity& other) noexcept {
  std::uint64_t* sums = entity.head + key.fadings_at();
  const std::uint64_t* theirs = other.head + key.fadings_at();
  const std::int64_t elapsed = entity.newest - other.newest;
  for (const WindowShape::Fading& fading : key.fadings) {
    const double factor = fading_factor(elapsed, fading.half_life);
    const double before = number_in(theirs[0]) + (elapsed > 0 ? number_in(theirs[1]) : 0.0);
    sums[0] = std::bit_cast<std::uint64_t>(number_in(sums[0]) + before * factor);
    if (elapsed == 0) sums[1] = std::bit_cast<std::uint64_t>(number_in(sums[1]) + number_in(theirs[1]));
    sums += 2;
    theirs += 2;
  }
}

}  // namespace rtml::detail
