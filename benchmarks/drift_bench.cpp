// rtml-bench drift: one value a line through one detector, or through all; of a made stream beside its true change points, and beside a
// dummy that alarms every 100 values: what it scores, no detector should be proud of.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/drift/make_detector.hpp"
#include "rtml/learn/make_learner.hpp"
#include "stopwatch.hpp"
#include "value_stream.hpp"

namespace rtml_bench {
namespace drift_bench {
namespace {

using nlohmann::ordered_json;
using rtml::Change;

struct Options {
  std::string data;
  std::string stream;
  std::string detector;
  std::string learner = "logistic";
  std::uint64_t runs = 1;
  std::uint64_t seed = 1;
  std::uint64_t limit = 0;
  bool json = false;
};

/// Alarms beside the truth, over all runs.
class Score {
 public:
  void add(const std::vector<std::uint64_t>& drifts, const ValueStream& stream) {
    values_ += stream.values.size();
    changes_ += stream.changes.size();
    std::size_t at = 0;
    const auto alarms_before = [&](std::uint64_t end) {
      const std::size_t from = at;
      while (at < drifts.size() && drifts[at] < end) ++at;
      return at - from;
    };
    for (std::size_t k = 0; k < stream.changes.size(); ++k) {
      const ChangePoint& change = stream.changes[k];
      const std::uint64_t next = k + 1 < stream.changes.size() ? stream.changes[k + 1].begin : stream.values.size();
      false_alarms_ += alarms_before(change.begin);
      if (at == drifts.size() || drifts[at] >= next) {
        ++missed_;
        continue;
      }
      delays_.push_back(static_cast<double>(drifts[at] - change.begin));
      ++at;
      alarms_before(std::min(change.end, next));  // a change under way may be told more than once
      false_alarms_ += alarms_before(next);
    }
    false_alarms_ += alarms_before(stream.values.size());
  }

  /// Of the changes that were found; null when none was.
  ordered_json delay() const { return delays_.empty() ? ordered_json() : ordered_json(mean()); }

  /// Of the mean, 95 percent; null below two.
  ordered_json delay_ci() const {
    if (delays_.size() < 2) return {};
    double squares = 0.0;
    for (const double delay : delays_) squares += (delay - mean()) * (delay - mean());
    const auto n = static_cast<double>(delays_.size());
    const double half = 1.96 * std::sqrt(squares / (n - 1.0) / n);
    return ordered_json::array({mean() - half, mean() + half});
  }

  /// Mean time between false alarms over mean time to detection, times the share of changes that were found; null without a change.
  ordered_json mtr() const {
    if (changes_ == 0) return {};
    if (delays_.empty()) return 0.0;
    // F false alarms cut the stream into F + 1 stretches, so that it is defined without any; a delay of 0 took one value.
    const double between = static_cast<double>(values_) / static_cast<double>(false_alarms_ + 1);
    return between / (mean() + 1.0) * static_cast<double>(delays_.size()) / static_cast<double>(changes_);
  }

  ordered_json report() const {
    return {{"delay", delay()}, {"delay_ci", delay_ci()}, {"false_alarms", false_alarms_}, {"missed", missed_}, {"mtr", mtr()}};
  }

 private:
  double mean() const {
    double sum = 0.0;
    for (const double delay : delays_) sum += delay;
    return sum / static_cast<double>(delays_.size());
  }

  std::uint64_t values_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t false_alarms_ = 0;
  std::uint64_t missed_ = 0;
  std::vector<double> delays_;
};

/// One detector over all runs, made anew for each.
class Measured {
 public:
  explicit Measured(std::string specification) : specification_(std::move(specification)) {}

  void add(const ValueStream& stream) {
    auto detector = rtml::drift::make_detector(specification_);
    std::vector<Change> changes(stream.values.size());
    time_ += thread_cpu_ns([&] {
      for (std::size_t i = 0; i < changes.size(); ++i) changes[i] = detector.update(stream.values[i]);
    });
    std::vector<std::uint64_t> warnings;  // 0-based
    std::vector<std::uint64_t> drifts;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (changes[i] == Change::warning) warnings.push_back(i);
      if (changes[i] == Change::drift) drifts.push_back(i);
    }
    score_.add(drifts, stream);
    refused_ += detector.refused();
    if (values_ == 0) first_ = {{"n", changes.size()}, {"warnings", warnings}, {"drifts", drifts}};
    values_ += changes.size();
  }

  ordered_json report(bool truth_known) const {
    ordered_json report{{"detector", specification_}};
    report.update(first_);
    report["updates_per_second"] = time_ > 0.0 ? 1e9 * static_cast<double>(values_) / time_ : 0.0;
    report["refused"] = refused_;
    if (truth_known) report.update(score_.report());
    return report;
  }

 private:
  std::string specification_;
  ordered_json first_;  // what it said of the first run
  Score score_;
  double time_ = 0.0;
  std::uint64_t values_ = 0;
  std::uint64_t refused_ = 0;
};

void add_dummy(Score& score, const ValueStream& stream) {
  std::vector<std::uint64_t> drifts;
  for (std::uint64_t i = 99; i < stream.values.size(); i += 100) drifts.push_back(i);
  score.add(drifts, stream);
}

void print_row(const std::string& name, const ordered_json& row) {
  const auto number = [](const ordered_json& value, const char* format) {
    return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : std::string("-");
  };
  std::string delay = number(row["delay"], "{:.1f}");
  if (row["delay_ci"].is_array())
    delay += fmt::format(" +- {:.1f}", 0.5 * (row["delay_ci"][1].get<double>() - row["delay_ci"][0].get<double>()));
  fmt::print("{:<22}{:>20}{:>14}{:>9}{:>10}", name, delay, row["false_alarms"].get<std::uint64_t>(), row["missed"].get<std::uint64_t>(),
             number(row["mtr"], "{:.2f}"));
  if (row.contains("updates_per_second"))
    fmt::print("{:>16.1f}{:>10}", row["updates_per_second"].get<double>() * 1e-6, row["refused"].get<std::uint64_t>());
  fmt::print("\n");
}

void print_places(const char* what, const ordered_json& places) {
  constexpr std::size_t most = 20;
  fmt::print("{} {}", places.size(), what);
  for (std::size_t i = 0; i < std::min(most, places.size()); ++i) fmt::print("{}{}", i == 0 ? ": " : ", ", places[i].get<std::uint64_t>());
  fmt::print("{}\n", places.size() > most ? ", ..." : "");
}

ValueStream stream_of(const Options& options, std::uint64_t run) {
  ValueStream stream;
  if (!options.data.empty()) {
    stream.values = read_values(options.data);
  } else {
    stream = make_values(options.stream, options.learner, options.seed + run);
  }
  if (options.limit == 0) return stream;
  stream.values.resize(std::min<std::size_t>(stream.values.size(), options.limit));
  std::erase_if(stream.changes, [&](const ChangePoint& change) { return change.begin >= stream.values.size(); });
  return stream;
}

void run(const Options& options) {
  if (options.data.empty() == options.stream.empty()) rtml::raise(rtml::ConfigError("--data F or --stream NAME is needed, one of them"));
  if (options.detector.empty()) rtml::raise(rtml::ConfigError("--detector NAME or all is needed"));
  if (!options.data.empty() && options.runs != 1) rtml::raise(rtml::ConfigError("--runs is for --stream: a file says the same each time"));
  std::vector<std::string> names{options.detector};
  if (options.detector == "all") names.assign(rtml::drift::detector_names().begin(), rtml::drift::detector_names().end());
  // Refused before the work, and whether or not it is needed.
  for (const std::string& name : names) rtml::drift::make_detector(name);
  rtml::make_learner(options.learner, rtml::Task::binary);

  std::vector<Measured> measured(names.begin(), names.end());
  Score dummy;
  std::uint64_t values = 0;  // of the first run
  bool truth_known = false;
  ordered_json changes = ordered_json::array();
  for (std::uint64_t run = 0; run < options.runs; ++run) {
    const ValueStream stream = stream_of(options, run);  // one at a time: all of them may be more than fits
    if (run == 0) {
      values = stream.values.size();
      truth_known = stream.truth_known;
      for (const ChangePoint& change : stream.changes) changes.push_back({change.begin, change.end});
    }
    for (Measured& one : measured) one.add(stream);
    add_dummy(dummy, stream);
  }

  ordered_json report;
  if (options.detector == "all") {
    report["n"] = values;
    for (const Measured& one : measured) report["detectors"].push_back(one.report(truth_known));
  } else {
    report = measured.front().report(truth_known);
  }
  report["runs"] = options.runs;
  if (truth_known) {
    report["changes"] = changes;
    report["dummy"] = dummy.report();
  }
  if (options.json) {
    fmt::print("{}\n", report.dump());
    return;
  }
  const ordered_json rows = report.contains("detectors") ? report["detectors"] : ordered_json::array({report});
  fmt::print("{} values{}", report["n"].get<std::uint64_t>(), options.runs > 1 ? fmt::format(", {} runs", options.runs) : std::string());
  if (!truth_known) {
    fmt::print("\n");
    for (const ordered_json& row : rows) {
      fmt::print("{}, {:.1f} million updates/s, {} refused\n", row["detector"].get<std::string>(),
                 row["updates_per_second"].get<double>() * 1e-6, row["refused"].get<std::uint64_t>());
      print_places("drifts", row["drifts"]);
      print_places("warnings", row["warnings"]);
    }
    return;
  }
  fmt::print(", {} changes a run\n{:<22}{:>20}{:>14}{:>9}{:>10}{:>16}{:>10}\n", report["changes"].size(), "", "delay", "false alarms",
             "missed", "MTR", "million/s", "refused");
  for (const ordered_json& row : rows) print_row(row["detector"].get<std::string>(), row);
  print_row("(alarm every 100)", report["dummy"]);
}

}  // namespace
}  // namespace drift_bench

void add_drift(CLI::App& app) {
  using namespace drift_bench;
  auto options = std::make_shared<Options>();
  CLI::App* drift = app.add_subcommand("drift", "Change detectors on one stream of values, beside its true change points where it is made");
  drift->add_option("--data", options->data, "File of one number a line");
  drift->add_option("--stream", options->stream,
                    "Made stream, NAME[:k=v,...]: bernoulli (rate, shift), gaussian (shift), or the errors of a learner on payments, sea, "
                    "agrawal, hyperplane; each with n, drift=abrupt|gradual|incremental|recurring|none");
  drift->add_option("--detector", options->detector, "NAME[:k=v,...], or all");
  drift->add_option("--learner", options->learner, "Whose errors a stream of rows is turned into")->capture_default_str();
  drift->add_option("--runs", options->runs, "Made streams, each with the next seed")->check(CLI::Range(1, 10'000))->capture_default_str();
  drift->add_option("--seed", options->seed, "Of the first made stream")->capture_default_str();
  drift->add_option("--limit", options->limit, "Values of a run; 0 = all")->capture_default_str();
  drift->add_flag("--json", options->json, "Print one JSON object and nothing else");
  drift->callback([options] { run(*options); });
}

}  // namespace rtml_bench
