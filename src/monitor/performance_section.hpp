#pragma once

#include <string>

#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// What is known of the model's performance, with labels and without, and which drift may explain it. Nothing when the panel is empty.
void performance_section(std::string& out, const Report& report);

/// The worst parts of the stream.
void segments_section(std::string& out, const Report& report);

/// Each alarm, what was done, what came of it.
void incidents_section(std::string& out, const Report& report);

}  // namespace rtml::monitor
