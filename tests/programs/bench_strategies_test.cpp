// The output contract of `rtml-bench strategies`, run as scripts run it.

#include <algorithm>
#include <map>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench strategies runs each of them over one stream, and says what it cost", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const rtml::testing::TemporaryFile page("");
  const auto ran = rtml::testing::run_program(
      program, "strategies --stream agrawal:n=8000,drift=abrupt --every 500 --rows 1000 --json --report " + page.path().string());
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["n"] == 8000);
  std::map<std::string, nlohmann::json> by_name;
  for (const auto& strategy : report["strategies"]) by_name[strategy["name"]] = strategy;
  REQUIRE(by_name.size() == 7);
  for (const auto& [name, strategy] : by_name) {
    CAPTURE(name);
    CHECK(strategy["metric"] > 0.3);
    CHECK(strategy["cpu_seconds"] > 0.0);
    CHECK(strategy["course"].size() == 16);
    CHECK(rtml::testing::text_of(page.path()).find(name) != std::string::npos);
  }
  CHECK(by_name["frozen"]["labels"] == 500);
  CHECK(by_name["frozen"]["retrains"] == 0);
  CHECK(by_name["continual"]["labels"] == 8000);
  CHECK(by_name["continual"]["metric"] > by_name["frozen"]["metric"]);
  CHECK(by_name["stateless cadence"]["retrains"] == 16);
  CHECK(by_name["sliding window"]["retrains"] > 100);
  CHECK(by_name["stateful cadence"]["labels"] < by_name["stateless cadence"]["labels"]);
}

TEST_CASE("rtml-bench strategies ends with 2 and one line that names what is wrong", "[programs][bad_input]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const auto& [arguments, named] :
       std::map<std::string, std::string>{{"", "--data or --stream"},
                                          {"--stream sea --every 0", "--every"},
                                          {"--stream sea:n=100 --label-delay 7d", "--label-delay"},
                                          {"--stream nope", "\"nope\""},
                                          {"--stream sea:n=100 --metric beauty", "\"beauty\", must be one of accuracy"},
                                          {"--stream sea:n=100 --learner nope", "\"nope\""}}) {
    const auto ran = rtml::testing::run_program(program, "strategies " + arguments);
    CAPTURE(arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.error.find(named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
