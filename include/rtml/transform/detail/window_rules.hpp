#pragma once

#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/window_options.hpp"

namespace rtml::detail {

inline std::string duration_text(Duration span) {
  const auto count = span.count();
  return count % 1'000'000 == 0 ? to_text(count / 1'000'000) + "s" : to_text(count) + "us";
}

/// Which options of windows are part of what a window means: they decide what it holds. What is as it is by
/// default goes without saying, so no default may ever change. `max_entities` and `shards` are sizes: what they cost is counted as evicted.
inline std::string window_rules(const WindowOptions& options) {
  const WindowOptions usual;
  std::string rules;
  const auto add = [&](const char* name, const std::string& value) { rules += (rules.empty() ? "{" : ",") + (name + value); };
  if (options.max_events_per_entity != usual.max_events_per_entity) add("events=", to_text(options.max_events_per_entity));
  if (options.lateness != usual.lateness) add("lateness=", duration_text(options.lateness));
  if (options.time_to_live != usual.time_to_live) add("ttl=", duration_text(options.time_to_live));
  if (options.max_skew != usual.max_skew) add("skew=", duration_text(options.max_skew));
  return rules.empty() ? rules : rules + "}";
}

}  // namespace rtml::detail
