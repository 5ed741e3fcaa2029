#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::monitor {

/// What each feature does to what the model says: its fading mean of |contribution - usual contribution|, as a share of the sum over all.
/// For a linear model and independent features that is the mean |SHAP value|. A feature that always contributes the same does nothing.
///
/// update: O(d + nnz), allocates nothing. 16 bytes a column.
/// Source: S. M. Lundberg, S.-I. Lee, "A unified approach to interpreting model predictions", NIPS 2017, corollary 1.
class FeatureImportance {
 public:
  struct Options {
    double factor = 0.998;  ///< what an example weighs of the next one, in (0, 1]
  };

  explicit FeatureImportance(std::size_t columns = 0) : FeatureImportance(columns, Options{}) {}

  /// @throws ConfigError unless factor is in (0, 1].
  FeatureImportance(std::size_t columns, const Options& options) : options_(options), columns_(columns + 1) {
    require("FeatureImportance", "factor", options.factor, options.factor > 0.0 && options.factor <= 1.0, "in (0, 1]");
  }

  /// What the model made of one example: [columns] of its dense features, and of its hashed ones. What is not usable counts as 0.
  /// @pre dense.size() == columns()
  void update(std::span<const float> dense, std::span<const float> hashed) noexcept {
    weight_ = options_.factor * weight_ + 1.0;
    const double step = 1.0 / weight_;
    for (std::size_t i = 0; i < dense.size(); ++i) move(columns_[i], dense[i], step);
    float sum = 0.0F;  // which of them are there differs from example to example: they count as one
    for (const float contribution : hashed) sum += is_usable(contribution) ? contribution : 0.0F;
    move(columns_.back(), sum, step);
    ++count_;
  }

  std::size_t columns() const noexcept { return columns_.size() - 1; }

  /// Examples seen.
  std::uint64_t count() const noexcept { return count_; }

  /// [columns] in [0, 1]; NaN before the first example and while no feature does anything. Allocates.
  std::vector<double> shares() const {
    std::vector<double> shares(columns());
    const double sum = total();
    for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = share_of(columns_[i], sum);
    return shares;
  }

  /// Of all hashed features together. O(d)
  double hashed_share() const noexcept { return share_of(columns_.back(), total()); }

  void reset() noexcept {
    columns_.assign(columns_.size(), Column{});
    weight_ = 0.0;
    count_ = 0;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + columns_.capacity() * sizeof(Column); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FeatureImportance", 1);
    std::uint64_t columns = self.columns();
    double factor = self.options_.factor;
    ar(columns, factor, self.weight_, self.count_);
    ar.check(columns == self.columns() && factor == self.options_.factor, "options (saved: others)");
    ar.check(is_finite(self.weight_) && self.weight_ >= 0.0, "weight");
    for (auto& column : self.columns_) {
      ar(column.usual, column.deviation);
      ar.check(is_usable(column.usual) && is_usable(column.deviation) && column.deviation >= 0.0, "contribution");
    }
  }

 private:
  struct Column {
    double usual = 0.0;      // fading mean of the contribution
    double deviation = 0.0;  // of its distance from that
  };

  static void move(Column& column, float contribution, double step) noexcept {
    const double value = is_usable(contribution) ? static_cast<double>(contribution) : 0.0;
    column.usual += step * (value - column.usual);
    column.deviation += step * (std::fabs(value - column.usual) - column.deviation);
  }

  double total() const noexcept {
    double sum = 0.0;
    for (const Column& one : columns_) sum += one.deviation;
    return sum;
  }

  static double share_of(const Column& column, double sum) noexcept {
    return sum > 0.0 ? column.deviation / sum : std::numeric_limits<double>::quiet_NaN();
  }

  Options options_;
  std::vector<Column> columns_;  // of dense features, and one of all hashed
  double weight_ = 0.0;
  std::uint64_t count_ = 0;
};

/// The order of features by what their drift may do to the model, the worst first: effect of the drift times share of importance; equals
/// by the effect. Where the share of any feature that has an effect is NaN (the learner cannot say), all go by the effect alone: products
/// and effects do not compare. NaN effects come last. O(d log d), allocates. @pre equally long
inline std::vector<std::size_t> ranked_by_impact(std::span<const double> effects, std::span<const double> shares) {
  bool weighed = true;
  for (std::size_t i = 0; i < effects.size(); ++i) weighed = weighed && (is_nan(effects[i]) || !is_nan(shares[i]));
  std::vector<std::size_t> order(effects.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (is_nan(effects[a]) || is_nan(effects[b])) return !is_nan(effects[a]) && is_nan(effects[b]);
    const double left = weighed ? effects[a] * shares[a] : 0.0;
    const double right = weighed ? effects[b] * shares[b] : 0.0;
    return left != right ? left > right : effects[a] > effects[b];
  });
  return order;
}

}  // namespace rtml::monitor
