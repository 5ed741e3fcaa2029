#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/serve/detail/bet.hpp"
#include "rtml/stats/moments.hpp"

namespace rtml {

/// Watches a new version of a model that answers a small share of the requests beside the one that serves, and says when to roll it back
/// and when to promote it. Pure bookkeeping: the host routes (`Router`, sticky by unit), tells of predictions and losses, and acts on
/// `verdict()`.
///
///     canary.predicted(Canary::Side::canary, score, 0.8e-6);      // each answer, of either version
///     canary.labelled(Canary::Side::canary, loss);                // when its label comes
///     if (canary.verdict() == Canary::Verdict::roll_back) { route.all_to_stable(); log(canary.why()); }
///
/// The rule may be asked after every event: each of its three reasons to roll back is a bet (detail/bet.hpp) that stays right however often
/// one looks. With a new version that is no worse, the probability ever to roll it back is `alpha` at most, a third for each:
///  - its loss is larger. A canary's loss is compared with the mean of the other's since the canary's last one, so what moves both (a
///    harder hour) cancels, and all labels count. Assumes that units are routed by chance, that labels come at the same age on both sides, and
///    that losses do not depend on one another: one unit that brings a large share of the labels breaks that, whichever side it falls to;
///  - more than `most_refused` of its predictions are not finite;
///  - more than `most_slow` of its predictions take longer than `slow`.
/// It is promoted when its loss is shown to be less than the other's + `margin`, with error `alpha` at most, labels are `least_labels`
/// at least, and the means of all losses, uncut, do not say otherwise. After `most_labels` without either the verdict is `undecided`. A verdict is final.
///
/// O(1) an event, a few hundred bytes. Thread safety: one thread at a time.
class Canary {
 public:
  enum class Side : std::uint8_t { stable, canary };
  enum class Verdict : std::uint8_t { watching, roll_back, promote, undecided };

  struct Options {
    double alpha = 0.05;  ///< of each error, in (0, 0.5]
    double largest_loss =
        1.0;  ///< losses beyond count as that; > 0. 1 of a Brier score; so much that hardly any is cut, or being wrong costs nothing more
    double margin = 0.02;                 ///< in the unit of losses, in (0, largest_loss]: how much worse is as good
    std::uint64_t least_labels = 500;     ///< of the canary, before it is promoted
    std::uint64_t most_labels = 100'000;  ///< of the canary; >= least_labels
    double most_refused = 0.01;           ///< share, in (0, 1)
    double slow = 0.0;                    ///< seconds; 0 = latency does not matter
    double most_slow = 0.01;              ///< share, in (0, 1)
  };

  struct Counts {
    std::uint64_t predictions = 0;
    std::uint64_t refused = 0;  ///< predictions that were not finite
    std::uint64_t slow = 0;
    stats::Moments scores;
    stats::Moments losses;     ///< as they came
    stats::Moments latencies;  ///< seconds

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.predictions, self.refused, self.slow, self.scores, self.losses, self.latencies);
      ar.check(self.refused <= self.predictions && self.slow <= self.predictions, "counts of a canary");
    }
  };

  Canary() : Canary(Options{}) {}

  /// @throws ConfigError when an option is outside its documented range.
  explicit Canary(const Options& options) : options_(options), refusals_(options.most_refused), delays_(options.most_slow) {
    const auto& o = options_;
    require("Canary", "alpha", o.alpha, o.alpha > 0.0 && o.alpha <= 0.5, "in (0, 0.5]");
    require("Canary", "largest_loss", o.largest_loss, is_usable(o.largest_loss) && o.largest_loss > 0.0, "more than 0");
    require("Canary", "margin", o.margin, o.margin > 0.0 && o.margin <= o.largest_loss, "in (0, largest_loss]");
    require("Canary", "most_labels", o.most_labels, o.most_labels >= std::max<std::uint64_t>(o.least_labels, 1),
            "at least least_labels, and 1");
    require("Canary", "most_refused", o.most_refused, o.most_refused > 0.0 && o.most_refused < 1.0, "in (0, 1)");
    require("Canary", "slow", o.slow, is_usable(o.slow) && o.slow >= 0.0, "not negative");
    require("Canary", "most_slow", o.most_slow, o.most_slow > 0.0 && o.most_slow < 1.0, "in (0, 1)");
  }

  /// One answer, and how long it `took`, in seconds.
  void predicted(Side side, float score, double took = 0.0) noexcept {
    Counts& counts = of(side);
    const bool refused = !is_finite(score);
    const bool slow = options_.slow > 0.0 && took > options_.slow;
    ++counts.predictions;
    counts.refused += refused ? 1U : 0U;
    counts.slow += slow ? 1U : 0U;
    counts.scores.update(static_cast<double>(score));
    counts.latencies.update(took);
    if (side == Side::stable) return;
    refusals_.update((refused ? 1.0 : 0.0) - options_.most_refused);
    if (options_.slow > 0.0) delays_.update((slow ? 1.0 : 0.0) - options_.most_slow);
    decide();
  }

  /// The loss of one answer whose label came, not negative; one that is not finite counts as the largest.
  void labelled(Side side, double loss) noexcept {
    of(side).losses.update(loss);
    Waiting& waiting = waiting_[static_cast<std::size_t>(side)];
    waiting.sum += is_nan(loss) ? options_.largest_loss : std::clamp(loss, 0.0, options_.largest_loss);
    waiting.count += 1.0;
    if (side == Side::canary) ++labels_;
    if (waiting_[0].count > 0.0 && waiting_[1].count > 0.0) {
      const double gap = (waiting_[1].sum / waiting_[1].count - waiting_[0].sum / waiting_[0].count) / options_.largest_loss;
      const double margin = options_.margin / options_.largest_loss;
      worse_.update(gap);
      as_good_.update((margin - gap) / (1.0 + margin));
      waiting_ = {};
    }
    decide();
  }

  Verdict verdict() const noexcept { return verdict_; }
  const Counts& counts(Side side) const noexcept { return counts_[static_cast<std::size_t>(side)]; }
  const Options& options() const noexcept { return options_; }

  /// The verdict with the numbers that it follows from.
  std::string why() const {
    const Counts& stable = counts(Side::stable);
    const Counts& canary = counts(Side::canary);
    const std::uint64_t beyond = labels_ - canary.losses.count();  // of no mean, and counted as the largest
    const std::string losses = "loss " + to_text(canary.losses.mean()) + " of " + to_text(canary.losses.count()) + " labels" +
                               (beyond > 0 ? " and not finite of " + to_text(beyond) : std::string()) + " beside " +
                               to_text(stable.losses.mean()) + " of " + to_text(stable.losses.count());
    switch (verdict_) {
      case Verdict::promote:
        return "promoted: " + losses + "; that it is worse by " + to_text(options_.margin) + " has p <= " + to_text(as_good_.p_value());
      case Verdict::undecided: return "undecided after " + to_text(options_.most_labels) + " labels: " + losses;
      case Verdict::watching: return "watching: " + losses;
      case Verdict::roll_back: break;
    }
    if (reason_ == Reason::refused)
      return "rolled back: " + to_text(canary.refused) + " of " + to_text(canary.predictions) +
             " predictions were not finite, allowed is a share of " + to_text(options_.most_refused) +
             " (p <= " + to_text(refusals_.p_value()) + ")";
    if (reason_ == Reason::slow)
      return "rolled back: " + to_text(canary.slow) + " of " + to_text(canary.predictions) + " predictions took longer than " +
             to_text(options_.slow) + " s, allowed is a share of " + to_text(options_.most_slow) + " (p <= " + to_text(delays_.p_value()) +
             ")";
    return "rolled back: " + losses + " (p <= " + to_text(worse_.p_value()) + ")";
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Canary", 1);
    auto& o = self.options_;
    ar(o.alpha, o.largest_loss, o.margin, o.least_labels, o.most_labels, o.most_refused, o.slow, o.most_slow);
    ar.check(o.alpha > 0.0 && o.alpha <= 0.5 && is_usable(o.largest_loss) && o.largest_loss > 0.0 && o.margin > 0.0 &&
                 o.margin <= o.largest_loss && o.most_labels >= std::max<std::uint64_t>(o.least_labels, 1) && o.most_refused > 0.0 &&
                 o.most_refused < 1.0 && is_usable(o.slow) && o.slow >= 0.0 && o.most_slow > 0.0 && o.most_slow < 1.0,
             "options of a canary");
    for (auto& counts : self.counts_) ar(counts);
    for (auto& waiting : self.waiting_) {
      ar(waiting.sum, waiting.count);
      ar.check(is_finite(waiting.sum) && is_finite(waiting.count) && waiting.count >= 0.0, "losses that wait");
    }
    ar(self.worse_, self.as_good_, self.refusals_, self.delays_, self.labels_, self.verdict_, self.reason_);
    ar.check(self.verdict_ <= Verdict::undecided && self.reason_ <= Reason::slow, "verdict");
    ar.check(self.counts(Side::canary).losses.count() <= self.labels_, "labels of a canary");
  }

 private:
  enum class Reason : std::uint8_t { worse, refused, slow };

  struct Waiting {
    double sum = 0.0;
    double count = 0.0;
  };

  Counts& of(Side side) noexcept { return counts_[static_cast<std::size_t>(side)]; }

  void decide() noexcept {
    if (verdict_ != Verdict::watching) return;
    const double each = options_.alpha / 3.0;
    const auto roll_back = [this](Reason reason) {
      verdict_ = Verdict::roll_back;
      reason_ = reason;
    };
    if (refusals_.won(each)) return roll_back(Reason::refused);
    if (delays_.won(each)) return roll_back(Reason::slow);
    if (worse_.won(each)) return roll_back(Reason::worse);
    if (labels_ < options_.least_labels) return;
    const double excess = counts(Side::canary).losses.mean() - counts(Side::stable).losses.mean();
    if (as_good_.won(options_.alpha) && !(excess > options_.margin)) {
      verdict_ = Verdict::promote;
    } else if (labels_ >= options_.most_labels) {
      verdict_ = Verdict::undecided;
    }
  }

  Options options_;
  std::array<Counts, 2> counts_;
  std::array<Waiting, 2> waiting_;  // losses since the last pair
  detail::Bet worse_;               // of what is compared, in shares of the largest loss
  detail::Bet as_good_;
  detail::Bet refusals_;
  detail::Bet delays_;
  std::uint64_t labels_ = 0;
  Verdict verdict_ = Verdict::watching;
  Reason reason_ = Reason::worse;
};

}  // namespace rtml
