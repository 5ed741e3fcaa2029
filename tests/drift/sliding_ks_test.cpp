#include "rtml/drift/sliding_ks.hpp"

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "rtml/drift/ks.hpp"

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::SlidingKs;
using rtml::testing::alarms_on;
using rtml::testing::gaussian_with_jump;

static_assert(rtml::ChangeDetector<SlidingKs>);

TEST_CASE("SlidingKs keeps the laws of a change detector, its reference learned or given", "[drift][laws]") {
  const auto values = gaussian_with_jump(3, 900, 500, 2.0);
  rtml::testing::check_detector(SlidingKs({.window = 40, .reference = 200}), values);
  const std::span<const double> all(values);
  rtml::testing::check_detector(SlidingKs(all.first(150), {.window = 40}), values);
}

TEST_CASE("SlidingKs has the statistic of the two-sample test after every value, for all sizes, with ties and without",
          "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 6u));
  for (const std::size_t size : {1U, 2U, 7U, 64U, 100U}) {
    for (const std::size_t window : {1U, 3U, 20U, 33U}) {
      for (const double grid : {0.0, 0.5, 2.0}) {
        CAPTURE(seed, size, window, grid);
        auto values = gaussian_with_jump(seed, 300, 200, 0.5);
        if (grid > 0.0)
          for (double& value : values) value = grid * std::floor(value / grid);
        const std::span<const double> all(values);
        // The least alpha that can alarm: at two samples that are apart. After it the window begins anew.
        const double alpha = rtml::drift::ks(std::vector<double>(size, 0.0), std::vector<double>(window, 1.0)).p_value;
        if (alpha == 1.0) continue;
        SlidingKs detector({.alpha = alpha, .window = window, .reference = size});
        std::size_t begin = size;
        for (std::size_t i = 0; i < values.size(); ++i) {
          const bool alarm = detector.update(values[i]) == Change::drift;
          const bool full = i + 1 >= begin + window;
          const double expected = full ? rtml::drift::ks(all.first(size), all.subspan(i + 1 - window, window)).statistic : 0.0;
          REQUIRE(alarm == (full && expected > 1.0 - 1e-12));
          if (alarm) begin = i + 1;
          if (alarm || !full) {
            REQUIRE(rtml::is_nan(detector.statistic()));
          } else {
            REQUIRE(detector.statistic() == Approx(expected).margin(1e-12));
          }
        }
      }
    }
  }
}

TEST_CASE("SlidingKs alarms on the first window whose exact p-value is at most alpha", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  const auto values = gaussian_with_jump(seed, 1500, 800, 0.9);
  const std::span<const double> all(values);
  SlidingKs detector({.alpha = 1e-3, .window = 30, .reference = 97});
  std::size_t expected = 97 + 29;
  while (rtml::drift::ks(all.first(97), all.subspan(expected - 29, 30)).p_value > 1e-3) ++expected;
  const auto alarms = alarms_on(detector, values).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() == expected);
  CHECK(detector.drift_age() == 30);
}

TEST_CASE("SlidingKs keeps its reference after an alarm: while the stream stays away, it alarms again", "[drift]") {
  SlidingKs detector({.alpha = 1e-6, .window = 50, .reference = 300});
  const auto alarms = alarms_on(detector, gaussian_with_jump(6, 1000, 500, 4.0)).drifts;
  REQUIRE(alarms.size() > 5);
  for (std::size_t i = 1; i < alarms.size(); ++i) CHECK(alarms[i] - alarms[i - 1] == 50);
}

TEST_CASE("SlidingKs sees a change of the variance, and no difference between equal streams", "[drift][property]") {
  const auto seed = GENERATE(range(1u, 6u));
  CAPTURE(seed);
  auto values = rtml::testing::gaussian(seed, 4000);
  SlidingKs still;
  CHECK(alarms_on(still, values).drifts.empty());
  for (std::size_t i = 2500; i < values.size(); ++i) values[i] *= 4.0;
  SlidingKs detector;
  const auto alarms = alarms_on(detector, values).drifts;
  REQUIRE(!alarms.empty());
  CHECK(alarms.front() >= 2500);
  CHECK(alarms.front() <= 2700);
}

TEST_CASE("SlidingKs learns its reference without an allocation, copied or not", "[drift]") {
  const auto values = rtml::testing::gaussian(2, 500);
  const SlidingKs fresh({.window = 20, .reference = 300});
  SlidingKs copy = fresh;
  const rtml::testing::AllocationCounter allocations;
  for (const double value : values) copy.update(value);
  CHECK(allocations.count() == 0);
}

TEST_CASE("SlidingKs says what it keeps, and forgets only what it learned", "[drift]") {
  const auto values = rtml::testing::gaussian(2, 500);
  SlidingKs learned({.window = 20, .reference = 100});
  SlidingKs given(std::span<const double>(values).first(100), {.window = 20});
  CHECK(learned.memory_bytes() > 100 * (8 + 8 + 24) + 20 * 4);
  alarms_on(learned, values);
  alarms_on(given, values);
  learned.reset();
  given.reset();
  for (std::size_t i = 0; i < 20; ++i) learned.update(values[i]), given.update(values[i]);
  CHECK(rtml::is_nan(learned.statistic()));
  CHECK(!rtml::is_nan(given.statistic()));
  CHECK(learned.critical() == given.critical());
}

TEST_CASE("SlidingKs names the option that is out of range", "[drift][config]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(SlidingKs({.alpha = 1.0}), "SlidingKs: alpha is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(SlidingKs({.window = 0}), "SlidingKs: window is 0, must be in [1, 1e6]");
  CHECK_THROWS_WITH(SlidingKs({.reference = 0}), "SlidingKs: reference is 0, must be in [1, 1e6] and reference * window <= 1e9");
  CHECK_THROWS_WITH(SlidingKs({.window = 1'000'000, .reference = 1001}),
                    "SlidingKs: reference is 1001, must be in [1, 1e6] and reference * window <= 1e9");
  CHECK_THROWS_WITH(SlidingKs({.reference = 1'000'001}),
                    "SlidingKs: reference is 1000001, must be in [1, 1e6] and reference * window <= 1e9");
  const std::vector<double> missing(100, nan);
  CHECK_THROWS_WITH(SlidingKs(missing, {}), "SlidingKs: reference value is nan, must be finite and at most 1e15");
}

TEST_CASE("SlidingKs refuses a window that could never alarm, and says which could", "[drift][config]") {
  // Two samples that are apart have the chance 2 / C(n + m, n): 2 / 7381 for 120 and 2, 2 / 302,621 for 120 and 3.
  CHECK_THROWS_WITH(SlidingKs({.window = 2, .reference = 120}),
                    "SlidingKs: window is 2, must be at least 3, as no shorter one can reach alpha");
  CHECK(SlidingKs({.window = 3, .reference = 120}).critical() <= 1.0);
  CHECK_THROWS_WITH(SlidingKs({.alpha = 0.0101, .window = 5, .reference = 1}),
                    "SlidingKs: window is 5, must be at least 198, as no shorter one can reach alpha");
  CHECK(SlidingKs({.alpha = 0.0101, .window = 198, .reference = 1}).critical() == 1.0);
  CHECK_THROWS_WITH(SlidingKs({.alpha = 1e-9, .window = 5, .reference = 1}),
                    "SlidingKs: alpha is 1e-09, must be larger, or reference, as no window can reach it");
}

TEST_CASE("a statistic reaches the critical one exactly when its p-value is at most alpha", "[drift][reference][simulation]") {
  for (const std::size_t n : {5U, 30U, 97U}) {
    for (const std::size_t m : {5U, 30U, 64U}) {
      for (const double alpha : {0.2, 0.01, 1e-5}) {
        CAPTURE(n, m, alpha);
        const double critical = rtml::drift::ks_critical(n, m, alpha);
        bool kept = true;
        for (std::size_t i = 0; i <= n; ++i) {
          for (std::size_t j = 0; j <= m; ++j) {  // samples with one cut, i of n and j of m below it
            std::vector<double> a(n, 1.0);
            std::vector<double> b(m, 1.0);
            for (std::size_t k = 0; k < i; ++k) a[k] = 0.0;
            for (std::size_t k = 0; k < j; ++k) b[k] = 0.0;
            const auto test = rtml::drift::ks(a, b);
            kept = kept && (test.p_value <= alpha) == (test.statistic > critical - 1e-12);
          }
        }
        CHECK(kept);
      }
    }
  }
  CHECK(rtml::drift::ks_critical(30, 30, 0.005) == Approx(14.0 / 30.0));  // 13 / 30 has 0.0070
  CHECK(rtml::drift::ks_critical(2, 2, 0.05) == 2.0);                     // the largest gap has 1 / 3
  CHECK(rtml::drift::ks_critical(0, 2, 0.05) == 2.0);
  CHECK(rtml::drift::ks_critical(100'000, 1'000, 0.05) == Approx(1.3581 * std::sqrt(1.01e5 / 1e8)).epsilon(1e-3));
}
