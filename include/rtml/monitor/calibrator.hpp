#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/reserved_vector.hpp"
#include "rtml/metrics/ranking.hpp"

namespace rtml::monitor {

/// How often a prediction with this score turns out positive: isotonic regression of the last labels on their scores, refitted as labels
/// come. The curve is used only if it gives the smaller Brier score on labels that it was not fitted to (two halves, each judged by the
/// curve of the other); else the score itself is the probability.
///
/// Bounded: 16 bytes a label remembered, and 100 KB. update: O(1), and O(labels) on every `labels / 8`-th; allocates nothing.
/// Source: B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002, section 3
/// (pool adjacent violators); scores are first put into bins 1/16 of a logit wide.
class Calibrator {
 public:
  struct Options {
    std::size_t labels = 4096;  ///< that are remembered, in [64, 2^20]
    std::size_t least = 256;    ///< labels before it says anything, in [32, labels]
  };

  /// Scores that share one probability, and how well it is known.
  struct Block {
    double probability = 0.0;
    double labels = 0.0;  ///< effective number

    /// Of the error of `probability`; at 0 and 1 not 0, as of half a success and half a failure more.
    double variance() const noexcept {
      const double p = (probability * labels + 0.5) / (labels + 1.0);
      return p * (1.0 - p) / std::max(labels, 1.0);
    }
  };

  Calibrator() : Calibrator(Options{}) {}

  /// @throws ConfigError for an option out of range.
  explicit Calibrator(const Options& options) : options_(options) {
    require("Calibrator", "labels", options.labels, options.labels >= 64 && options.labels <= (std::size_t{1} << 20U), "in [64, 2^20]");
    require("Calibrator", "least", options.least, options.least >= 32 && options.least <= options.labels, "in [32, labels]");
    ring_.resize(options.labels);
    blocks_.reserve(bins);
    last_bins_.reserve(bins);
    curve_.resize(bins);
  }

  /// A score outside [0, 1] counts as the nearer end. What is not finite, and weight <= 0, is left out.
  void update(float score, bool positive, float weight = 1.0F) noexcept {
    if (!is_usable(score) || !is_usable(weight) || !(weight > 0.0F)) return;
    ring_[static_cast<std::size_t>(count_ % ring_.size())] = {limited(score), weight, positive};
    ++count_;
    if (count_ == options_.least || (count_ > options_.least && count_ % (ring_.size() / 8) == 0)) fit();
  }

  /// Labels seen.
  std::uint64_t count() const noexcept { return count_; }

  /// Enough labels were seen to say something.
  bool ready() const noexcept { return count_ >= options_.least; }

  /// The isotonic curve is in use; false while scores are as good without it.
  bool corrects() const noexcept { return corrects_; }

  /// P(positive) of a score; NaN until ready.
  double probability(float score) const noexcept {
    if (!ready()) return std::numeric_limits<double>::quiet_NaN();
    return corrects_ ? static_cast<double>(curve_[bin_of(score)].probability) : static_cast<double>(limited(score));
  }

  /// Which of blocks() the score is in. @pre ready()
  std::size_t block_of(float score) const noexcept { return curve_[bin_of(score)].block; }

  /// By rising score; none until ready.
  std::span<const Block> blocks() const noexcept { return blocks_; }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + ring_.capacity() * sizeof(Labelled) + blocks_.capacity() * (sizeof(Block) + sizeof(std::uint32_t)) +
           curve_.capacity() * sizeof(Point) + halves_[0].memory_bytes() + halves_[1].memory_bytes() - 2 * sizeof(Scores);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Calibrator", 1);
    std::uint64_t labels = self.options_.labels;
    std::uint64_t least = self.options_.least;
    ar(labels, least, self.count_, self.fitted_at_);
    ar.check(labels == self.options_.labels && least == self.options_.least, "options (saved: others)");
    const std::uint64_t since = self.count_ - self.fitted_at_;
    ar.check(self.fitted_at_ <= self.count_ && (self.ready() ? self.fitted_at_ >= least && since < labels / 8 : self.fitted_at_ == 0),
             "label of the last fit");
    const std::size_t held = static_cast<std::size_t>(std::min<std::uint64_t>(self.count_, self.ring_.size()));
    for (std::size_t i = 0; i < held; ++i) {
      ar(self.ring_[i].score, self.ring_[i].weight, self.ring_[i].positive);
      ar.check(self.ring_[i].score >= 0.0F && self.ring_[i].score <= 1.0F, "score");
      ar.check(is_usable(self.ring_[i].weight) && self.ring_[i].weight > 0.0F, "weight");
    }
    archive_curve(self, ar);
  }

 private:
  using Scores = metrics::detail::ScoreHistogram;
  static constexpr std::size_t bins = Scores::size;

  struct Labelled {
    float score = 0.0F;
    float weight = 0.0F;
    bool positive = false;
  };

  struct Point {
    float probability = 0.0F;
    std::uint32_t block = 0;
  };

  static float limited(float score) noexcept { return std::clamp(score, 0.0F, 1.0F); }
  static std::size_t bin_of(float score) noexcept { return Scores::bin_of(limited(score)); }

  template <class Self, class Ar>
  static void archive_curve(Self& self, Ar& ar) {
    std::uint64_t blocks = self.blocks_.size();
    ar(self.corrects_, blocks);
    ar.check(blocks <= bins && (blocks > 0) == self.ready(), "blocks");
    if constexpr (Ar::reading) self.blocks_.resize(static_cast<std::size_t>(blocks));
    for (auto& block : self.blocks_) {
      ar(block.probability, block.labels);
      ar.check(block.probability >= 0.0 && block.probability <= 1.0 && is_finite(block.labels) && block.labels >= 0.0, "block");
    }
    if (blocks == 0) return;
    for (auto& point : self.curve_) {
      ar(point.probability, point.block);
      ar.check(point.probability >= 0.0F && point.probability <= 1.0F && point.block < blocks, "curve");
    }
  }

  /// Neighbours of one half, as labels of one moment may be alike.
  static std::size_t half_of(std::size_t place) noexcept { return place / 16 % 2; }

  void fit() noexcept {
    fitted_at_ = count_;
    const std::size_t held = static_cast<std::size_t>(std::min<std::uint64_t>(count_, ring_.size()));
    double sum = 0.0;
    double squares = 0.0;
    for (Scores& half : halves_) half.reset();
    for (std::size_t i = 0; i < held; ++i) {
      const double weight = static_cast<double>(ring_[i].weight);
      halves_[half_of(i)].add({ring_[i].score, 0.0F, ring_[i].positive ? 1.0F : 0.0F, 1.0F}, weight);
      sum += weight;
      squares += weight * weight;
    }
    const double labels_per_weight = sum / squares;
    double gain = 0.0;  // of the Brier score, by the curve
    for (const std::size_t half : {std::size_t{0}, std::size_t{1}}) {
      pool(halves_[half], labels_per_weight);
      for (std::size_t i = 0; i < held; ++i) {
        if (half_of(i) == half) continue;
        const double truth = ring_[i].positive ? 1.0 : 0.0;
        const double raw = static_cast<double>(ring_[i].score) - truth;
        const double curve = static_cast<double>(curve_[Scores::bin_of(ring_[i].score)].probability) - truth;
        gain += static_cast<double>(ring_[i].weight) * (raw * raw - curve * curve);
      }
    }
    corrects_ = gain > 0.0;
    halves_[0].merge(halves_[1]);
    pool(halves_[0], labels_per_weight);
  }

  /// Pools adjacent violators.
  void pool(const Scores& scores, double labels_per_weight) noexcept {
    blocks_.clear();
    last_bins_.clear();
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double weight = scores.positive(bin) + scores.negative(bin);
      if (!(weight > 0.0)) continue;
      Block block{scores.positive(bin) / weight, weight};
      while (!blocks_.empty() && blocks_.back().probability >= block.probability) {
        block = joined(blocks_.back(), block);
        blocks_.pop_back();
        last_bins_.pop_back();
      }
      blocks_.push_back(block);
      last_bins_.push_back(static_cast<std::uint32_t>(bin));
    }
    draw(scores);
    for (Block& block : blocks_) block.labels *= labels_per_weight;
  }

  static Block joined(const Block& a, const Block& b) noexcept {
    const double labels = a.labels + b.labels;
    return {std::min((a.probability * a.labels + b.probability * b.labels) / labels, 1.0), labels};
  }

  /// Bins without labels lie on the line between their neighbours.
  void draw(const Scores& scores) noexcept {
    std::uint32_t block = 0;
    std::size_t before = bins;  // the last bin with labels
    for (std::size_t bin = 0; bin < bins; ++bin) {
      if (block + 1 < blocks_.size() && bin > last_bins_[block]) ++block;
      const double here = blocks_.empty() ? 0.0 : blocks_[block].probability;
      curve_[bin] = {static_cast<float>(here), block};
      if (!(scores.positive(bin) + scores.negative(bin) > 0.0)) continue;
      if (before != bins) {
        const auto left = static_cast<double>(curve_[before].probability);
        for (std::size_t empty = before + 1; empty < bin; ++empty) {
          const double way = static_cast<double>(empty - before) / static_cast<double>(bin - before);
          curve_[empty].probability = static_cast<float>(left + way * (here - left));
        }
      }
      before = bin;
    }
  }

  Options options_;
  std::vector<Labelled> ring_;
  std::uint64_t count_ = 0;
  std::uint64_t fitted_at_ = 0;  // count_ then
  bool corrects_ = false;
  ReservedVector<Block> blocks_;
  ReservedVector<std::uint32_t> last_bins_;  // of blocks, with labels
  std::vector<Point> curve_;                 // [bins]
  Scores halves_[2];
};

}  // namespace rtml::monitor
