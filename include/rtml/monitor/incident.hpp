#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/monitor/value.hpp"

namespace rtml::monitor {

/// An alarm, what was done about it, and what came of that.
struct Incident {
  enum class Action : std::uint8_t { none, retrain, acknowledged, rolled_back };
  enum class Outcome : std::uint8_t { open, promoted, discarded };

  std::uint64_t event = 0;     ///< of the alarm
  Time at{};                   ///< the epoch when the stream has no time
  std::string what = {};       ///< the feature, metric or segment
  std::string detector = {};   ///< that raised it
  double statistic = unknown;  ///< on which it did

  Action action = Action::none;
  std::uint64_t action_event = 0;
  Time action_at{};
  std::string trigger = {};  ///< the rule that acted, or who did

  Outcome outcome = Outcome::open;
  std::string metric = {};  ///< by which the outcome is measured
  double before = unknown;  ///< of the model that served at the alarm
  double after = unknown;   ///< of what the action made, once that is known

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Incident", 1);
    ar(self.event, self.at, self.what, self.detector, self.statistic);
    ar(self.action, self.action_event, self.action_at, self.trigger);
    ar(self.outcome, self.metric, self.before, self.after);
    ar.check(self.action <= Action::rolled_back, "action");
    ar.check(self.outcome <= Outcome::discarded, "outcome");
  }
};

constexpr std::string_view name_of(Incident::Action action) noexcept {
  switch (action) {
    case Incident::Action::none: return "none";
    case Incident::Action::retrain: return "retrain";
    case Incident::Action::acknowledged: return "acknowledged";
    case Incident::Action::rolled_back: return "rolled back";
  }
  return "";
}

constexpr std::string_view name_of(Incident::Outcome outcome) noexcept {
  return outcome == Incident::Outcome::open ? "open" : (outcome == Incident::Outcome::promoted ? "promoted" : "discarded");
}

/// The last incidents of a loop, a bounded number; the oldest make room and are counted. An incident is added when its alarm is raised
/// and completed by its number while it is still kept.
class IncidentLog {
 public:
  struct Options {
    std::size_t capacity = 128;  ///< incidents at most, in [1, 65536]
  };

  IncidentLog() : IncidentLog(Options{}) {}

  /// @throws ConfigError if an option is outside its documented range.
  explicit IncidentLog(const Options& options) : capacity_(options.capacity) {
    require("IncidentLog", "capacity", options.capacity, is_capacity(options.capacity), "in [1, 65536]");
  }

  /// Returns its number: 0 for the first one ever. O(capacity) when full.
  std::uint64_t add(Incident incident) {
    if (incidents_.size() == capacity_) {
      incidents_.erase(incidents_.begin());
      ++dropped_;
    }
    incidents_.push_back(std::move(incident));
    return dropped_ + incidents_.size() - 1;
  }

  /// The incident of that number, to complete; null when it made room, or never was.
  Incident* find(std::uint64_t number) noexcept {
    return number < dropped_ || number - dropped_ >= incidents_.size() ? nullptr : &incidents_[static_cast<std::size_t>(number - dropped_)];
  }

  /// Oldest first.
  const std::vector<Incident>& incidents() const noexcept { return incidents_; }

  /// How many older ones made room.
  std::uint64_t dropped() const noexcept { return dropped_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + incidents_.capacity() * sizeof(Incident);
    for (const Incident& one : incidents_)
      bytes += one.what.capacity() + one.detector.capacity() + one.trigger.capacity() + one.metric.capacity();
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("IncidentLog", 1);
    std::uint64_t capacity = self.capacity_;
    ar(capacity, self.incidents_, self.dropped_);
    ar.check(is_capacity(capacity) && self.incidents_.size() <= capacity, "capacity");
    if constexpr (Ar::reading) self.capacity_ = static_cast<std::size_t>(capacity);
  }

 private:
  static constexpr bool is_capacity(std::uint64_t capacity) noexcept { return capacity >= 1 && capacity <= 65536; }

  std::size_t capacity_;
  std::vector<Incident> incidents_;
  std::uint64_t dropped_ = 0;
};

}  // namespace rtml::monitor
