#pragma once

#include <cmath>
#include <vector>

#include "rtml/core/outcome.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/task.hpp"

namespace rtml::testing {

/// Made outcomes of a task, with ties, repeats and weights of 0.25 to 2.
inline std::vector<Outcome> made_outcomes(Task task, std::uint64_t seed, std::size_t count, std::size_t classes = 4) {
  Rng rng(seed);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto weight = static_cast<float>(1 + rng.below(8)) * 0.25F;
    if (task == Task::binary) {
      const float truth = rng.uniform() < 0.3 ? 1.0F : 0.0F;
      const auto score = static_cast<float>(std::round(100.0 * (0.6 * rng.uniform() + 0.4 * static_cast<double>(truth))) / 100.0);
      outcomes.push_back(Outcome::binary(score, truth, 0.5F, weight));
    } else if (task == Task::regression) {
      const auto truth = static_cast<float>(3.0 + rng.normal());
      outcomes.push_back(Outcome::regression(truth + static_cast<float>(0.5 * rng.normal()), truth, weight));
    } else {
      const auto truth = static_cast<int>(rng.below(classes));
      const int said = rng.uniform() < 0.6 ? truth : static_cast<int>(rng.below(classes));
      outcomes.push_back(Outcome::classes(static_cast<float>(rng.uniform()), said, truth, weight));
    }
  }
  return outcomes;
}

}  // namespace rtml::testing
