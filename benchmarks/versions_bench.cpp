// rtml-bench versions: what a request costs while versions are loaded and swapped, and right after a swap.

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/serve/model_slot.hpp"
#include "rtml/serve/registry.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace versions_bench {
namespace {

using rtml::FeatureVector;
using rtml::ModelSlot;
using rtml::Registry;

struct Options {
  double hz = 1000.0;
  std::size_t bytes = std::size_t{64} << 20U;
  double seconds = 3.0;
  std::size_t warm_up = 1000;
  std::string folder;
  bool json = false;
};

constexpr std::size_t after = 1000;        // requests after a swap that are looked at
constexpr std::size_t group = 10;          // of them taken together
constexpr std::uint64_t least_loads = 20;  // a measurement goes on until so many were seen

rtml::Schema hashed_schema() { return rtml::Schema({{.name = "words", .kind = rtml::Column::Kind::hashed}}); }

/// Requests: 30 hashed features each, more rows than a cache would keep the weights of.
std::vector<FeatureVector> requests() { return rtml::made_rows(hashed_schema(), 16'384, 30, 5); }

/// A linear model of at least `bytes`, most of whose weights hold something.
rtml::AnyLearner model_of(std::size_t bytes) {
  for (unsigned bits = 10; bits < 30; ++bits) {
    rtml::AnyLearner model = rtml::make_learner("logistic:bits=" + std::to_string(bits));
    model.bind(hashed_schema());
    if (model.memory_bytes() < bytes) continue;
    rtml::Rng rng(1);
    FeatureVector row;
    row.sparse().resize(64);
    float before = 0.0F;
    for (std::size_t learned = 0; learned < std::size_t{2} << bits; learned += row.sparse().size()) {
      for (auto& feature : row.sparse()) feature = {static_cast<std::uint32_t>(rng()), 1.0F};
      model.learn(row, rng.below(2) == 0 ? 0.0F : 1.0F, 1.0F, {&before, 1});
    }
    return model;
  }
  return {};
}

/// Latencies of requests: all of them, and those right after the swap that they were the first to see, and 1000 later.
struct Measured {
  Latencies all;
  Latencies first;
  Latencies first_ten;
  Latencies last_ten;
  std::uint64_t swaps = 0;
};

/// Requests in this thread until `is_done`.
template <class Done>
void request(const ModelSlot& slot, const std::vector<FeatureVector>& rows, Measured& measured, Done is_done) {
  std::uint64_t version = slot.read()->version.number;
  std::size_t place = after;
  for (std::size_t i = 0; !is_done(); ++i) {
    float score = 0.0F;
    const auto begin = Clock::now();
    const auto served = slot.read();
    served->model.predict(rows[i % rows.size()], {&score, 1});
    const auto span = Clock::now() - begin;
    if (served->version.number != version) version = served->version.number, place = 0, ++measured.swaps;
    measured.all.add(span);
    if (place == 0) measured.first.add(span);
    if (place < group) measured.first_ten.add(span);
    if (place < after && place >= after - group) measured.last_ten.add(span);
    if (place < after) ++place;
  }
}

/// Requests in this thread while another calls `swap` again and again, `hz` times a second at most.
template <class Swap>
Measured beside(const ModelSlot& slot, const std::vector<FeatureVector>& rows, const Options& options, double hz, std::uint64_t least,
                Swap swap) {
  Measured measured;
  std::atomic<bool> stopping{false};
  std::thread swapper([&] {
    const auto period = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / hz));
    for (auto next = Clock::now() + period; !stopping; next += period) {
      swap();
      std::this_thread::sleep_until(next);
    }
  });
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  request(slot, rows, measured, [&] { return Clock::now() >= end && measured.swaps >= least; });
  stopping = true;
  swapper.join();
  return measured;
}

nlohmann::ordered_json after_swap(Measured& measured) {
  nlohmann::ordered_json json;
  json["swaps"] = measured.swaps;
  json["first_p50_ns"] = measured.first.quantile(0.5);
  json["first_ten_p50_ns"] = measured.first_ten.quantile(0.5);
  json["first_ten_p99_ns"] = measured.first_ten.quantile(0.99);
  json["last_ten_p50_ns"] = measured.last_ten.quantile(0.5);
  json["last_ten_p99_ns"] = measured.last_ten.quantile(0.99);
  return json;
}

std::string folder_of(const Options& options) {
  if (!options.folder.empty()) return options.folder;
  std::string name = (std::filesystem::temp_directory_path() / "rtml-swap-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw rtml::IoError("cannot make " + name, errno);
  return name;
}

void run(const Options& options) {
  const std::string folder = folder_of(options);
  nlohmann::ordered_json json;
  {
    Registry registry(folder + "/registry");
    const rtml::AnyLearner model = model_of(options.bytes);
    for (int i = 0; i < 3; ++i) registry.add(model);
    const auto rows = requests();
    const rtml::Schema schema = hashed_schema();

    const auto began = Clock::now();
    registry.load(1, schema);
    const double load_seconds = nanoseconds(Clock::now() - began) * 1e-9;

    // Three versions in turns: none of them is ever the one before, so each is read from its file.
    const auto loading = [&](std::size_t warm_up) {
      ModelSlot slot(registry, schema, 1, {.warm_up = warm_up, .seed = 9});
      return beside(slot, rows, options, 1000.0, least_loads, [&, next = std::uint64_t{1}]() mutable { slot.serve(next = next % 3 + 1); });
    };
    Measured warm = loading(options.warm_up);
    Measured cold = loading(0);

    ModelSlot slot(registry, schema, 1);
    slot.serve(2);
    Measured idle;
    request(slot, rows, idle, [&, i = 0]() mutable { return ++i > 500'000; });
    Latencies stores;
    Measured swapping = beside(slot, rows, options, options.hz, 1, [&] {
      const auto begin = Clock::now();
      slot.rollback();
      stores.add(Clock::now() - begin);
    });

    json["bytes"] = model.memory_bytes();
    json["file_bytes"] = registry.find(1)->bytes;
    json["predict_p50_idle_ns"] = idle.all.quantile(0.5);
    json["predict_p99_idle_ns"] = idle.all.quantile(0.99);
    json["predict_p999_idle_ns"] = idle.all.quantile(0.999);
    json["predict_p99_swapping_ns"] = swapping.all.quantile(0.99);
    json["predict_p999_swapping_ns"] = swapping.all.quantile(0.999);
    json["swaps"] = swapping.swaps;
    json["rollback_p50_ns"] = stores.quantile(0.5);
    json["load_seconds"] = load_seconds;
    json["predict_p99_loading_ns"] = warm.all.quantile(0.99);
    json["predict_p999_loading_ns"] = warm.all.quantile(0.999);
    json["after_rollback"] = after_swap(swapping);
    json["after_swap"] = after_swap(warm);
    json["after_cold_swap"] = after_swap(cold);
  }
  std::filesystem::remove_all(options.folder.empty() ? folder : folder + "/registry");
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  const auto us = [](const nlohmann::ordered_json& value) { return value.get<double>() * 1e-3; };
  fmt::print("a model of {:.1f} MB, loaded in {:.2f} s; a swap back takes {:.1f} us\n\n", json["bytes"].get<double>() * 1e-6,
             json["load_seconds"].get<double>(), us(json["rollback_p50_ns"]));
  fmt::print("{:<32}{:>12}{:>12}\n", "predict, us", "p99", "p99.9");
  for (const char* when : {"idle", "swapping", "loading"})
    fmt::print("{:<32}{:>12.2f}{:>12.2f}\n", when, us(json[fmt::format("predict_p99_{}_ns", when)]),
               us(json[fmt::format("predict_p999_{}_ns", when)]));
  fmt::print("\n{:<32}{:>12}{:>12}{:>12}{:>12}\n", "after a swap, us", "first p50", "1-10 p50", "991-1000", "swaps");
  for (const auto& [which, what] : {std::pair("after_rollback", "in memory"), std::pair("after_swap", "loaded, warmed up"),
                                    std::pair("after_cold_swap", "loaded, not warmed up")}) {
    const auto& of = json[which];
    fmt::print("{:<32}{:>12.2f}{:>12.2f}{:>12.2f}{:>12}\n", what, us(of["first_p50_ns"]), us(of["first_ten_p50_ns"]),
               us(of["last_ten_p50_ns"]), of["swaps"].get<std::uint64_t>());
  }
}

}  // namespace
}  // namespace versions_bench

void add_versions(CLI::App& app) {
  using namespace versions_bench;
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("versions", "what a request costs while versions of a registry are loaded and swapped, and right after a swap");
  command->add_option("--hz", options->hz, "swaps a second between two versions in memory")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  command->add_option("--bytes", options->bytes, "of a model, at least")
      ->check(CLI::Range(std::size_t{1000}, std::size_t{1} << 32U))
      ->capture_default_str();
  command->add_option("--seconds", options->seconds, "of each measurement, more until 20 loads were seen")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command->add_option("--warm-up", options->warm_up, "predictions before a version is shown")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}))
      ->capture_default_str();
  command->add_option("--folder", options->folder, "where versions are written; a temporary one without");
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
