#include "rtml/train/scheduler.hpp"

#include <chrono>
#include <vector>

#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using rtml::Retrain;
using rtml::RetrainScheduler;
using rtml::Time;

namespace {

Time hour(std::int64_t hours) { return Time(std::chrono::hours(hours)); }

rtml::Signal moved() { return {.source = rtml::Signal::Source::distance, .name = "psi"}; }

}  // namespace

TEST_CASE("No more retrainings start in a day of event time than the policy allows", "[train]") {
  RetrainScheduler scheduler({.when = rtml::every(1), .most_per_day = 2});
  const auto retrained = [&](Time at) {
    scheduler.count(at);
    if (!scheduler.due({})) return false;
    scheduler.done();
    return true;
  };
  CHECK(retrained(hour(0)));
  CHECK(retrained(hour(1)));
  CHECK_FALSE(retrained(hour(2)));
  CHECK_FALSE(retrained(hour(23)));
  CHECK(retrained(hour(24)));  // the first is a day old
  CHECK_FALSE(retrained(hour(24)));
  CHECK(retrained(hour(25)));
}

TEST_CASE("Labels of a model that was discarded are those of the next training, and no reason for one", "[train]") {
  RetrainScheduler scheduler({.when = rtml::every(10)});
  for (int i = 0; i < 13; ++i) scheduler.count(hour(i));
  CHECK(scheduler.due({}) == "13 labels");
  scheduler.done();
  CHECK(scheduler.untrained() == 0);
  for (int i = 0; i < 4; ++i) scheduler.count(hour(20));
  scheduler.discarded(13);
  CHECK(scheduler.untrained() == 17);
  CHECK(scheduler.labels_since() == 4);
  CHECK_FALSE(scheduler.due({}));
  CHECK(scheduler.labels() == 17);
  CHECK(scheduler.retrainings() == 1);
}

TEST_CASE("Time passes before 1970 too", "[train]") {
  RetrainScheduler scheduler({.when = rtml::every(2h), .most_per_day = 3});
  int retrainings = 0;
  for (int i = 0; i < 10; ++i) {
    scheduler.count(hour(i - 100'000));
    if (!scheduler.due({})) continue;
    ++retrainings;
    scheduler.done();
  }
  CHECK(retrainings == 3);  // at 2, 4 and 6 hours
}

TEST_CASE("Looks during a cooldown count for what must hold for a while", "[train]") {
  RetrainScheduler scheduler({.when = (moved() > 0.2).held(2), .cooldown = 5});
  const auto look = [&](double value) {
    scheduler.count(hour(0));
    return scheduler.due(std::vector<double>{value}).has_value();
  };
  CHECK_FALSE(look(1.0));
  CHECK(look(1.0));
  scheduler.done();
  for (int i = 0; i < 4; ++i) CHECK_FALSE(look(i < 3 ? 0.0 : 1.0));
  CHECK(look(1.0));  // the fifth label, the second time in a row
}

TEST_CASE("A scheduler goes on where it was, what held included", "[train][archive]") {
  const Retrain policy{.when = rtml::every(3) && (moved() > 0.2).held(2), .most_per_day = 3};
  RetrainScheduler scheduler(policy);
  const auto step = [](RetrainScheduler& of, int i) {
    of.count(hour(i));
    const bool due = of.due(std::vector<double>{i % 7 == 0 ? 0.0 : 1.0}).has_value();
    if (due) of.done();
    return due;
  };
  for (int i = 0; i < 11; ++i) step(scheduler, i);
  const auto saved = [](const RetrainScheduler& of) {
    rtml::Writer writer;
    writer(of);
    RetrainScheduler::archive_trigger(of, writer);
    return writer.take();
  };
  RetrainScheduler restored(policy);
  const auto bytes = saved(scheduler);
  rtml::Reader reader(bytes);
  reader(restored);
  RetrainScheduler::archive_trigger(restored, reader);
  reader.finish();
  int retrainings = 0;
  for (int i = 11; i < 60; ++i) {
    const bool due = step(scheduler, i);
    retrainings += due ? 1 : 0;
    CHECK(step(restored, i) == due);
  }
  CHECK(retrainings > 2);
  CHECK(saved(restored) == saved(scheduler));
  RetrainScheduler other({.when = rtml::every(3)});
  rtml::Reader again(bytes);
  again(other);
  CHECK_THROWS_AS(RetrainScheduler::archive_trigger(other, again), rtml::FormatError);
}
