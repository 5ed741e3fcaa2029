// rtml-bench strategies: every way of the field to keep a model up to date, each over the same stream: when to retrain x from where to start x
// on what data. Metric over time, labels learned from (again ones included), CPU spent by the loop (reading left out).

#include <fmt/format.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): POSIX

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/loop.hpp"
#include "rtml/loop/row_features.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/monitor/render.hpp"
#include "rtml/stream/csv_source.hpp"
#include "rtml/stream/delayed_labels.hpp"
#include "rtml/stream/make_stream.hpp"
#include "rtml/train/make_retrain.hpp"

namespace rtml_bench {
namespace strategies_bench {
namespace {

using nlohmann::json;
using rtml::stream::Delay;

struct Options {
  std::string data;
  std::string stream;
  std::string target;
  std::string time;
  std::vector<std::string> entity;
  std::vector<std::string> nominal;
  std::vector<std::string> ignore;
  std::string label_delay = "0";
  std::string learner;
  std::uint64_t every = 2000;
  std::uint64_t rows = 5000;
  std::uint64_t limit = 0;
  std::uint64_t seed = 1;
  std::string metric;
  std::string report;
  bool json_only = false;
};

struct Strategy {
  std::string_view name;
  std::string policy;
};

/// `every` labels between two retrainings of a cadence, on the last `rows` where a start is fresh.
std::vector<Strategy> strategies(const Options& options) {
  const std::uint64_t least = std::min<std::uint64_t>({100, options.rows, options.every});
  const auto cadence = [&](std::uint64_t every, std::string_view rest) {
    return fmt::format("cadence:every={},warmup={},min={},{}", every, options.every, least, rest);
  };
  const auto demand = [&](std::string_view rest) { return fmt::format("drift:adwin,warmup={},min={},{}", options.every, least, rest); };
  const std::string recent = fmt::format("start=fresh,data=recent,rows={}", options.rows);
  return {{"frozen", fmt::format("none:warmup={}", options.every)},
          {"continual", "continual"},
          {"stateless cadence", cadence(options.every, recent)},
          {"stateful cadence", cadence(options.every, "start=warm,data=new")},
          {"stateless on demand", demand(recent)},
          {"stateful on demand", demand("start=warm,data=new")},
          {"sliding window", cadence(std::max<std::uint64_t>(options.every / 10, 1), recent)}};
}

std::unique_ptr<rtml::stream::Source> open(const Options& options) {
  if (options.data.empty() == options.stream.empty())
    rtml::raise(rtml::ConfigError(options.data.empty() ? "--data or --stream is needed" : "--data and --stream exclude each other"));
  if (options.data.empty()) {
    std::string spec = options.stream;
    if (spec.find("seed=") == std::string::npos)
      spec += fmt::format("{}seed={}", spec.find(':') == std::string::npos ? ':' : ',', options.seed);
    return rtml::stream::make_stream(spec);
  }
  if (options.target.empty()) rtml::raise(rtml::ConfigError("--target COL is needed with --data"));
  rtml::stream::CsvSource::Options csv;
  csv.target = options.target;
  csv.time = options.time;
  csv.nominal = options.nominal;
  csv.nominal.insert(csv.nominal.end(), options.entity.begin(), options.entity.end());
  csv.ignore = options.ignore;
  return std::make_unique<rtml::stream::CsvSource>(options.data, csv);
}

/// The place of the metric that strategies are compared by, among those of the task.
std::size_t place_of_metric(const Options& options, rtml::Task task) {
  const auto names = rtml::metrics::metrics_of(task);
  if (options.metric.empty()) return 0;
  const auto found = std::find(names.begin(), names.end(), options.metric);
  rtml::require("--metric", "name", options.metric, found != names.end(), rtml::one_of(names));
  return static_cast<std::size_t>(found - names.begin());
}

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Outcome {
  double metric = 0.0;  // the one that strategies are compared by
  std::vector<rtml::monitor::Value> metrics;
  rtml::monitor::Series course;
  std::uint64_t events = 0;
  std::uint64_t labels = 0;  // learned from, again ones included
  std::uint64_t retrains = 0;
  double seconds = 0.0;
};

Outcome run(const Options& options, const Strategy& strategy) {
  const auto source = open(options);
  const Delay delay = Delay::parse(options.label_delay);
  const std::size_t metric = place_of_metric(options, source->task());
  const bool has_time = !options.time.empty();
  rtml::require("--label-delay", "value", options.label_delay, has_time || delay.time.count() == 0, "a number of rows without --time");
  constexpr std::array<std::string_view, 3> defaults = {"logistic", "linear", "softmax"};
  const std::string learner = options.learner.empty() ? std::string(defaults[static_cast<std::size_t>(source->task())]) : options.learner;

  rtml::LoopOptions loop_options;
  loop_options.retrain = rtml::make_retrain(rtml::Spec(strategy.policy), has_time);
  loop_options.baselines = false;
  const bool since_last = loop_options.retrain.on.what == rtml::Data::What::since_last && !loop_options.retrain.when.never();
  loop_options.history = since_last ? std::size_t{1} << 19U : options.rows;  // nobody says how long it waits for its alarm
  loop_options.pending = delay.time.count() > 0 ? std::size_t{1} << 20U : static_cast<std::size_t>(delay.rows + 1024);
  rtml::Loop<rtml::Row> loop(
      rtml::row_features("strategies", *source, {.has_time = has_time, .entities = options.entity, .nominal = options.nominal}),
      rtml::make_learner(learner, source->task(), static_cast<int>(source->classes())), loop_options);

  struct Known {
    std::uint64_t row = 0;
    float y = 0.0F;
  };
  rtml::stream::DelayedLabels<Known> waiting(delay, std::size_t{1} << 26U);
  Outcome outcome;
  outcome.course = rtml::monitor::Series(std::string(strategy.name), "");
  rtml::Row row;
  float y = 0.0F;
  for (std::uint64_t at = 0; (options.limit == 0 || at < options.limit) && source->next(row, y); ++at) {
    if (!waiting.push(row.at, {at, y})) rtml::raise(rtml::Error("more labels wait than there is room for"));
    const double began = cpu_seconds();
    loop.predict(at, row);
    for (Known known; waiting.pop(known);)
      if (!rtml::is_nan(known.y)) loop.label({.id = known.row, .y = known.y, .at = row.at});
    loop.work();
    outcome.seconds += cpu_seconds() - began;
    ++outcome.events;
    if (outcome.events % 500 == 0) outcome.course.add({outcome.events, row.at, loop.metrics(0, true)[metric].second});
  }
  const auto counters = loop.counters();
  outcome.labels = counters.learned + counters.retrained + counters.replayed;
  outcome.retrains = counters.retrainings;
  for (const auto& [name, value] : loop.metrics()) outcome.metrics.push_back({name, value});
  std::rotate(outcome.metrics.begin(), outcome.metrics.begin() + static_cast<std::ptrdiff_t>(metric),
              outcome.metrics.begin() + static_cast<std::ptrdiff_t>(metric) + 1);
  outcome.metric = outcome.metrics[0].value;
  return outcome;
}

rtml::monitor::Report report_of(const Options& options, const std::vector<Strategy>& all, const std::vector<Outcome>& outcomes) {
  rtml::monitor::Report report;
  report.title = "Retraining strategies: " + (options.data.empty() ? options.stream : options.data);
  report.generated = rtml::system_now();
  report.events = outcomes[0].events;
  report.window = 1000;
  for (std::size_t i = 0; i < all.size(); ++i) {
    report.series.push_back(outcomes[i].course);
    report.arms.push_back({.name = std::string(all[i].name),
                           .learner = all[i].policy,
                           .predictions = outcomes[i].events,
                           .labels = outcomes[i].labels,
                           .metrics = outcomes[i].metrics,
                           .version = outcomes[i].retrains,
                           .verdict = fmt::format("{:.2f} s of CPU", outcomes[i].seconds)});
  }
  const auto better = [&](std::size_t a, std::size_t b) {
    const bool higher = outcomes[a].metrics[0].name != "mae" && outcomes[a].metrics[0].name != "rmse" &&
                        outcomes[a].metrics[0].name != "log_loss" && outcomes[a].metrics[0].name != "false_positive_rate";
    return higher ? outcomes[a].metric > outcomes[b].metric : outcomes[a].metric < outcomes[b].metric;
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < all.size(); ++i)
    if (better(i, best)) best = i;
  report.verdict = fmt::format("{} rows: best is {} with {} {:.4g}, from {} labels in {:.2f} s of CPU.", outcomes[0].events, all[best].name,
                               outcomes[best].metrics[0].name, outcomes[best].metric, outcomes[best].labels, outcomes[best].seconds);
  report.notes = {
      "Each strategy lived through the same rows by itself. Labels are those learned from, each as often as it was. The CPU is that of "
      "predictions, labels and work; reading is left out."};
  return report;
}

void run_all(const Options& options) {
  const std::vector<Strategy> all = strategies(options);
  std::vector<Outcome> outcomes;
  for (const Strategy& strategy : all) {
    outcomes.push_back(run(options, strategy));
    if (outcomes.back().events == 0) rtml::raise(rtml::ConfigError("the stream has no rows"));
  }
  if (!options.report.empty()) {
    const std::string page = rtml::monitor::to_html(report_of(options, all, outcomes));
    std::FILE* file = std::fopen(options.report.c_str(), "w");
    const bool written = file != nullptr && std::fwrite(page.data(), 1, page.size(), file) == page.size();
    if (file == nullptr || std::fclose(file) != 0 || !written) rtml::raise(rtml::IoError("cannot write " + options.report, EIO));
  }
  const std::string metric = outcomes[0].metrics[0].name;
  if (options.json_only) {
    json list = json::array();
    for (std::size_t i = 0; i < all.size(); ++i) {
      json course = json::array();
      for (const auto& point : outcomes[i].course.points())
        course.push_back({point.event, rtml::is_finite(point.value) ? json(point.value) : json()});
      list.push_back({{"name", all[i].name},
                      {"policy", all[i].policy},
                      {"metric", rtml::is_finite(outcomes[i].metric) ? json(outcomes[i].metric) : json()},
                      {"retrains", outcomes[i].retrains},
                      {"labels", outcomes[i].labels},
                      {"cpu_seconds", outcomes[i].seconds},
                      {"course", std::move(course)}});
    }
    fmt::print("{}\n", json{{"n", outcomes[0].events}, {"metric", metric}, {"strategies", std::move(list)}}.dump());
    return;
  }
  fmt::print("{:<20} {:>10} {:>10} {:>12} {:>8}\n", "strategy", metric, "retrains", "labels", "CPU s");
  for (std::size_t i = 0; i < all.size(); ++i)
    fmt::print("{:<20} {:>10.4f} {:>10} {:>12} {:>8.2f}\n", all[i].name, outcomes[i].metric, outcomes[i].retrains, outcomes[i].labels,
               outcomes[i].seconds);
}

}  // namespace
}  // namespace strategies_bench

void add_strategies(CLI::App& app) {
  using namespace strategies_bench;
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("strategies", "Every retraining strategy over one stream: metric, labels and CPU");
  command->add_option("--data", options->data, "CSV file with a header line");
  command->add_option("--stream", options->stream, "Made stream, NAME[:k=v,...], as sea:drift=recurring");
  command->add_option("--target", options->target, "Label column of --data");
  command->add_option("--time", options->time, "Time column of --data");
  command->add_option("--entity", options->entity, "Columns that are keys of windows, COL[,COL...]; needs --time")->delimiter(',');
  command->add_option("--nominal", options->nominal, "Columns whose numbers are categories, COL[,COL...]")->delimiter(',');
  command->add_option("--ignore", options->ignore, "Columns to leave out, COL[,COL...]")->delimiter(',');
  command->add_option("--label-delay", options->label_delay, "Rows, or event time as 7d, until a label is known");
  command->add_option("--learner", options->learner, "NAME[:k=v,...]; default logistic, softmax or linear by task");
  command->add_option("--every", options->every, "Labels between two retrainings of a cadence, and of the warm-up")
      ->check(CLI::PositiveNumber);
  command->add_option("--rows", options->rows, "Last rows that a fresh start learns from")->check(CLI::PositiveNumber);
  command->add_option("--limit", options->limit, "Rows to read; 0 = all")->check(CLI::NonNegativeNumber);
  command->add_option("--seed", options->seed, "Seed of a made stream");
  command->add_option("--metric", options->metric, "By which they are compared; default the task's first, as accuracy or mae");
  command->add_option("--report", options->report, "HTML page with the metric over time");
  command->add_flag("--json", options->json_only, "Print one JSON object and nothing else");
  command->callback([options] { run_all(*options); });
}

}  // namespace rtml_bench
