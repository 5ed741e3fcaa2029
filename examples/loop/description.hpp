#pragma once

#include <string>

#include "arguments.hpp"

namespace rtml_loop {

/// What a state directory was begun with: `run.json` beside its checkpoints. A loop that went on with the rows of another stream, or with
/// labels that come at another time, would be wrong without a word.

/// @throws rtml::ConfigError when there are checkpoints in --state that were written with another stream, target, time, label delay or seed;
/// names the option. State without a description is taken as it is.
void require_same_run(const Arguments& arguments);

/// The options that are not what they were, in words; empty when there are none.
std::string other_options(const Arguments& arguments);

/// @throws rtml::IoError
void write_description(const Arguments& arguments);

}  // namespace rtml_loop
