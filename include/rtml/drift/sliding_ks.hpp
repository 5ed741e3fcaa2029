#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::drift {

/// Raises an alarm when the last values are distributed otherwise than a fixed reference: the exact two-sample Kolmogorov-Smirnov
/// statistic of the sliding window after every value. Sees any change of a distribution, of the variance and of the shape as well.
///
/// `alpha` is the chance that one full window of independent values reaches the critical gap without a change, over the draw of both
/// samples; windows overlap, so the run length is not window / alpha: see docs/drift.md. Ties make it less likely, never likelier. After an
/// alarm the window fills anew and the reference stays: while the stream stays away from it, it alarms again.
///
/// O(log reference) a value, and when it alarms the same again for each value of the window: a segment tree over the reference's values
/// and the gaps between them, in integers, so ties and unequal sizes are exact. 65 to 115 bytes a value of the reference and 4 a value of
/// the window, allocated at construction.
/// Source: the test of N. Smirnov as in drift/ks.hpp, kept incrementally as in D. M. dos Reis, P. Flach, S. Matwin, G. Batista, "Fast
/// unsupervised online drift detection using incremental Kolmogorov-Smirnov test", KDD 2016; here for a fixed reference.
class RTML_API SlidingKs {
 public:
  struct Options {
    double alpha = 1e-4;             ///< in (0, 1)
    std::uint64_t window = 100;      ///< last values that are compared, in [1, 1e6] and long enough to reach alpha
    std::uint64_t reference = 1000;  ///< first values that become the reference, in [1, 1e6]; reference * window <= 1e9
  };

  SlidingKs() : SlidingKs(Options{}) {}

  /// The first values of the stream become the reference. @throws ConfigError
  explicit SlidingKs(const Options& options);

  /// @throws ConfigError, also for a reference with a value that is not finite; `options.reference` does not matter.
  SlidingKs(std::span<const double> reference, const Options& options);

  Change update(double value) noexcept;

  /// Forgets the stream and a reference that was learned from it; keeps a given one, and the count of refused values.
  void reset() noexcept;

  /// Of the last `window` values; NaN while there are fewer.
  double statistic() const noexcept;

  /// Least statistic that alarms.
  double critical() const noexcept { return critical_; }

  std::uint64_t refused() const noexcept { return refused_; }

  /// The window.
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("SlidingKs", 1);
    auto& options = self.options_;
    ar(options.alpha, options.window, options.reference, self.given_, self.critical_);
    ar(self.refused_, self.drift_age_, self.learned_, self.filled_, self.next_, self.reference_, self.window_);
    ar.check(options.alpha > 0.0 && options.alpha < 1.0, "alpha");
    ar.check(self.critical_ > 0.0 && self.critical_ <= 1.0, "critical");
    ar.check(self.reference_.size() == options.reference && self.window_.size() == options.window, "sizes");
    ar.check(valid_sizes(options), "sizes");
    ar.check(self.learned_ <= options.reference && (!self.given_ || self.learned_ == options.reference), "learned values");
    ar.check(self.filled_ <= options.window && self.next_ < options.window, "window");
    ar.check(self.filled_ == 0 || self.learned_ == options.reference, "window before the reference");
    ar.check(self.filled_ == options.window || self.next_ == self.filled_, "place");
    for (std::size_t i = 0; i < self.learned_; ++i) ar.check(is_usable(self.reference_[i]), "reference");
    if constexpr (Ar::reading) self.allocate();
    if constexpr (Ar::reading) self.plant();
    for (std::size_t i = 0; i < self.filled_; ++i) ar.check(self.window_[i] <= 2 * self.kinds_, "slot");
    if constexpr (Ar::reading) self.fill();
  }

 private:
  struct Node {
    std::int32_t sum = 0;
    std::int32_t most = 0;   // largest sum of a beginning of it
    std::int32_t least = 0;  // and smallest
  };

  static bool valid_sizes(const Options& options) noexcept;
  void allocate();
  void plant() noexcept;
  void fill() noexcept;
  void empty_window() noexcept;
  std::uint32_t slot_of(double value) const noexcept;
  void add(std::size_t slot, std::int32_t weight) noexcept;
  void join(std::size_t node) noexcept;
  void climb(std::size_t a, std::size_t b) noexcept;
  std::int64_t gap() const noexcept;

  Options options_;
  bool given_ = false;
  double critical_ = 1.0;
  std::int64_t critical_gap_ = 0;  // critical_ in units of 1 / (reference * window)
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t learned_ = 0;
  std::uint64_t filled_ = 0;
  std::uint64_t next_ = 0;  // place of the next value in the window
  std::size_t leaves_ = 0;  // a power of two
  std::size_t kinds_ = 0;   // how many different values the reference has
  std::vector<double> reference_;
  std::vector<double> distinct_;       // these, ascending, in its first places
  std::vector<std::uint32_t> window_;  // their slots
  std::vector<Node> tree_;             // 1 is the root; slot 2k is the gap below distinct_[k], slot 2k + 1 the value itself
};

}  // namespace rtml::drift
