#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/bounded_queue.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/event_id.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/serve/score_batch.hpp"
#include "rtml/stats/moments.hpp"

namespace rtml {

/// A model that answers what was served without anybody waiting for it: requests leave a copy of the row in a bounded queue, whoever calls
/// `work()` scores it, and labels tell which of the two models errs less. (The loop has shadows of its own; this is for hosts that only
/// serve.)
///
///     shadow.offer(id, x, served);      // on the request path; false = dropped, and counted
///     shadow.work();                    // elsewhere, now and then
///     shadow.label(id, y);              // the same thread, when the truth is known
///
/// Cost of `offer`: a copy of the row, no lock, no allocation. Memory: `queue` rows of the largest size, and 32 bytes for each answer
/// that waits for
/// its label: of those the newest `waiting` are kept, about.
/// Thread safety: `offer` and counters marked so from any thread; everything else belongs to the one that works.
template <class Learner>
requires ScalarLearner<Learner> || std::same_as<Learner, AnyLearner>
class Shadow {
 public:
  struct Options {
    std::size_t queue = 4096;       ///< rows that wait for work(); rounded up to a power of two
    std::size_t dense = 0;          ///< columns of a row
    std::size_t sparse = 0;         ///< most sparse features of a row
    std::size_t waiting = 1 << 16;  ///< answers that wait for labels; rounded up to a power of two, 8 at least
    float threshold = 0.5F;         ///< two scores agree when both are above it, or neither
    double (*loss)(float score, float y) = squared;
  };

  /// (score - y)^2: of a regression, and of probabilities (Brier's score).
  static double squared(float score, float y) noexcept {
    const double error = static_cast<double>(score) - static_cast<double>(y);
    return error * error;
  }

  /// @throws ConfigError when an option is outside its range, or the model has more than one output.
  Shadow(Learner model, Options options)
      : options_(checked(options, model)),
        model_(std::move(model)),
        queue_(options.queue, Row(options)),
        answers_(std::bit_ceil(std::max(options.waiting, ways))) {}

  /// A row and what was served for it. False when the queue is full or the row is larger than the options say. Any thread.
  bool offer(EventId id, const Features& x, float served) noexcept {
    const bool fits = x.dense.size() <= options_.dense && x.sparse.size() <= options_.sparse;
    const bool taken = fits && queue_.push_with([&](Row& row) {
      row.id = id;
      row.served = served;
      row.dense.assign(x.dense.begin(), x.dense.end());  // within what was reserved
      row.sparse.assign(x.sparse.begin(), x.sparse.end());
    });
    if (!taken) dropped_.fetch_add(1, std::memory_order_relaxed);
    return taken;
  }

  /// Scores up to `most` rows that wait; returns how many.
  std::size_t work(std::size_t most = static_cast<std::size_t>(-1)) noexcept {
    std::size_t done = 0;
    while (done < most && queue_.pop_with([this](const Row& row) { score(row); })) ++done;
    return done;
  }

  /// The truth about a row. False when its answer is not there (any more); a label counts once.
  bool label(EventId id, float y) noexcept {
    const std::span<Answer> set = set_of(id);
    const auto found = std::find_if(set.begin(), set.end(), [&](const Answer& answer) { return answer.order != 0 && answer.id == id; });
    if (found == set.end() || !is_usable(y)) {
      ++unknown_;
      return false;
    }
    const double served = options_.loss(found->served, y);
    const double own = options_.loss(found->score, y);
    found->order = 0;
    served_loss_.update(served);
    loss_.update(own);
    difference_.update(own - served);
    return true;
  }

  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }  ///< any thread
  std::uint64_t scored() const noexcept { return scored_; }
  std::uint64_t refused() const noexcept { return refused_; }    ///< answers of either that were not finite: compared no further
  std::uint64_t replaced() const noexcept { return replaced_; }  ///< answers that made room before their label came
  std::uint64_t unknown_labels() const noexcept { return unknown_; }

  /// Share of the rows on which both are on one side of the threshold; NaN before the first.
  double agreement() const noexcept { return agreement_.mean(); }
  const stats::Moments& gaps() const noexcept { return gaps_; }                ///< |shadow's score - served|
  const stats::Moments& loss() const noexcept { return loss_; }                ///< the shadow's, of labelled rows
  const stats::Moments& served_loss() const noexcept { return served_loss_; }  ///< of what was served, the same rows
  const stats::Moments& difference() const noexcept { return difference_; }    ///< row by row: negative = the shadow is better

  const Learner& model() const noexcept { return model_; }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(queue_) - sizeof(model_) + queue_.memory_bytes() + model_.memory_bytes() +
           queue_.capacity() * (options_.dense * sizeof(float) + options_.sparse * sizeof(SparseFeature)) +
           answers_.capacity() * sizeof(Answer);
  }

 private:
  static constexpr std::size_t ways = 8;

  struct Row {
    EventId id;
    float served = 0.0F;
    std::vector<float> dense;
    std::vector<SparseFeature> sparse;

    Row() = default;
    explicit Row(const Options& options) : dense(options.dense), sparse(options.sparse) {}
  };

  struct Answer {
    EventId id;
    float served = 0.0F;
    float score = 0.0F;
    std::uint64_t order = 0;  // of scoring; 0 = waits for nothing
  };

  static const Options& checked(const Options& options, const Learner& model) {
    constexpr std::size_t most = std::size_t{1} << 31U;
    require("Shadow", "queue", options.queue, options.queue >= 1 && options.queue <= most, "in [1, 2^31]");
    require("Shadow", "dense", options.dense, options.dense <= most, "at most 2^31");
    require("Shadow", "sparse", options.sparse, options.sparse <= most, "at most 2^31");
    require("Shadow", "waiting", options.waiting, options.waiting >= 1 && options.waiting <= most, "in [1, 2^31]");
    require("Shadow", "threshold", options.threshold, is_usable(options.threshold), "finite");
    require("Shadow", "loss", "null", options.loss != nullptr, "a function");
    require("Shadow", "outputs of the model", detail::outputs_of(model), detail::outputs_of(model) == 1, "1");
    return options;
  }

  /// The places where the answer to an id may be: the oldest of them makes room.
  std::span<Answer> set_of(EventId id) noexcept {
    const std::size_t sets = answers_.size() / ways;
    return std::span(answers_).subspan((static_cast<std::size_t>(id.hash()) & (sets - 1)) * ways, ways);
  }

  void score(const Row& row) noexcept {
    float said = 0.0F;
    detail::score_row(model_, {row.dense, row.sparse}, {}, std::span<float>(&said, 1));
    ++scored_;
    if (!is_finite(said) || !is_finite(row.served)) {
      ++refused_;
      return;
    }
    agreement_.update((said > options_.threshold) == (row.served > options_.threshold) ? 1.0 : 0.0);
    gaps_.update(std::fabs(static_cast<double>(said) - static_cast<double>(row.served)));
    const std::span<Answer> set = set_of(row.id);
    auto place = std::find_if(set.begin(), set.end(), [&](const Answer& answer) { return answer.order != 0 && answer.id == row.id; });
    if (place == set.end())
      place = std::min_element(set.begin(), set.end(), [](const Answer& a, const Answer& b) { return a.order < b.order; });
    replaced_ += place->order != 0 ? 1U : 0U;
    *place = {row.id, row.served, said, scored_};
  }

  Options options_;
  Learner model_;
  BoundedQueue<Row> queue_;
  std::vector<Answer> answers_;  // [sets, ways]
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t scored_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t replaced_ = 0;
  std::uint64_t unknown_ = 0;
  stats::Moments agreement_;
  stats::Moments gaps_;
  stats::Moments loss_;
  stats::Moments served_loss_;
  stats::Moments difference_;
};

}  // namespace rtml
