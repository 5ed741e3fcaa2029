#pragma once

#include "run.hpp"

namespace rtml_loop {

/// The run as one JSON object, on standard output.
void print_json(const Outcome& outcome, const rtml::stream::Source& source);

/// The run as a table for people, on standard output.
void print_table(const Outcome& outcome, const rtml::stream::Source& source);

/// Before a long run, whether its report will have a place; makes nothing. @throws rtml::IoError
void require_writable(const std::string& path);

/// @throws rtml::IoError
void write_report(const Outcome& outcome, const std::string& path);

}  // namespace rtml_loop
