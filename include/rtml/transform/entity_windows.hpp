#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/entity_events.hpp"
#include "rtml/transform/detail/entity_shard.hpp"
#include "rtml/transform/detail/window_row.hpp"

namespace rtml {

/// The recent events of each entity, from which the windows of one feature set are answered. Made by FeatureSet::make_windows.
///
/// A window of an event at time t is exactly [t - W, t) over the events that were fed: never the event itself, none of the same time, none
/// later, even when events come late: those are answered as of their own time, put into their place and counted. All windows of one key
/// share the entity's events; a window costs two short searches (O(1) amortised in order, O(log events) always) and a subtraction.
///
/// An entity is the 64-bit hash of its key: integer keys never meet; of n text keys two share their windows with probability n^2 / 2^65.
/// The bounds hold whatever comes: of too many entities the least recently fed goes (evicted); an entity with too many events loses the
/// oldest early (truncated); an event that is older than the entity's newest by more than `lateness` is not fed (too_late).
///
/// Threads: what reads or feeds an entity holds its lock (FeatureSet::lock); `counters` and `memory_bytes` may be called from anywhere;
/// copying and archiving want `lock_all` or no other user. Allocates only while entities and rings are new, and what cannot be allocated
/// is not fed (failed).
class EntityWindows {
 public:
  struct Options {
    std::size_t max_entities = 100'000;        ///< of all keys together, in [1, 2^31]
    std::size_t max_events_per_entity = 1024;  ///< in [1, 2^20]; each costs 8 bytes and 24 for each value of the key
    Duration lateness = hours(1);              ///< how much older than the entity's newest an event may be, in [0, 36500 days]
    std::size_t shards = 64;                   ///< locks; a power of two up to 64, halved while a shard would hold fewer than 64 entities
  };

  /// The keys of a feature set: how long their windows are, and what they add up.
  struct Key {
    std::uint64_t id = 0;               ///< says which key it is, so that restored state finds it
    std::vector<Duration> spans;        ///< at most max_spans, each in (0, 36500 days]
    std::vector<std::uint64_t> values;  ///< id of each value, at most max_values
  };

  static constexpr std::size_t max_keys = 16;
  static constexpr std::size_t max_spans = 16;
  static constexpr std::size_t max_values = 256;
  static constexpr Duration longest = days(36500);

  struct Counters {
    std::uint64_t entities = 0;   ///< held now
    std::uint64_t evicted = 0;    ///< entities that had to go
    std::uint64_t late = 0;       ///< events put before newer ones; once for each key
    std::uint64_t too_late = 0;   ///< events not fed because of their age (or a time beyond 1970 +- 36500 days); once for each key
    std::uint64_t truncated = 0;  ///< events that left before their time
    std::uint64_t refused = 0;    ///< values that are infinite or beyond 1e15: counted by count(), not added by sum() and mean()
    std::uint64_t failed = 0;     ///< events not fed, or old ones dropped, because there was no memory

    friend bool operator==(const Counters&, const Counters&) = default;
  };

  /// The locks of some entities, taken in one order by everybody, so that nobody waits for ever. Move-only; unlocks when it goes.
  class Lock {
   public:
    Lock() = default;
    Lock(Lock&& other) noexcept : shards_(other.shards_), taken_(std::exchange(other.taken_, 0)) {}
    Lock& operator=(Lock&& other) noexcept {
      std::swap(shards_, other.shards_);
      std::swap(taken_, other.taken_);
      return *this;
    }
    ~Lock() {
      for (std::uint64_t left = taken_; left != 0; left &= left - 1) shards_[std::countr_zero(left)].lock.unlock();
    }

   private:
    friend class EntityWindows;
    Lock(detail::EntityShard* shards, std::uint64_t wanted) noexcept : shards_(shards), taken_(wanted) {
      for (std::uint64_t left = wanted; left != 0; left &= left - 1) shards_[std::countr_zero(left)].lock.lock();
    }

    detail::EntityShard* shards_ = nullptr;
    std::uint64_t taken_ = 0;  // a bit for each shard
  };

  EntityWindows(std::vector<Key> keys, const Options& options) : keys_(std::move(keys)), options_(options) {
    check_options();
    check_keys();
    make_shards();
  }

  EntityWindows(const EntityWindows& other) : EntityWindows(other.keys_, other.options_) {
    for (std::size_t s = 0; s < shard_count_; ++s)
      other.shards_[s].oldest_first([&](const detail::Entity& entity) { copy_entity(entity, other.shape_.keys[entity.key].width); });
    set_counters(other.counters());
  }
  EntityWindows(EntityWindows&&) noexcept = default;
  EntityWindows& operator=(const EntityWindows& other) {
    if (this != &other) *this = EntityWindows(other);
    return *this;
  }
  EntityWindows& operator=(EntityWindows&&) noexcept = default;
  ~EntityWindows() = default;

  const Options& options() const noexcept { return options_; }
  std::span<const Key> keys() const noexcept { return keys_; }

  /// The entity of a key value that was hashed with seed_of(key).
  static constexpr std::uint64_t seed_of(std::size_t key) noexcept { return key + 1; }

  /// The shard's bit, for lock(): several entities are locked at once.
  std::uint64_t shard_bit(std::uint64_t entity) const noexcept { return std::uint64_t{1} << shard_of(entity); }
  Lock lock(std::uint64_t shard_bits) const noexcept { return {shards_.get(), shard_bits}; }

  /// A consistent cut over all entities: everybody else waits.
  Lock lock_all() const noexcept { return lock(shard_count_ == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << shard_count_) - 1); }

  /// Reading an entity is a chain of cache misses: its slot, itself, its rows. These two fetch ahead: the first at any time, early; the second
  /// when the entity's lock is held, some time before `ranges`.
  void prefetch(std::uint64_t entity) const noexcept { shards_[shard_of(entity)].prefetch(entity); }
  void prefetch_rows(std::size_t key, std::uint64_t entity) const noexcept {
    const detail::Entity* found = shards_[shard_of(entity)].find(entity, key);
    if (found == nullptr) return;
    const detail::WindowShape::Key& shape = shape_.keys[key];
    // A search looks at its guess and at the row before: they may lie on two lines.
    const auto fetch = [&](std::uint32_t place) noexcept {
      __builtin_prefetch(found->row(place, shape.width));
      if (place > 0) __builtin_prefetch(found->row(place - 1, shape.width));
    };
    fetch(found->size);
    for (std::size_t s = 0; s < std::min(shape.spans.size(), detail::Entity::hints); ++s) fetch(found->tails[s]);
  }

  /// Fills out [spans of the key] with the events in [at - span, at). An entity that is not here has none. Only reads.
  /// @pre the entity's lock is held
  void ranges(std::size_t key, std::uint64_t entity, Time at, std::span<WindowRange> out) const noexcept {
    const detail::Entity* found = shards_[shard_of(entity)].find(entity, key);
    if (found == nullptr) {
      std::fill(out.begin(), out.end(), WindowRange{});
      return;
    }
    const detail::WindowShape::Key& shape = shape_.keys[key];
    const std::int64_t now = clamped(at);
    const std::uint32_t last = detail::first_at(*found, shape.width, found->size, now);
    const std::int64_t newest = last == 0 ? 0 : detail::time_at(found->row(last - 1, shape.width));
    for (std::size_t s = 0; s < out.size(); ++s) {
      const std::uint32_t guess = s < detail::Entity::hints ? found->tails[s] : 0;
      const std::uint32_t first = detail::first_at(*found, shape.width, guess, now - shape.spans[s]);
      out[s] = {found->row(first, shape.width), found->row(last, shape.width), last - first, newest};
    }
  }

  /// Puts an event into its entity: its values [values of the key], NaN where missing.
  /// @pre the entity's lock is held
  void feed(std::size_t key, std::uint64_t entity, Time at, std::span<const double> values) noexcept {
    detail::EntityShard& shard = shards_[shard_of(entity)];
    if (at.time_since_epoch() > longest || at.time_since_epoch() < -longest) {
      shard.counters.too_late.add(1);
      return;
    }
    detail::Entity* owner = shard.find_or_make(entity, key, shape_);
    if (owner == nullptr) {
      shard.counters.failed.add(1);
      return;
    }
    const detail::WindowShape::Key& shape = shape_.keys[key];
    const std::int64_t now = at.time_since_epoch().count();
    const std::int64_t newest = owner->size == 0 ? now : detail::time_at(owner->row(owner->size - 1, shape.width));
    if (now < newest - shape_.lateness) {
      shard.counters.too_late.add(1);
      return;
    }
    detail::drop(*owner, detail::first_at(*owner, shape.width, 0, std::max(now, newest) - shape.retention));
    if (!make_room(shard, *owner, now)) return;
    for (const double value : values)
      if (!is_usable(value) && !is_nan(value)) shard.counters.refused.add(1);
    if (now < newest) shard.counters.late.add(1);
    detail::place(*owner, shape, now, values);
    for (std::size_t s = 0; s < std::min(shape.spans.size(), detail::Entity::hints); ++s)
      owner->tails[s] = detail::first_at(*owner, shape.width, owner->tails[s], std::max(now, newest) - shape.spans[s]);
    shard.touch(*owner);
  }

  Counters counters() const noexcept {
    Counters all;
    for (std::size_t s = 0; s < shard_count_; ++s) {
      const detail::EntityShard::Counters& one = shards_[s].counters;
      all.entities += one.entities.value();
      all.evicted += one.evicted.value();
      all.late += one.late.value();
      all.too_late += one.too_late.value();
      all.truncated += one.truncated.value();
      all.refused += one.refused.value();
      all.failed += one.failed.value();
    }
    return all;
  }

  /// Rings that entities outgrew are kept for others, and counted.
  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + shard_count_ * sizeof(detail::EntityShard) + keys_.capacity() * sizeof(Key) +
                        shape_.keys.capacity() * sizeof(detail::WindowShape::Key);
    for (const Key& key : keys_) bytes += key.spans.capacity() * sizeof(Duration) + key.values.capacity() * sizeof(std::uint64_t);
    for (const detail::WindowShape::Key& key : shape_.keys) bytes += key.spans.capacity() * sizeof(std::int64_t);
    for (std::size_t s = 0; s < shard_count_; ++s) bytes += static_cast<std::size_t>(shards_[s].counters.bytes.value());
    return bytes;
  }

  /// Restores into one made by the same feature set, or by one that gained windows since: keys and values that are new begin empty.
  /// Options stay as they are here: with smaller bounds the least recently fed entities and the oldest events go, and are counted.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("EntityWindows", 1);
    if constexpr (Ar::reading) {
      self.read(ar);
    } else {
      self.write(ar);
    }
  }

 private:
  void check_options() const {
    constexpr std::string_view type = "EntityWindows";
    require(type, "max_entities", options_.max_entities, options_.max_entities >= 1 && options_.max_entities <= (std::size_t{1} << 31U),
            "in [1, 2^31]");
    require(type, "max_events_per_entity", options_.max_events_per_entity,
            options_.max_events_per_entity >= 1 && options_.max_events_per_entity <= (std::size_t{1} << 20U), "in [1, 2^20]");
    require(type, "lateness (us)", options_.lateness.count(), options_.lateness >= Duration(0) && options_.lateness <= longest,
            "in [0, 36500 days]");
    require(type, "shards", options_.shards, std::has_single_bit(options_.shards) && options_.shards <= 64, "a power of two up to 64");
  }

  void check_keys() const {
    constexpr std::string_view type = "EntityWindows";
    require(type, "keys", keys_.size(), keys_.size() <= max_keys, "at most 16");
    for (const Key& key : keys_) {
      require(type, "spans of a key", key.spans.size(), key.spans.size() <= max_spans, "at most 16");
      require(type, "values of a key", key.values.size(), key.values.size() <= max_values, "at most 256");
      for (const Duration span : key.spans)
        require(type, "span (us)", span.count(), span > Duration(0) && span <= longest, "in (0, 36500 days]");
    }
  }

  void make_shards() {
    shard_count_ = keys_.empty() ? 1 : options_.shards;
    while (shard_count_ > 1 && options_.max_entities / shard_count_ < 64) shard_count_ /= 2;
    shard_shift_ = static_cast<std::uint32_t>(64 - std::countr_zero(shard_count_));
    shape_.max_entities = static_cast<std::uint32_t>(options_.max_entities / shard_count_);
    shape_.max_events = static_cast<std::uint32_t>(options_.max_events_per_entity);
    shape_.lateness = options_.lateness.count();
    for (const Key& key : keys_) {
      detail::WindowShape::Key shape;
      shape.width = detail::row_width(key.values.size());
      for (const Duration span : key.spans) {
        shape.spans.push_back(span.count());
        shape.retention = std::max(shape.retention, span.count() + shape_.lateness);
      }
      shape_.keys.push_back(std::move(shape));
    }
    shards_ = std::make_unique<detail::EntityShard[]>(shard_count_);
    if (keys_.empty()) return;
    for (std::size_t s = 0; s < shard_count_; ++s) shards_[s].prepare(shape_);
  }

  /// By the high bits; the shard's table goes by the low ones.
  std::size_t shard_of(std::uint64_t entity) const noexcept {
    return shard_count_ == 1 ? 0 : static_cast<std::size_t>(entity >> shard_shift_);
  }

  /// So far that nothing overflows, and beyond every event that is fed.
  static std::int64_t clamped(Time at) noexcept { return std::clamp(at.time_since_epoch(), -2 * longest, 2 * longest).count(); }

  /// False when the event itself is the one that has no place.
  bool make_room(detail::EntityShard& shard, detail::Entity& owner, std::int64_t now) const noexcept {
    if (owner.size + 1 < owner.rows) return true;
    if (owner.size < shape_.max_events && shard.grow(owner, shape_)) return true;
    shard.counters.truncated.add(1);
    if (now < detail::time_at(owner.row(0, shape_.keys[owner.key].width))) return false;
    detail::drop(owner, 1);
    return true;
  }

  /// An entity of rows [size + 1] as they were saved; wider rows have nothing in the values that are new.
  detail::Entity* restore(std::uint64_t hash, std::size_t key, std::span<const std::uint64_t> rows, std::size_t saved_width) noexcept {
    detail::EntityShard& shard = shards_[shard_of(hash)];
    detail::Entity* owner = shard.find_or_make(hash, key, shape_);
    if (owner == nullptr) return nullptr;
    const detail::WindowShape::Key& shape = shape_.keys[key];
    std::size_t events = rows.size() / saved_width - 1;
    const std::size_t beyond = events - std::min<std::size_t>(events, shape_.max_events);
    shard.counters.truncated.add(beyond);
    rows = rows.subspan(beyond * saved_width);
    events -= beyond;
    while (owner->rows < events + 1)
      if (!shard.grow(*owner, shape_)) return nullptr;
    for (std::size_t i = 0; i <= events; ++i) {
      std::uint64_t* row = owner->row(static_cast<std::uint32_t>(i), shape.width);
      std::copy_n(rows.data() + i * saved_width, saved_width, row);
      std::fill(row + saved_width, row + shape.width, 0);
    }
    owner->size = static_cast<std::uint32_t>(events);
    for (std::size_t s = 0; s < std::min(shape.spans.size(), detail::Entity::hints); ++s)
      owner->tails[s] =
          detail::first_at(*owner, shape.width, 0, detail::time_at(owner->row(owner->size - 1, shape.width)) - shape.spans[s]);
    return owner;
  }

  void copy_entity(const detail::Entity& entity, std::size_t width) {
    if (restore(entity.hash, entity.key, detail::rows_of(entity, width), width) == nullptr)
      raise(Error("EntityWindows: no memory for a copy"));
  }

  void set_counters(const Counters& counters) noexcept {
    detail::EntityShard::Counters& first = shards_[0].counters;  // their sum is what counts
    const Counters now = this->counters();
    first.evicted.add(counters.evicted - now.evicted);
    first.late.add(counters.late - now.late);
    first.too_late.add(counters.too_late - now.too_late);
    first.truncated.add(counters.truncated - now.truncated);
    first.refused.add(counters.refused - now.refused);
    first.failed.add(counters.failed - now.failed);
  }

  void write(auto& ar) const {
    ar(static_cast<std::uint64_t>(keys_.size()));
    for (const Key& key : keys_) ar(key.id, key.values);
    const Counters all = counters();
    ar(all.evicted, all.late, all.too_late, all.truncated, all.refused, all.failed, all.entities);
    for (std::size_t s = 0; s < shard_count_; ++s)
      shards_[s].oldest_first(
          [&](const detail::Entity& entity) { ar(entity.hash, entity.key, detail::rows_of(entity, shape_.keys[entity.key].width)); });
  }

  void read(auto& ar) {
    const std::vector<std::size_t> widths = read_keys(ar);
    Counters saved;
    ar(saved.evicted, saved.late, saved.too_late, saved.truncated, saved.refused, saved.failed, saved.entities);
    EntityWindows fresh(keys_, options_);
    for (std::uint64_t i = 0; i < saved.entities; ++i) {
      std::uint64_t hash = 0;
      std::uint16_t key = 0;
      std::vector<std::uint64_t> rows;
      ar(hash, key, rows);
      ar.check(key < widths.size(), "key of an entity");
      ar.check(detail::plausible(rows, widths[key], longest.count()), "events of an entity");
      ar.check(fresh.shards_[fresh.shard_of(hash)].find(hash, key) == nullptr, "entity (twice)");
      if (fresh.restore(hash, key, rows, widths[key]) == nullptr) raise(Error("EntityWindows: no memory for the restored entities"));
    }
    const Counters lost = fresh.counters();  // to bounds that are smaller than they were
    saved.evicted += lost.evicted;
    saved.truncated += lost.truncated;
    fresh.set_counters(saved);
    *this = std::move(fresh);
  }

  /// Width of the saved rows of each saved key. @throws FormatError unless the saved keys and values are the first of those here.
  std::vector<std::size_t> read_keys(auto& ar) const {
    std::uint64_t count = 0;
    ar(count);
    ar.check(count <= keys_.size(), "keys (saved: other windows)");
    std::vector<std::size_t> widths;
    for (std::size_t k = 0; k < count; ++k) {
      std::uint64_t id = 0;
      std::vector<std::uint64_t> values;
      ar(id, values);
      const std::vector<std::uint64_t>& mine = keys_[k].values;
      ar.check(id == keys_[k].id && values.size() <= mine.size() && std::equal(values.begin(), values.end(), mine.begin()),
               "keys (saved: other windows)");
      widths.push_back(detail::row_width(values.size()));
    }
    return widths;
  }

  std::vector<Key> keys_;
  Options options_;
  detail::WindowShape shape_;
  std::size_t shard_count_ = 1;
  std::uint32_t shard_shift_ = 64;
  std::unique_ptr<detail::EntityShard[]> shards_;
};

}  // namespace rtml
