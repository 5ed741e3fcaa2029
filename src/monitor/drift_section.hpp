#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rtml/monitor/report.hpp"

namespace rtml::monitor {

/// What the page says of drift: the budget, features by windows, a row for each feature, a page for each of those that moved most.
class DriftSection {
 public:
  explicit DriftSection(const Report& report);

  /// For the head of the page.
  std::string style() const;

  /// The sentences beneath the verdict: what the monitor promises, and what its judgement rests on; empty when nothing is watched.
  std::string budget() const;
  std::string basis() const;

  void write(std::string& out) const;

  /// Of them that alarm, and all: predictions and labels are not counted.
  std::size_t alarmed() const;
  std::size_t features() const;

 private:
  void heat_map(std::string& out) const;
  void lanes(std::string& out) const;
  void alarm_counts(std::string& out) const;
  void window_ticks(std::string& out) const;
  void table(std::string& out, std::size_t first, std::size_t end, const char* label) const;
  void row(std::string& out, std::size_t place) const;
  void pages(std::string& out) const;

  const Report& report_;
  std::vector<const FeatureDrift*> order_;  // as they are shown: predictions and labels, then features by rank
  std::size_t outputs_ = 0;                 // how many of them are predictions and labels
  std::size_t pages_ = 0;                   // the first of the features that have a page of their own
  bool corrected_ = false;
  bool has_missing_ = false;
  bool has_wasserstein_ = false;
  bool has_unseen_ = false;
};

}  // namespace rtml::monitor
