// rtml-bench stream: predict, then learn, each row in order, by one learner; beside no-change and majority (or mean).

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "rtml/stream/csv_source.hpp"
#include "rtml/stream/make_stream.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "stopwatch.hpp"
#include "value_stream.hpp"

namespace rtml_bench {
namespace stream_bench {
namespace {

using nlohmann::json;
using rtml::AnyLearner;
using rtml::Row;
using rtml::Task;
using rtml::metrics::AnyMetric;

struct Options {
  std::string data;
  std::string stream;
  std::string target;
  std::string task;
  std::vector<std::string> nominal;
  std::vector<std::string> ignore;
  std::string learner;
  bool scale = false;
  std::int64_t limit = 0;
  std::optional<std::int64_t> seed;
  bool json = false;
};

std::optional<Task> task_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  for (const Task task : {Task::binary, Task::classes, Task::regression})
    if (name == rtml::name_of(task)) return task;
  rtml::raise(rtml::ConfigError("--task is \"" + name + "\", must be one of binary, classes, regression"));
}

std::unique_ptr<rtml::stream::Source> open_source(const Options& options) {
  if (options.data.empty() == options.stream.empty())
    rtml::raise(rtml::ConfigError("--data FILE.csv or --stream NAME is needed, one of them"));
  if (!options.stream.empty()) {
    if (!options.nominal.empty() || !options.ignore.empty() || !options.target.empty())
      rtml::raise(rtml::ConfigError("--target, --nominal and --ignore are for --data: a made stream knows its columns"));
    std::string specification = options.stream;
    if (options.seed) specification += (specification.find(':') == std::string::npos ? ":seed=" : ",seed=") + std::to_string(*options.seed);
    auto source = rtml::stream::make_stream(specification);
    const auto task = task_of(options.task);
    rtml::require("--task", "task", options.task, !task || *task == source->task(),
                  "the stream's, " + std::string(rtml::name_of(source->task())));
    return source;
  }
  if (options.target.empty()) rtml::raise(rtml::ConfigError("--target COL is needed with --data"));
  return std::make_unique<rtml::stream::CsvSource>(
      options.data, rtml::stream::CsvSource::Options{options.target, {}, options.nominal, options.ignore, task_of(options.task)});
}

/// A learner, what it said of the rows at hand, and how that turned out.
class Contestant {
 public:
  Contestant(AnyLearner learner, const rtml::Schema& schema) : learner_(std::move(learner)) {
    learner_.bind(schema);
    for (const std::string_view name : rtml::metrics::metrics_of(learner_.task()))
      metrics_.push_back(rtml::metrics::make_metric(name, {}, learner_.task(), learner_.outputs()));
    scores_.resize(block * learner_.outputs());
    before_.resize(learner_.outputs());
  }

  static constexpr std::size_t block = 1024;  // rows between two looks at the clock
  static constexpr std::size_t every = 8;     // so often a predict is timed by itself

  /// Predicts and learns rows [0, n) of a block. The clock runs for predict and learn alone.
  void run(const std::vector<rtml::FeatureVector>& x, const std::vector<float>& y, std::size_t n) {
    const std::size_t outputs = learner_.outputs();
    std::size_t timed = 0;
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < n; ++i) {
      const std::span<float> scores(scores_.data() + i * outputs, outputs);
      if (i % every == 0) {
        const auto before_predict = Clock::now();
        learner_.predict(x[i], scores);
        predict_.add(Clock::now() - before_predict);
        ++timed;
      } else {
        learner_.predict(x[i], scores);
      }
      learner_.learn(x[i], y[i], 1.0F, before_);
    }
    nanoseconds_ += nanoseconds(Clock::now() - begin) - 2.0 * static_cast<double>(timed) * predict_.clock_cost();
    for (std::size_t i = 0; i < n; ++i) {
      const std::span<const float> scores(scores_.data() + i * outputs, outputs);
      const auto outcome = rtml::metrics::outcome_of(learner_.task(), scores, y[i], learner_.threshold());
      for (AnyMetric& metric : metrics_) metric.update(outcome);
    }
    rows_ += n;
  }

  const AnyLearner& learner() const noexcept { return learner_; }
  std::uint64_t rows() const noexcept { return rows_; }
  double seconds() const noexcept { return std::max(nanoseconds_, 0.0) * 1e-9; }
  Latencies& predict() noexcept { return predict_; }

  /// The metrics of the contract, under its names.
  json metrics() const {
    json values = json::object();
    for (const AnyMetric& metric : metrics_) {
      std::string key(metric.name());
      if (key == "log_loss") key = "logloss";
      if (key == "macro_f1") key = "f1";
      const bool known = rtml::is_finite(metric.value()) && (key != "logloss" || says_probabilities(learner_));
      values[key] = known ? json(metric.value()) : json();
    }
    return values;
  }

 private:
  AnyLearner learner_;
  std::vector<AnyMetric> metrics_;
  std::vector<float> scores_;
  std::vector<float> before_;
  Latencies predict_;
  double nanoseconds_ = 0.0;
  std::uint64_t rows_ = 0;
};

std::string default_learner(Task task) { return task == Task::binary ? "logistic" : task == Task::classes ? "softmax" : "linear"; }

void print_table(const json& report) {
  fmt::print("{} rows, {}: {}\n", report["n"].get<std::uint64_t>(), report["task"].get<std::string>(),
             report["learner"].get<std::string>());
  const json& baselines = report["baselines"];
  fmt::print("{:<22}{:>14}", "", "learner");
  for (const auto& [name, metrics] : baselines.items()) fmt::print("{:>14}", name);
  fmt::print("\n");
  const auto number = [](const json& value) { return value.is_number() ? fmt::format("{:.4f}", value.get<double>()) : std::string("-"); };
  for (const auto& [key, metrics] : baselines.begin()->items()) {
    fmt::print("{:<22}{:>14}", key, number(report[key]));
    for (const auto& [name, others] : baselines.items()) fmt::print("{:>14}", number(others[key]));
    fmt::print("\n");
  }
  fmt::print(
      "predict + learn {:.3f} s, {:.0f} examples/s; predict p50 {:.0f} ns, p99 {:.0f} ns; {} bytes; {} refused, {} without label, {} bad "
      "rows\n",
      report["seconds"].get<double>(), report["examples_per_second"].get<double>(), report["predict_p50_ns"].get<double>(),
      report["predict_p99_ns"].get<double>(), report["memory_bytes"].get<std::uint64_t>(), report["refused"].get<std::uint64_t>(),
      report["unlabelled"].get<std::uint64_t>(), report["bad_rows"].get<std::uint64_t>());
}

void report_bad_rows(const rtml::stream::CsvSource& source) {
  for (const auto& row : source.reader().reasons()) fmt::print(stderr, "{}, line {}: {}\n", source.name(), row.line, row.reason);
}

void run(const Options& options) {
  const auto source = open_source(options);
  const Task task = source->task();
  const auto classes = static_cast<int>(source->classes());
  rtml::FeaturePipeline<Row> pipeline(features_of(*source, options.scale));
  const std::string name = options.learner.empty() ? default_learner(task) : options.learner;
  Contestant main(rtml::make_learner(name, task, classes), pipeline.schema());
  std::vector<Contestant> baselines;
  for (const char* baseline : {"no_change", task == Task::regression ? "mean" : "majority"})
    baselines.emplace_back(rtml::make_learner(baseline, task, classes), pipeline.schema());

  std::vector<rtml::FeatureVector> x(Contestant::block);
  std::vector<float> y(Contestant::block);
  std::uint64_t rows = 0;
  std::uint64_t unlabelled = 0;
  bool more = true;
  while (more) {
    std::size_t n = 0;
    while (n < Contestant::block) {
      Row row;
      more = (options.limit == 0 || rows < static_cast<std::uint64_t>(options.limit)) && source->next(row, y[n]);
      if (!more) break;
      ++rows;
      const rtml::Features features = pipeline(row);
      x[n].dense().assign(features.dense.begin(), features.dense.end());
      x[n].sparse().assign(features.sparse.begin(), features.sparse.end());
      pipeline.observe(row);
      if (rtml::is_nan(y[n])) {
        ++unlabelled;
      } else {
        ++n;
      }
    }
    main.run(x, y, n);
    for (Contestant& baseline : baselines) baseline.run(x, y, n);
  }

  json report = main.metrics();
  report["n"] = main.rows();
  report["task"] = rtml::name_of(task);
  report["learner"] = name;
  report["seconds"] = main.seconds();
  report["examples_per_second"] = main.seconds() > 0.0 ? static_cast<double>(main.rows()) / main.seconds() : 0.0;
  report["predict_p50_ns"] = main.predict().quantile(0.5);
  report["predict_p99_ns"] = main.predict().quantile(0.99);
  report["memory_bytes"] = main.learner().memory_bytes();
  report["refused"] = main.learner().refused();
  report["unlabelled"] = unlabelled;
  report["bad_rows"] = 0;
  for (const Contestant& baseline : baselines) report["baselines"][baseline.learner().name()] = baseline.metrics();
  if (const auto* csv = dynamic_cast<const rtml::stream::CsvSource*>(source.get())) {
    report["bad_rows"] = csv->reader().bad_rows();
    report_bad_rows(*csv);
  }
  if (options.json) {
    fmt::print("{}\n", report.dump());
  } else {
    print_table(report);
  }
}

}  // namespace
}  // namespace stream_bench

void add_stream(CLI::App& app) {
  using namespace stream_bench;
  auto options = std::make_shared<Options>();
  CLI::App* stream = app.add_subcommand("stream", "Prequential evaluation of one learner: predict, then learn, each row in order");
  stream->add_option("--data", options->data, "CSV file with a header line");
  stream->add_option("--stream", options->stream, "Made stream, NAME[:k=v,...]: payments, sea, agrawal, hyperplane");
  stream->add_option("--target", options->target, "Label column of --data");
  stream->add_option("--task", options->task, "binary, classes or regression; inferred from the label when not given");
  stream->add_option("--nominal", options->nominal, "Columns whose numbers are categories, COL[,COL...]")->delimiter(',');
  stream->add_option("--ignore", options->ignore, "Columns to leave out, COL[,COL...]")->delimiter(',');
  stream->add_option("--learner", options->learner, "NAME[:k=v,...]; default logistic, softmax or linear by task");
  stream->add_flag("--scale", options->scale, "Standardise numeric columns online first");
  stream->add_option("--limit", options->limit, "Rows to read; 0 = all")->check(CLI::NonNegativeNumber);
  stream->add_option("--seed", options->seed, "Seed of a made stream");
  stream->add_flag("--json", options->json, "Print one JSON object and nothing else");
  stream->callback([options] { run(*options); });
}

}  // namespace rtml_bench
