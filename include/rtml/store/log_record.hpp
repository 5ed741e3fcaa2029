#pragma once

#include <cstdint>
#include <string_view>

#include "rtml/core/time.hpp"
#include "rtml/store/database.hpp"

namespace rtml {

/// What is appended to an EventLog. Borrowed: valid during the call, or as long as the snapshot that it was read from.
struct LogRecord {
  Time at{};                   ///< event time; need not be in order
  std::uint64_t writer = 0;    ///< who numbers its records
  std::uint64_t sequence = 0;  ///< rises with each record of the writer, with or without gaps
  std::string_view key = {};   ///< for keep_latest_before; empty = none
  std::span<const std::byte> bytes = {};
};

/// A record where it is in the log.
struct LogEntry {
  std::uint64_t offset = 0;
  LogRecord record;
};

}  // namespace rtml
