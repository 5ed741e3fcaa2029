// rtml-bench monitor: how many rows a second a DriftMonitor counts and judges, and whether its budget of false alarms is kept: over runs
// with a reference of their own, on rows that do not drift. Rows are made before the clock starts.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/drift_monitor.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace monitor_bench {
namespace {

using rtml::Batch;
using rtml::drift::DriftMonitor;

const std::vector<std::string> distributions{"gaussian", "bernoulli", "lognormal", "cauchy", "ties", "ar1"};

struct Options {
  std::size_t features = 1000;
  std::size_t rows = 0;
  std::size_t bins = 8;
  std::size_t window = 0;
  std::size_t scales = 1;
  std::size_t reference = 2000;
  double budget = 0.0;
  std::string distribution = "gaussian";
  std::string multiplicity = "holm";
  std::size_t runs = 400;
  std::uint64_t seed = 1;
  bool json = false;
};

/// Rows [n, features] of one distribution. Only those of ar1 depend on the ones before them, with correlation 0.5.
class Rows {
 public:
  Rows(const Options& options, std::uint64_t seed) : rng_(seed), columns_(options.features), kind_(options.distribution) {
    if (kind_ == "ar1")
      for (std::size_t i = 0; i < columns_; ++i) before_.push_back(rng_.normal());
  }

  Batch next(std::size_t rows) {
    values_.resize(rows * columns_);
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = static_cast<float>(value(i % columns_));
    return {values_.data(), rows, columns_};
  }

 private:
  double value(std::size_t column) {
    if (kind_ == "bernoulli") return rng_.uniform() < 0.1 ? 1.0 : 0.0;
    const double normal = rng_.normal();
    if (kind_ == "lognormal") return std::exp(normal);
    if (kind_ == "cauchy") return normal / rng_.normal();
    if (kind_ == "ties") return std::floor(std::abs(2.0 * normal));
    if (kind_ == "ar1") return before_[column] = 0.5 * before_[column] + std::sqrt(0.75) * normal;
    return normal;
  }

  rtml::Rng rng_;
  std::size_t columns_;
  std::string kind_;
  std::vector<double> before_;
  std::vector<float> values_;
};

rtml::drift::Multiplicity multiplicity_of(const Options& options) {
  using rtml::drift::Multiplicity;
  if (options.multiplicity == "bonferroni") return Multiplicity::bonferroni;
  if (options.multiplicity == "bh") return Multiplicity::bh;
  return options.multiplicity == "e_bh" ? Multiplicity::e_bh : Multiplicity::holm;
}

DriftMonitor::Options monitor_options(const Options& options) {
  DriftMonitor::Options made;
  made.columns.bins = options.bins;
  made.edge_rows = std::max<std::size_t>(made.edge_rows, 10 * options.bins);
  made.reference = options.reference;
  made.window = options.window > 0 ? options.window : 1000;
  made.scales = options.scales;
  if (options.budget > 0.0) {
    if (options.window == 0) made.window = std::max<std::size_t>(static_cast<std::size_t>(0.1 / options.budget), 10 * options.bins);
    made.budget.false_alarms = options.budget;
    made.budget.least_effect = 1.01 * DriftMonitor::noise(options.reference);  // the least that it takes: it is to help as little as may be
    made.budget.multiplicity = multiplicity_of(options);
  }
  return made;
}

/// Rows that go round through a buffer of some 64 MB, so that they come from memory as those of a stream do.
nlohmann::ordered_json measure_speed(const Options& options) {
  DriftMonitor monitor(rtml::Schema::numeric(options.features), monitor_options(options));
  const std::size_t held = std::max<std::size_t>((std::size_t{16} << 20U) / options.features, 2000);
  Rows rows(options, options.seed);
  const Batch batch = rows.next(held);
  while (!monitor.ready()) monitor.update(batch);
  std::uint64_t alarms = 0;
  std::size_t counted = 0;
  double ns = 0.0;
  while (counted < options.rows) {
    for (std::size_t begin = 0; begin < held && counted < options.rows;) {
      const std::size_t count = std::min({held - begin, monitor.until_full(), options.rows - counted});
      const Batch part(batch.row(begin).dense.data(), count, options.features);
      const auto began = Clock::now();
      const auto change = monitor.update(part);
      ns += nanoseconds(Clock::now() - began);
      alarms += change == rtml::Change::drift ? 1U : 0U;
      begin += count;
      counted += count;
    }
  }
  return {{"features", options.features},
          {"bins", options.bins},
          {"rows_per_second", 1e9 * static_cast<double>(counted) / ns},
          {"ns_per_value", ns / static_cast<double>(counted * options.features)},
          {"bytes_per_feature", static_cast<double>(monitor.memory_bytes()) / static_cast<double>(options.features)},
          {"alarms", alarms}};
}

/// The mean of `counts` an event, with a 95 % interval over the runs; at no event at all Poisson's upper limit.
struct Rate {
  double mean = 0.0;
  double low = 0.0;
  double high = 0.0;

  Rate(const std::vector<double>& counts, double rows) {
    double sum = 0.0;
    double squares = 0.0;
    const auto runs = static_cast<double>(counts.size());
    for (const double count : counts) sum += count;
    for (const double count : counts) squares += (count - sum / runs) * (count - sum / runs);
    const double error = std::sqrt(squares / std::max(runs - 1.0, 1.0) / runs);
    mean = sum / runs / rows;
    low = std::max(0.0, mean - 1.96 * error / rows);
    high = sum > 0.0 ? mean + 1.96 * error / rows : 3.0 / (runs * rows);
  }
};

/// Each run has a reference of its own; an alarm is a window in which any feature alarms.
nlohmann::ordered_json measure_budget(Options options, const std::string& distribution) {
  options.distribution = distribution;
  const auto settings = monitor_options(options);
  const std::size_t windows = std::max<std::size_t>(1, options.rows / settings.window);
  const double rows_a_run = static_cast<double>(windows * settings.window);
  std::vector<double> counts;
  std::size_t alarms = 0;
  std::size_t runs_with_one = 0;
  double ns = 0.0;  // of counting and judging, the rows that are made left out
  std::size_t bytes = 0;
  for (std::size_t run = 0; run < options.runs; ++run) {
    DriftMonitor monitor(rtml::Schema::numeric(options.features), settings);
    Rows rows(options, rtml::hash_combine(options.seed, run));
    while (monitor.reference().rows() < settings.reference) monitor.update(rows.next(100));
    std::size_t found = 0;
    for (std::size_t window = 0; window < windows; ++window) {
      rtml::Change change = rtml::Change::none;
      while (monitor.windows() == window) {
        const Batch batch = rows.next(std::min<std::size_t>(100, monitor.until_full()));
        const auto began = Clock::now();
        change = monitor.update(batch);
        ns += nanoseconds(Clock::now() - began);
      }
      found += change == rtml::Change::drift ? 1U : 0U;
    }
    bytes = monitor.memory_bytes();
    counts.push_back(static_cast<double>(found));
    alarms += found;
    runs_with_one += found > 0 ? 1U : 0U;
  }
  const Rate rate(counts, rows_a_run);
  return {{"distribution", distribution},
          {"window", settings.window},
          {"rows", static_cast<double>(options.runs) * rows_a_run},
          {"alarms", alarms},
          {"alarm_rate", rate.mean},
          {"alarm_rate_ci", {rate.low, rate.high}},
          {"any_alarm", static_cast<double>(runs_with_one) / static_cast<double>(options.runs)},
          {"any_alarm_at_most", std::min(1.0, options.budget * rows_a_run)},
          {"rows_per_second", 1e9 * static_cast<double>(options.runs) * rows_a_run / ns},
          {"bytes_per_feature", static_cast<double>(bytes) / static_cast<double>(options.features)}};
}

void run(Options options) {
  if (options.budget == 0.0) {
    if (options.rows == 0) options.rows = 1'000'000;
    const auto speed = measure_speed(options);
    if (options.json) {
      fmt::print("{}\n", speed.dump(2));
      return;
    }
    fmt::print("{} features, {} bins: {:.2f}M rows a second ({:.2f} ns a value), {:.0f} bytes a feature, {} alarms\n", options.features,
               options.bins, 1e-6 * speed["rows_per_second"].get<double>(), speed["ns_per_value"].get<double>(),
               speed["bytes_per_feature"].get<double>(), speed["alarms"].get<std::uint64_t>());
    return;
  }
  if (options.rows == 0) options.rows = static_cast<std::size_t>(0.5 / options.budget);
  std::vector<std::string> chosen{options.distribution};
  if (options.distribution == "all") chosen = distributions;
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  if (!options.json)
    fmt::print(
        "{} feature{}, budget {:g} false alarms a row, {} runs with a reference of {} rows each\n\n{:<12}{:>8}{:>10}{:>12}{:>28}{:>22}\n",
        options.features, options.features == 1 ? "" : "s", options.budget, options.runs, options.reference, "", "window", "alarms",
        "of budget", "95 % interval of the rate", "any alarm / at most");
  for (const std::string& distribution : chosen) {
    const auto result = measure_budget(options, distribution);
    if (!options.json)
      fmt::print("{:<12}{:>8}{:>10}{:>11.0f}%{:>16.2e} to {:.2e}{:>13.3f} / {:.3f}\n", distribution, result["window"].get<std::size_t>(),
                 result["alarms"].get<std::size_t>(), 100.0 * result["alarm_rate"].get<double>() / options.budget,
                 result["alarm_rate_ci"][0].get<double>(), result["alarm_rate_ci"][1].get<double>(), result["any_alarm"].get<double>(),
                 result["any_alarm_at_most"].get<double>());
    results.push_back(result);
  }
  if (!options.json) return;
  fmt::print("{}\n", (results.size() == 1 ? results[0] : nlohmann::ordered_json{{"distributions", results}}).dump(2));
}

}  // namespace
}  // namespace monitor_bench

void add_monitor(CLI::App& app) {
  using namespace monitor_bench;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("monitor", "counting and judging many features; with --budget, whether false alarms stay within it");
  command->add_option("--features", options->features, "columns")->check(CLI::Range(1, 100'000))->capture_default_str();
  command->add_option("--rows", options->rows, "counted, a run (default: 1000000, with a budget half an alarm's worth)")
      ->check(CLI::Range(1, 1'000'000'000));
  command->add_option("--bins", options->bins, "a feature")->check(CLI::Range(2, 64))->capture_default_str();
  command->add_option("--window", options->window, "rows (default: 1000, with a budget a tenth of an alarm's worth)")
      ->check(CLI::Range(20, 100'000'000));
  command->add_option("--scales", options->scales, "windows of window, 4 window, ... rows")->check(CLI::Range(1, 8))->capture_default_str();
  command->add_option("--reference", options->reference, "rows")->check(CLI::Range(640, 100'000'000))->capture_default_str();
  command->add_option("--budget", options->budget, "false alarms a row that are accepted: measures whether they are kept")
      ->check(CLI::Range(1e-9, 0.005));
  command->add_option("--distribution", options->distribution, "of the features; ar1 has rows that depend on each other")
      ->check(CLI::IsMember(distributions) | CLI::IsMember({"all"}))
      ->capture_default_str();
  command->add_option("--multiplicity", options->multiplicity, "how features are corrected")
      ->check(CLI::IsMember({"bonferroni", "holm", "bh", "e_bh"}))
      ->capture_default_str();
  command->add_option("--runs", options->runs, "with a reference of their own")->check(CLI::Range(2, 1'000'000))->capture_default_str();
  command->add_option("--seed", options->seed, "of the rows")->capture_default_str();
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
