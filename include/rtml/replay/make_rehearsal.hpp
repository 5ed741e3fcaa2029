#pragma once

#include <cstdint>

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/replay/rehearsal.hpp"

namespace rtml {

/// Rehearsal by the name of its buffer: `reservoir`, `class_balanced` (`classes`), `sliding`, `prioritized` (`alpha`, `beta`, `epsilon`),
/// `decayed` (`half_life`, as 90m or 7d) or `herding` (`classes`, `candidates`), with `size` (10,000), `ratio` (1) and the schedule
/// (`warmup`, `every`, `drift_ratio`, `drift_rows`). Defaults as the types have them; labels from `classes` (32) on are not kept.
/// @throws ConfigError that names the buffer or the parameter.
RTML_API Rehearsal make_rehearsal(Spec spec, std::uint64_t seed);

}  // namespace rtml
