#include <atomic>
#include <thread>

#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::LogisticRegression;
using rtml::Loop;

TEST_CASE("Many threads predict and label while one learns, and nothing is lost", "[loop][threads]") {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 3000;
  const auto rows = trades(threads * each);
  const TemporaryFolder folder;
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.state = folder.path(), .checkpoint_every = 2000});
  loop.start();
  std::atomic<std::size_t> strange{0};
  std::vector<std::thread> hosts;
  for (std::size_t t = 0; t < threads; ++t)
    hosts.emplace_back([&, t] {
      for (std::size_t i = t; i < rows.size(); i += threads) {
        const auto prediction = loop.predict({static_cast<std::uint32_t>(t), i}, rows[i]);
        if (!(prediction.score >= 0.0F && prediction.score <= 1.0F)) ++strange;
        while (!loop.label({static_cast<std::uint32_t>(t), i}, rows[i].good)) std::this_thread::yield();
        if (i % 512 == 0) loop.score(rows[i]);
      }
    });
  std::thread watcher([&] {
    for (int i = 0; i < 20; ++i) {
      strange += loop.report().title.empty() ? 1 : 0;
      strange += loop.memory_bytes() == 0 ? 1 : 0;
    }
  });
  for (std::thread& host : hosts) host.join();
  watcher.join();
  loop.stop();
  CHECK(strange == 0);
  CHECK(loop.counters().events == rows.size());
  CHECK(loop.counters().labels == rows.size());
  CHECK(loop.counters().labels_unknown == 0);
  CHECK(loop.counters().checkpoints >= 2);
  for (std::uint32_t t = 0; t < threads; ++t) CHECK(loop.resume_offset(t) == rows.size() - threads + t + 1);
}

TEST_CASE("One id that many threads ask at once is served once", "[loop][threads]") {
  const auto rows = trades(500);
  Loop<Trade> loop(trade_features(), LogisticRegression{});
  std::vector<std::vector<float>> scores(3, std::vector<float>(rows.size()));
  std::vector<std::thread> hosts;
  for (auto& mine : scores)
    hosts.emplace_back([&] {
      for (std::size_t i = 0; i < rows.size(); ++i) mine[i] = loop.predict(i, rows[i]).score;
    });
  for (std::thread& host : hosts) host.join();
  loop.work();
  CHECK(loop.counters().events == rows.size());
  CHECK(loop.counters().repeated == 2 * rows.size());
  CHECK(scores[0] == scores[1]);
  CHECK(scores[0] == scores[2]);
}

TEST_CASE("A ring that is far too small for its threads loses predictions by count and never stalls", "[loop][threads]") {
  const auto rows = trades(4000);
  Loop<Trade> loop(trade_features(), LogisticRegression{}, {.pending = 4});
  loop.start();
  std::vector<std::thread> hosts;
  for (std::uint32_t t = 0; t < 3; ++t)
    hosts.emplace_back([&, t] {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        loop.predict({t, i}, rows[i]);
        loop.label({t, i}, rows[i].good);
      }
    });
  for (std::thread& host : hosts) host.join();
  loop.stop();
  const auto counters = loop.counters();
  CHECK(counters.events + counters.unobserved >= 3 * rows.size());  // a number drawn while a whole ring went by is drawn again
  CHECK(counters.labels + counters.labels_unknown + counters.labels_dropped == 3 * rows.size());
}
