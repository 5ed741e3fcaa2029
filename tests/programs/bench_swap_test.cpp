// The output contract of `rtml-bench swap`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

#include <algorithm>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

TEST_CASE("rtml-bench swap --json prints one object, of both settings or of the one that is asked for", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const bool both : {true, false}) {
    const std::string setting = both ? "" : " --hz 200 --bytes 65536";
    const auto ran = rtml::testing::run_program(program, "swap --rounds 1 --seconds 0.2 --json" + setting);
    REQUIRE(ran.code == 0);
    const auto json = nlohmann::json::parse(ran.out);
    CHECK(json["bytes"] == (both ? 67108864 : 65536));
    CHECK(json.contains("small") == both);
    for (const char* key : {"predict_p99_idle_ns", "predict_p999_idle_ns", "predict_p99_swapping_ns", "predict_p999_swapping_ns"})
      CHECK(json[key].is_number());
    const auto& quick = both ? json["small"] : json;
    CHECK(quick["swaps"].get<int>() > 0);
    CHECK(quick["hz"] == (both ? 1000 : 200));
  }
}

TEST_CASE("rtml-bench swap refuses half a setting and sizes that make no sense", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  for (const char* options : {"--hz 10", "--bytes 4096", "--hz 0 --bytes 4096", "--hz 10 --bytes 1", "--hz ten --bytes 4096"}) {
    CAPTURE(options);
    const auto ran = rtml::testing::run_program(program, std::string("swap ") + options);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
