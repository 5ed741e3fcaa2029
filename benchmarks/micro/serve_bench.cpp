// What publishing snapshots adds to learning 30 hashed features of a table of 64 MB (`learning` alone beside it, CPU time an update): by
// the cells
// that were touched, and by learning again what was learned. And:
// What one read of a served model costs (take it, read one weight, let go), idle and beside a publisher at about 1 kHz; next to it the
// two usual ways: a shared_ptr under a mutex, and a shared_mutex held while reading. Per read: mean, and in the publishing runs p50, p99
// and p99.9 of single reads, whose clock (printed as clock_ns) is still in them. Beside it, what tracking a run costs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/serve/experiment.hpp"
#include "rtml/serve/published.hpp"
#include "rtml/serve/snapshots.hpp"

namespace {

using SteadyClock = std::chrono::steady_clock;

struct Model {
  std::array<float, 64> weights{};
};

struct WaitFree {
  float read() const noexcept { return model.read()->weights[0]; }
  void publish() {
    auto next = model.reclaim();
    if (!next) next = std::make_unique<Model>();
    next->weights[0] += 1.0F;
    model.publish(std::move(next));
  }
  rtml::Published<Model> model{std::make_unique<Model>()};
};

struct MutexAndSharedPtr {
  float read() const {
    std::shared_ptr<const Model> snapshot;
    {
      const std::lock_guard lock(mutex);
      snapshot = model;
    }
    return snapshot->weights[0];
  }
  void publish() {
    std::shared_ptr<const Model> next = std::make_shared<Model>();
    const std::lock_guard lock(mutex);
    model.swap(next);
  }
  mutable std::mutex mutex;
  std::shared_ptr<const Model> model = std::make_shared<Model>();
};

struct SharedMutex {
  float read() const {
    const std::shared_lock lock(mutex);
    return model->weights[0];
  }
  void publish() {
    auto next = std::make_unique<Model>();
    const std::lock_guard lock(mutex);
    model.swap(next);
  }
  mutable std::shared_mutex mutex;
  std::unique_ptr<Model> model = std::make_unique<Model>();
};

/// Publishes every millisecond while it lives.
template <class Slot>
class Publisher {
 public:
  explicit Publisher(Slot& slot)
      : thread_([this, &slot] {
          while (!stop_.load(std::memory_order_relaxed)) {
            slot.publish();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  ~Publisher() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

template <class Slot>
Slot& shared_slot() {
  static Slot slot;
  return slot;
}

template <class Slot>
void read(benchmark::State& state) {
  const Slot& slot = shared_slot<Slot>();
  for (auto _ : state) benchmark::DoNotOptimize(slot.read());
  state.SetItemsProcessed(state.iterations());
}

double nanoseconds(SteadyClock::duration duration) { return std::chrono::duration<double, std::nano>(duration).count(); }

double clock_cost() {
  std::vector<double> costs(10000);
  for (double& cost : costs) {
    const auto begin = SteadyClock::now();
    cost = nanoseconds(SteadyClock::now() - begin);
  }
  std::nth_element(costs.begin(), costs.begin() + 5000, costs.end());
  return costs[5000];
}

/// Argument: 0 idle, 1 beside a publisher.
template <class Slot>
void read_latency(benchmark::State& state) {
  Slot slot;
  std::unique_ptr<Publisher<Slot>> publisher;
  if (state.range(0) != 0) publisher = std::make_unique<Publisher<Slot>>(slot);
  std::vector<float> latencies(1 << 20);
  std::size_t count = 0;
  for (auto _ : state) {
    const auto begin = SteadyClock::now();
    benchmark::DoNotOptimize(slot.read());
    latencies[count++ % latencies.size()] = static_cast<float>(nanoseconds(SteadyClock::now() - begin));
  }
  publisher.reset();
  latencies.resize(std::min(count, latencies.size()));
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&](double q) {
    return static_cast<double>(latencies[static_cast<std::size_t>(q * static_cast<double>(latencies.size() - 1))]);
  };
  state.counters["p50_ns"] = quantile(0.5);
  state.counters["p99_ns"] = quantile(0.99);
  state.counters["p999_ns"] = quantile(0.999);
  state.counters["clock_ns"] = clock_cost();
}

/// The writer's side: one publish with a recycled model, nobody reading.
void publish(benchmark::State& state) {
  WaitFree slot;
  for (auto _ : state) slot.publish();
  state.SetItemsProcessed(state.iterations());
}

using rtml::LogisticRegression;

/// Hides that a linear learner can be copied cell by cell.
struct LearnsAgain : private LogisticRegression {
  using LogisticRegression::bind;
  using LogisticRegression::learn;
  using LogisticRegression::memory_bytes;
  using LogisticRegression::predict;
  using LogisticRegression::refused;
  using LogisticRegression::task;
  explicit LearnsAgain(LogisticRegression model) : LogisticRegression(std::move(model)) {}
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    LogisticRegression::archive(self, ar);
  }
};

struct Clicks {
  std::vector<std::array<rtml::SparseFeature, 30>> rows = std::vector<std::array<rtml::SparseFeature, 30>>(1 << 16);
  LogisticRegression model = LogisticRegression({.bits = 22});
  Clicks() {
    rtml::Rng rng(1);
    for (auto& row : rows)
      for (rtml::SparseFeature& feature : row) feature = {static_cast<std::uint32_t>(rng.below(1U << 22U)), 1.0F};
    model.bind(rtml::Schema({{.name = "words", .kind = rtml::Column::Kind::hashed}}));
  }
};

template <class Model>
void learn_clicks(benchmark::State& state, const Clicks& clicks, Model& model) {
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(model.learn({{}, clicks.rows[i % clicks.rows.size()]}, i % 3 == 0 ? 1.0F : 0.0F));
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}

void learning(benchmark::State& state) {
  Clicks clicks;
  LogisticRegression model = clicks.model;
  learn_clicks(state, clicks, model);
}

/// Argument: updates between two publishes.
template <class Learner>
void learning_with_snapshots(benchmark::State& state) {
  Clicks clicks;
  rtml::Snapshots<Learner> model(Learner(clicks.model),
                                 {.every = static_cast<std::uint64_t>(state.range(0)), .interval = rtml::Duration::zero()});
  learn_clicks(state, clicks, model);
  state.counters["copies"] = static_cast<double>(model.copies());
}

BENCHMARK(learning);
BENCHMARK_TEMPLATE(learning_with_snapshots, LogisticRegression)->ArgName("every")->Arg(100)->Arg(1000)->Arg(10000);
BENCHMARK_TEMPLATE(learning_with_snapshots, LearnsAgain)->ArgName("every")->Arg(100)->Arg(1000)->Arg(10000);
/// A million points of 8 metrics into the files of a run, and one point each of a thousand metrics. Wall time, all included.
void log_metrics(benchmark::State& state) {
  const auto folder = std::filesystem::temp_directory_path() / "rtml-serve-bench";
  const rtml::tracking::Experiment experiment(folder.string(), "bench");
  const auto keys = static_cast<std::size_t>(state.range(0));
  const std::int64_t points = state.range(1);
  std::vector<std::string> names;
  for (std::size_t k = 0; k < keys; ++k) names.push_back("metric/" + std::to_string(k));
  for (auto _ : state) {
    rtml::tracking::Run run = experiment.start();
    for (std::int64_t i = 0; i < points; ++i)
      run.log_metric(names[static_cast<std::size_t>(i) % keys], 1.0 / static_cast<double>(i + 1), i);
    run.finish();
  }
  state.SetItemsProcessed(state.iterations() * points);
  std::filesystem::remove_all(folder);
}

BENCHMARK(log_metrics)
    ->ArgNames({"keys", "points"})
    ->Args({8, 1'000'000})
    ->Args({1000, 1000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(read, WaitFree)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(read, MutexAndSharedPtr)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(read, SharedMutex)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(read_latency, WaitFree)->ArgName("publishing")->Arg(0)->Arg(1)->UseRealTime();
BENCHMARK_TEMPLATE(read_latency, MutexAndSharedPtr)->ArgName("publishing")->Arg(0)->Arg(1)->UseRealTime();
BENCHMARK_TEMPLATE(read_latency, SharedMutex)->ArgName("publishing")->Arg(0)->Arg(1)->UseRealTime();
BENCHMARK(publish);

}  // namespace
