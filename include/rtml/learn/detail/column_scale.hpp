#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/kernels.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/detail/branchless.hpp"
#include "rtml/learn/detail/linear_kernels.hpp"

namespace rtml::detail {

/// Copies values [old dense_size] to their columns' places in `now`, by name; what is new begins at 0.
inline std::vector<float> moved_to(const Schema& now, const Schema& old, const std::vector<float>& values) {
  std::vector<float> moved(now.dense_size(), 0.0F);
  for (std::size_t place = 0; place < old.dense_size() && place < values.size(); ++place)
    if (const auto at = now.dense_place(old.dense(place).name)) moved[*at] = values[place];
  return moved;
}

/// The scale of what two have seen, each so many values.
inline void merge_scale(float& mine, float& my_count, float theirs, float their_count) noexcept {
  const double all = static_cast<double>(my_count) + static_cast<double>(their_count);
  if (all == 0.0) return;
  const double share = static_cast<double>(their_count) / all;
  const double square = (1.0 - share) * static_cast<double>(mine) * static_cast<double>(mine) +
                        share * static_cast<double>(theirs) * static_cast<double>(theirs);
  mine = static_cast<float>(std::sqrt(square));
  my_count = static_cast<float>(std::min(all, static_cast<double>(most_counted)));
}

/// Whether they can have been read from a file of ours.
inline bool sound_scale(float scale, float count) noexcept {
  return (scale == 0.0F || (scale >= least_scale && scale <= 2.0F * largest_magnitude)) && count >= 0.0F && count <= most_counted;
}

/// Makes dense learners free of their columns' scales: each value is divided by its column's root mean square over its last thousand
/// values, zeros and missing ones left out. One value counts for at most `largest_scaled` times that, so that an outlier neither becomes the scale nor
/// decides what is predicted.
class ColumnScale {
 public:
  void bind(const Schema& now, const Schema& old) {
    scale_ = moved_to(now, old, scale_);
    count_ = moved_to(now, old, count_);
    value_.assign(now.dense_size(), 0.0F);
    before_.assign(now.dense_size(), 0.0F);
    inverse_.assign(now.dense_size(), 0.0F);
  }

  std::size_t size() const noexcept { return scale_.size(); }

  /// Takes x [size()] into the scales; then values(), before() and inverse() are this example's.
  void observe(const float* x) noexcept {
    scale_columns(scale_.size(), x, {scale_.data(), count_.data(), value_.data(), before_.data(), inverse_.data()});
  }

  /// Takes x [size()] as it is, for who scales by himself: only values() are of this example.
  void pass(const float* x) noexcept {
    for (std::size_t j = 0; j < scale_.size(); ++j) value_[j] = choose(mask_of(is_nan(x[j])), 0.0F, x[j]);
  }

  /// A present value of a column as it would enter now; 0 where nothing was seen.
  float scaled(std::size_t column, float value) const noexcept { return scaled_by(scale_[column], value); }
  static float scaled_by(float scale, float value) noexcept { return scale > 0.0F ? cut(value / scale, largest_scaled) : 0.0F; }

  /// A present value of a column, in its own unit, as far from 0 as it counts.
  float within(std::size_t column, float value) const noexcept { return cut(value, largest_scaled * scale_[column]); }

  /// Sums of w[k] [d] times the values of x [d] that are present, each as far from 0 as it counts. @pre d <= size()
  template <std::size_t count>
  void dots(const std::array<const float*, count>& w, const float* x, std::size_t d, std::array<float, count>& sums) const noexcept {
    kernels::dots_within(w.data(), count, x, scale_.data(), largest_scaled, d, sums.data());
  }

  /// The same of rows, row r at x + r * stride: sums [rows, count], with the same bits.
  template <std::size_t count>
  void dots_of_rows(const std::array<const float*, count>& w, const float* x, std::ptrdiff_t stride, std::size_t rows, std::size_t d,
                    float* sums) const noexcept {
    kernels::rows_within(w.data(), count, x, stride, rows, scale_.data(), largest_scaled, d, sums);
  }

  float* values() noexcept { return value_.data(); }                 ///< x over its scale, within reach; 0 = missing
  const float* before() const noexcept { return before_.data(); }    ///< the scales before this example
  const float* inverse() const noexcept { return inverse_.data(); }  ///< 1 / the scales now; 0 where nothing was seen

  /// As if both had seen one stream, but for values that were cut.
  void merge(const ColumnScale& other) noexcept {
    for (std::size_t j = 0; j < scale_.size(); ++j) merge_scale(scale_[j], count_[j], other.scale_[j], other.count_[j]);
  }

  // What lasts, for who shares it.
  std::vector<float>& scales() noexcept { return scale_; }
  std::vector<float>& counts() noexcept { return count_; }

  std::size_t memory_bytes() const noexcept {
    return (scale_.capacity() + count_.capacity() + value_.capacity() + before_.capacity() + inverse_.capacity()) * sizeof(float);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ColumnScale", 1);
    ar(self.scale_, self.count_);
    if constexpr (Ar::reading) {
      const std::size_t n = self.scale_.size();
      ar.check(self.count_.size() == n, "scales");
      for (std::size_t j = 0; j < n; ++j) ar.check(sound_scale(self.scale_[j], self.count_[j]), "scale");
      self.value_.assign(n, 0.0F);
      self.before_.assign(n, 0.0F);
      self.inverse_.assign(n, 0.0F);
    }
  }

 private:
  std::vector<float> scale_;
  std::vector<float> count_;
  std::vector<float> value_;  // the rest is of one example, kept to allocate nothing
  std::vector<float> before_;
  std::vector<float> inverse_;
};

}  // namespace rtml::detail
