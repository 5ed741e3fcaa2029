// The output contract of `rtml-bench checkpoint`, run as scripts run it. RTML_BENCH is the program; without it this is skipped.

#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench checkpoint --json has figures of both sides, and deltas that are small", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const auto ran = rtml::testing::run_program(program, "checkpoint --bits 14 --rounds 2 --folder /tmp --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["bytes"] > (1 << 14) * 16);
  CHECK(report["bytes"] < (1 << 14) * 16 + 4096);
  for (const char* name : {"save_seconds", "load_seconds", "raw_write_seconds", "raw_read_seconds", "load_cold_seconds",
                           "raw_read_cold_seconds", "map_seconds", "delta_save_seconds", "delta_load_seconds"})
    CHECK(report[name] > 0.0);
  CHECK(report["cold"].is_boolean());
  CHECK(report["delta_memory_bytes"] < (1 << 14) * 2);
}

TEST_CASE("rtml-bench checkpoint refuses wrong options with one line and code 2", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const char* arguments : {"checkpoint --bits 60", "checkpoint --folder /no/such/folder", "checkpoint --size 3"}) {
    const auto ran = rtml::testing::run_program(program, arguments);
    CAPTURE(arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find('\n') == ran.error.size() - 1);
  }
}

#endif
