#pragma once

#include <algorithm>
#include <bit>
#include <span>
#include <vector>

#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

namespace detail {

/// A score and what it weighs on either side.
struct Ranked {
  float score = 0.0F;
  double positive = 0.0;
  double negative = 0.0;
};

/// Area under the ROC curve of groups in falling order of score; a group is a tie and counts half.
struct RocArea {
  double positives = 0.0;
  double negatives = 0.0;
  double area = 0.0;

  constexpr void add(double positive, double negative) noexcept {
    area += negative * (positives + 0.5 * positive);
    positives += positive;
    negatives += negative;
  }
  constexpr double value() const noexcept { return positives > 0.0 && negatives > 0.0 ? area / positives / negatives : undefined; }
};

/// Sum of (R_n - R_{n-1}) P_n over falling thresholds; a group is one threshold.
struct PrecisionArea {
  double positives = 0.0;
  double negatives = 0.0;
  double area = 0.0;

  constexpr void add(double positive, double negative) noexcept {
    positives += positive;
    negatives += negative;
    if (positive > 0.0) area += positive * (positives / (positives + negatives));
  }
  constexpr double value() const noexcept { return positives > 0.0 ? area / positives : undefined; }
};

/// Sorts `ranked`, and walks its groups of equal scores from the highest down.
template <class Area>
double area_of(std::span<Ranked> ranked) noexcept {
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  Area area;
  for (std::size_t i = 0; i < ranked.size();) {
    double positive = 0.0;
    double negative = 0.0;
    const float score = ranked[i].score;
    for (; i < ranked.size() && ranked[i].score == score; ++i) positive += ranked[i].positive, negative += ranked[i].negative;
    area.add(positive, negative);
  }
  return area.value();
}

/// Weights of positives and negatives by score, in bins that are as narrow as the score is near 0 or 1: 32 to an octave of p below 1/2
/// and of 1 - p above, down to 2^-25. So a bin is at most 1/16 of a logit wide, wherever the scores of a rare class gather.
class ScoreHistogram {
 public:
  static constexpr std::size_t octaves = 24;
  static constexpr std::size_t per_octave = 32;
  static constexpr std::size_t side = octaves * per_octave;
  static constexpr std::size_t size = 2 * side;

  ScoreHistogram() : bins_(2 * size, 0.0) {}

  /// Monotone in `score`; below 0 is 0, above 1 is 1.
  static constexpr std::size_t bin_of(float score) noexcept { return score < 0.5F ? side_bin(score) : size - 1 - side_bin(1.0F - score); }

  double positive(std::size_t bin) const noexcept { return bins_[2 * bin]; }
  double negative(std::size_t bin) const noexcept { return bins_[2 * bin + 1]; }

  void add(const Outcome& outcome, double weight) noexcept {
    bins_[2 * bin_of(outcome.score) + (outcome.actual == 1.0F ? 0 : 1)] += weight;
  }
  void merge(const ScoreHistogram& other) noexcept {
    for (std::size_t i = 0; i < bins_.size(); ++i) bins_[i] += other.bins_[i];
  }
  void scale(double factor) noexcept {
    for (double& bin : bins_) bin *= factor;
  }
  void reset() noexcept { bins_.assign(bins_.size(), 0.0); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + bins_.capacity() * sizeof(double); }

  template <class Area>
  double area() const noexcept {
    Area area;
    for (std::size_t bin = size; bin-- > 0;) area.add(positive(bin), negative(bin));
    return area.value();
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.bins_);
    ar.check(self.bins_.size() == 2 * size, "bins");
    for (const double bin : self.bins_) ar.check(is_sum(bin), "bins");
  }

 private:
  static constexpr std::size_t side_bin(float p) noexcept {  // of p <= 1/2: exponent and five bits of the fraction
    constexpr std::uint32_t least = std::bit_cast<std::uint32_t>(0x1p-25F) >> 18U;
    if (!(p > 0x1p-25F)) return 0;
    return std::min<std::size_t>((std::bit_cast<std::uint32_t>(p) >> 18U) - least, side - 1);
  }

  std::vector<double> bins_;  // [bin, {positive, negative}], rising score
};

/// A ranking metric of binary scores; exact over a window, from a histogram over a whole or fading stream.
template <class Definition>
class Ranking {
 public:
  static constexpr std::string_view name = Definition::name;
  static constexpr bool higher_is_better = true;

  bool accepts(const Outcome& outcome) const noexcept { return is_binary_label(outcome.actual); }
  void add(const Outcome& outcome, double weight) noexcept { scores_.add(outcome, weight); }
  void merge(const Ranking& other) noexcept { scores_.merge(other.scores_); }
  void scale(double factor) noexcept { scores_.scale(factor); }
  void reset() noexcept { scores_.reset(); }
  std::size_t memory_bytes() const noexcept { return scores_.memory_bytes(); }

  /// O(bins), 1536 of them.
  double value() const noexcept { return scores_.template area<typename Definition::Area>(); }

  /// The largest possible distance of `value()` from that of the unbinned scores, whatever their order within a bin.
  double error_bound() const noexcept { return Definition::error_bound(scores_); }

  /// Exact; ties count as one threshold. Sorts `ranked`: O(n log n).
  static double of(std::span<Ranked> ranked) noexcept { return area_of<typename Definition::Area>(ranked); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header(name, 1);
    ar(self.scores_);
  }

 private:
  ScoreHistogram scores_;
};

struct RocAucDefinition {
  static constexpr std::string_view name = "roc_auc";
  using Area = RocArea;
  static double error_bound(const ScoreHistogram& scores) noexcept {
    double pairs = 0.0;
    double positives = 0.0;
    double negatives = 0.0;
    for (std::size_t bin = 0; bin < ScoreHistogram::size; ++bin) {
      pairs += scores.positive(bin) * scores.negative(bin);
      positives += scores.positive(bin);
      negatives += scores.negative(bin);
    }
    return positives > 0.0 && negatives > 0.0 ? 0.5 * pairs / positives / negatives : undefined;
  }
};

struct AveragePrecisionDefinition {
  static constexpr std::string_view name = "average_precision";
  using Area = PrecisionArea;
  static double error_bound(const ScoreHistogram& scores) noexcept {
    double above_positive = 0.0;
    double above_negative = 0.0;
    double error = 0.0;
    for (std::size_t bin = ScoreHistogram::size; bin-- > 0;) {
      const double positive = scores.positive(bin);
      const double negative = scores.negative(bin);
      if (positive > 0.0) {
        // Best: the bin's positives all come first; worst: all last. A tie lies between.
        const double best = (above_positive + positive) / (above_positive + positive + above_negative);
        const double before_last = above_positive + above_negative + negative;
        const double worst = before_last > 0.0 ? above_positive / before_last : 1.0;
        error += positive * (best - worst);
      }
      above_positive += positive;
      above_negative += negative;
    }
    return above_positive > 0.0 ? error / above_positive : undefined;
  }
};

}  // namespace detail

/// Area under the ROC curve: how often a positive scores above a negative, ties half. NaN unless both were seen.
/// Over a window exact; over a whole or fading stream from a histogram of 1536 bins (24 KB), off by at most error_bound(): half the share
/// of pairs that fall into one bin.
/// Source: T. Fawcett, "An introduction to ROC analysis" (2006), algorithm 3.
using RocAuc = detail::Ranking<detail::RocAucDefinition>;

/// Average precision, scikit-learn's definition: the sum of (R_n - R_{n-1}) P_n over falling thresholds, not interpolated. NaN while
/// there are no positives. For a rare class it says more than RocAuc. Exact and binned as that is.
using AveragePrecision = detail::Ranking<detail::AveragePrecisionDefinition>;

}  // namespace rtml::metrics
