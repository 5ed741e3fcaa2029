#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/class_places.hpp"
#include "rtml/replay/example_arena.hpp"

namespace rtml {

/// Keeps as many examples of a rare class as of a frequent one, as far as there are any: of each class a uniform sample of what was seen.
/// Labels are classes 0, 1, ... below `max_classes`; they need not be known beforehand. While a class is rarer than its share, all its
/// examples are here, and the others fill the rest.
///
/// Allocates in the constructor and in bind(); `add` is O(d + nnz + max_classes), never allocates.
/// Source: A. Chrysakis, M.-F. Moens, "Online continual learning from imbalanced data", ICML 2020, algorithm 1 (CBRS).
class ClassBalancedBuffer {
 public:
  struct Options {
    std::size_t capacity = 10'000;  ///< examples of all classes together, in [1, 2^32)
    std::size_t max_classes = 32;   ///< in [1, 65536]; labels from here on are refused
    std::size_t max_sparse = 64;    ///< hashed features an example, unless bind() asks for more; one with more is refused
    std::uint64_t seed = 0;
  };

  ClassBalancedBuffer() : ClassBalancedBuffer(Options{}) {}

  /// @throws ConfigError
  explicit ClassBalancedBuffer(const Options& options)
      : arena_("ClassBalancedBuffer", options.capacity, options.max_sparse), rng_(options.seed), places_(1, 1) {
    require("ClassBalancedBuffer", "max_classes", options.max_classes, options.max_classes >= 1 && options.max_classes <= 65536,
            "in [1, 65536]");
    seen_.resize(options.max_classes);
    was_largest_.resize(options.max_classes);
    places_ = detail::ClassPlaces(options.capacity, options.max_classes);
  }

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) { arena_.bind("ClassBalancedBuffer", schema, sparse); }

  /// Weight 0 does nothing; what is not usable, does not fit, has no class for a label, or comes before bind() is refused and counted.
  void add(const Features& x, float y, float weight = 1.0F, Time at = {}) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight) || !detail::is_class(y, max_classes())) {
      ++refused_;
      return;
    }
    const auto label = static_cast<std::size_t>(y);
    ++seen_[label];
    if (size() < capacity()) {
      arena_.put(places_.take(label), x, y, weight, at);
      return;
    }
    const std::size_t from = places_.largest();
    if (count(label) == count(from)) was_largest_[label] = 1;
    if (was_largest_[label] == 0) {
      was_largest_[from] = 1;
      const auto any = static_cast<std::size_t>(rng_.below(count(from)));
      arena_.put(places_.hand_over(from, any, label), x, y, weight, at);
    } else if (const std::uint64_t i = rng_.below(seen_[label]); i < count(label)) {
      arena_.put(places_.of(label, static_cast<std::size_t>(i)), x, y, weight, at);
    }
  }

  std::size_t size() const noexcept { return places_.size(); }
  std::size_t capacity() const noexcept { return arena_.capacity(); }

  /// Class by class. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(places_[i]); }

  /// Any of them, equally likely: balanced as far as the classes are. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return at(static_cast<std::size_t>(rng.below(size()))); }

  std::size_t max_classes() const noexcept { return places_.classes(); }

  /// Examples of a class that are here. @pre label < max_classes()
  std::size_t count(std::size_t label) const noexcept { return places_.count(label); }

  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept { return std::accumulate(seen_.begin(), seen_.end(), std::uint64_t{0}); }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept {
    std::fill(seen_.begin(), seen_.end(), 0);
    std::fill(was_largest_.begin(), was_largest_.end(), std::uint8_t{0});
    places_.clear();
    refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + arena_.heap_bytes() + seen_.capacity() * sizeof(std::uint64_t) + was_largest_.capacity() + places_.heap_bytes();
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ClassBalancedBuffer", 1);
    const std::size_t classes = self.max_classes();
    std::size_t rows = self.size();
    ar(self.rng_, self.seen_, self.was_largest_, self.places_, self.refused_);
    ar.check(self.seen_.size() == classes && self.was_largest_.size() == classes, "max_classes (saved: another one)");
    // Row by row in the order of at(): which place in the arena a row has, nobody can tell.
    detail::ExampleArena::archive(self.arena_, ar, rows, [&](std::size_t i) { return self.places_[i]; });
    if constexpr (Ar::reading) ar.check(rows == self.size() && self.is_consistent(), "classes");
  }

 private:
  bool is_consistent() const noexcept {
    for (std::size_t label = 0; label < max_classes(); ++label) {
      if (was_largest_[label] > 1) return false;
      if (was_largest_[label] == 0 ? count(label) != seen_[label] : count(label) > seen_[label]) return false;
      for (std::size_t k = 0; k < count(label); ++k)
        if (arena_.label(places_.of(label, k)) != static_cast<float>(label)) return false;
    }
    return true;
  }

  detail::ExampleArena arena_;
  Rng rng_;
  std::vector<std::uint64_t> seen_;        // [max_classes]
  std::vector<std::uint8_t> was_largest_;  // [max_classes]: "full" in the paper, and so for good
  detail::ClassPlaces places_;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
