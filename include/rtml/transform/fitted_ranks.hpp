#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stats/quantile_sketch.hpp"
#include "rtml/transform/detail/column_kernels.hpp"

namespace rtml {
namespace detail {

/// Calls use(place saved, place here) for each slot that was saved. Both are in the order of their set: saved ones are found going forward.
template <class Ar, class Use>
void each_saved_slot(Ar& ar, const std::vector<std::uint64_t>& saved, const std::vector<std::uint64_t>& here, Use use) {
  std::size_t place = 0;
  for (std::size_t i = 0; i < saved.size(); ++i, ++place) {
    while (place < here.size() && here[place] != saved[i]) ++place;
    ar.check(place < here.size(), "slots (saved: other features)");
    use(i, place);
  }
}

}  // namespace detail

/// The quantiles of the inputs of robust, quantile and min_max: a sketch for each, and the knots that are served from it. Part of Fitted.
class FittedRanks {
 public:
  static constexpr std::size_t knot_count = 33;  ///< the quantiles 0, 1/32, ..., 1 of a slot, ascending; NaN before the first value
  static constexpr float largest = 8.0F;         ///< of a value that robust serves

  FittedRanks() = default;
  explicit FittedRanks(std::vector<std::uint64_t> slots)
      : slots_(std::move(slots)), due_(slots_.size()), knots_(slots_.size() * knot_count, unknown) {
    sketches_.reserve(size());
    for (const std::uint64_t slot : slots_) sketches_.emplace_back(sketch_size, slot);
    if (size() > 0) scratch_.resize(sketches_[0].most_held());
  }

  std::size_t size() const noexcept { return slots_.size(); }
  std::span<const float> knots() const noexcept { return knots_; }
  const std::vector<std::uint64_t>& slots() const noexcept { return slots_; }

  /// One event's inputs [size]; what is not usable is skipped. Never allocates; 20 ns a slot, and 5 us when it is due.
  void observe(std::span<const float> inputs) noexcept {
    for (std::size_t slot = 0; slot < inputs.size(); ++slot) {
      if (!is_usable(inputs[slot])) continue;
      stats::QuantileSketch& sketch = sketches_[slot];
      sketch.update(inputs[slot]);
      const std::span<float> mine = knots_of(slot);
      if (sketch.count() >= due_[slot]) {
        renew(slot);
      } else {
        mine.front() = sketch.lowest();
        mine.back() = sketch.highest();
      }
    }
  }

  /// @pre slots() == other.slots()
  void merge(const FittedRanks& other) {
    for (std::size_t slot = 0; slot < size(); ++slot) {
      sketches_[slot].merge(other.sketches_[slot]);
      renew(slot);
    }
  }

  // What is served of x, from its slot's knots. What is not usable is served as it is.

  /// The part of all values that are below x, in [0, 1]; 1/2 before the first.
  static float rank(float x, const float* knots) noexcept {
    if (!is_usable(x)) return x;
    if (is_nan(knots[0])) return 0.5F;
    const float* const end = knots + knot_count;
    const float* const above = std::upper_bound(knots, end, x);
    const float* const from = std::lower_bound(knots, above, x);
    const auto place = [&](const float* knot) { return static_cast<float>(knot - knots); };
    constexpr auto steps = static_cast<float>(knot_count - 1);
    if (from != above) return 0.5F * (place(from) + place(above - 1)) / steps;  // it is a knot, or several
    if (above == knots) return 0.0F;
    if (above == end) return 1.0F;
    return (place(above - 1) + (x - above[-1]) / (above[0] - above[-1])) / steps;
  }

  /// (x - median) / (third quartile - first), limited to [-8, 8]; 0 where the quartiles are one, and before the first value.
  static float centered(float x, const float* knots) noexcept { return centered_scale(knots).of(x); }

  /// (x - smallest) / (largest - smallest), limited to [0, 1]; 0 where they are one, and before the first value.
  static float within_range(float x, const float* knots) noexcept { return range_scale(knots).of(x); }

  /// (x - from) / width, limited to [lo, hi]; 0 where there is no width.
  struct Scale {
    float from;
    float width;
    float lo;
    float hi;

    bool known() const noexcept { return is_finite(width) && width > 0.0F; }
    float of(float x) const noexcept {
      if (known()) return kernels::scaled(x, from, width, lo, hi);
      return is_usable(x) ? 0.0F : x;
    }
    /// Of a column of n, in place.
    void of(float* x, std::size_t n) const noexcept {
      if (known()) {
        kernels::scale(x, n, from, width, lo, hi);
      } else {
        for (std::size_t i = 0; i < n; ++i) x[i] = of(x[i]);
      }
    }
  };
  static Scale centered_scale(const float* knots) noexcept {
    constexpr std::size_t quarter = (knot_count - 1) / 4;
    const float spread = knots[3 * quarter] - knots[quarter];
    return {knots[2 * quarter], is_usable(spread) ? spread : 0.0F, -largest, largest};
  }
  static Scale range_scale(const float* knots) noexcept { return {knots[0], knots[knot_count - 1] - knots[0], 0.0F, 1.0F}; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + (slots_.capacity() + due_.capacity()) * sizeof(std::uint64_t) + knots_.capacity() * sizeof(float) +
                        scratch_.capacity() * sizeof(stats::QuantileSketch::Weighted);
    for (const auto& sketch : sketches_) bytes += sketch.memory_bytes();
    return bytes;
  }

  /// Restores into one made by the same feature set, or by one that gained features since: those begin anew.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("FittedRanks", 1);
    if constexpr (Ar::reading) {
      std::vector<std::uint64_t> slots;
      ar(slots);
      self = FittedRanks(std::move(self.slots_));
      detail::each_saved_slot(ar, slots, self.slots_, [&](std::size_t /*saved*/, std::size_t place) { self.read_slot(ar, place); });
    } else {
      ar(self.slots_);
      for (std::size_t slot = 0; slot < self.size(); ++slot) {
        ar(self.sketches_[slot], self.due_[slot]);
        for (std::size_t i = 0; i < knot_count; ++i) ar(self.knots_[slot * knot_count + i]);
      }
    }
  }

 private:
  static constexpr std::size_t sketch_size = 200;
  static constexpr float unknown = std::numeric_limits<float>::quiet_NaN();

  std::span<float> knots_of(std::size_t slot) noexcept { return std::span(knots_).subspan(slot * knot_count, knot_count); }

  void renew(std::size_t slot) noexcept {
    sketches_[slot].quantiles(knots_of(slot), scratch_);
    due_[slot] = sketches_[slot].count() + sketches_[slot].count() / 16 + 1;
  }

  template <class Ar>
  void read_slot(Ar& ar, std::size_t slot) {
    stats::QuantileSketch& sketch = sketches_[slot];
    ar(sketch, due_[slot]);
    ar.check(sketch.k() == sketch_size, "size of a sketch");
    const std::span<float> knots = knots_of(slot);
    for (float& knot : knots) ar(knot);
    if (sketch.count() == 0) {
      ar.check(std::all_of(knots.begin(), knots.end(), [](float knot) { return is_nan(knot); }), "quantiles of nothing");
    } else {
      ar.check(std::all_of(knots.begin(), knots.end(), [](float knot) { return is_usable(knot); }), "quantiles");
      ar.check(std::is_sorted(knots.begin(), knots.end()), "order of quantiles");
    }
  }

  std::vector<std::uint64_t> slots_;
  std::vector<stats::QuantileSketch> sketches_;
  std::vector<std::uint64_t> due_;  // the count at which knots are looked at anew
  std::vector<float> knots_;        // [size, knot_count]
  std::vector<stats::QuantileSketch::Weighted> scratch_;
};

}  // namespace rtml
