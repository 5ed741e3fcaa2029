#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "rtml/core/rng.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::testing {

/// A report with every part filled, `features` of them and `points` on each line.
inline monitor::Report example_report(std::size_t features = 5, std::size_t points = 200, std::uint64_t seed = 1) {
  using monitor::Series;
  Rng rng(seed);
  monitor::Report report;
  report.title = "payments";
  report.generated = from_unix_seconds(1'600'000'000);
  report.events = 45312;
  report.labels = 45212;
  report.severity = monitor::Severity::attention;
  report.verdict = "accuracy 0.912 over the last 1,000 labels; 1 feature drifted";
  report.learner = "logistic";
  report.metrics = {{"accuracy", 0.9034, 0.912, 0.8533, 0.5754}, {"log_loss", 0.2312, 0.22, monitor::unknown, monitor::unknown}};
  report.window = 1000;
  for (const char* name : {"continual", "frozen"}) {
    Series series(name, "");
    for (std::uint64_t i = 0; i < points; ++i)
      series.add({500 + 100 * i, from_unix_seconds(1'600'000'000 + static_cast<std::int64_t>(60 * i)),
                  i % 40 == 7 ? monitor::unknown : 0.9 + 0.01 * rng.normal()});
    report.series.push_back(series);
  }
  report.marks.add({1200, Time{}, "drift", "adwin on the error"});
  report.marks.add({1300, from_unix_seconds(1'600'000'100), "retrain", "drift, warm start"});
  report.marks.add({1300, Time{}, "promotion", "challenger serves now"});
  for (std::size_t f = 0; f < features; ++f) {
    monitor::FeatureDrift feature;
    feature.name = "amount_over_the_last_hours_" + std::to_string(f);
    feature.series = Series("PSI", "", {.capacity = 128, .keep = Series::Keep::largest});
    for (std::uint64_t i = 0; i < points; ++i) feature.series.add({500 + 100 * i, Time{}, 0.5 * rng.uniform() * rng.uniform()});
    feature.psi = feature.series.last().value;
    feature.js = feature.psi / 8.0;
    feature.ks = 0.3 * rng.uniform();
    feature.p = rng.uniform();
    feature.severity = f == 3 ? monitor::Severity::alarm : monitor::Severity::good;
    for (int b = 0; b <= 10; ++b) feature.edges.push_back(b == 10 ? std::numeric_limits<double>::infinity() : 3.0 * b + rng.uniform());
    for (int b = 0; b < 10; ++b) {
      feature.reference.push_back(std::floor(1000.0 * rng.uniform()));
      feature.current.push_back(std::floor(100.0 * rng.uniform()));
    }
    feature.reference_missing = 0.01;
    feature.current_missing = 0.25;
    report.features.push_back(feature);
  }
  report.arms = {{"control", "logistic", 40800, 40700, {{"accuracy", 0.9031}}, 0.9, 12, "control"},
                 {"challenger", "naive_bayes", 4512, 4500, {{"accuracy", 0.8711}, {"f1", 0.8}}, 0.1, 3, "behind"}};
  report.comparison = "Challenger is behind: p = 0.003.";
  report.predict = {812, 2304, 5120, 183000, 45312};
  report.label = {120, 410, 1800, 912000, 45212};
  report.counters = {{"rtml_rejected_total", "Refused events.", 12.0, {{"reason", "not finite"}}}};
  report.configuration = {{"retrain", "drift:psi=0.2"}};
  report.memory_bytes = 1'843'200;
  report.notes = {"PSI uses ten bins at the reference's deciles."};
  return report;
}

}  // namespace rtml::testing
