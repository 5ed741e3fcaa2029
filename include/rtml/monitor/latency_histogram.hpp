#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"

namespace rtml::monitor {

/// What a report says of one kind of call. Nanoseconds; all 0 when `count` is.
struct Latency {
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t p999 = 0;
  std::uint64_t max = 0;
  std::uint64_t count = 0;

  friend bool operator==(const Latency&, const Latency&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Latency", 1);
    ar(self.p50, self.p99, self.p999, self.max, self.count);
  }
};

namespace detail {

/// Numbers the threads of the process from 1, so that those that record at once spread over the stripes.
inline std::uint32_t thread_number() noexcept {
  static std::atomic<std::uint32_t> threads{0};
  static thread_local constinit std::uint32_t number = 0;
  if (number == 0) number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

}  // namespace detail

/// Counts durations in cells whose width grows with their value, 64 to each doubling: fixed memory (17.5 KiB a stripe), and a quantile
/// is never below the true one and at most 1/64 above it. 0 to 127 ns are exact; what exceeds `largest` (18 minutes) counts as that
/// and in `saturated()`.
///
/// Thread safety: `record` from any number of threads: one relaxed addition, and a compare-exchange when it is a new maximum. Reading
/// beside it is safe and sees some of what is being recorded. `reset`, `merge`, assignment and loading need the caller's own order.
/// Source: log-linear cells as in G. Tene's HdrHistogram.
class LatencyHistogram {
 public:
  struct Options {
    std::size_t stripes = 4;  ///< copies of the cells that threads spread over; a power of two in [1, 64]
  };

  static constexpr std::uint64_t largest = (std::uint64_t{1} << 40U) - 1;
  static constexpr double relative_error = 1.0 / 64.0;

  LatencyHistogram() : LatencyHistogram(Options{}) {}

  /// @throws ConfigError if an option is outside its documented range.
  explicit LatencyHistogram(const Options& options) : mask_(checked(options.stripes) - 1), counts_(options.stripes * cells) {}

  LatencyHistogram(const LatencyHistogram& other) : mask_(other.mask_), counts_(other.counts_.size()) { copy(other); }
  LatencyHistogram& operator=(const LatencyHistogram& other) {
    if (this == &other) return *this;
    if (counts_.size() != other.counts_.size()) counts_ = std::vector<std::atomic<std::uint64_t>>(other.counts_.size());
    mask_ = other.mask_;
    copy(other);
    return *this;
  }
  ~LatencyHistogram() = default;

  /// Wait-free but for a new maximum; never allocates.
  void record(std::uint64_t nanoseconds) noexcept {
    const std::size_t stripe = detail::thread_number() & mask_;
    counts_[stripe * cells + cell(std::min(nanoseconds, largest))].fetch_add(1, std::memory_order_relaxed);
    if (nanoseconds > max_.load(std::memory_order_relaxed)) raise_max(nanoseconds);
    if (nanoseconds > largest) saturated_.fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t count() const noexcept {
    std::uint64_t total = 0;
    for (const auto& count : counts_) total += count.load(std::memory_order_relaxed);
    return total;
  }

  /// How many were beyond `largest`.
  std::uint64_t saturated() const noexcept { return saturated_.load(std::memory_order_relaxed); }

  /// Exact, beyond `largest` too; 0 when nothing was recorded.
  std::uint64_t max() const noexcept { return max_.load(std::memory_order_relaxed); }

  /// From the middles of the cells: within 1/128 of the true mean while nothing saturates. NaN when nothing was recorded.
  double mean() const noexcept {
    double sum = 0.0;
    double total = 0.0;
    for (std::size_t i = 0; i < cells; ++i) {
      const auto count = static_cast<double>(in_cell(i));
      sum += count * 0.5 * (static_cast<double>(lowest_of(i)) + static_cast<double>(highest_of(i)));
      total += count;
    }
    return total > 0.0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
  }

  /// The least duration that a share `q` of the recorded ones does not exceed, 0 < q <= 1; 0 when nothing was recorded. O(cells).
  std::uint64_t quantile(double q) const noexcept { return at_rank(rank_of(q, count())); }

  Latency summary() const noexcept {
    const std::uint64_t total = count();
    return {at_rank(rank_of(0.5, total)), at_rank(rank_of(0.99, total)), at_rank(rank_of(0.999, total)), max(), total};
  }

  void merge(const LatencyHistogram& other) noexcept {
    for (std::size_t i = 0; i < cells; ++i) counts_[i].fetch_add(other.in_cell(i), std::memory_order_relaxed);
    saturated_.fetch_add(other.saturated(), std::memory_order_relaxed);
    raise_max(other.max());
  }

  void reset() noexcept {
    for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
    saturated_.store(0, std::memory_order_relaxed);
    max_.store(0, std::memory_order_relaxed);
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + counts_.capacity() * sizeof(counts_[0]); }

  /// Writes what is counted and not how: stripes are an option of whoever reads it.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("LatencyHistogram", 1);
    Filled filled;
    if constexpr (!Ar::reading) filled = self.filled();
    ar(filled.cells, filled.counts, filled.saturated, filled.max);
    if constexpr (Ar::reading) {
      ar.check(filled.is_ordered(), "cells");
      ar.check(filled.has_its_max(), "maximum");
      ar.check(filled.has_its_saturated(), "saturated");
      self.reset();
      for (std::size_t i = 0; i < filled.cells.size(); ++i)
        self.counts_[filled.cells[i]].store(filled.counts[i], std::memory_order_relaxed);
      self.saturated_.store(filled.saturated, std::memory_order_relaxed);
      self.max_.store(filled.max, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr unsigned precision = 6;  // 2^6 cells to each doubling
  static constexpr std::size_t cells = (static_cast<std::size_t>(std::bit_width(largest)) - precision + 1) << precision;

  /// What an archive holds: cells that are not empty, by place.
  struct Filled {
    std::vector<std::uint32_t> cells;
    std::vector<std::uint64_t> counts;
    std::uint64_t saturated = 0;
    std::uint64_t max = 0;

    bool is_ordered() const noexcept {
      if (cells.size() != counts.size()) return false;
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const bool placed = cells[i] < LatencyHistogram::cells && (i == 0 || cells[i] > cells[i - 1]);
        if (!placed || counts[i] == 0 || total + counts[i] < total) return false;
        total += counts[i];
      }
      return true;
    }
    bool has_its_max() const noexcept { return cells.empty() ? max == 0 : cells.back() == cell(std::min(max, largest)); }
    bool has_its_saturated() const noexcept {
      const bool beyond = max > largest;
      return beyond == (saturated > 0) && (!beyond || saturated <= counts.back());
    }
  };

  static std::size_t checked(std::size_t stripes) {
    require("LatencyHistogram", "stripes", stripes, std::has_single_bit(stripes) && stripes <= 64, "a power of two in [1, 64]");
    return stripes;
  }

  static constexpr std::size_t cell(std::uint64_t value) noexcept {
    const auto shift = static_cast<unsigned>(std::bit_width(value | (std::uint64_t{1} << precision))) - (precision + 1);
    return (static_cast<std::size_t>(shift) << precision) + static_cast<std::size_t>(value >> shift);
  }
  static constexpr unsigned shift_of(std::size_t i) noexcept {
    return i < (std::size_t{2} << precision) ? 0 : static_cast<unsigned>(i >> precision) - 1;
  }
  static constexpr std::uint64_t lowest_of(std::size_t i) noexcept {
    const unsigned shift = shift_of(i);
    return static_cast<std::uint64_t>(i - (static_cast<std::size_t>(shift) << precision)) << shift;
  }
  static constexpr std::uint64_t highest_of(std::size_t i) noexcept { return lowest_of(i) + (std::uint64_t{1} << shift_of(i)) - 1; }

  static std::uint64_t rank_of(double q, std::uint64_t total) noexcept {
    const auto n = static_cast<double>(total);
    const double rank = std::ceil(q * n * (1.0 - 1e-12));  // 0.07 * 100 is above 7 in binary
    if (!(rank > 1.0)) return 1;
    return rank < n ? static_cast<std::uint64_t>(rank) : total;
  }

  std::uint64_t at_rank(std::uint64_t rank) const noexcept {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < cells; ++i) {
      seen += in_cell(i);
      if (seen >= rank && i + 1 < cells) return std::min(highest_of(i), max());
    }
    return max();  // the last cell is open
  }

  std::uint64_t in_cell(std::size_t i) const noexcept {
    std::uint64_t count = 0;
    for (std::size_t at = i; at < counts_.size(); at += cells) count += counts_[at].load(std::memory_order_relaxed);
    return count;
  }

  void raise_max(std::uint64_t value) noexcept {
    std::uint64_t seen = max_.load(std::memory_order_relaxed);
    while (seen < value && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }

  Filled filled() const {
    Filled filled;
    for (std::size_t i = 0; i < cells; ++i)
      if (const std::uint64_t count = in_cell(i); count != 0) {
        filled.cells.push_back(static_cast<std::uint32_t>(i));
        filled.counts.push_back(count);
      }
    filled.saturated = saturated();
    filled.max = max();
    return filled;
  }

  void copy(const LatencyHistogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      counts_[i].store(other.counts_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    saturated_.store(other.saturated(), std::memory_order_relaxed);
    max_.store(other.max(), std::memory_order_relaxed);
  }

  std::size_t mask_ = 0;
  std::vector<std::atomic<std::uint64_t>> counts_;  // [stripes, cells]
  std::atomic<std::uint64_t> saturated_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace rtml::monitor
