#include "rtml/monitor/segments.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Rng;
using rtml::monitor::Segment;
using rtml::monitor::SegmentName;
using rtml::monitor::Segments;

static_assert(rtml::Checkpointable<Segments> && rtml::Sized<Segments>);

namespace {

std::string country(std::uint64_t number) { return "country-" + std::to_string(number); }

/// Labels of ten countries, of which number 3 errs at another rate.
void feed(Segments& segments, Rng& rng, int n, double rate, double rate_of_third) {
  for (int i = 0; i < n; ++i) {
    const std::uint64_t number = rng.below(10);
    segments.update(country(number), rng.uniform() < (number == 3 ? rate_of_third : rate) ? 1.0 : 0.0);
  }
}

const Segment* named(const std::vector<Segment>& rows, const std::string& name) {
  for (const Segment& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

TEST_CASE("A segment is judged against all the rest: rates, gap, Fisher's p and its correction, by hand",
          "[monitor][segments][reference]") {
  Segments segments({.window = 300, .least = 50});
  // a: 30 errors of 100; b: 10 of 100; c: 11 of 100.
  for (int i = 0; i < 100; ++i) {
    segments.update("a", i < 30 ? 1.0 : 0.0);
    segments.update("b", i < 10 ? 1.0 : 0.0);
    if (i < 99) CHECK(segments.judged().empty());
    segments.update("c", i < 11 ? 1.0 : 0.0);
  }
  REQUIRE(segments.windows() == 1);
  const auto rows = segments.judged();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].name == "a");
  CHECK(rows[0].labels == 100);
  CHECK(rows[0].metric.value == Approx(0.3));
  CHECK(rows[0].metric.low == Approx(0.21895).margin(1e-5));  // Wilson's
  CHECK(rows[0].gap == Approx(0.3 - 21.0 / 200.0));
  CHECK(rows[0].adjusted_p ==
        Approx(3.0 * 3.575242418008692e-05).epsilon(1e-9));  // P(X >= 30), where 51 of 300 are errors and 100 are drawn
  CHECK(rows[0].flagged);
  CHECK(rows[1].name == "c");
  CHECK(rows[1].adjusted_p > 0.5);
  CHECK_FALSE(rows[1].flagged);
  CHECK(segments.flagged() == 1);
}

TEST_CASE("Losses of any size are judged by Welch's test of their means, by hand", "[monitor][segments][reference]") {
  Segments segments({.window = 300, .least = 50});
  for (int i = 0; i < 100; ++i) {
    segments.update("a", i < 30 ? 2.0 : 0.0);
    segments.update("b", i < 10 ? 2.0 : 0.0);
    segments.update("c", i < 11 ? 2.0 : 0.0);
  }
  // t = 0.195 / sqrt(0.21 / 99 + 0.093975 / 199) = 3.829, 144.4 degrees of freedom; one-sided p = 9.555e-5, times three.
  CHECK(segments.judged()[0].adjusted_p == Approx(3.0 * 9.554844e-5).epsilon(1e-5));
}

TEST_CASE("A part that is always wrong is flagged where the rest never is, and not where all are nearly always wrong",
          "[monitor][segments]") {
  Segments one({.window = 1000, .least = 50});
  for (int i = 0; i < 1000; ++i) one.update(i % 10 == 0 ? "bad" : "good", i % 10 == 0 ? 1.0 : 0.0);
  CHECK(one.flagged() == 1);
  CHECK(one.judged()[0].name == "bad");

  Rng rng(5);
  int windows_with_one = 0;
  Segments many({.window = 1650, .least = 20});
  for (int window = 0; window < 200; ++window) {
    for (int i = 0; i < 1650; ++i) many.update(country(rng.below(30)), rng.uniform() < 0.92 ? 1.0 : 0.0);
    windows_with_one += many.flagged() > 0 ? 1 : 0;
  }
  CHECK(windows_with_one <= 8);  // 2 expected at alpha 0.01, at most
}

TEST_CASE("Without a worse segment one window in a hundred has a false flag, at most; a worse one is found",
          "[monitor][segments][property][simulation]") {
  int false_flags = 0;
  int found = 0;
  constexpr int windows = 600;
  for (const double rate : {0.02, 0.3}) {
    Rng rng(7);
    Segments alike({.window = 1000, .effect = 0.0});
    Segments third_is_worse({.window = 1000, .effect = 0.0});
    for (int window = 0; window < windows / 2; ++window) {
      feed(alike, rng, 1000, rate, rate);
      false_flags += alike.flagged() > 0 ? 1 : 0;
      feed(third_is_worse, rng, 1000, rate, rate + 0.25);
      found += third_is_worse.flagged() == 1 && third_is_worse.judged().front().name == country(3) ? 1 : 0;
    }
  }
  CHECK(false_flags <= 14);  // 6 expected of a test that holds its level, and three deviations more
  CHECK(found > windows * 9 / 10);
}

TEST_CASE("A gap that is significant but does not matter is not flagged, nor are few labels", "[monitor][segments]") {
  Rng rng(3);
  Segments strict({.window = 50'000, .effect = 0.05});
  feed(strict, rng, 50'000, 0.10, 0.13);
  CHECK(named(strict.judged(), country(3))->adjusted_p < 1e-4);
  CHECK(strict.flagged() == 0);
  Segments lax({.window = 50'000, .effect = 0.02});
  feed(lax, rng, 50'000, 0.10, 0.13);
  CHECK(lax.flagged() == 1);
  Segments few({.window = 1000, .least = 150});
  feed(few, rng, 1000, 0.0, 1.0);
  CHECK(few.flagged() == 0);
  CHECK(rtml::is_nan(named(few.judged(), country(3))->adjusted_p));
}

TEST_CASE("Frequent segments are told apart among very many, the others count as one, and nothing is lost", "[monitor][segments]") {
  Segments segments({.most = 8, .window = 10'000});
  Rng rng(5);
  for (int window = 0; window < 3; ++window) {
    for (int i = 0; i < 10'000; ++i) {
      const bool frequent = rng.uniform() < 0.8;
      segments.update(frequent ? country(rng.below(2)) : std::to_string(rng.below(1'000'000)), frequent ? 0.0 : 1.0);
    }
    const auto rows = segments.judged();
    CHECK(rows.size() <= 9);
    REQUIRE(named(rows, country(0)) != nullptr);
    REQUIRE(named(rows, country(1)) != nullptr);
    CHECK(named(rows, country(0))->labels > 3500);
    std::uint64_t labels = 0;
    for (const Segment& row : rows) labels += row.labels;
    CHECK(labels == 10'000);
    CHECK(rows.back().name == "(other)");
    CHECK(rows.back().metric.value == 1.0);
    CHECK(rtml::is_nan(rows.back().adjusted_p));
  }
}

TEST_CASE("Losses of any size have a mean and its interval", "[monitor][segments]") {
  Segments segments({.window = 2000});
  Rng rng(8);
  for (int i = 0; i < 1000; ++i) {
    segments.update("near", std::fabs(rng.normal()));
    segments.update("far", 2.0 + std::fabs(rng.normal()));
  }
  const auto rows = segments.judged();
  CHECK(rows[0].name == "far");
  CHECK(rows[0].flagged);
  CHECK(rows[0].metric.value == Approx(2.798).margin(0.06));
  CHECK(rows[0].metric.high - rows[0].metric.low == Approx(2.0 * 1.96 * 0.603 / std::sqrt(1000.0)).epsilon(0.1));
  CHECK(rows[1].gap == Approx(-rows[0].gap));
  Segments still({.window = 100, .least = 10});  // nothing varies
  for (int i = 0; i < 100; ++i) still.update(i % 2 == 0 ? "a" : "b", 0.0);
  CHECK(still.flagged() == 0);
  CHECK(still.judged()[0].adjusted_p == 1.0);
}

TEST_CASE("Names of segments are cut between characters, and compare as texts do", "[monitor][segments][bad_input]") {
  CHECK(SegmentName("NO").view() == "NO");
  CHECK(SegmentName("").view().empty());
  CHECK(SegmentName(std::string(40, 'x')).view() == std::string(31, 'x'));
  const std::string text = std::string(30, 'x') + "\xC3\xB8y";  // a character of two bytes across the limit
  CHECK(SegmentName(text).view() == std::string(30, 'x'));
  CHECK(SegmentName("NO") == SegmentName("NO"));
  CHECK_FALSE(SegmentName("NO") == SegmentName("N"));
  Segments segments;
  segments.update("NO", std::numeric_limits<double>::quiet_NaN());
  segments.update("NO", 1e300);
  CHECK(segments.windows() == 0);
  CHECK_THROWS_WITH(Segments({.most = 1}), "Segments: most is 1, must be in [2, 256]");
  CHECK_THROWS_WITH(Segments({.window = 10}), "Segments: window is 10, must be in [100, 10^8]");
  CHECK_THROWS_WITH(Segments({.alpha = 0.0}), "Segments: alpha is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Segments({.effect = -1.0}), "Segments: effect is -1, must be >= 0");
}

TEST_CASE("Segments last, go on as before, and allocate nothing", "[monitor][segments][archive]") {
  const Segments::Options options{.most = 4, .window = 200, .least = 20};
  Segments segments(options);
  const auto run = [](Segments& to, std::uint64_t seed) {
    Rng rng(seed);
    for (int i = 0; i < 450; ++i) {
      const std::string name(std::to_string(rng.below(rng.below(6) + 1)));
      const double loss = rng.uniform() < 0.3 ? 1.0 : 0.0;
      const rtml::testing::AllocationCounter counter;
      to.update(name, loss);
      const auto allocated = counter.count();
      REQUIRE(allocated == 0);
    }
  };
  Segments copy = segments;
  run(segments, 1);
  run(copy, 1);
  CHECK(rtml::save(copy) == rtml::save(segments));
  Segments loaded(options);
  rtml::load(loaded, rtml::save(segments));
  run(segments, 2);
  run(loaded, 2);
  CHECK(rtml::save(loaded) == rtml::save(segments));
  rtml::testing::check_archive(segments, Segments(options), [](Segments& read) {
    static_cast<void>(read.judged());
    for (int i = 0; i < 250; ++i) read.update(std::to_string(i % 7), 0.5);
  });
}
