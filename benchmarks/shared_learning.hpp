#pragma once

#include <nlohmann/json.hpp>

#include "rtml/core/any_learner.hpp"
#include "sparse_rows.hpp"

namespace rtml_bench {

/// One model of many threads (rtml::Shared): what it costs over the same model with one owner, what `threads` learners reach together, and
/// how long a prediction takes idle and beside them. `learner` is an unbound logistic one of any optimizer.
/// @throws rtml::ConfigError for other learners.
nlohmann::ordered_json measure_shared(const SparseRows& rows, const rtml::AnyLearner& learner, unsigned threads);

}  // namespace rtml_bench
