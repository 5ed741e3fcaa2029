#pragma once

#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// Share of outcomes whose prediction was the truth, of labels or of classes.
class Accuracy {
 public:
  static constexpr std::string_view name = "accuracy";
  static constexpr bool higher_is_better = true;

  bool accepts(const Outcome&) const noexcept { return true; }
  void add(const Outcome& outcome, double weight) noexcept {
    total_ += weight;
    if (outcome.predicted == outcome.actual) right_ += weight;
  }
  void merge(const Accuracy& other) noexcept { right_ += other.right_, total_ += other.total_; }
  void scale(double factor) noexcept { right_ *= factor, total_ *= factor; }
  void reset() noexcept { *this = Accuracy(); }
  double value() const noexcept { return detail::ratio(right_, total_); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Accuracy", 1);
    ar(self.right_, self.total_);
    ar.check(detail::is_sum(self.right_) && detail::is_sum(self.total_), "sums");
  }

 private:
  double right_ = 0.0;
  double total_ = 0.0;
};

namespace detail {

/// The four cells of a binary decision; `Ratio` says which of them make the metric.
template <class Ratio>
class BinaryCounts {
 public:
  static constexpr std::string_view name = Ratio::name;
  static constexpr bool higher_is_better = Ratio::higher_is_better;

  bool accepts(const Outcome& outcome) const noexcept { return is_binary_label(outcome.actual) && is_binary_label(outcome.predicted); }
  void add(const Outcome& outcome, double weight) noexcept {
    (outcome.predicted == 1.0F ? (outcome.actual == 1.0F ? tp_ : fp_) : (outcome.actual == 1.0F ? fn_ : tn_)) += weight;
  }
  void merge(const BinaryCounts& other) noexcept { tp_ += other.tp_, fp_ += other.fp_, tn_ += other.tn_, fn_ += other.fn_; }
  void scale(double factor) noexcept { tp_ *= factor, fp_ *= factor, tn_ *= factor, fn_ *= factor; }
  void reset() noexcept { *this = BinaryCounts(); }
  double value() const noexcept { return Ratio::of(tp_, fp_, tn_, fn_); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header(name, 1);
    ar(self.tp_, self.fp_, self.tn_, self.fn_);
    ar.check(is_sum(self.tp_) && is_sum(self.fp_) && is_sum(self.tn_) && is_sum(self.fn_), "counts");
  }

 private:
  double tp_ = 0.0;
  double fp_ = 0.0;
  double tn_ = 0.0;
  double fn_ = 0.0;
};

struct PrecisionRatio {
  static constexpr std::string_view name = "precision";
  static constexpr bool higher_is_better = true;
  static constexpr double of(double tp, double fp, double, double) noexcept { return ratio(tp, tp + fp); }
};
struct RecallRatio {
  static constexpr std::string_view name = "recall";
  static constexpr bool higher_is_better = true;
  static constexpr double of(double tp, double, double, double fn) noexcept { return ratio(tp, tp + fn); }
};
struct F1Ratio {
  static constexpr std::string_view name = "f1";
  static constexpr bool higher_is_better = true;
  static constexpr double of(double tp, double fp, double, double fn) noexcept { return ratio(2.0 * tp, 2.0 * tp + fp + fn); }
};
struct FalsePositiveRatio {
  static constexpr std::string_view name = "false_positive_rate";
  static constexpr bool higher_is_better = false;
  static constexpr double of(double, double fp, double tn, double) noexcept { return ratio(fp, fp + tn); }
};

}  // namespace detail

/// Of what was called 1, the share that is 1. NaN while nothing was called 1.
using Precision = detail::BinaryCounts<detail::PrecisionRatio>;
/// Of what is 1, the share that was called 1. NaN while nothing is 1.
using Recall = detail::BinaryCounts<detail::RecallRatio>;
/// Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn). NaN while nothing is 1 or called 1.
using F1 = detail::BinaryCounts<detail::F1Ratio>;
/// Of what is 0, the share that was called 1. NaN while nothing is 0.
using FalsePositiveRate = detail::BinaryCounts<detail::FalsePositiveRatio>;

}  // namespace rtml::metrics
