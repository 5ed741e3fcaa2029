// The output contract of `rtml-bench forgetting`, run as scripts run it.

#include <algorithm>
#include <map>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench forgetting shows what each buffer saves, and the published shape of it", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const auto ran = rtml::testing::run_program(program, "forgetting --stream blobs:n=4000 --sizes 10,500 --seeds 3 --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["n"] == 4000);
  CHECK(report["classes"] == 10);
  CHECK(report["tasks"] == 5);
  std::map<std::string, nlohmann::json> by_name;
  for (const auto& row : report["rows"]) by_name[row["buffer"].get<std::string>() + " " + std::to_string(row["size"].get<int>())] = row;
  REQUIRE(by_name.size() == 14);  // six buffers of two sizes, none, joint
  for (const auto& [name, row] : by_name) {
    CAPTURE(name);
    CHECK(row["accuracy"] > 0.05);
    CHECK(row["accuracy"] < 1.0);
    CHECK(row["ns_per_example"] > 0.0);
    CHECK((row["bytes"] > 0) == (row["size"] > 0));
    CHECK((row["replayed"] > 0) == (row["size"] > 0));
  }
  CHECK(by_name["none 0"]["forgetting"] > 0.5);
  CHECK(by_name["joint 0"]["accuracy"] > by_name["reservoir 500"]["accuracy"]);
  CHECK(by_name["reservoir 500"]["forgetting"] < by_name["none 0"]["forgetting"]);
  CHECK(by_name["herding 10"]["accuracy"] > by_name["none 0"]["accuracy"]);
  CHECK(by_name["reservoir 500"]["bytes"] > by_name["reservoir 10"]["bytes"]);
  CHECK(report["published"]["tiny_reservoir_beats_none"] == true);
  CHECK(report["published"]["larger_reservoir_beats_tiny"] == true);
  CHECK(report["published"].contains("tiny_balanced_beats_reservoir"));
  CHECK(report["published"].contains("large_reservoir_beats_balanced"));
}

TEST_CASE("rtml-bench forgetting ends with 2 and one line that names what is wrong", "[programs][bad_input]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const auto& [arguments, named] : std::map<std::string, std::string>{{"--stream nope", "\"nope\""},
                                                                           {"--stream sea", "task is \"binary\", must be classes"},
                                                                           {"--data rows.csv", "--target"},
                                                                           {"--buffers cellar", "\"cellar\", must be one of reservoir"},
                                                                           {"--sizes 0", "size is 0"},
                                                                           {"--per-task 10", "classes is 10, must be below"},
                                                                           {"--ratio -1", "ratio is -1"},
                                                                           {"--seeds 0", "--seeds"},
                                                                           {"--stream blobs:n=5", "n is 5"},
                                                                           {"--learner logistic", "logistic"}}) {
    const auto ran = rtml::testing::run_program(program, "forgetting " + arguments);
    CAPTURE(arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.error.find(named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
