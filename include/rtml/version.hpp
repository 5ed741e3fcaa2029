#pragma once

#include <string_view>

#include "rtml/core/export.hpp"

#define RTML_VERSION_MAJOR 0
#define RTML_VERSION_MINOR 1
#define RTML_VERSION_PATCH 0

namespace rtml {

/// Of the headers that a host was compiled with.
inline constexpr std::string_view version = "0.1.0";

/// Of the library that it runs with: differs from `version` when a shared librtml was exchanged.
RTML_API std::string_view linked_version() noexcept;

}  // namespace rtml
