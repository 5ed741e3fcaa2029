#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"

namespace rtml::stats {

/// The quantiles of a stream of numbers, about: a KLL sketch. With the default k = 200 the rank of an answer is off by less than 1.33 % of n
/// with a chance of 99 %; until some k values were seen it is exact, and the smallest and the largest always are. 3 k floats and some.
/// Mergeable: the same error over both streams.
///
/// update: O(log k) amortised; never allocates.
/// Sources: Z. Karnin, K. Lang, E. Liberty, "Optimal quantile approximation in streams", FOCS 2016, section 4; the error of k is that of the
/// Apache DataSketches library.
class QuantileSketch {
 public:
  /// @throws ConfigError unless k is in [8, 65535]
  explicit QuantileSketch(std::size_t k = 200, std::uint64_t seed = 0) : k_(k), coin_(seed) {
    require("QuantileSketch", "k", k, k >= 8 && k <= 65535, "in [8, 65535]");
    make_room();
  }

  /// What is not finite or beyond 1e15 is left out.
  void update(float value) noexcept {
    if (!is_usable(value)) return;
    lowest_ = std::min(lowest_, value);
    highest_ = std::max(highest_, value);
    ++count_;
    if (held() == room_) compact();
    items_[--starts_[0]] = value;
  }

  /// @throws SchemaError when the other has another k.
  void merge(const QuantileSketch& other) {
    if (other.k_ != k_) raise(SchemaError("QuantileSketch: merged with one of another k"));
    if (other.count_ == 0) return;
    if (&other == this) return merge(QuantileSketch(other));
    Levels all(std::max(levels_, other.levels_));
    for (const QuantileSketch* one : {static_cast<const QuantileSketch*>(this), &other})
      for (std::size_t h = 0; h < one->levels_; ++h) all[h].insert(all[h].end(), one->level(h).begin(), one->level(h).end());
    for (auto& some : all) std::sort(some.begin(), some.end());
    lowest_ = std::min(lowest_, other.lowest_);
    highest_ = std::max(highest_, other.highest_);
    count_ += other.count_;
    assemble(std::move(all));
  }

  std::uint64_t count() const noexcept { return count_; }
  std::size_t k() const noexcept { return k_; }
  float lowest() const noexcept { return count_ == 0 ? undefined : lowest_; }    ///< exact; NaN before the first value
  float highest() const noexcept { return count_ == 0 ? undefined : highest_; }  ///< exact; NaN before the first value

  /// A value that stands for so many.
  struct Weighted {
    float value;
    std::uint64_t weight;
  };

  /// How many values are held, and will be at most.
  std::size_t held() const noexcept { return items_.size() - starts_[0]; }
  std::size_t most_held() const noexcept { return items_.size(); }

  /// The quantiles 0, 1 / (n - 1), ..., 1 of n = out.size() >= 2: ascending, the first and last exact. All NaN before the first value.
  /// O(k log k). @pre scratch.size() >= held()
  void quantiles(std::span<float> out, std::span<Weighted> scratch) const noexcept {
    if (count_ == 0) return std::fill(out.begin(), out.end(), undefined);
    std::size_t n = 0;
    for (std::size_t h = 0; h < levels_; ++h)
      for (const float value : level(h)) scratch[n++] = {value, std::uint64_t{1} << h};
    const auto sorted = scratch.first(n);
    std::sort(sorted.begin(), sorted.end(), [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
    std::size_t at = 0;
    std::uint64_t below = sorted[0].weight;  // the weight of sorted[0..at]
    for (std::size_t i = 1; i + 1 < out.size(); ++i) {
      const double rank = static_cast<double>(count_) * static_cast<double>(i) / static_cast<double>(out.size() - 1);
      while (at + 1 < n && static_cast<double>(below) < rank) below += sorted[++at].weight;
      out[i] = sorted[at].value;
    }
    out.front() = lowest_;
    out.back() = highest_;
  }

  /// The part of the values that are below x, or equal to it and half of them. NaN before the first value. O(k).
  double rank(float x) const noexcept {
    if (count_ == 0) return static_cast<double>(undefined);
    std::uint64_t twice = 0;
    for (std::size_t h = 0; h < levels_; ++h)
      for (const float value : level(h)) twice += static_cast<std::uint64_t>((value < x ? 1 : 0) + (value <= x ? 1 : 0)) << h;
    return static_cast<double>(twice) / (2.0 * static_cast<double>(count_));
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + items_.capacity() * sizeof(float); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("QuantileSketch", 1);
    ar(self.k_, self.count_, self.lowest_, self.highest_, self.coin_, self.levels_);
    if constexpr (Ar::reading) {
      ar.check(self.k_ >= 8 && self.k_ <= 65535, "k");
      ar.check(self.levels_ >= 1 && self.levels_ <= most_levels - 8, "levels");
      Levels all(self.levels_);
      for (auto& some : all) ar(some);
      self.adopt(ar, all);
    } else {
      for (std::size_t h = 0; h < self.levels_; ++h) ar(std::vector<float>(self.level(h).begin(), self.level(h).end()));
    }
  }

 private:
  using Levels = std::vector<std::vector<float>>;

  static constexpr float undefined = std::numeric_limits<float>::quiet_NaN();
  static constexpr std::size_t least_capacity = 8;
  static constexpr std::size_t most_levels = 48;  // k 2^47 values

  /// Of a level among so many: k at the top, two thirds of the one above below it.
  static std::size_t capacity(std::size_t k, std::size_t levels, std::size_t level) noexcept {
    double room = static_cast<double>(k);
    for (std::size_t h = level + 1; h < levels; ++h) room *= 2.0 / 3.0;
    return std::max(least_capacity, static_cast<std::size_t>(std::lround(room)));
  }
  static std::size_t capacity(std::size_t k, std::size_t levels) noexcept {
    std::size_t all = 0;
    for (std::size_t h = 0; h < levels; ++h) all += capacity(k, levels, h);
    return all;
  }

  std::size_t size(std::size_t h) const noexcept { return starts_[h + 1] - starts_[h]; }
  std::span<const float> level(std::size_t h) const noexcept { return {items_.data() + starts_[h], size(h)}; }

  /// 0 or 1. It depends on a value too, so that shards of one seed do not all fall on one side.
  std::size_t coin(float value) noexcept { return hash_integer(coin_(), std::bit_cast<std::uint32_t>(value)) >> 63U; }

  void make_room() {
    items_.assign(capacity(k_, most_levels), 0.0F);
    starts_.fill(items_.size());
    levels_ = 1;
    room_ = capacity(k_, levels_);
  }

  void add_level() noexcept {
    starts_[++levels_] = items_.size();
    room_ = capacity(k_, levels_);
  }

  /// Every other value of the lowest full level moves one up, where it weighs twice. Makes room at the bottom.
  void compact() noexcept {
    std::size_t h = 0;
    while (size(h) < capacity(k_, levels_, h)) ++h;  // all levels together are full, so one is
    if (h + 1 == levels_) add_level();
    const auto at = [&](std::size_t place) { return items_.begin() + static_cast<std::ptrdiff_t>(place); };
    const std::size_t odd = size(h) % 2;  // the first stays
    const std::size_t first = starts_[h] + odd;
    const std::size_t end = starts_[h + 1];
    const std::size_t half = (end - first) / 2;
    if (h == 0) std::sort(at(first), at(end));
    const std::size_t offset = coin(items_[first]);
    for (std::size_t i = 0; i < half; ++i) items_[first + i] = items_[first + 2 * i + offset];
    merge_into(end - half, first, end, starts_[h + 2]);
    starts_[h + 1] = end - half;
    if (odd != 0) items_[end - half - 1] = items_[starts_[h]];
    // What lies below follows upwards.
    std::copy_backward(at(starts_[0]), at(starts_[h]), at(end - half - odd));
    for (std::size_t lower = 0; lower <= h; ++lower) starts_[lower] += half;
  }

  /// Merges [left, to) and [right, end), both sorted, into [to, end); to = right - (to - left), so that nothing is written before it was read.
  void merge_into(std::size_t to, std::size_t left, std::size_t right, std::size_t end) noexcept {
    const std::size_t left_end = to;
    while (left < left_end) {
      const bool take_left = right == end || items_[left] <= items_[right];
      items_[to++] = items_[take_left ? left++ : right++];
    }
  }

  /// From sorted levels of any size.
  void assemble(Levels all) {
    const auto total = [&] {
      std::size_t sum = 0;
      for (const auto& some : all) sum += some.size();
      return sum;
    };
    while (total() > capacity(k_, all.size())) {
      std::size_t h = 0;
      while (all[h].size() < capacity(k_, all.size(), h)) ++h;
      if (h + 1 == all.size()) all.emplace_back();
      std::vector<float>& from = all[h];
      std::vector<float> kept;
      const std::size_t odd = from.size() % 2;
      for (std::size_t i = odd + coin(from[odd]); i < from.size(); i += 2) kept.push_back(from[i]);
      from.resize(odd);
      const std::size_t had = all[h + 1].size();
      all[h + 1].insert(all[h + 1].end(), kept.begin(), kept.end());
      std::inplace_merge(all[h + 1].begin(), all[h + 1].begin() + static_cast<std::ptrdiff_t>(had), all[h + 1].end());
    }
    place(all);
  }

  void place(const Levels& all) noexcept {
    levels_ = all.size();
    room_ = capacity(k_, levels_);
    starts_.fill(items_.size());
    for (std::size_t h = all.size(); h-- > 0;) {
      starts_[h] = starts_[h + 1] - all[h].size();
      std::copy(all[h].begin(), all[h].end(), items_.begin() + static_cast<std::ptrdiff_t>(starts_[h]));
    }
  }

  /// What was read.
  template <class Ar>
  void adopt(Ar& ar, const Levels& all) {
    std::size_t values = 0;
    std::uint64_t weight = 0;
    for (std::size_t h = 0; h < all.size(); ++h) {
      values += all[h].size();
      ar.check(values <= capacity(k_, all.size()), "number of values");
      weight += static_cast<std::uint64_t>(all[h].size()) << h;
      for (const float value : all[h]) ar.check(is_usable(value) && value >= lowest_ && value <= highest_, "value");
      ar.check(h == 0 || std::is_sorted(all[h].begin(), all[h].end()), "order of values");
    }
    ar.check(weight == count_, "count");
    make_room();
    place(all);
  }

  std::size_t k_;
  std::uint64_t count_ = 0;
  float lowest_ = std::numeric_limits<float>::max();
  float highest_ = std::numeric_limits<float>::lowest();
  Rng coin_;
  std::vector<float> items_;                           // free room, then level 0 as it came, level 1 sorted, ...
  std::array<std::size_t, most_levels + 2> starts_{};  // of levels, and the end; a value of level h stands for 2^h
  std::size_t levels_ = 0;
  std::size_t room_ = 0;  // for so many values, with so many levels
};

}  // namespace rtml::stats
