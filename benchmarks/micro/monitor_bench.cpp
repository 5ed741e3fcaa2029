// What the thread that works pays for each prediction and label that it watches: time of one update, windows' ends included.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/monitor/estimated_performance.hpp"
#include "rtml/monitor/feature_importance.hpp"
#include "rtml/monitor/label_coverage.hpp"
#include "rtml/monitor/segments.hpp"

namespace {

using rtml::Rng;

std::vector<float> uniform(std::size_t n) {
  Rng rng(1);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.uniform());
  return values;
}

void estimated_performance(benchmark::State& state) {
  const auto scores = uniform(4096);
  const auto chances = uniform(8192);
  rtml::monitor::EstimatedPerformance performance;
  std::uint64_t key = 0;
  for (auto _ : state) {
    const float score = scores[key % scores.size()];
    performance.predict(key, {}, score, score > 0.5F);
    performance.label(key, score, score > 0.5F, chances[key % chances.size()] < score);
    ++key;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(estimated_performance);

void label_coverage(benchmark::State& state) {
  rtml::monitor::LabelCoverage coverage;
  std::uint64_t key = 0;
  for (auto _ : state) {
    const rtml::Time at = rtml::from_unix_seconds(static_cast<std::int64_t>(key));
    coverage.predict(key, at);
    coverage.label(key, at, at + std::chrono::seconds(key % 977));
    ++key;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(label_coverage);

void segments(benchmark::State& state) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < state.range(0); ++i) names.push_back("segment-" + std::to_string(i));
  rtml::monitor::Segments segments;
  std::uint64_t i = 0;
  for (auto _ : state) {
    segments.update(names[i % names.size()], i % 7 == 0 ? 1.0 : 0.0);
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(segments)->Arg(16)->Arg(1000);

void feature_importance(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const auto contributions = uniform(columns);
  rtml::monitor::FeatureImportance importance(columns);
  for (auto _ : state) importance.update(contributions, {});
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(feature_importance)->Arg(32)->Arg(1000);

}  // namespace
