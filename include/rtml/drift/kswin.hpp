#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/ks.hpp"

namespace rtml::drift {

/// Raises an alarm when the last values of a window and as many drawn from its older ones differ by the Kolmogorov-Smirnov test: any
/// change of a distribution, of the variance and of the shape as well.
///
/// Each value is tested at the level of one test, so the run length is far below 1 / `alpha` values of independent tests would give
/// away: see docs/drift.md. Ties count as they stand, on 0/1 errors few alarms are left. After an alarm the last `recent` values stay.
/// O(window) time, nothing is sorted; 16 bytes a value of the window, allocated at construction (which also finds the critical gap, by
/// exact chances). Source: C. Raab, M. Heusinger, F.-M. Schleif, "Reactive soft prototype computing for concept drift streams",
/// Neurocomputing 416 (2020), 340-351, algorithm 1. The paper's limit sqrt(-ln(alpha) / recent) is that of a one-sided test: at its
/// parameters it lets through 0.42 where a chance of 0.005 is first kept at 0.47.
class Kswin {
 public:
  struct Options {
    double alpha = 0.005;        ///< level of one test, in (0, 1)
    std::uint64_t window = 100;  ///< values, in [2 recent, 1e6]
    std::uint64_t recent = 30;   ///< the last ones of them (r in the paper), in [1, 1000]
    std::uint64_t seed = 1;      ///< of the draws
  };

  Kswin() : Kswin(Options{}) {}

  /// @throws ConfigError
  explicit Kswin(const Options& options) : options_(options), rng_(options.seed) {
    require("Kswin", "alpha", options.alpha, options.alpha > 0.0 && options.alpha < 1.0, "in (0, 1)");
    require("Kswin", "recent", options.recent, options.recent >= 1 && options.recent <= most_recent, "in [1, 1000]");
    require("Kswin", "window", options.window, options.window >= 2 * options.recent && options.window <= longest, "in [2 recent, 1e6]");
    const auto recent = static_cast<std::size_t>(options.recent);
    critical_ = static_cast<std::int64_t>(ks_critical(recent, recent, options.alpha) * static_cast<double>(recent) + 0.5);
    sorted_.resize(static_cast<std::size_t>(options.window));
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    insert(value);
    if (size_ < sorted_.size() || largest_gap() < critical_) return Change::none;
    keep_recent();
    drift_age_ = options_.recent;
    return Change::drift;
  }

  /// Forgets the stream; keeps the count of refused values.
  void reset() noexcept {
    size_ = 0;
    arrived_ = drift_age_ = 0;
    rng_ = Rng(options_.seed);
  }

  std::uint64_t refused() const noexcept { return refused_; }

  /// The recent values.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + sorted_.capacity() * sizeof(Arrived); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Kswin", 1);
    auto& options = self.options_;
    ar(options.alpha, options.window, options.recent, options.seed);
    ar(self.refused_, self.drift_age_, self.arrived_, self.rng_, self.critical_, self.size_, self.sorted_);
    ar.check(options.alpha > 0.0 && options.alpha < 1.0, "alpha");
    ar.check(options.recent >= 1 && options.recent <= most_recent, "recent");
    ar.check(options.window >= 2 * options.recent && self.sorted_.size() == options.window, "window");
    ar.check(self.critical_ >= 1, "critical gap");
    ar.check(self.size_ <= self.sorted_.size() && self.size_ <= self.arrived_, "size");
    for (std::size_t i = 0; i < self.size_; ++i) {
      ar.check(is_usable(self.sorted_[i].value) && self.sorted_[i].at < self.arrived_, "value");
      ar.check(i == 0 || self.sorted_[i - 1].value <= self.sorted_[i].value, "order");
    }
  }

 private:
  static constexpr std::uint64_t longest = 1'000'000;
  static constexpr std::uint64_t most_recent = 1000;

  struct Arrived {
    double value = 0.0;
    std::uint64_t at = 0;  // number of its arrival

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.value, self.at);
    }
  };

  void insert(double value) noexcept {
    auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(size_);
    if (size_ == sorted_.size()) {
      const std::uint64_t oldest = arrived_ - size_;
      const auto gone = std::find_if(sorted_.begin(), end - 1, [oldest](const Arrived& one) { return one.at == oldest; });
      end = std::move(gone + 1, end, gone);
      --size_;
    }
    const auto place = std::upper_bound(sorted_.begin(), end, value, [](double v, const Arrived& one) { return v < one.value; });
    std::move_backward(place, end, end + 1);
    *place = {value, arrived_++};
    ++size_;
  }

  bool is_recent(const Arrived& one) const noexcept { return one.at + options_.recent >= arrived_; }

  /// Between the recent values and as many of the others, drawn without replacement as they pass by in order, in counts.
  std::int64_t largest_gap() noexcept {
    auto left = static_cast<double>(options_.window - options_.recent);
    auto needed = static_cast<double>(options_.recent);
    std::int64_t gap = 0;
    std::int64_t largest = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      if (is_recent(sorted_[i])) {
        ++gap;
      } else {
        if (rng_.uniform() * left < needed) {
          --gap;
          needed -= 1.0;
        }
        left -= 1.0;
      }
      // Both sides pass a tie before they are compared.
      if (i + 1 == size_ || sorted_[i].value != sorted_[i + 1].value) largest = std::max(largest, gap < 0 ? -gap : gap);
    }
    return largest;
  }

  void keep_recent() noexcept {
    const auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(size_);
    const auto kept = std::remove_if(sorted_.begin(), end, [this](const Arrived& one) { return !is_recent(one); });
    size_ = static_cast<std::size_t>(kept - sorted_.begin());
  }

  Options options_;
  Rng rng_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t arrived_ = 0;
  std::int64_t critical_ = 0;  // least gap of counts that alarms
  std::uint64_t size_ = 0;
  std::vector<Arrived> sorted_;  // the window by value; its first size_ places
};

}  // namespace rtml::drift
