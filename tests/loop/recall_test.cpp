// Concepts that come back: the model is started from what it once knew.

#include <string>
#include <vector>

#include "rtml/drift/signals.hpp"
#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::Data;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::LoopOptions;
using rtml::Start;

namespace {

constexpr std::size_t season = 4000;

/// Each of 400 traders is good or not, and in every other season the other way round: a season's truth takes long to learn.
std::vector<Trade> seasons(std::size_t n, std::uint64_t seed) {
  auto made = trades(n, seed);
  rtml::Rng rng(seed + 100);
  for (std::size_t i = 0; i < n; ++i) {
    made[i].trader = rng.below(400);
    const bool good = (made[i].trader * 2654435761U >> 7U) % 2 == 0;
    const bool turned = i / season % 2 == 1;
    made[i].good = (good != turned) == (rng.uniform() < 0.97) ? 1.0F : 0.0F;
  }
  return made;
}

LoopOptions options_of(Start start) {
  LoopOptions options;
  options.retrain = {
      .when = rtml::drift::adwin() > 0.0, .start = start, .on = Data::recent(std::size_t{20}), .min_samples = 20, .cooldown = 500};
  options.retrain.shelf = {.keep = 8, .every = 1000, .rows = 30};
  options.metric_window = 500;
  return options;
}

/// Share of right decisions in the first 700 rows of the third season, which is the first again.
double right_after_return(Start start, const std::vector<Trade>& rows, std::vector<LoopEvent>* events = nullptr) {
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options_of(start));
  run(loop, rows, 0, 2 * season);
  double right = 0.0;
  for (std::size_t i = 2 * season; i < 2 * season + 700; ++i) {
    right += loop.predict(i, rows[i]).label == rows[i].good ? 1.0 : 0.0;
    loop.label(i, rows[i].good);
    loop.work();
  }
  if (events != nullptr) *events = loop.events();
  return right / 700.0;
}

}  // namespace

TEST_CASE("What was known once comes back sooner from the shelf than by learning it again", "[loop][recall]") {
  double recalled = 0.0;
  double fresh = 0.0;
  double warm = 0.0;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const auto rows = seasons(2 * season + 700, seed);
    std::vector<LoopEvent> events;
    recalled += right_after_return(Start::recall, rows, &events) / 3.0;
    fresh += right_after_return(Start::fresh, rows) / 3.0;
    warm += right_after_return(Start::warm, rows) / 3.0;
    bool told = false;
    for (const LoopEvent& event : events)
      told = told || (event.kind == LoopEvent::Kind::retrain && event.event > 2 * season &&
                      event.detector.find("as it was before") != std::string::npos);
    CHECK(told);
  }
  CAPTURE(recalled, fresh, warm);
  CHECK(recalled > fresh + 0.05);
  CHECK(recalled > warm + 0.05);
}

TEST_CASE("A loop that recalls goes on after a restart to the same bits", "[loop][recall][state]") {
  const auto rows = seasons(2 * season + 600, 4);
  Loop<Trade> whole(trade_features(), LogisticRegression{}, options_of(Start::recall));
  const auto expected = run(whole, rows, 0, rows.size());
  const TemporaryFolder folder;
  LoopOptions options = options_of(Start::recall);
  options.state = folder.path();
  std::vector<float> scores;
  for (std::size_t from = 0; from < rows.size();) {
    const std::size_t to = from == 0 ? 5500 : rows.size();
    Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
    const auto more = run(loop, rows, from, to);
    scores.insert(scores.end(), more.begin(), more.end());
    loop.stop();
    from = to;
  }
  CHECK(scores == expected);
}
