// rtml-bench soak: the whole loop for long, on two threads: one serves, the thread of start() learns, retrains, publishes and writes checkpoints.
// Patterns of fraud change as it runs; labels come late, some after their horizon, some twice; requests are asked twice. At the end every one
// of them must have been counted, once.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>

#include "bench.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/loop.hpp"
#include "rtml/monitor/latency_histogram.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace soak_bench {
namespace {

struct Options {
  double minutes = 30.0;
  double rate = 20'000.0;
  std::uint64_t drift_every = 2'000'000;
  std::uint64_t seed = 1;
  bool json = false;
};

struct Order {
  rtml::Time at{};
  std::uint64_t card = 0;
  std::uint64_t shop = 0;
  double amount = 0.0;
  std::array<double, 4> signals{};
  float bad = 0.0F;
};

/// A millisecond of event time apart, each made anew from its number alone, so that nothing need be kept until its label is due.
class Orders {
 public:
  static constexpr std::array<std::uint64_t, 4> delays{1'000, 5'000, 20'000, 100'000};
  static constexpr std::uint64_t horizon = 50'000;

  explicit Orders(const Options& options) : seed_(options.seed), drift_every_(options.drift_every) {}

  Order operator[](std::uint64_t number) const {
    rtml::Rng rng(seed_ * 0x9e3779b97f4a7c15U + number);
    Order order;
    order.at = rtml::from_unix_seconds(1'700'000'000) + std::chrono::milliseconds(static_cast<std::int64_t>(number));
    order.card = rng.below(20'000);
    order.shop = rng.below(500);
    order.amount = 100.0 * rng.uniform();
    for (double& signal : order.signals) signal = rng.normal();
    const double sign = number / drift_every_ % 2 == 0 ? 1.0 : -1.0;
    const double margin = -2.0 + sign * (order.signals[0] + 0.5 * order.signals[1]) + 0.5 * order.signals[2];
    order.bad = rng.uniform() < 1.0 / (1.0 + std::exp(-margin)) ? 1.0F : 0.0F;
    return order;
  }

  /// How many orders later the label comes; 0 = never: of negatives a quarter is told.
  std::uint64_t delay(std::uint64_t number, const Order& order) const {
    const std::uint64_t drawn = rtml::Rng(seed_ + 77 * number).below(16);
    if (order.bad == 0.0F && drawn >= 4) return 0;
    return delays[order.bad == 0.0F ? drawn % 3 : drawn % 4];
  }

 private:
  std::uint64_t seed_;
  std::uint64_t drift_every_;
};

rtml::FeatureSet<Order> features() {
  using namespace rtml;
  using namespace std::chrono_literals;
  const auto signal = [](std::size_t i) { return [i](const Order& order) { return order.signals[i]; }; };
  const auto card = field("card", &Order::card);
  return feature_set<Order>("soak-v1", &Order::at, numeric("amount", &Order::amount) | log1p() | standardize(),
                            numeric("s0", "v1", signal(0)) | standardize(), numeric("s1", "v1", signal(1)) | standardize(),
                            numeric("s2", "v1", signal(2)) | standardize(), numeric("s3", "v1", signal(3)) | standardize(),
                            category("shop", &Order::shop), window("count_1m", card, 1min, count()) | log1p() | standardize(),
                            window("sum_10m", card, 10min, sum(field("amount", &Order::amount))) | log1p() | standardize());
}

rtml::LoopOptions loop_options(const std::string& folder) {
  rtml::LoopOptions options;
  options.retrain = {.when = rtml::every(200'000), .start = rtml::Start::warm, .on = rtml::Data::recent(std::size_t{20'000})};
  options.retrain.gate = {.labels = 2000};
  options.rehearse = rtml::Rehearsal(rtml::reservoir(20'000), 0.25);
  options.state = folder;
  options.pending = 1U << 18U;
  options.history = 50'000;
  options.negative_after = std::chrono::milliseconds(static_cast<std::int64_t>(Orders::horizon));
  options.checkpoint_every = 500'000;
  return options;
}

/// Resident memory of this process.
std::uint64_t resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// What was asked of the loop, and what it says: they must agree.
struct Sent {
  std::uint64_t orders = 0;
  std::uint64_t asked_twice = 0;
  std::uint64_t labels = 0;
  std::uint64_t labels_twice = 0;

  void count(std::uint64_t expected, std::uint64_t found) {
    lost += expected > found ? expected - found : 0;
    duplicated += found > expected ? found - expected : 0;
  }
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
};

class Soak {
 public:
  explicit Soak(const Options& options)
      : options_(options),
        orders_(options),
        folder_((std::filesystem::temp_directory_path() / fmt::format("rtml-soak-{}", ::getpid())).string()),
        clock_cost_(clock_cost_ns()),
        loop_(std::make_unique<rtml::Loop<Order>>(features(), rtml::LogisticRegression{}, loop_options(folder_))) {}
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;
  ~Soak() {
    loop_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void run() {
    loop_->start();
    serve_for(std::chrono::seconds(2));  // warm-up: tables and caches fill
    const auto slice = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(60.0 * options_.minutes / slices));
    for (int i = 0; i < slices; ++i) {
      latencies_.reset();
      serve_for(slice);
      const rtml::monitor::Latency latency = latencies_.summary();
      (i == 0 ? first_ : last_) = latency;
      const std::uint64_t resident = resident_bytes();
      if (i + 1 == settled) start_bytes_ = resident;
      end_bytes_ = resident;
      if (!options_.json)
        fmt::print("{:>5.1f} min{:>10} ns p50{:>10} ns p99{:>10.1f} MB\n", (i + 1) * options_.minutes / slices, latency.p50, latency.p99,
                   static_cast<double>(resident) / 1e6);
      std::fflush(stdout);
    }
    for (std::uint64_t end = next_ + Orders::delays.back(); next_ < end; ++next_) send_labels();  // of the last ones
    loop_->stop();
    compare();
  }

  nlohmann::ordered_json json() const {
    const rtml::LoopCounters counters = loop_->counters();
    nlohmann::ordered_json json;
    json["minutes"] = options_.minutes;
    json["rss_start_bytes"] = start_bytes_;
    json["rss_end_bytes"] = end_bytes_;
    json["rss_bytes_per_minute"] = growth();
    json["predict_p99_first_ns"] = first_.p99;
    json["predict_p99_last_ns"] = last_.p99;
    json["lost"] = sent_.lost;
    json["duplicated"] = sent_.duplicated;
    json["unobserved"] = counters.unobserved;
    json["evicted"] = counters.evicted;
    json["events"] = counters.events;
    json["labels"] = counters.labels;
    json["negatives"] = counters.negatives;
    json["corrected"] = counters.corrected;
    json["publishes"] = counters.publishes;
    json["retrainings"] = counters.retrainings;
    json["promotions"] = counters.promotions;
    json["drifts"] = counters.drifts;
    json["checkpoints"] = counters.checkpoints;
    json["memory_bytes"] = loop_->memory_bytes();
    return json;
  }

 private:
  static constexpr int slices = 30;
  static constexpr int settled = 5;  // slices after which memory has grown to its bounds

  double growth() const {
    return (static_cast<double>(end_bytes_) - static_cast<double>(start_bytes_)) / (options_.minutes * (slices - settled) / slices);
  }

  void serve_for(Clock::duration span) {
    const auto began = Clock::now();
    const std::uint64_t first = next_;
    for (;;) {
      const std::chrono::duration<double> passed = Clock::now() - began;
      if (passed > span) return;
      const std::uint64_t due = first + static_cast<std::uint64_t>(passed.count() * options_.rate);
      for (const std::uint64_t end = std::min(due, next_ + 256); next_ < end; ++next_) {  // who cannot keep the pace looks at the clock too
        serve();
        send_labels();
      }
      if (next_ >= due) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void serve() {
    const Order order = orders_[next_];
    const auto began = Clock::now();
    loop_->predict(next_, order, order.card);
    latencies_.record(static_cast<std::uint64_t>(std::max(0.0, nanoseconds(Clock::now() - began) - clock_cost_)));
    ++sent_.orders;
    if (next_ % 1000 != 0) return;
    loop_->predict(next_, order, order.card);
    ++sent_.asked_twice;
  }

  /// Those that become known with order `next_`.
  void send_labels() {
    for (const std::uint64_t delay : Orders::delays) {
      if (next_ < delay || next_ - delay >= sent_.orders) continue;
      const std::uint64_t number = next_ - delay;
      const Order order = orders_[number];
      if (orders_.delay(number, order) != delay) continue;
      offer(number, order.bad);
      ++sent_.labels;
      if (number % 100 != 0) continue;
      offer(number, order.bad);
      ++sent_.labels_twice;
    }
  }

  void offer(std::uint64_t number, float y) {
    while (!loop_->label(number, y)) std::this_thread::yield();
  }

  void compare() {
    const rtml::LoopCounters counters = loop_->counters();
    sent_.count(sent_.orders, counters.events);
    sent_.count(sent_.asked_twice, counters.repeated);
    sent_.count(sent_.labels, counters.labels);
    sent_.count(sent_.labels_twice, counters.labels_repeated);
    // Each order has its label, or was a negative first, or still waits: time stands still behind the last one.
    std::uint64_t waiting = 0;
    for (std::uint64_t number = sent_.orders > Orders::horizon ? sent_.orders - Orders::horizon : 0; number < sent_.orders; ++number)
      waiting += orders_.delay(number, orders_[number]) == 0 ? 1U : 0U;
    sent_.count(sent_.orders - waiting, counters.negatives + counters.labels - counters.corrected);
    sent_.lost += counters.unobserved + counters.evicted;  // nothing makes room before it has a label or is a negative
  }

  Options options_;
  Orders orders_;
  std::string folder_;
  double clock_cost_;
  std::unique_ptr<rtml::Loop<Order>> loop_;
  rtml::monitor::LatencyHistogram latencies_;
  rtml::monitor::Latency first_;
  rtml::monitor::Latency last_;
  std::uint64_t next_ = 0;
  std::uint64_t start_bytes_ = 0;
  std::uint64_t end_bytes_ = 0;
  Sent sent_;
};

void run(const Options& options) {
  Soak soak(options);
  soak.run();
  const nlohmann::ordered_json json = soak.json();
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("\n");
  for (const auto& [name, value] : json.items()) fmt::print("{:<24}{}\n", name, value.dump());
}

}  // namespace
}  // namespace soak_bench

void add_soak(CLI::App& app) {
  using namespace soak_bench;
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("soak", "the whole loop for long, on two threads: memory, latency, and that nothing is lost or counted twice");
  command->add_option("--minutes", options->minutes, "how long")->check(CLI::Range(0.01, 100'000.0))->capture_default_str();
  command->add_option("--rate", options->rate, "requests a second")->check(CLI::Range(1.0, 1e7))->capture_default_str();
  command->add_option("--drift-every", options->drift_every, "requests between two changes of the pattern")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 60U))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of the requests")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
