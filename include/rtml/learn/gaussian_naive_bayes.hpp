#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/math.hpp"

namespace rtml {

/// Naive Bayes: given the class, each numeric column is normal with its running mean and variance, each nominal column has its running
/// frequencies (one pseudo-count a code). A missing value tells nothing, in learning and prediction. Hashed features are ignored.
///
/// A nominal column of unknown, or more than 4096, categories shares 64, or 4096, places by hash. Where a class has seen a column vary
/// less than 1e-9 of the column's own variance, or fewer than twice, the column's mean and variance stand in. Examples of weight w count w
/// times, exactly. Cost: O(classes d) to predict, O(d) to learn.
/// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
class GaussianNaiveBayes {
 public:
  static constexpr std::string_view name = "naive_bayes";
  static constexpr int most_classes = 256;

  struct Options {
    int classes = 2;  ///< in [2, 256]
  };

  GaussianNaiveBayes() : GaussianNaiveBayes(Options{}) {}

  /// @throws ConfigError unless there are 2 to 256 classes.
  explicit GaussianNaiveBayes(const Options& options) : classes_(static_cast<std::size_t>(options.classes)) {
    require("GaussianNaiveBayes", "classes", options.classes, options.classes >= 2 && options.classes <= most_classes, "in [2, 256]");
    weight_.assign(classes_, 0.0);
  }

  /// Sizes the model; again with a schema that gained columns, keeps what was learned, by name.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema) {
    if (auto missing = schema.missing_from(schema_)) raise(SchemaError("naive_bayes learned from other features: " + *missing));
    std::vector<std::vector<double>> columns(schema.dense_size());
    for (std::size_t place = 0; place < columns.size(); ++place) {
      const auto old = schema_.dense_place(schema.dense(place).name);
      if (old) {
        columns[place] = std::move(columns_[*old]);
      } else {
        columns[place].assign(size_of(schema.dense(place)), 0.0);
      }
    }
    columns_ = std::move(columns);
    schema_ = schema;
  }

  const Schema& schema() const noexcept { return schema_; }
  std::uint64_t fingerprint() const noexcept { return schema_.fingerprint(); }
  Task task() const noexcept { return Task::classes; }
  int classes() const noexcept { return static_cast<int>(classes_); }
  std::uint64_t refused() const noexcept { return refused_; }

  /// @pre p.size() >= classes()
  void predict_proba(const Features& x, std::span<float> p) const noexcept {
    std::array<double, most_classes> score;  // NOLINT(cppcoreguidelines-pro-type-member-init): its beginning is filled, then read
    double total = static_cast<double>(classes_);
    for (const double weight : weight_) total += weight;
    for (std::size_t c = 0; c < classes_; ++c) score[c] = log((weight_[c] + 1.0) / total);
    const std::size_t d = std::min(x.dense.size(), columns_.size());
    for (std::size_t j = 0; j < d; ++j) {
      if (!is_usable(x.dense[j])) continue;
      if (schema_.dense(j).kind == Column::Kind::nominal) {
        add_nominal(j, x.dense[j], score.data());
      } else {
        add_normal(j, static_cast<double>(x.dense[j]), score.data());
      }
    }
    const double highest = *std::max_element(score.begin(), score.begin() + static_cast<std::ptrdiff_t>(classes_));
    float sum = 0.0F;
    for (std::size_t c = 0; c < classes_; ++c) sum += p[c] = math::exp(static_cast<float>(std::max(score[c] - highest, -1e3)));
    for (std::size_t c = 0; c < classes_; ++c) p[c] /= sum;
  }

  int predict(const Features& x) const noexcept {
    std::array<float, most_classes> p;  // NOLINT(cppcoreguidelines-pro-type-member-init): predict_proba fills what is read
    predict_proba(x, p);
    return static_cast<int>(std::max_element(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(classes_)) - p.begin());
  }

  int learn(const Features& x, int label, float weight = 1.0F) noexcept {
    const int before = predict(x);
    if (!is_usable(x, 0.0F, weight) || label < 0 || label >= classes() || x.dense.size() != columns_.size()) {
      ++refused_;
    } else if (weight > 0.0F) {
      update(x, static_cast<std::size_t>(label), static_cast<double>(weight));
    }
    return before;
  }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) - sizeof(schema_) + schema_.memory_bytes() + weight_.capacity() * sizeof(double) +
                        columns_.capacity() * sizeof(std::vector<double>);
    for (const auto& column : columns_) bytes += column.capacity() * sizeof(double);
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("GaussianNaiveBayes", 1);
    std::uint64_t classes = self.classes_;
    ar(classes);
    ar.check(classes == self.classes_, "classes (saved: of another number)");
    ar(self.schema_, self.weight_, self.columns_, self.refused_);
    if constexpr (Ar::reading) {
      ar.check(self.weight_.size() == self.classes_, "class weights");
      for (const double weight : self.weight_) ar.check(is_finite(weight) && weight >= 0.0 && weight <= largest, "class weight");
      ar.check(self.columns_.size() == self.schema_.dense_size(), "columns");
      for (std::size_t j = 0; j < self.columns_.size(); ++j) {
        const auto& column = self.columns_[j];
        ar.check(column.size() == self.size_of(self.schema_.dense(j)), "size of a column");
        const bool nominal = self.schema_.dense(j).kind == Column::Kind::nominal;
        for (std::size_t i = 0; i < column.size(); ++i)
          ar.check(is_finite(column[i]) && std::fabs(column[i]) <= largest && (column[i] >= 0.0 || (!nominal && i % 3 == 1)), "moment");
      }
    }
  }

 private:
  static constexpr double largest = 1e90;  // no sum of usable numbers comes near, and its square is still finite

  static double log(double x) noexcept { return math::detail::log_positive(std::max(x, 1e-300)); }

  static std::size_t places(const Column& column) noexcept {
    return column.categories == 0 ? 64 : std::min<std::size_t>(column.categories, 4096);
  }

  /// Numeric: weight, mean and squared deviations of each class, then of all. Nominal: the weight of all codes, then of each, by class.
  std::size_t size_of(const Column& column) const noexcept {
    return column.kind == Column::Kind::nominal ? classes_ * (places(column) + 1) : (classes_ + 1) * 3;
  }

  /// The place of a code, or the number of places when it is none.
  static std::size_t place_of(const Column& column, float code) noexcept {
    const std::size_t count = places(column);
    if (count != column.categories) return hash_integer(std::bit_cast<std::uint32_t>(code + 0.0F)) % count;
    if (!(code >= 0.0F) || code >= static_cast<float>(count)) return count;
    const auto place = static_cast<std::size_t>(code);
    return static_cast<float>(place) == code ? place : count;
  }

  void add_nominal(std::size_t j, float code, double* score) const noexcept {
    const Column& column = schema_.dense(j);
    const std::size_t count = places(column);
    const std::size_t place = place_of(column, code);
    if (place == count) return;
    for (std::size_t c = 0; c < classes_; ++c) {
      const double* seen = columns_[j].data() + c * (count + 1);
      score[c] += log((seen[1 + place] + 1.0) / (seen[0] + static_cast<double>(count)));
    }
  }

  void add_normal(std::size_t j, double x, double* score) const noexcept {
    const double* all = columns_[j].data() + 3 * classes_;
    if (all[0] <= 0.0 || all[2] <= 0.0) return;  // never seen, or constant: tells nothing
    const double pooled = all[2] / all[0];
    for (std::size_t c = 0; c < classes_; ++c) {
      const double* own = columns_[j].data() + 3 * c;
      const bool known = own[0] > 0.0 && own[2] > 1e-9 * pooled * own[0];
      const double variance = known ? own[2] / own[0] : pooled;
      const double away = x - (own[0] > 0.0 ? own[1] : all[1]);
      score[c] -= 0.5 * (log(variance) + std::min(away * away / variance, 1e12));
    }
  }

  void update(const Features& x, std::size_t label, double weight) noexcept {
    weight_[label] = std::min(weight_[label] + weight, largest);
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      if (is_nan(x.dense[j])) continue;
      const Column& column = schema_.dense(j);
      if (column.kind == Column::Kind::nominal) {
        const std::size_t place = place_of(column, x.dense[j]);
        if (place == places(column)) continue;
        double* seen = columns_[j].data() + label * (places(column) + 1);
        seen[0] += weight;
        seen[1 + place] += weight;
      } else {
        for (const std::size_t c : {label, classes_}) add(columns_[j].data() + 3 * c, static_cast<double>(x.dense[j]), weight);
      }
    }
  }

  static void add(double* moments, double x, double weight) noexcept {
    moments[0] += weight;
    const double away = x - moments[1];
    moments[1] += away * weight / moments[0];
    moments[2] += std::max(weight * away * (x - moments[1]), 0.0);  // rounding may make it less
  }

  std::size_t classes_ = 0;
  Schema schema_;
  std::vector<double> weight_;                // [classes]
  std::vector<std::vector<double>> columns_;  // size_of each
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
