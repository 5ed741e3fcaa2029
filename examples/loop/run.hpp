#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "rtml/loop.hpp"
#include "rtml/stream/source.hpp"

namespace rtml_loop {

/// What a run leaves to be shown.
struct Outcome {
  std::unique_ptr<rtml::Loop<rtml::Row>> loop;
  std::vector<std::string> policies;  // of each arm that the host named, as it was written
  double seconds = 0.0;               // of this run, reading included
  std::uint64_t served = 0;           // rows of this run
  std::uint64_t resumed_from = 0;
  std::uint64_t bad_rows = 0;
  std::vector<std::string> bad_row_reasons;
  std::uint64_t not_numeric = 0;         // fields of numeric columns that were text
  std::uint64_t without_time = 0;        // rows whose time could not be read
  double precision_at_50_per_day = 0.0;  // NaN when it was not measured
  std::string state_error;               // why what came after the last checkpoint is not in --state; empty when all is
};

/// Opens the source that the command line names. @throws rtml::Error
std::unique_ptr<rtml::stream::Source> open(const Arguments& arguments);

/// Runs the stream through the loop. @throws rtml::Error
Outcome run(const Arguments& arguments, rtml::stream::Source& source);

}  // namespace rtml_loop
