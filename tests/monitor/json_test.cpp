#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "example_report.hpp"
#include "rtml/monitor/render.hpp"
#include "support/catch.hpp"

using nlohmann::json;
using rtml::monitor::Report;
using rtml::testing::example_report;

TEST_CASE("The JSON of a report holds what the report holds", "[monitor][json]") {
  const Report report = example_report();
  const json read = json::parse(rtml::monitor::to_json(report));
  CHECK(read["title"] == "payments");
  CHECK(read["generated"] == "2020-09-13T12:26:40Z");
  CHECK(read["events"] == 45312);
  CHECK(read["labels"] == 45212);
  CHECK(read["severity"] == "attention");
  CHECK(read["task"] == "binary");
  CHECK(read["metrics"]["accuracy"] == 0.9034);
  CHECK(read["window_metrics"]["accuracy"] == 0.912);
  CHECK(read["baselines"]["no_change"]["accuracy"] == 0.8533);
  CHECK(read["baselines"]["majority"]["accuracy"] == 0.5754);
  CHECK(read["baselines"]["majority"]["log_loss"].is_null());
  CHECK(read["latency_ns"]["predict"]["p99"] == 2304);
  CHECK(read["latency_ns"]["label"]["p999"] == 1800);
  CHECK(read["memory_bytes"] == 1843200);
  REQUIRE(read["marks"].size() == 3);
  CHECK(read["marks"][1]["kind"] == "retrain");
  CHECK(read["marks"][1]["at"] == "2020-09-13T12:28:20Z");
  CHECK(!read["marks"][0].contains("at"));
  REQUIRE(read["arms"].size() == 2);
  CHECK(read["arms"][1]["name"] == "challenger");
  CHECK(read["arms"][1]["metrics"]["f1"] == 0.8);
  CHECK(read["arms"][1]["predictions"] == 4512);
  CHECK(read["counters"][0]["labels"]["reason"] == "not finite");
  CHECK(read["configuration"][0]["value"] == "drift:psi=0.2");
  CHECK(read["notes"][0] == "PSI uses ten bins at the reference's deciles.");
}

TEST_CASE("The JSON of a series is its points, every bit of them", "[monitor][json]") {
  const Report report = example_report();
  const json read = json::parse(rtml::monitor::to_json(report));
  const auto points = report.series[0].points();
  const json& series = read["series"][0];
  REQUIRE(series["events"].size() == points.size());
  REQUIRE(series["at"].size() == points.size());
  REQUIRE(series["values"].size() == points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(series["events"][i] == points[i].event);
    CHECK(series["at"][i] == rtml::to_unix_micros(points[i].at));
    if (points[i].value == points[i].value) {
      CHECK(series["values"][i].get<double>() == points[i].value);
    } else {
      CHECK(series["values"][i].is_null());
    }
  }
}

TEST_CASE("Features come in JSON by judgement, then by PSI, what is unknown last", "[monitor][json]") {
  Report report = example_report();
  report.features[1].psi = rtml::monitor::unknown;
  const json read = json::parse(rtml::monitor::to_json(report));
  REQUIRE(read["features"].size() == 5);
  CHECK(read["features"][0]["severity"] == "alarm");
  for (std::size_t i = 2; i < 4; ++i) CHECK(read["features"][i]["psi"] <= read["features"][i - 1]["psi"]);
  CHECK(read["features"][4]["psi"].is_null());
  CHECK(read["features"][0]["edges"][10].is_null());
  CHECK(read["features"][0]["reference"].size() == 10);
}

TEST_CASE("Hostile words come back from JSON as they were, what is not UTF-8 replaced", "[monitor][json]") {
  Report report;
  report.title = "</script><!-- \"quoted\" \\ back\n\ttab \x01 \x7f \xC3\xBC \xE6\xBC\xA2 \xF0\x9F\x98\x80";
  report.learner = std::string("bad \xff\xc0\x80 cut \xe2\x82") + '\0';
  const std::string text = rtml::monitor::to_json(report);
  const json read = json::parse(text);
  CHECK(read["title"] == report.title);
  CHECK(read["learner"] == std::string("bad \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD cut \xEF\xBF\xBD\xEF\xBF\xBD") + '\0');
  CHECK(text.find('<') == std::string::npos);
}

TEST_CASE("Surrogates, overlong forms and code points beyond Unicode are not UTF-8", "[monitor][json]") {
  for (const char* bytes :
       {"\xED\xA0\x80", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xC1\xBF"}) {
    Report report;
    report.title = bytes;
    CHECK(json::parse(rtml::monitor::to_json(report))["title"].get<std::string>().starts_with("\xEF\xBF\xBD"));
  }
  for (const char* bytes : {"\xED\x9F\xBF", "\xEE\x80\x80", "\xE0\xA0\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "\xC2\x80"}) {
    Report report;
    report.title = bytes;
    CHECK(json::parse(rtml::monitor::to_json(report))["title"] == bytes);
  }
}

TEST_CASE("What is not finite is null in JSON", "[monitor][json]") {
  Report report;
  const double infinity = std::numeric_limits<double>::infinity();
  report.metrics = {{"a", infinity, -infinity, rtml::monitor::unknown, 1e308}};
  const json read = json::parse(rtml::monitor::to_json(report));
  CHECK(read["metrics"]["a"].is_null());
  CHECK(read["window_metrics"]["a"].is_null());
  CHECK(read["baselines"]["no_change"]["a"].is_null());
  CHECK(read["baselines"]["majority"]["a"] == 1e308);
}

TEST_CASE("An empty report is valid JSON, and so is one whose clock ran wild", "[monitor][json]") {
  Report report;
  CHECK(json::parse(rtml::monitor::to_json(report))["marks"].empty());
  report.generated = rtml::Time::max();
  CHECK(json::parse(rtml::monitor::to_json(report))["generated"] == "");
  report.generated = rtml::Time::min();
  CHECK(json::parse(rtml::monitor::to_json(report))["generated"] == "");
  report.generated = rtml::Time(rtml::Duration(-1));
  CHECK(json::parse(rtml::monitor::to_json(report))["generated"] == "1969-12-31T23:59:59.999999Z");
}
