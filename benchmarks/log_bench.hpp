#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rtml_bench {

struct LogLoad {
  std::uint64_t records = 2'000'000;        ///< where the durability does not wait for the disk
  std::uint64_t durable_records = 200'000;  ///< where it does, in the largest batches; a hundredth in batches of one
  std::size_t record_bytes = 150;
};

/// Records acknowledged a second, and what one call of append takes.
struct LogAppend {
  std::string how;
  double records_per_second = 0.0;
  double p50_ns = 0.0;
  double p99_ns = 0.0;
};

struct LogFigures {
  std::vector<LogAppend> appends;
  double replayed_per_second = 0.0;  ///< records read from a fresh database, checksums included
  double replayed_bytes_per_second = 0.0;
};

/// The event log on the disk under `folder`, which must not be there yet and is removed. What is acknowledged at the end of a run is also
/// committed within its time, but for the burst, which ends in memory.
LogFigures measure_log(const std::string& folder, const LogLoad& load = {});

}  // namespace rtml_bench
