#pragma once

#include <algorithm>
#include <cmath>

#include "rtml/core/task.hpp"
#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// Mean of -ln(probability given to the truth). Probabilities are clipped at 2^-23, float's precision (as scikit-learn does for float32):
/// one certain error costs 15.94.
class LogLoss {
 public:
  static constexpr std::string_view name = "log_loss";
  static constexpr bool higher_is_better = false;
  static constexpr double least_probability = 0x1p-23;

  /// Of one outcome.
  static double of(const Outcome& outcome, bool binary) noexcept {
    const auto score = static_cast<double>(outcome.score);
    const double truth = binary && outcome.actual == 0.0F ? 1.0 - score : score;
    return -std::log(std::clamp(truth, least_probability, 1.0));
  }

  /// `task` says whether Outcome::score is P(y = 1) (binary) or the probability of the true class (classes).
  explicit LogLoss(Task task = Task::binary) noexcept : binary_(task != Task::classes) {}

  bool accepts(const Outcome& outcome) const noexcept { return !binary_ || detail::is_binary_label(outcome.actual); }
  void add(const Outcome& outcome, double weight) noexcept {
    loss_ += weight * of(outcome, binary_);
    total_ += weight;
  }
  void merge(const LogLoss& other) noexcept { loss_ += other.loss_, total_ += other.total_; }
  void scale(double factor) noexcept { loss_ *= factor, total_ *= factor; }
  void reset() noexcept { loss_ = total_ = 0.0; }
  double value() const noexcept { return detail::ratio(loss_, total_); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("LogLoss", 1);
    bool binary = self.binary_;
    ar(binary);
    ar.check(binary == self.binary_, "task");
    ar(self.loss_, self.total_);
    ar.check(detail::is_sum(self.loss_) && detail::is_sum(self.total_), "sums");
  }

 private:
  bool binary_;
  double loss_ = 0.0;
  double total_ = 0.0;
};

/// Mean of |predicted - actual|, in the unit of the label.
class MeanAbsoluteError {
 public:
  static constexpr std::string_view name = "mae";
  static constexpr bool higher_is_better = false;

  bool accepts(const Outcome&) const noexcept { return true; }
  void add(const Outcome& outcome, double weight) noexcept {
    sum_ += weight * std::abs(static_cast<double>(outcome.predicted) - static_cast<double>(outcome.actual));
    total_ += weight;
  }
  void merge(const MeanAbsoluteError& other) noexcept { sum_ += other.sum_, total_ += other.total_; }
  void scale(double factor) noexcept { sum_ *= factor, total_ *= factor; }
  void reset() noexcept { *this = MeanAbsoluteError(); }
  double value() const noexcept { return detail::ratio(sum_, total_); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("MeanAbsoluteError", 1);
    ar(self.sum_, self.total_);
    ar.check(detail::is_sum(self.sum_) && detail::is_sum(self.total_), "sums");
  }

 private:
  double sum_ = 0.0;
  double total_ = 0.0;
};

/// Root of the mean of (predicted - actual)^2, in the unit of the label.
class RootMeanSquaredError {
 public:
  static constexpr std::string_view name = "rmse";
  static constexpr bool higher_is_better = false;

  bool accepts(const Outcome&) const noexcept { return true; }
  void add(const Outcome& outcome, double weight) noexcept {
    const double error = static_cast<double>(outcome.predicted) - static_cast<double>(outcome.actual);
    sum_ += weight * error * error;
    total_ += weight;
  }
  void merge(const RootMeanSquaredError& other) noexcept { sum_ += other.sum_, total_ += other.total_; }
  void scale(double factor) noexcept { sum_ *= factor, total_ *= factor; }
  void reset() noexcept { *this = RootMeanSquaredError(); }
  double value() const noexcept { return total_ > 0.0 ? std::sqrt(sum_ / total_) : undefined; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("RootMeanSquaredError", 1);
    ar(self.sum_, self.total_);
    ar.check(detail::is_sum(self.sum_) && detail::is_sum(self.total_), "sums");
  }

 private:
  double sum_ = 0.0;
  double total_ = 0.0;
};

/// Coefficient of determination: 1 - sum of squared errors / sum of squared distances of the truth from its mean. NaN while the truth is
/// constant.
/// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance" (1983), for the merged second moment.
class R2 {
 public:
  static constexpr std::string_view name = "r2";
  static constexpr bool higher_is_better = true;

  bool accepts(const Outcome&) const noexcept { return true; }
  void add(const Outcome& outcome, double weight) noexcept {
    const auto truth = static_cast<double>(outcome.actual);
    const double error = static_cast<double>(outcome.predicted) - truth;
    errors_ += weight * error * error;
    total_ += weight;
    const double step = truth - mean_;
    mean_ += step * weight / total_;
    spread_ += weight * step * (truth - mean_);
  }
  void merge(const R2& other) noexcept {
    const double total = total_ + other.total_;
    if (!(other.total_ > 0.0)) return;
    const double step = other.mean_ - mean_;
    spread_ += other.spread_ + step * step * (total_ / total) * other.total_;
    mean_ += step * (other.total_ / total);
    errors_ += other.errors_;
    total_ = total;
  }
  void scale(double factor) noexcept { errors_ *= factor, total_ *= factor, spread_ *= factor; }
  void reset() noexcept { *this = R2(); }
  double value() const noexcept { return spread_ > 0.0 ? 1.0 - errors_ / spread_ : undefined; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("R2", 1);
    ar(self.errors_, self.total_, self.mean_, self.spread_);
    ar.check(detail::is_sum(self.errors_) && detail::is_sum(self.total_) && detail::is_sum(self.spread_) && is_usable(self.mean_),
             "moments");
  }

 private:
  double errors_ = 0.0;
  double total_ = 0.0;
  double mean_ = 0.0;    // of the truth
  double spread_ = 0.0;  // weighted sum of squared distances from the mean
};

/// What one outcome costs: log loss, the absolute error of a regression, the hinge loss of a binary learner that decides at a margin, which is
/// no probability (`threshold` as AnyLearner::threshold()).
inline double loss_of(Task task, const Outcome& outcome, float threshold = 0.5F) noexcept {
  if (is_margin(task, threshold)) {
    const double side = outcome.actual == 0.0F ? -1.0 : 1.0;
    return std::max(0.0, 1.0 - side * static_cast<double>(outcome.score));
  }
  if (task != Task::regression) return LogLoss::of(outcome, task == Task::binary);
  return std::fabs(static_cast<double>(outcome.predicted) - static_cast<double>(outcome.actual));
}

}  // namespace rtml::metrics
