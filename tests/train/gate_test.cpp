#include "rtml/train/gate.hpp"

#include <cmath>
#include <limits>

#include "rtml/metrics/loss.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using rtml::Gate;
using rtml::Time;
using rtml::Trial;
using Decision = Gate::Decision;

namespace {

Gate::Evidence evidence_of(std::uint64_t labels, double serving, double candidate) {
  return {.labels = labels, .serving = serving, .candidate = candidate, .gain = {}};
}

}  // namespace

TEST_CASE("A gate waits for its labels, then promotes what is better by more than the margin", "[train][gate]") {
  const Gate gate{.labels = 100, .margin = 0.1};
  CHECK(gate.decide(evidence_of(99, 1.0, 0.0)) == Decision::wait);
  CHECK(gate.decide(evidence_of(100, 1.0, 0.899)) == Decision::promote);
  CHECK(gate.decide(evidence_of(100, 1.0, 0.9)) == Decision::keep);
  CHECK(Gate{.labels = 1}.decide(evidence_of(1, 0.5, 0.5)) == Decision::keep);  // equal is not better
  CHECK_FALSE(static_cast<bool>(Gate{}));
}

TEST_CASE("A rule of the host's own replaces labels and margin", "[train][gate]") {
  const Gate gate{.rule = [](const Gate::Evidence& evidence) { return evidence.gain.mean() > 0.2 ? Decision::promote : Decision::wait; }};
  CHECK(static_cast<bool>(gate));
  Trial trial;
  trial.begin(0, Time(0s));
  trial.count(0.5, 0.4, 1.0);
  CHECK(gate.decide(trial.evidence()) == Decision::wait);
  trial.count(1.0, 0.4, 1.0);
  CHECK(gate.decide(trial.evidence()) == Decision::promote);
}

TEST_CASE("A trial judges what was served since it began and after the embargo", "[train][gate]") {
  Trial trial;
  CHECK_FALSE(trial.judges(0, Time(1h)));  // none has begun
  trial.begin(10, Time(5h));
  CHECK_FALSE(trial.judges(9, Time(6h)));
  CHECK_FALSE(trial.judges(10, Time(5h)));
  CHECK(trial.judges(10, Time(5h) + 1us));
}

TEST_CASE("The evidence is the mean loss of both, by weight", "[train][gate]") {
  Trial trial;
  trial.begin(0, {});
  trial.count(1.0, 0.5, 1.0);
  trial.count(2.0, 0.0, 3.0);
  trial.count(9.0, 9.0, 0.0);  // weighs nothing
  trial.count(std::numeric_limits<double>::quiet_NaN(), 1.0, 1.0);
  trial.count(1.0, std::numeric_limits<double>::infinity(), 1.0);
  CHECK(trial.evidence().labels == 2);
  CHECK(trial.evidence().serving == Approx((1.0 + 3.0 * 2.0) / 4.0));
  CHECK(trial.evidence().candidate == Approx(0.5 / 4.0));
  CHECK(trial.evidence().gain.mean() == Approx((0.5 + 6.0) / 2.0));
  trial.begin(5, {});
  CHECK(trial.evidence().labels == 0);
}

TEST_CASE("Losses are log loss, hinge loss of margins, and the absolute error of a regression", "[train][gate]") {
  using rtml::Outcome;
  using rtml::Task;
  CHECK(rtml::metrics::loss_of(Task::binary, Outcome::binary(0.8F, 1.0F)) == Approx(-std::log(0.8)));
  CHECK(rtml::metrics::loss_of(Task::binary, Outcome::binary(0.8F, 0.0F)) == Approx(-std::log(0.2)));
  CHECK(rtml::metrics::loss_of(Task::classes, Outcome::classes(0.25F, 1, 0)) == Approx(-std::log(0.25)));
  CHECK(rtml::metrics::loss_of(Task::regression, Outcome::regression(3.0F, 5.5F)) == Approx(2.5));
  CHECK(rtml::metrics::loss_of(Task::binary, Outcome::binary(0.25F, 1.0F, 0.0F), 0.0F) == Approx(0.75));
  CHECK(rtml::metrics::loss_of(Task::binary, Outcome::binary(0.25F, 0.0F, 0.0F), 0.0F) == Approx(1.25));
  CHECK(rtml::metrics::loss_of(Task::binary, Outcome::binary(1.5F, 1.0F, 0.0F), 0.0F) == 0.0);
}

TEST_CASE("A trial lasts, and a hostile one is refused", "[train][gate][archive]") {
  Trial trial;
  trial.begin(7, Time(3h));
  trial.count(1.0, 0.5, 2.0);
  Trial restored;
  rtml::load(restored, rtml::save(trial));
  CHECK(restored.evidence().labels == 1);
  CHECK(restored.judges(7, Time(4h)));
  rtml::testing::check_archive(trial, Trial(), [](Trial& read) {
    read.count(1.0, 0.5, 1.0);
    static_cast<void>(read.judges(8, Time(4h)));
  });
}

TEST_CASE("A gate's options are refused by name", "[train][gate][bad_input]") {
  CHECK_THROWS_WITH((Gate{.labels = 1, .margin = 1.0}.validate()), "Gate: margin is 1, must be in [0, 1)");
  CHECK_THROWS_WITH((Gate{.labels = 1, .embargo = -1s}.validate()), "Gate: embargo is -1000000, must be in [0, 3650 days]");
}
