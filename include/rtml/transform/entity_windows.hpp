#pragma once

#include <algorithm>
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
#include "rtml/transform/detail/entity_feed.hpp"
#include "rtml/transform/detail/entity_shard.hpp"
#include "rtml/transform/detail/window_archive.hpp"
#include "rtml/transform/detail/window_plan.hpp"
#include "rtml/transform/window_options.hpp"

namespace rtml {

/// The past of each entity, from which the windows of one feature set are answered. Made by FeatureSet::make_windows.
///
/// Exact windows keep the entity's events, hopping and sawtooth windows its tiles: what the events of one hop come to. Either lie in a tree
/// of partial aggregates, so that a window of n events or tiles costs O(log n) to read and to feed, in order or late, and nothing is added
/// up again; but quantiles and most frequent values of exact windows are read from the events, in O(n). All windows of one key and hop share
/// the tree. What fades is two numbers.
///
/// A window of an event at time t ends before t: it holds never the event itself, none of the same time, none later, even when events come
/// late: those are answered as of their own time, put into their place and counted.
///
/// An entity is the 64-bit hash of its key: integer keys never meet; of n text keys two share their windows with probability n^2 / 2^65.
/// The bounds hold whatever comes: of too many entities the least recently fed goes (evicted), as does one that got nothing for
/// `time_to_live` (expired); an entity with too many events or tiles loses the oldest early (truncated); an event that is older than the
/// entity's newest by more than `lateness` is not fed (too_late), nor one from a future that nobody else has seen (ahead).
///
/// Threads: what reads or feeds an entity holds its lock (FeatureSet::lock); `counters` and `memory_bytes` may be called from anywhere;
/// copying, merging and archiving want `lock_all` or no other user. Allocates only while there are more entities or events than ever
/// before, and what cannot be allocated is not fed (failed). One that was moved from may only be assigned to or destroyed.
class EntityWindows {
 public:
  using Options = WindowOptions;
  using Counters = WindowCounters;
  using Key = WindowKey;

  static constexpr std::size_t max_keys = 16;
  static constexpr std::size_t max_values = 256;
  static constexpr std::size_t max_columns = 8192;
  static constexpr Duration longest = Options::longest;

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

  EntityWindows(std::vector<Key> keys, Options options) : keys_(std::move(keys)), options_(std::move(options)) {
    detail::check(options_);
    check_keys();
    make_shards();
  }

  EntityWindows(const EntityWindows& other) : EntityWindows(other.keys_, other.options_) {
    add_entities(other, all_entities);
    for (std::size_t s = 0; s < shard_count_; ++s) shards_[s].watermark = other.shards_[s].watermark;
    shards_[0].counters.add(other.counters());  // their sum is what counts
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

  /// Reading an entity is two cache misses, one after the other: itself, its blocks. These fetch ahead: the first at any time, early; the
  /// second when the entity's lock is held, some time before `read`.
  [[gnu::always_inline]] void prefetch(std::uint64_t entity) const noexcept { shards_[shard_of(entity)].prefetch(entity); }
  [[gnu::always_inline]] void prefetch_cells(std::size_t key, std::uint64_t entity) const noexcept {
    const detail::EntityShard& shard = shards_[shard_of(entity)];
    const detail::Entity* found = shard.find(entity, key);
    if (found == nullptr) return;
    shard.prefetch_neighbours(*found);
    detail::prefetch(*found, shape_.keys[key]);
  }

  /// Writes the key's windows as of `at` into their places in `out`, which is as long as the columns of all keys. An entity that is not
  /// here has no events. Only reads.
  /// @pre the entity's lock is held
  void read(std::size_t key, std::uint64_t entity, Time at, std::span<float> out) const noexcept {
    const std::int64_t now = clamped(at);
    const detail::Entity* found = shards_[shard_of(entity)].find(entity, key);
    if (found != nullptr && now - found->newest > shape_.time_to_live) found = nullptr;
    readers_[key].read(shape_.keys[key], found, now, out);
  }
  /// The same of an event that belongs to no entity.
  void read_none(std::size_t key, Time at, std::span<float> out) const noexcept {
    readers_[key].read(shape_.keys[key], nullptr, clamped(at), out);
  }

  /// Puts an event into its entity: its values [values of the key], the bits of doubles, NaN where missing; of what is counted by
  /// distinct() its hash, 0 where missing.
  /// @pre the entity's lock is held
  void feed(std::size_t key, std::uint64_t entity, Time at, std::span<const std::uint64_t> values) noexcept {
    detail::EntityShard& shard = shards_[shard_of(entity)];
    if (at.time_since_epoch() > longest || at.time_since_epoch() < -longest) {
      return refuse(shard.counters.too_late, {RefusedEvent::Reason::too_late, key, entity, at, shard.watermark.now()});
    }
    const Time reached = shard.watermark.advance(at);
    if (options_.max_skew < longest && at > reached)
      return refuse(shard.counters.ahead, {RefusedEvent::Reason::ahead, key, entity, at, reached});
    const std::int64_t now = at.time_since_epoch().count();
    if (options_.time_to_live < longest) {
      shard.expire(reached.time_since_epoch().count() - shape_.time_to_live - shape_.lateness, shape_);  // a late one may want it
      shard.expire(entity, key, now - shape_.time_to_live, shape_);  // what has gone stays so, whatever else lies in the shard
    }
    detail::Entity* owner = shard.find_or_make(entity, key, shape_);
    if (owner == nullptr) return;
    if (owner->fed && now < owner->newest) {
      if (now < owner->newest - shape_.lateness)
        return refuse(shard.counters.too_late, {RefusedEvent::Reason::too_late, key, entity, at, Time(Duration(owner->newest))});
      shard.counters.late.add(1);
    }
    count_refused(shard, key, values);
    detail::EntityFeed(shard, *owner, shape_).add(now, values.data());
    shard.touch(*owner);
  }

  Counters counters() const noexcept {
    Counters all;
    for (std::size_t s = 0; s < shard_count_; ++s) all += shards_[s].counted();
    return all;
  }

  /// Blocks that entities outgrew are kept for others, and counted.
  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + shard_count_ * sizeof(detail::EntityShard) + keys_.capacity() * sizeof(Key);
    for (const Key& key : keys_)
      bytes +=
          key.windows.capacity() * (sizeof(WindowColumn) + sizeof(detail::WindowAnswer)) + key.values.capacity() * sizeof(std::uint64_t);
    for (std::size_t s = 0; s < shard_count_; ++s)
      bytes += static_cast<std::size_t>(shards_[s].counters.bytes.value() + shards_[s].blocks.bytes.value());
    return bytes;
  }

  /// Adds the entities of other partitions of the stream: what both have is as if one had been fed with both. Counters are added up.
  /// @pre nobody else uses either
  /// @throws SchemaError unless both were made by one feature set
  void merge(const EntityWindows& other) {
    if (&other == this) return merge(EntityWindows(other));
    if (!same_keys(other)) raise(SchemaError("EntityWindows: merged with those of another feature set"));
    add_entities(other, all_entities);
    reach(other.latest());
    shards_[0].counters.add(other.counters());  // their sum is what counts
  }

  /// The entity's partition among so many, the same in every process and build: its mixed hash, scaled into the range.
  static constexpr std::size_t partition_of(std::uint64_t entity, std::size_t partitions) noexcept {
    return static_cast<std::size_t>(((hash_integer(entity) >> 32U) * partitions) >> 32U);
  }

  /// The entities of one partition alone, to be saved and brought elsewhere: with the time that was reached, without counters. O(entities).
  /// @pre nobody else uses it
  /// @throws ConfigError
  EntityWindows partition(std::size_t number, std::size_t partitions) const {
    check_partition(number, partitions);
    return filtered([=](std::uint64_t entity) { return partition_of(entity, partitions) == number; });
  }

  /// Lets the entities of a partition go, which was brought elsewhere. Counters stay.
  /// @pre nobody else uses it, or lock_all() is held
  /// @throws ConfigError
  void drop_partition(std::size_t number, std::size_t partitions) {
    check_partition(number, partitions);
    std::vector<std::pair<std::uint64_t, std::size_t>> leaving;
    for (std::size_t s = 0; s < shard_count_; ++s) {
      leaving.clear();
      shards_[s].oldest_first([&](const detail::Entity& entity) {
        if (partition_of(entity.hash, partitions) == number) leaving.emplace_back(entity.hash, entity.key);
      });
      for (const auto& entity : leaving) shards_[s].release(entity.first, entity.second, shape_);
    }
  }

  /// Takes entities that were exported. What it had stays as it was; one that is here already is refused, and then nothing is taken: fed
  /// twice it would count twice. After all partitions it answers as the one that they were exported from. Among entities of several partitions
  /// the order of their last events is lost: too many, those that came first go first.
  /// @pre nobody else uses either, or lock_all() is held
  /// @throws SchemaError unless both were made by one feature set; ConfigError for an entity that is here
  void import_partition(const EntityWindows& exported) {
    if (!same_keys(exported)) raise(SchemaError("EntityWindows: a partition of another feature set"));
    for (std::size_t s = 0; s < exported.shard_count_; ++s)
      exported.shards_[s].oldest_first([&](const detail::Entity& entity) {
        const bool here = shards_[shard_of(entity.hash)].find(entity.hash, entity.key) != nullptr;
        require("EntityWindows", "entity of the partition", entity.hash, !here, "one that is not here already");
      });
    add_entities(exported, all_entities);
    reach(exported.latest());
  }

  /// Restores into one made by the same feature set, or by one that gained windows since: keys and values that are new begin empty, and so
  /// do new sums over tiles. Options stay as they are here: with smaller bounds entities (of as many shards the least recently fed) and
  /// the oldest events go, and are counted.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("EntityWindows", 2);
    ar.check(version == 2, "format version (1 was never released)");
    if constexpr (Ar::reading) {
      self.read_archive(ar);
    } else {
      self.write_archive(ar);
    }
  }

 private:
  void check_keys() const {
    constexpr std::string_view type = "EntityWindows";
    require(type, "keys", keys_.size(), keys_.size() <= max_keys, "at most 16");
    for (const Key& key : keys_) {
      require(type, "values of a key", key.values.size(), key.values.size() <= max_values, "at most 256");
      require(type, "hop (us)", key.hop.count(), key.hop >= Duration(0) && key.hop <= longest, "in [0, 36500 days]");
      for (const WindowColumn& window : key.windows) {
        require(type, "span (us)", window.span.count(), window.span > Duration(0) && window.span <= longest, "in (0, 36500 days]");
        require(type, "span (us)", window.span.count(), window.fading || window.span >= key.hop, "a hop at least");
      }
    }
  }

  void make_shards() {
    shard_count_ = keys_.empty() ? 1 : options_.shards;
    while (shard_count_ > 1 && options_.max_entities / shard_count_ < 64) shard_count_ /= 2;
    shard_shift_ = static_cast<std::uint32_t>(64 - std::countr_zero(shard_count_));
    shape_.max_entities = static_cast<std::uint32_t>(options_.max_entities / shard_count_);
    shape_.max_cells = static_cast<std::uint32_t>(options_.max_events_per_entity);
    shape_.lateness = options_.lateness.count();
    shape_.time_to_live = options_.time_to_live == longest ? 4 * longest.count() : options_.time_to_live.count();
    shape_.largest_step = std::min<Duration>(options_.max_skew, days(2)).count();
    for (const Key& key : keys_) {
      detail::WindowPlan plan(key, shape_.lateness);
      shape_.keys.push_back(std::move(plan.shape));
      readers_.push_back(std::move(plan.reader));
    }
    shape_.lay_out();
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

  void refuse(detail::WindowCounter& counter, const RefusedEvent& event) const noexcept {
    counter.add(1);
    if (options_.on_refused) options_.on_refused(event);
  }

  void count_refused(detail::EntityShard& shard, std::size_t key, std::span<const std::uint64_t> values) const noexcept {
    for (std::size_t v = 0; v < values.size(); ++v) {
      const auto number = std::bit_cast<double>(values[v]);
      if (!is_usable(number) && !is_nan(number) && !shape_.keys[key].hashed(v)) shard.counters.refused.add(1);
    }
  }

  Time latest() const noexcept {
    Time latest = shards_[0].watermark.now();
    for (std::size_t s = 1; s < shard_count_; ++s) latest = std::max(latest, shards_[s].watermark.now());
    return latest;
  }

  bool same_keys(const EntityWindows& other) const noexcept {
    if (keys_.size() != other.keys_.size()) return false;
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      const detail::WindowShape::Key& mine = shape_.keys[k];
      const detail::WindowShape::Key& theirs = other.shape_.keys[k];
      if (keys_[k].id != other.keys_[k].id || keys_[k].values != other.keys_[k].values) return false;
      if (mine.hop != theirs.hop || mine.layout.slots != theirs.layout.slots || mine.fadings != theirs.fadings ||
          mine.keeps_cells != theirs.keeps_cells)
        return false;
    }
    return true;
  }

  static constexpr bool all_entities(std::uint64_t /*entity*/) noexcept { return true; }

  static void check_partition(std::size_t number, std::size_t partitions) {
    require("EntityWindows", "partitions", partitions, partitions >= 1 && partitions <= std::size_t{1} << 20U, "in [1, 2^20]");
    require("EntityWindows", "partition", number, number < partitions, "less than their number");
  }

  void reach(Time at) noexcept {
    for (std::size_t s = 0; s < shard_count_; ++s)
      if (at > shards_[s].watermark.now()) shards_[s].watermark.advance(at);
  }

  template <class Keep>
  EntityWindows filtered(Keep keep) const {
    EntityWindows kept(keys_, options_);
    kept.add_entities(*this, keep);
    for (std::size_t s = 0; s < shard_count_; ++s) kept.shards_[s].watermark = shards_[s].watermark;
    return kept;
  }

  template <class Keep>
  void add_entities(const EntityWindows& other, Keep keep) {
    const std::uint64_t failed = counters().failed;
    for (std::size_t s = 0; s < other.shard_count_; ++s)
      other.shards_[s].oldest_first([&](const detail::Entity& entity) {
        if (!keep(entity.hash)) return;
        detail::EntityShard& shard = shards_[shard_of(entity.hash)];
        shard.expire(entity.hash, entity.key, entity.newest - shape_.time_to_live, shape_);
        detail::Entity* mine = shard.find_or_make(entity.hash, entity.key, shape_);
        if (mine == nullptr) raise(Error("EntityWindows: no memory for the entities of another"));
        if (mine->fed && entity.newest < mine->newest - shape_.time_to_live) return shard.counters.expired.add(1);
        detail::merge_entity(shard, *mine, entity, shape_);
        shard.touch(*mine);
      });
    if (counters().failed != failed) raise(Error("EntityWindows: no memory for the events of another"));
  }

  void write_archive(auto& ar) const {
    ar(static_cast<std::uint64_t>(keys_.size()));
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      ar(keys_[k].id, keys_[k].values);
      detail::archive_shape(shape_.keys[k], ar);
    }
    std::vector<Watermark> watermarks;
    for (std::size_t s = 0; s < shard_count_; ++s) watermarks.push_back(shards_[s].watermark);
    ar(watermarks, counters());
    for (std::size_t s = 0; s < shard_count_; ++s)
      shards_[s].oldest_first([&](const detail::Entity& entity) {
        ar(entity.hash, entity.key, entity.newest, detail::words_of_entity(shape_.keys[entity.key], entity));
      });
  }

  void read_archive(auto& ar) {
    const std::vector<detail::WindowShape::Key> saved_keys = detail::read_keys(ar, keys_, shape_);
    std::vector<Watermark> watermarks;
    Counters saved;
    ar(watermarks, saved);
    ar.check(!watermarks.empty() && watermarks.size() <= 64, "watermarks");
    EntityWindows fresh(keys_, options_);
    fresh.restore_watermarks(watermarks);
    for (std::uint64_t i = 0; i < saved.entities; ++i) {
      std::uint64_t hash = 0;
      std::uint16_t key = 0;
      std::int64_t newest = 0;
      std::vector<std::uint64_t> words;
      ar(hash, key, newest, words);
      ar.check(key < saved_keys.size(), "key of an entity");
      ar.check(newest <= longest.count() && newest >= -longest.count(), "time of an entity");
      detail::EntityShard& shard = fresh.shards_[fresh.shard_of(hash)];
      ar.check(shard.find(hash, key) == nullptr, "entity (twice)");
      detail::Entity* made = shard.find_or_make(hash, key, fresh.shape_);
      if (made == nullptr) raise(Error("EntityWindows: no memory for the restored entities"));
      const std::string_view broken = detail::restore_entity(shard, *made, newest, words, saved_keys[key], fresh.shape_);
      ar.check(broken.empty(), broken);
    }
    if (fresh.counters().failed > 0) raise(Error("EntityWindows: no memory for the restored events"));
    fresh.shards_[0].counters.add(saved);
    *this = std::move(fresh);
  }

  void restore_watermarks(const std::vector<Watermark>& saved) noexcept {
    const auto later = [](const Watermark& a, const Watermark& b) { return a.now() < b.now(); };
    const Watermark latest = *std::max_element(saved.begin(), saved.end(), later);
    for (std::size_t s = 0; s < shard_count_; ++s)
      shards_[s].watermark.restore(saved.size() == shard_count_ ? saved[s] : latest);  // with other shards, the latest
  }

  std::vector<Key> keys_;
  Options options_;
  detail::WindowShape shape_;
  std::vector<detail::WindowReader> readers_;  // [keys]
  std::size_t shard_count_ = 1;
  std::uint32_t shard_shift_ = 64;
  std::unique_ptr<detail::EntityShard[]> shards_;
};

}  // namespace rtml
