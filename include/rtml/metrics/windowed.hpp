#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/metrics/ranking.hpp"
#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// Longest window of a metric, in outcomes.
inline constexpr std::size_t max_window = std::size_t{1} << 26U;

/// A metric over the last n outcomes, exactly: nothing is subtracted, so an outlier that left leaves no rounding behind.
///
/// update() is O(1). value() adds n / 64 blocks and up to 64 outcomes; of RocAuc and AveragePrecision it sorts a copy, O(n log n) and one
/// allocation (NaN if that fails): ask now and then, not at every event. Memory: 16 n bytes and a tally for each 64.
template <Tally T>
class Windowed {
  static constexpr std::size_t block = 64;
  static constexpr bool sorts = requires(std::span<detail::Ranked> ranked) { T::of(ranked); };

 public:
  static constexpr std::string_view name = T::name;
  static constexpr bool higher_is_better = T::higher_is_better;

  /// @throws ConfigError unless 1 <= n <= max_window.
  explicit Windowed(std::size_t n, T tally = T()) : empty_(std::move(tally)) {
    require("Windowed", "n", n, n >= 1 && n <= max_window, "in [1, 2^26]");
    ring_.resize(n);
    if constexpr (!sorts) blocks_.assign((n + block - 1) / block, empty_);
  }

  std::size_t window() const noexcept { return ring_.size(); }

  void update(const Outcome& outcome) noexcept {
    if (!detail::is_usable_outcome(outcome) || !empty_.accepts(outcome)) {
      ++refused_;
    } else if (outcome.weight > 0.0F) {
      ring_[head_] = outcome;
      count_in_block(head_);
      head_ = head_ + 1 == ring_.size() ? 0 : head_ + 1;
      ++count_;
    }
  }

  double value() const noexcept {
    if constexpr (sorts) {
      return sorted_value();
    } else {
      return tally().value();
    }
  }

  /// What the outcomes of the window add up to. O(n / 64).
  T tally() const noexcept requires(!sorts) {
    T sum = empty_;
    const std::size_t filled = size();
    const std::size_t open = head_ % block == 0 ? blocks_.size() : head_ / block;  // holds new outcomes first, older ones after
    for (std::size_t b = 0; b * block < filled; ++b)
      if (b != open) sum.merge(blocks_[b]);
    if (open < blocks_.size())
      for (std::size_t i = open * block; i < std::min(filled, (open + 1) * block); ++i)
        sum.add(ring_[i], static_cast<double>(ring_[i].weight));
    return sum;
  }

  /// Outcomes counted since the start; the window holds min(count(), window()) of them.
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t refused() const noexcept { return refused_; }

  void reset() noexcept {
    for (T& tally : blocks_) tally.reset();
    head_ = 0;
    count_ = refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(T) + empty_.memory_bytes() + ring_.capacity() * sizeof(Outcome);
    for (const T& tally : blocks_) bytes += tally.memory_bytes();
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Windowed", 1);
    ar(self.empty_);  // carries the options of the tally, which must agree
    std::uint64_t window = self.ring_.size();
    std::uint64_t head = self.head_;
    ar(window, head, self.count_, self.refused_);
    ar.check(window == self.ring_.size(), "window");
    ar.check(head < window && (self.count_ >= window || head == self.count_), "head");
    if constexpr (Ar::reading) self.head_ = static_cast<std::size_t>(head);
    for (std::size_t i = 0; i < self.size(); ++i) {
      auto& outcome = self.ring_[i];
      ar(outcome.score, outcome.predicted, outcome.actual, outcome.weight);
      ar.check(detail::is_usable_outcome(outcome) && outcome.weight > 0.0F && self.empty_.accepts(outcome), "outcome");
    }
    if constexpr (Ar::reading) self.rebuild_blocks();
  }

 private:
  std::size_t size() const noexcept { return count_ < ring_.size() ? static_cast<std::size_t>(count_) : ring_.size(); }

  void count_in_block([[maybe_unused]] std::size_t at) noexcept {
    if constexpr (!sorts) {
      T& tally = blocks_[at / block];
      if (at % block == 0) tally.reset();
      tally.add(ring_[at], static_cast<double>(ring_[at].weight));
    }
  }

  void rebuild_blocks() noexcept {
    for (T& tally : blocks_) tally.reset();
    const std::size_t open_from = head_ - head_ % block;  // of the open block only what is new is in its tally
    for (std::size_t i = 0; i < size(); ++i)
      if (i < head_ || i >= open_from + block || head_ == open_from) count_in_block(i);
  }

  double sorted_value() const noexcept {
    const std::size_t filled = size();
    const std::unique_ptr<detail::Ranked[]> ranked(new (std::nothrow) detail::Ranked[filled]);
    if (!ranked) return undefined;
    for (std::size_t i = 0; i < filled; ++i) {
      const auto weight = static_cast<double>(ring_[i].weight);
      const bool positive = ring_[i].actual == 1.0F;
      ranked[i] = {ring_[i].score, positive ? weight : 0.0, positive ? 0.0 : weight};
    }
    return T::of(std::span<detail::Ranked>(ranked.get(), filled));
  }

  T empty_;
  std::vector<Outcome> ring_;
  std::vector<T> blocks_;  // of 64 places of the ring each
  std::size_t head_ = 0;   // where the next outcome goes
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml::metrics
