#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/outcome.hpp"
#include "rtml/metrics/loss.hpp"
#include "rtml/metrics/outcome_of.hpp"

namespace rtml {

/// How a model was, now and then: for what comes back. A season, a campaign or a machine's other mode that the model once knew and has since
/// unlearned need not be learned again.
///
/// Memory: `keep` copies of the model. Full, the oldest makes room.
class Shelf {
 public:
  struct Options {
    std::size_t keep = 8;        ///< copies, in [1, 1024]
    std::uint64_t every = 1000;  ///< labels between two, >= 1
    std::size_t rows = 50;       ///< newest rows on which they are compared, >= 1; as many as come between a change and its alarm

    /// @throws ConfigError
    void validate() const {
      require("Shelf", "keep", keep, keep >= 1 && keep <= 1024, "in [1, 1024]");
      require("Shelf", "every", every, every >= 1, ">= 1");
      require("Shelf", "rows", rows, rows >= 1, ">= 1");
    }
  };

  Shelf() : Shelf(Options{}) {}

  /// @throws ConfigError
  explicit Shelf(const Options& options) : options_(options) { options.validate(); }

  /// After the `labels`-th label: keeps a copy when it is time.
  void see(const AnyLearner& model, std::uint64_t labels) {
    if (labels % options_.every != 0) return;
    if (copies_.size() == options_.keep) copies_.erase(copies_.begin());
    copies_.push_back(model);
  }

  /// Which of `now` and the copies errs least on the newest rows of `history` (size() and at(i) -> Example), by mean metrics::loss_of;
  /// nothing is learned. `now` when no copy is better, or there are no rows. O(keep * rows) predictions.
  template <class History>
  const AnyLearner& best_fit(const AnyLearner& now, const History& history) const {
    const AnyLearner* best = &now;
    double least = loss_on(now, history);
    for (auto copy = copies_.rbegin(); copy != copies_.rend(); ++copy) {
      const double loss = loss_on(*copy, history);
      if (loss < least) least = loss, best = &*copy;
    }
    return *best;
  }

  std::size_t size() const noexcept { return copies_.size(); }
  const Options& options() const noexcept { return options_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this);
    for (const AnyLearner& copy : copies_) bytes += copy.memory_bytes();
    return bytes;
  }

  /// Copies are restored into learners like `prototype`, and bound to its schema.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar, const AnyLearner& prototype) {
    ar.header("Shelf", 1);
    std::uint64_t size = self.copies_.size();
    ar(size);
    ar.check(size <= self.options_.keep, "copies");
    if constexpr (Ar::reading) self.copies_.assign(static_cast<std::size_t>(size), prototype);
    for (auto& copy : self.copies_) {
      ar(copy);
      if constexpr (Ar::reading) copy.bind(prototype.schema());
    }
  }

 private:
  template <class History>
  double loss_on(const AnyLearner& model, const History& history) const {
    std::vector<float> scores(model.outputs());
    double loss = 0.0;
    double weight = 0.0;
    for (std::size_t i = history.size() - std::min(options_.rows, history.size()); i < history.size(); ++i) {
      const Example example = history.at(i);
      model.predict(example.x, scores, {.at = example.at});
      const Outcome outcome = metrics::outcome_of(model.task(), scores, example.y, model.threshold());
      loss += static_cast<double>(example.weight) * metrics::loss_of(model.task(), outcome, model.threshold());
      weight += static_cast<double>(example.weight);
    }
    return weight > 0.0 ? loss / weight : std::numeric_limits<double>::infinity();
  }

  Options options_;
  std::vector<AnyLearner> copies_;  // oldest first
};

}  // namespace rtml
