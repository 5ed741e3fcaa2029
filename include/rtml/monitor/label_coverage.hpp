#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/reserved_vector.hpp"
#include "rtml/core/time.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/stats/quantile_sketch.hpp"

namespace rtml::monitor {

/// How many of the predictions have their label by now, by age, and how long labels take. The newest predictions lie in cohorts of equal
/// number; a metric over a cohort that is half labelled is a metric of the quick labels.
///
/// predict and label: O(1) and O(log cohorts); neither allocates. Memory: 48 bytes a cohort, and the sketch's.
class LabelCoverage {
 public:
  struct Options {
    std::size_t cohort = 1024;  ///< predictions each, in [1, 2^31]
    std::size_t cohorts = 64;   ///< that go on counting their labels, in [1, 65536]
    Duration due{0};  ///< age at which a label is overdue; 0 = once 99 % of the labels had come, which is known from 100 labels on
  };

  struct Cohort {
    std::uint64_t first = 0;  ///< key of its first prediction
    Time first_at{};
    Time last_at{};  ///< the latest
    std::uint64_t predictions = 0;
    std::uint64_t labelled = 0;

    /// In [0, 1]; of predictions that are all there, so never of none.
    double share() const noexcept { return static_cast<double>(labelled) / static_cast<double>(predictions); }
  };

  LabelCoverage() : LabelCoverage(Options{}) {}

  /// @throws ConfigError for an option out of range.
  explicit LabelCoverage(const Options& options) : options_(options) {
    constexpr std::string_view type = "LabelCoverage";
    require(type, "cohort", options.cohort, options.cohort >= 1 && options.cohort <= (std::size_t{1} << 31U), "in [1, 2^31]");
    require(type, "cohorts", options.cohorts, options.cohorts >= 1 && options.cohorts <= 65536, "in [1, 65536]");
    require(type, "due", options.due.count(), options.due.count() >= 0, ">= 0");
    cohorts_.reserve(options.cohorts);
  }

  /// A prediction was served. Keys rise from one to the next; others are left out.
  void predict(std::uint64_t key, Time at) noexcept {
    if (predictions_ > 0 && key <= newest_) return;
    newest_ = key;
    const Time time = Watermark::limited(at);
    if (predictions_ % options_.cohort == 0) {
      if (cohorts_.size() == options_.cohorts) drop_oldest();
      cohorts_.push_back({.first = key, .first_at = time, .last_at = time});
    }
    Cohort& cohort = cohorts_.back();
    cohort.first_at = std::min(cohort.first_at, time);
    cohort.last_at = std::max(cohort.last_at, time);
    ++cohort.predictions;
    ++predictions_;
  }

  /// The label of a prediction that predict() was told of, once each; `at` is when the prediction was made, `known` when the label was.
  void label(std::uint64_t key, Time at, Time known) noexcept {
    late(at, known);
    settle(key);
  }

  /// A label that came after its prediction was settled without one.
  void late(Time at, Time known) noexcept {
    delays_.update(static_cast<float>(in_seconds(std::max(Watermark::limited(known) - Watermark::limited(at), Duration(0)))));
  }

  /// The truth about a prediction is taken for known without a label, once: it counts as labelled, and has no delay.
  void settle(std::uint64_t key) noexcept {
    ++labelled_;
    const auto after = [](std::uint64_t of, const Cohort& cohort) { return of < cohort.first; };
    const auto next = std::upper_bound(cohorts_.begin(), cohorts_.end(), key, after);
    if (next == cohorts_.begin()) return;
    Cohort& cohort = *(next - 1);
    if (cohort.labelled < cohort.predictions) ++cohort.labelled;
  }

  std::uint64_t predictions() const noexcept { return predictions_; }
  std::uint64_t labelled() const noexcept { return labelled_; }

  /// Predictions that left the oldest cohort without a label.
  std::uint64_t lapsed() const noexcept { return lapsed_; }

  /// Oldest first; the last one may be filling.
  const std::vector<Cohort>& cohorts() const noexcept { return cohorts_; }

  /// Seconds from a prediction to its label, of all labels so far.
  const stats::QuantileSketch& delays() const noexcept { return delays_; }

  /// Seconds that the share `p` in [0, 1] of the labels did not exceed, about; NaN before the first. What has not come yet is not in it: of
  /// labels that are still on their way the delay is longer. Allocates.
  double delay(double p) const {
    if (delays_.count() == 0) return std::numeric_limits<double>::quiet_NaN();
    std::vector<float> quantiles(201);
    std::vector<stats::QuantileSketch::Weighted> scratch(delays_.held());
    delays_.quantiles(quantiles, scratch);
    return static_cast<double>(quantiles[static_cast<std::size_t>(std::clamp(p, 0.0, 1.0) * 200.0 + 0.5)]);
  }

  /// Age at which a label is overdue, in seconds; NaN while it is not known.
  double due() const {
    if (options_.due.count() > 0) return in_seconds(options_.due);
    return delays_.count() < 100 ? std::numeric_limits<double>::quiet_NaN() : delay(0.99);
  }

  /// Predictions of the kept cohorts that wait for a label beyond due() at the time `now`; 0 while due() is not known. A cohort counts when
  /// its last prediction is so old.
  std::uint64_t overdue(Time now) const {
    const double limit = due();
    std::uint64_t count = 0;
    for (const Cohort& cohort : cohorts_)
      if (in_seconds(Watermark::limited(now) - cohort.last_at) > limit) count += cohort.predictions - cohort.labelled;
    return count;
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(delays_) + delays_.memory_bytes() + cohorts_.capacity() * sizeof(Cohort);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("LabelCoverage", 1);
    std::uint64_t size = self.options_.cohort;
    std::uint64_t most = self.options_.cohorts;
    ar(size, most);
    ar.check(size == self.options_.cohort && most == self.options_.cohorts, "options (saved: others)");
    ar(self.predictions_, self.labelled_, self.lapsed_, self.newest_, self.delays_);
    ar.check(self.delays_.k() == delay_k, "sketch of delays");
    std::uint64_t count = self.cohorts_.size();
    ar(count);
    const std::uint64_t begun = self.predictions_ / size + (self.predictions_ % size != 0 ? 1 : 0);
    ar.check(count == std::min(begun, most), "cohorts");
    if constexpr (Ar::reading) self.cohorts_.resize(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < self.cohorts_.size(); ++i) {
      auto& cohort = self.cohorts_[i];
      ar(cohort.first, cohort.first_at, cohort.last_at, cohort.predictions, cohort.labelled);
      const bool full = i + 1 < self.cohorts_.size() || self.predictions_ % size == 0;
      ar.check(cohort.predictions == (full ? size : self.predictions_ % size) && cohort.labelled <= cohort.predictions, "cohort");
      ar.check(cohort.first <= self.newest_ && (i == 0 || cohort.first > self.cohorts_[i - 1].first), "keys");
      ar.check(Watermark::limited(cohort.first_at) == cohort.first_at && Watermark::limited(cohort.last_at) == cohort.last_at, "time");
    }
  }

 private:
  static constexpr std::size_t delay_k = 200;

  static double in_seconds(Duration span) noexcept { return std::chrono::duration<double>(span).count(); }

  void drop_oldest() noexcept {
    lapsed_ += cohorts_.front().predictions - cohorts_.front().labelled;
    cohorts_.erase(cohorts_.begin());
  }

  Options options_;
  std::uint64_t predictions_ = 0;
  std::uint64_t labelled_ = 0;
  std::uint64_t lapsed_ = 0;
  std::uint64_t newest_ = 0;  // key
  stats::QuantileSketch delays_{delay_k};
  ReservedVector<Cohort> cohorts_;
};

}  // namespace rtml::monitor
