// Small learners that keep every law, or break exactly one on purpose: what the laws and AnyLearner are tested with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::testing {

enum class Bug {
  none,
  predict_counts,
  learn_returns_after,
  copies_share,
  archive_forgets_bias,
  archive_trusts_count,
  archive_throws_other,
  predict_allocates,
  learn_allocates,
  weight_zero_counts,
  negative_weight_accepted,
  nan_label_accepted,
  infinite_x_accepted,
  refused_not_counted,
  refused_learns,
  predict_nan_of_refused,
  overflows,
  refuses_extremes,
  empty_row_is_nan,
  bind_forgets,
  bind_by_place,
  memory_of_self_only,
  memory_exaggerated,
  drift_age_moves,
};

/// Rows of linear weights over dense columns (kept by name) and 64 hashed buckets, with a normalised gradient step: no example, however
/// large, moves a margin by more than a step.
template <Bug bug = Bug::none>
class ToyWeights {
 public:
  explicit ToyWeights(std::size_t rows) : rows_(rows) {}

  void bind(const Schema& schema) {
    const std::size_t width = schema.dense_size() + buckets + 1;
    std::vector<double> moved(rows_ * width, 0.0);
    for (std::size_t row = 0; row < rows_ && bug != Bug::bind_forgets && !weights_.empty(); ++row) {
      for (std::size_t from = 0; from < schema_.dense_size(); ++from) {
        const auto to = bug == Bug::bind_by_place ? from : schema.dense_place(schema_.dense(from).name);
        if (to && *to < schema.dense_size()) moved[row * width + *to] = weights_[row * this->width() + from];
      }
      for (std::size_t i = 0; i <= buckets; ++i)
        moved[row * width + schema.dense_size() + i] = weights_[row * this->width() + schema_.dense_size() + i];
    }
    weights_ = std::move(moved);
    schema_ = schema;
  }

  double margin(std::size_t row, Features x) const noexcept {
    if (weights_.empty()) return 0.0;
    double sum = weights_[row * width() + width() - 1];
    for (std::size_t i = 0; i < std::min(x.dense.size(), schema_.dense_size()); ++i)
      if (!is_nan(x.dense[i])) sum += weights_[row * width() + i] * static_cast<double>(x.dense[i]);
    for (const SparseFeature& feature : x.sparse)
      sum += weights_[row * width() + schema_.dense_size() + feature.index % buckets] * static_cast<double>(feature.value);
    return sum;
  }

  void step(std::size_t row, Features x, double gradient) noexcept {
    if (weights_.empty()) return;
    double scale = 1.0;
    for (const float value : x.dense)
      if (!is_nan(value)) scale += static_cast<double>(value) * static_cast<double>(value);
    for (const SparseFeature& feature : x.sparse) scale += static_cast<double>(feature.value) * static_cast<double>(feature.value);
    const double rate = bug == Bug::overflows ? gradient * 1e270 : std::clamp(gradient, -1.0, 1.0) / scale;
    weights_[row * width() + width() - 1] -= rate;
    for (std::size_t i = 0; i < std::min(x.dense.size(), schema_.dense_size()); ++i)
      if (!is_nan(x.dense[i])) weights_[row * width() + i] -= rate * static_cast<double>(x.dense[i]);
    for (const SparseFeature& feature : x.sparse)
      weights_[row * width() + schema_.dense_size() + feature.index % buckets] -= rate * static_cast<double>(feature.value);
  }

  /// What the dense columns and the sparse features add to the margin of row 0; returns the intercept.
  float contributions(Features x, std::span<float> dense, std::span<float> sparse) const noexcept {
    for (std::size_t i = 0; i < dense.size(); ++i)
      dense[i] = is_nan(x.dense[i]) ? 0.0F : static_cast<float>(weights_[i] * static_cast<double>(x.dense[i]));
    for (std::size_t i = 0; i < sparse.size(); ++i)
      sparse[i] = static_cast<float>(weights_[schema_.dense_size() + x.sparse[i].index % buckets] * static_cast<double>(x.sparse[i].value));
    return static_cast<float>(weights_[width() - 1]);
  }

  std::size_t memory_bytes() const noexcept { return weights_.capacity() * sizeof(double) + schema_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ToyWeights", 1);
    if constexpr (bug == Bug::archive_trusts_count) {
      std::uint64_t count = self.weights_.size();
      ar(count);
      if constexpr (Ar::reading) self.weights_.resize(static_cast<std::size_t>(count));
      ar.check(count % (self.rows_) == 0, "weights");
    }
    ar(self.schema_, self.weights_);
    ar.check(self.weights_.empty() || self.weights_.size() == self.rows_ * self.width(), "weights");
    ar.check(std::all_of(self.weights_.begin(), self.weights_.end(), [](double weight) { return is_finite(weight); }), "weights");
    if constexpr (bug == Bug::archive_forgets_bias && Ar::reading) {
      if (!self.weights_.empty()) self.weights_.back() = 0.0;
    }
  }

 private:
  static constexpr std::size_t buckets = 64;
  std::size_t width() const noexcept { return schema_.dense_size() + buckets + 1; }

  std::size_t rows_;
  Schema schema_;
  std::vector<double> weights_;  // [rows, dense + buckets + 1]
};

/// Logistic regression.
template <Bug bug = Bug::none>
class ToyLogistic {
 public:
  static constexpr std::string_view name = "toy_logistic";

  void bind(const Schema& schema) {
    weights_.bind(schema);
    if (bug == Bug::copies_share) shared_ = std::make_shared<double>(0.0);
  }
  Task task() const noexcept { return Task::binary; }
  std::uint64_t refused() const noexcept { return refused_; }

  float predict(Features x) const noexcept {
    if (bug == Bug::predict_counts) ++const_cast<ToyLogistic*>(this)->seen_;
    if (bug == Bug::predict_allocates) static_cast<void>(std::vector<float>(x.dense.begin(), x.dense.end()));
    if (bug == Bug::empty_row_is_nan && x.dense.empty()) return std::bit_cast<float>(0x7fc00000U);
    if (!is_usable(x)) return bug == Bug::predict_nan_of_refused ? std::bit_cast<float>(0x7fc00000U) : 0.5F;
    const double margin = weights_.margin(0, x) + (shared_ ? *shared_ : 0.0);
    return static_cast<float>(1.0 / (1.0 + std::exp(-margin)));
  }

  float learn(Features x, float y, float weight = 1.0F) noexcept {
    const float before = predict(x);
    if (!usable(x, y, weight)) {
      if (bug != Bug::refused_not_counted) ++refused_;
      if (bug == Bug::refused_learns) weights_.step(0, {}, 0.1);
      return before;
    }
    if (weight == 0.0F) {
      if (bug == Bug::weight_zero_counts) ++seen_;
      return before;
    }
    if (bug == Bug::learn_allocates) grown_.assign(grown_.size() + 1, 0);
    if (shared_) *shared_ += 0.01;
    weights_.step(0, x, static_cast<double>(weight) * (static_cast<double>(before) - static_cast<double>(y)));
    ++seen_;
    return bug == Bug::learn_returns_after ? predict(x) : before;
  }

  float contributions(Features x, std::span<float> dense, std::span<float> sparse) const noexcept {
    return weights_.contributions(x, dense, sparse);
  }

  std::size_t memory_bytes() const noexcept {
    if (bug == Bug::memory_of_self_only) return sizeof(*this);
    return (sizeof(*this) + weights_.memory_bytes()) * (bug == Bug::memory_exaggerated ? 10 : 1);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ToyLogistic", 1);
    ar(self.weights_, self.seen_, self.refused_);
    if constexpr (bug == Bug::archive_throws_other) {
      std::uint8_t kind = 0;
      ar(kind);
      if (kind > 1) raise(ConfigError("kind"));
    }
  }

 private:
  static bool usable(Features x, float y, float weight) noexcept {
    if (bug == Bug::negative_weight_accepted && weight < 0.0F && is_usable(weight)) return is_usable(x, y, 1.0F);
    if (bug == Bug::nan_label_accepted && is_nan(y)) return is_usable(x, 0.0F, weight);
    if (bug == Bug::infinite_x_accepted && !x.dense.empty() && !is_finite(x.dense[1])) return is_usable(y) && is_usable(weight);
    if (bug == Bug::refuses_extremes && weight > 1e6F) return false;
    return is_usable(x, y, weight);
  }

  ToyWeights<bug> weights_{1};
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
  std::vector<std::uint8_t> grown_;
  std::shared_ptr<double> shared_;
};

/// Softmax regression over `classes` labels.
class ToySoftmax {
 public:
  explicit ToySoftmax(int classes) : classes_(classes), weights_(static_cast<std::size_t>(classes)) {}

  void bind(const Schema& schema) { weights_.bind(schema); }
  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return classes_; }
  std::uint64_t refused() const noexcept { return refused_; }

  void predict_proba(Features x, std::span<float> p) const noexcept {
    if (!is_usable(x)) x = {};
    double largest = weights_.margin(0, x);
    for (std::size_t k = 1; k < p.size(); ++k) largest = std::max(largest, weights_.margin(k, x));
    double sum = 0.0;
    for (std::size_t k = 0; k < p.size(); ++k) sum += std::exp(weights_.margin(k, x) - largest);
    for (std::size_t k = 0; k < p.size(); ++k) p[k] = static_cast<float>(std::exp(weights_.margin(k, x) - largest) / sum);
  }

  int predict(Features x) const noexcept {
    if (!is_usable(x)) x = {};
    int best = 0;
    for (int k = 1; k < classes_; ++k)
      if (weights_.margin(static_cast<std::size_t>(k), x) > weights_.margin(static_cast<std::size_t>(best), x)) best = k;
    return best;
  }

  int learn(Features x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (!is_usable(x, 0.0F, weight) || label < 0 || label >= classes_) {
      ++refused_;
      return before;
    }
    if (weight == 0.0F || label == before) return before;  // a perceptron: it learns from its mistakes
    weights_.step(static_cast<std::size_t>(label), x, -static_cast<double>(weight));
    weights_.step(static_cast<std::size_t>(before), x, static_cast<double>(weight));
    return before;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + weights_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ToySoftmax", 1);
    int classes = self.classes_;
    ar(classes);
    ar.check(classes == self.classes_, "classes");
    ar(self.weights_, self.refused_);
  }

 private:
  int classes_;
  ToyWeights<> weights_;
  std::uint64_t refused_ = 0;
};

/// Alarms when the sum of what exceeds 1 passes 30 (a one-sided CUSUM), or breaks one law on purpose.
template <Bug bug = Bug::none>
class ToyDetector {
 public:
  Change update(double value) noexcept {
    if (!is_finite(value)) {
      if (bug != Bug::refused_not_counted) ++refused_;
      if (bug == Bug::refused_learns) sum_ += 1.0;
      return Change::none;
    }
    if (bug == Bug::learn_allocates) grown_.assign(grown_.size() + 1, 0);
    sum_ = std::max(0.0, sum_ + value - 1.0);
    age_ = sum_ > 0.0 ? age_ + 1 : 0;
    if (sum_ > 30.0) {
      drift_age_ = age_;
      age_ = 0;
      sum_ = 0.0;
      return Change::drift;
    }
    return sum_ > 10.0 ? Change::warning : Change::none;
  }
  void reset() noexcept {
    if (bug != Bug::bind_forgets) sum_ = 0.0;
    age_ = drift_age_ = 0;
  }
  std::uint64_t refused() const noexcept { return refused_; }
  std::uint64_t drift_age() const noexcept { return bug == Bug::drift_age_moves ? age_ : drift_age_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ToyDetector", 1);
    if constexpr (bug == Bug::archive_forgets_bias) {
      ar(self.refused_);
    } else {
      ar(self.sum_, self.refused_, self.age_, self.drift_age_);
      ar.check(is_finite(self.sum_), "sum");
    }
  }

 private:
  double sum_ = 0.0;
  std::uint64_t refused_ = 0;
  std::uint64_t age_ = 0;
  std::uint64_t drift_age_ = 0;
  std::vector<std::uint8_t> grown_;
};

}  // namespace rtml::testing
