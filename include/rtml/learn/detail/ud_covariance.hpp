#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"

namespace rtml::detail {

/// Sum of a[i] b[i] in eight lanes: one sum would wait for itself.
inline double dot(const double* a, const double* b, std::size_t n) noexcept {
  constexpr std::size_t lanes = 8;
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) sums[k] += a[i + k] * b[i + k];
  for (std::size_t k = 0; i + k < n; ++k) sums[k] += a[i + k] * b[i + k];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// The covariance P of d numbers as U D U', U unit upper triangular, D diagonal. Observing only multiplies D by ratios of positive numbers:
/// P stays positive definite however long, where P itself, or its inverse, would lose it to rounding.
///
/// Cost: O(d^2) an observation, one pass over d (d - 1) / 2 doubles.
/// Source: G. J. Bierman, "Factorization methods for discrete sequential estimation" (1977), section V.3.
class UdCovariance {
 public:
  static constexpr double largest = 1e70;  ///< no state that usable numbers lead to comes near

  UdCovariance() = default;

  /// Of independent numbers, each of variance `variance`.
  UdCovariance(std::size_t size, double variance) : d_(size, variance), u_(triangle(size), 0.0) {}

  std::size_t size() const noexcept { return d_.size(); }

  /// D[j]: the variance of number j when all later ones are known.
  double pivot(std::size_t j) const noexcept { return d_[j]; }

  /// z' P z
  double variance(const double* z) const noexcept {
    double sum = 0.0;
    for (std::size_t j = 0; j < size(); ++j) {
      const double f = z[j] + dot(column(j), z, j);
      sum += d_[j] * f * f;
    }
    return sum;
  }

  /// Row j of the inverse of U: P^-1 is the sum of row row' / pivot(j).
  void inverse_row(std::size_t j, double* row) const noexcept {
    std::fill(row, row + size(), 0.0);
    row[j] = 1.0;
    for (std::size_t k = j + 1; k < size(); ++k) row[k] = -dot(column(k) + j, row + j, k - j);
  }

  /// P after z' of the numbers was observed with noise of variance r > 0: P - P z z' P / a. Fills gain = P z; returns a = z' P z + r.
  double observe(const double* z, double r, double* gain) noexcept {
    double a = r;
    for (std::size_t j = 0; j < size(); ++j) a = observe_column(j, z[j] + dot(column(j), z, j), a, gain);
    return a;
  }

  /// The same when number j alone is observed, without the cancellation that P z z' P / a has where P[j, j] is far above r.
  /// r < 0 takes back an observation. @pre P[j, j] < -r then
  double observe_one(std::size_t j, double r, double* gain) noexcept {
    std::fill(gain, gain + j, 0.0);
    double a = observe_column(j, 1.0, r, gain);
    for (std::size_t k = j + 1; k < size(); ++k) {
      double& mine = column(k)[j];
      const double f = mine;
      const double before = a;
      a = observe_column(k, f, a, gain);
      mine = f * (r / before);  // f - f (before - r) / before
    }
    return a;
  }

  /// Number j in units `factor` times smaller: it becomes `factor` times itself. Exact for powers of two.
  void rescale(std::size_t j, double factor) noexcept {
    d_[j] *= factor * factor;
    for (std::size_t i = 0; i < j; ++i) column(j)[i] /= factor;
    for (std::size_t k = j + 1; k < size(); ++k) column(k)[j] *= factor;
  }

  /// P times `factor`.
  void inflate(double factor) noexcept {
    for (double& pivot : d_) pivot *= factor;
  }

  /// Takes over what `old` says of its numbers, of which number i is number places[i] here; places rise.
  void take(const UdCovariance& old, std::span<const std::size_t> places) noexcept {
    for (std::size_t j = 0; j < old.size(); ++j) {
      d_[places[j]] = old.d_[j];
      for (std::size_t i = 0; i < j; ++i) column(places[j])[places[i]] = old.column(j)[i];
    }
  }

  std::size_t memory_bytes() const noexcept { return (d_.capacity() + u_.capacity()) * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("UdCovariance", 1);
    ar(self.d_, self.u_);
    if constexpr (Ar::reading) {
      ar.check(self.u_.size() == triangle(self.size()), "size of U");
      for (const double pivot : self.d_) ar.check(is_finite(pivot) && pivot >= 1.0 / largest && pivot <= largest, "variance");
      for (const double entry : self.u_) ar.check(is_finite(entry) && entry >= -largest && entry <= largest, "U");
    }
  }

 private:
  static constexpr std::size_t triangle(std::size_t size) noexcept { return size == 0 ? 0 : size * (size - 1) / 2; }

  double* column(std::size_t j) noexcept { return u_.data() + triangle(j); }
  const double* column(std::size_t j) const noexcept { return u_.data() + triangle(j); }

  /// One step of the observation, f = U' z at j; `before` is r and what earlier steps added to it. Returns it with this one's.
  double observe_column(std::size_t j, double f, double before, double* gain) noexcept {
    const double v = d_[j] * f;
    gain[j] = v;
    if (f == 0.0) return before;
    const double a = before + f * v;
    d_[j] *= before / a;
    turn(j, -f / before, v, column(j), gain);
    return a;
  }

  /// By itself, with its arrays as parameters: only there do compilers believe that they do not overlap.
  static void turn(std::size_t n, double step, double v, double* __restrict u, double* __restrict gain) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
      const double old = u[i];
      u[i] = old + step * gain[i];
      gain[i] += v * old;
    }
  }

  std::vector<double> d_;  // [d]
  std::vector<double> u_;  // [d (d - 1) / 2], what is above the diagonal, by columns
};

}  // namespace rtml::detail
