// The output contract of `rtml-bench soak`, run as scripts run it.

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench soak counts each request and each label once, and says what it took", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const auto ran = rtml::testing::run_program(program, "soak --minutes 0.02 --drift-every 20000 --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["lost"] == 0);
  CHECK(report["duplicated"] == 0);
  CHECK(report["events"] > 1000);
  CHECK(report["labels"] > 100);
  CHECK(report["publishes"] > 10);
  CHECK(report["predict_p99_first_ns"] > 0);
  CHECK(report["predict_p99_last_ns"] > 0);
  CHECK(report["rss_start_bytes"] > 1'000'000);
  CHECK(report["rss_end_bytes"] > 1'000'000);
  CHECK(rtml::testing::run_program(program, "soak --minutes 0").code == 2);
}

#endif
