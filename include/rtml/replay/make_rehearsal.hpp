#pragma once

#include <cstdint>

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/replay/rehearsal.hpp"

namespace rtml {

/// Rehearsal by the name of its buffer: `reservoir`, `class_balanced` or `sliding`, with `size` (10,000) and `ratio` (1).
/// @throws ConfigError that names the buffer or the parameter.
RTML_API Rehearsal make_rehearsal(Spec spec, std::uint64_t seed);

}  // namespace rtml
