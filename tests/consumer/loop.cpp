// The whole loop over a struct of the host's own.
#include <chrono>
#include <cstdint>
#include <optional>
#include <rtml/rtml.hpp>
#include <string>

#include "check.hpp"

namespace {

struct Visit {
  rtml::Time at;
  std::string country;
  std::uint64_t visitor = 0;
  std::optional<double> seconds;
};

auto visit_features() {
  using namespace rtml;
  return feature_set<Visit>("visits-v1", &Visit::at, numeric("seconds", &Visit::seconds) | missing_indicator() | log1p() | standardize(),
                            category("country", &Visit::country), window("visits", &Visit::visitor, minutes(10), count()) | log1p());
}

/// What is to be learned.
bool bought(const Visit& visit) { return visit.country == "nl" && visit.seconds && *visit.seconds > 30.0; }

Visit random_visit(rtml::Rng& rng, std::uint64_t number) {
  Visit visit{.at = rtml::from_unix_seconds(static_cast<std::int64_t>(1'700'000'000 + number)),
              .country = rng.below(2) == 0 ? "nl" : "de",
              .visitor = rng.below(50),
              .seconds = 60.0 * rng.uniform()};
  if (rng.below(20) == 0) visit.seconds.reset();
  return visit;
}

}  // namespace

int main() {
  Check check;
  rtml::Loop<Visit> loop(visit_features(), rtml::LogisticRegression{});
  rtml::Rng rng(3);
  std::uint64_t right = 0;
  std::uint64_t positive = 0;
  constexpr std::uint64_t visits = 4000;
  for (std::uint64_t id = 0; id < visits; ++id) {
    const Visit visit = random_visit(rng, id);
    const rtml::Prediction prediction = loop.predict(id, visit);
    if (id >= visits / 2) {
      right += (prediction.label > 0.5F) == bought(visit) ? 1U : 0U;
      positive += bought(visit) ? 1U : 0U;
    }
    loop.label(id, bought(visit) ? 1.0F : 0.0F);
    loop.work();
  }
  const std::uint64_t baseline = visits / 2 - positive;
  std::printf("%u of %u are right, %u without learning\n", static_cast<unsigned>(right), static_cast<unsigned>(visits / 2),
              static_cast<unsigned>(baseline));
  check(right * 10 > visits / 2 * 9 && right > baseline, "the loop learned");

  const rtml::LoopCounters counters = loop.counters();
  check(counters.events == visits && counters.labels == visits && counters.learned == visits,
        "each event was served, labelled and learned");
  check(counters.refused_features == 0, "a missing number is no refusal");
  const Visit visit = random_visit(rng, visits);
  const rtml::Prediction served = loop.predict(visits, visit);
  check(loop.predict(visits, visit).status == rtml::Prediction::Status::repeated, "an id that was served gets its answer again");
  check(served.score >= 0.0F && served.score <= 1.0F, "a score is a probability");
  check(!rtml::monitor::to_json(loop.report()).empty(), "it reports");
  return check.exit_code();
}
