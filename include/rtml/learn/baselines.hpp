#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"

namespace rtml {

// What a learner has to beat. All ignore the features, which must be usable all the same, and take any schema.

/// Predicts the mean label so far, 0 before the first; with Task::binary that is the share of ones, and so the majority's label.
class Mean {
 public:
  static constexpr std::string_view name = "mean";

  struct Options {
    Task task = Task::regression;  ///< regression, or binary: then labels other than 0 and 1 are refused
  };

  Mean() = default;
  /// @throws ConfigError for Task::classes (see Majority).
  explicit Mean(const Options& options) : task_(options.task) {
    require("Mean", "task", name_of(task_), task_ != Task::classes, "regression or binary");
  }

  void bind(const Schema& /*schema*/) noexcept {}
  Task task() const noexcept { return task_; }
  std::uint64_t refused() const noexcept { return refused_; }
  float predict(const Features& /*x*/) const noexcept { return static_cast<float>(mean_); }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    const float before = predict(x);
    if (!is_usable(x, y, weight) || (task_ == Task::binary && y != 0.0F && y != 1.0F)) {
      ++refused_;
    } else if (weight > 0.0F) {
      weight_ += static_cast<double>(weight);
      mean_ += (static_cast<double>(y) - mean_) * (static_cast<double>(weight) / weight_);
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Mean", 1);
    Task task = self.task_;
    ar(task, self.weight_, self.mean_, self.refused_);
    ar.check(task == self.task_, "task (saved: another)");
    ar.check(is_finite(self.weight_) && self.weight_ >= 0.0, "weight");
    ar.check(is_usable(self.mean_) && (task == Task::regression || (self.mean_ >= 0.0 && self.mean_ <= 1.0)), "mean");
  }

 private:
  Task task_ = Task::regression;
  double weight_ = 0.0;
  double mean_ = 0.0;
  std::uint64_t refused_ = 0;
};

/// Predicts each class by its share so far, all alike before the first label.
class Majority {
 public:
  static constexpr std::string_view name = "majority";

  struct Options {
    int classes = 2;  ///< in [2, 65536]
  };

  Majority() : Majority(Options{}) {}
  /// @throws ConfigError unless there are 2 to 65536 classes.
  explicit Majority(const Options& options) {
    require("Majority", "classes", options.classes, options.classes >= 2 && options.classes <= 65536, "in [2, 65536]");
    weight_.assign(static_cast<std::size_t>(options.classes), 0.0);
  }

  void bind(const Schema& /*schema*/) noexcept {}
  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return static_cast<int>(weight_.size()); }
  std::uint64_t refused() const noexcept { return refused_; }

  /// @pre p.size() >= classes()
  void predict_proba(const Features& /*x*/, std::span<float> p) const noexcept {
    double total = 0.0;
    for (const double weight : weight_) total += weight;
    for (std::size_t c = 0; c < weight_.size(); ++c)
      p[c] = static_cast<float>(total > 0.0 ? weight_[c] / total : 1.0 / static_cast<double>(weight_.size()));
  }

  int predict(const Features& /*x*/) const noexcept {
    return static_cast<int>(std::max_element(weight_.begin(), weight_.end()) - weight_.begin());
  }

  int learn(const Features& x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (!is_usable(x, 0.0F, weight) || label < 0 || label >= classes()) {
      ++refused_;
    } else {
      weight_[static_cast<std::size_t>(label)] += static_cast<double>(weight);
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + weight_.capacity() * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Majority", 1);
    const std::size_t classes = self.weight_.size();
    ar(self.weight_, self.refused_);
    ar.check(self.weight_.size() == classes, "classes (saved: of another number)");
    for (const double weight : self.weight_) ar.check(weight >= 0.0 && weight <= 1e90, "weight of a class");
  }

 private:
  std::vector<double> weight_;  // [classes]
  std::uint64_t refused_ = 0;
};

/// Predicts the last label learned, 0 before the first: what an autocorrelated stream gives for nothing.
class NoChange {
 public:
  static constexpr std::string_view name = "no_change";

  struct Options {
    Task task = Task::regression;  ///< regression, or binary: then labels other than 0 and 1 are refused
  };

  NoChange() = default;
  /// @throws ConfigError for Task::classes (see NoChangeClass).
  explicit NoChange(const Options& options) : task_(options.task) {
    require("NoChange", "task", name_of(task_), task_ != Task::classes, "regression or binary");
  }

  void bind(const Schema& /*schema*/) noexcept {}
  Task task() const noexcept { return task_; }
  std::uint64_t refused() const noexcept { return refused_; }
  float predict(const Features& /*x*/) const noexcept { return last_; }

  float learn(const Features& x, float y, float weight = 1.0F) noexcept {
    const float before = last_;
    if (!is_usable(x, y, weight) || (task_ == Task::binary && y != 0.0F && y != 1.0F)) {
      ++refused_;
    } else if (weight > 0.0F) {
      last_ = y;
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("NoChange", 1);
    Task task = self.task_;
    ar(task, self.last_, self.refused_);
    ar.check(task == self.task_, "task (saved: another)");
    ar.check(is_usable(self.last_) && (task == Task::regression || self.last_ == 0.0F || self.last_ == 1.0F), "last label");
  }

 private:
  Task task_ = Task::regression;
  float last_ = 0.0F;
  std::uint64_t refused_ = 0;
};

/// NoChange for classes: probability 1 for the last one, all alike before the first label.
class NoChangeClass {
 public:
  static constexpr std::string_view name = "no_change";

  struct Options {
    int classes = 2;  ///< in [2, 65536]
  };

  NoChangeClass() : NoChangeClass(Options{}) {}
  /// @throws ConfigError unless there are 2 to 65536 classes.
  explicit NoChangeClass(const Options& options) : classes_(options.classes) {
    require("NoChangeClass", "classes", options.classes, options.classes >= 2 && options.classes <= 65536, "in [2, 65536]");
  }

  void bind(const Schema& /*schema*/) noexcept {}
  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return classes_; }
  std::uint64_t refused() const noexcept { return refused_; }

  /// @pre p.size() >= classes()
  void predict_proba(const Features& /*x*/, std::span<float> p) const noexcept {
    for (int c = 0; c < classes_; ++c)
      p[static_cast<std::size_t>(c)] = last_ < 0 ? 1.0F / static_cast<float>(classes_) : (c == last_ ? 1.0F : 0.0F);
  }

  int predict(const Features& /*x*/) const noexcept { return std::max(last_, 0); }

  int learn(const Features& x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (!is_usable(x, 0.0F, weight) || label < 0 || label >= classes_) {
      ++refused_;
    } else if (weight > 0.0F) {
      last_ = label;
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("NoChangeClass", 1);
    int classes = self.classes_;
    ar(classes, self.last_, self.refused_);
    ar.check(classes == self.classes_, "classes (saved: of another number)");
    ar.check(self.last_ >= -1 && self.last_ < self.classes_, "last class");
  }

 private:
  int classes_ = 2;
  int last_ = -1;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
