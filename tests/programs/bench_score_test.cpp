// The output contract of `rtml-bench score`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

#include <algorithm>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench score --json prints one object of a linear model beside reading", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const auto ran = rtml::testing::run_program(program, "score --megabytes 2 --columns 64 --learner logistic --rounds 1 --json");
  REQUIRE(ran.code == 0);
  const auto json = nlohmann::json::parse(ran.out);
  CHECK(json["rows"] == 8192);
  CHECK(json["threads"] == 2);
  for (const char* key :
       {"score_gb_per_second", "one_by_one_gb_per_second", "read_gb_per_second", "score_of_read", "threads_ratio", "read_threads_ratio"})
    CHECK(json[key].get<double>() > 0.0);
}

TEST_CASE("rtml-bench score refuses options that make no sense", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const char* options : {"--columns 0", "--learner nonsense", "--threads none"}) {
    CAPTURE(options);
    const auto ran = rtml::testing::run_program(program, std::string("score --megabytes 1 ") + options);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
