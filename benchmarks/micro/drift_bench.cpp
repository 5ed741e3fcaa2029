// Cost of one value through a detector, of one row through the monitor, and of asking it. Streams are made before the clock starts.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/drift/adwin.hpp"
#include "rtml/drift/cusum.hpp"
#include "rtml/drift/ddm.hpp"
#include "rtml/drift/drift_monitor.hpp"
#include "rtml/drift/ecdd.hpp"
#include "rtml/drift/eddm.hpp"
#include "rtml/drift/fhddm.hpp"
#include "rtml/drift/hddm_a.hpp"
#include "rtml/drift/hddm_w.hpp"
#include "rtml/drift/ks.hpp"
#include "rtml/drift/kswin.hpp"
#include "rtml/drift/page_hinkley.hpp"
#include "rtml/drift/rddm.hpp"
#include "rtml/drift/shiryaev_roberts.hpp"
#include "rtml/drift/sliding_ks.hpp"
#include "rtml/drift/stepd.hpp"

namespace {

constexpr std::size_t stream_length = std::size_t{1} << 20U;

/// An error rate of 0.2 without drift: the window of ADWIN grows to all of it, which is its dearest case.
const std::vector<double>& errors() {
  static const std::vector<double> values = [] {
    rtml::Rng rng(1);
    std::vector<double> made(stream_length);
    for (double& value : made) value = rng.uniform() < 0.2 ? 1.0 : 0.0;
    return made;
  }();
  return values;
}

template <class Detector>
void update(benchmark::State& state, Detector detector, const std::vector<double>& (*stream)() = errors) {
  const double* values = stream().data();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(detector.update(values[i]));
    i = (i + 1) % stream_length;
  }
  state.SetItemsProcessed(state.iterations());
}

const std::vector<double>& gaussian() {
  static const std::vector<double> values = [] {
    rtml::Rng rng(1);
    std::vector<double> made(stream_length);
    for (double& value : made) value = rng.normal();
    return made;
  }();
  return values;
}

std::vector<float> normal_rows(std::size_t rows, std::size_t columns) {
  rtml::Rng rng(2);
  std::vector<float> values(rows * columns);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

rtml::drift::DriftMonitor full_monitor(const std::vector<float>& values, std::size_t columns) {
  rtml::drift::DriftMonitor monitor(rtml::Schema::numeric(columns));
  for (std::size_t i = 0; i < 4096; ++i) monitor.update({std::span(values).subspan(i % 1024 * columns, columns), {}});
  return monitor;
}

void monitor_update(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const auto values = normal_rows(1024, columns);
  auto monitor = full_monitor(values, columns);
  std::size_t i = 0;
  for (auto _ : state) {
    monitor.update({std::span(values).subspan(i * columns, columns), {}});
    i = (i + 1) % 1024;
  }
  benchmark::DoNotOptimize(monitor.rows());
  state.SetItemsProcessed(state.iterations());
}

void monitor_largest(benchmark::State& state) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const auto monitor = full_monitor(normal_rows(1024, columns), columns);
  for (auto _ : state) benchmark::DoNotOptimize(monitor.largest(static_cast<rtml::drift::Distance>(state.range(1))));
  state.SetLabel(std::string(rtml::drift::name_of(static_cast<rtml::drift::Distance>(state.range(1)))));
}

void ks_exact(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const std::vector<double> a(errors().begin(), errors().begin() + static_cast<std::ptrdiff_t>(n));
  std::vector<double> b(n);
  rtml::Rng rng(3);
  for (double& value : b) value = rng.uniform() < 0.22 ? 1.0 : 0.0;
  for (auto _ : state) benchmark::DoNotOptimize(rtml::drift::ks(a, b, rtml::drift::KsMethod::exact));
}

BENCHMARK_CAPTURE(update, adwin, rtml::drift::Adwin());
BENCHMARK_CAPTURE(update, adwin_clock_1, rtml::drift::Adwin({.clock = 1}));
BENCHMARK_CAPTURE(update, ddm, rtml::drift::Ddm());
BENCHMARK_CAPTURE(update, eddm, rtml::drift::Eddm());
BENCHMARK_CAPTURE(update, rddm, rtml::drift::Rddm());
BENCHMARK_CAPTURE(update, hddm_a, rtml::drift::HddmA());
BENCHMARK_CAPTURE(update, hddm_w, rtml::drift::HddmW());
BENCHMARK_CAPTURE(update, fhddm, rtml::drift::Fhddm());
BENCHMARK_CAPTURE(update, stepd, rtml::drift::Stepd());
BENCHMARK_CAPTURE(update, ecdd, rtml::drift::Ecdd());
BENCHMARK_CAPTURE(update, cusum, rtml::drift::Cusum());
BENCHMARK_CAPTURE(update, page_hinkley, rtml::drift::PageHinkley());
BENCHMARK_CAPTURE(update, kswin, rtml::drift::Kswin(), gaussian);
BENCHMARK_CAPTURE(update, sliding_ks_100, rtml::drift::SlidingKs({.reference = 100}), gaussian);
BENCHMARK_CAPTURE(update, sliding_ks_1000, rtml::drift::SlidingKs(), gaussian);
BENCHMARK_CAPTURE(update, sliding_ks_10000, rtml::drift::SlidingKs({.window = 1000, .reference = 10000}), gaussian);
BENCHMARK_CAPTURE(update, shiryaev_roberts_learned, rtml::drift::ShiryaevRoberts());
BENCHMARK_CAPTURE(update, shiryaev_roberts_known, rtml::drift::ShiryaevRoberts({.mean = 0.2, .deviation = 0.5}));
BENCHMARK(monitor_update)->Arg(8)->Arg(32)->Arg(1000);
BENCHMARK(monitor_largest)->Args({32, 0})->Args({32, 1})->Args({32, 2});
BENCHMARK(ks_exact)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace
