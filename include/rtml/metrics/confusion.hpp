#pragma once

#include <cmath>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// Most classes that a confusion matrix or a metric of classes may have.
inline constexpr std::size_t max_classes = 1024;

/// Who was taken for whom among k classes: weighted counts [actual, predicted]. O(1) an outcome, 8 k^2 bytes.
class Confusion {
 public:
  /// @throws ConfigError unless 2 <= classes <= max_classes.
  explicit Confusion(std::size_t classes = 2) : classes_(classes) {
    require("Confusion", "classes", classes, classes >= 2 && classes <= max_classes, "in [2, 1024]");
    cells_.assign(classes * classes, 0.0);
  }

  std::size_t classes() const noexcept { return classes_; }

  /// Outcomes that were no class or not usable.
  std::uint64_t refused() const noexcept { return refused_; }

  void update(const Outcome& outcome) noexcept {
    if (!detail::is_usable_outcome(outcome) || !is_class(outcome.actual) || !is_class(outcome.predicted)) {
      ++refused_;
      return;
    }
    cells_[static_cast<std::size_t>(outcome.actual) * classes_ + static_cast<std::size_t>(outcome.predicted)] +=
        static_cast<double>(outcome.weight);
  }

  /// @pre actual < classes(), predicted < classes()
  double count(std::size_t actual, std::size_t predicted) const noexcept { return cells_[actual * classes_ + predicted]; }

  /// Of class `c`: how much of what was called c is c. NaN while nothing was. O(k), as recall and f1.
  double precision(std::size_t c) const noexcept { return detail::ratio(count(c, c), column(c)); }
  double recall(std::size_t c) const noexcept { return detail::ratio(count(c, c), row(c)); }
  double f1(std::size_t c) const noexcept { return detail::ratio(2.0 * count(c, c), row(c) + column(c)); }

  /// @pre other.classes() == classes()
  void merge(const Confusion& other) noexcept {
    for (std::size_t i = 0; i < cells_.size(); ++i) cells_[i] += other.cells_[i];
    refused_ += other.refused_;
  }

  void reset() noexcept {
    cells_.assign(cells_.size(), 0.0);
    refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + cells_.capacity() * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Confusion", 1);
    std::uint64_t classes = self.classes_;
    ar(classes);
    ar.check(classes == self.classes_, "classes");
    ar(self.cells_, self.refused_);
    ar.check(self.cells_.size() == self.classes_ * self.classes_, "cells");
    for (const double cell : self.cells_) ar.check(detail::is_sum(cell), "cells");
  }

 private:
  bool is_class(float label) const noexcept {
    return label >= 0.0F && label < static_cast<float>(classes_) && static_cast<float>(static_cast<std::size_t>(label)) == label;
  }
  double row(std::size_t c) const noexcept {
    double sum = 0.0;
    for (std::size_t i = 0; i < classes_; ++i) sum += count(c, i);
    return sum;
  }
  double column(std::size_t c) const noexcept {
    double sum = 0.0;
    for (std::size_t i = 0; i < classes_; ++i) sum += count(i, c);
    return sum;
  }

  std::size_t classes_;
  std::vector<double> cells_;  // [actual, predicted]
  std::uint64_t refused_ = 0;
};

namespace detail {

/// Of k classes: how often each was true, was predicted, and was both.
class ClassCounts {
 public:
  explicit ClassCounts(std::size_t classes) : counts_(3 * classes, 0.0) {
    require("metrics", "classes", classes, classes >= 2 && classes <= max_classes, "in [2, 1024]");
  }

  std::size_t classes() const noexcept { return counts_.size() / 3; }
  double actual(std::size_t c) const noexcept { return counts_[3 * c]; }
  double predicted(std::size_t c) const noexcept { return counts_[3 * c + 1]; }
  double both(std::size_t c) const noexcept { return counts_[3 * c + 2]; }

  bool accepts(const Outcome& outcome) const noexcept { return is_class(outcome.actual) && is_class(outcome.predicted); }
  void add(const Outcome& outcome, double weight) noexcept {
    const auto truth = static_cast<std::size_t>(outcome.actual);
    const auto said = static_cast<std::size_t>(outcome.predicted);
    counts_[3 * truth] += weight;
    counts_[3 * said + 1] += weight;
    if (truth == said) counts_[3 * truth + 2] += weight;
  }
  void merge(const ClassCounts& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  void scale(double factor) noexcept {
    for (double& count : counts_) count *= factor;
  }
  void reset() noexcept { counts_.assign(counts_.size(), 0.0); }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + counts_.capacity() * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::size_t size = self.counts_.size();
    ar(self.counts_);
    ar.check(self.counts_.size() == size, "classes");
    for (const double count : self.counts_) ar.check(is_sum(count), "counts");
  }

 private:
  bool is_class(float label) const noexcept {
    return label >= 0.0F && label < static_cast<float>(classes()) && static_cast<float>(static_cast<std::size_t>(label)) == label;
  }

  std::vector<double> counts_;  // [class, {actual, predicted, both}]
};

}  // namespace detail

/// Agreement beyond chance: (observed - expected) / (1 - expected). NaN while one class is all there is.
/// O(1) an outcome, O(k) a value. Source: J. Cohen, "A coefficient of agreement for nominal scales" (1960).
class Kappa {
 public:
  static constexpr std::string_view name = "kappa";
  static constexpr bool higher_is_better = true;

  explicit Kappa(std::size_t classes = 2) : counts_(classes) {}

  bool accepts(const Outcome& outcome) const noexcept { return counts_.accepts(outcome); }
  void add(const Outcome& outcome, double weight) noexcept { counts_.add(outcome, weight); }
  void merge(const Kappa& other) noexcept { counts_.merge(other.counts_); }
  void scale(double factor) noexcept { counts_.scale(factor); }
  void reset() noexcept { counts_.reset(); }

  double value() const noexcept {
    double total = 0.0;
    double agreed = 0.0;
    double by_chance = 0.0;
    for (std::size_t c = 0; c < counts_.classes(); ++c) {
      total += counts_.actual(c);
      agreed += counts_.both(c);
      by_chance += counts_.actual(c) * counts_.predicted(c);
    }
    if (!(total > 0.0)) return undefined;
    by_chance /= total;
    return by_chance < total ? (agreed - by_chance) / (total - by_chance) : undefined;
  }

  std::size_t memory_bytes() const noexcept { return counts_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Kappa", 1);
    ar(self.counts_);
  }

 private:
  detail::ClassCounts counts_;
};

/// F1 of each class that was true or predicted, averaged over these classes, as scikit-learn's f1_score(average="macro").
/// O(1) an outcome, O(k) a value.
class MacroF1 {
 public:
  static constexpr std::string_view name = "macro_f1";
  static constexpr bool higher_is_better = true;

  explicit MacroF1(std::size_t classes = 2) : counts_(classes) {}

  bool accepts(const Outcome& outcome) const noexcept { return counts_.accepts(outcome); }
  void add(const Outcome& outcome, double weight) noexcept { counts_.add(outcome, weight); }
  void merge(const MacroF1& other) noexcept { counts_.merge(other.counts_); }
  void scale(double factor) noexcept { counts_.scale(factor); }
  void reset() noexcept { counts_.reset(); }

  double value() const noexcept {
    double sum = 0.0;
    double seen = 0.0;
    for (std::size_t c = 0; c < counts_.classes(); ++c) {
      const double mentions = counts_.actual(c) + counts_.predicted(c);
      if (!(mentions > 0.0)) continue;
      sum += 2.0 * counts_.both(c) / mentions;
      seen += 1.0;
    }
    return detail::ratio(sum, seen);
  }

  std::size_t memory_bytes() const noexcept { return counts_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("MacroF1", 1);
    ar(self.counts_);
  }

 private:
  detail::ClassCounts counts_;
};

}  // namespace rtml::metrics
