#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/core/watermark.hpp"

namespace rtml {

/// How far event time has come in a stream of several partitions: as far as the one that is furthest behind, so that nothing is late only
/// because another partition is read faster. One that was not heard of for longer than `idle` is not waited for: a partition that has nothing
/// to send must not hold back the others for ever. When it sends again it is waited for again, but time does not go back for it: what it
/// sends may be late. When all are idle nobody is waited for: time is that of the furthest.
///
/// When something was heard is what the caller says: by its own clock, or by any count that goes on, such as the time of a poll that is in
/// the log. Nothing here looks at a clock, so that a replay that says the same gives the same.
///
/// advance, pass: O(partitions), never allocate. A value type.
/// Source: T. Akidau et al., "Watermarks in stream processing systems", PVLDB 14 (2021).
class PartitionedWatermark {
 public:
  struct Options {
    std::size_t partitions = 1;       ///< in [1, 65536]
    Duration idle = minutes(1);       ///< in (0, 36500 days]; by the times that the caller says
    Duration largest_step = days(2);  ///< of one partition, see Watermark; in (0, 36500 days]
  };

  /// Before all partitions that are waited for have sent something.
  static constexpr Time unknown{-Watermark::longest};

  /// @throws ConfigError
  explicit PartitionedWatermark(const Options& options) : idle_(options.idle) {
    constexpr std::string_view type = "PartitionedWatermark";
    const auto within = [](Duration value) { return value > Duration(0) && value <= Watermark::longest; };
    require(type, "partitions", options.partitions, options.partitions >= 1 && options.partitions <= 65536, "in [1, 65536]");
    require(type, "idle (us)", options.idle.count(), within(options.idle), "in (0, 36500 days]");
    require(type, "largest_step (us)", options.largest_step.count(), within(options.largest_step), "in (0, 36500 days]");
    partitions_.assign(options.partitions, Partition{Watermark(options.largest_step)});
  }

  std::size_t partitions() const noexcept { return partitions_.size(); }

  /// An event of a partition, and when it was heard of. Returns the time reached. @pre partition < partitions()
  Time advance(std::size_t partition, Time at, Time heard) noexcept {
    see(heard);
    Partition& its = partitions_[partition];
    const Time before = its.time.now();
    if (its.time.advance(at) < before && its.begun) reached_ = unknown;  // its beginning was wrong: see Watermark
    its.begun = true;
    its.heard = clock_;
    return settle();
  }

  /// Time goes by without an event. Returns the time reached.
  Time pass(Time now) noexcept {
    see(now);
    return settle();
  }

  /// Never goes back, but as Watermark does in the beginning of a partition.
  Time now() const noexcept { return reached_; }

  bool is_idle(std::size_t partition) const noexcept { return clock_ - partitions_[partition].heard > idle_; }

  /// Events whose time was too far ahead to be believed.
  std::uint64_t refused() const noexcept {
    std::uint64_t all = 0;
    for (const Partition& each : partitions_) all += each.time.refused();
    return all;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + partitions_.capacity() * sizeof(Partition); }

  /// Restores into one of as many partitions.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("PartitionedWatermark", 1);
    auto count = static_cast<std::uint64_t>(self.partitions_.size());
    ar(count, self.started_, self.clock_, self.reached_);
    ar.check(count == self.partitions_.size(), "partitions (saved: another number)");
    ar.check(Watermark::limited(self.clock_) == self.clock_ && Watermark::limited(self.reached_) == self.reached_, "time");
    for (auto& each : self.partitions_) {
      if constexpr (Ar::reading) {
        Watermark time;
        ar(time);
        each.time.restore(time);
      } else {
        ar(each.time);
      }
      ar(each.heard, each.begun);
      ar.check(Watermark::limited(each.heard) == each.heard && each.heard <= self.clock_, "time of a partition");
    }
  }

 private:
  struct Partition {
    Watermark time;
    Time heard{};
    bool begun = false;  // has sent something
  };

  /// What was never heard of is waited for since the beginning.
  void see(Time now) noexcept {
    now = Watermark::limited(now);
    if (!started_) {
      clock_ = now;
      for (Partition& each : partitions_) each.heard = now;
      started_ = true;
    }
    clock_ = std::max(clock_, now);
  }

  Time settle() noexcept {
    bool waits = false;
    Time least{Watermark::longest};
    Time furthest = unknown;
    for (const Partition& each : partitions_) {
      const Time time = each.begun ? each.time.now() : unknown;
      furthest = std::max(furthest, time);
      if (clock_ - each.heard > idle_) continue;
      waits = true;
      least = std::min(least, time);
    }
    reached_ = std::max(reached_, waits ? least : furthest);
    return reached_;
  }

  Duration idle_;
  std::vector<Partition> partitions_;
  bool started_ = false;
  Time clock_{};  // the latest that the caller said
  Time reached_ = unknown;
};

}  // namespace rtml
