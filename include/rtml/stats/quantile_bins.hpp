#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::stats {

/// The p-quantile of sorted finite values, interpolated linearly (Hyndman and Fan's type 7), with numpy's rounding: an edge that falls
/// on a value is that value in both.
/// @pre !sorted.empty(), 0 <= p <= 1
template <class T>
double quantile_of_sorted(std::span<const T> sorted, double p) noexcept {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const double whole = std::floor(place);
  const auto at = static_cast<std::size_t>(whole);
  const double t = place - whole;
  const auto a = static_cast<double>(sorted[at]);
  const auto b = static_cast<double>(sorted[std::min(at + 1, sorted.size() - 1)]);
  const double gap = b - a;
  if (!is_finite(gap)) return std::lerp(a, b, t);
  return t < 0.5 ? a + gap * t : b - gap * (1.0 - t);
}

/// Writes the inner edges of `bins` bins of equal mass over sorted finite values, ascending and without repeats; returns how many.
/// @pre edges.size() >= bins - 1
template <class T>
std::size_t quantile_edges(std::span<const T> sorted, std::size_t bins, std::span<double> edges) noexcept {
  if (sorted.empty()) return 0;
  std::size_t count = 0;
  for (std::size_t k = 1; k < bins; ++k) {
    const double edge = quantile_of_sorted(sorted, static_cast<double>(k) / static_cast<double>(bins));
    if (count == 0 || edge > edges[count - 1]) edges[count++] = edge;
  }
  return count;
}

/// Bins at the quantiles of a reference sample: (-inf, e1], (e1, e2], ..., (ek, inf), and one more for missing values (NaN). Ties may
/// leave fewer than asked for. Values beyond what the reference showed fall in the outer bins; infinities too.
class QuantileBins {
 public:
  QuantileBins() = default;

  /// Learns the edges from the finite values of `sample`. Allocates; O(n log n).
  /// @throws ConfigError unless 2 <= bins <= 65536
  explicit QuantileBins(std::span<const double> sample, std::size_t bins = 10) {
    require("QuantileBins", "bins", bins, bins >= 2 && bins <= 65536, "in [2, 65536]");
    std::vector<double> sorted;
    std::copy_if(sample.begin(), sample.end(), std::back_inserter(sorted), [](double value) { return is_finite(value); });
    std::sort(sorted.begin(), sorted.end());
    edges_.resize(bins - 1);
    edges_.resize(quantile_edges(std::span<const double>(sorted), bins, edges_));
  }

  std::span<const double> edges() const noexcept { return edges_; }

  /// How many bins there are, the one for missing values included: it is the last.
  std::size_t size() const noexcept { return edges_.size() + 2; }
  std::size_t missing() const noexcept { return edges_.size() + 1; }

  /// O(log bins).
  std::size_t operator()(double value) const noexcept {
    if (is_nan(value)) return missing();
    return static_cast<std::size_t>(std::lower_bound(edges_.begin(), edges_.end(), value) - edges_.begin());
  }

  /// Adds the values to `counts` [size()].
  void count(std::span<const double> values, std::span<std::uint64_t> counts) const noexcept {
    for (const double value : values) ++counts[(*this)(value)];
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + edges_.capacity() * sizeof(double); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("QuantileBins", 1);
    ar(self.edges_);
    for (std::size_t i = 0; i < self.edges_.size(); ++i)
      ar.check(is_finite(self.edges_[i]) && (i == 0 || self.edges_[i] > self.edges_[i - 1]), "edges");
  }

 private:
  std::vector<double> edges_;  // inner ones, ascending
};

}  // namespace rtml::stats
