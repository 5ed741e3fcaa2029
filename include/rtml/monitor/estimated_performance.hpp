#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/core/reserved_vector.hpp"
#include "rtml/core/time.hpp"
#include "rtml/metrics/decisions.hpp"
#include "rtml/metrics/ranking.hpp"
#include "rtml/monitor/calibrator.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// How good binary decisions are before their labels come, beside how good they turn out to be: confidence-based performance estimation
/// (CBPE). A prediction of calibrated probability p that was called 1 is p of a true and 1 - p of a false positive; what is called 0
/// likewise; the metrics follow from the expected cells. For a task of classes give the confidence in the chosen class as the score and
/// "it was right" as the truth: accuracy is then that of the choice.
///
/// Right as long as P(y | score) is what it was among the last labels: inputs may move as they like (covariate shift). Blind to concept
/// drift until labels tell the calibrator; where realised and estimated part, that is what happened. Both hold for labels that come
/// whatever they are.
///
/// Bands say where the realised value of the same predictions lies if that is so: chance of these predictions' labels, and the
/// calibrator's own error, to first order (wrong where an expected count is below some 5); of roc_auc only the former.
///
/// predict: O(1), and O(window log window) at a window's end; label: O(log window) besides the calibrator's. Neither allocates. Memory: 40
/// bytes a prediction of the window, 450 a past window, and the calibrator's.
/// Sources: J. Bialek, W. Kuberski, N. Perrakis, A. Bifet, "Estimating model performance under covariate shift without labels",
/// arXiv:2401.08348 (2024), section 3; band of roc_auc: J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver
/// operating characteristic (ROC) curve", Radiology 143 (1982), 29-36.
class RTML_API EstimatedPerformance {
 public:
  struct Options {
    std::size_t window = 1000;  ///< predictions, in [10, 1000000]
    std::size_t windows = 128;  ///< past ones that go on counting their labels, in [1, 4096]
    double confidence = 0.95;   ///< of bands and intervals, in (0, 1)
    Calibrator::Options calibration = {};
  };

  struct Metrics {
    Estimate accuracy;
    Estimate precision;
    Estimate recall;
    Estimate f1;
    Estimate roc_auc;  ///< realised: of the rolling window only
  };

  struct Window {
    std::uint64_t first = 0;  ///< key of its first prediction
    std::uint64_t last = 0;   ///< and of its last
    Time at{};                ///< of the last
    std::uint64_t predictions = 0;
    std::uint64_t labelled = 0;  ///< of them, so far
    Metrics estimated;           ///< of all of them, when the window ended; unknown before the calibrator is ready
    Metrics realised;            ///< of those that are labelled
  };

  EstimatedPerformance() : EstimatedPerformance(Options{}) {}

  /// @throws ConfigError for an option out of range.
  explicit EstimatedPerformance(const Options& options);

  /// A decision that was served. Keys rise from one to the next; others, and a score that is not finite, are refused.
  void predict(std::uint64_t key, Time at, float score, bool positive) noexcept;

  /// The truth about a decision that predict() was told of, once each. It teaches the calibrator even if the prediction is too old to be
  /// counted; `weight` matters to the calibrator alone, as what is not labelled yet has none.
  void label(std::uint64_t key, float score, bool positive, bool truth, float weight = 1.0F) noexcept;

  /// The truth about a decision is 1, and not 0 as label() was told. The calibrator learns that too, and cannot forget the other.
  void correct(std::uint64_t key, float score, bool positive, float weight = 1.0F) noexcept;

  /// The last `window` predictions as they are known now: O(window log window), one allocation or two.
  Window rolling() const;

  /// Past windows beside each other, none of which overlaps another, oldest first. Allocates.
  std::vector<Window> windows() const;

  const Options& options() const noexcept { return options_; }
  const Calibrator& calibrator() const noexcept { return calibrator_; }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t refused() const noexcept { return refused_; }

  std::size_t memory_bytes() const noexcept;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("EstimatedPerformance", 1);
    std::uint64_t window = self.options_.window;
    std::uint64_t windows = self.options_.windows;
    ar(window, windows);
    ar.check(window == self.options_.window && windows == self.options_.windows, "options (saved: others)");
    ar(self.calibrator_, self.count_, self.refused_);
    for (std::size_t i = 0; i < self.held(); ++i) {
      auto& served = self.ring_[i];
      ar(served.key, served.at, served.score, served.positive, served.truth);
      ar.check(is_usable(served.score) && served.truth <= Truth::positive, "prediction");
    }
    std::uint64_t past = self.past_.size();
    ar(past);
    ar.check(past == std::min<std::uint64_t>(self.count_ / window, windows), "windows");
    if constexpr (Ar::reading) self.past_.resize(static_cast<std::size_t>(past));
    for (auto& one : self.past_) archive_past(one, ar);
    ar.check(self.keys_rise(), "keys");
  }

 private:
  enum class Truth : std::uint8_t { awaited, negative, positive };

  struct Served {
    std::uint64_t key = 0;
    Time at{};
    float score = 0.0F;
    bool positive = false;
    Truth truth = Truth::awaited;
  };

  struct Past {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    Time at{};
    std::uint64_t labelled = 0;
    Metrics estimated;
    metrics::Decisions realised;
  };

  /// How many predictions of one block of the calibrator were called 1, and 0.
  struct Share {
    double positive = 0.0;
    double negative = 0.0;
  };

  template <class P, class Ar>
  static void archive_past(P& past, Ar& ar) {
    ar(past.first, past.last, past.at, past.labelled);
    for (auto* estimate :
         {&past.estimated.accuracy, &past.estimated.precision, &past.estimated.recall, &past.estimated.f1, &past.estimated.roc_auc})
      ar(*estimate);
    ar(past.realised);
  }

  std::size_t held() const noexcept { return count_ < ring_.size() ? static_cast<std::size_t>(count_) : ring_.size(); }
  std::size_t place(std::uint64_t index) const noexcept { return static_cast<std::size_t>(index % ring_.size()); }
  const Served& newest() const noexcept { return ring_[place(count_ - 1)]; }
  bool keys_rise() const noexcept;
  Served* find(std::uint64_t key) noexcept;
  Past* find_past(std::uint64_t key) noexcept;
  void close() noexcept;
  Metrics realised(const metrics::Decisions& decisions) const noexcept;
  Metrics estimate(std::span<metrics::detail::Ranked> ranked, std::span<Share> shares) const noexcept;
  Estimate bounded(double value, double variance) const noexcept;
  Estimate area(std::span<metrics::detail::Ranked> ranked, double positives, double with_itself) const noexcept;

  Options options_;
  Calibrator calibrator_;
  std::vector<Served> ring_;
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
  ReservedVector<Past> past_;
  std::vector<metrics::detail::Ranked> ranked_;  // scratch of close()
  std::vector<Share> shares_;                    // the same, [blocks]
};

}  // namespace rtml::monitor
