#include "rtml/train/trigger.hpp"

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using rtml::every;
using rtml::never;
using rtml::Signal;
using rtml::Trigger;

namespace {

const double trigger_nan = std::numeric_limits<double>::quiet_NaN();

Signal psi() { return {.source = Signal::Source::distance, .name = "psi"}; }
Signal accuracy() { return {.source = Signal::Source::metric, .name = "accuracy"}; }

std::optional<std::string> why(const Trigger& trigger, std::vector<double> values, Trigger::Progress progress = {}) {
  Trigger::Memory memory(trigger);
  return trigger.evaluate(progress, values, memory);
}

bool fires(const Trigger& trigger, std::vector<double> values, Trigger::Progress progress = {}) {
  return why(trigger, std::move(values), progress).has_value();
}

}  // namespace

TEST_CASE("A trigger that was never given a condition never fires", "[train]") {
  CHECK_FALSE(fires(Trigger{}, {}, {.labels = 1'000'000, .time = 1000h}));
  CHECK(never().text() == "never");
  CHECK(never().signals().empty());
}

TEST_CASE("every(count) fires at the count and not one label before", "[train]") {
  CHECK_FALSE(fires(every(100), {}, {.labels = 99}));
  CHECK(fires(every(100), {}, {.labels = 100}));
}

TEST_CASE("every(period) fires when the period has passed in event time", "[train]") {
  CHECK_FALSE(fires(every(24h), {}, {.labels = 1'000'000, .time = 24h - 1us}));
  CHECK(fires(every(24h), {}, {.time = 24h}));
}

TEST_CASE("A comparison fires strictly beyond its level", "[train]") {
  CHECK(fires(psi() > 0.2, {0.21}));
  CHECK_FALSE(fires(psi() > 0.2, {0.2}));
  CHECK(fires(psi() >= 0.2, {0.2}));
  CHECK(fires(accuracy() < 0.9, {0.89}));
  CHECK_FALSE(fires(accuracy() < 0.9, {0.9}));
  CHECK(fires(accuracy() <= 0.9, {0.9}));
}

TEST_CASE("Nothing fires on a signal that nobody has measured, negated or not", "[train]") {
  CHECK_FALSE(fires(psi() > 0.2, {trigger_nan}));
  CHECK_FALSE(fires(psi() < 0.2, {trigger_nan}));
  CHECK_FALSE(fires(!(psi() > 0.2), {trigger_nan}));
  CHECK_FALSE(fires(psi() >= 0.2, {trigger_nan}));
  CHECK_FALSE(fires(psi() > 0.2 && accuracy() < 0.9, {trigger_nan, 0.1}));
  CHECK(fires(psi() > 0.2 || accuracy() < 0.9, {trigger_nan, 0.1}));
  CHECK_FALSE(fires(psi() > 0.2 || accuracy() < 0.9, {trigger_nan, 0.95}));
}

TEST_CASE("Combinations follow the truth table, whatever their nesting", "[train]") {
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      for (const bool c : {false, true}) {
        const std::vector<double> values{a ? 1.0 : 0.0, b ? 1.0 : 0.0, c ? 1.0 : 0.0};
        const auto yes = [] { return psi() > 0.5; };
        CAPTURE(a, b, c);
        CHECK(fires(yes() && yes() && yes(), values) == (a && b && c));
        CHECK(fires(yes() || (yes() && yes()), values) == (a || (b && c)));
        CHECK(fires((yes() || yes()) && !yes(), values) == ((a || b) && !c));
        CHECK(fires(!(yes() && (yes() || yes())), values) == !(a && (b || c)));
      }
}

TEST_CASE("never() is neutral in an or, and absorbs in an and", "[train]") {
  CHECK(fires(never() || every(1), {}, {.labels = 1}));
  CHECK(fires(every(1) || never(), {}, {.labels = 1}));
  CHECK_FALSE(fires(never() && every(1), {}, {.labels = 1}));
  CHECK_FALSE(fires(every(1) && never(), {}, {.labels = 1}));
}

TEST_CASE("A trigger says which condition fired, with its numbers", "[train]") {
  const Trigger trigger = psi() > 0.2 || accuracy() < 0.75;
  CHECK(why(trigger, {0.5, 0.9}) == "psi = 0.5 > 0.2");
  CHECK(why(trigger, {0.5, 0.5}) == "psi = 0.5 > 0.2, accuracy = 0.5 < 0.75");
  CHECK(why(every(24h) && !(psi() > 0.2), {0.0}, {.time = 48h}) == "2d passed, not (psi > 0.2)");
}

TEST_CASE("A trigger reads back as it was written", "[train]") {
  CHECK((every(1000) || (psi() > 0.2 && accuracy() < 0.9)).text() == "(every 1000 labels || (psi > 0.2 && accuracy < 0.9))");
  CHECK(every(90min).text() == "every 5400s");
  CHECK(every(rtml::days(7)).text() == "every 7d");
  CHECK((psi() > 0.2).held(3).text() == "(psi > 0.2) 3 times");
  CHECK((psi() > 0.2 || accuracy() < 0.9).held(90min).text() == "((psi > 0.2 || accuracy < 0.9)) for 5400s");
}

TEST_CASE("A condition that must hold for some evaluations fires at the last of them, and begins anew when it fails", "[train]") {
  const Trigger trigger = (psi() > 0.2).held(3);
  Trigger::Memory memory(trigger);
  const auto look = [&](double value) { return trigger.evaluate({}, std::vector<double>{value}, memory); };
  CHECK_FALSE(look(0.3));
  CHECK_FALSE(look(0.3));
  CHECK_FALSE(look(0.1));
  CHECK_FALSE(look(0.3));
  CHECK_FALSE(look(0.3));
  CHECK_FALSE(look(trigger_nan));  // what is not known breaks it too
  CHECK_FALSE(look(0.3));
  CHECK_FALSE(look(0.3));
  CHECK(look(0.4) == "psi = 0.4 > 0.2, 3 times");
  CHECK(look(0.4));
  memory.clear();
  CHECK_FALSE(look(0.4));
}

TEST_CASE("A condition that must hold for a time fires when it has, in event time", "[train]") {
  const Trigger trigger = (psi() > 0.2).held(1h);
  Trigger::Memory memory(trigger);
  const auto look = [&](rtml::Duration at, double value) {
    return trigger.evaluate({.time = at}, std::vector<double>{value}, memory).has_value();
  };
  CHECK_FALSE(look(1h, 0.3));
  CHECK_FALSE(look(2h - 1us, 0.3));
  CHECK(look(2h, 0.3));
  CHECK_FALSE(look(3h, 0.1));
  CHECK_FALSE(look(4h, 0.3));
  CHECK(look(5h, 0.3));
}

TEST_CASE("Held conditions are counted wherever they stand, each for itself", "[train]") {
  const Trigger trigger = ((psi() > 0.2).held(2) || (accuracy() < 0.9).held(3)) && !(psi() > 5.0).held(2);
  Trigger::Memory memory(trigger);
  const auto look = [&](double psi_now, double accuracy_now) {
    return trigger.evaluate({}, std::vector<double>{psi_now, accuracy_now, psi_now}, memory).has_value();
  };
  CHECK_FALSE(look(0.0, 0.8));
  CHECK_FALSE(look(0.3, 0.8));
  CHECK(look(0.0, 0.8));        // accuracy for the third time
  CHECK_FALSE(look(9.0, 1.0));  // psi once
  CHECK_FALSE(look(9.0, 1.0));  // twice, and too large for the second time
  CHECK(look(1.0, 1.0));
}

TEST_CASE("Evaluations and time of nothing are refused by name", "[train]") {
  CHECK_THROWS_WITH((psi() > 0.2).held(0), "Trigger::held: evaluations is 0, must be >= 1");
  CHECK_THROWS_WITH((psi() > 0.2).held(0s), "Trigger::held: time is 0, must be > 0");
  CHECK(never().held(3).never());
}

TEST_CASE("A period of nothing is refused by name", "[train]") {
  CHECK_THROWS_WITH(every(0), "every: labels is 0, must be > 0");
  CHECK_THROWS_WITH(every(0s), "every: period is 0, must be > 0");
}
