#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "rtml/core/batch.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/task.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

struct ClassifierTestOptions {
  double test = 0.5;       ///< rows that are held out, as a share of the smaller sample, in (0, 0.5]
  std::size_t passes = 3;  ///< over the training rows, >= 1
  std::uint64_t seed = 1;  ///< of the split and of the order
};

namespace detail {

/// Accuracy at 1/2, its exact binomial p-value, and 2 AUC - 1 (0 where negative), of scores of rows that are `current` or not.
RTML_API TwoSample classifier_result(std::span<const float> scores, std::span<const std::uint8_t> current);

inline std::vector<std::size_t> shuffled(std::size_t size, Rng& rng) {
  std::vector<std::size_t> places(size);
  std::iota(places.begin(), places.end(), std::size_t{0});
  for (std::size_t i = size; i > 1; --i) std::swap(places[i - 1], places[rng.below(i)]);
  return places;
}

}  // namespace detail

/// Can `learner`, bound to the columns and new, tell current rows (label 1) from those of the reference (0)? It learns from one part of
/// both and is asked about the other. A joint change shows even where no column changed, if the learner can see it.
///
/// The statistic is the accuracy on the held-out rows. Which of both samples each of them comes from is decided by a fair coin, so that
/// without drift the number of right answers is binomial with chance 1/2 for every learner and any two sample sizes: the p-value is exact.
/// Of each sample as many rows stay out of the training as are held out of both, or their numbers would tell which coins fell how.
/// The effect is 2 AUC - 1 of the scores: 0 when they say nothing, 1 when they tell all. Training rows are weighed so that both samples
/// weigh the same. A row's dense NaN is what the learner takes it for. NaN when no row is left for either part. Allocates.
/// Source: D. Lopez-Paz, M. Oquab, "Revisiting classifier two-sample tests", ICLR (2017), section 3.
/// @throws ConfigError for an option out of range, or a learner whose task is not binary.
template <ScalarLearner Learner>
TwoSample classifier_test(Learner learner, const Batch& reference, const Batch& current, const ClassifierTestOptions& options = {}) {
  require("classifier_test", "test", options.test, options.test > 0.0 && options.test <= 0.5, "in (0, 0.5]");
  require("classifier_test", "passes", options.passes, options.passes >= 1, ">= 1");
  require("classifier_test", "task", name_of(learner.task()), learner.task() == Task::binary, "binary");
  const std::size_t smaller = std::min(reference.size(), current.size());
  const auto held_out = static_cast<std::size_t>(std::floor(options.test * static_cast<double>(smaller)));
  if (held_out == 0) return {};
  Rng rng(options.seed);
  const std::vector<std::size_t> from_reference = detail::shuffled(reference.size(), rng);
  const std::vector<std::size_t> from_current = detail::shuffled(current.size(), rng);
  std::vector<std::uint8_t> labels(held_out);
  for (std::uint8_t& label : labels) label = static_cast<std::uint8_t>(rng.below(2));
  const std::size_t train_reference = reference.size() - held_out;
  const std::size_t train_current = current.size() - held_out;
  const auto training = static_cast<float>(train_reference + train_current);
  const float weight_reference = 0.5F * training / static_cast<float>(train_reference);
  const float weight_current = 0.5F * training / static_cast<float>(train_current);
  for (std::size_t pass = 0; pass < options.passes; ++pass) {
    for (const std::size_t i : detail::shuffled(train_reference + train_current, rng)) {
      if (i < train_reference) {
        learner.learn(reference.row(from_reference[held_out + i]), 0.0F, weight_reference);
      } else {
        learner.learn(current.row(from_current[held_out + i - train_reference]), 1.0F, weight_current);
      }
    }
  }
  std::vector<float> scores(held_out);
  std::size_t next_reference = 0;
  std::size_t next_current = 0;
  for (std::size_t i = 0; i < held_out; ++i)
    scores[i] =
        learner.predict(labels[i] == 1 ? current.row(from_current[next_current++]) : reference.row(from_reference[next_reference++]));
  return detail::classifier_result(scores, labels);
}

}  // namespace rtml::drift
