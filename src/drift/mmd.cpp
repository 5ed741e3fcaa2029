#include "rtml/drift/mmd.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

constexpr std::size_t most_sampled = 8192;
constexpr std::size_t rows_of_median = 1000;  // of each sample

/// Rows [n, columns] without those that have a value that is not finite.
struct Rows {
  std::vector<double> values;
  std::size_t columns;
  std::size_t size = 0;

  Rows(std::span<const double> all, std::size_t width) : columns(width) {
    values.reserve(all.size());
    for (std::size_t at = 0; at < all.size(); at += columns) {
      const auto row = all.subspan(at, columns);
      if (!std::all_of(row.begin(), row.end(), [](double value) { return is_finite(value); })) continue;
      values.insert(values.end(), row.begin(), row.end());
      ++size;
    }
  }

  const double* row(std::size_t i) const noexcept { return values.data() + i * columns; }

  /// In units of `unit`; with 0 infinite for rows that differ.
  double squared_distance(std::size_t i, const Rows& other, std::size_t j, double unit) const noexcept {
    const double* u = row(i);
    const double* v = other.row(j);
    double sum = 0.0;
    for (std::size_t k = 0; k < columns; ++k) {
      const double gap = u[k] == v[k] ? 0.0 : (u[k] - v[k]) / unit;  // before it is squared: the square may be too large, or vanish
      sum += gap * gap;
    }
    return sum;
  }
};

double median(std::vector<double>& values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return values.size() % 2 == 1 ? *middle : 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

/// Median distance between two of the pooled rows.
double median_distance(const Rows& a, const Rows& b) {
  const std::size_t n = std::min(a.size, rows_of_median);
  const std::size_t m = std::min(b.size, rows_of_median);
  std::vector<double> distances;
  distances.reserve((n + m) * (n + m - 1) / 2);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) distances.push_back(std::sqrt(a.squared_distance(i, a, j, 1.0)));
    for (std::size_t j = 0; j < m; ++j) distances.push_back(std::sqrt(a.squared_distance(i, b, j, 1.0)));
  }
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < i; ++j) distances.push_back(std::sqrt(b.squared_distance(i, b, j, 1.0)));
  return median(distances);
}

/// exp(-d^2 / (2 sigma^2)); of sigma = 0 (more than half of the pairs are equal) what it tends to.
class Kernel {
 public:
  explicit Kernel(double sigma) noexcept : sigma_(sigma) {}

  double operator()(const Rows& a, std::size_t i, const Rows& b, std::size_t j) const noexcept {
    return std::exp(-0.5 * a.squared_distance(i, b, j, sigma_));
  }

 private:
  double sigma_;
};

/// Kernel values of all pairs of pooled rows below the diagonal, and their sums.
class Pairs {
 public:
  Pairs(const Rows& a, const Rows& b, const Kernel& kernel) : n_(a.size), m_(b.size), row_sums_(a.size + b.size) {
    const std::size_t size = n_ + m_;
    values_.reserve(size * (size - 1) / 2);
    for (std::size_t i = 0; i < size; ++i) {
      const Rows& of_i = i < n_ ? a : b;
      const std::size_t at_i = i < n_ ? i : i - n_;
      for (std::size_t j = 0; j < i; ++j) {
        const double value = kernel(of_i, at_i, j < n_ ? a : b, j < n_ ? j : j - n_);
        values_.push_back(value);
        row_sums_[i] += value;
        row_sums_[j] += value;
        all_ += value;
      }
    }
  }

  /// Sums of kernel values within `first` (ascending places of a sample) and within the other rows, each pair once.
  std::pair<double, double> within(std::span<const std::size_t> first) const noexcept {
    double inside = 0.0;
    double touching = 0.0;
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double* row = values_.data() + first[i] * (first[i] - (first[i] > 0 ? 1 : 0)) / 2;
      for (std::size_t j = 0; j < i; ++j) inside += row[first[j]];
      touching += row_sums_[first[i]];
    }
    return {inside, all_ - touching + inside};  // `touching` has what lies inside twice
  }

  double all() const noexcept { return all_; }

 private:
  std::size_t n_;
  std::size_t m_;
  std::vector<double> values_;
  std::vector<double> row_sums_;
  double all_ = 0.0;
};

/// Estimates from the sums within each sample (pairs once) and of all pairs.
struct Estimate {
  double n;
  double m;
  double all;

  double unbiased(double in_a, double in_b) const noexcept {
    return 2.0 * in_a / (n * (n - 1.0)) + 2.0 * in_b / (m * (m - 1.0)) - 2.0 * (all - in_a - in_b) / (n * m);
  }
  double biased(double in_a, double in_b) const noexcept {
    return (2.0 * in_a + n) / (n * n) + (2.0 * in_b + m) / (m * m) - 2.0 * (all - in_a - in_b) / (n * m);
  }
};

TwoSample of_all_pairs(const Rows& a, const Rows& b, const Kernel& kernel, const MmdOptions& options) {
  const Pairs pairs(a, b, kernel);
  const Estimate estimate{static_cast<double>(a.size), static_cast<double>(b.size), pairs.all()};
  const bool biased = options.estimator == MmdEstimator::biased;
  // The smaller sample is drawn again and again: the cost is its square.
  const bool a_is_drawn = a.size <= b.size;
  const auto statistic_of = [&](std::span<const std::size_t> drawn) {
    auto [in_a, in_b] = pairs.within(drawn);
    if (!a_is_drawn) std::swap(in_a, in_b);
    return std::pair(biased ? estimate.biased(in_a, in_b) : estimate.unbiased(in_a, in_b), estimate.unbiased(in_a, in_b));
  };
  const std::size_t size = a.size + b.size;
  const std::size_t drawn_size = std::min(a.size, b.size);
  std::vector<std::size_t> drawn(drawn_size);
  for (std::size_t i = 0; i < drawn_size; ++i) drawn[i] = a_is_drawn ? i : a.size + i;
  const auto observed = statistic_of(drawn);
  const double effect = std::sqrt(std::max(0.0, observed.second));
  const std::size_t rounds = options.permutations.count;
  if (rounds == 0) return {observed.first, std::numeric_limits<double>::quiet_NaN(), effect};
  Rng rng(options.permutations.seed);
  std::size_t as_large = 1;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < size; ++i)  // each row with the chance that fills what is still to be drawn
      if (rng.below(size - i) < drawn_size - next) drawn[next++] = i;
    as_large += statistic_of(drawn).first >= observed.first - 1e-12 ? 1U : 0U;  // what is equal may differ by its rounding
  }
  return {observed.first, static_cast<double>(as_large) / (static_cast<double>(rounds) + 1.0), effect};
}

TwoSample of_neighbours(const Rows& a, const Rows& b, const Kernel& kernel) {
  const std::size_t count = std::min(a.size, b.size) / 2;
  double mean = 0.0;
  double squares = 0.0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t i = 2 * k;
    const double h = kernel(a, i, a, i + 1) + kernel(b, i, b, i + 1) - kernel(a, i, b, i + 1) - kernel(a, i + 1, b, i);
    const double from_mean = h - mean;
    mean += from_mean / static_cast<double>(k + 1);
    squares += from_mean * (h - mean);
  }
  const auto n = static_cast<double>(count);
  const double error = std::sqrt(squares / (n - 1.0) / n);
  if (error > 0.0) return {mean, stats::normal_sf(mean / error), std::sqrt(std::max(0.0, mean))};
  return {mean, mean > 0.0 ? std::exp2(-n) : 1.0, std::sqrt(std::max(0.0, mean))};  // all alike: each is as often negative by chance
}

}  // namespace

TwoSample mmd(std::span<const double> reference, std::span<const double> current, const MmdOptions& options) {
  require("mmd", "columns", options.columns, options.columns >= 1, ">= 1");
  require("mmd", "bandwidth", options.bandwidth, is_finite(options.bandwidth) && options.bandwidth >= 0.0, "finite and >= 0");
  for (const auto sample : {reference, current})
    require("mmd", "values", sample.size(), sample.size() % options.columns == 0, "whole rows of " + to_text(options.columns));
  const Rows a(reference, options.columns);
  const Rows b(current, options.columns);
  const bool linear = options.estimator == MmdEstimator::linear;
  if (!linear) require("mmd", "rows", a.size + b.size, a.size + b.size <= most_sampled, "at most 8192; take estimator linear");
  const std::size_t least = linear ? 4 : 2;
  if (a.size < least || b.size < least) return {};
  const double bandwidth = options.bandwidth > 0.0 ? options.bandwidth : median_distance(a, b);
  if (!is_finite(bandwidth)) return {};  // distances beyond the largest number compare nothing
  const Kernel kernel(bandwidth);
  return linear ? of_neighbours(a, b, kernel) : of_all_pairs(a, b, kernel, options);
}

}  // namespace rtml::drift
