#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "rtml/core/finite.hpp"
#include "rtml/core/math.hpp"
#include "rtml/stats/hyper_log_log.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml::detail {

// Sums that fade with time: two doubles each, {what events before the newest instant have come to by then, what the events of that instant
// add}. Apart, because events of one instant do not see each other. A rounding error fades with what it was made on.

/// 2^(-elapsed / half_life), to about 1e-11. @pre elapsed >= 0
inline double fading_factor(std::int64_t elapsed, std::int64_t half_life) noexcept {
  const double lives = static_cast<double>(elapsed) / static_cast<double>(half_life);
  if (lives >= 1000.0) return 0.0;
  const auto whole = static_cast<unsigned>(lives);
  return (1.0 + math::detail::exp_minus_one((static_cast<double>(whole) - lives) * 0.6931471805599453)) *
         stats::detail::power_of_half(whole);
}

inline double number_in(std::uint64_t word) noexcept { return std::bit_cast<double>(word); }

/// Takes an entity's sums on to `time`. @pre time >= entity.newest
inline void fade_to(const WindowShape::Key& key, Entity& entity, std::int64_t time) noexcept {
  std::uint64_t* sums = entity.head;
  for (const WindowShape::Fading& fading : key.fadings) {
    const double all = number_in(sums[0]) + number_in(sums[1]);
    sums[0] = std::bit_cast<std::uint64_t>(all * fading_factor(time - entity.newest, fading.half_life));
    sums[1] = 0;
    sums += 2;
  }
  entity.newest = time;
}

/// Adds an event. Exact for a late one too: what it has come to by now.
inline void add_fading(const WindowShape::Key& key, Entity& entity, std::int64_t time, const std::uint64_t* values) noexcept {
  if (!entity.fed) entity.newest = time;
  if (time > entity.newest) fade_to(key, entity, time);
  std::uint64_t* sums = entity.head;
  for (const WindowShape::Fading& fading : key.fadings) {
    const double value = fading.value == none ? 1.0 : number_in(values[fading.value]);
    std::uint64_t& sum = time == entity.newest ? sums[1] : sums[0];
    if (is_usable(value))
      sum = std::bit_cast<std::uint64_t>(number_in(sum) + value * fading_factor(entity.newest - time, fading.half_life));
    sums += 2;
  }
}

/// Adds another entity's sums: both taken on to the later time.
inline void merge_fading(const WindowShape::Key& key, Entity& entity, Entity other, std::uint64_t* other_sums) noexcept {
  other.head = other_sums;  // a copy that may be changed
  if (!entity.fed) entity.newest = other.newest;
  if (other.newest > entity.newest) fade_to(key, entity, other.newest);
  if (other.newest < entity.newest) fade_to(key, other, entity.newest);
  for (std::size_t i = 0; i < 2 * key.fadings.size(); ++i)
    entity.head[i] = std::bit_cast<std::uint64_t>(number_in(entity.head[i]) + number_in(other.head[i]));
}

}  // namespace rtml::detail
