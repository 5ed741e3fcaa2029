// rtml-bench features: what an event pays for its features, what a batch does, reads of the online store, a point-in-time join, the event log,
// and whether what was served can be made again of the events alone.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "batch_bench.hpp"
#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "stopwatch.hpp"
#include "store_bench.hpp"
#include "windows_bench.hpp"
#ifdef RTML_BENCH_DURABLE
#include "log_bench.hpp"
#endif

namespace rtml_bench {
namespace features_bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::size_t entities = 1'000'000;
  std::size_t events = 10'000'000;
  std::size_t replayed = 1'000'000;
  std::size_t rows = 1'000'000;
  std::string folder;
  bool json = false;
};

Json figures_of(const Options& options, double zipf, bool exact) {
  const auto figures = measure_windows({.entities = options.entities, .events = options.events, .zipf = zipf, .exact = exact});
  return {
      {"vector_p50_ns", figures.p50_ns}, {"vector_p99_ns", figures.p99_ns}, {"bytes_per_entity_window", figures.bytes_per_entity_window}};
}

/// A folder of this run, removed at its end.
class Scratch {
 public:
  explicit Scratch(const std::string& under)
      : path_(std::filesystem::path(under.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(under)) /
              ("rtml-bench-features-" + std::to_string(::getpid()))) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string sub(const char* name) const {
    std::filesystem::create_directories(path_);
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

#ifdef RTML_BENCH_DURABLE
/// This program anew, so that nothing of one process's memory reaches another. Whether it ended well.
bool in_process(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rtml-bench");
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execv("/proc/self/exe", pointers.data());
    ::_exit(1);
  }
  int status = 1;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// One process serves and is killed, another goes on, a third makes everything again of the log.
void measure_replay(const std::string& folder, std::size_t events, Json& report) {
  const std::string serve = std::to_string(events);
  in_process({"features-step", "--folder", folder, "--serve", serve, "--killed-at", std::to_string(events / 8 * 5)});
  const auto begin = Clock::now();
  const bool served = in_process({"features-step", "--folder", folder, "--serve", serve});
  const auto between = Clock::now();
  if (!served || !in_process({"features-step", "--folder", folder})) rtml::raise(rtml::Error("a process of the replay failed"));
  ReplayFigures found;
  std::ifstream(folder + "/replayed") >> found.vectors >> found.mismatches;
  report["replayed"] = found.vectors;
  report["replay_mismatches"] = found.mismatches;
  report["resume_seconds"] = nanoseconds(between - begin) * 1e-9;
  report["replay_seconds"] = nanoseconds(Clock::now() - between) * 1e-9;
}
#endif

void run(const Options& options) {
  const Scratch scratch(options.folder);
  Json report = figures_of(options, 0.0, false);
  report["zipf"] = figures_of(options, 1.1, false);
  report["exact"] = figures_of(options, 0.0, true);
  const Json store = measure_store({.entities = options.entities});
  const Json batch = measure_batch({.rows = options.rows});
  for (const Json* part : {&store, &batch})
    for (const auto& [key, value] : part->items()) report[key] = value;
#ifdef RTML_BENCH_DURABLE
  const LogFigures log = measure_log(scratch.sub("log"));
  for (const LogAppend& level : log.appends)
    report["log"].push_back(
        {{"durability", level.how}, {"append_per_second", level.records_per_second}, {"p50_ns", level.p50_ns}, {"p99_ns", level.p99_ns}});
  report["log_append_per_second"] = log.appends.front().records_per_second;
  report["log_replayed_per_second"] = log.replayed_per_second;
  measure_replay(scratch.sub("replay"), options.replayed, report);
#else
  report["log_append_per_second"] = nullptr;  // built without LMDB
  report["replay_mismatches"] = nullptr;
#endif

  if (options.json) {
    fmt::print("{}\n", report.dump(2));
    return;
  }
  const auto number = [](const Json& of, const char* key) { return of[key].get<double>(); };
  fmt::print("64 features of which 16 are windows, {} entities: event in, vector out\n\n{:<24}{:>10}{:>10}{:>26}\n", options.entities, "",
             "p50 ns", "p99 ns", "bytes a window and entity");
  const auto row = [&](const char* name, const Json& of) {
    fmt::print("{:<24}{:>10.0f}{:>10.0f}{:>26.0f}\n", name, number(of, "vector_p50_ns"), number(of, "vector_p99_ns"),
               number(of, "bytes_per_entity_window"));
  };
  row("tiles, uniform keys", report);
  row("tiles, Zipf 1.1", report["zipf"]);
  row("exact, uniform keys", report["exact"]);
  fmt::print("\nrows of 64 floats: get p50 {:.0f} ns, p99 {:.0f} ns; 100 at once p50 {:.0f} ns\n", number(report, "get_p50_ns"),
             number(report, "get_p99_ns"), number(report, "multi_get_100_p50_ns"));
  fmt::print("500000 labels joined with 2000000 rows: {:.3f} s\n", number(report, "join_seconds"));
  fmt::print(
      "{} rows of 64 floats, standardized and clipped: {:.1f} GB/s ({:.1f} by rows, {:.1f} with log1p), a copy {:.1f} GB/s; two threads "
      "{:.2f} times as fast, of copies {:.2f}\n",
      options.rows, number(report, "batch_gb_per_second"), number(report, "batch_rows_gb_per_second"),
      number(report, "batch_log1p_gb_per_second"), number(report, "copy_gb_per_second"), number(report, "batch_two_threads_ratio"),
      number(report, "copy_two_threads_ratio"));
  if (report.contains("log"))
    for (const Json& level : report["log"])
      fmt::print("log, {:<40}{:>12.0f} records/s, append p50 {:.0f} ns, p99 {:.0f} ns\n", level["durability"].get<std::string>(),
                 number(level, "append_per_second"), number(level, "p50_ns"), number(level, "p99_ns"));
  if (report.contains("replayed"))
    fmt::print("{} vectors made again of their events by another process in {:.1f} s: {} differ\n", report["replayed"].get<std::uint64_t>(),
               number(report, "replay_seconds"), report["replay_mismatches"].get<std::uint64_t>());
}

}  // namespace
}  // namespace features_bench

void add_features(CLI::App& app) {
  using namespace features_bench;
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("features", "what features, the store, a join and the event log cost; can what was served be made again");
  command->add_option("--entities", options->entities, "cards that pay, rows in the store")
      ->capture_default_str()
      ->check(CLI::Range(1'000, 10'000'000));
  command->add_option("--events", options->events, "fed before measuring")->capture_default_str()->check(CLI::Range(1'000, 100'000'000));
  command->add_option("--replayed", options->replayed, "vectors to make again")->capture_default_str()->check(CLI::Range(10, 10'000'000));
  command->add_option("--rows", options->rows, "of a batch")->capture_default_str()->check(CLI::Range(1'000, 10'000'000));
  command->add_option("--folder", options->folder, "on the disk that the log is to be measured on; the system's temporary one without");
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });

#ifdef RTML_BENCH_DURABLE
  struct Step {
    std::string folder;
    std::size_t serve = 0;
    std::optional<std::size_t> killed_at;
  };
  auto step = std::make_shared<Step>();
  CLI::App* process = app.add_subcommand("features-step", "a process of its own within `features`")->group("");
  process->add_option("--folder", step->folder, "of the event log")->required();
  process->add_option("--serve", step->serve, "so many events; without, what is in the log is made again");
  process->add_option("--killed-at", step->killed_at, "at this one");
  process->callback([step] {
    if (step->serve > 0) return serve_payments(step->folder, step->serve, step->killed_at);
    const ReplayFigures found = replay_payments(step->folder);
    std::ofstream(step->folder + "/replayed") << found.vectors << " " << found.mismatches;
  });
#endif
}

}  // namespace rtml_bench
