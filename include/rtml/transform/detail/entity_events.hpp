#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/entity_shard.hpp"
#include "rtml/transform/detail/window_row.hpp"

namespace rtml::detail {

// The events of one entity: searched, dropped, added, and judged as they are restored.

/// Place of the first event at or after `time`, searched outwards from `guess`: O(log distance).
inline std::uint32_t first_at(const Entity& entity, std::size_t width, std::uint32_t guess, std::int64_t time) noexcept {
  const auto before = [&](std::uint32_t place) noexcept { return time_at(entity.row(place, width)) < time; };
  std::uint32_t low = 0;  // the answer is in [low, high]
  std::uint32_t high = entity.size;
  if (guess < high && before(guess)) {
    low = guess + 1;
    for (std::uint32_t step = 1; high - low >= step; step *= 2) {
      if (!before(low + step - 1)) {
        high = low + step - 1;
        break;
      }
      low += step;
    }
  } else {
    high = std::min(guess, high);
    for (std::uint32_t step = 1; high >= step; step *= 2) {
      if (before(high - step)) {
        low = high - step + 1;
        break;
      }
      high -= step;
    }
  }
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

inline void drop(Entity& owner, std::uint32_t count) noexcept {
  if (count == 0) return;
  owner.begin = owner.begin + count >= owner.rows ? owner.begin + count - owner.rows : owner.begin + count;
  owner.size -= count;
  for (std::uint32_t& tail : owner.tails) tail -= std::min(tail, count);
}

/// Behind the events of its own time; those after it move up by a row and by its values.
inline void place(Entity& owner, const WindowShape::Key& shape, std::int64_t now, std::span<const double> values) noexcept {
  const std::uint32_t at = first_at(owner, shape.width, owner.size, now + 1);
  for (std::uint32_t i = owner.size + 1; i > at; --i)
    std::memcpy(owner.row(i, shape.width), owner.row(i - 1, shape.width), shape.width * sizeof(std::uint64_t));
  *owner.row(at, shape.width) = static_cast<std::uint64_t>(now);
  ++owner.size;
  for (std::size_t v = 0; v < values.size(); ++v) {
    if (!is_usable(values[v])) continue;
    const Fixed value = to_fixed(values[v]);
    for (std::uint32_t i = at + 1; i <= owner.size; ++i) {
      std::uint64_t* row = owner.row(i, shape.width);
      set_value(row, v, sum_at(row, v) + value, count_at(row, v) + 1);
    }
  }
}

inline std::vector<std::uint64_t> rows_of(const Entity& entity, std::size_t width) {
  std::vector<std::uint64_t> rows;
  rows.reserve((std::size_t{entity.size} + 1) * width);
  for (std::uint32_t i = 0; i <= entity.size; ++i) rows.insert(rows.end(), entity.row(i, width), entity.row(i, width) + width);
  rows[std::size_t{entity.size} * width] = 0;  // the totals have no time, whatever was left there
  return rows;
}

inline bool plausible_step(const std::uint64_t* row, const std::uint64_t* next, std::size_t value) noexcept {
  const std::uint64_t count = count_at(next, value) - count_at(row, value);
  const double step = from_fixed(sum_at(next, value) - sum_at(row, value));
  return count == 1 ? is_usable(step) : count == 0 && step == 0.0;
}

/// At least one event; times in order; each step of a value is one usable value, or none.
inline bool plausible(const std::vector<std::uint64_t>& rows, std::size_t width, std::int64_t longest) noexcept {
  if (rows.size() % width != 0 || rows.size() / width < 2) return false;
  const std::size_t events = rows.size() / width - 1;
  for (std::size_t i = 0; i < events; ++i) {
    const std::uint64_t* row = rows.data() + i * width;
    if (time_at(row) > longest || time_at(row) < -longest) return false;
    if (i + 1 < events && time_at(row + width) < time_at(row)) return false;
    for (std::size_t v = 0; v < (width - 1) / words_per_value; ++v)
      if (!plausible_step(row, row + width, v)) return false;
  }
  return rows[events * width] == 0;
}

}  // namespace rtml::detail
