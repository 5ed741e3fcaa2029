#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/replay/class_places.hpp"
#include "rtml/replay/example_arena.hpp"
#include "rtml/replay/feature_sketch.hpp"
#include "rtml/stats/moments.hpp"

namespace rtml {

/// A coreset of each class: examples whose mean stays near the mean of all that were seen of the class, in numeric columns each by its
/// standard deviation, and in 64 signed sums of what is nominal or hashed. Places are shared by the classes as evenly as examples allow.
/// Labels are classes 0, 1, ... below `max_classes`.
///
/// Source: S.-A. Rebuffi, A. Kolesnikov, G. Sperl, C. H. Lampert, "iCaRL: Incremental classifier and representation learning", CVPR 2017,
/// algorithms 4 and 5 (herding). There all examples of a class are at hand, and the features are those of a network. Here each is seen
/// once: a new example comes in, and that one of the class goes (itself perhaps) whose leaving brings the mean of the rest nearest to the
/// mean so far. What was let go cannot come back, means of a drifting class lag behind, and features are those that the learner is given.
///
/// Allocates in the constructor and in bind(); `add` looks at `candidates` examples, O(candidates (d + nnz) + max_classes), and at all of a
/// class once in 4096 times; never allocates.
class HerdingBuffer {
 public:
  struct Options {
    std::size_t capacity = 10'000;  ///< examples of all classes together, in [1, 2^32)
    std::size_t max_classes = 32;   ///< in [1, 65536]; labels from here on are refused
    std::size_t candidates = 16;    ///< of the class, drawn by chance, among which the one that goes is looked for; in [1, 65536]
    std::size_t max_sparse = 64;    ///< hashed features an example, unless bind() asks for more; one with more is refused
    std::uint64_t seed = 0;
  };

  HerdingBuffer() : HerdingBuffer(Options{}) {}

  /// @throws ConfigError
  explicit HerdingBuffer(const Options& options)
      : arena_("HerdingBuffer", options.capacity, options.max_sparse), candidates_(options.candidates), rng_(options.seed), places_(1, 1) {
    require("HerdingBuffer", "max_classes", options.max_classes, options.max_classes >= 1 && options.max_classes <= 65536, "in [1, 65536]");
    require("HerdingBuffer", "candidates", candidates_, candidates_ >= 1 && candidates_ <= 65536, "in [1, 65536]");
    places_ = detail::ClassPlaces(options.capacity, options.max_classes);
    changes_.resize(options.max_classes);
  }

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones; means begin anew with them.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) {
    if (arena_.is_bound() && schema == arena_.schema() && sparse <= arena_.max_sparse()) return;
    arena_.bind("HerdingBuffer", schema, sparse);
    size_scratch();
    for (auto* counts : {&of_seen_, &of_kept_}) counts->resize(max_classes() * width());
    for (auto* values : {&mean_, &sum_}) values->resize(max_classes() * width());
    spread_.resize(width());
    forget();
    for (std::size_t label = 0; label < max_classes(); ++label) {
      for (std::size_t k = 0; k < count(label); ++k) {
        sketch_(row(label, k).x, kept_);
        see(label, kept_);
      }
      renew(label);
    }
  }

  /// Weight 0 does nothing; what is not usable, does not fit, has no class for a label, or comes before bind() is refused and counted.
  void add(const Features& x, float y, float weight = 1.0F, Time at = {}) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight) || !detail::is_class(y, max_classes())) {
      ++refused_;
      return;
    }
    ++seen_;
    const auto label = static_cast<std::size_t>(y);
    sketch_(x, fresh_);
    see(label, fresh_);
    std::size_t place = 0;
    if (size() < capacity()) {
      place = places_.take(label);
    } else if (const std::size_t from = places_.largest(); count(label) + 1 < count(from)) {
      const std::size_t k = least_missed(from, {});
      leave(from, row(from, k).x);
      place = places_.hand_over(from, k, label);
    } else {
      const std::size_t k = least_missed(label, fresh_);
      if (k == count(label)) return;
      leave(label, row(label, k).x);
      place = places_.of(label, k);
    }
    arena_.put(place, x, y, weight, at);
    enter(label, x);
    if (++changes_[label] >= renewed_every) renew(label);
  }

  std::size_t size() const noexcept { return places_.size(); }
  std::size_t capacity() const noexcept { return arena_.capacity(); }

  /// Class by class. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(places_[i]); }

  /// Any of them, equally likely. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return at(static_cast<std::size_t>(rng.below(size()))); }

  std::size_t max_classes() const noexcept { return places_.classes(); }

  /// Examples of a class that are here. @pre label < max_classes()
  std::size_t count(std::size_t label) const noexcept { return places_.count(label); }

  /// Examples added, those since replaced included.
  std::uint64_t seen() const noexcept { return seen_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept {
    places_.clear();
    forget();
    std::fill(changes_.begin(), changes_.end(), 0);
    seen_ = 0, refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + arena_.heap_bytes() + places_.heap_bytes() + sketch_.heap_bytes() +
           (of_seen_.capacity() + of_kept_.capacity()) * sizeof(std::uint64_t) + (mean_.capacity() + sum_.capacity()) * sizeof(double) +
           spread_.capacity() * sizeof(stats::Moments) + changes_.capacity() * sizeof(std::uint32_t) +
           (fresh_.capacity() + kept_.capacity()) * sizeof(float) + (gap_.capacity() + precision_.capacity()) * sizeof(double);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("HerdingBuffer", 1);
    std::size_t rows = self.size();
    ar(self.rng_, self.places_, self.changes_, self.seen_, self.refused_);
    ar.check(self.changes_.size() == self.max_classes(), "max_classes (saved: another one)");
    detail::ExampleArena::archive(self.arena_, ar, rows, [&](std::size_t i) { return self.places_[i]; });
    ar(self.of_seen_, self.of_kept_, self.mean_, self.sum_, self.spread_);
    if constexpr (Ar::reading) {
      ar.check(rows == self.size() && rows <= self.seen_ && self.labels_fit(), "classes");
      self.size_scratch();
      ar.check(self.sums_fit(), "means of classes");
    }
  }

 private:
  static constexpr std::uint32_t renewed_every = 4096;

  std::size_t width() const noexcept { return sketch_.width(); }
  std::size_t begin_of(std::size_t label) const noexcept { return label * width(); }
  Example row(std::size_t label, std::size_t k) const noexcept { return arena_.at(places_.of(label, k)); }

  void size_scratch() {
    sketch_.bind(arena_.schema());
    fresh_.assign(width(), 0.0F);
    kept_.assign(width(), 0.0F);
    gap_.assign(width(), 0.0);
    precision_.assign(width(), 0.0);
  }

  void forget() noexcept {
    std::fill(of_seen_.begin(), of_seen_.end(), 0);
    std::fill(of_kept_.begin(), of_kept_.end(), 0);
    std::fill(mean_.begin(), mean_.end(), 0.0);
    std::fill(sum_.begin(), sum_.end(), 0.0);
    std::fill(spread_.begin(), spread_.end(), stats::Moments{});
  }

  /// An example of a class was seen.
  void see(std::size_t label, std::span<const float> values) noexcept {
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (is_nan(values[j])) continue;
      const std::size_t at = begin_of(label) + j;
      const auto value = static_cast<double>(values[j]);
      mean_[at] += (value - mean_[at]) / static_cast<double>(++of_seen_[at]);
      spread_[j].update(value);
    }
  }

  void enter(std::size_t label, const Features& x) noexcept {
    sketch_(x, kept_);
    for (std::size_t j = 0; j < width(); ++j) {
      if (is_nan(kept_[j])) continue;
      sum_[begin_of(label) + j] += static_cast<double>(kept_[j]);
      ++of_kept_[begin_of(label) + j];
    }
  }

  void leave(std::size_t label, const Features& x) noexcept {
    sketch_(x, kept_);
    for (std::size_t j = 0; j < width(); ++j) {
      if (is_nan(kept_[j])) continue;
      sum_[begin_of(label) + j] -= static_cast<double>(kept_[j]);
      --of_kept_[begin_of(label) + j];
    }
  }

  /// Adds up anew what is here of a class: what rounding left behind goes.
  void renew(std::size_t label) noexcept {
    changes_[label] = 0;
    std::fill_n(sum_.begin() + static_cast<std::ptrdiff_t>(begin_of(label)), width(), 0.0);
    std::fill_n(of_kept_.begin() + static_cast<std::ptrdiff_t>(begin_of(label)), width(), 0);
    for (std::size_t k = 0; k < count(label); ++k) enter(label, row(label, k).x);
  }

  /// Which one of a class may go: the mean of those that stay is nearest to the class's. `fresh` counts as one of them, and is the answer
  /// count(label), unless it is empty. @pre count(label) > 0
  std::size_t least_missed(std::size_t label, std::span<const float> fresh) noexcept {
    const std::size_t n = count(label);
    const double* mean = mean_.data() + begin_of(label);
    for (std::size_t j = 0; j < width(); ++j) {  // the sum of distances from the mean, of all that may stay
      const std::size_t at = begin_of(label) + j;
      gap_[j] = sum_[at] - static_cast<double>(of_kept_[at]) * mean[j];
      if (!fresh.empty() && !is_nan(fresh[j])) gap_[j] += static_cast<double>(fresh[j]) - mean[j];
      const double variance = spread_[j].variance();
      precision_[j] = variance > 0.0 ? 1.0 / variance : 0.0;
    }
    const auto gap_without = [&](std::span<const float> values) {
      double squares = 0.0;
      for (std::size_t j = 0; j < values.size(); ++j) {
        const double gap = is_nan(values[j]) ? gap_[j] : gap_[j] - (static_cast<double>(values[j]) - mean[j]);
        squares += precision_[j] * gap * gap;
      }
      return squares;
    };
    std::size_t best = fresh.empty() ? 0 : n;
    double least = fresh.empty() ? std::numeric_limits<double>::max() : gap_without(fresh);
    for (std::size_t i = 0; i < std::min(n, candidates_); ++i) {
      const std::size_t k = n <= candidates_ ? i : static_cast<std::size_t>(rng_.below(n));
      sketch_(row(label, k).x, kept_);
      const double gap = gap_without(kept_);
      if (gap < least) {
        least = gap;
        best = k;
      }
    }
    return best;
  }

  bool labels_fit() const noexcept {
    for (std::size_t label = 0; label < max_classes(); ++label)
      for (std::size_t k = 0; k < count(label); ++k)
        if (arena_.label(places_.of(label, k)) != static_cast<float>(label)) return false;
    return true;
  }

  bool sums_fit() const noexcept {
    const std::size_t all = arena_.is_bound() ? max_classes() * width() : 0;
    if (of_seen_.size() != all || of_kept_.size() != all || mean_.size() != all || sum_.size() != all) return false;
    if (spread_.size() != (arena_.is_bound() ? width() : 0)) return false;
    for (std::size_t at = 0; at < all; ++at)
      if (!is_finite(mean_[at]) || !is_finite(sum_[at]) || of_kept_[at] > count(at / width())) return false;
    return true;
  }

  detail::ExampleArena arena_;
  std::size_t candidates_;
  Rng rng_;
  detail::ClassPlaces places_;
  detail::FeatureSketch sketch_;
  std::vector<std::uint64_t> of_seen_;  // [max_classes, width]: values seen, without missing ones
  std::vector<std::uint64_t> of_kept_;  // [max_classes, width]: of the examples that are here
  std::vector<double> mean_;            // [max_classes, width]: of those seen
  std::vector<double> sum_;             // [max_classes, width]: of those here
  std::vector<stats::Moments> spread_;  // [width]: of all classes
  std::vector<std::uint32_t> changes_;  // [max_classes]: of sum_, since it was added up anew
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;

  // Scratch of one call. [width]
  std::vector<float> fresh_;
  std::vector<float> kept_;
  std::vector<double> gap_;
  std::vector<double> precision_;
};

}  // namespace rtml
