#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/core/time.hpp"

namespace rtml::stream {

/// How long a label takes: a number of rows, or a span of event time.
struct Delay {
  std::uint64_t rows = 0;  ///< counts when `time` is 0
  Duration time{0};

  static constexpr Delay of_rows(std::uint64_t rows) noexcept { return {rows, Duration{0}}; }
  static constexpr Delay of_time(Duration time) noexcept { return {0, time}; }

  /// "100" is rows; "30s", "90m", "12h", "7d" are time. @throws ConfigError
  static Delay parse(std::string_view text) {
    if (const auto time = duration_of(text)) return of_time(*time);
    std::uint64_t count = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), count);
    const bool holds = result.ec == std::errc{} && result.ptr == text.data() + text.size() && count <= 1'000'000'000;
    require("Delay", "delay", text, holds, "a number of rows, or of s, m, h or d, as in 100 or 7d");
    return of_rows(count);
  }

  friend bool operator==(const Delay&, const Delay&) = default;
};

/// Holds labels (with whatever goes with them) until they would be known: the order in is the order out. A bounded ring: when it is full,
/// push refuses and counts.
///
///     labels.push(row.at, {id, y});
///     for (Labelled label; labels.pop(label);) learn(label);
///
/// After N later rows were pushed a row's label comes out (N = 0: at once); with a Duration, once the newest event time is that much later.
/// Event time that runs backward releases nothing earlier. All O(1) (amortised: the ring doubles until it holds what is on its way).
template <class T>
class DelayedLabels {
 public:
  /// @throws ConfigError unless capacity is in [1, 2^32], above the rows of `delay`, and the delay not negative.
  DelayedLabels(const Delay& delay, std::size_t capacity) : delay_(delay), capacity_(capacity) {
    require("DelayedLabels", "delay", delay.time.count(), delay.time.count() >= 0, ">= 0");
    require("DelayedLabels", "capacity", capacity, capacity >= 1 && capacity <= (std::size_t{1} << 32U), "in [1, 2^32]");
    require("DelayedLabels", "capacity", capacity, capacity > delay.rows, "above the delay of " + to_text(delay.rows) + " rows");
  }

  /// False when the ring is full: the label is lost, and counted.
  bool push(Time at, T item) {
    now_ = pushed_ == 0 ? at : std::max(now_, at);
    ++pushed_;
    if (size_ == capacity_) {
      ++dropped_;
      return false;
    }
    if (size_ == ring_.size()) grow(size_ + 1);
    Waiting& slot = ring_[(first_ + size_) % ring_.size()];
    slot.row = pushed_;
    slot.due = now_ > Time::max() - delay_.time ? Time::max() : now_ + delay_.time;
    slot.item = std::move(item);
    ++size_;
    return true;
  }

  /// Takes the oldest label if it is known by now.
  bool pop(T& item) {
    if (size_ == 0 || !is_known(ring_[first_])) return false;
    take(item);
    return true;
  }

  /// Takes the oldest label, known or not: at the end of a stream.
  bool drain(T& item) {
    if (size_ == 0) return false;
    take(item);
    return true;
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::uint64_t dropped() const noexcept { return dropped_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + ring_.capacity() * sizeof(Waiting);
    if constexpr (requires(const T& item) { item.memory_bytes(); })
      for (const Waiting& slot : ring_) bytes += slot.item.memory_bytes() - sizeof(T);
    return bytes;
  }

  /// Restores into a queue of the same delay and capacity.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DelayedLabels", 1);
    Delay delay = self.delay_;
    std::uint64_t capacity = self.capacity_;
    std::uint64_t size = self.size_;
    ar(delay.rows, delay.time, capacity, size, self.pushed_, self.dropped_, self.now_);
    ar.check(delay == self.delay_, "delay");
    ar.check(capacity == self.capacity_ && size <= capacity && size <= self.pushed_, "size");
    if constexpr (Ar::reading) self.first_ = self.size_ = 0;
    std::uint64_t last_row = 0;
    for (std::size_t i = 0; i < size; ++i) {
      if constexpr (Ar::reading) {  // grows as items are read, not as the size promises
        if (i == self.ring_.size()) self.grow(i + 1);
        self.size_ = i + 1;
      }
      auto& slot = self.ring_[(self.first_ + i) % self.ring_.size()];
      ar(slot.row, slot.due, slot.item);
      ar.check(slot.row > last_row && slot.row <= self.pushed_, "order");
      last_row = slot.row;
    }
  }

 private:
  struct Waiting {
    std::uint64_t row = 0;  // 1 for the first that was pushed
    Time due{};
    T item{};
  };

  bool is_known(const Waiting& slot) const noexcept {
    return delay_.time.count() > 0 ? now_ >= slot.due : pushed_ - slot.row >= delay_.rows;
  }

  void grow(std::size_t least) {
    std::vector<Waiting> larger(std::min(capacity_, std::max<std::size_t>(least, 2 * ring_.size())));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(ring_[(first_ + i) % ring_.size()]);
    ring_ = std::move(larger);
    first_ = 0;
  }

  void take(T& item) {
    item = std::move(ring_[first_].item);
    first_ = first_ + 1 == ring_.size() ? 0 : first_ + 1;
    --size_;
  }

  Delay delay_;
  std::size_t capacity_;
  std::vector<Waiting> ring_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::uint64_t pushed_ = 0;
  std::uint64_t dropped_ = 0;
  Time now_{};  // the newest event time
};

}  // namespace rtml::stream
