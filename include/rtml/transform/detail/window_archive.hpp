#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/transform/detail/entity_feed.hpp"
#include "rtml/transform/detail/window_plan.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml::detail {

/// How a key lay when it was saved: what of it the words of its entities depend on.
template <class Self, class Ar>
void archive_shape(Self& key, Ar& ar) {
  std::vector<SlotKind> kinds;
  std::vector<std::uint16_t> values;
  std::vector<std::uint32_t> fading_values;
  std::vector<std::int64_t> half_lives;
  for (const Slot& slot : key.layout.slots) {
    kinds.push_back(slot.kind);
    values.push_back(slot.value);
  }
  for (const WindowShape::Fading& fading : key.fadings) {
    fading_values.push_back(fading.value);
    half_lives.push_back(fading.half_life);
  }
  ar(key.hop, key.keeps_cells, kinds, values, fading_values, half_lives);
  if constexpr (Ar::reading) {
    ar.check(kinds.size() == values.size() && fading_values.size() == half_lives.size(), "slots of a key");
    for (std::size_t i = 0; i < kinds.size(); ++i) key.layout.slot(kinds[i], values[i]);
    for (std::size_t i = 0; i < half_lives.size(); ++i) key.fadings.push_back({fading_values[i], half_lives[i]});
    ar.check(key.layout.slots.size() == kinds.size(), "slots of a key (twice)");
  }
}

/// True when all that was saved has a place here.
inline bool is_part_of(const WindowShape::Key& saved, const WindowShape::Key& key) noexcept {
  const auto has = [](const auto& all, const auto& same) { return std::find_if(all.begin(), all.end(), same) != all.end(); };
  if (saved.keeps_cells && (saved.hop != key.hop || !key.keeps_cells)) return false;
  for (const Slot& slot : saved.layout.slots)
    if (!has(key.layout.slots, [&](const Slot& mine) { return mine.kind == slot.kind && mine.value == slot.value; })) return false;
  for (const WindowShape::Fading& fading : saved.fadings)
    if (!has(key.fadings, [&](const WindowShape::Fading& mine) { return mine == fading; })) return false;
  return true;
}

/// The saved keys. @throws FormatError unless they and their values are the first of those here, and what they keep has a place here.
template <class Ar>
std::vector<WindowShape::Key> read_keys(Ar& ar, std::span<const WindowKey> keys, const WindowShape& shape) {
  std::uint64_t count = 0;
  ar(count);
  ar.check(count <= keys.size(), "keys (saved: other windows)");
  std::vector<WindowShape::Key> all;
  for (std::size_t k = 0; k < count; ++k) {
    std::uint64_t id = 0;
    std::vector<std::uint64_t> values;
    ar(id, values);
    const std::vector<std::uint64_t>& mine = keys[k].values;
    ar.check(id == keys[k].id && values.size() <= mine.size() && std::equal(values.begin(), values.end(), mine.begin()),
             "keys (saved: other windows)");
    WindowShape::Key& saved = all.emplace_back();
    saved.values = values.size();
    archive_shape(saved, ar);
    ar.check(is_part_of(saved, shape.keys[k]), "windows (saved: other ones)");
  }
  return all;
}

// An entity as words: its head, then its cells, oldest first. Where a partial aggregate has a sketch, the number of its entries stands for
// it, and they follow the partial aggregate: of HyperLogLogs four a word; of tallies one, their level in the high half of the number.

inline void append_partial(const PartialLayout& layout, const std::uint64_t* partial, std::vector<std::uint64_t>& words) {
  const std::size_t begin = words.size();
  words.insert(words.end(), partial, partial + layout.words);
  for (const Slot& slot : layout.slots) {
    if (!is_sketch(slot.kind)) continue;
    if (slot.kind != SlotKind::distinct) {
      const TallyView tally = view_tally(partial[slot.offset]);
      words.insert(words.end(), tally.entries.begin(), tally.entries.end());
      words[begin + slot.offset] = static_cast<std::uint64_t>(tally.level) << 32U | tally.entries.size();
      continue;
    }
    std::size_t entries = 0;
    each_distinct(partial[slot.offset], [&](DistinctEntry entry) {
      if (entries % 4 == 0) words.push_back(0);
      words.back() |= static_cast<std::uint64_t>(entry) << (16 * (entries % 4));
      ++entries;
    });
    words[begin + slot.offset] = entries;
  }
}

inline std::vector<std::uint64_t> words_of_entity(const WindowShape::Key& key, const Entity& entity) {
  std::vector<std::uint64_t> words;
  if (key.tiles()) append_partial(key.layout, entity.head, words);
  words.insert(words.end(), entity.head + key.fadings_at(), entity.head + key.head_words);
  if (entity.root == nullptr) return words;
  each_cell(key, entity.root, entity.height, [&](std::int64_t time, const std::uint64_t* cell) {
    words.push_back(static_cast<std::uint64_t>(time));
    if (key.tiles()) {
      append_partial(key.layout, cell, words);
    } else {
      words.insert(words.end(), cell, cell + key.values);
    }
  });
  return words;
}

/// Takes the words of an entity apart, that a key with fewer slots or values may have written. Nothing is trusted: each step says whether
/// a stream can have led there.
class EntityWords {
 public:
  /// `saved`: as the key was when it was saved; its slots and values are among those of `key`.
  EntityWords(std::span<const std::uint64_t> words, const WindowShape::Key& saved, const WindowShape::Key& key, BlockPool& pool)
      : left_(words), saved_(saved), key_(key), pool_(pool), cell_(std::max<std::size_t>(key.values, key.layout.words)) {}
  EntityWords(const EntityWords&) = delete;
  EntityWords& operator=(const EntityWords&) = delete;
  ~EntityWords() {
    if (holds_sketches_) key_.layout.release(cell_.data(), pool_);
  }

  bool done() const noexcept { return left_.empty(); }
  const std::uint64_t* cell() const noexcept { return cell_.data(); }
  std::int64_t time() const noexcept { return time_; }

  bool next_time() noexcept {
    if (left_.empty()) return false;
    time_ = static_cast<std::int64_t>(left_[0]);
    left_ = left_.subspan(1);
    return true;
  }

  /// The values of an event.
  bool next_values() noexcept {
    if (left_.size() < saved_.values) return false;
    for (std::size_t v = 0; v < key_.values; ++v) cell_[v] = v < saved_.values ? left_[v] : key_.missing(v);
    left_ = left_.subspan(saved_.values);
    return true;
  }

  /// Sums that fade.
  bool next_fadings(std::uint64_t* head) noexcept {
    const std::size_t size = 2 * saved_.fadings.size();
    if (left_.size() < size) return false;
    for (std::size_t i = 0; i < size; ++i) {
      if (!is_usable(number_in(left_[i]) * 1e-100)) return false;
      const auto found = std::find(key_.fadings.begin(), key_.fadings.end(), saved_.fadings[i / 2]);
      head[key_.fadings_at() + 2 * static_cast<std::size_t>(found - key_.fadings.begin()) + i % 2] = left_[i];
    }
    left_ = left_.subspan(size);
    return true;
  }

  bool next_partial() noexcept {
    const std::size_t size = saved_.layout.words;
    if (left_.size() < size) return false;
    const auto from = left_.first(size);
    left_ = left_.subspan(size);
    if (holds_sketches_) key_.layout.release(cell_.data(), pool_);
    holds_sketches_ = true;
    key_.layout.clear(cell_.data());
    cell_[0] = from[0];
    if (from[0] > most_events) return false;
    for (const Slot& slot : saved_.layout.slots) {
      const Slot& mine = *std::find_if(key_.layout.slots.begin(), key_.layout.slots.end(),
                                       [&](const Slot& each) { return each.kind == slot.kind && each.value == slot.value; });
      if (slot.kind == SlotKind::distinct) {
        if (!next_sketch(from[slot.offset], cell_[mine.offset])) return false;
      } else if (is_sketch(slot.kind)) {
        if (!next_tally(slot.kind, from[slot.offset], cell_[mine.offset])) return false;
      } else {
        std::copy_n(from.data() + slot.offset, words_of(slot.kind), cell_.data() + mine.offset);
        if (!plausible(mine)) return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::uint64_t most_events = std::uint64_t{1} << 40U;
  static constexpr std::int64_t latest = Watermark::longest.count();

  bool next_sketch(std::uint64_t entries, std::uint64_t& sketch) noexcept {
    if (entries > distinct_registers || left_.size() < (entries + 3) / 4) return false;
    DistinctEntry before = 0;
    for (std::size_t i = 0; i < entries; ++i) {
      const auto entry = static_cast<DistinctEntry>(left_[i / 4] >> (16 * (i % 4)));
      const unsigned rank = entry & 63U;
      if (rank == 0 || rank > 65 - distinct_precision || (i > 0 && (entry >> 6U) <= (before >> 6U))) return false;
      before = entry;
      add_distinct(sketch, entry, key_.layout.first_sketch_class, pool_);
    }
    left_ = left_.subspan((entries + 3) / 4);
    return true;
  }

  bool next_tally(SlotKind kind, std::uint64_t head, std::uint64_t& word) noexcept {
    const std::uint64_t size = head & 0xffffffffU;
    Tally tally;
    tally.level = static_cast<unsigned>(head >> 32U);
    if (size > tally_most || left_.size() < size) return false;
    const bool quantiles = kind == SlotKind::quantiles;
    if (tally.level > (quantiles ? quantile_levels : 0U)) return false;
    if (quantiles && tally.level > 0 && size < tally_most / 2) return false;  // fewer bits would have gone
    for (std::size_t i = 0; i < size; ++i) {
      const TallyEntry entry = left_[i];
      if ((entry & 1U) == 0 || times_of(entry) == 0 || (i > 0 && key_of(entry) <= key_of(left_[i - 1]))) return false;
      if (quantiles && !is_quantile_key(key_of(entry), tally.level)) return false;
    }
    tally.add(left_.first(static_cast<std::size_t>(size)));
    if (tally.total() > cell_[0]) return false;
    store_tally(word, tally, key_.layout.first_sketch_class, pool_);
    left_ = left_.subspan(static_cast<std::size_t>(size));
    return true;
  }

  /// Of a usable number.
  static bool is_quantile_key(std::uint32_t key, unsigned level) noexcept {
    constexpr auto most = static_cast<double>(largest_magnitude);
    return key >= quantile_key(-most) >> level && key <= quantile_key(most) >> level;
  }

  bool plausible(const Slot& slot) const noexcept {
    const std::uint64_t* const word = cell_.data() + slot.offset;
    const auto key = static_cast<std::int64_t>(*word);
    const double most = 1.0000001e15 * static_cast<double>(cell_[0]);
    switch (slot.kind) {
      case SlotKind::usable: return *word <= cell_[0];
      case SlotKind::sum: return wide_to_double(word) <= most && wide_to_double(word) >= -most;
      case SlotKind::newest: return key == no_highest || (key <= latest && key >= -latest);
      case SlotKind::lowest: return key == no_lowest || is_usable(unordered(key));
      case SlotKind::highest: return key == no_highest || is_usable(unordered(key));
      default: return true;
    }
  }

  std::span<const std::uint64_t> left_;
  const WindowShape::Key& saved_;
  const WindowShape::Key& key_;
  BlockPool& pool_;
  std::vector<std::uint64_t> cell_;
  std::int64_t time_ = 0;
  bool holds_sketches_ = false;
};

/// Fills an entity that was just made. "" or what no stream can have fed.
inline const char* restore_entity(EntityShard& shard, Entity& entity, std::int64_t newest, std::span<const std::uint64_t> words,
                                  const WindowShape::Key& saved, const WindowShape& shape) {
  const WindowShape::Key& key = shape.keys[entity.key];
  EntityFeed feed(shard, entity, shape);
  EntityWords reader(words, saved, key, shard.blocks);
  entity.newest = newest;
  entity.fed = true;
  if (saved.tiles()) {
    if (!reader.next_partial()) return "newest instant of an entity";
    key.layout.merge(entity.head, reader.cell(), &shard.blocks, std::true_type{});
  }
  if (!reader.next_fadings(entity.head)) return "sums of an entity";
  std::int64_t before = -2 * Watermark::longest.count();
  while (!reader.done()) {
    const bool whole = reader.next_time() && (key.tiles() ? reader.next_partial() : reader.next_values());
    if (!whole) return "events of an entity";
    const std::int64_t time = reader.time();
    if (time < before || (key.tiles() && time == before) || time > newest || key.cell_of(time) != time) return "time of an event";
    before = time;
    feed.put({time, time, reader.cell(), key.tiles()});
  }
  return "";
}

/// Adds what another entity of this key holds. Nobody else has to do with either.
inline void merge_entity(EntityShard& shard, Entity& entity, const Entity& other, const WindowShape& shape) {
  const WindowShape::Key& key = shape.keys[entity.key];
  EntityFeed feed(shard, entity, shape);
  if (!entity.fed || other.newest > entity.newest) feed.go_to(other.newest);
  entity.fed = true;
  merge_fading(key, entity, other);
  if (other.root != nullptr)
    each_cell(key, other.root, other.height, [&](std::int64_t time, const std::uint64_t* cell) {
      feed.put({time, time, cell, key.tiles()});
    });
  if (!key.tiles()) return;
  if (other.newest == entity.newest) {
    key.layout.merge(entity.head, other.head, &shard.blocks, std::true_type{});
  } else {
    feed.put({key.cell_of(other.newest), other.newest, other.head, true});
  }
}

}  // namespace rtml::detail
