// rtml-bench swap: what a prediction pays while models are swapped. A model is a table of weights; a prediction takes it, adds up 32
// weights
// that its request names, and lets it go. Idle and swapping take turns, so that what else the machine does falls on both. The writer does
// what a loader does: it takes the memory of the version that nobody sees any more, fills all of it with other weights, predicts with it,
// publishes it. Each call is timed; the clock's own cost is taken off.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/huge_pages.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/serve/published.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace swap_bench {
namespace {

constexpr std::size_t touched = 32;

struct Model {
  explicit Model(std::size_t size) : weights(size) {}

  float predict(const std::array<std::uint32_t, touched>& places) const noexcept {
    float sum = 0.0F;
    for (const std::uint32_t place : places) sum += weights[place];
    return sum;
  }

  std::vector<float, rtml::HugePageAllocator<float>> weights;
};

struct Setting {
  double hz = 0.0;
  std::size_t bytes = 0;
};

struct Options {
  double hz = 0.0;
  std::size_t bytes = 0;
  std::size_t rounds = 10;
  double seconds = 1.0;
  bool fresh = false;
  bool json = false;
};

/// Requests to come, made beforehand and used in turn.
class Requests {
 public:
  explicit Requests(std::size_t weights) : places_(4096) {
    rtml::Rng rng(1);
    for (auto& request : places_)
      for (std::uint32_t& place : request) place = static_cast<std::uint32_t>(rng.below(weights));
  }
  const std::array<std::uint32_t, touched>& next() noexcept { return places_[next_++ % places_.size()]; }

 private:
  std::vector<std::array<std::uint32_t, touched>> places_;
  std::size_t next_ = 0;
};

/// Swaps `hz` times a second while it lives.
class Loader {
 public:
  Loader(rtml::Published<Model>& slot, const Setting& setting, bool fresh)
      : thread_([this, &slot, setting, fresh] { load(slot, setting, fresh); }) {}
  ~Loader() {
    stopping_.store(true);
    thread_.join();
  }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  std::uint64_t swaps() const noexcept { return swaps_.load(); }

 private:
  void load(rtml::Published<Model>& slot, const Setting& setting, bool fresh) {
    Requests warm_up(setting.bytes / sizeof(float));
    const auto period = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / setting.hz));
    auto due = Clock::now() + period;
    for (std::uint64_t turn = 0; !stopping_.load(std::memory_order_relaxed); ++turn) {
      std::unique_ptr<Model> next = slot.reclaim();
      if (fresh) next.reset();
      if (!next) next = std::make_unique<Model>(setting.bytes / sizeof(float));
      std::fill(next->weights.begin(), next->weights.end(), static_cast<float>(turn));
      float sum = 0.0F;
      for (int i = 0; i < 16; ++i) sum += next->predict(warm_up.next());
      warmed_.store(sum, std::memory_order_relaxed);
      std::this_thread::sleep_until(due);
      due = std::max(due + period, Clock::now());
      if (slot.publish(std::move(next))) swaps_.fetch_add(1);
    }
  }

  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> swaps_{0};
  std::atomic<float> warmed_{0.0F};
  std::thread thread_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Figures {
  std::array<double, 3> idle{};  // p50, p99, p99.9
  std::array<double, 3> swapping{};
  double ratio = 0.0;  // of the p99.9, the median of the rounds'
  std::uint64_t swaps = 0;
  double seconds = 0.0;
  float sum = 0.0F;  // of all predictions: they have to be made
};

Figures measure(const Setting& setting, const Options& options) {
  constexpr std::array<double, 3> quantiles{0.5, 0.99, 0.999};
  const std::size_t weights = setting.bytes / sizeof(float);
  rtml::Published<Model> slot(std::make_unique<Model>(weights));
  Requests requests(weights);
  float sum = 0.0F;
  const auto round = [&](double seconds) {
    Latencies latencies;
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (auto now = Clock::now(); now < end;) {
      const auto& request = requests.next();
      const auto began = Clock::now();
      sum += slot.read()->predict(request);
      now = Clock::now();
      latencies.add(now - began);
    }
    std::array<double, 3> found{};
    for (std::size_t q = 0; q < quantiles.size(); ++q) found[q] = latencies.quantile(quantiles[q]);
    return found;
  };
  std::array<std::vector<double>, 3> idle;
  std::array<std::vector<double>, 3> swapping;
  std::vector<double> ratios;
  Figures figures;
  round(0.1);
  for (std::size_t r = 0; r < options.rounds; ++r) {
    const auto alone = round(options.seconds);
    Loader loader(slot, setting, options.fresh);
    const auto began = Clock::now();
    const auto beside = round(options.seconds);
    figures.swaps += loader.swaps();
    figures.seconds += nanoseconds(Clock::now() - began) * 1e-9;
    for (std::size_t q = 0; q < quantiles.size(); ++q) {
      idle[q].push_back(alone[q]);
      swapping[q].push_back(beside[q]);
    }
    ratios.push_back(beside[2] / alone[2]);
  }
  for (std::size_t q = 0; q < quantiles.size(); ++q) {
    figures.idle[q] = median(idle[q]);
    figures.swapping[q] = median(swapping[q]);
  }
  figures.ratio = median(ratios);
  figures.sum = sum;
  return figures;
}

nlohmann::ordered_json as_json(const Setting& setting, const Figures& figures) {
  return {{"hz", setting.hz},
          {"bytes", setting.bytes},
          {"predict_p50_idle_ns", figures.idle[0]},
          {"predict_p99_idle_ns", figures.idle[1]},
          {"predict_p999_idle_ns", figures.idle[2]},
          {"predict_p50_swapping_ns", figures.swapping[0]},
          {"predict_p99_swapping_ns", figures.swapping[1]},
          {"predict_p999_swapping_ns", figures.swapping[2]},
          {"p999_swapping_to_idle", figures.ratio},
          {"swaps", figures.swaps},
          {"swaps_per_second", static_cast<double>(figures.swaps) / figures.seconds}};
}

void print(const Setting& setting, const Figures& figures) {
  fmt::print("{} bytes, swapped {:.0f} times a second ({} swaps)\n{:<22}{:>10}{:>10}{:>10}\n", setting.bytes,
             static_cast<double>(figures.swaps) / figures.seconds, figures.swaps, "predict, ns", "p50", "p99", "p99.9");
  fmt::print("{:<22}{:>10.0f}{:>10.0f}{:>10.0f}\n", "idle", figures.idle[0], figures.idle[1], figures.idle[2]);
  fmt::print("{:<22}{:>10.0f}{:>10.0f}{:>10.0f}\n", "swapping", figures.swapping[0], figures.swapping[1], figures.swapping[2]);
  fmt::print("p99.9 swapping / idle: {:.2f}, the median of the rounds\n\n", figures.ratio);
}

void run(const Options& options) {
  std::vector<Setting> settings{{1000.0, 4096}, {10.0, std::size_t{64} << 20U}};
  if (options.bytes != 0) settings = {{options.hz, options.bytes}};
  // With both settings the object is that of the big model, and of the small one in "small".
  nlohmann::ordered_json json;
  nlohmann::ordered_json small;
  for (const Setting& setting : settings) {
    const Figures figures = measure(setting, options);
    if (!options.json) print(setting, figures);
    small = std::exchange(json, as_json(setting, figures));
  }
  if (settings.size() > 1) json["small"] = small;
  if (options.json) fmt::print("{}\n", json.dump(2));
}

}  // namespace
}  // namespace swap_bench

void add_swap(CLI::App& app) {
  using namespace swap_bench;
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("swap", "predict while models are swapped; without --hz and --bytes 64 MB 10 times and 4 KB 1000 times a second");
  auto* hz = command->add_option("--hz", options->hz, "swaps a second")->check(CLI::Range(0.1, 100'000.0));
  auto* bytes =
      command->add_option("--bytes", options->bytes, "size of a model")->check(CLI::Range(std::size_t{64}, std::size_t{1} << 33U));
  hz->needs(bytes);
  bytes->needs(hz);
  command->add_option("--rounds", options->rounds, "of each state, alternating")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--seconds", options->seconds, "of a round")->check(CLI::Range(0.01, 60.0))->capture_default_str();
  command->add_flag("--fresh", options->fresh, "the writer frees what readers left, and allocates each model anew");
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
