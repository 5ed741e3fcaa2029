#include "rtml/monitor/report.hpp"

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "example_report.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/monitor/render.hpp"
#include "support/catch.hpp"

using rtml::monitor::Counter;
using rtml::monitor::Mark;
using rtml::monitor::MarkLog;
using rtml::monitor::Report;

static_assert(rtml::Checkpointable<Report> && rtml::Checkpointable<Counter> && rtml::Checkpointable<MarkLog> &&
              rtml::Checkpointable<rtml::monitor::IncidentLog>);

TEST_CASE("A report comes back from its archive as it was", "[monitor][archive]") {
  const Report report = rtml::testing::example_report();
  Report restored;
  rtml::load(restored, rtml::save(report));
  CHECK(rtml::save(restored) == rtml::save(report));
  CHECK(rtml::monitor::to_json(restored) == rtml::monitor::to_json(report));
  CHECK(rtml::monitor::to_html(restored) == rtml::monitor::to_html(report));
}

TEST_CASE("A truncated archive of a report is refused at every byte", "[monitor][archive]") {
  const auto bytes = rtml::save(rtml::testing::example_report(1, 3, 2));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    Report report;
    CHECK_THROWS_AS(rtml::load(report, std::span(bytes).first(length)), rtml::FormatError);
  }
}

TEST_CASE("A report read from any archive that is accepted can be rendered", "[monitor][archive]") {
  const auto bytes = rtml::save(rtml::testing::example_report(1, 3, 2));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto flipped = bytes;
    flipped[at] ^= static_cast<std::byte>(1U << (at % 8));
    Report report;
    try {
      rtml::load(report, flipped);
    } catch (const rtml::FormatError&) {
      continue;
    }
    CHECK(rtml::monitor::to_html(report).ends_with("</html>\n"));
    CHECK(rtml::monitor::to_json(report).ends_with("}"));
  }
}

TEST_CASE("An archived history that is not of the report's features is refused", "[monitor][archive]") {
  Report report = rtml::testing::example_report(3, 0, 4);
  report.features.pop_back();
  Report restored;
  CHECK_THROWS_AS(rtml::load(restored, rtml::save(report)), rtml::FormatError);
  report = rtml::testing::example_report(3, 0, 4);
  report.history.alarms.pop_back();
  CHECK_THROWS_AS(rtml::load(restored, rtml::save(report)), rtml::FormatError);
}

TEST_CASE("An incident is completed by its number while it is kept, and the oldest make room", "[monitor]") {
  using rtml::monitor::Incident;
  rtml::monitor::IncidentLog log({.capacity = 3});
  for (std::uint64_t i = 0; i < 5; ++i) {
    Incident incident;
    incident.event = 100 + i;
    CHECK(log.add(incident) == i);
  }
  CHECK(log.dropped() == 2);
  CHECK(log.find(1) == nullptr);
  CHECK(log.find(5) == nullptr);
  REQUIRE(log.find(3) != nullptr);
  log.find(3)->action = Incident::Action::retrain;
  CHECK(log.incidents()[1].event == 103);
  CHECK(log.incidents()[1].action == Incident::Action::retrain);
  rtml::monitor::IncidentLog restored;
  rtml::load(restored, rtml::save(log));
  CHECK(restored.add({}) == 5);
  CHECK(log.add({}) == 5);
  CHECK(rtml::save(restored) == rtml::save(log));
}

TEST_CASE("An archived incident with an action that is none is refused, and so is a log with more than it may hold", "[monitor][archive]") {
  using rtml::monitor::Incident;
  Incident incident;
  incident.action = static_cast<Incident::Action>(4);
  Incident restored;
  CHECK_THROWS_AS(rtml::load(restored, rtml::save(incident)), rtml::FormatError);
  incident = {};
  incident.outcome = static_cast<Incident::Outcome>(3);
  CHECK_THROWS_AS(rtml::load(restored, rtml::save(incident)), rtml::FormatError);
  rtml::Writer writer;
  writer.header("IncidentLog", 1);
  writer(std::uint64_t{1}, std::vector<Incident>(2), std::uint64_t{0});
  rtml::monitor::IncidentLog log;
  CHECK_THROWS_AS(rtml::load(log, writer.bytes()), rtml::FormatError);
}

TEST_CASE("IncidentLog names the option that is out of range", "[monitor][config]") {
  CHECK_THROWS_WITH(rtml::monitor::IncidentLog({.capacity = 0}), "IncidentLog: capacity is 0, must be in [1, 65536]");
}

TEST_CASE("A mark log keeps the most recent marks and counts those that made room", "[monitor]") {
  MarkLog log({.capacity = 3});
  for (std::uint64_t i = 0; i < 5; ++i) log.add({i, rtml::Time{}, "drift", std::to_string(i)});
  REQUIRE(log.marks().size() == 3);
  CHECK(log.marks().front().event == 2);
  CHECK(log.marks().back().event == 4);
  CHECK(log.dropped() == 2);
  MarkLog restored;
  rtml::load(restored, rtml::save(log));
  restored.add({5, rtml::Time{}, "resume", ""});
  log.add({5, rtml::Time{}, "resume", ""});
  CHECK(rtml::save(restored) == rtml::save(log));
  CHECK(restored.dropped() == 3);
}

TEST_CASE("An archived mark log with more marks than it may hold is refused", "[monitor][archive]") {
  rtml::Writer writer;
  writer.header("MarkLog", 1);
  writer(std::uint64_t{1}, std::vector<Mark>(2), std::uint64_t{0});
  MarkLog log;
  CHECK_THROWS_AS(rtml::load(log, writer.bytes()), rtml::FormatError);
}

TEST_CASE("MarkLog names the option that is out of range", "[monitor][config]") {
  CHECK_THROWS_WITH(MarkLog({.capacity = 0}), "MarkLog: capacity is 0, must be in [1, 65536]");
  CHECK_THROWS_AS(MarkLog({.capacity = 65537}), rtml::ConfigError);
}

TEST_CASE("A counter loses nothing that threads add at once, and continues from its archive", "[monitor][threads]") {
  Counter counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&counter] {
      for (int i = 0; i < 10000; ++i) counter.add();
    });
  for (std::thread& thread : threads) thread.join();
  counter.add(2);
  CHECK(counter.load() == 40002);
  Counter restored;
  rtml::load(restored, rtml::save(counter));
  restored.add();
  CHECK(restored.load() == 40003);
  CHECK(counter.load() == 40002);
}
