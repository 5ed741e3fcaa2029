#include "batch_bench.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "rtml/core/huge_pages.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/table.hpp"
#include "rtml/transform/feature_batch.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace {

using namespace rtml;

using Floats = std::vector<float, HugePageAllocator<float>>;

template <class Work>
double median_seconds(std::size_t rounds, Work work) {
  std::vector<double> seconds(rounds);
  for (double& round : seconds) {
    const auto begin = Clock::now();
    work();
    round = nanoseconds(Clock::now() - begin) * 1e-9;
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(rounds / 2), seconds.end());
  return seconds[rounds / 2];
}

/// work(0) and work(1), each in its own thread.
template <class Work>
void in_two_threads(Work work) {
  std::thread other([&] { work(1); });
  work(0);
  other.join();
}

FeatureSet<Row> features(std::size_t columns, bool logarithm) {
  std::vector<AnyFeature<Row>> list;
  for (std::size_t i = 0; i < columns; ++i) {
    const auto number = numeric("x" + std::to_string(i), column(i));
    if (logarithm) {
      list.emplace_back(number | log1p() | standardize() | clip(-3.0F, 3.0F));
    } else {
      list.emplace_back(number | standardize() | clip(-3.0F, 3.0F));
    }
  }
  return feature_set_from<Row>("batch", std::move(list));
}

/// The set's statistics of the first rows.
Fitted fitted_to(const FeatureSet<Row>& set, const Table& table) {
  Fitted fitted = set.make_fitted();
  EntityWindows windows = set.make_windows();
  FeatureBatch ignored;
  set.replay(table.slice(0, std::min<std::size_t>(1000, table.size())), fitted, windows, ignored);
  return fitted;
}

}  // namespace

nlohmann::ordered_json measure_batch(const BatchBench& bench) {
  const std::size_t count = bench.rows * bench.columns;
  Floats values(count);
  Rng rng(1);
  for (float& value : values) value = static_cast<float>(rng.below(100'000)) / 64.0F;
  Floats room(count);
  std::vector<std::string> names(bench.columns);
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = "x" + std::to_string(i);
  const Table by_columns = table_of(values.data(), bench.rows, names, 1, static_cast<std::ptrdiff_t>(bench.rows));
  const Table by_rows = table_of(values.data(), bench.rows, names);

  const double bytes = 2.0 * static_cast<double>(count) * sizeof(float);
  const FeatureSet<Row> scaled = features(bench.columns, false);
  const FeatureSet<Row> logged = features(bench.columns, true);
  const auto seconds_of = [&](const FeatureSet<Row>& set, const Table& table) {
    const Fitted fitted = fitted_to(set, table);
    FeatureBatch out{std::span<float>(room)};
    return median_seconds(bench.rounds, [&] { set.transform(table, fitted, out); });
  };
  const double copy = median_seconds(bench.rounds, [&] { std::memcpy(room.data(), values.data(), count * sizeof(float)); });
  const double transformed = seconds_of(scaled, by_columns);

  const Fitted fitted = fitted_to(scaled, by_columns);
  const std::size_t half = bench.rows / 2;
  FeatureBatch halves[2] = {FeatureBatch(std::span<float>(room).first(half * bench.columns)),
                            FeatureBatch(std::span<float>(room).subspan(half * bench.columns))};
  const double by_two = median_seconds(bench.rounds, [&] {
    in_two_threads(
        [&](std::size_t t) { scaled.transform(by_columns.slice(t * half, t == 0 ? half : bench.rows - half), fitted, halves[t]); });
  });
  const double copy_by_two = median_seconds(bench.rounds, [&] {
    in_two_threads([&](std::size_t t) {
      const std::size_t begin = t * (count / 2);
      std::memcpy(room.data() + begin, values.data() + begin, (t == 0 ? count / 2 : count - count / 2) * sizeof(float));
    });
  });
  return {{"batch_gb_per_second", bytes / transformed * 1e-9},
          {"batch_rows_gb_per_second", bytes / seconds_of(scaled, by_rows) * 1e-9},
          {"batch_log1p_gb_per_second", bytes / seconds_of(logged, by_columns) * 1e-9},
          {"copy_gb_per_second", bytes / copy * 1e-9},
          {"batch_of_copy", copy / transformed},
          {"batch_two_threads_ratio", transformed / by_two},
          {"copy_two_threads_ratio", copy / copy_by_two}};
}

}  // namespace rtml_bench
