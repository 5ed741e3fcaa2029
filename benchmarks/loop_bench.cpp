// rtml-bench loop: what a request pays for the whole loop, alone and while another thread learns as fast as it can.
// 32 numeric features (log1p, standardize), 4 windows on one key, one logistic arm. Each call is timed; the clock's own cost is taken off.
// Rounds alternate between the two states, so that what else the machine does falls on both.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/loop.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace loop_bench {
namespace {

constexpr std::size_t columns = 32;
constexpr std::uint64_t entities = 10'000;

struct Request {
  rtml::Time at{};
  std::uint64_t card = 0;
  double amount = 0.0;
  std::array<double, columns> values{};
};

template <std::size_t I>
struct Value {
  double operator()(const Request& request) const noexcept { return request.values[I]; }
};

template <std::size_t... I>
rtml::FeatureSet<Request> features(std::index_sequence<I...> /*places*/) {
  using namespace rtml;
  using namespace std::chrono_literals;
  const auto key = field("card", &Request::card);
  const auto amount = field("amount", &Request::amount);
  return feature_set<Request>(
      "bench-v1", &Request::at, (numeric("x" + to_text(I), "v1", Value<I>{}) | log1p() | standardize())...,
      window("count_1h", key, 1h, count()) | log1p() | standardize(), window("count_24h", key, 24h, count()) | log1p() | standardize(),
      window("sum_1h", key, 1h, sum(amount)) | log1p() | standardize(), window("sum_24h", key, 24h, sum(amount)) | log1p() | standardize());
}

struct Options {
  std::size_t threads = 1;
  std::size_t rounds = 10;
  std::size_t calls = 200'000;
  bool json = false;
};

/// Requests to come, made beforehand and used in turn.
std::vector<Request> make_requests(std::size_t count, std::uint64_t seed) {
  rtml::Rng rng(seed);
  std::vector<Request> requests(count);
  for (Request& request : requests) {
    request.card = rng.below(entities);
    request.amount = 100.0 * rng.uniform();
    for (double& value : request.values) value = 10.0 * rng.uniform();
  }
  return requests;
}

/// Places in the stream: every thread has a partition of its own.
class Client {
 public:
  Client(rtml::Loop<Request>& loop, std::uint32_t partition)
      : loop_(&loop), partition_(partition), requests_(make_requests(8192, partition + 1)) {}

  void call(Latencies* latencies) {
    Request& request = requests_[next_ % requests_.size()];
    // A tenth of a second apart: a card is seen some 90 times a day.
    request.at = rtml::Time(std::chrono::milliseconds(1'700'000'000'000 + 100 * static_cast<std::int64_t>(next_)));
    const auto began = Clock::now();
    const rtml::Prediction prediction = loop_->predict({partition_, next_}, request, request.card);
    if (latencies != nullptr) latencies->add(Clock::now() - began);
    sum_ += prediction.score;
    ++next_;
    served_.store(next_, std::memory_order_release);
  }

  std::uint64_t served() const noexcept { return served_.load(std::memory_order_acquire); }
  float sum() const noexcept { return sum_; }

 private:
  rtml::Loop<Request>* loop_;
  std::uint32_t partition_;
  std::vector<Request> requests_;
  std::uint64_t next_ = 0;
  std::atomic<std::uint64_t> served_{0};
  float sum_ = 0.0F;
};

/// Labels whatever was served and learns it, until told to stop.
class Learner {
 public:
  Learner(rtml::Loop<Request>& loop, const Client& client) : thread_([this, &loop, &client] { learn(loop, client); }) {}
  ~Learner() {
    stopping_.store(true);
    thread_.join();
  }
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

 private:
  void learn(rtml::Loop<Request>& loop, const Client& client) {
    for (std::uint64_t next = client.served(); !stopping_.load(std::memory_order_relaxed);) {
      for (const std::uint64_t end = client.served(); next < end; ++next)
        if (!loop.label({0, next}, next % 3 == 0 ? 1.0F : 0.0F)) break;
      loop.work();
    }
  }

  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct Spread {
  double median = 0.0;
  double low = 0.0;
  double high = 0.0;
};

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

nlohmann::ordered_json as_json(const Spread& of) { return nlohmann::ordered_json::array({of.low, of.high}); }

/// Predictions per second of all threads together, nobody learning.
double throughput(std::size_t threads, std::size_t calls) {
  rtml::Loop<Request> loop(features(std::make_index_sequence<columns>{}), rtml::LogisticRegression{});
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint32_t t = 0; t < threads; ++t) clients.push_back(std::make_unique<Client>(loop, t));
  const auto all = [&](std::size_t count) {
    std::vector<std::thread> running;
    for (auto& client : clients)
      running.emplace_back([&client, count] {
        for (std::size_t i = 0; i < count; ++i) client->call(nullptr);
      });
    for (std::thread& thread : running) thread.join();
  };
  all(calls / 4);
  const auto began = Clock::now();
  all(calls);
  return static_cast<double>(threads * calls) / (nanoseconds(Clock::now() - began) * 1e-9);
}

void run(const Options& options) {
  rtml::Loop<Request> loop(features(std::make_index_sequence<columns>{}), rtml::LogisticRegression{});
  Client client(loop, 0);
  {
    const Learner warm_up(loop, client);
    for (std::size_t i = 0; i < options.calls; ++i) client.call(nullptr);
  }
  std::vector<double> idle[3];
  std::vector<double> learning[3];
  constexpr double quantiles[] = {0.5, 0.99, 0.999};
  std::vector<double> ratios;
  const auto round = [&](std::vector<double>* into) {
    Latencies latencies;
    for (std::size_t i = 0; i < options.calls; ++i) client.call(&latencies);
    for (std::size_t q = 0; q < 3; ++q) into[q].push_back(latencies.quantile(quantiles[q]));
  };
  const std::uint64_t learned_before = loop.counters().learned;
  double learning_seconds = 0.0;
  for (std::size_t r = 0; r < options.rounds; ++r) {
    round(idle);
    const Learner learner(loop, client);
    const auto began = Clock::now();
    round(learning);
    learning_seconds += nanoseconds(Clock::now() - began) * 1e-9;
    ratios.push_back(learning[1].back() / idle[1].back());
  }
  const double learned_per_second = static_cast<double>(loop.counters().learned - learned_before) / learning_seconds;
  const double per_second = throughput(options.threads, options.calls);

  nlohmann::ordered_json json;
  json["predict_p50_ns"] = spread(idle[0]).median;
  json["predict_p99_ns"] = spread(idle[1]).median;
  json["predict_p999_ns"] = spread(idle[2]).median;
  json["predict_p50_learning_ns"] = spread(learning[0]).median;
  json["predict_p99_learning_ns"] = spread(learning[1]).median;
  json["predict_p999_learning_ns"] = spread(learning[2]).median;
  json["predict_p99_ns_spread"] = as_json(spread(idle[1]));
  json["predict_p99_learning_ns_spread"] = as_json(spread(learning[1]));
  json["p99_learning_to_idle"] = spread(ratios).median;
  json["p99_learning_to_idle_spread"] = as_json(spread(ratios));
  json["predictions_per_second"] = per_second;
  json["threads"] = options.threads;
  json["learned_per_second"] = learned_per_second;
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("32 numeric features, 4 windows, one arm; {} rounds of {} calls each way\n\n{:<22}{:>10}{:>10}{:>10}\n", options.rounds,
             options.calls, "predict, ns", "p50", "p99", "p99.9");
  fmt::print("{:<22}{:>10.0f}{:>10.0f}{:>10.0f}\n", "nobody learns", spread(idle[0]).median, spread(idle[1]).median,
             spread(idle[2]).median);
  fmt::print("{:<22}{:>10.0f}{:>10.0f}{:>10.0f}\n", "another thread learns", spread(learning[0]).median, spread(learning[1]).median,
             spread(learning[2]).median);
  fmt::print("\np99 learning / idle: {:.2f} (rounds from {:.2f} to {:.2f}); {:.0f} labels learned a second meanwhile\n",
             spread(ratios).median, spread(ratios).low, spread(ratios).high, learned_per_second);
  fmt::print("{:.0f} predictions a second on {} thread{}\n", per_second, options.threads, options.threads == 1 ? "" : "s");
}

}  // namespace
}  // namespace loop_bench

void add_loop(CLI::App& app) {
  using namespace loop_bench;
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("loop", "what a request pays: 32 numeric features, 4 windows, one arm, idle and while another thread learns");
  command->add_option("--threads", options->threads, "threads that predict, for the predictions per second")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--rounds", options->rounds, "of each state, alternating")->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_option("--calls", options->calls, "timed calls a round")->check(CLI::Range(1000, 10'000'000))->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
