#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"
#include "rtml/stats/moments.hpp"

namespace rtml {

/// What a retrained model, the candidate, must prove before it serves. It answers the same requests as the model in whose place it would
/// come, beside it and unseen, each with what it knew when they were served; their losses are compared on those that were served after
/// its training ended and `embargo` more. The losses are those of metrics::loss_of: log loss, or absolute error.
struct Gate {
  enum class Decision : std::uint8_t { wait, promote, keep };

  /// Losses of both on the same labels.
  struct Evidence {
    std::uint64_t labels = 0;
    double serving = 0.0;    ///< mean loss of the model that serves, by weight
    double candidate = 0.0;  ///< the same of the candidate
    stats::Moments gain;     ///< of the serving model's loss - the candidate's, times the weight: what a test of its own needs

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.labels, self.serving, self.candidate, self.gain);
      ar.check(is_usable(self.serving) && is_usable(self.candidate), "mean loss");
    }
  };

  std::uint64_t labels = 0;  ///< that decide; 0 = no gate: what was retrained serves at once
  double margin = 0.0;       ///< promoted when its mean loss is smaller by more than this share of the other's, in [0, 1)
  Duration embargo{
      0};  ///< event time, in [0, 3650 days]; what is served within it of the end of training shares labels and windows with it: not judged

  /// Asked after each label in place of `labels` and `margin`, from the thread that works. Empty: those decide. What it throws keeps the
  /// model that serves.
  std::function<Decision(const Evidence&)> rule = {};

  explicit operator bool() const noexcept { return labels > 0 || static_cast<bool>(rule); }

  Decision decide(const Evidence& evidence) const {
    if (rule) return rule(evidence);
    if (evidence.labels < labels) return Decision::wait;
    return evidence.candidate < (1.0 - margin) * evidence.serving ? Decision::promote : Decision::keep;
  }

  /// @throws ConfigError
  void validate() const {
    require("Gate", "margin", margin, margin >= 0.0 && margin < 1.0, "in [0, 1)");
    require("Gate", "embargo", embargo.count(), embargo.count() >= 0 && embargo <= days(3650), "in [0, 3650 days]");
    require("Gate", "margin", margin, margin == 0.0 || *this, "used with `labels` or a rule");
    require("Gate", "embargo", embargo.count(), embargo.count() == 0 || *this, "used with `labels` or a rule");
  }
};

/// A candidate's time before its gate.
class Trial {
 public:
  /// From the prediction number `first` on, for events after `after`.
  void begin(std::uint64_t first, Time after) noexcept {
    first_ = first;
    after_ = after;
    evidence_ = {};
    weight_ = 0.0;
  }

  /// True of predictions that are judged.
  bool judges(std::uint64_t sequence, Time at) const noexcept { return sequence >= first_ && at > after_; }

  /// One label. What is not usable is left out.
  void count(double serving_loss, double candidate_loss, double weight) noexcept {
    if (!is_usable(serving_loss) || !is_usable(candidate_loss) || !(weight > 0.0)) return;
    ++evidence_.labels;
    weight_ += weight;
    evidence_.serving += weight / weight_ * (serving_loss - evidence_.serving);
    evidence_.candidate += weight / weight_ * (candidate_loss - evidence_.candidate);
    evidence_.gain.update(weight * (serving_loss - candidate_loss));
  }

  const Gate::Evidence& evidence() const noexcept { return evidence_; }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Trial", 1);
    ar(self.first_, self.after_, self.evidence_, self.weight_);
    ar.check(is_finite(self.weight_) && self.weight_ >= 0.0, "weight");
  }

 private:
  std::uint64_t first_ = ~std::uint64_t{0};
  Time after_{};
  Gate::Evidence evidence_;
  double weight_ = 0.0;
};

}  // namespace rtml
