#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

/// Distances that a monitor of many features keeps, and that signals name.
enum class Distance : std::uint8_t { psi, js, ks };

/// "psi", "js", "ks".
RTML_API std::string_view name_of(Distance distance) noexcept;

/// @throws ConfigError that lists the three.
RTML_API Distance distance_named(std::string_view name);

/// All that measure() knows by name.
RTML_API std::span<const std::string_view> distance_names() noexcept;

/// Two samples through the distance that `spec` names, with its options and their defaults:
///
///     ks:method=automatic|exact|asymptotic|limit,direction=both|rise|fall
///     cvm:method=automatic|exact|asymptotic          anderson_darling:ties=midrank|right
///     wasserstein:scale=none|deviation|robust,permutations=999,seed=1    energy:permutations=999,seed=1
///     psi:bins=10    kl:bins=10    hellinger:bins=10    total_variation:bins=10
///     js:bins=10,form=distance|divergence,base=2
///     chi2:bins=0,correction=none|yates    g_test:bins=0    fisher:bins=0    cramers_v:bins=0,form=corrected|plain
///     mmd:estimator=unbiased|biased|linear,bandwidth=0,permutations=199,seed=1
///
/// bins=0 takes each value for a category (drift/histograms.hpp).
/// @throws ConfigError for an unknown name or option, and as the distance does.
RTML_API TwoSample measure(Spec spec, std::span<const double> reference, std::span<const double> current);

}  // namespace rtml::drift
