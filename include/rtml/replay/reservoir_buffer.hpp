#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/example_arena.hpp"

namespace rtml {

/// A uniform sample of all examples ever added: each is in it with probability capacity / seen.
///
/// Allocates in bind(); `add` is O(d + nnz), one random number, never allocates.
/// Source: J. S. Vitter, "Random sampling with a reservoir", ACM TOMS 11 (1985), 37-57, algorithm R.
class ReservoirBuffer {
 public:
  struct Options {
    std::size_t capacity = 10'000;  ///< examples, in [1, 2^32)
    std::size_t max_sparse = 64;    ///< hashed features an example, unless bind() asks for more; one with more is refused
    std::uint64_t seed = 0;
  };

  ReservoirBuffer() : ReservoirBuffer(Options{}) {}

  /// @throws ConfigError
  explicit ReservoirBuffer(const Options& options) : arena_("ReservoirBuffer", options.capacity, options.max_sparse), rng_(options.seed) {}

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) { arena_.bind("ReservoirBuffer", schema, sparse); }

  /// Weight 0 does nothing; what is not usable, does not fit, or comes before bind() is refused and counted.
  void add(const Features& x, float y, float weight = 1.0F, Time at = {}) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight)) {
      ++refused_;
      return;
    }
    ++seen_;
    if (size_ < capacity()) {
      arena_.put(size_++, x, y, weight, at);
    } else if (const std::uint64_t place = rng_.below(seen_); place < size_) {
      arena_.put(static_cast<std::size_t>(place), x, y, weight, at);
    }
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return arena_.capacity(); }

  /// In no particular order. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(i); }

  /// Any of them, equally likely. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return arena_.at(static_cast<std::size_t>(rng.below(size_))); }

  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept { return seen_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept { size_ = 0, seen_ = 0, refused_ = 0; }

  /// A uniform sample of both streams, which must not share examples: how many come from each side is drawn as if from all that both saw.
  /// @throws ConfigError unless both have one capacity; SchemaError unless both are bound to equal schemas.
  void merge(const ReservoirBuffer& other) {
    require("ReservoirBuffer", "capacity", other.capacity(), other.capacity() == capacity(), "the same to merge");
    if (other.size_ == 0) {
      refused_ += other.refused_;
      return;
    }
    if (!arena_.is_bound()) bind(other.schema());
    schema().require_equal(other.schema(), "ReservoirBuffer");

    std::vector<std::size_t> mine = places(size_);
    std::vector<std::size_t> theirs = places(other.size_);
    std::uint64_t left_here = seen_;
    std::uint64_t left_there = other.seen_;
    detail::ExampleArena merged("ReservoirBuffer", capacity(), arena_.max_sparse());
    merged.bind("ReservoirBuffer", schema(), arena_.max_sparse());
    std::size_t count = 0;
    while (count < capacity() && left_here + left_there > 0) {
      const bool from_here = rng_.below(left_here + left_there) < left_here;
      (from_here ? left_here : left_there) -= 1;
      const Example row = from_here ? arena_.at(drawn(mine)) : other.arena_.at(drawn(theirs));
      merged.put(count++, row.x, row.y, row.weight, row.at);
    }
    arena_ = std::move(merged);
    size_ = count;
    seen_ += other.seen_;
    refused_ += other.refused_;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + arena_.heap_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ReservoirBuffer", 1);
    ar(self.rng_, self.seen_, self.refused_);
    std::size_t count = self.size_;
    detail::ExampleArena::archive(self.arena_, ar, count, [](std::size_t i) { return i; });
    ar.check(count == std::min<std::uint64_t>(self.seen_, self.capacity()), "number of examples seen");
    if constexpr (Ar::reading) self.size_ = count;
  }

 private:
  static std::vector<std::size_t> places(std::size_t count) {
    std::vector<std::size_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = i;
    return all;
  }

  /// Takes one of `places` out, equally likely. At most capacity() are ever asked of one side, and it has them or all that it saw.
  std::size_t drawn(std::vector<std::size_t>& places) noexcept {
    std::swap(places[static_cast<std::size_t>(rng_.below(places.size()))], places.back());
    const std::size_t place = places.back();
    places.pop_back();
    return place;
  }

  detail::ExampleArena arena_;
  Rng rng_;
  std::size_t size_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
