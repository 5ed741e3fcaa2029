#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/task.hpp"
#include "rtml/train/retrain.hpp"

namespace rtml {

/// Where the rows that `data` picks of `history` begin: all from there on. `History` has size() and at(i) -> Example, in the order in which labels
/// came, and where a span is asked for, of their times; `untrained` are the labels that the model has not seen. O(log n).
template <class History>
std::size_t first_row(const Data& data, const History& history, std::uint64_t untrained, Time now) {
  const auto newest = [&](std::uint64_t rows) {
    return history.size() - static_cast<std::size_t>(std::min<std::uint64_t>(rows, history.size()));
  };
  if (data.what == Data::What::since_last) return newest(untrained);
  if (data.what == Data::What::rehearsal) return 0;
  std::size_t first = data.rows != 0 ? newest(data.rows) : 0;
  if (data.span.count() == 0) return first;
  for (std::size_t high = history.size(); first < high;) {
    const std::size_t middle = first + (high - first) / 2;
    if (history.at(middle).at < now - data.span) {
      first = middle + 1;
    } else {
      high = middle;
    }
  }
  return first;
}

/// The weight by which `model` learns a positive of weight w that it once learned as a negative of weight 1. A model that gives it p moves, by an
/// example of weight w + p / (1 - p), as by w positives and one negative taken back: the gradient of the log loss by the margin is
/// -(w + p / (1 - p)) (1 - p) = w (p - 1) - p. Counts of a leaf or a class come to the same share to O(1 / n^2). A 1 - p below 0.1 counts as
/// 0.1. Of hinge loss that is w + 1, or w where the margin is below -1 and the negative was worth no step. @pre the task is binary
inline float correction_weight(const AnyLearner& model, const Features& x, float weight, const Context& context) {
  float score = 0.0F;
  model.predict(x, {&score, 1}, context);
  if (is_margin(model.task(), model.threshold())) return score > -1.0F ? weight + 1.0F : weight;
  return weight + score / std::max(1.0F - score, 0.1F);
}

/// Lets `model` learn the rows of `history` from `first` on, once; returns how many. What has no weight is passed over. `corrections` are the
/// places, in order, of rows that it learned as negatives before (correction_weight). O(rows).
template <class History>
std::uint64_t learn_rows(AnyLearner& model, const History& history, std::size_t first, std::span<const std::size_t> corrections) {
  std::vector<float> before(model.outputs());
  std::uint64_t learned = 0;
  for (std::size_t i = first; i < history.size(); ++i) {
    const Example example = history.at(i);
    if (example.weight == 0.0F) continue;
    const Context context{.at = example.at};
    const bool corrects = std::binary_search(corrections.begin(), corrections.end(), i);
    model.learn(example.x, example.y, corrects ? correction_weight(model, example.x, example.weight, context) : example.weight, before,
                context);
    ++learned;
  }
  return learned;
}

/// A retrained copy of `model` (or of `untrained`, for a fresh start) from the rows of `history` from `first` on, `policy.passes` times.
/// `corrections` as learn_rows takes them, of a model that goes on; `learned` counts examples. @pre model is bound
template <class History>
AnyLearner retrain(const AnyLearner& model, const AnyLearner& untrained, const Retrain& policy, const History& history, std::size_t first,
                   std::span<const std::size_t> corrections, std::uint64_t& learned) {
  const bool fresh = policy.start == Start::fresh;
  AnyLearner next = fresh ? untrained : model;
  if (fresh) next.bind(model.schema());
  for (std::size_t pass = 0; pass < policy.passes; ++pass)
    learned += learn_rows(next, history, first, pass == 0 && !fresh ? corrections : std::span<const std::size_t>());
  return next;
}

}  // namespace rtml
