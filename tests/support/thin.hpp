#pragma once

#include <cstddef>

#if defined(__has_feature)
#define RTML_HAS_FEATURE(feature) __has_feature(feature)
#else
#define RTML_HAS_FEATURE(feature) 0
#endif

namespace rtml::testing {

/// Tests that go through all places of something take every `thin`-th under sanitizers, where each takes ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || RTML_HAS_FEATURE(address_sanitizer)
inline constexpr std::size_t thin = 7;
#else
inline constexpr std::size_t thin = 1;
#endif

}  // namespace rtml::testing
