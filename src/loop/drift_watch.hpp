#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/features.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/task.hpp"
#include "rtml/core/time.hpp"
#include "rtml/drift/drift_monitor.hpp"
#include "rtml/monitor/report.hpp"

namespace rtml::detail {

/// All that decides what a monitor counts and tells, in one line: equal ones compare.
std::string definition_of(const drift::DriftMonitor::Options& options);

/// Where features, predictions and labels are, against where they were. Their columns share one budget of false alarms.
class DriftWatch {
 public:
  DriftWatch(const Schema& schema, Task task, const drift::DriftMonitor::Options& options);

  /// A column that alarms and did not before.
  struct Moved {
    std::string_view what;
    double effect;
  };

  /// The row of event number `event`; what moved anew. Valid until the next call.
  const std::vector<Moved>& features(const Features& x, std::uint64_t event, Time at);
  /// Not before the features had a reference and a window once: a model that has just begun moves its predictions by itself.
  const std::vector<Moved>& prediction(float value, std::uint64_t event, Time at);
  const std::vector<Moved>& label(float value, std::uint64_t event, Time at) {
    observe(labels_, {{&value, 1}, {}}, event, at);
    return moved_;
  }

  /// History that is not live: counted, and told of no one.
  void bootstrap(const Features& x) noexcept { features_.monitor.update(x); }

  /// After a retraining: all get a new reference, but those that have none yet.
  void relearn() noexcept;

  /// Features that alarm now.
  std::size_t drifted() const noexcept { return features_.monitor.drifted(); }
  bool outputs_drifted() const noexcept { return predictions_.columns[0].alarmed || labels_.columns[0].alarmed; }
  /// True when features have a reference and a window.
  bool ready() const noexcept { return features_.monitor.ready(); }
  std::size_t columns() const noexcept { return features_.columns.size(); }

  /// Fills features, history and summary. @pre importance: [columns]
  void add_to(monitor::Report& report, std::span<const double> importance) const;

  std::size_t memory_bytes() const noexcept;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("DriftWatch", 1);
    for (auto* watched : {&self.features_, &self.predictions_, &self.labels_}) {
      ar(watched->monitor);
      for (auto& column : watched->columns) ar(column);
    }
    ar(self.settled_, self.ends_, self.times_, self.effects_, self.alarms_);
    ar.check(self.ends_.size() <= most_windows && self.times_.size() == self.ends_.size(), "windows");
    ar.check(self.effects_.size() == self.ends_.size() * self.entries() && self.alarms_.size() == self.effects_.size(),
             "effects of windows");
  }

 private:
  static constexpr std::size_t most_windows = 60;  // kept for the report

  struct Column {
    std::string name;
    bool alarmed = false;
    std::uint64_t alarms = 0;
    std::uint64_t alarm_event = 0;  // of the alarm that is on, or of the last one
    Time alarm_at{};
    std::uint64_t change_event = 0;  // the first row of the window that raised it; of a feature, which sees every event

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      ar(self.alarmed, self.alarms, self.alarm_event, self.alarm_at, self.change_event);
    }
  };

  struct Watched {
    drift::DriftMonitor monitor;
    std::vector<Column> columns;
    monitor::FeatureDrift::Kind kind;
  };

  static Watched one_column(const char* name, bool nominal, monitor::FeatureDrift::Kind kind, const drift::DriftMonitor::Options& options);
  bool observe(Watched& watched, const Features& x, std::uint64_t event, Time at);
  std::size_t entries() const noexcept { return features_.columns.size() + 2; }
  void record(std::uint64_t event, Time at);
  void report_columns(monitor::Report& report, const Watched& watched) const;
  void report_history(monitor::Report& report) const;
  void summarise(monitor::DriftSummary& summary) const;

  drift::DriftMonitor::Options options_;  // as the host gave them
  Watched features_;
  Watched predictions_;
  Watched labels_;
  bool settled_ = false;  // features had a reference and a window once
  std::vector<Moved> moved_;
  std::vector<std::uint64_t> ends_;   // [windows] oldest first
  std::vector<Time> times_;           // [windows]
  std::vector<float> effects_;        // [windows, features + 2]
  std::vector<std::uint8_t> alarms_;  // [windows, features + 2]
};

}  // namespace rtml::detail
