#include "rtml/store/temporal_split.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>

#include "rtml/core/error.hpp"

namespace rtml {

namespace {

constexpr std::string_view type = "forward_chaining";
constexpr Duration longest = days(36500);

void check(std::span<const Time> event_times, std::span<const Time> label_times, const ForwardChaining& options) {
  require(type, "label_times", label_times.size(), label_times.size() == event_times.size(), "one for each event time");
  require(type, "event_times", event_times.size(), !event_times.empty(), "at least one");
  for (const Time at : event_times)
    require(type, "event time (us)", to_unix_micros(at), at.time_since_epoch() >= -longest && at.time_since_epoch() <= longest,
            "within 36500 days of 1970");
  require(type, "folds", options.folds, options.folds >= 1 && options.folds <= 1000, "in [1, 1000]");
  const auto is_length = [](Duration length) { return length > Duration(0) && length <= longest; };
  require(type, "test (us)", options.test.count(), is_length(options.test), "in (0, 36500 days]");
  require(type, "embargo (us)", options.embargo.count(), options.embargo == Duration(0) || is_length(options.embargo),
          "in [0, 36500 days]");
  if (options.train_on) require(type, "train_on (us)", options.train_on->count(), is_length(*options.train_on), "in (0, 36500 days]");
}

}  // namespace

std::vector<TemporalSplit> forward_chaining(std::span<const Time> event_times, std::span<const Time> label_times,
                                            const ForwardChaining& options) {
  check(event_times, label_times, options);
  std::vector<std::size_t> order(event_times.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return event_times[a] < event_times[b]; });
  const auto first_at = [&](Time at) {
    return std::partition_point(order.begin(), order.end(), [&](std::size_t row) { return event_times[row] < at; });
  };
  const Time oldest = event_times[order.front()];
  const Time end = event_times[order.back()] + Duration(1);

  std::vector<TemporalSplit> splits(options.folds);
  for (std::size_t fold = 0; fold < options.folds; ++fold) {
    TemporalSplit& split = splits[fold];
    split.test_end = end - static_cast<std::int64_t>(options.folds - 1 - fold) * options.test;
    split.test_begin = split.test_end - options.test;
    split.train_end = split.test_begin - options.embargo;
    split.train_begin = options.train_on ? split.train_end - *options.train_on : std::min(oldest, split.train_end);
    split.test.assign(first_at(split.test_begin), first_at(split.test_end));
    for (auto row = first_at(split.train_begin); row != first_at(split.train_end); ++row) {
      if (label_times[*row] < split.train_end) {
        split.train.push_back(*row);
      } else {
        ++split.purged;
      }
    }
    require(type, "training rows of split " + to_text(fold + 1), split.train.size(), !split.train.empty(),
            "at least one: fewer or shorter folds, or a shorter embargo");
  }
  return splits;
}

}  // namespace rtml
