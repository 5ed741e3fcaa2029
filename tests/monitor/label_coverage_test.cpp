#include "rtml/monitor/label_coverage.hpp"

#include <cstdint>
#include <limits>

#include "rtml/core/concepts.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::monitor::LabelCoverage;

static_assert(rtml::Checkpointable<LabelCoverage> && rtml::Sized<LabelCoverage>);

namespace {

rtml::Time second(std::int64_t count) { return rtml::from_unix_seconds(1'700'000'000 + count); }

}  // namespace

TEST_CASE("Labels are counted in the cohort of their prediction, young cohorts beside old ones", "[monitor][label_coverage]") {
  LabelCoverage coverage({.cohort = 10, .cohorts = 3});
  for (std::uint64_t key = 0; key < 25; ++key) coverage.predict(2 * key, second(static_cast<std::int64_t>(key)));
  for (const std::uint64_t key : {0U, 1U, 9U, 10U, 24U})
    coverage.label(2 * key, second(static_cast<std::int64_t>(key)), second(static_cast<std::int64_t>(key) + 60));
  REQUIRE(coverage.cohorts().size() == 3);
  CHECK(coverage.cohorts()[0].share() == 0.3);
  CHECK(coverage.cohorts()[1].share() == 0.1);
  CHECK(coverage.cohorts()[2].predictions == 5);
  CHECK(coverage.cohorts()[2].labelled == 1);
  CHECK(coverage.cohorts()[1].first == 20);
  CHECK(coverage.cohorts()[1].first_at == second(10));
  CHECK(coverage.cohorts()[1].last_at == second(19));
  CHECK(coverage.lapsed() == 0);
  for (std::uint64_t key = 25; key < 31; ++key) coverage.predict(2 * key, second(static_cast<std::int64_t>(key)));
  CHECK(coverage.cohorts().front().first == 20);
  CHECK(coverage.lapsed() == 7);
  coverage.label(4, second(2), second(90));  // of a cohort that is gone
  CHECK(coverage.labelled() == 6);
  CHECK(coverage.cohorts()[0].labelled == 1);
  coverage.predict(60, second(99));  // not later than the newest: left out
  CHECK(coverage.predictions() == 31);
}

TEST_CASE("Delays have quantiles, and what waits longer than 99 % of them did is overdue", "[monitor][label_coverage]") {
  LabelCoverage coverage({.cohort = 100, .cohorts = 64});
  CHECK(rtml::is_nan(coverage.delay(0.5)));
  CHECK(rtml::is_nan(coverage.due()));
  CHECK(coverage.overdue(second(1'000'000)) == 0);
  rtml::Rng rng(1);
  for (std::uint64_t key = 0; key < 4000; ++key) {
    const auto at = static_cast<std::int64_t>(key);
    coverage.predict(key, second(at));
    if (key < 3000 && key % 10 != 0) coverage.label(key, second(at), second(at + 1 + static_cast<std::int64_t>(rng.below(200))));
  }
  CHECK(coverage.delay(0.5) == Approx(100.0).margin(6.0));
  CHECK(coverage.delay(0.9) == Approx(180.0).margin(6.0));
  CHECK(coverage.due() == Approx(198.0).margin(4.0));
  // Of every cohort of the first 3000, 10 wait; of the last 1000 those that are older than 200 s wait too.
  CHECK(coverage.overdue(second(4000)) == 30 * 10 + 8 * 100);
  CHECK(coverage.overdue(second(3500)) == 30 * 10 + 3 * 100);

  LabelCoverage stated({.cohort = 100, .cohorts = 64, .due = rtml::Duration(std::chrono::seconds(50))});
  for (std::uint64_t key = 0; key < 1000; ++key) stated.predict(key, second(static_cast<std::int64_t>(key)));
  CHECK(stated.overdue(second(1000)) == 900);
  CHECK(stated.due() == 50.0);
}

TEST_CASE("A label known before its prediction waited 0, and times far away overflow nothing", "[monitor][label_coverage][bad_input]") {
  LabelCoverage coverage;
  coverage.predict(1, rtml::Time::max());
  coverage.label(1, rtml::Time::max(), rtml::Time::min());
  CHECK(coverage.delays().highest() == 0.0F);
  coverage.predict(2, rtml::Time::min());
  coverage.label(2, rtml::Time::min(), rtml::Time::max());
  CHECK(coverage.delays().highest() > 1e9F);
  CHECK(coverage.overdue(rtml::Time::max()) == 0);
  CHECK_THROWS_WITH(LabelCoverage({.cohort = 0}), "LabelCoverage: cohort is 0, must be in [1, 2^31]");
  CHECK_THROWS_WITH(LabelCoverage({.cohorts = 0}), "LabelCoverage: cohorts is 0, must be in [1, 65536]");
  CHECK_THROWS_WITH(LabelCoverage({.due = rtml::Duration(-1)}), "LabelCoverage: due is -1, must be >= 0");
}

TEST_CASE("Label coverage lasts, goes on as before, and allocates nothing", "[monitor][label_coverage][archive]") {
  const LabelCoverage::Options options{.cohort = 20, .cohorts = 6};
  LabelCoverage coverage(options);
  const auto feed = [](LabelCoverage& to, std::uint64_t from, std::uint64_t end) {
    for (std::uint64_t key = from; key < end; ++key) {
      to.predict(key, second(static_cast<std::int64_t>(key)));
      if (key % 3 == 0) to.label(key, second(static_cast<std::int64_t>(key)), second(static_cast<std::int64_t>(key + key % 50)));
    }
  };
  LabelCoverage copy = coverage;
  const rtml::testing::AllocationCounter counter;
  feed(coverage, 0, 1000);
  feed(copy, 0, 1000);
  CHECK(counter.count() == 0);
  CHECK(rtml::save(copy) == rtml::save(coverage));
  LabelCoverage loaded(options);
  rtml::load(loaded, rtml::save(coverage));
  feed(coverage, 1000, 1500);
  feed(loaded, 1000, 1500);
  CHECK(rtml::save(loaded) == rtml::save(coverage));
  rtml::testing::check_archive(coverage, LabelCoverage(options), [](LabelCoverage& read) {
    read.predict(~std::uint64_t{0}, second(9));
    read.label(5, second(9), second(10));
    static_cast<void>(read.overdue(second(10'000)));
  });
}
