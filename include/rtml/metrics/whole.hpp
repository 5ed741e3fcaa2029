#pragma once

#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// A metric over everything since the start. O(1) an outcome; merges.
///
///     Whole<Accuracy> accuracy;
///     accuracy.update(Outcome::binary(0.8F, 1.0F));
template <Tally T>
class Whole {
 public:
  static constexpr std::string_view name = T::name;
  static constexpr bool higher_is_better = T::higher_is_better;

  explicit Whole(T tally = T()) : tally_(std::move(tally)) {}

  /// Ignores and counts what is not finite or not of this metric's task; weight 0 does nothing.
  void update(const Outcome& outcome) noexcept {
    if (!detail::is_usable_outcome(outcome) || !tally_.accepts(outcome)) {
      ++refused_;
    } else if (outcome.weight > 0.0F) {
      tally_.add(outcome, static_cast<double>(outcome.weight));
      ++count_;
    }
  }

  double value() const noexcept { return tally_.value(); }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const T& tally() const noexcept { return tally_; }

  void merge(const Whole& other) noexcept {
    tally_.merge(other.tally_);
    count_ += other.count_;
    refused_ += other.refused_;
  }

  void reset() noexcept {
    tally_.reset();
    count_ = refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(T) + tally_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Whole", 1);
    ar(self.tally_, self.count_, self.refused_);
  }

 private:
  T tally_;
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml::metrics
