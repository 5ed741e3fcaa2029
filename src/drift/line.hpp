// Distances that are an integral along the line over what the two distribution functions are.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/permutations.hpp"

#include "drift/pooled.hpp"

namespace rtml::drift {

inline std::vector<double> finite_values(std::span<const double> sample) {
  std::vector<double> values;
  values.reserve(sample.size());
  std::copy_if(sample.begin(), sample.end(), std::back_inserter(values), [](double value) { return is_finite(value); });
  return values;
}

/// Integral of of_gap(i m - j n) along the line, i of n and j of m lying below.
template <class F>
double gap_integral(const std::vector<Run>& runs, double n, double m, F of_gap) noexcept {
  double sum = 0.0;
  double i = 0.0;
  double j = 0.0;
  for (std::size_t k = 0; k + 1 < runs.size(); ++k) {
    i += static_cast<double>(runs[k].a);
    j += static_cast<double>(runs[k].b);
    sum += of_gap(i * m - j * n) * (runs[k + 1].value - runs[k].value);
  }
  return sum;
}

/// The same integral for random labels: each value is one of the first sample with the chance that uses up its n labels.
template <class F>
double relabelled_integral(const std::vector<Run>& runs, double n, double m, F of_gap, Rng& rng) noexcept {
  double sum = 0.0;
  double left = n + m;
  double left_a = n;
  for (std::size_t k = 0; k + 1 < runs.size(); ++k) {
    for (std::uint64_t draws = runs[k].a + runs[k].b; draws > 0; --draws) {
      left_a -= rng.uniform() * left < left_a ? 1.0 : 0.0;
      left -= 1.0;
    }
    const double i = n - left_a;
    const double j = m - (left - left_a);
    sum += of_gap(i * m - j * n) * (runs[k + 1].value - runs[k].value);
  }
  return sum;
}

/// The same p-value for every distance that grows with this integral; NaN when that is beyond the largest number.
template <class F>
double permutation_p(const std::vector<Run>& runs, double n, double m, const Permutations& permutations, F of_gap) noexcept {
  if (permutations.count == 0) return std::numeric_limits<double>::quiet_NaN();
  const double observed = gap_integral(runs, n, m, of_gap) * (1.0 - 1e-12);  // what is equal may differ by its rounding
  if (!is_finite(observed)) return std::numeric_limits<double>::quiet_NaN();
  Rng rng(permutations.seed);
  std::size_t as_large = 1;
  for (std::size_t round = 0; round < permutations.count; ++round)
    as_large += relabelled_integral(runs, n, m, of_gap, rng) >= observed ? 1U : 0U;
  return static_cast<double>(as_large) / (static_cast<double>(permutations.count) + 1.0);
}

}  // namespace rtml::drift
