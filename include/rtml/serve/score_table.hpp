#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// A score that was computed beforehand, for an entity (of more than one key, their hash).
struct PrecomputedScore {
  std::uint64_t key = 0;
  float score = 0.0F;
  Time at{};  ///< when it was computed
};

/// Precomputed scores by key, of one job: built in one go, then only read. Open addressing at a load of 1/2 at most, 24 bytes a place: a
/// score is
/// one miss of the cache, or two. Thread safety: `find` from any number of threads.
class ScoreTable {
 public:
  ScoreTable() = default;

  /// Of several scores of one key the newest counts, of equally old ones the last. What is not finite is left out, see refused(). O(n).
  explicit ScoreTable(std::span<const PrecomputedScore> scores) : places_(std::bit_ceil(scores.size() * 2 + 1)) {
    for (const PrecomputedScore& score : scores) {
      if (!is_usable(score.score)) {
        ++refused_;
        continue;
      }
      Place& place = places_[place_of(score.key)];
      if (!place.taken) ++size_;
      if (!place.taken || score.at >= place.at) place = {score.key, score.at, score.score, true};
    }
  }

  struct Found {
    float score = 0.0F;
    Time at{};
    bool present = false;
  };

  Found find(std::uint64_t key) const noexcept {
    if (size_ == 0) return {};
    const Place& place = places_[place_of(key)];
    return {place.score, place.at, place.taken};
  }

  std::size_t size() const noexcept { return size_; }
  std::uint64_t refused() const noexcept { return refused_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + places_.capacity() * sizeof(Place); }

 private:
  struct Place {
    std::uint64_t key = 0;
    Time at{};
    float score = 0.0F;
    bool taken = false;
  };

  /// The key's, or the free one where it would be.
  std::size_t place_of(std::uint64_t key) const noexcept {
    const std::size_t mask = places_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash_integer(key)) & mask;
    while (places_[at].taken && places_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  std::vector<Place, HugePageAllocator<Place>> places_;
  std::size_t size_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
