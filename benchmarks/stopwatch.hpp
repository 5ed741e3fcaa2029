#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rtml_bench {

using Clock = std::chrono::steady_clock;

inline double nanoseconds(Clock::duration span) { return std::chrono::duration<double, std::nano>(span).count(); }

/// Thread CPU time of `work`, in nanoseconds.
template <class Work>
double thread_cpu_ns(Work work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
  };
  const double began = now();
  work();
  return now() - began;
}

/// What reading the clock costs by itself: the median distance of two readings.
inline double clock_cost_ns() {
  std::vector<double> costs(2001);
  for (double& cost : costs) {
    const auto begin = Clock::now();
    cost = nanoseconds(Clock::now() - begin);
  }
  std::nth_element(costs.begin(), costs.begin() + 1000, costs.end());
  return costs[1000];
}

/// Durations of single calls, without the clock's own cost; up to a bound, then the first ones stand for all.
class Latencies {
 public:
  explicit Latencies(std::size_t bound = std::size_t{1} << 21U) : bound_(bound), clock_(clock_cost_ns()) {}

  double clock_cost() const noexcept { return clock_; }

  void add(Clock::duration span) {
    if (samples_.size() < bound_) samples_.push_back(std::max(0.0, nanoseconds(span) - clock_));
  }

  /// In nanoseconds; 0 when there is nothing. Reorders the samples.
  double quantile(double q) {
    if (samples_.empty()) return 0.0;
    const auto at = samples_.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(samples_.size() - 1));
    std::nth_element(samples_.begin(), at, samples_.end());
    return *at;
  }

 private:
  std::size_t bound_;
  double clock_;
  std::vector<double> samples_;
};

}  // namespace rtml_bench
