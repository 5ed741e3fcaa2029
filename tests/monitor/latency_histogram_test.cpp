#include "rtml/monitor/latency_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using rtml::monitor::LatencyHistogram;

static_assert(rtml::Checkpointable<LatencyHistogram> && rtml::Mergeable<LatencyHistogram> && rtml::Sized<LatencyHistogram>);

namespace {

/// Durations over eight decades, as a heavy tail has them.
std::vector<std::uint64_t> heavy_tailed_durations(std::uint64_t seed, std::size_t count) {
  rtml::Rng rng(seed);
  std::vector<std::uint64_t> durations(count);
  for (auto& duration : durations) duration = static_cast<std::uint64_t>(std::exp(18.0 * rng.uniform() * rng.uniform() + 2.0));
  return durations;
}

LatencyHistogram histogram_of(const std::vector<std::uint64_t>& durations) {
  LatencyHistogram histogram;
  for (const std::uint64_t duration : durations) histogram.record(duration);
  return histogram;
}

}  // namespace

TEST_CASE("A latency quantile is never below the exact one and at most 1/64 above it", "[monitor][property]") {
  const auto seed = GENERATE(range(1u, 11u));
  std::vector<std::uint64_t> durations = heavy_tailed_durations(seed, 1000 + 137 * seed);
  const LatencyHistogram histogram = histogram_of(durations);
  std::sort(durations.begin(), durations.end());
  CAPTURE(seed);
  for (const double q : {0.001, 0.07, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(durations.size()) - 1e-6));
    const std::uint64_t exact = durations[rank - 1];
    const std::uint64_t found = histogram.quantile(q);
    CAPTURE(q, exact, found);
    CHECK(found >= exact);
    CHECK(static_cast<double>(found - exact) <= LatencyHistogram::relative_error * static_cast<double>(exact));
  }
  CHECK(histogram.quantile(1.0) == durations.back());
  CHECK(histogram.max() == durations.back());
}

TEST_CASE("Each duration alone is its own quantile within 1/64, at every power of two and beside it", "[monitor][property]") {
  for (unsigned bit = 0; bit < 40; ++bit)
    for (const std::int64_t beside : {-1, 0, 1}) {
      const std::uint64_t value = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(beside);
      if (value > LatencyHistogram::largest) continue;
      LatencyHistogram histogram;
      histogram.record(value);
      histogram.record(LatencyHistogram::largest);  // so that the maximum does not mend the quantile
      CAPTURE(value);
      CHECK(histogram.quantile(0.5) >= value);
      CHECK(histogram.quantile(0.5) <= value + value / 64);
    }
}

TEST_CASE("Durations below 128 ns are counted exactly", "[monitor]") {
  LatencyHistogram histogram;
  for (std::uint64_t value = 0; value < 128; ++value) histogram.record(value);
  for (std::uint64_t value = 0; value < 128; ++value) CHECK(histogram.quantile(static_cast<double>(value + 1) / 128.0) == value);
}

TEST_CASE("The quantile of 7 % of a hundred durations is the seventh", "[monitor]") {
  LatencyHistogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  CHECK(histogram.quantile(0.07) == 7);
  CHECK(histogram.quantile(0.071) == 8);
  CHECK(histogram.quantile(0.0) == 1);
  CHECK(histogram.quantile(-1.0) == 1);
  CHECK(histogram.quantile(2.0) == 100);
}

TEST_CASE("The mean latency is within 1/128 of the exact one", "[monitor]") {
  const std::vector<std::uint64_t> durations = heavy_tailed_durations(3, 5000);
  double sum = 0.0;
  for (const std::uint64_t duration : durations) sum += static_cast<double>(duration);
  const double exact = sum / static_cast<double>(durations.size());
  CHECK(std::abs(histogram_of(durations).mean() - exact) <= exact / 128.0);
}

TEST_CASE("A latency histogram that saw nothing says so", "[monitor]") {
  const LatencyHistogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.max() == 0);
  CHECK(std::isnan(histogram.mean()));
  CHECK(histogram.summary() == rtml::monitor::Latency{});
}

TEST_CASE("Durations beyond the range saturate and are counted; the maximum stays exact", "[monitor]") {
  LatencyHistogram histogram;
  histogram.record(LatencyHistogram::largest);
  CHECK(histogram.saturated() == 0);
  histogram.record(LatencyHistogram::largest + 1);
  histogram.record(~std::uint64_t{0});
  CHECK(histogram.saturated() == 2);
  CHECK(histogram.count() == 3);
  CHECK(histogram.max() == ~std::uint64_t{0});
  CHECK(histogram.quantile(1.0) == ~std::uint64_t{0});
}

TEST_CASE("Merged latency histograms are the histogram of all durations", "[monitor]") {
  const auto left = heavy_tailed_durations(1, 3000);
  auto right = heavy_tailed_durations(2, 1000);
  right.push_back(LatencyHistogram::largest + 7);
  LatencyHistogram merged = histogram_of(left);
  merged.merge(histogram_of(right));
  std::vector<std::uint64_t> all = left;
  all.insert(all.end(), right.begin(), right.end());
  CHECK(rtml::save(merged) == rtml::save(histogram_of(all)));
}

TEST_CASE("The summary of latencies is its quantiles", "[monitor]") {
  const LatencyHistogram histogram = histogram_of(heavy_tailed_durations(5, 4000));
  const rtml::monitor::Latency summary = histogram.summary();
  CHECK(summary.p50 == histogram.quantile(0.5));
  CHECK(summary.p99 == histogram.quantile(0.99));
  CHECK(summary.p999 == histogram.quantile(0.999));
  CHECK(summary.max == histogram.max());
  CHECK(summary.count == 4000);
}

TEST_CASE("No duration is lost when threads record at once and one reads", "[monitor][threads]") {
  LatencyHistogram histogram({.stripes = 2});  // fewer than threads: they share
  constexpr std::uint64_t each = 20000;
  {
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&histogram, t] {
        for (std::uint64_t i = 0; i < each; ++i) histogram.record(t * each + i);
      });
    std::uint64_t before = 0;
    for (int i = 0; i < 20; ++i) {
      const rtml::monitor::Latency seen = histogram.summary();
      CHECK(seen.count >= before);
      before = seen.count;
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(histogram.count() == 4 * each);
  CHECK(histogram.max() == 4 * each - 1);
}

TEST_CASE("A saved latency histogram continues as if it had not been saved, whatever the stripes", "[monitor][archive]") {
  LatencyHistogram original = histogram_of(heavy_tailed_durations(9, 2000));
  original.record(LatencyHistogram::largest + 5);
  LatencyHistogram restored({.stripes = 1});
  restored.record(3);
  rtml::load(restored, rtml::save(original));
  for (const std::uint64_t duration : heavy_tailed_durations(10, 500)) original.record(duration), restored.record(duration);
  CHECK(rtml::save(restored) == rtml::save(original));
  CHECK(restored.summary() == original.summary());
  CHECK(restored.saturated() == 1);
}

TEST_CASE("A copied or assigned latency histogram counts on its own", "[monitor]") {
  LatencyHistogram original({.stripes = 1});
  original.record(100);
  LatencyHistogram copy = original;
  LatencyHistogram assigned({.stripes = 8});
  assigned = original;
  copy.record(200);
  assigned.record(300);
  CHECK(original.count() == 1);
  CHECK(copy.max() == 200);
  CHECK(assigned.count() == 2);
  assigned.reset();
  CHECK(rtml::save(assigned) == rtml::save(LatencyHistogram()));
}

TEST_CASE("An archive of latencies that contradicts itself is refused", "[monitor][archive]") {
  const auto read = [](std::vector<std::uint32_t> cells, std::vector<std::uint64_t> counts, std::uint64_t saturated, std::uint64_t max) {
    rtml::Writer writer;
    writer.header("LatencyHistogram", 1);
    writer(cells, counts, saturated, max);
    LatencyHistogram histogram;
    rtml::load(histogram, writer.bytes());
    return histogram.count();
  };
  const std::uint64_t half = ~std::uint64_t{0} / 2 + 1;
  CHECK(read({5, 7}, {1, 2}, 0, 7) == 3);
  CHECK_THROWS_AS(read({5, 7}, {1}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({7, 5}, {1, 2}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({7, 7}, {1, 2}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({5, 70000}, {1, 2}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({5, 7}, {1, 0}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({5, 7}, {half, half}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({5, 7}, {1, 2}, 0, 8), rtml::FormatError);
  CHECK_THROWS_AS(read({5, 7}, {1, 2}, 1, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({}, {}, 0, 7), rtml::FormatError);
  CHECK_THROWS_AS(read({2239}, {2}, 3, ~std::uint64_t{0}), rtml::FormatError);
  CHECK_THROWS_AS(read({2239}, {2}, 0, ~std::uint64_t{0}), rtml::FormatError);
}

TEST_CASE("A truncated archive of latencies is refused at every byte", "[monitor][archive]") {
  const auto bytes = rtml::save(histogram_of(heavy_tailed_durations(4, 20)));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    LatencyHistogram histogram;
    CHECK_THROWS_AS(rtml::load(histogram, std::span(bytes).first(length)), rtml::FormatError);
  }
}

TEST_CASE("LatencyHistogram names the option that is out of range", "[monitor][config]") {
  CHECK_THROWS_WITH(LatencyHistogram({.stripes = 3}), "LatencyHistogram: stripes is 3, must be a power of two in [1, 64]");
  CHECK_THROWS_AS(LatencyHistogram({.stripes = 0}), rtml::ConfigError);
  CHECK_THROWS_AS(LatencyHistogram({.stripes = 128}), rtml::ConfigError);
}
