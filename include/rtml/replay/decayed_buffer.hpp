#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/replay/example_arena.hpp"

namespace rtml {

/// A sample of all examples ever added, in which one that is a half-life older than another (by event time) weighs half as much: drawn
/// without replacement, so that with room for one an example is in it with probability 2^(-age / half-life) over the sum of those of all.
/// Late examples count by when they happened. Without event times (all the same) it is a uniform sample.
///
/// Allocates in the constructor and in bind(); `add` is O(d + nnz + log capacity) of what is taken, one random number and one logarithm of
/// what is not, never allocates.
/// Source: P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97 (2006), A-Res,
/// with keys ln(weight) - ln(-ln(u)) in place of u^(1/weight): the same order, and nothing overflows. Weights grow with event time instead
/// of fading with age, which gives the same shares: G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu, "Forward decay", ICDE 2009. The jumps
/// of A-ExpJ would save nothing: at a steady rate newer examples always weigh enough to come in.
class DecayedBuffer {
 public:
  struct Options {
    std::size_t capacity = 10'000;  ///< examples, in [1, 2^32)
    Duration half_life = days(30);  ///< of event time, >= 1 ms
    std::size_t max_sparse = 64;    ///< hashed features an example, unless bind() asks for more; one with more is refused
    std::uint64_t seed = 0;
  };

  DecayedBuffer() : DecayedBuffer(Options{}) {}

  /// @throws ConfigError
  explicit DecayedBuffer(const Options& options)
      : arena_("DecayedBuffer", options.capacity, options.max_sparse), half_life_(options.half_life), rng_(options.seed) {
    require("DecayedBuffer", "half_life", half_life_.count(), half_life_ >= std::chrono::milliseconds(1), ">= 1000 us");
    keys_.resize(options.capacity);
    heap_.resize(options.capacity);
  }

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) { arena_.bind("DecayedBuffer", schema, sparse); }

  /// Weight 0 does nothing; what is not usable, does not fit, or comes before bind() is refused and counted.
  void add(const Features& x, float y, float weight, Time at) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight)) {
      ++refused_;
      return;
    }
    ++seen_;
    const double u = (static_cast<double>(rng_() >> 11U) + 0.5) * 0x1.0p-53;  // never 0 or 1
    offer(log_weight(at) - std::log(-std::log(u)), {x, y, weight, at});
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return arena_.capacity(); }
  Duration half_life() const noexcept { return half_life_; }

  /// In no particular order. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(i); }

  /// Any of them, equally likely. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return arena_.at(static_cast<std::size_t>(rng.below(size_))); }

  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept { return seen_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept { size_ = 0, seen_ = 0, refused_ = 0; }

  /// The sample of both streams, which must not share examples nor seeds: the largest keys of both.
  /// @throws ConfigError unless both have one capacity and half-life; SchemaError unless both are bound to equal schemas.
  void merge(const DecayedBuffer& other) {
    require("DecayedBuffer", "capacity", other.capacity(), other.capacity() == capacity(), "the same to merge");
    require("DecayedBuffer", "half_life", other.half_life_.count(), other.half_life_ == half_life_, "the same to merge");
    if (other.size_ > 0) {
      if (!arena_.is_bound()) bind(other.schema());
      schema().require_equal(other.schema(), "DecayedBuffer");
    }
    for (std::size_t i = 0; i < other.size_; ++i) offer(other.keys_[i], other.at(i));
    seen_ += other.seen_;
    refused_ += other.refused_;
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + arena_.heap_bytes() + keys_.capacity() * sizeof(double) + heap_.capacity() * sizeof(std::uint32_t);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DecayedBuffer", 1);
    Duration half_life = self.half_life_;
    ar(half_life);
    ar.check(half_life == self.half_life_, "half_life (saved: another one)");
    ar(self.rng_, self.seen_, self.refused_);
    std::size_t count = self.size_;
    detail::ExampleArena::archive(self.arena_, ar, count, [](std::size_t i) { return i; });
    ar.check(count == std::min<std::uint64_t>(self.seen_, self.capacity()), "number of examples seen");
    for (std::size_t i = 0; i < count; ++i) {
      ar(self.keys_[i]);
      ar.check(is_finite(self.keys_[i]), "key");
    }
    if constexpr (Ar::reading) {
      self.size_ = count;
      std::iota(self.heap_.begin(), self.heap_.end(), 0U);
      std::make_heap(self.heap_.begin(), self.heap_end(), self.larger_key());
    }
  }

 private:
  /// ln of 2^(time / half-life).
  double log_weight(Time at) const noexcept {
    constexpr double ln2 = 0.6931471805599453;
    return ln2 * static_cast<double>(to_unix_micros(at)) / static_cast<double>(half_life_.count());
  }

  /// For the order of the heap: its first is the place with the smallest key; of equal keys, which damaged archives may hold, the last
  /// place.
  auto larger_key() const noexcept {
    return [this](std::uint32_t a, std::uint32_t b) { return std::pair(keys_[a], b) > std::pair(keys_[b], a); };
  }
  auto heap_end() noexcept { return heap_.begin() + static_cast<std::ptrdiff_t>(size_); }

  void offer(double key, const Example& example) noexcept {
    std::uint32_t place = 0;
    if (size_ < capacity()) {
      place = static_cast<std::uint32_t>(size_++);
    } else {
      place = heap_[0];
      if (!(key > keys_[place])) return;
      std::pop_heap(heap_.begin(), heap_end(), larger_key());
    }
    arena_.put(place, example.x, example.y, example.weight, example.at);
    keys_[place] = key;
    *(heap_end() - 1) = place;
    std::push_heap(heap_.begin(), heap_end(), larger_key());
  }

  detail::ExampleArena arena_;
  Duration half_life_;
  Rng rng_;
  std::vector<double> keys_;         // [capacity], by place
  std::vector<std::uint32_t> heap_;  // [capacity]: the places of what is here, as a heap
  std::size_t size_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
