#pragma once

#include <span>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/drift/any_detector.hpp"

namespace rtml::drift {

/// The known detectors: "adwin", "ddm", "eddm", "rddm", "hddm_a", "hddm_w", "fhddm", "stepd", "ecdd", "cusum", "page_hinkley", "kswin",
/// "sliding_ks", "shiryaev_roberts".
RTML_API std::span<const std::string_view> detector_names() noexcept;

/// A detector by name, with its options under the names that they have in C++: "adwin:delta=0.01,direction=rise".
/// @throws ConfigError for an unknown name (lists the known ones), an unknown option or a value out of range.
RTML_API AnyDetector make_detector(Spec spec);

inline AnyDetector make_detector(std::string_view text) { return make_detector(Spec(text)); }

}  // namespace rtml::drift
