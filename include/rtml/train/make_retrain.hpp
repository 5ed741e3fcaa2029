#pragma once

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/train/retrain.hpp"

namespace rtml {

/// A retraining policy by name: `continual`, `none`, `cadence:every=1000,start=fresh`, `drift:psi=0.2`, `metric:accuracy<0.9`, ... with the parameters of
/// docs/programs.md. One by event time needs a stream that has it.
/// @throws ConfigError that names the policy or the parameter.
RTML_API Retrain make_retrain(Spec spec, bool has_time);

}  // namespace rtml
