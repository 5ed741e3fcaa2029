#pragma once

#include <CLI/CLI.hpp>

#include "rtml/core/any_learner.hpp"

/// Each subcommand of rtml-bench is a file that adds itself: its options, and what runs when it was named.
namespace rtml_bench {

/// False of binary learners that decide at a margin: a log loss of those means nothing.
inline bool says_probabilities(const rtml::AnyLearner& learner) {
  return learner.task() != rtml::Task::binary || learner.threshold() > 0.0F;
}

void add_stream(CLI::App& app);
void add_strategies(CLI::App& app);
void add_loop(CLI::App& app);
void add_soak(CLI::App& app);
void add_sparse(CLI::App& app);
void add_score(CLI::App& app);
void add_swap(CLI::App& app);
void add_linear(CLI::App& app);
void add_features(CLI::App& app);
void add_monitor(CLI::App& app);
void add_drift(CLI::App& app);
void add_drift_delay(CLI::App& app);
void add_distance(CLI::App& app);
void add_versions(CLI::App& app);
void add_forgetting(CLI::App& app);
void add_checkpoint(CLI::App& app);

}  // namespace rtml_bench
