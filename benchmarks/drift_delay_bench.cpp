// rtml-bench drift-delay: how long detectors take to see a shift of known size when all of them alarm falsely as seldom: each one's main
// parameter is tuned to one in-control run length first. Beside the oracle, CUSUM of the true likelihood ratio, which nothing beats.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/make_detector.hpp"
#include "rtml/stats/special.hpp"

namespace rtml_bench {
namespace drift_delay_bench {
namespace {

using nlohmann::ordered_json;
using rtml::Change;
using rtml::Rng;
using rtml::drift::AnyDetector;

struct Options {
  std::uint64_t runs = 400;
  std::uint64_t before = 5000;
  std::uint64_t seed = 1;
  double arl = 10'000.0;
  bool json = false;
};

constexpr std::uint64_t reference = 1000;  // values that come before a run length is counted: some detectors learn from them
constexpr std::uint64_t longest_delay = 20'000;

/// Values without a change, and with a shift of some size.
struct Kind {
  const char* name;
  std::vector<double> shifts;
  double (*draw)(Rng& rng, double shift);
};

double normal(Rng& rng, double shift) { return rng.normal() + shift; }
double zero_or_one(Rng& rng, double shift) { return rng.uniform() < 0.2 + shift ? 1.0 : 0.0; }

/// What draws values and watches them; a value, so that one past serves many futures.
struct Watch {
  AnyDetector detector;
  bool to_unit = false;  // by the normal distribution function, for methods that are made for [0, 1]

  bool alarms(double value) { return detector.update(to_unit ? rtml::stats::normal_cdf(value) : value) == Change::drift; }
};

/// Page's CUSUM of the log likelihood ratio of one known shift.
class Oracle {
 public:
  Oracle(const Kind& kind, double shift, double threshold) : threshold_(threshold) {
    if (kind.draw == &normal) {
      slope_ = shift;
      start_ = -0.5 * shift * shift;
    } else {
      start_ = std::log((0.8 - shift) / 0.8);
      slope_ = std::log((0.2 + shift) / 0.2) - start_;
    }
  }

  bool alarms(double value) {
    sum_ = std::max(0.0, sum_ + start_ + slope_ * value);
    if (sum_ < threshold_) return false;
    sum_ = 0.0;
    return true;
  }

 private:
  double threshold_;
  double start_ = 0.0;
  double slope_ = 0.0;
  double sum_ = 0.0;
};

struct Estimate {
  double mean = 0.0;
  double error = 0.0;        // standard
  std::uint64_t capped = 0;  // runs that were cut
};

class Sums {
 public:
  void add(double value) { ++n_, sum_ += value, squares_ += value * value; }
  Estimate estimate(std::uint64_t capped = 0) const {
    const double mean = sum_ / n_;
    return {mean, std::sqrt(std::max(0.0, squares_ / n_ - mean * mean) / n_), capped};
  }
  double count() const { return n_; }

 private:
  double n_ = 0.0;
  double sum_ = 0.0;
  double squares_ = 0.0;
};

/// Mean number of values from the end of the reference to an alarm while nothing changes. Cut at 8 times what is aimed at, which takes a
/// thousandth off the mean; ends early where `decided`.
template <class Make>
Estimate run_length(const Kind& kind, const Options& options, std::uint64_t seed, Make make, bool decided) {
  Sums sums;
  for (std::uint64_t run = 0; run < options.runs; ++run) {
    auto watch = make();
    Rng rng(rtml::hash_combine(seed, run));
    for (std::uint64_t i = 0; i < reference; ++i) watch.alarms(kind.draw(rng, 0.0));
    const auto most = static_cast<std::uint64_t>(8.0 * options.arl);
    std::uint64_t length = 1;
    while (length < most && !watch.alarms(kind.draw(rng, 0.0))) ++length;
    sums.add(static_cast<double>(length));
    const Estimate so_far = sums.estimate();
    if (decided && run >= 30 && std::abs(so_far.mean - options.arl) > 4.0 * so_far.error + 0.02 * options.arl) break;
  }
  return sums.estimate();
}

/// The parameter in [low, high] at which the run length is the one aimed at; on a scale of logarithms.
template <class MakeWith>
double tuned(const Kind& kind, const Options& options, double low, double high, bool rising, MakeWith make_with) {
  for (int step = 0; step < 12; ++step) {
    const double middle = std::sqrt(low * high);
    const bool longer = run_length(
                            kind, options, options.seed, [&] { return make_with(middle); }, true)
                            .mean > options.arl;
    (longer == rising ? high : low) = middle;
  }
  return std::sqrt(low * high);
}

/// Mean number of values from a change to the alarm, for each shift; over runs without an alarm after the reference and before the change.
template <class Make>
std::vector<Estimate> delays(const Kind& kind, const Options& options, const std::vector<double>& shifts, Make make) {
  std::vector<Sums> sums(shifts.size());
  std::vector<std::uint64_t> capped(shifts.size(), 0);
  for (std::uint64_t run = 0; run < 10 * options.runs && sums.front().count() < static_cast<double>(options.runs); ++run) {
    auto watch = make();
    Rng rng(rtml::hash_combine(options.seed + 1, run));
    bool early = false;
    for (std::uint64_t i = 0; i < options.before && !early; ++i) early = watch.alarms(kind.draw(rng, 0.0)) && i >= reference;
    if (early) continue;
    for (std::size_t s = 0; s < shifts.size(); ++s) {
      auto watching = watch;
      Rng future = rng;
      std::uint64_t delay = 1;
      while (delay < longest_delay && !watching.alarms(kind.draw(future, shifts[s]))) ++delay;
      if (delay == longest_delay) ++capped[s];
      sums[s].add(static_cast<double>(delay));
    }
  }
  std::vector<Estimate> found;
  for (std::size_t s = 0; s < shifts.size(); ++s) found.push_back(sums[s].estimate(capped[s]));
  return found;
}

struct Contender {
  std::string name;
  std::string specification;  // with {} for the parameter
  double low;
  double high;
  bool rising;  // a larger parameter means a longer run
  bool to_unit = false;
};

std::vector<Contender> contenders(const Kind& kind) {
  const bool gaussian = kind.draw == &normal;
  return {
      {"shiryaev_roberts known",
       std::string("shiryaev_roberts:") + (gaussian ? "mean=0,deviation=1" : "mean=0.2,deviation=0.4") + ",arl={}", 100.0, 1e6, true},
      {"shiryaev_roberts learned", "shiryaev_roberts:arl={}", 100.0, 1e6, true},
      {"adwin clock 32", "adwin:clock=32,delta={}", 1e-6, 0.9999, false},
      {"adwin clock 1", "adwin:clock=1,delta={}", 1e-6, 0.9999, false},
      {"hddm_a", "hddm_a:drift={},warning={}", 1e-9, 0.9999, false, gaussian},
      {"hddm_w", "hddm_w:drift={},warning={}", 1e-9, 0.9999, false, gaussian},
      {"page_hinkley", "page_hinkley:threshold={}", 0.5, 1e4, true},
      {"cusum", "cusum:threshold={}", 0.5, 1e4, true},
  };
}

std::string with_parameter(std::string text, double value) {
  const std::string number = fmt::format("{:.6g}", value);
  for (std::size_t at = 0; (at = text.find("{}", at)) != std::string::npos; at += number.size()) text.replace(at, 2, number);
  return text;
}

ordered_json interval(double mean, double error) { return ordered_json::array({mean - 1.96 * error, mean + 1.96 * error}); }

ordered_json as_json(const std::vector<Estimate>& found, const std::vector<Estimate>* oracle) {
  ordered_json list = ordered_json::array();
  for (std::size_t s = 0; s < found.size(); ++s) {
    const Estimate& delay = found[s];
    ordered_json one{{"delay", delay.mean}, {"delay_ci", interval(delay.mean, delay.error)}, {"capped", delay.capped}};
    if (oracle != nullptr) {
      const Estimate& best = (*oracle)[s];
      const double ratio = delay.mean / best.mean;
      one["ratio"] = ratio;
      one["ratio_ci"] = interval(ratio, ratio * std::hypot(delay.error / delay.mean, best.error / best.mean));
    }
    list.push_back(one);
  }
  return list;
}

ordered_json measure(const Kind& kind, const Options& options) {
  std::vector<Estimate> oracle;
  for (const double shift : kind.shifts) {
    const auto make = [&](double threshold) { return Oracle(kind, shift, threshold); };
    const double threshold = tuned(kind, options, 0.1, 20.0, true, make);
    oracle.push_back(delays(kind, options, {shift}, [&] { return make(threshold); }).front());
  }
  ordered_json report{{"stream", kind.name}, {"shifts", kind.shifts}, {"oracle", as_json(oracle, nullptr)}};
  for (const Contender& contender : contenders(kind)) {
    const auto known = rtml::drift::detector_names();
    const std::string name = contender.specification.substr(0, contender.specification.find(':'));
    if (std::find(known.begin(), known.end(), name) == known.end()) continue;
    fmt::print(stderr, "{}: {}\n", kind.name, contender.name);
    const auto make = [&](double value) {
      return Watch{rtml::drift::make_detector(with_parameter(contender.specification, value)), contender.to_unit};
    };
    const double value = tuned(kind, options, contender.low, contender.high, contender.rising, make);
    const Estimate length = run_length(
        kind, options, options.seed + 2, [&] { return make(value); }, false);
    const auto found = delays(kind, options, kind.shifts, [&] { return make(value); });
    report["detectors"].push_back({{"name", contender.name},
                                   {"detector", with_parameter(contender.specification, value)},
                                   {"arl", length.mean},
                                   {"arl_ci", interval(length.mean, length.error)},
                                   {"arl_kept", std::abs(length.mean - options.arl) <= 1.96 * length.error},
                                   {"delays", as_json(found, &oracle)}});
  }
  return report;
}

void print(const ordered_json& report) {
  fmt::print("\n{}: values from a shift to its alarm, +- 95 percent (times the oracle's)\n{:<26}{:>16}",
             report["stream"].get<std::string>(), "", "run length");
  for (const ordered_json& shift : report["shifts"]) fmt::print("{:>25}", shift.get<double>());
  const auto row = [](const ordered_json& cells) {
    for (const ordered_json& cell : cells) {
      std::string text = fmt::format("{:.1f}{} +- {:.1f}", cell["delay"].get<double>(), cell["capped"] > 0 ? "*" : "",
                                     cell["delay_ci"][1].get<double>() - cell["delay"].get<double>());
      if (cell.contains("ratio")) text += fmt::format(" ({:.2f})", cell["ratio"].get<double>());
      fmt::print("{:>25}", text);
    }
    fmt::print("\n");
  };
  fmt::print("\n{:<26}{:>16}", "oracle", "");
  row(report["oracle"]);
  for (const ordered_json& detector : report["detectors"]) {
    fmt::print("{:<26}{:>16}", detector["name"].get<std::string>(),
               fmt::format("{}{:.0f} +- {:.0f}", detector["arl_kept"].get<bool>() ? "" : "! ", detector["arl"].get<double>(),
                           detector["arl_ci"][1].get<double>() - detector["arl"].get<double>()));
    row(detector["delays"]);
  }
  for (const ordered_json& detector : report["detectors"]) fmt::print("  {}\n", detector["detector"].get<std::string>());
}

void run(const Options& options) {
  const Kind kinds[] = {{"gaussian", {0.1, 0.25, 0.5, 1.0, 2.0}, &normal}, {"bernoulli", {0.05, 0.1, 0.2, 0.4}, &zero_or_one}};
  ordered_json report{{"arl", options.arl}, {"before", options.before}, {"runs", options.runs}};
  for (const Kind& kind : kinds) report["streams"].push_back(measure(kind, options));
  if (options.json) {
    fmt::print("{}\n", report.dump());
    return;
  }
  fmt::print("in-control run length {:.0f}, {} values before the change, {} runs; * some runs were cut at {}; ! another run length\n",
             options.arl, options.before, options.runs, longest_delay);
  for (const ordered_json& stream : report["streams"]) print(stream);
}

}  // namespace
}  // namespace drift_delay_bench

void add_drift_delay(CLI::App& app) {
  using namespace drift_delay_bench;
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "drift-delay", "Detection delay at one in-control run length, for shifts of known size, beside the oracle; some minutes");
  command->add_option("--arl", options->arl, "Mean number of values to a false alarm, to which each detector is tuned")
      ->check(CLI::Range(100.0, 1e6))
      ->capture_default_str();
  command->add_option("--before", options->before, "Values before the change, of which the first 1000 are a reference")
      ->check(CLI::Range(1000, 1'000'000))
      ->capture_default_str();
  command->add_option("--runs", options->runs, "Seeded runs behind each figure")->check(CLI::Range(10, 100'000))->capture_default_str();
  command->add_option("--seed", options->seed, "Of the runs")->capture_default_str();
  command->add_flag("--json", options->json, "Print one JSON object and nothing else");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
