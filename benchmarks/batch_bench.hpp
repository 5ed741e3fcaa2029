#pragma once

#include <cstddef>

#include <nlohmann/json.hpp>

namespace rtml_bench {

/// What measure_batch measures.
struct BatchBench {
  std::size_t rows = 1'000'000;
  std::size_t columns = 64;
  std::size_t rounds = 9;  ///< of which the median counts
};

/// Transforms of `columns` floats a row into dense rows, in one thread: `batch_gb_per_second` standardizes and clips columns that lie one by one
/// (Arrow), `batch_rows_gb_per_second` those of a row-major block, `batch_log1p_gb_per_second` takes log1p as well; bytes read and written.
/// `copy_gb_per_second` is memcpy of as many bytes, and `batch_of_copy` the first beside it. `batch_two_threads_ratio` is how many times as fast two
/// threads are, each with half of the rows; `copy_two_threads_ratio` what the machine gives two copies.
nlohmann::ordered_json measure_batch(const BatchBench& bench);

}  // namespace rtml_bench
