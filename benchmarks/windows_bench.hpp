#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace rtml_bench {

/// 64 features: 32 numbers (log1p, standardize), 12 categories, 4 parts of the date, and sixteen windows of one key: 6 sums, counts or means, 4
/// least or greatest, 2 variances, 2 that fade, 2 that count what is different.
struct WindowsBench {
  std::size_t entities = 1'000'000;
  std::size_t events = 10'000'000;  ///< fed before measuring, by the same law
  std::size_t calls = 1'000'000;    ///< measured
  double zipf = 0.0;                ///< exponent of the law of keys; 0 = uniform
  bool exact = false;               ///< events are kept instead of tiles
  std::uint64_t seed = 1;
};

/// Nanoseconds of one event in, vector out: fetched, locked, computed, fed; without the clock's own cost.
struct WindowsFigures {
  double p50_ns = 0.0;
  double p99_ns = 0.0;
  double p999_ns = 0.0;
  double bytes_per_entity_window = 0.0;
  std::uint64_t entities = 0;
};

WindowsFigures measure_windows(const WindowsBench& bench);

/// Serves so many payments, some late, and logs each with a digest of its vector; goes on where a process before it ended. With `killed_at` it
/// kills itself there, well behind its checkpoint.
void serve_payments(const std::string& folder, std::size_t events, std::optional<std::size_t> killed_at);

/// Vectors that were made again of the events in the log, and how many of them differ in any bit from what was served.
struct ReplayFigures {
  std::uint64_t vectors = 0;
  std::uint64_t mismatches = 0;
};

ReplayFigures replay_payments(const std::string& folder);

}  // namespace rtml_bench
