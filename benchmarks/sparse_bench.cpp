// rtml-bench sparse: progressive validation of one binary learner on rows in memory, and what learning and predicting cost a value.
// Costs are thread CPU time over whole passes (learn: the first, which also gives the losses; predict: the best of three after it); a value is a
// feature or an intercept. Latencies are of single predictions, without the clock's own cost. A peer is a process, measured as a whole.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "shared_learning.hpp"
#include "sparse_rows.hpp"
#include "stopwatch.hpp"
#include "vowpal_wabbit.hpp"

namespace rtml_bench {
namespace sparse_bench {
namespace {

struct Options {
  std::string data;
  std::string learner = "logistic";
  unsigned bits = 18;
  std::string peer;
  unsigned threads = 0;
  bool json = false;
};

constexpr std::size_t ahead = 4;  // rows whose weights are fetched before they are needed

rtml::AnyLearner learner_of(const Options& options) {
  const std::string separator = options.learner.find(':') == std::string::npos ? ":" : ",";
  const bool sized = options.learner.find("bits=") != std::string::npos;
  const std::string name = options.learner.substr(0, options.learner.find(':'));
  const bool hashes = name == "logistic" || name == "softmax" || name == "fm" || name == "ffm";
  return rtml::make_learner(hashes && !sized ? options.learner + separator + "bits=" + std::to_string(options.bits) : options.learner,
                            rtml::Task::binary);
}

nlohmann::ordered_json report_of(const VowpalWabbit& vw, const VowpalWabbit::Runs& runs, double values) {
  nlohmann::ordered_json json;
  json["name"] = "vw";
  json["version"] = vw.version();
  json["logloss"] = runs.text.logloss;
  json["seconds"] = runs.text.wall;
  json["ns_per_feature"] = 1e9 * runs.text.wall / values;
  json["cpu_ns_per_feature"] = 1e9 * runs.text.cpu / values;
  json["cached_ns_per_feature"] = 1e9 * runs.cache.wall / values;
  json["cached_cpu_ns_per_feature"] = 1e9 * runs.cache.cpu / values;
  json["includes_parsing"] = true;
  return json;
}

void print(const nlohmann::ordered_json& peer) {
  const auto of = [&](const char* key) { return peer[key].get<double>(); };
  fmt::print("\nvw {}: progressive log loss {:.6f}\n", peer["version"].get<std::string>(), of("logloss"));
  fmt::print("its whole run, reading and parsing its text included: {:.1f} ns a value, {:.1f} of CPU time ({:.2f} s)\n",
             of("ns_per_feature"), of("cpu_ns_per_feature"), of("seconds"));
  fmt::print("once more from its own cache file of these rows, without text to parse: {:.1f} ns a value, {:.1f} of CPU time\n",
             of("cached_ns_per_feature"), of("cached_cpu_ns_per_feature"));
}

void print_shared(const nlohmann::ordered_json& json) {
  fmt::print("\n{:<24}{:>12}{:>16}{:>16}{:>13}{:>13}{:>20}\n", "one model of threads", "log loss", "examples/s", "learn ns/value",
             "predict p50", "p99", "p99 while learning");
  const auto row = [](const std::string& name, double loss, const std::string& speed, double learn, double p50, double p99,
                      const std::string& beside) {
    fmt::print("{:<24}{:>12.6f}{:>16}{:>16.2f}{:>13.0f}{:>13.0f}{:>20}\n", name, loss, speed, learn, p50, p99, beside);
  };
  const auto number = [](const nlohmann::ordered_json& of, const char* key) { return of[key].get<double>(); };
  row("one owner", number(json, "logloss"), "-", number(json, "plain_learn_ns_per_feature"), number(json, "plain_predict_p50_ns"),
      number(json, "plain_predict_p99_ns"), "-");
  for (const auto& one : json["shared"])
    row(fmt::format("shared, {} learning", one["threads"].get<unsigned>()), number(one, "logloss"),
        fmt::format("{:.0f}", number(one, "examples_per_second")), number(one, "learn_ns_per_feature"), number(one, "predict_p50_ns"),
        number(one, "predict_p99_ns"), fmt::format("{:.0f}", number(one, "predict_p99_learning_ns")));
}

void run(const Options& options) {
  std::optional<VowpalWabbit> peer;
  if (!options.peer.empty()) peer.emplace();
  const SparseRows rows(options.data);
  rtml::AnyLearner learner = learner_of(options);
  learner.bind(rows.schema());
  std::vector<float> scores(rows.size());
  const double learn_ns = thread_cpu_ns([&] {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i + ahead < rows.size()) learner.prefetch(rows[i + ahead]);
      learner.learn(rows[i], rows.label(i), 1.0F, std::span(scores).subspan(i, 1));
    }
  });

  auto logloss = rtml::metrics::make_metric("log_loss", {}, rtml::Task::binary, 1);
  auto auc = rtml::metrics::make_metric("roc_auc", {}, rtml::Task::binary, 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto outcome = rtml::Outcome::binary(scores[i], rows.label(i), learner.threshold());
    logloss.update(outcome);
    auc.update(outcome);
  }

  double predict_ns = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < 3; ++pass)
    predict_ns = std::min(predict_ns, thread_cpu_ns([&] {
                            for (std::size_t i = 0; i < rows.size(); ++i) {
                              if (i + ahead < rows.size()) learner.prefetch(rows[i + ahead]);
                              learner.predict(rows[i], std::span(scores).subspan(i, 1));
                            }
                          }));
  Latencies latencies;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto began = Clock::now();
    learner.predict(rows[i], std::span(scores).subspan(i, 1));
    latencies.add(Clock::now() - began);
  }

  const auto values = static_cast<double>(rows.values());
  nlohmann::ordered_json json;
  json["n"] = rows.size();
  json["logloss"] = says_probabilities(learner) ? nlohmann::ordered_json(logloss.value()) : nlohmann::ordered_json();
  json["auc"] = auc.value();
  json["examples_per_second"] = static_cast<double>(rows.size()) / (learn_ns * 1e-9);
  json["learn_ns_per_feature"] = learn_ns / values;
  json["predict_ns_per_feature"] = predict_ns / values;
  json["predict_p50_ns"] = latencies.quantile(0.5);
  json["predict_p99_ns"] = latencies.quantile(0.99);
  json["memory_bytes"] = learner.memory_bytes();
  json["refused"] = learner.refused();
  if (options.threads != 0) json.update(measure_shared(rows, learner_of(options), options.threads));
  if (peer) json["peer"] = report_of(*peer, peer->run(rows, options.bits), values);
  if (options.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("{}: {} rows, {}\n\n", options.data, rows.size(), learner.name());
  if (says_probabilities(learner)) {
    fmt::print("progressive log loss {:.6f}, ", logloss.value());
  } else {
    fmt::print("no log loss, as its predictions are margins; ");
  }
  fmt::print("AUC {:.4f}; {} refused\n", auc.value(), learner.refused());
  fmt::print("learn {:.2f} ns a value ({:.0f} examples/s), predict {:.2f} ns a value; predict p50 {:.0f} ns, p99 {:.0f} ns; {:.1f} MB\n",
             learn_ns / values, json["examples_per_second"].get<double>(), predict_ns / values, latencies.quantile(0.5),
             latencies.quantile(0.99), static_cast<double>(learner.memory_bytes()) * 1e-6);
  if (options.threads != 0) print_shared(json);
  if (peer) print(json["peer"]);
}

}  // namespace
}  // namespace sparse_bench

void add_sparse(CLI::App& app) {
  using namespace sparse_bench;
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("sparse", "progressive validation on hashed rows (.svm, .bin), and what a value costs to learn and predict");
  command->add_option("--data", options->data, "F.svm (label index:value ...) or F.bin (u32 rows, u32 k; u8 label, k u32 or f32 a row)")
      ->required();
  command->add_option("--learner", options->learner, "NAME[:k=v,...] of a binary learner")->capture_default_str();
  command->add_option("--bits", options->bits, "2^bits hashed weights")->check(CLI::Range(1, 30))->capture_default_str();
  command
      ->add_option("--peer", options->peer, "vw: the same rows through the Vowpal Wabbit of the PATH, with 2^bits weights and its defaults")
      ->check(CLI::IsMember({"vw"}));
  command->add_option("--threads", options->threads, "so many learn one model (rtml::Shared), beside one owner and one learner")
      ->check(CLI::Range(1, 256));
  command->add_flag("--json", options->json, "one JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
