#pragma once

#include <cstddef>
#include <cstdint>

#include <nlohmann/json.hpp>

namespace rtml_bench {

/// What measure_store measures.
struct StoreBench {
  std::size_t entities = 1'000'000;  ///< in the store, each with one row of 64 floats
  std::size_t hot_entities = 1000;   ///< whose rows the hot reads ask for
  std::size_t reads = 200'000;       ///< of one row; a tenth as many of 100 rows
  std::size_t history_rows = 2'000'000;
  std::size_t history_entities = 100'000;
  std::size_t labels = 500'000;
  std::uint64_t seed = 1;
};

/// Reading an online store, and joining labels with a history, in one thread. `get_*` and `multi_get_100_*` read hot rows, `*_uniform_*` rows of
/// all entities alike; the key is made outside of the time. `join_seconds` is the index over the rows (a tenth of them up to 6 hours late) and
/// the join of all labels (in no order) with 4 columns, sorts included, the median of 5; `join_shuffled_seconds` the same of rows in no order.
nlohmann::ordered_json measure_store(const StoreBench& options);

}  // namespace rtml_bench
