#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/signal.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// When to retrain: a boolean combination of conditions, e.g. `every(24h) || (drift::psi() > 0.2 && !(metrics::accuracy() >= 0.9))`.
/// A value; holds descriptions only, so whoever evaluates it brings the numbers, and the memory of those that must hold for a while.
///
/// A signal that is not known yet makes its condition neither true nor false, and the combination follows Kleene's logic: nothing fires on
/// what nobody has measured.
class Trigger {
  struct Streak {
    std::uint64_t times = 0;  // evaluations in a row
    Duration since{0};        // Progress::time of the first of them
  };

 public:
  /// What happened since the last retraining.
  struct Progress {
    std::uint64_t labels = 0;
    Duration time{0};  ///< of event time
  };

  /// How long each held() condition has been true. Belongs to one trigger and to whoever evaluates it.
  class Memory {
   public:
    Memory() = default;
    explicit Memory(const Trigger& trigger) : streaks_(trigger.held_) {}

    void clear() noexcept { std::fill(streaks_.begin(), streaks_.end(), Streak{}); }

    template <class Self, class Ar>
    static void archive(Self& self, Ar& ar) {
      std::uint64_t size = self.streaks_.size();
      ar(size);
      ar.check(size == self.streaks_.size(), "held conditions (saved: another trigger)");
      for (auto& streak : self.streaks_) {
        ar(streak.times, streak.since);
        ar.check(streak.since.count() >= 0, "time of a held condition");
      }
    }

   private:
    friend Trigger;
    std::vector<Streak> streaks_;
  };

  /// Never fires.
  Trigger() = default;

  static Trigger labels(std::uint64_t count) { return leaf({.op = Op::labels, .count = count}); }
  static Trigger time(Duration period) { return leaf({.op = Op::time, .period = period}); }
  static Trigger above(Signal signal, double level) { return compare(Op::above, std::move(signal), level); }
  static Trigger below(Signal signal, double level) { return compare(Op::below, std::move(signal), level); }

  /// In the order in which `evaluate` expects their values.
  std::span<const Signal> signals() const noexcept { return signals_; }
  bool never() const noexcept { return nodes_.empty(); }
  bool asks_for_time() const noexcept {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.op == Op::time || node.op == Op::held_time; });
  }

  /// The same, once it was true at each of the last `evaluations`, this one included: one bad window is not a trend.
  /// @throws ConfigError for 0
  Trigger held(std::uint64_t evaluations) const {
    require("Trigger::held", "evaluations", evaluations, evaluations >= 1, ">= 1");
    return hold({.op = Op::held_times, .count = evaluations});
  }

  /// The same, once it was true at each evaluation for `time` of event time.
  /// @throws ConfigError unless > 0
  Trigger held(Duration time) const {
    require("Trigger::held", "time", time.count(), time.count() > 0, "> 0");
    return hold({.op = Op::held_time, .period = time});
  }

  /// Why it fires, with the numbers that made it ("psi = 0.31 > 0.2"), or nullopt. `values`: one for each of signals(), NaN = not known.
  /// @pre memory is this trigger's
  std::optional<std::string> evaluate(const Progress& progress, std::span<const double> values, Memory& memory) const {
    if (never()) return std::nullopt;
    std::string why;
    if (judge(nodes_.size() - 1, {progress, values, memory}, why) != Verdict::yes) return std::nullopt;
    return why;
  }

  /// As it was written.
  std::string text() const { return never() ? "never" : text_of(nodes_.size() - 1); }

  friend Trigger operator&&(Trigger left, Trigger right) { return combine(Op::both, std::move(left), std::move(right)); }
  friend Trigger operator||(Trigger left, Trigger right) { return combine(Op::either, std::move(left), std::move(right)); }
  friend Trigger operator!(Trigger trigger) {
    if (trigger.never()) return labels(1);
    trigger.nodes_.push_back({.op = Op::opposite, .left = trigger.nodes_.size() - 1});
    return trigger;
  }

 private:
  enum class Op : std::uint8_t { labels, time, above, below, both, either, opposite, held_times, held_time };
  enum class Verdict : std::uint8_t { no, unknown, yes };

  struct Node {
    Op op;
    std::uint64_t count = 0;
    Duration period{0};
    double level = 0.0;
    std::size_t signal = 0;
    std::size_t left = 0;
    std::size_t right = 0;
    std::size_t streak = 0;
  };

  /// What a condition is judged by.
  struct Facts {
    const Progress& progress;
    std::span<const double> values;
    Memory& memory;
  };

  static Trigger leaf(const Node& node) {
    Trigger trigger;
    trigger.nodes_.push_back(node);
    return trigger;
  }

  static Trigger compare(Op op, Signal signal, double level) {
    require("Trigger", "level", level, !is_nan(level), "a number");
    Trigger trigger = leaf({.op = op, .level = level});
    trigger.signals_.push_back(std::move(signal));
    return trigger;
  }

  static Trigger combine(Op op, Trigger left, Trigger right) {
    if (left.never()) return op == Op::either ? right : left;
    if (right.never()) return op == Op::either ? left : right;
    const std::size_t nodes = left.nodes_.size();
    const std::size_t signals = left.signals_.size();
    left.nodes_.reserve(nodes + right.nodes_.size() + 1);
    for (Node node : right.nodes_) {
      node.left += nodes;
      node.right += nodes;
      node.signal += signals;
      node.streak += left.held_;
      left.nodes_.push_back(node);
    }
    left.held_ += right.held_;
    left.signals_.insert(left.signals_.end(), right.signals_.begin(), right.signals_.end());
    left.nodes_.push_back({.op = op, .left = nodes - 1, .right = left.nodes_.size() - 1});
    return left;
  }

  Trigger hold(Node node) const {
    Trigger trigger = *this;
    if (never()) return trigger;
    node.left = trigger.nodes_.size() - 1;
    node.streak = trigger.held_++;
    trigger.nodes_.push_back(node);
    return trigger;
  }

  static Verdict verdict(bool holds) noexcept { return holds ? Verdict::yes : Verdict::no; }

  static void mention(std::string& why, const std::string& fact) { why += (why.empty() ? "" : ", ") + fact; }

  /// Every condition is judged each time, so that those that must hold for a while are counted wherever they stand.
  Verdict judge(std::size_t at, const Facts& facts, std::string& why) const {
    const Node& node = nodes_[at];
    switch (node.op) {
      case Op::labels:
        if (facts.progress.labels < node.count) return Verdict::no;
        mention(why, to_text(facts.progress.labels) + " labels");
        return Verdict::yes;
      case Op::time:
        if (facts.progress.time < node.period) return Verdict::no;
        mention(why, span_text(facts.progress.time) + " passed");
        return Verdict::yes;
      case Op::above:
      case Op::below: {
        const double value = facts.values[node.signal];
        if (is_nan(value)) return Verdict::unknown;
        const bool holds = node.op == Op::above ? value > node.level : value < node.level;
        if (holds)
          mention(why, signals_[node.signal].name + " = " + to_text(static_cast<float>(value)) + sign(node.op) + to_text(node.level));
        return verdict(holds);
      }
      case Op::opposite: {
        std::string unsaid;
        const Verdict inner = judge(node.left, facts, unsaid);
        if (inner == Verdict::unknown) return inner;
        if (inner == Verdict::no) mention(why, "not (" + text_of(node.left) + ")");
        return verdict(inner == Verdict::no);
      }
      case Op::held_times:
      case Op::held_time: return held(node, facts, why);
      case Op::both:
      case Op::either: break;
    }
    std::string said_left;
    std::string said_right;
    const Verdict left = judge(node.left, facts, said_left);
    const Verdict right = judge(node.right, facts, said_right);
    if (left == Verdict::yes) mention(why, said_left);
    if (right == Verdict::yes) mention(why, said_right);
    return node.op == Op::both ? std::min(left, right) : std::max(left, right);
  }

  Verdict held(const Node& node, const Facts& facts, std::string& why) const {
    Streak& streak = facts.memory.streaks_[node.streak];
    std::string said;
    const Verdict inner = judge(node.left, facts, said);
    if (inner != Verdict::yes) {
      streak = {};
      return inner;
    }
    if (streak.times++ == 0) streak.since = facts.progress.time;
    const Duration lasted = facts.progress.time - streak.since;
    if (node.op == Op::held_times ? streak.times < node.count : lasted < node.period) return Verdict::no;
    mention(why, said + (node.op == Op::held_times ? ", " + to_text(streak.times) + " times" : ", for " + span_text(lasted)));
    return Verdict::yes;
  }

  static std::string sign(Op op) { return op == Op::above ? " > " : " < "; }

  static std::string span_text(Duration time) {
    const std::int64_t whole_seconds = time.count() / 1'000'000;
    if (whole_seconds * 1'000'000 != time.count()) return to_text(time.count()) + "us";
    if (whole_seconds % 86'400 == 0) return to_text(whole_seconds / 86'400) + "d";
    if (whole_seconds % 3'600 == 0) return to_text(whole_seconds / 3'600) + "h";
    return to_text(whole_seconds) + "s";
  }

  std::string text_of(std::size_t at) const {
    const Node& node = nodes_[at];
    switch (node.op) {
      case Op::labels: return "every " + to_text(node.count) + " labels";
      case Op::time: return "every " + span_text(node.period);
      case Op::above:
      case Op::below: return signals_[node.signal].name + sign(node.op) + to_text(node.level);
      case Op::opposite: return "!(" + text_of(node.left) + ")";
      case Op::held_times: return "(" + text_of(node.left) + ") " + to_text(node.count) + " times";
      case Op::held_time: return "(" + text_of(node.left) + ") for " + span_text(node.period);
      case Op::both: return "(" + text_of(node.left) + " && " + text_of(node.right) + ")";
      case Op::either: return "(" + text_of(node.left) + " || " + text_of(node.right) + ")";
    }
    return {};
  }

  std::vector<Node> nodes_;  // the root is last
  std::vector<Signal> signals_;
  std::size_t held_ = 0;  // conditions that must hold for a while
};

/// After every `count` labels.
inline Trigger every(std::uint64_t count) {
  require("every", "labels", count, count > 0, "> 0");
  return Trigger::labels(count);
}

/// After every `period` of event time.
inline Trigger every(Duration period) {
  require("every", "period", period.count(), period.count() > 0, "> 0");
  return Trigger::time(period);
}

inline Trigger never() { return {}; }

inline Trigger operator>(Signal signal, double level) { return Trigger::above(std::move(signal), level); }
inline Trigger operator<(Signal signal, double level) { return Trigger::below(std::move(signal), level); }
inline Trigger operator>=(Signal signal, double level) { return !(std::move(signal) < level); }
inline Trigger operator<=(Signal signal, double level) { return !(std::move(signal) > level); }

}  // namespace rtml
