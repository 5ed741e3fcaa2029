// What a host does around a loop: callbacks, clocks, allocation, odd times, and calls at the same moment.

#include <atomic>
#include <stdexcept>
#include <thread>

#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::LogisticRegression;
using rtml::Loop;
using rtml::LoopEvent;
using rtml::testing::AllocationCounter;

TEST_CASE("After warm-up a request allocates nothing: not to predict, repeat, score or label", "[loop]") {
  const auto rows = trades(6000);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.pending = 512});
  run(loop, rows, 0, 5000);
  loop.score(rows[5000]);
  const AllocationCounter counter;
  for (std::size_t i = 5000; i < 5400; ++i) {
    loop.predict(i, rows[i]);
    loop.predict(i, rows[i]);
    loop.score(rows[i]);
    loop.label(i, rows[i].good);
  }
  CHECK(counter.count() == 0);
}

TEST_CASE("The log sink gets a line for what the callback gets an event for", "[loop]") {
  std::vector<std::string> lines;
  std::vector<LoopEvent> events;
  rtml::LoopOptions options;
  options.retrain = {.when = rtml::every(400), .start = rtml::Start::fresh, .on = rtml::Data::recent(std::size_t{100})};
  options.log = [&](std::string_view line) { lines.emplace_back(line); };
  options.on_event = [&](const LoopEvent& event) { events.push_back(event); };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, trades(1000), 0, 1000);
  REQUIRE(events.size() == 2);
  REQUIRE(lines.size() == 2);
  CHECK(events[0].kind == LoopEvent::Kind::retrain);
  CHECK(events[0].fresh);
  CHECK(lines[0] == "event 400: retrain champion (400 labels, 100)");
  CHECK(loop.events().size() == 2);
}

TEST_CASE("A callback that throws is counted and stops nothing, checkpoints included", "[loop]") {
  const auto rows = trades(1200);
  const TemporaryFolder folder;
  rtml::LoopOptions options;
  options.retrain = {.when = rtml::every(300)};
  options.state = folder.path();
  options.on_event = [](const LoopEvent&) { throw std::runtime_error("the host's own"); };
  Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  run(loop, rows, 0, 1000);
  loop.checkpoint();
  run(loop, rows, 1000, 1200);
  CHECK(loop.counters().callback_failures == 5);
  CHECK(loop.counters().events == 1200);
}

TEST_CASE("The report is stamped by the clock that was injected", "[loop]") {
  rtml::LoopOptions options;
  options.clock = [] { return rtml::from_unix_seconds(1'234'567'890); };
  const Loop<Trade> loop(trade_features(), LogisticRegression{}, options);
  CHECK(loop.report().generated == rtml::from_unix_seconds(1'234'567'890));
}

TEST_CASE("One event from a far future expires no label but its own, and is counted", "[loop]") {
  auto rows = trades(2000);
  rows[700].at += rtml::days(25'000);
  rows[900].at = rtml::Time::max();
  rows[901].at = rtml::Time::min();
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.label_ttl = std::chrono::hours(1)});
  run(loop, rows, 0, rows.size());
  CHECK(loop.counters().labels + loop.counters().labels_expired == 2000);
  CHECK(loop.counters().labels_expired <= 1);  // the one from the far past
  CHECK(loop.counters().times_refused == 2);
}

TEST_CASE("History with labels that the task has not is refused by count, and teaches nothing", "[loop]") {
  const auto rows = trades(100);
  std::vector<float> labels;
  for (std::size_t i = 0; i < rows.size(); ++i) labels.push_back(i % 2 == 0 ? rows[i].good : 0.3F);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  loop.bootstrap(rows, labels);
  CHECK(loop.counters().learned == 50);
  CHECK(loop.counters().labels_refused == 50);
}

TEST_CASE("Requests, history, checkpoints and reports at the same moment all come to an end", "[loop][threads]") {
  const auto rows = trades(3000);
  std::vector<float> labels;
  for (const Trade& row : rows) labels.push_back(row.good);
  const TemporaryFolder folder;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.state = folder.path()});
  std::atomic<std::size_t> checkpoints{0};
  std::thread history([&] {
    for (int i = 0; i < 3; ++i) loop.bootstrap(rows, labels);
  });
  std::thread saving([&] {
    for (int i = 0; i < 10; ++i) checkpoints += loop.checkpoint().empty() ? 0U : 1U;
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    loop.predict(i, rows[i]);
    loop.label(i, rows[i].good);
    if (i % 64 == 0) loop.work();
  }
  history.join();
  saving.join();
  loop.work();
  CHECK(checkpoints == 10);
  CHECK(loop.counters().labels == rows.size());
}

TEST_CASE("stop() ends though requests go on, and the loop can be started again", "[loop][threads]") {
  const auto rows = trades(1000);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> served{0};
  loop.start();
  std::thread host([&] {
    for (std::uint64_t i = 0; !done; ++i) {
      loop.predict(i, rows[i % rows.size()]);
      loop.label(i, rows[i % rows.size()].good);
      ++served;
    }
  });
  while (served < 2000) std::this_thread::yield();
  loop.stop();
  loop.start();
  done = true;
  host.join();
  loop.stop();
  CHECK(loop.counters().events + loop.counters().unobserved >= served);
}
