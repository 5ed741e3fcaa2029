#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::testing {

/// What an example report is made of.
struct ExampleOptions {
  std::size_t features = 5;
  std::size_t points = 200;  ///< on each line
  std::size_t windows = 60;  ///< of the drift history
  double drifting = 0.15;    ///< share of the features that drift; the first two always do
  std::uint64_t seed = 1;
};

namespace example {

constexpr std::uint64_t window_rows = 2000;
constexpr std::uint64_t reference_rows = 20'000;
constexpr double least_effect = 0.05;

inline Time at_event(std::uint64_t event) { return from_unix_seconds(1'600'000'000 + static_cast<std::int64_t>(event * 3)); }
inline std::uint64_t end_of(std::size_t window) { return reference_rows + (window + 1) * window_rows; }

inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

inline std::string feature_name(std::size_t f) {
  constexpr std::array<const char*, 8> things = {"amount",          "merchant_risk",   "card_age_days",       "basket_items",
                                                 "session_seconds", "account_balance", "distance_to_home_km", "login_failures"};
  constexpr std::array<const char*, 5> windows = {"", "_mean_1h", "_sum_24h", "_count_7d", "_log1p"};
  std::string name = std::string(things[f % 8]) + windows[f / 8 % 5];
  if (f >= 40) name += "_" + std::to_string(f / 40);
  return name;
}

/// A lognormal column whose logarithm moves by `shift` standard deviations, in ten bins that hold equal shares of the reference.
inline void fill_numeric(monitor::FeatureDrift& feature, double shift, Rng& rng) {
  constexpr std::array<double, 9> deciles = {-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816};
  constexpr std::array<double, 7> quantiles = {-2.3263, -1.6449, -0.6745, 0.0, 0.6745, 1.6449, 2.3263};
  const double scale = 3.0 + 60.0 * rng.uniform();
  const auto value = [scale](double z) { return scale * std::exp(0.6 * z); };
  const double infinity = std::numeric_limits<double>::infinity();
  feature.edges.push_back(-infinity);
  for (const double z : deciles) feature.edges.push_back(value(z));
  feature.edges.push_back(infinity);
  double before = 0.0;
  for (std::size_t b = 0; b < 10; ++b) {
    const double up_to = b < 9 ? normal_cdf(deciles[b] - shift) : 1.0;
    feature.reference.push_back(std::floor(reference_rows / 10.0 * 0.99));
    feature.current.push_back(std::max(0.0, std::floor(window_rows * 0.99 * (up_to - before) + 8.0 * rng.normal())));
    before = up_to;
  }
  for (std::size_t i = 0; i < quantiles.size(); ++i) {
    feature.reference_quantiles[i] = value(quantiles[i]);
    feature.current_quantiles[i] = value(quantiles[i] + shift);
  }
  feature.wasserstein = std::abs(std::exp(0.6 * shift) - 1.0) * 1.2 / (std::exp(0.4) - std::exp(-0.4));
}

inline void fill_nominal(monitor::FeatureDrift& feature, double shift, Rng& rng) {
  feature.kind = monitor::FeatureDrift::Kind::nominal;
  feature.categories = {"grocery", "fuel", "travel", "games", "clothes", "health", "restaurants", "utilities", "other"};
  double weight = 0.3;
  for (std::size_t c = 0; c < feature.categories.size(); ++c, weight *= 0.75) {
    feature.reference.push_back(std::floor(weight * reference_rows));
    feature.current.push_back(std::floor(window_rows * weight * (c == 3 ? 1.0 + 4.0 * shift : 1.0) + 6.0 * rng.uniform()));
  }
  feature.unseen = shift > 0.2 ? 0.012 : 0.0;
}

/// The gap of the distributions at the edges, and PSI with half a count more in each bin.
inline void measure(monitor::FeatureDrift& feature) {
  const auto sum = [](const std::vector<double>& of) {
    double total = 0.0;
    for (const double count : of) total += count;
    return total;
  };
  const double bins = static_cast<double>(feature.reference.size());
  const double n = sum(feature.reference);
  const double m = sum(feature.current);
  double below = 0.0;
  double variation = 0.0;
  feature.effect = feature.psi = 0.0;
  for (std::size_t b = 0; b < feature.reference.size(); ++b) {
    const double p = (feature.reference[b] + 0.5) / (n + 0.5 * bins);
    const double q = (feature.current[b] + 0.5) / (m + 0.5 * bins);
    feature.psi += (q - p) * std::log(q / p);
    below += feature.current[b] / m - feature.reference[b] / n;
    variation += 0.5 * std::abs(feature.current[b] / m - feature.reference[b] / n);
    if (feature.categories.empty() && std::abs(below) > feature.effect) {
      feature.effect = std::abs(below);
      feature.effect_edge = static_cast<std::uint32_t>(b);
    }
  }
  if (!feature.categories.empty()) feature.effect = variation;
  feature.ks = feature.effect;
  feature.js = std::sqrt(feature.psi / 8.0);
  feature.psi_null = (bins - 1.0) * (1.0 / n + 1.0 / m);
  feature.rows = m;
  const double t = feature.effect * std::sqrt(n * m / (n + m));
  feature.p = std::min(1.0, 2.0 * std::exp(-2.0 * t * t));
}

/// The effect over the windows: noise, then from `begin` on a step or a slope up to today's.
inline void add_history(monitor::Report& report, monitor::FeatureDrift& feature, std::size_t windows, std::size_t begin, Rng& rng) {
  const bool slow = rng.uniform() < 0.4;
  for (std::size_t w = 0; w < windows; ++w) {
    double effect = 0.008 + 0.012 * rng.uniform();
    if (w >= begin) {
      const double way = slow ? static_cast<double>(w - begin + 1) / static_cast<double>(windows - begin) : 1.0;
      effect = std::max(effect, feature.effect * way * (0.9 + 0.2 * rng.uniform()));
    }
    if (w + 1 == windows) effect = feature.effect;
    const bool alarmed = effect > example::least_effect;
    if (alarmed && feature.alarms == 0) {
      feature.alarms = 1;
      feature.first_alarm = end_of(w);
      feature.first_alarm_at = at_event(end_of(w));
      feature.change = end_of(w) - window_rows / 2 - rng.below(window_rows);
    }
    report.history.effects.push_back(w == 3 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(effect));
    report.history.alarms.push_back(alarmed ? 1 : 0);
  }
  feature.alarmed = feature.effect > example::least_effect;
}

inline void add_feature(monitor::Report& report, const ExampleOptions& options, std::size_t f, Rng& rng) {
  monitor::FeatureDrift feature;
  feature.name = feature_name(f);
  const bool drifts = f < 2 || rng.uniform() < options.drifting;
  const double shift = drifts ? (rng.uniform() < 0.5 ? 1.0 : -0.6) * (0.25 + 0.8 * rng.uniform()) : 0.02 * rng.normal();
  if (f % 7 == 3) {
    fill_nominal(feature, std::abs(shift), rng);
  } else {
    fill_numeric(feature, shift, rng);
  }
  measure(feature);
  feature.adjusted_p = std::min(1.0, feature.p * static_cast<double>(options.features));
  feature.importance = 2.0 * rng.uniform() * rng.uniform() / static_cast<double>(options.features);
  feature.reference_missing = 0.01;
  feature.current_missing = f % 9 == 2 ? 0.25 : 0.01;
  add_history(report, feature, options.windows, drifts ? rng.below(options.windows + 1) : options.windows, rng);
  report.features.push_back(feature);
}

inline void add_drift(monitor::Report& report, const ExampleOptions& options, Rng& rng) {
  report.drift.false_alarms_per_row = 1e-6;
  report.drift.expected_false_alarms = 0.12;
  report.drift.least_effect = least_effect;
  report.drift.procedure = "e-values, Bonferroni over features";
  report.drift.reference = "June 2020";
  report.drift.reference_rows = reference_rows;
  report.drift.window_rows = {window_rows, 10'000};
  report.drift.rows = options.windows * window_rows;
  report.drift.configuration = 0x9f3ac14be27705d1U;
  report.drift.binning =
      "Numeric features have ten bins at the reference's deciles, the outer ones open; shares are smoothed by half a row.";
  report.drift.assumptions = {"Rows are independent: autocorrelated ones raise more false alarms than the budget says."};
  for (std::size_t w = 0; w < options.windows; ++w) {
    report.history.ends.push_back(end_of(w));
    report.history.at.push_back(at_event(end_of(w)));
  }
  for (std::size_t f = 0; f < options.features; ++f) add_feature(report, options, f, rng);
  if (options.features < 4) return;
  monitor::FeatureDrift& score = report.features[options.features - 2];
  score.name = "score";
  score.kind = monitor::FeatureDrift::Kind::prediction;
  monitor::FeatureDrift& label = report.features[options.features - 1];
  label.name = "fraud";
  label.kind = monitor::FeatureDrift::Kind::label;
  score.importance = label.importance = monitor::unknown;
}

inline void add_performance(monitor::Report& report, const ExampleOptions& options, Rng& rng) {
  monitor::PerformancePanel& panel = report.performance;
  panel.metric = "accuracy";
  panel.alarm_level = 0.88;
  for (std::size_t w = 0; w < options.windows; ++w) {
    const double truth = 0.912 - (w > 40 ? 0.002 * static_cast<double>(w - 40) : 0.0);
    const auto around = [](double value, double half) { return monitor::Estimate{value, value - half, value + half}; };
    const bool labelled = w + 6 < options.windows;
    panel.windows.push_back({end_of(w), at_event(end_of(w)), window_rows, labelled ? 1900U : 0U,
                             labelled ? around(truth + 0.004 * rng.normal(), 0.012) : monitor::Estimate{},
                             around(truth + 0.003 * rng.normal() + 0.002, 0.009)});
  }
  panel.detectors = {{"adwin:delta=0.002", "error", 1, 110'000, at_event(110'000), 104'300, 2e6},
                     {"shiryaev_roberts", "error", 0, 0, Time{}, std::nullopt, 1e6}};
  panel.coverage = {{seconds(0), 4000, 120}, {hours(1), 20'000, 9800}, {hours(24), 60'000, 55'000}, {days(7), 56'000, 55'900}};
  panel.delays = {{0.5, minutes(80)}, {0.9, hours(20)}, {0.99, days(5)}};
  report.segment_metric = "accuracy";
  report.segments = {{"merchant = games", 2210, {0.802, 0.784, 0.819}, -0.101, 2e-9, true},
                     {"amount in [310, 1,200)", 4100, {0.871, 0.860, 0.881}, -0.034, 0.004, true},
                     {"country = NO", 930, {0.894, 0.872, 0.913}, -0.009, 0.61, false}};
}

inline void add_incidents(monitor::Report& report) {
  using monitor::Incident;
  report.incidents.add({.event = 64'000,
                        .at = at_event(64'000),
                        .what = "amount",
                        .detector = "effect",
                        .statistic = 0.141,
                        .action = Incident::Action::retrain,
                        .action_event = 64'100,
                        .action_at = at_event(64'100),
                        .trigger = "drift: amount",
                        .outcome = Incident::Outcome::promoted,
                        .metric = "accuracy",
                        .before = 0.884,
                        .after = 0.913});
  report.incidents.add({.event = 98'000,
                        .at = at_event(98'000),
                        .what = "merchant_risk",
                        .detector = "effect",
                        .statistic = 0.062,
                        .action = Incident::Action::acknowledged,
                        .action_event = 98'400,
                        .action_at = at_event(98'400),
                        .trigger = "on call"});
  report.incidents.add({.event = 110'000, .at = at_event(110'000), .what = "error", .detector = "adwin", .statistic = 0.117});
}

}  // namespace example

/// A report with every part filled, of a payments service in which some features drift.
inline monitor::Report example_report(const ExampleOptions& options) {
  using monitor::Series;
  Rng rng(options.seed);
  monitor::Report report;
  report.title = "payments";
  report.generated = from_unix_seconds(1'600'500'000);
  report.events = 145312;
  report.labels = 145212;
  report.severity = monitor::Severity::attention;
  report.verdict = "accuracy 0.912 over the last 1,000 labels, and some features drifted";
  report.learner = "logistic";
  report.metrics = {{"accuracy", 0.9034, 0.912, 0.8533, 0.5754}, {"log_loss", 0.2312, 0.22, monitor::unknown, monitor::unknown}};
  report.window = 1000;
  for (const char* name : {"continual", "frozen"}) {
    Series series(name, "");
    const std::uint64_t step = options.points > 0 ? 140'000 / options.points : 1;
    for (std::uint64_t i = 0; i < options.points; ++i)
      series.add({500 + step * i, example::at_event(500 + step * i), i % 40 == 7 ? monitor::unknown : 0.9 + 0.01 * rng.normal()});
    report.series.push_back(series);
  }
  report.marks.add({61'200, Time{}, "drift", "adwin on the error"});
  report.marks.add({64'100, from_unix_seconds(1'600'192'300), "retrain", "drift, warm start"});
  report.marks.add({65'000, Time{}, "promotion", "challenger serves now"});
  report.marks.add({98'400, Time{}, "acknowledged", "merchant_risk, by the one on call"});
  example::add_drift(report, options, rng);
  example::add_performance(report, options, rng);
  example::add_incidents(report);
  report.arms = {{"control", "logistic", 40800, 40700, {{"accuracy", 0.9031}}, 0.9, 12, "control"},
                 {"challenger", "naive_bayes", 4512, 4500, {{"accuracy", 0.8711}, {"f1", 0.8}}, 0.1, 3, "behind"}};
  report.comparison = "Challenger is behind: p = 0.003.";
  report.predict = {812, 2304, 5120, 183000, 45312};
  report.label = {120, 410, 1800, 912000, 45212};
  report.counters = {{"rtml_rejected_total", "Refused events.", 12.0, {{"reason", "not finite"}}}};
  report.configuration = {{"retrain", "drift:psi=0.2"}};
  report.memory_bytes = 1'843'200;
  report.notes = {"Windows of the amount fill up in the first hour."};
  return report;
}

inline monitor::Report example_report(std::size_t features = 5, std::size_t points = 200, std::size_t windows = 60) {
  return example_report(ExampleOptions{.features = features, .points = points, .windows = windows});
}

}  // namespace rtml::testing
