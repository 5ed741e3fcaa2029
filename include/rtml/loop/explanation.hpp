#pragma once

#include <string>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/export.hpp"
#include "rtml/loop/prediction.hpp"

namespace rtml {

/// Why a linear model said what it said: margin = intercept + the sum of all contributions, and the score follows from the margin.
struct Explanation {
  struct Part {
    std::string feature;        ///< the column's name; "#index" of a hashed feature
    float value = 0.0F;         ///< what the model saw; NaN = missing
    float contribution = 0.0F;  ///< to the margin
  };

  Prediction prediction;
  bool available = false;  ///< the learner can say
  float intercept = 0.0F;
  std::vector<Part> parts;  ///< largest magnitude first
};

namespace detail {
RTML_API void explain(const AnyLearner& model, const Schema& schema, const Features& x, Explanation& explanation);
}  // namespace detail

}  // namespace rtml
