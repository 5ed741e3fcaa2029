// Windows added up anew from a log of everything that was fed: slow, and plainly what the definitions say.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "payment.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/stats/hyper_log_log.hpp"

namespace rtml::testing {

enum class Tail { exact, hopping, sawtooth };

struct KindOfWindow {
  Duration span;
  Tail tail;
  Duration hop;

  WindowKind kind() const { return tail == Tail::exact ? exact() : (tail == Tail::hopping ? hopping(hop) : sawtooth(hop)); }
};

/// What the events of one card from some time up to another come to.
struct PlainRange {
  Duration length{};
  std::vector<Payment> events;  // by time, then as they came

  std::vector<double> amounts() const {
    std::vector<double> usable;
    for (const Payment& event : events)
      if (is_usable(event.amount)) usable.push_back(event.amount);
    return usable;
  }

  float count() const { return static_cast<float>(events.size()); }
  float rate() const { return static_cast<float>(static_cast<double>(events.size()) / std::chrono::duration<double>(length).count()); }
  float since(Time at) const {
    return events.empty() ? missing : static_cast<float>(std::chrono::duration<double>(at - events.back().at).count());
  }
  float sum() const { return static_cast<float>(total(amounts())); }
  float mean() const {
    const auto values = amounts();
    return values.empty() ? missing : static_cast<float>(total(values) / static_cast<double>(values.size()));
  }
  /// By the formula that loses digits: of the test's amounts, which are quarters, none is lost.
  float variance() const {
    const auto values = amounts();
    if (values.empty()) return missing;
    double squares = 0.0;
    for (const double value : values) squares += value * value;
    const auto n = static_cast<double>(values.size());
    return static_cast<float>((n * squares - total(values) * total(values)) / n / n);
  }
  float lowest() const {
    const auto values = amounts();
    return values.empty() ? missing : static_cast<float>(*std::min_element(values.begin(), values.end()));
  }
  float highest() const {
    const auto values = amounts();
    return values.empty() ? missing : static_cast<float>(*std::max_element(values.begin(), values.end()));
  }
  float distinct_merchants() const {
    stats::HyperLogLog seen(10);
    for (const Payment& event : events)
      if (!event.merchant.empty()) seen.update(hash_bytes(event.merchant));
    return static_cast<float>(seen.estimate());
  }
  /// The least amount that at least `percent` % of them do not exceed.
  float quantile(std::uint64_t percent) const {
    auto values = amounts();
    if (values.empty()) return missing;
    std::sort(values.begin(), values.end());
    return static_cast<float>(values[rank_of(percent, values.size()) - 1]);
  }
  /// The same from buckets of floats that share their leading bits, as many as leave 256 buckets at most.
  float bucket_quantile(std::uint64_t percent) const {
    std::vector<float> values;
    for (const double value : amounts()) values.push_back(static_cast<float>(value));
    if (values.empty()) return missing;
    std::sort(values.begin(), values.end());
    const float chosen = values[rank_of(percent, values.size()) - 1];
    std::uint32_t width = 1;  // floats of a bucket
    const auto bucket_of = [&](float value) {
      const std::int64_t steps = std::bit_cast<std::uint32_t>(std::abs(value)) & 0x7fffffffU;  // floats between it and 0
      return value < 0.0F ? -(steps + width - 1) / width : steps / width;
    };
    for (;; width *= 2) {
      std::size_t buckets = 1;
      for (std::size_t i = 1; i < values.size(); ++i) buckets += bucket_of(values[i]) != bucket_of(values[i - 1]) ? 1U : 0U;
      if (buckets <= 256) break;
    }
    if (width == 1 || chosen == 0.0F) return chosen;
    const bool below = chosen < 0.0F;
    const std::int64_t bucket = bucket_of(chosen);
    const auto nearest = static_cast<std::uint32_t>(below ? (-bucket - 1) * width + 1 : bucket * width);  // to 0
    const auto a = static_cast<double>(std::bit_cast<float>(nearest));
    const auto b = static_cast<double>(std::bit_cast<float>(nearest + width - 1));
    return static_cast<float>((below ? -1.0 : 1.0) * 2.0 * a * b / (a + b));
  }
  struct Top {
    std::uint32_t key;
    float share;
  };
  /// The most frequent merchants, at most k of them.
  std::vector<Top> top_merchants(std::size_t k) const {
    std::map<std::uint32_t, std::size_t> times;
    for (const Payment& event : events)
      if (!event.merchant.empty()) ++times[static_cast<std::uint32_t>(hash_bytes(event.merchant) >> 32U)];
    std::vector<std::pair<std::uint32_t, std::size_t>> all(times.begin(), times.end());
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<Top> top;
    for (std::size_t i = 0; i < std::min(k, all.size()); ++i)
      top.push_back({all[i].first, static_cast<float>(static_cast<double>(all[i].second) / static_cast<double>(events.size()))});
    return top;
  }
  float top_share(std::size_t k) const {
    if (events.empty()) return missing;
    double share = 0.0;
    for (const Top& each : top_merchants(k)) share += std::round(static_cast<double>(each.share) * static_cast<double>(events.size()));
    return static_cast<float>(share / static_cast<double>(events.size()));
  }
  float last(std::size_t n) const {
    const auto values = amounts();
    return n <= values.size() ? static_cast<float>(values[values.size() - n]) : missing;
  }

 private:
  static std::size_t rank_of(std::uint64_t percent, std::size_t n) { return std::max<std::size_t>(1, (percent * n + 99) / 100); }

  static constexpr float missing = std::numeric_limits<float>::quiet_NaN();

  static double total(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += value;
    return sum;
  }
};

/// Everything that was fed, by card.
class PlainLog {
 public:
  explicit PlainLog(Duration lateness) : lateness_(lateness) {}

  bool takes(const Payment& payment) const {
    const auto newest = newest_.find(payment.card);
    return newest == newest_.end() || payment.at >= newest->second - lateness_;
  }
  void feed(const Payment& payment) {
    if (!takes(payment)) return;
    log_[payment.card].push_back(payment);
    newest_[payment.card] = newest_.count(payment.card) != 0 ? std::max(newest_[payment.card], payment.at) : payment.at;
  }

  PlainRange of(const Payment& payment, Duration span, Tail tail, Duration hop) const {
    const Time at = payment.at;
    const auto newest = newest_.find(payment.card);
    const bool late = newest != newest_.end() && at < newest->second;
    Time from = at - span;
    Time to = at;
    if (tail == Tail::hopping) {
      to = floored(at, hop);
      from = to - span;
    } else if (tail == Tail::sawtooth) {
      from = floored(from, hop);
      if (late) to = floored(at, hop);
    }
    PlainRange range{to - from, {}};
    const auto log = log_.find(payment.card);
    if (log == log_.end()) return range;
    for (const Payment& event : log->second)
      if (event.at >= from && event.at < to) range.events.push_back(event);
    std::stable_sort(range.events.begin(), range.events.end(), [](const Payment& a, const Payment& b) { return a.at < b.at; });
    return range;
  }

  /// Of all events before; `amounts`: else each counts as 1. NaN for a late event.
  double faded(const Payment& payment, Duration half_life, bool amounts) const {
    const auto newest = newest_.find(payment.card);
    if (newest == newest_.end()) return 0.0;
    if (payment.at < newest->second) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0.0;
    for (const Payment& event : log_.at(payment.card)) {
      if (event.at >= payment.at || (amounts && !is_usable(event.amount))) continue;
      const double lives = std::chrono::duration<double>(payment.at - event.at) / std::chrono::duration<double>(half_life);
      sum += (amounts ? event.amount : 1.0) * std::exp2(-lives);
    }
    return sum;
  }

 private:
  static Time floored(Time at, Duration hop) {
    const auto hops = static_cast<std::int64_t>(
        std::floor(static_cast<long double>(at.time_since_epoch().count()) / static_cast<long double>(hop.count())));
    return Time(hop * hops);
  }

  Duration lateness_;
  std::map<std::uint64_t, std::vector<Payment>> log_;
  std::map<std::uint64_t, Time> newest_;
};

}  // namespace rtml::testing
