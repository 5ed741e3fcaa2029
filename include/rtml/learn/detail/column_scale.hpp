#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/learn/detail/branchless.hpp"

namespace rtml::detail {

/// Copies values [old dense_size] to their columns' places in `now`, by name; what is new begins at 0.
inline std::vector<float> moved_to(const Schema& now, const Schema& old, const std::vector<float>& values) {
  std::vector<float> moved(now.dense_size(), 0.0F);
  for (std::size_t place = 0; place < old.dense_size() && place < values.size(); ++place)
    if (const auto at = now.dense_place(old.dense(place).name)) moved[*at] = values[place];
  return moved;
}

/// Makes dense learners free of their columns' scales: each value is divided by its column's root mean square, seen so far, zeros and
/// missing values left out. One value counts for at most `reach` times that, so that an outlier does not become the scale.
class ColumnScale {
 public:
  static constexpr float reach = 10.0F;

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
    observe(scale_.size(), x, scale_.data(), count_.data(), value_.data(), before_.data(), inverse_.data());
  }

  /// Takes x [size()] as it is, for who scales by himself.
  void pass(const float* x) noexcept {
    for (std::size_t j = 0; j < scale_.size(); ++j) {
      value_[j] = choose(mask_of(is_nan(x[j])), 0.0F, x[j]);
      before_[j] = 1.0F;
      inverse_[j] = 1.0F;
    }
  }

  float* values() noexcept { return value_.data(); }                 ///< x over its scale, within reach; 0 = missing
  const float* before() const noexcept { return before_.data(); }    ///< the scales before this example
  const float* inverse() const noexcept { return inverse_.data(); }  ///< 1 / the scales now; 0 where nothing was seen

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
      for (std::size_t j = 0; j < n; ++j) {
        ar.check(self.scale_[j] == 0.0F || (self.scale_[j] >= smallest && self.scale_[j] <= 2.0F * largest_magnitude), "scale");
        ar.check(self.count_[j] >= 0.0F && self.count_[j] <= most, "count of a scale");
      }
      self.value_.assign(n, 0.0F);
      self.before_.assign(n, 0.0F);
      self.inverse_.assign(n, 0.0F);
    }
  }

 private:
  static constexpr float smallest = 1e-18F;  // below it a value counts as 0: its square would lose bits
  static constexpr float most = 16777216.0F;

  /// The loop by itself, with its arrays as parameters: only there do compilers believe that they do not overlap.
  static void observe(std::size_t n, const float* __restrict x, float* __restrict scale, float* __restrict count, float* __restrict value,
                      float* __restrict before, float* __restrict inverse) noexcept {
    for (std::size_t j = 0; j < n; ++j) {
      const float raw = choose(mask_of(is_nan(x[j])), 0.0F, x[j]);
      const float size = magnitude(raw);
      const std::int32_t seen = mask_of(bits_of(size) >= bits_of(smallest));
      const float old = scale[j];
      const std::int32_t known = mask_of(bits_of(old) != 0);
      const float counted = smaller(count[j] + choose(seen, 1.0F, 0.0F), most);
      const float kept = smaller(size, choose(known, reach * old, size));
      const float square = larger(old * old + (kept * kept - old * old) / larger(counted, 1.0F), smallest * smallest);
      const float root = inverse_sqrt(choose(seen, square, larger(old * old, smallest * smallest)));
      const float now = choose(seen, square * root, old);
      before[j] = old;
      scale[j] = now;
      count[j] = counted;
      inverse[j] = choose(mask_of(bits_of(now) != 0), root, 0.0F);
      value[j] = cut(raw * inverse[j], reach);
    }
  }

  std::vector<float> scale_;
  std::vector<float> count_;
  std::vector<float> value_;  // the rest is of one example, kept to allocate nothing
  std::vector<float> before_;
  std::vector<float> inverse_;
};

}  // namespace rtml::detail
