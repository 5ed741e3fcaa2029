#pragma once

#include "rtml/core/error.hpp"
#include "rtml/metrics/tally.hpp"

namespace rtml::metrics {

/// A metric that forgets exponentially: each outcome multiplies the weight of those before it by `factor`. O(1) an outcome (amortised: the
/// newest weighs ever more instead, and all are scaled back once in a long while).
/// Source: J. Gama, R. Sebastiao, P. P. Rodrigues, "On evaluating stream learning algorithms" (2013), fading factors.
template <Tally T>
class Fading {
 public:
  static constexpr std::string_view name = T::name;
  static constexpr bool higher_is_better = T::higher_is_better;

  /// `factor` in [1e-6, 1): 0.999 halves a weight in 693 outcomes. @throws ConfigError
  explicit Fading(double factor, T tally = T()) : factor_(factor), tally_(std::move(tally)) {
    require("Fading", "factor", factor, factor >= 1e-6 && factor < 1.0, "in [1e-6, 1)");
  }

  double factor() const noexcept { return factor_; }

  void update(const Outcome& outcome) noexcept {
    if (!detail::is_usable_outcome(outcome) || !tally_.accepts(outcome)) {
      ++refused_;
      return;
    }
    if (!(outcome.weight > 0.0F)) return;
    newest_ /= factor_;
    if (newest_ > 1e100) {
      tally_.scale(factor_ / newest_);  // what was the newest weighs one again
      newest_ = 1.0 / factor_;
    }
    tally_.add(outcome, newest_ * static_cast<double>(outcome.weight));
    ++count_;
  }

  double value() const noexcept { return tally_.value(); }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t refused() const noexcept { return refused_; }

  void reset() noexcept {
    tally_.reset();
    newest_ = 1.0;
    count_ = refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) - sizeof(T) + tally_.memory_bytes(); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Fading", 1);
    double factor = self.factor_;
    ar(factor);
    ar.check(factor == self.factor_, "factor");
    ar(self.newest_, self.tally_, self.count_, self.refused_);
    ar.check(detail::is_sum(self.newest_, 1.0) && self.newest_ <= 1e100, "weight of the newest");
  }

 private:
  double factor_;
  T tally_;
  double newest_ = 1.0;  // weight of the newest outcome, 1 for the oldest since the last scaling
  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml::metrics
