// The posterior of BayesianLinear by its normal equations in extended precision, and what its tests share.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/bayesian_linear.hpp"
#include "support/catch.hpp"

namespace rtml::testing {

inline constexpr float missing_value = std::numeric_limits<float>::quiet_NaN();

/// The posterior by its normal equations, over all examples at once: the intercept is a column of ones without a prior.
class BatchPosterior {
 public:
  explicit BatchPosterior(double forgetting = 1.0) : forgetting_(static_cast<long double>(forgetting)) {}

  void add(const std::vector<double>& x, double y, double weight) {
    for (long double& earlier : weights_) earlier *= forgetting_;
    rows_.push_back(with_intercept(x));
    labels_.push_back(static_cast<long double>(y));
    weights_.push_back(static_cast<long double>(weight));
  }

  /// `prior` [d]: precisions of the weights.
  void solve(const std::vector<double>& prior) {
    const std::size_t n = prior.size() + 1;
    Matrix precision(n, Vector(n, 0.0L));
    Vector h(n, 0.0L);
    for (std::size_t j = 1; j < n; ++j) precision[j][j] = static_cast<long double>(prior[j - 1]);
    total_ = 0.0L;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const long double w = weights_[i];
      total_ += w;
      for (std::size_t j = 0; j < n; ++j) {
        h[j] += w * rows_[i][j] * labels_[i];
        for (std::size_t k = 0; k < n; ++k) precision[j][k] += w * rows_[i][j] * rows_[i][k];
      }
    }
    root_ = cholesky(precision);
    mean_ = solve_with(h);
    squares_ = 0.0L;
    for (std::size_t j = 1; j < n; ++j) squares_ += static_cast<long double>(prior[j - 1]) * mean_[j] * mean_[j];
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const long double left = labels_[i] - at(rows_[i]);
      squares_ += weights_[i] * left * left;
    }
  }

  BayesianLinear::Predictive predict(const std::vector<double>& x) const {
    const Vector row = with_intercept(x);
    const Vector solved = solve_with(row);
    long double spread = 1.0L;
    for (std::size_t j = 0; j < row.size(); ++j) spread += row[j] * solved[j];
    const long double freedom = total_ - 1.0L;
    return {static_cast<double>(at(row)), static_cast<double>(std::sqrt(squares_ / freedom * spread)), static_cast<double>(freedom)};
  }

 private:
  using Vector = std::vector<long double>;
  using Matrix = std::vector<Vector>;

  static Vector with_intercept(const std::vector<double>& x) {
    Vector row = {1.0L};
    for (const double value : x) row.push_back(static_cast<long double>(value));
    return row;
  }

  long double at(const Vector& x) const {
    long double sum = 0.0L;
    for (std::size_t j = 0; j < x.size(); ++j) sum += mean_[j] * x[j];
    return sum;
  }

  static Matrix cholesky(Matrix a) {
    for (std::size_t j = 0; j < a.size(); ++j) {
      for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
      a[j][j] = std::sqrt(a[j][j]);
      for (std::size_t i = j + 1; i < a.size(); ++i) {
        for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
        a[i][j] /= a[j][j];
      }
    }
    return a;
  }

  Vector solve_with(Vector b) const {
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) b[i] -= root_[i][k] * b[k];
      b[i] /= root_[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) b[i] -= root_[k][i] * b[k];
      b[i] /= root_[i][i];
    }
    return b;
  }

  long double forgetting_;
  Matrix rows_;
  Vector labels_;
  Vector weights_;
  Matrix root_;
  Vector mean_;
  long double total_ = 0.0L;
  long double squares_ = 0.0L;
};

inline std::vector<double> priors_of(const BayesianLinear& model) {
  std::vector<double> prior(model.schema().dense_size());
  for (std::size_t j = 0; j < prior.size(); ++j) prior[j] = model.prior_precision(j);
  return prior;
}

inline std::vector<double> in_double(const std::vector<float>& x) { return {x.begin(), x.end()}; }

/// `mean` is a float; what is closer than its last digit cannot be asked.
inline void require_same(const BayesianLinear::Predictive& got, const BayesianLinear::Predictive& expected, double tolerance = 1e-9) {
  REQUIRE(got.mean == Approx(expected.mean).epsilon(1e-6).margin(1e-6));
  REQUIRE(got.freedom == Approx(expected.freedom).epsilon(tolerance));
  REQUIRE(got.scale == Approx(expected.scale).epsilon(tolerance));
}

inline BayesianLinear bound_to(std::size_t columns, const BayesianLinear::Options& options = {}) {
  BayesianLinear model(options);
  model.bind(Schema::numeric(columns));
  return model;
}

/// Standard normal columns and noise; label = 3 + x0 - 2 x1 + 0.5 x2 + ... + noise.
struct NormalRows {
  Rng rng;
  std::size_t columns;
  double noise = 1.0;
  std::vector<float> x = std::vector<float>(columns);
  float y = 0.0F;

  void next() {
    double mean = 3.0;
    for (std::size_t j = 0; j < columns; ++j) {
      x[j] = static_cast<float>(rng.normal());
      mean += static_cast<double>(x[j]) * (j == 0 ? 1.0 : (j == 1 ? -2.0 : 0.5));
    }
    y = static_cast<float>(mean + noise * rng.normal());
  }
};

}  // namespace rtml::testing
