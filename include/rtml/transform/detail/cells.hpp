#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "rtml/transform/detail/window_shape.hpp"

namespace rtml::detail {

// Reading the tree of cells that CellTree keeps. A block is {count, entries}. An entry of a leaf is a cell, {time, words}; an entry of a
// node is a child, {time, block, partial aggregate}: no cell below it is before that time.

inline std::size_t count_of(const std::uint64_t* block) noexcept { return static_cast<std::size_t>(*block); }
inline std::int64_t time_at(const std::uint64_t* entry) noexcept { return static_cast<std::int64_t>(*entry); }
inline std::uint64_t* child_of(const std::uint64_t* entry) noexcept {
  return reinterpret_cast<std::uint64_t*>(entry[1]);  // NOLINT(performance-no-int-to-ptr): a block is words, of which this is an address
}
inline const std::uint64_t* entry_of(const std::uint64_t* block, std::size_t i, std::size_t width) noexcept {
  return block + 1 + i * width;
}

/// False where the visitor says that it cannot use the partial aggregate of a whole subtree: it wants what lies below.
template <class Visit>
bool is_enough(const Visit& visit, const std::uint64_t* partial) noexcept {
  if constexpr (requires { visit.is_enough(partial); }) {
    return visit.is_enough(partial);
  } else {
    return true;
  }
}

/// Calls visit.cell(time, words) for cells and visit.partial(words) for whole subtrees in [from, to). `last`: no cell below is later.
template <class Visit>
void visit_cells(const WindowShape::Key& key, const std::uint64_t* block, unsigned height, bool first, std::int64_t from, std::int64_t to,
                 std::int64_t last, Visit& visit) noexcept {
  const std::size_t count = count_of(block);
  if (height == 0) {
    const std::uint64_t* cell = block + 1;
    for (std::size_t i = 0; i < count; ++i, cell += key.cell_words) {
      if (time_at(cell) < from) continue;
      if (time_at(cell) >= to) return;
      visit.cell(time_at(cell), cell + 1);
    }
    return;
  }
  const std::size_t width = key.child_words();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t* const child = entry_of(block, i, width);
    const std::int64_t end = i + 1 < count ? time_at(child + width) : last;
    if (time_at(child) >= to) return;
    if (end < from) continue;
    const bool edge = first && i == 0;
    if (time_at(child) >= from && end < to && !edge && is_enough(visit, child + 2)) {
      visit.partial(child + 2);
    } else {
      visit_cells(key, child_of(child), height - 1, edge, from, to, end, visit);
    }
  }
}
template <class Visit>
void visit_cells(const WindowShape::Key& key, const Entity& entity, std::int64_t from, std::int64_t to, Visit& visit) noexcept {
  if (entity.root == nullptr) return;
  visit_cells(key, entity.root, entity.height, !key.tiles(), from, to, key.cell_of(entity.newest), visit);
}

/// Calls visit(time, words) for each cell, oldest first.
template <class Visit>
void each_cell(const WindowShape::Key& key, const std::uint64_t* block, unsigned height, const Visit& visit) {
  const std::size_t width = height == 0 ? key.cell_words : key.child_words();
  for (std::size_t i = 0; i < count_of(block); ++i) {
    const std::uint64_t* const entry = entry_of(block, i, width);
    if (height > 0) {
      each_cell(key, child_of(entry), height - 1, visit);
    } else {
      visit(time_at(entry), entry + 1);
    }
  }
}

/// The newest first, until visit(words) is false.
template <class Visit>
bool visit_newest(const WindowShape::Key& key, const std::uint64_t* block, unsigned height, std::int64_t from, std::int64_t to,
                  Visit& visit) noexcept {
  const std::size_t width = height == 0 ? key.cell_words : key.child_words();
  for (std::size_t i = count_of(block); i-- > 0;) {
    const std::uint64_t* const entry = entry_of(block, i, width);
    if (time_at(entry) >= to) continue;
    if (height > 0) {
      if (!visit_newest(key, child_of(entry), height - 1, from, to, visit)) return false;
      if (time_at(entry) < from) return false;
    } else if (time_at(entry) < from || !visit(entry + 1)) {
      return false;
    }
  }
  return true;
}

/// Fetches what reading and feeding an entity will look at.
[[gnu::always_inline]] inline void prefetch(const Entity& entity, const WindowShape::Key& key) noexcept {
  constexpr std::size_t line = 64 / sizeof(std::uint64_t);
  constexpr std::size_t most = 24 * line;
  if (entity.head != nullptr)
    for (std::size_t at = 0; at < std::min<std::size_t>(key.head_words, most); at += line) __builtin_prefetch(entity.head + at);
  if (entity.root == nullptr) return;
  const std::size_t cells = entity.height > 0 ? fan_out : std::size_t{1} << entity.leaf_log2;
  const std::size_t words = 1 + cells * (entity.height > 0 ? key.child_words() : key.cell_words);
  for (std::size_t at = 0; at < std::min(words, most); at += line) __builtin_prefetch(entity.root + at);
}

}  // namespace rtml::detail
