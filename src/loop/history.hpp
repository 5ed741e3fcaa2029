#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "rtml/replay/sliding_window.hpp"

namespace rtml::detail {

/// The labelled rows that retrainings learn from, in the order in which their labels came. A negative that was a positive after all loses its
/// weight, and the positive stands where its label came: so the newest n rows are those of the newest n labels.
class History {
 public:
  /// `horizon`: predictions that may become negatives and be corrected, 0 = none do.
  History(std::size_t capacity, std::size_t sparse, std::size_t horizon)
      : rows_({.capacity = capacity, .max_sparse = sparse}), negatives_(horizon, none) {}

  void bind(const Schema& schema) { rows_.bind(schema); }

  void add(const Features& x, float y, float weight, Time now) noexcept {
    rows_.add(x, y, weight,
              rows_.size() == 0 ? now : std::max(now, rows_.at(rows_.size() - 1).at));  // time may step back until its events agree
    while (!corrections_.empty() && corrections_.front().row < oldest()) corrections_.pop_front();
  }

  /// The newest row is of a prediction that got no label.
  void is_negative(std::uint64_t sequence) noexcept { negatives_[sequence % negatives_.size()] = rows_.seen() - 1; }

  /// That prediction was a positive.
  void correct(std::uint64_t sequence, const Features& x, float weight, Time now) {
    const std::uint64_t negative = negatives_.empty() ? none : negatives_[sequence % negatives_.size()];
    if (negative != none && negative >= oldest()) rows_.reweigh(static_cast<std::size_t>(negative - oldest()), 0.0F);
    corrections_.push_back({rows_.seen(), negative == none ? 0 : negative});
    add(x, 1.0F, weight, now);
  }

  /// Places, in order, of positives from `first` on whose negatives stand before it: a model that has learned all before has learned those.
  std::vector<std::size_t> corrections(std::size_t first) const {
    std::vector<std::size_t> places;
    const std::uint64_t from = oldest() + first;
    for (const Correction& correction : corrections_)
      if (correction.row >= from && correction.negative < from) places.push_back(static_cast<std::size_t>(correction.row - oldest()));
    return places;
  }

  /// Forgets which predictions the negatives were of: their numbers begin anew.
  void renumber() { negatives_.assign(negatives_.size(), none); }

  const SlidingWindow& rows() const noexcept { return rows_; }

  std::size_t memory_bytes() const noexcept {
    return rows_.memory_bytes() + negatives_.capacity() * sizeof(std::uint64_t) + corrections_.size() * sizeof(Correction);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("History", 1);
    ar(self.rows_);
    std::vector<std::uint64_t> negatives = self.negatives_;
    std::vector<std::uint64_t> corrections;
    for (const Correction& correction : self.corrections_) corrections.insert(corrections.end(), {correction.row, correction.negative});
    ar(negatives, corrections);
    ar.check(corrections.size() % 2 == 0 && corrections.size() / 2 <= self.rows_.size(), "corrections");
    if constexpr (Ar::reading) {
      for (const std::uint64_t negative : negatives) ar.check(negative == none || negative < self.rows_.seen(), "negatives");
      if (negatives.size() == self.negatives_.size()) {
        self.negatives_ = std::move(negatives);
      } else {
        self.renumber();  // another horizon
      }
      self.corrections_.clear();
      for (std::size_t i = 0; i < corrections.size(); i += 2) {
        ar.check(corrections[i] >= self.oldest() && corrections[i] < self.rows_.seen() && corrections[i + 1] <= corrections[i] &&
                     (i == 0 || corrections[i] > corrections[i - 2]),
                 "corrections");
        self.corrections_.push_back({corrections[i], corrections[i + 1]});
      }
    }
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  struct Correction {
    std::uint64_t row;  // as they are numbered in the order in which they came
    std::uint64_t negative;
  };

  std::uint64_t oldest() const noexcept { return rows_.seen() - rows_.size(); }

  SlidingWindow rows_;
  std::vector<std::uint64_t> negatives_;  // [horizon] by sequence number: the row of each
  std::deque<Correction> corrections_;
};

}  // namespace rtml::detail
