#pragma once

#include <span>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

// Every renderer escapes what it is given and replaces bytes that are not UTF-8 by U+FFFD. They allocate, keep no state and may run in
// any thread on a report of its own.

/// One page that needs nothing else: no script, no style, font or picture from elsewhere; it follows the reader's dark or light
/// setting, fits a phone and prints. Every feature has a row, up to 1000 of them; the 50 that rank first a page of their own, closed until
/// opened. Below 500 KB for 1000 features that all drift; what has no room is in the JSON. No row of data is in it, only counts.
RTML_API std::string to_html(const Report& report);

/// One JSON object with everything that the report holds; what is not finite becomes null. Features
/// come by rank: those alarmed, then the larger effect. Times are UTC, in series and windows
/// microseconds since 1970.
RTML_API std::string to_json(const Report& report);

/// The report as samples named rtml_..., for a registry of the host's own. Bounded: of the features, the 200 that rank first have gauges
/// (at most 7 each), of the segments the 50 worst; how many there are and how many alarmed is said of all.
RTML_API std::vector<Sample> samples(const Report& report);

/// Prometheus text, to be served as `text/plain; version=0.0.4`. Samples of one name come together wherever they stood; of samples with
/// equal names and labels the first is written, since a scraper refuses a page that repeats one.
/// @throws ConfigError when a name is not one that Prometheus takes, or one name has two types.
/// Source: Prometheus documentation, "Exposition formats", text-based format 0.0.4.
RTML_API std::string to_prometheus(std::span<const Sample> samples);
RTML_API std::string to_prometheus(const Report& report);

}  // namespace rtml::monitor
