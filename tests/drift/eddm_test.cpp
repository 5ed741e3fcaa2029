#include "rtml/drift/eddm.hpp"

#include <limits>
#include <vector>

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using rtml::Change;
using rtml::drift::Eddm;
using rtml::drift::Rules;
using rtml::testing::alarms_on;

static_assert(rtml::ChangeDetector<Eddm>);

namespace {

/// Errors `distance` values apart, `errors` times.
void add_errors(std::vector<double>& values, std::size_t errors, std::size_t distance) {
  for (std::size_t i = 0; i < errors * distance; ++i) values.push_back((i + 1) % distance == 0 ? 1.0 : 0.0);
}

}  // namespace

TEST_CASE("Eddm keeps the laws of a change detector", "[drift][laws]") {
  rtml::testing::check_detector(Eddm(), rtml::testing::bernoulli_with_jump(3, 3000, 1500, 0.1, 0.5));
  rtml::testing::check_detector(Eddm({.rules = Rules::moa}), rtml::testing::bernoulli_with_jump(3, 1500, 800, 0.1, 0.5));
}

TEST_CASE("Eddm warns, then alarms, when errors that were 10 values apart come closer", "[drift]") {
  std::vector<double> values;
  add_errors(values, 40, 10);
  add_errors(values, 40, 8);
  Eddm detector;
  std::size_t warned = 0;
  std::size_t alarmed = 0;
  for (std::size_t i = 0; i < values.size() && alarmed == 0; ++i) {
    const Change change = detector.update(values[i]);
    if (change == Change::warning && warned == 0) warned = i;
    if (change == Change::drift) alarmed = i;
  }
  CHECK(warned == 0);  // the spread of the distances makes up for their mean
  CHECK(alarmed == 0);
  add_errors(values, 400, 4);
  detector.reset();
  const auto alarms = alarms_on(detector, values);
  REQUIRE(!alarms.drifts.empty());
  CHECK(alarms.warnings > 0);
  CHECK(alarms.drifts.front() >= 720);
  CHECK(values[alarms.drifts.front()] == 1.0);
}

TEST_CASE("Eddm's first error is no distance by the paper, and is one by MOA's rules", "[drift]") {
  std::vector<double> values(500, 0.0);
  add_errors(values, 60, 5);
  Eddm paper;
  Eddm moa({.rules = Rules::moa});
  CHECK(alarms_on(paper, values).drifts.empty());
  CHECK(paper.mean_distance() == 5.0);
  CHECK(!alarms_on(moa, values).drifts.empty());  // errors after 505 values, then after 5
}

TEST_CASE("Eddm takes values from 0.5 on as errors, and refuses those outside [0, 1]", "[drift]") {
  Eddm detector;
  for (const double value : {0.6, 0.4, 0.5, 1.5, -0.1, 0.49, 1.0}) detector.update(value);
  CHECK(detector.refused() == 2);
  CHECK(detector.mean_distance() == 2.0);  // 0.6 | 0.4, 0.5 | 0.49, 1.0
}

TEST_CASE("Eddm names the option that is out of range", "[drift][config]") {
  CHECK(rtml::is_nan(Eddm().mean_distance()));
  CHECK_THROWS_WITH(Eddm({.warning = 1.0}), "Eddm: warning is 1, must be in (0, 1)");
  CHECK_THROWS_WITH(Eddm({.warning = 0.8, .drift = 0.9}), "Eddm: drift is 0.9, must be in (0, warning]");
  CHECK_THROWS_WITH(Eddm({.min_errors = 1}), "Eddm: min_errors is 1, must be >= 2");
  CHECK_THROWS_AS(Eddm({.drift = std::numeric_limits<double>::quiet_NaN()}), rtml::ConfigError);
}
