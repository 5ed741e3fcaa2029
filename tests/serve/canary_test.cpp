#include "rtml/serve/canary.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;
using Side = Canary::Side;
using Verdict = Canary::Verdict;

namespace {

struct Truth {
  double stable = 0.3;  ///< mean losses, 0 or 1
  double canary = 0.3;
  double share = 0.05;  ///< of the requests that the canary answers
  double broken = 0.0;  ///< share of the canary's answers that are not finite
  double slow = 0.0;    ///< share of the canary's answers that take 10 ms instead of 1 ms
};

/// Requests until there is a verdict or there were so many; every hour is easier or harder for both.
std::uint64_t run(Canary& canary, const Truth& truth, std::uint64_t requests, std::uint64_t seed) {
  Rng rng(seed);
  double hour = 0.0;
  for (std::uint64_t i = 0; i < requests; ++i) {
    if (i % 500 == 0) hour = 0.2 * rng.uniform() - 0.1;
    const bool is_canary = rng.uniform() < truth.share;
    const Side side = is_canary ? Side::canary : Side::stable;
    const bool broken = is_canary && rng.uniform() < truth.broken;
    const double took = is_canary && rng.uniform() < truth.slow ? 0.01 : 0.001;
    canary.predicted(side, broken ? std::numeric_limits<float>::quiet_NaN() : 0.5F, took);
    canary.labelled(side, rng.uniform() < (is_canary ? truth.canary : truth.stable) + hour ? 1.0 : 0.0);
    if (canary.verdict() != Verdict::watching) return i + 1;
  }
  return requests;
}

std::string said(const Canary& canary) { return canary.why(); }

}  // namespace

TEST_CASE("A bet keeps its level of error however often one looks, and sees a mean that is above 0", "[serve][simulation]") {
  int won = 0;
  int seen = 0;
  constexpr int runs = 2000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Rng rng(seed);
    detail::Bet none;
    detail::Bet some;
    for (int i = 0; i < 2000; ++i) {
      const double u = rng.uniform();
      none.update(u < 0.1 ? 0.9 : -0.1);  // mean 0, lopsided
      some.update(u < 0.2 ? 0.9 : -0.1);
    }
    won += none.won(0.05) ? 1 : 0;
    seen += some.won(0.05) ? 1 : 0;
  }
  CHECK(won <= 0.05 * runs + 3.0 * std::sqrt(0.05 * 0.95 * runs));
  CHECK(won > 0.002 * runs);  // it bets at all
  CHECK(seen == runs);
}

TEST_CASE("A new version that is no worse is rolled back within the budget, and mostly promoted", "[serve][simulation]") {
  int rolled_back = 0;
  int promoted = 0;
  constexpr int runs = 1000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Canary canary({.margin = 0.1, .slow = 0.005});
    run(canary, {.share = 0.1, .broken = 0.01, .slow = 0.01}, 40'000, seed);
    rolled_back += canary.verdict() == Verdict::roll_back ? 1 : 0;
    promoted += canary.verdict() == Verdict::promote ? 1 : 0;
  }
  CHECK(rolled_back <= 0.05 * runs + 3.0 * std::sqrt(0.05 * 0.95 * runs));
  CHECK(promoted > 0.9 * runs);
}

TEST_CASE("A new version that is worse by more than the margin is promoted within the budget", "[serve][simulation]") {
  int promoted = 0;
  int rolled_back = 0;
  constexpr int runs = 1000;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Canary canary({.margin = 0.03, .least_labels = 1});
    run(canary, {.canary = 0.33, .share = 0.2}, 20'000, seed);
    promoted += canary.verdict() == Verdict::promote ? 1 : 0;
    rolled_back += canary.verdict() == Verdict::roll_back ? 1 : 0;
  }
  CHECK(promoted <= 0.05 * runs + 3.0 * std::sqrt(0.05 * 0.95 * runs));
  CHECK(rolled_back > 0);
}

TEST_CASE("A worse version is rolled back soon, for what is wrong with it, with the numbers", "[serve]") {
  struct Defect {
    Truth truth;
    double most;  ///< mean number of requests until it is seen, a tenth of them the canary's
    const char* says;
  };
  for (const Defect& defect : {Defect{{.canary = 0.45, .share = 0.1}, 6000.0, "rolled back: loss 0."},
                               Defect{{.canary = 0.6, .share = 0.1}, 1500.0, "rolled back: loss 0."},
                               Defect{{.share = 0.1, .broken = 0.05}, 3500.0, "predictions were not finite, allowed is a share of 0.01"},
                               Defect{{.share = 0.1, .slow = 0.2}, 900.0, "predictions took longer than 0.005 s"}}) {
    double requests = 0.0;
    constexpr int runs = 40;
    int named = 0;
    for (std::uint64_t seed = 100; seed < 100 + runs; ++seed) {
      Canary canary({.slow = 0.005});
      requests += static_cast<double>(run(canary, defect.truth, 100'000, seed)) / runs;
      REQUIRE(canary.verdict() == Verdict::roll_back);
      named += said(canary).find(defect.says) != std::string::npos ? 1 : 0;
      CAPTURE(said(canary));
      CHECK(said(canary).find("(p <= 0.0") != std::string::npos);
    }
    CAPTURE(defect.says, requests);
    CHECK(named >= runs - 2);
    CHECK(requests < defect.most);
  }
}

TEST_CASE("A better version is promoted, and a verdict is final", "[serve]") {
  Canary canary({.least_labels = 300});
  run(canary, {.canary = 0.2, .share = 0.1}, 100'000, 1);
  REQUIRE(canary.verdict() == Verdict::promote);
  CHECK(canary.counts(Side::canary).losses.count() >= 300);
  CHECK(said(canary).find("promoted: loss 0.") == 0);
  for (int i = 0; i < 1000; ++i) canary.predicted(Side::canary, std::numeric_limits<float>::infinity());
  CHECK(canary.verdict() == Verdict::promote);
  CHECK(canary.counts(Side::canary).refused == 1000);
}

TEST_CASE("A difference that labels do not show ends undecided", "[serve]") {
  Canary canary({.margin = 1e-6, .least_labels = 10, .most_labels = 500});
  run(canary, {.share = 0.5}, 10'000, 3);
  CHECK(canary.verdict() == Verdict::undecided);
  CHECK(said(canary).find("undecided after 500 labels") == 0);
}

TEST_CASE("Losses of any size count within their bound, whichever side comes first", "[serve]") {
  Canary canary({.largest_loss = 2.0, .margin = 0.1, .least_labels = 1});
  for (int i = 0; i < 200; ++i) {
    canary.labelled(Side::canary, i % 2 == 0 ? 1e300 : std::numeric_limits<double>::quiet_NaN());
    canary.labelled(Side::canary, std::numeric_limits<double>::infinity());
    canary.labelled(Side::stable, -5.0);
  }
  CHECK(canary.verdict() == Verdict::roll_back);
}

TEST_CASE("Losses that are not finite are told, not left out of what a verdict follows from", "[serve]") {
  Canary canary;
  for (int i = 0; i < 200 && canary.verdict() == Verdict::watching; ++i) {
    canary.labelled(Side::canary, i % 2 == 0 ? 0.5 : std::numeric_limits<double>::infinity());
    canary.labelled(Side::stable, 0.5);
  }
  REQUIRE(canary.verdict() == Verdict::roll_back);
  const std::uint64_t finite = canary.counts(Side::canary).losses.count();
  CHECK(said(canary).starts_with("rolled back: loss 0.5 of " + std::to_string(finite) + " labels and not finite of " +
                                 std::to_string(finite) + " beside 0.5 of "));
}

TEST_CASE("However small a share is allowed, more than it is seen", "[serve]") {
  for (const double allowed : {1e-3, 1e-170, std::numeric_limits<double>::min()}) {
    CAPTURE(allowed);
    Canary canary({.most_refused = allowed});
    for (int i = 0; i < 100; ++i) canary.predicted(Side::canary, std::numeric_limits<float>::quiet_NaN());
    CHECK(canary.verdict() == Verdict::roll_back);
  }
}

TEST_CASE("A canary goes on after a restart as if there had been none", "[serve][archive]") {
  Canary canary({.slow = 0.005});
  run(canary, {.share = 0.3, .broken = 0.003}, 200, 7);
  Canary restored({.slow = 0.005});
  load(restored, save(canary));
  CHECK(run(canary, {.canary = 0.5}, 50'000, 8) == run(restored, {.canary = 0.5}, 50'000, 8));
  CHECK(canary.why() == restored.why());
  CHECK(save(canary) == save(restored));
  rtml::testing::check_archive(canary, Canary(), [](Canary& read) {
    run(read, {}, 20, 1);
    static_cast<void>(read.why());
  });
}

TEST_CASE("Canary refuses options that make no sense", "[serve][config]") {
  CHECK_THROWS_WITH(Canary({.alpha = 0.0}), "Canary: alpha is 0, must be in (0, 0.5]");
  CHECK_THROWS_AS(Canary({.largest_loss = std::numeric_limits<double>::infinity()}), ConfigError);
  CHECK_THROWS_AS(Canary({.margin = 2.0}), ConfigError);
  CHECK_THROWS_AS(Canary({.least_labels = 10, .most_labels = 5}), ConfigError);
  CHECK_THROWS_AS(Canary({.most_refused = 0.0}), ConfigError);
  CHECK_THROWS_AS(Canary({.slow = -1.0}), ConfigError);
  CHECK_THROWS_AS(Canary({.most_slow = 1.0}), ConfigError);
}
