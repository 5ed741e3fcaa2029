#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/drift/two_sample.hpp"

namespace rtml::drift {

/// Distances between two distributions, by the names that programs and signals use.
enum class Distance : std::uint8_t { psi, js, ks };

/// "psi", "js", "ks".
RTML_API std::string_view name_of(Distance distance) noexcept;

/// @throws ConfigError that lists the known ones.
RTML_API Distance distance_named(std::string_view name);

/// The known names.
RTML_API std::span<const std::string_view> distance_names() noexcept;

/// Two samples through the distance that `spec` names: "ks:method=exact", "psi:bins=20", "js:base=2.718281828459045,form=divergence".
/// @throws ConfigError for an unknown name or option.
RTML_API TwoSample measure(Spec spec, std::span<const double> reference, std::span<const double> current);

}  // namespace rtml::drift
