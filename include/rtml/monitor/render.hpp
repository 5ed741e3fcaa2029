#pragma once

#include <span>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

// Every renderer escapes what it is given and replaces bytes that are not UTF-8 by U+FFFD. They allocate, keep no state and may run in
// any thread on a report of its own.

/// One page that needs nothing else: no script, style, font or picture from elsewhere, and none of its own scripts run. The data are in
/// it as JSON too, time series thinned. At most the 100 features that drifted most are drawn: 300 KB hold them.
RTML_API std::string to_html(const Report& report);

/// One JSON object with everything that the report holds; what is not finite becomes null. Features
/// come by rank: the loop's judgement, then PSI, JS, KS. Times are UTC, in series microseconds since
/// 1970.
RTML_API std::string to_json(const Report& report);

/// The report as samples named rtml_..., for a registry of the host's own.
RTML_API std::vector<Sample> samples(const Report& report);

/// Prometheus text, to be served as `text/plain; version=0.0.4`. Samples of one name come together wherever they stood; of samples with
/// equal names and labels the first is written, since a scraper refuses a page that repeats one.
/// @throws ConfigError when a name is not one that Prometheus takes, or one name has two types.
/// Source: Prometheus documentation, "Exposition formats", text-based format 0.0.4.
RTML_API std::string to_prometheus(std::span<const Sample> samples);
RTML_API std::string to_prometheus(const Report& report);

}  // namespace rtml::monitor
