#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/task.hpp"
#include "rtml/core/time.hpp"
#include "rtml/monitor/counter.hpp"
#include "rtml/monitor/drift_history.hpp"
#include "rtml/monitor/drift_summary.hpp"
#include "rtml/monitor/feature_drift.hpp"
#include "rtml/monitor/incident.hpp"
#include "rtml/monitor/latency_histogram.hpp"
#include "rtml/monitor/mark_log.hpp"
#include "rtml/monitor/performance_panel.hpp"
#include "rtml/monitor/segment.hpp"
#include "rtml/monitor/series.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// A line of configuration.
struct Setting {
  std::string key;
  std::string value;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.key, self.value);
  }
};

/// One metric of the served predictions, beside what the simplest predictors reach on the same labels.
struct MetricRow {
  std::string name;
  double whole = unknown;      ///< over all labels
  double window = unknown;     ///< over the last `Report::window` labels
  double no_change = unknown;  ///< of repeating the last known label, over all labels
  double majority = unknown;   ///< of the most frequent class, or the mean, over all labels

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("MetricRow", 1);
    ar(self.name, self.whole, self.window, self.no_change, self.majority);
  }
};

/// One arm of a comparison: a model that is served to a share of the units, or a policy that runs in their shadow.
struct ArmReport {
  std::string name;
  std::string learner;
  std::uint64_t predictions = 0;
  std::uint64_t labels = 0;
  std::vector<Value> metrics;
  double weight = unknown;    ///< share of the units, in [0, 1]
  std::uint64_t version = 0;  ///< of the model that is served; 0 = none was published
  std::string verdict;        ///< "control", "ahead", "no difference seen", ...

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("ArmReport", 1);
    ar(self.name, self.learner, self.predictions, self.labels, self.metrics, self.weight, self.version, self.verdict);
  }
};

/// The health of a running loop at one moment: plain data that the loop fills and render.hpp shows. Every part may be empty.
struct Report {
  std::string title;
  Time generated{};
  std::uint64_t events = 0;
  std::uint64_t labels = 0;
  Severity severity = Severity::good;
  std::string verdict;  ///< one sentence with its numbers
  Task task = Task::binary;
  std::string learner;
  std::vector<MetricRow> metrics;  ///< the first is the main one
  std::uint64_t window = 0;        ///< labels that `MetricRow::window` covers
  std::vector<Series> series;      ///< the main metric over time, one series a policy or arm; the first is the loop's own
  MarkLog marks;
  DriftSummary drift;
  std::vector<FeatureDrift> features;
  DriftHistory history;
  PerformancePanel performance;
  std::string segment_metric;     ///< that `segments` are measured by
  std::vector<Segment> segments;  ///< the worst first
  IncidentLog incidents;
  std::vector<ArmReport> arms;
  std::string comparison;  ///< what the test between the arms says, one sentence
  Latency predict;
  Latency label;
  std::vector<Sample> counters;
  std::vector<Setting> configuration;
  std::uint64_t memory_bytes = 0;
  std::vector<std::string> notes;  ///< on method: one sentence each

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Report", 1);
    ar(self.title, self.generated, self.events, self.labels, self.severity, self.verdict, self.task, self.learner);
    ar.check(self.severity <= Severity::alarm, "severity");
    ar.check(self.task <= Task::classes, "task");
    ar(self.metrics, self.window, self.series, self.marks, self.drift, self.features, self.history);
    ar.check(self.history.effects.size() == self.features.size() * self.history.windows(), "history of the features");
    ar(self.performance, self.segment_metric, self.segments, self.incidents, self.arms, self.comparison);
    ar(self.predict, self.label, self.counters, self.configuration, self.memory_bytes, self.notes);
  }
};

}  // namespace rtml::monitor
