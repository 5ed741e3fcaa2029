#pragma once

#include <string_view>

#include "rtml/replay/rehearsal.hpp"
#include "rtml/train/retrain.hpp"

namespace rtml_loop {

/// A retraining policy from the text of its SPEC; one by event time needs a stream that has it. @throws rtml::ConfigError
rtml::Retrain make_policy(std::string_view text, bool has_time);

/// Rehearsal from NAME[:size=N,ratio=R]; none when empty. @throws rtml::ConfigError
rtml::Rehearsal make_rehearsal(std::string_view text, std::uint64_t seed);

}  // namespace rtml_loop
