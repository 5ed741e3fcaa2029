// The output contract of `rtml-bench versions`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

#include <algorithm>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

namespace {

const char* versions_program() { return rtml::testing::program_named("RTML_BENCH"); }

}  // namespace

TEST_CASE("rtml-bench versions --json prints one object with the keys of its contract", "[programs]") {
  const char* program = versions_program();
  if (program == nullptr) return;
  const auto ran = rtml::testing::run_program(program, "versions --bytes 20000 --hz 200 --seconds 0.2 --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  for (const char* key : {"predict_p99_idle_ns", "predict_p999_idle_ns", "predict_p99_swapping_ns", "predict_p999_swapping_ns", "swaps",
                          "rollback_p50_ns", "load_seconds", "predict_p99_loading_ns", "predict_p999_loading_ns"}) {
    CAPTURE(key);
    REQUIRE(report.contains(key));
    CHECK(report[key].is_number());
  }
  CHECK(report["bytes"] >= 20000);
  CHECK(report["swaps"] >= 1);
  CHECK(report["swaps"] <= 45);
  for (const char* key : {"after_rollback", "after_swap", "after_cold_swap"}) CHECK(report[key]["first_p50_ns"].is_number());
}

TEST_CASE("rtml-bench versions refuses wrong values with one line", "[programs]") {
  const char* program = versions_program();
  if (program == nullptr) return;
  for (const char* wrong : {"--bytes 1", "--hz 0", "--hz x", "--seconds 0", "--unknown 1"}) {
    CAPTURE(wrong);
    const auto ran = rtml::testing::run_program(program, std::string("versions ") + wrong);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
