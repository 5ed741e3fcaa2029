#pragma once

#include <algorithm>
#include <cmath>

#include "rtml/metrics/tally.hpp"
#include "rtml/stats/intervals.hpp"

namespace rtml::metrics {

/// The four cells of a binary decision, and how sure what follows from them is: accuracy, precision, recall and F1, each with an interval
/// of the rate behind it. Over the last 1000 outcomes: `Windowed<Decisions>(1000).tally().recall_interval()`.
///
/// Intervals assume independent outcomes, and labels that come whatever the outcome is. Weights count by the effective size,
/// (sum w)^2 / sum w^2, of L. Kish, "Survey Sampling" (1965), 8.2.
class Decisions {
 public:
  static constexpr std::string_view name = "accuracy";
  static constexpr bool higher_is_better = true;

  bool accepts(const Outcome& outcome) const noexcept {
    return detail::is_binary_label(outcome.actual) && detail::is_binary_label(outcome.predicted);
  }
  void add(const Outcome& outcome, double weight) noexcept {
    Cell& cell = cell_of(outcome);
    cell.sum += weight;
    cell.squares += weight * weight;
  }
  /// Takes an outcome back that was added with this weight; never more than there is.
  void remove(const Outcome& outcome, double weight) noexcept {
    Cell& cell = cell_of(outcome);
    cell.sum = std::max(cell.sum - weight, 0.0);
    cell.squares = std::max(cell.squares - weight * weight, 0.0);
  }
  void merge(const Decisions& other) noexcept {
    tp_ = tp_ + other.tp_, fp_ = fp_ + other.fp_, tn_ = tn_ + other.tn_, fn_ = fn_ + other.fn_;
  }
  void scale(double factor) noexcept {
    for (Cell* cell : {&tp_, &fp_, &tn_, &fn_}) cell->sum *= factor, cell->squares *= factor * factor;
  }
  void reset() noexcept { *this = Decisions(); }

  double value() const noexcept { return accuracy(); }
  double accuracy() const noexcept { return detail::ratio(tp_.sum + tn_.sum, total().sum); }
  double precision() const noexcept { return detail::ratio(tp_.sum, (tp_ + fp_).sum); }
  double recall() const noexcept { return detail::ratio(tp_.sum, (tp_ + fn_).sum); }
  double f1() const noexcept { return detail::ratio(2.0 * tp_.sum, 2.0 * tp_.sum + fp_.sum + fn_.sum); }

  /// Sum of all weights.
  double weight() const noexcept { return total().sum; }

  // Wilson's; NaN while the rate is. Of precision given how many were called 1, of recall given how many are 1.
  stats::Interval accuracy_interval(double confidence = 0.95) const noexcept { return interval(tp_.sum + tn_.sum, total(), confidence); }
  stats::Interval precision_interval(double confidence = 0.95) const noexcept { return interval(tp_.sum, tp_ + fp_, confidence); }
  stats::Interval recall_interval(double confidence = 0.95) const noexcept { return interval(tp_.sum, tp_ + fn_, confidence); }

  /// F1 = 2 J / (1 + J) rises with J = tp / (tp + fp + fn), a binomial rate given tp + fp + fn: the interval is Wilson's of J, mapped.
  /// Sources: D. J. Hand, P. Christen, N. Kirielle, "F*: an interpretable transformation of the F-measure", Machine Learning 110 (2021),
  /// section 2; K. F. Y. Lam, V. Gopal, J. Qian, "Confidence intervals for the F1 score: a comparison of four methods",
  /// arXiv:2309.14621 (2023), the Wilson indirect method.
  stats::Interval f1_interval(double confidence = 0.95) const noexcept {
    const stats::Interval of_j = interval(tp_.sum, tp_ + fp_ + fn_, confidence);
    return {2.0 * of_j.low / (1.0 + of_j.low), 2.0 * of_j.high / (1.0 + of_j.high)};
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Decisions", 1);
    for (auto* cell : {&self.tp_, &self.fp_, &self.tn_, &self.fn_}) {
      ar(cell->sum, cell->squares);
      ar.check(detail::is_sum(cell->sum) && detail::is_sum(cell->squares), "counts");
    }
  }

 private:
  struct Cell {
    double sum = 0.0;
    double squares = 0.0;  // of the weights

    Cell operator+(const Cell& other) const noexcept { return {sum + other.sum, squares + other.squares}; }
  };

  Cell& cell_of(const Outcome& outcome) noexcept {
    return outcome.predicted == 1.0F ? (outcome.actual == 1.0F ? tp_ : fp_) : (outcome.actual == 1.0F ? fn_ : tn_);
  }
  Cell total() const noexcept { return tp_ + fp_ + tn_ + fn_; }
  static stats::Interval interval(double part, const Cell& whole, double confidence) noexcept {
    const double n = detail::ratio(whole.sum * whole.sum, whole.squares);
    return stats::wilson(std::fmin(part / whole.sum, 1.0) * n, n, confidence);
  }

  Cell tp_;
  Cell fp_;
  Cell tn_;
  Cell fn_;
};

}  // namespace rtml::metrics
