#include "rtml/drift/ecdd.hpp"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Ecdd;
using rtml::drift::Rules;
using rtml::testing::alarms_on;
using rtml::testing::bernoulli_with_jump;

static_assert(rtml::ChangeDetector<Ecdd>);

namespace {

/// Counts the subnormal numbers of a state.
struct SubnormalCounter {
  static constexpr bool reading = false;
  int count = 0;

  void header(const char*, int) {}
  void check(bool, const char*) {}
  template <class... T>
  void operator()(const T&... values) {
    (see(values), ...);
  }
  void see(double value) { count += std::fpclassify(value) == FP_SUBNORMAL ? 1 : 0; }
  template <class T>
  void see(const T&) {}
};

}  // namespace

TEST_CASE("Ecdd keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Ecdd(), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
  rtml::testing::check_detector(Ecdd({.rules = Rules::moa}), bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
}

TEST_CASE("Ecdd alarms and warns at the limits of the paper's table, term by term", "[drift][reference]") {
  const auto seed = GENERATE(range(1u, 16u));
  CAPTURE(seed);
  const auto values = bernoulli_with_jump(seed, 4000, 2000, 0.1 + 0.02 * seed, 0.5);
  Ecdd detector;
  double n = 0.0;
  double total = 0.0;
  double z = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    n += 1.0, total += values[i];
    z = 0.8 * z + 0.2 * values[i];
    const double p = total / n;
    const double limit = 3.97 - 6.56 * p + 48.73 * std::pow(p, 3) - 330.13 * std::pow(p, 5) + 848.18 * std::pow(p, 7);
    const double deviation = std::sqrt(0.2 / 1.8 * (1.0 - std::pow(0.8, 2.0 * n)) * p * (1.0 - p));
    Change expected = z > p + 0.5 * limit * deviation ? Change::warning : Change::none;
    if (z > p + limit * deviation) expected = Change::drift;
    if (n < 30.0) expected = Change::none;
    REQUIRE(detector.update(values[i]) == expected);
    if (expected == Change::drift) n = total = z = 0.0;
  }
}

TEST_CASE("Ecdd alarms falsely about once in 400 values, whatever the error rate", "[drift][property]") {
  const double rate = GENERATE(0.05, 0.1, 0.2, 0.3);
  CAPTURE(rate);
  Ecdd detector;
  const auto alarms = alarms_on(detector, bernoulli_with_jump(1, 400'000, 400'000, rate, rate)).drifts;
  CHECK(alarms.size() > 600);
  CHECK(alarms.size() < 1600);
}

TEST_CASE("Ecdd sees a large rise within a few values, and not a fall", "[drift]") {
  Ecdd detector;
  const auto values = bernoulli_with_jump(8, 1100, 1000, 0.05, 0.95);
  std::size_t found = 0;
  for (std::size_t i = 0; i < values.size() && found == 0; ++i) {
    const bool drift = detector.update(values[i]) == Change::drift;
    if (drift && i >= 1000) found = i;
  }
  CHECK(found >= 1000);
  CHECK(found <= 1008);
  CHECK(detector.drift_age() <= 8);
  Ecdd other;
  CHECK(alarms_on(other, bernoulli_with_jump(8, 3000, 1000, 0.5, 0.0)).drifts.empty());
}

TEST_CASE("Ecdd keeps no subnormal number, however long nothing is wrong", "[drift]") {
  Ecdd detector;
  detector.update(1.0);
  SubnormalCounter subnormal;
  for (int i = 0; i < 5'000; ++i) {
    detector.update(0.0);
    Ecdd::archive(std::as_const(detector), subnormal);
  }
  CHECK(subnormal.count == 0);
}

TEST_CASE("Ecdd names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(Ecdd().mean()));
  CHECK_THROWS_WITH(Ecdd({.lambda = 0.0}), "Ecdd: lambda is 0, must be in (0, 1)");
  CHECK_THROWS_WITH(Ecdd({.warning = 2.0}), "Ecdd: warning is 2, must be in (0, 1]");
  CHECK_THROWS_WITH(Ecdd({.min_samples = 1}), "Ecdd: min_samples is 1, must be >= 2");
  CHECK_THROWS_AS(Ecdd({.lambda = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
