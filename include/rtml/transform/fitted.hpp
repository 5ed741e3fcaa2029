#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/fitted_ranks.hpp"
#include "rtml/transform/fitted_tables.hpp"

namespace rtml {

/// What transforms have seen of their inputs, a slot each: count, mean and variance for standardize and fill_with_mean, quantiles for robust,
/// quantile and min_max, tables for encodings of categories and tf_idf. A value type; reading it from many threads is safe while nobody observes.
///
/// standardize serves z = (x - mean) / deviation, limited to [-8, 8]; 0 as long as nothing, or only one value, was seen. A value that is not
/// usable is not served so: NaN stays missing, infinity stays what a learner refuses.
///
/// One outlier cannot spoil a mean: once 8 values were seen, one enters with a distance from it of at most sqrt(n) deviations, so that
/// whatever it is, it no more than doubles the variance and moves the mean by deviation / sqrt(n). A rare but real value (seen once in n)
/// enters in full, and a lasting change is followed exponentially fast. Of the first 8 themselves, what is further from their median than
/// 8 times their spread (1.4826 median absolute deviations, which is the deviation of a normal distribution) is limited to that.
///
/// Quantiles are those of a QuantileSketch, looked at anew when it has seen a sixteenth more; the smallest and largest value at once.
/// Source: B. P. Welford, Technometrics 4 (1962), 419-420; T. F. Chan, G. H. Golub, R. J. LeVeque, COMPSTAT 1982 (merge).
class Fitted {
 public:
  static constexpr float largest = 8.0F;     ///< of a standardized value
  static constexpr std::size_t trusted = 8;  ///< so many values enter as they are, until there are as many
  static constexpr float flattest = 1e-30F;  ///< a variance below is none: the value served is 0

  Fitted() = default;

  /// `slots` of means, `rank_slots` of quantiles: what each is, by which a restored one is recognised.
  explicit Fitted(std::vector<std::uint64_t> slots, std::vector<std::uint64_t> rank_slots = {},
                  std::vector<FittedTables::Table> tables = {})
      : slots_(std::move(slots)),
        count_(slots_.size()),
        center_(slots_.size()),
        squares_(slots_.size()),
        first_(slots_.size()),
        mean_(slots_.size()),
        scale_(slots_.size()),
        ranks_(std::move(rank_slots)),
        tables_(std::move(tables)) {}

  std::size_t size() const noexcept { return slots_.size() + ranks_.size() + tables_.size(); }  ///< inputs of an event, in this order
  std::span<const float> mean() const noexcept { return mean_; }                                ///< [slots of means]
  std::span<const float> scale() const noexcept { return scale_; }          ///< [slots of means] 1 / deviation; 0 = not known yet
  std::span<const float> knots() const noexcept { return ranks_.knots(); }  ///< [slots of quantiles, FittedRanks::knot_count]
  const FittedTables& tables() const noexcept { return tables_; }
  std::uint64_t count(std::size_t slot) const noexcept { return static_cast<std::uint64_t>(count_[slot]); }
  double variance(std::size_t slot) const noexcept { return count_[slot] > 0.0 ? squares_[slot] / count_[slot] : 0.0; }

  /// One event's inputs [size]; what is not usable is skipped. Never allocates.
  void observe(std::span<const float> fit_inputs) noexcept {
    double shared_count = 0.0;  // most slots have seen as many values: one division does for them
    double share = 0.0;
    ranks_.observe(fit_inputs.subspan(slots_.size(), ranks_.size()));
    tables_.observe(fit_inputs.subspan(slots_.size() + ranks_.size()));
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      if (!is_usable(fit_inputs[slot])) continue;
      double distance = static_cast<double>(fit_inputs[slot]) - center_[slot];
      const double squares = squares_[slot];  // M_n: n times the variance, so its root is the limit
      if (distance * distance > squares && count_[slot] >= most_trusted && squares > 0.0) {
        const double limit = std::sqrt(squares);
        distance = distance > 0.0 ? limit : -limit;
      }
      if (count_[slot] < most_trusted) [[unlikely]] {
        first_[slot][static_cast<std::size_t>(count_[slot])] = fit_inputs[slot];
        if (count_[slot] == most_trusted - 1.0) {
          settle(slot);
          continue;
        }
      }
      count_[slot] += 1.0;
      if (count_[slot] != shared_count) {
        shared_count = count_[slot];
        share = 1.0 / shared_count;
      }
      const double step = distance * share;
      center_[slot] += step;
      squares_[slot] = squares + distance * (distance - step);
      refresh(slot, share);
    }
  }

  /// The label of an event whose inputs these were. Never allocates.
  void label(std::span<const float> fit_inputs, float y, float weight = 1.0F) noexcept {
    tables_.label(fit_inputs.subspan(slots_.size() + ranks_.size()), y, weight);
  }

  /// As if the events of `other` had been seen here too, apart from which outliers were limited.
  /// @throws SchemaError when `other` is of another feature set.
  void merge(const Fitted& other) {
    if (slots_ != other.slots_ || ranks_.slots() != other.ranks_.slots() || tables_.tables() != other.tables_.tables())
      raise(SchemaError("Fitted: merged with statistics of other features"));
    ranks_.merge(other.ranks_);
    tables_.merge(other.tables_);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
      const double count = other.count_[slot];
      if (count >= most_trusted && count_[slot] >= most_trusted) {
        add_slot(other, slot);
      } else if (count < most_trusted) {
        observe_first(slot, other.first_[slot], count);
      } else {
        const First mine = first_[slot];
        const double seen = count_[slot];
        copy_slot(other, slot);
        observe_first(slot, mine, seen);
      }
    }
  }

  /// What standardize serves of x.
  static float standardized(float x, float mean, float scale) noexcept { return kernels::element::standardized(x, mean, scale, largest); }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + slots_.capacity() * sizeof(std::uint64_t) +
           (count_.capacity() + center_.capacity() + squares_.capacity()) * sizeof(double) + first_.capacity() * sizeof(First) +
           (mean_.capacity() + scale_.capacity()) * sizeof(float) + ranks_.memory_bytes() - sizeof(ranks_) + tables_.memory_bytes() -
           sizeof(tables_);
  }

  /// Restores into one made by the same feature set, or by one that gained features since: those begin anew.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("Fitted", 3);
    ar.check(version == 3, "format version (1 and 2 were never released)");
    if constexpr (Ar::reading) {
      std::vector<std::uint64_t> slots;
      std::vector<double> count;
      std::vector<double> center;
      std::vector<double> squares;
      std::vector<First> first;
      ar(slots, count, center, squares, first);
      ar.check(count.size() == slots.size() && center.size() == slots.size() && squares.size() == slots.size(), "sizes");
      ar.check(first.size() == slots.size(), "sizes");
      for (const First& some : first)
        for (const float value : some) ar.check(is_usable(value), "first values");
      for (std::size_t i = 0; i < slots.size(); ++i) ar.check(plausible(count[i], center[i], squares[i]), "count, mean or squares");
      self.adopt(ar, slots, count, center, squares, first);
    } else {
      ar(self.slots_, self.count_, self.center_, self.squares_, self.first_);
    }
    ar(self.ranks_, self.tables_);
  }

 private:
  using First = std::array<float, trusted>;
  static constexpr auto most_trusted = static_cast<double>(trusted);
  static constexpr double normal_deviation = 1.4826;  // of a normal distribution, in median absolute deviations
  static constexpr double furthest = 8.0;             // of the first values, in spreads from their median

  /// The first values are all there: what is far from the others is limited.
  void settle(std::size_t slot) noexcept {
    const auto median = [](First values) {
      std::sort(values.begin(), values.end());
      return 0.5 * (static_cast<double>(values[trusted / 2 - 1]) + static_cast<double>(values[trusted / 2]));
    };
    const double middle = median(first_[slot]);
    First distances;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    for (std::size_t i = 0; i < trusted; ++i) distances[i] = static_cast<float>(std::abs(static_cast<double>(first_[slot][i]) - middle));
    const double spread = normal_deviation * median(distances);
    const double reach = spread > 0.0 ? furthest * spread : static_cast<double>(largest_magnitude) * 2.0;  // of ties nothing is known
    double sum = 0.0;
    double squares = 0.0;
    for (const float value : first_[slot]) {
      const double distance = std::clamp(static_cast<double>(value) - middle, -reach, reach);
      sum += distance;
      squares += distance * distance;
    }
    count_[slot] = most_trusted;
    center_[slot] = middle + sum / most_trusted;
    squares_[slot] = std::max(squares - sum * sum / most_trusted, 0.0);
    refresh(slot, 1.0 / most_trusted);
  }

  void observe_first(std::size_t slot, First values, double count) {
    std::vector<float> inputs(size(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      inputs[slot] = values[i];
      observe(inputs);
    }
  }

  void copy_slot(const Fitted& other, std::size_t slot) noexcept {
    count_[slot] = other.count_[slot];
    center_[slot] = other.center_[slot];
    squares_[slot] = other.squares_[slot];
    first_[slot] = other.first_[slot];
    refresh(slot, 1.0 / count_[slot]);
  }

  void add_slot(const Fitted& other, std::size_t slot) noexcept {
    const double count = count_[slot] + other.count_[slot];
    const double distance = other.center_[slot] - center_[slot];
    center_[slot] += distance * other.count_[slot] / count;
    squares_[slot] += other.squares_[slot] + distance * distance * count_[slot] * other.count_[slot] / count;
    count_[slot] = count;
    refresh(slot, 1.0 / count);
  }

  static bool plausible(double count, double center, double squares) noexcept {
    if (!is_finite(count) || count < 0.0 || count > 0x1p53 || count != std::floor(count)) return false;
    if (!is_usable(center) || !is_finite(squares) || squares < 0.0) return false;
    return count > 0.0 || (center == 0.0 && squares == 0.0);
  }

  template <class Ar>
  void adopt(Ar& ar, const std::vector<std::uint64_t>& slots, const std::vector<double>& count, const std::vector<double>& center,
             const std::vector<double>& squares, const std::vector<First>& first) {
    *this = Fitted(slots_, ranks_.slots(), tables_.tables());
    detail::each_saved_slot(ar, slots, slots_, [&](std::size_t saved, std::size_t place) {
      count_[place] = count[saved];
      center_[place] = center[saved];
      squares_[place] = squares[saved];
      first_[place] = first[saved];
      if (count[saved] > 0.0) refresh(place, 1.0 / count[saved]);
    });
  }

  /// `share`: 1 / count.
  void refresh(std::size_t slot, double share) noexcept {
    mean_[slot] = static_cast<float>(center_[slot]);
    const auto spread = static_cast<float>(squares_[slot] * share);
    scale_[slot] = spread > flattest ? 1.0F / std::sqrt(spread) : 0.0F;
  }

  std::vector<std::uint64_t> slots_;
  std::vector<double> count_;
  std::vector<double> center_;
  std::vector<double> squares_;  // of the distances from the mean, summed
  std::vector<First> first_;     // values, while there are less than trusted
  std::vector<float> mean_;      // rounded, as compute reads them
  std::vector<float> scale_;
  FittedRanks ranks_;
  FittedTables tables_;
};

}  // namespace rtml
