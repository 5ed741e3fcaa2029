#include <limits>
#include <map>
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
  CHECK(read["generated"] == "2020-09-19T07:20:00Z");
  CHECK(read["events"] == 145312);
  CHECK(read["labels"] == 145212);
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
  REQUIRE(read["marks"].size() == 4);
  CHECK(read["marks"][1]["kind"] == "retrain");
  CHECK(read["marks"][1]["at"] == "2020-09-15T17:51:40Z");
  CHECK(!read["marks"][0].contains("at"));
  REQUIRE(read["arms"].size() == 2);
  CHECK(read["arms"][1]["name"] == "challenger");
  CHECK(read["arms"][1]["metrics"]["f1"] == 0.8);
  CHECK(read["arms"][1]["predictions"] == 4512);
  CHECK(read["counters"][0]["labels"]["reason"] == "not finite");
  CHECK(read["configuration"][0]["value"] == "drift:psi=0.2");
  CHECK(read["notes"][0] == "Windows of the amount fill up in the first hour.");
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

TEST_CASE("Features come in JSON by alarm, then by effect, what is unknown last", "[monitor][json]") {
  Report report = example_report();
  report.features[4].alarmed = false;
  report.features[4].effect = rtml::monitor::unknown;
  const json read = json::parse(rtml::monitor::to_json(report));
  REQUIRE(read["features"].size() == 5);
  CHECK(read["features"][0]["alarmed"] == true);
  for (std::size_t i = 1; i < 4; ++i) {
    const json& before = read["features"][i - 1];
    const json& feature = read["features"][i];
    CHECK(before["alarmed"] >= feature["alarmed"]);
    if (before["alarmed"] == feature["alarmed"]) CHECK(before["effect"] >= feature["effect"]);
  }
  CHECK(read["features"][4]["effect"].is_null());
}

TEST_CASE("The JSON of drift holds the budget, and of every feature all that the report holds", "[monitor][json]") {
  const Report report = example_report(1000, 0);
  const json read = json::parse(rtml::monitor::to_json(report));
  CHECK(read["drift"]["false_alarms_per_row"] == 1e-6);
  CHECK(read["drift"]["expected_false_alarms"] == 0.12);
  CHECK(read["drift"]["least_effect"] == 0.05);
  CHECK(read["drift"]["reference_rows"] == 20000);
  CHECK(read["drift"]["window_rows"] == json({2000, 10000}));
  CHECK(read["drift"]["configuration"] == "9f3ac14be27705d1");
  CHECK(read["drift"]["assumptions"].size() == 1);
  CHECK(read["drift"]["window_ends"].size() == 60);
  CHECK(read["drift"]["window_ends"][59] == 140000);
  REQUIRE(read["features"].size() == 1000);
  std::map<std::string, json> by_name;
  for (const json& feature : read["features"]) by_name[feature["name"]] = feature;
  REQUIRE(by_name.size() == 1000);
  for (std::size_t f = 0; f < report.features.size(); f += 37) {
    const auto& feature = report.features[f];
    const json& one = by_name.at(feature.name);
    CAPTURE(feature.name);
    CHECK(one["kind"] == name_of(feature.kind));
    CHECK(one["effect"] == feature.effect);
    CHECK(one["effect_edge"] == feature.effect_edge);
    CHECK(one["psi"] == feature.psi);
    CHECK(one["psi_null"] == feature.psi_null);
    CHECK(one["adjusted_p"] == feature.adjusted_p);
    CHECK(one["alarmed"] == feature.alarmed);
    CHECK(one.contains("first_alarm_at") == (feature.alarms > 0));
    CHECK(one.contains("change") == feature.change.has_value());
    CHECK(one["reference"].size() == feature.reference.size());
    CHECK(one["categories"].size() == feature.categories.size());
    CHECK(one["quantiles"].size() == 7);
    REQUIRE(one["effects"].size() == 60);
    CHECK(one["effects"][3].is_null());
    std::size_t alarmed = 0;
    for (std::size_t w = 0; w < 60; ++w) {
      if (w != 3) CHECK(one["effects"][w].get<float>() == report.history.effects[f * 60 + w]);
      alarmed += report.history.alarms[f * 60 + w];
    }
    CHECK(one["alarmed_windows"].size() == alarmed);
  }
}

TEST_CASE("The JSON of performance, segments and incidents holds what the report holds", "[monitor][json]") {
  const Report report = example_report();
  const json read = json::parse(rtml::monitor::to_json(report));
  const json& performance = read["performance"];
  CHECK(performance["metric"] == "accuracy");
  CHECK(performance["alarm_level"] == 0.88);
  REQUIRE(performance["windows"].size() == 60);
  CHECK(performance["windows"][0]["realised"]["low"] == report.performance.windows[0].realised.low);
  CHECK(performance["windows"][59]["realised"]["value"].is_null());
  CHECK(performance["windows"][59]["estimated"]["high"] == report.performance.windows[59].estimated.high);
  CHECK(performance["detectors"][0]["last_alarm"] == 110000);
  CHECK(!performance["detectors"][1].contains("last_alarm"));
  CHECK(performance["coverage"][1]["age_seconds"] == 3600.0);
  CHECK(performance["delays"][1]["seconds"] == 72000.0);
  CHECK(read["segment_metric"] == "accuracy");
  CHECK(read["segments"][0]["flagged"] == true);
  CHECK(read["segments"][0]["metric"]["low"] == 0.784);
  REQUIRE(read["incidents"].size() == 3);
  CHECK(read["incidents"][0]["action"] == "retrain");
  CHECK(read["incidents"][0]["outcome"] == "promoted");
  CHECK(read["incidents"][0]["after"] == 0.913);
  CHECK(!read["incidents"][2].contains("action_event"));
  CHECK(read["incidents_dropped"] == 0);
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
