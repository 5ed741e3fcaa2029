#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"

namespace rtml::ab {

/// One version under test, and its share of the units.
struct Arm {
  std::string name;
  double weight = 1.0;  ///< >= 0, relative to the others

  friend bool operator==(const Arm&, const Arm&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.weight);
  }
};

/// Which arm a unit (a user, a card, a device) belongs to: always the same one, with no state per unit.
///
/// A unit's place is the upper half of a 64-bit hash under the experiment's salt, hash_integer for integers and hash_bytes (XXH64) for
/// bytes, seeded with hash_bytes(salt); each arm owns ranges of places. These bits never change: tests/ab/router_test.cpp keeps vectors.
/// Integer 7 and text "7" are two units. route() is O(ranges), allocates nothing, and may run in any number of threads; reweight() is for
/// one, while nobody routes.
class Router {
 public:
  static constexpr std::uint64_t places = std::uint64_t{1} << 32U;
  static constexpr std::size_t max_arms = 1024;

  /// @throws ConfigError unless there are arms of unique names and weights >= 0 that do not sum to 0.
  explicit Router(std::vector<Arm> arms, std::string_view salt = {}) : arms_(std::move(arms)), seed_(hash_bytes(salt)) {
    require("Router", "arms", arms_.size(), !arms_.empty() && arms_.size() <= max_arms, "in [1, 1024]");
    for (const Arm& arm : arms_) require("Router", "arm", arm.name, is_first_of_its_name(arm), "named once");
    check_weights(arms_);
    const std::vector<std::uint64_t> shares = shares_of(arms_);
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) append(ranges_, shares[arm], arm);
  }

  std::span<const Arm> arms() const noexcept { return arms_; }

  /// The index of the arm called `name`, or arms().size().
  std::size_t find(std::string_view name) const noexcept {
    std::size_t arm = 0;
    while (arm < arms_.size() && arms_[arm].name != name) ++arm;
    return arm;
  }

  std::size_t route(std::uint64_t unit) const noexcept { return arm_at(hash_integer(unit, seed_) >> 32U); }
  std::size_t route(std::string_view unit) const noexcept { return arm_at(hash_bytes(unit, seed_) >> 32U); }

  /// Moves as few units as the new weights allow, and returns the share of all that changes arm: what arm i yields to a later one comes
  /// from the end of its ranges, to an earlier one from their beginning, so that a ramp taken back returns the same units.
  /// @throws ConfigError unless there is a weight for each arm, >= 0, not all 0.
  double reweight(std::span<const double> weights) {
    require("Router", "weights", weights.size(), weights.size() == arms_.size(), "one for each arm");
    std::vector<Arm> arms = arms_;
    for (std::size_t arm = 0; arm < arms.size(); ++arm) arms[arm].weight = weights[arm];
    check_weights(arms);
    const std::vector<std::uint64_t> wanted = shares_of(arms);
    std::vector<std::uint64_t> owned = owned_shares(ranges_, arms.size());
    std::uint64_t moved = 0;
    for (std::size_t from = 0; from < arms.size(); ++from)
      for (std::size_t to = 0; to < arms.size() && owned[from] > wanted[from]; ++to) {
        if (owned[to] >= wanted[to]) continue;
        const std::uint64_t amount = std::min(owned[from] - wanted[from], wanted[to] - owned[to]);
        move(from, to, amount);
        owned[from] -= amount;
        owned[to] += amount;
        moved += amount;
      }
    arms_ = std::move(arms);
    return static_cast<double>(moved) / static_cast<double>(places);
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + arms_.capacity() * sizeof(Arm) + ranges_.capacity() * sizeof(Range);
    for (const Arm& arm : arms_) bytes += arm.name.capacity();
    return bytes;
  }

  friend bool operator==(const Router&, const Router&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Router", 1);
    ar(self.arms_, self.seed_, self.ranges_);
    if constexpr (Ar::reading) {
      ar.check(!self.arms_.empty() && self.arms_.size() <= max_arms && are_weights(self.arms_), "arms");
      for (const Arm& arm : self.arms_) ar.check(self.is_first_of_its_name(arm), "arm names");
      std::uint64_t last = 0;
      for (const Range& range : self.ranges_) {
        ar.check(range.arm < self.arms_.size() && range.end > last, "ranges");
        last = range.end;
      }
      ar.check(last == places, "ranges");
    }
  }

 private:
  /// Places from the end of the range before up to `end`.
  struct Range {
    std::uint64_t end = 0;
    std::uint32_t arm = 0;

    friend bool operator==(const Range&, const Range&) = default;

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.end, self.arm);
    }
  };

  std::size_t arm_at(std::uint64_t place) const noexcept {
    std::size_t i = 0;
    while (place >= ranges_[i].end) ++i;  // the last range ends beyond every place
    return ranges_[i].arm;
  }

  bool is_first_of_its_name(const Arm& arm) const noexcept { return &arms_[find(arm.name)] == &arm; }

  static bool are_weights(const std::vector<Arm>& arms) noexcept {
    double sum = 0.0;
    for (const Arm& arm : arms) {
      if (!is_usable(arm.weight) || arm.weight < 0.0) return false;
      sum += arm.weight;
    }
    return sum > 0.0;
  }

  static void check_weights(const std::vector<Arm>& arms) {
    for (const Arm& arm : arms) require("Router", "weight", arm.weight, is_usable(arm.weight) && arm.weight >= 0.0, ">= 0");
    require("Router", "weights", "all 0", are_weights(arms), "of a sum above 0");
  }

  /// How many places each weight is worth; they sum to all.
  static std::vector<std::uint64_t> shares_of(const std::vector<Arm>& arms) {
    double sum = 0.0;
    std::size_t last = 0;  // with a weight: takes what rounding leaves
    for (std::size_t arm = 0; arm < arms.size(); ++arm) {
      sum += arms[arm].weight;
      if (arms[arm].weight > 0.0) last = arm;
    }
    std::vector<std::uint64_t> shares(arms.size(), 0);
    double below = 0.0;
    std::uint64_t taken = 0;
    for (std::size_t arm = 0; arm <= last; ++arm) {
      below += arms[arm].weight;
      const double end = below / sum * static_cast<double>(places) + 0.5;
      const std::uint64_t rounded = arm == last ? places : std::clamp(static_cast<std::uint64_t>(end), taken, places);
      shares[arm] = rounded - taken;
      taken = rounded;
    }
    return shares;
  }

  static std::vector<std::uint64_t> owned_shares(const std::vector<Range>& ranges, std::size_t arms) {
    std::vector<std::uint64_t> shares(arms, 0);
    std::uint64_t begin = 0;
    for (const Range& range : ranges) {
      shares[range.arm] += range.end - begin;
      begin = range.end;
    }
    return shares;
  }

  static void append(std::vector<Range>& ranges, std::uint64_t length, std::size_t arm) {
    if (length == 0) return;
    const std::uint64_t begin = ranges.empty() ? 0 : ranges.back().end;
    if (!ranges.empty() && ranges.back().arm == arm) {
      ranges.back().end += length;
    } else {
      ranges.push_back({begin + length, static_cast<std::uint32_t>(arm)});
    }
  }

  /// Gives `amount` places of `from` to `to`: the last ones when `to` comes later, the first ones when it comes before.
  void move(std::size_t from, std::size_t to, std::uint64_t amount) {
    const std::uint64_t owned = owned_shares(ranges_, arms_.size())[from];
    const std::uint64_t first = to > from ? owned - amount : 0;  // counted along the places of `from`
    std::vector<Range> ranges;
    std::uint64_t begin = 0;
    std::uint64_t seen = 0;
    for (const Range& range : ranges_) {
      const std::uint64_t length = range.end - begin;
      begin = range.end;
      if (range.arm != from) {
        append(ranges, length, range.arm);
        continue;
      }
      const std::uint64_t kept_before = std::clamp(first, seen, seen + length) - seen;
      const std::uint64_t given = std::clamp(first + amount, seen, seen + length) - seen - kept_before;
      append(ranges, kept_before, from);
      append(ranges, given, to);
      append(ranges, length - kept_before - given, from);
      seen += length;
    }
    ranges_ = std::move(ranges);
  }

  std::vector<Arm> arms_;
  std::uint64_t seed_;
  std::vector<Range> ranges_;  // in order, over all places
};

}  // namespace rtml::ab
