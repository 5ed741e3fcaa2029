#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/direction.hpp"

namespace rtml::drift {

/// Raises an alarm when a stream has left its reference, upwards or downwards, and alarms falsely once in `arl` values at most, on the
/// average: that is a theorem, not a calibration. Needs no tuning.
///
/// Over each of six sizes of a shift, 0.1 to 3.2 standard deviations, up and down, it sums the likelihood ratios of all moments at which
/// the shift may have begun, R <- (1 + R) ratio, and alarms when the mean of the sums reaches `arl`. Without a change each ratio has
/// mean 1 given the past, so R minus the number of values is a martingale, and the mean run length is at least `arl`. Two references:
///
///  - Known, when `mean` and `deviation` are given. The theorem holds for independent values of that mean that are normal with that
///    deviation, or sub-Gaussian with it (any values in [a, b]: deviation (b - a) / 2). Whoever estimates the two from n values owes the
///    theorem their error: it then holds only while run lengths are well below n.
///  - Learned, by default: from the first `reference` values. The theorem holds for independent values of any one distribution, ties
///    and heavy tails included, marginally over the draw of the reference (not for every single reference), and counts the values after
///    it. Of the reference, a quarter says where ties are; the ranks of the rest cut the line into 64 slots, of which
///    the outer two lie beyond all of them. Ties are broken at random,
///    by `seed`. Given the past, the next value falls into a slot with a chance known exactly, (ranks + values so far) in proportion,
///    whatever the distribution, and the ratio is that of a normal shift against those chances. For that the values after the reference
///    must count too, also those after a change: it fades where the change is smaller than some 2 / sqrt(values before it).
///
/// Autocorrelated values break both. After an alarm it starts afresh with the next value: known, against the same reference; learned,
/// with a new one. Some 25 ns a value when known, 45 when learned; the last value of the reference takes some 0.1 ms a thousand values (a sort, a table).
/// Never allocates after construction: 16 bytes a value of the reference and 9 KB.
/// Source: M. Pollak, "Optimal detection of a change in distribution", Annals of Statistics 13 (1985), 206-227, and, for ratios that are
/// e-values, J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2022), section 2;
/// the chance of a slot: S. S. Wilks, "Order statistics", Bulletin of the AMS 54 (1948), 6-50 (coverages are Dirichlet).
class ShiryaevRoberts {
 public:
  struct Options {
    double arl = 10'000.0;                           ///< mean number of values to a false alarm that is accepted, in [1, 1e12]
    std::optional<double> mean = std::nullopt;       ///< of the stream while nothing changes; with `deviation`, or both learned
    std::optional<double> deviation = std::nullopt;  ///< in [1e-15, 1e15]
    std::uint64_t reference = 1000;                  ///< values that are learned from first, in [100, 1000000]; unused when known
    Direction direction = Direction::both;
    std::uint64_t seed = 1;  ///< of how ties are broken
  };

  ShiryaevRoberts() : ShiryaevRoberts(Options{}) {}

  /// @throws ConfigError
  explicit ShiryaevRoberts(const Options& options)
      : options_(options), rng_(stream_of(options.seed)), lanes_(options.direction == Direction::both ? 2 * sizes : sizes) {
    require("ShiryaevRoberts", "arl", options.arl, valid_arl(options.arl), "in [1, 1e+12]");
    require("ShiryaevRoberts", "reference", options.reference, options.reference >= 100 && options.reference <= 1'000'000,
            "in [100, 1000000]");
    require("ShiryaevRoberts", "mean", options.mean.value_or(0.0), !options.mean || options.deviation, "given with deviation, or neither");
    require("ShiryaevRoberts", "deviation", options.deviation.value_or(1.0), !options.deviation || options.mean,
            "given with mean, or neither");
    if (known()) {
      require("ShiryaevRoberts", "mean", *options.mean, is_usable(*options.mean), "in [-1e+15, 1e+15]");
      require("ShiryaevRoberts", "deviation", *options.deviation, valid_deviation(*options.deviation), "in [1e-15, 1e+15]");
    } else {
      reference_.resize(static_cast<std::size_t>(options.reference));
      tilts_.resize(slots * 2 * sizes);
    }
  }

  Change update(double value) noexcept {
    if (!is_usable(value)) return ++refused_, Change::none;
    ++count_;
    std::array<double, 2 * sizes> ratios;  // NOLINT(cppcoreguidelines-pro-type-member-init): the first lanes_, in either branch
    if (known()) {
      known_ratios(value, ratios);
    } else if (count_ <= options_.reference) {
      reference_[static_cast<std::size_t>(count_) - 1] = {value, rng_.uniform()};
      if (count_ == options_.reference) learn_reference();
      return Change::none;
    } else {
      learned_ratios(value, ratios);
    }
    double evidence = 0.0;
    for (std::size_t k = 0; k < lanes_; ++k) {
      ages_[k] = (ages_[k] + odds_[k] + 1.0) * ratios[k];
      odds_[k] = (odds_[k] + 1.0) * ratios[k];
      evidence += odds_[k];
    }
    evidence /= static_cast<double>(lanes_);
    return evidence < options_.arl ? Change::none : judge(evidence);
  }

  /// Forgets the stream, a learned reference included; keeps the count of refused values.
  void reset() noexcept {
    restart();
    rng_ = Rng(stream_of(options_.seed));
    drift_age_ = 0;
  }

  std::uint64_t refused() const noexcept { return refused_; }

  /// Mean over the moments at which the drift may have begun, each weighed by the likelihood ratio of the likeliest shift (A. N. Shiryaev's
  /// posterior, every moment as likely beforehand).
  std::uint64_t drift_age() const noexcept { return drift_age_; }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + reference_.capacity() * sizeof(Ranked) + tilts_.capacity() * sizeof(double);
  }

  /// Restores into a detector with the same kind and length of reference.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ShiryaevRoberts", 1);
    auto options = self.options_;
    ar(options.arl, options.mean, options.deviation, options.reference, options.direction, options.seed);
    ar.check(valid_arl(options.arl), "arl");
    ar.check(options.mean.has_value() == self.known() && options.deviation.has_value() == self.known(),
             "kind of reference (saved: the other)");
    ar.check(options.reference == self.options_.reference, "reference (saved: another length)");
    ar.check(options.direction <= Direction::fall, "direction");
    if (self.known()) ar.check(is_usable(*options.mean) && valid_deviation(*options.deviation), "reference");
    if constexpr (Ar::reading) {
      self.options_ = options;
      self.lanes_ = options.direction == Direction::both ? 2 * sizes : sizes;
    }
    ar(self.refused_, self.drift_age_, self.rng_, self.count_, self.odds_, self.ages_);
    for (const auto& sums : {self.odds_, self.ages_})
      for (const double sum : sums) ar.check(is_finite(sum) && sum >= 0.0, "sums");
    if (self.known()) return;
    if (self.count_ < options.reference) {
      for (std::size_t i = 0; i < self.count_; ++i) archive_ranked(self.reference_[i], ar);
      return;
    }
    for (auto& edge : self.edges_) archive_ranked(edge, ar);
    ar.check(std::is_sorted(self.edges_.begin(), self.edges_.end()), "edges");
    ar(self.total_, self.totals_);
    ar.check(is_finite(self.total_) && self.total_ > 0.0, "total");
    for (const double total : self.totals_) ar.check(is_finite(total) && total > 0.0, "totals");
    for (auto& tilt : self.tilts_) {
      ar(tilt);
      ar.check(tilt > 0.0 && tilt <= 1e6, "tilts");
    }
  }

 private:
  static constexpr std::size_t sizes = 6;  // of a shift: 0.1, 0.2, 0.4, 0.8, 1.6, 3.2
  static constexpr double least_size = 0.1;
  static constexpr std::size_t slots = 64;
  // Where values say nothing (all equal), every ratio is 1 and R is their number, twice its mean age: that alone is no alarm. Fewer alarms
  // leave the theorem as it is.
  static constexpr double least_ratio = 3.0;

  struct Ranked {
    double value;
    double tie;  // of equal values, the lesser comes first; uniform in [0, 1)

    friend bool operator<(const Ranked& a, const Ranked& b) noexcept { return a.value < b.value || (a.value == b.value && a.tie < b.tie); }
  };

  template <class Value, class Ar>
  static void archive_ranked(Value& ranked, Ar& ar) {
    ar(ranked.value, ranked.tie);
    ar.check(is_usable(ranked.value) && ranked.tie >= 0.0 && ranked.tie < 1.0, "reference");
  }

  static bool valid_arl(double arl) noexcept { return arl >= 1.0 && arl <= 1e12; }
  static bool valid_deviation(double deviation) noexcept { return deviation >= 1e-15 && deviation <= 1e15; }

  /// Not the seed itself: values that the host made by a generator of the same seed would come with ties that know them.
  static std::uint64_t stream_of(std::uint64_t seed) noexcept { return hash_integer(~seed); }

  bool known() const noexcept { return options_.mean.has_value(); }

  /// Size of the shift of a lane, in standard deviations: the rises, then the falls.
  double shift_of(std::size_t lane) const noexcept {
    const double size = least_size * static_cast<double>(std::size_t{1} << (lane % sizes));
    return options_.direction == Direction::fall || lane >= sizes ? -size : size;
  }

  void known_ratios(double value, std::array<double, 2 * sizes>& ratios) const noexcept {
    // Sizes double, so that one exponential serves all: e^(2 d z) = (e^(d z))^2. Beyond 40 deviations the ratio stands still.
    const double z = std::clamp((value - *options_.mean) / *options_.deviation, -40.0, 40.0);
    double up = std::exp(shift_of(0) * z);
    double down = 1.0 / up;
    for (std::size_t k = 0; k < sizes; ++k) {
      ratios[k] = up * centres[k];
      ratios[sizes + k] = down * centres[k];
      up *= up;
      down *= down;
    }
  }

  void learned_ratios(double value, std::array<double, 2 * sizes>& ratios) noexcept {
    std::size_t slot = slot_of([value](const Ranked& edge) { return edge.value < value; });
    std::size_t inner = slot;
    if (slot < edges_.size() && edges_[slot].value == value) {
      slot = slot_of([ranked = Ranked{value, rng_.uniform()}](const Ranked& edge) { return edge < ranked; });
      inner = std::clamp<std::size_t>(slot, 1, slots - 2);
    }
    // A value that is as far out as the reference, and beyond it by its tie alone, counts as beyond, but is told as either, whichever says
    // less: it takes nothing from the theorem, and values that are all equal stay silent.
    const double* counted = tilts_.data() + slot * 2 * sizes;
    const double* told = tilts_.data() + inner * 2 * sizes;
    for (std::size_t k = 0; k < lanes_; ++k) {
      ratios[k] = std::min(counted[k], told[k]) * total_ / totals_[k];
      totals_[k] += counted[k];
    }
    total_ += 1.0;
  }

  /// The number of edges that are below.
  template <class Below>
  std::size_t slot_of(Below below) const noexcept {
    static_assert(slots == 64);
    std::size_t slot = 0;
    for (std::size_t step = slots / 2; step != 0; step /= 2) slot += below(edges_[slot + step - 1]) ? step : 0;
    return slot;
  }

  Change judge(double evidence) noexcept {
    const auto best = static_cast<std::size_t>(std::max_element(odds_.begin(), odds_.end()) - odds_.begin());
    const double age = ages_[best] / odds_[best];
    if (evidence < least_ratio * age) return Change::none;
    const std::uint64_t judged = known() ? count_ : count_ - options_.reference;
    drift_age_ = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::min(age, 1e18) + 0.5), 1, judged);
    restart();
    return Change::drift;
  }

  void restart() noexcept {
    count_ = 0;
    odds_.fill(0.0);
    ages_.fill(0.0);
  }

  /// Edges and tilts of the reference, which it sorts.
  RTML_API void learn_reference() noexcept;

  // e^(-d^2 / 2)
  static constexpr std::array<double, sizes> centres{0.99501247919268232, 0.98019867330675525, 0.92311634638663576,
                                                     0.72614903707369083, 0.27803730045319414, 0.0059760228950059433};

  Options options_;
  std::uint64_t refused_ = 0;
  std::uint64_t drift_age_ = 0;
  std::uint64_t count_ = 0;  // values since the last alarm, the reference included
  Rng rng_;
  std::size_t lanes_;                     // in use
  std::array<double, 2 * sizes> odds_{};  // R of each shift
  std::array<double, 2 * sizes> ages_{};  // R with each moment weighed by how long ago it was
  // Learned. A slot's chance is (its ranks + its values so far) / total_; totals_ are the means of the tilts under those, times total_.
  double total_ = 1.0;
  std::array<double, 2 * sizes> totals_{};
  std::array<Ranked, slots - 1> edges_{};
  std::vector<double> tilts_;  // [slots, 2 * sizes]: density of the shifted ranks over that of the ranks
  std::vector<Ranked> reference_;
};

}  // namespace rtml::drift
