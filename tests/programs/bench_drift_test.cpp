// The output contract of `rtml-bench drift`, `drift-delay`, `monitor` and `distance`, run as scripts run them. RTML_BENCH is the program;
// without it these are skipped.

#include <algorithm>
#include <cmath>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

using rtml::testing::Ran;

namespace {

const char* drift_program() { return rtml::testing::program_named("RTML_BENCH"); }

nlohmann::json drift_report(const std::string& program, const std::string& arguments) {
  const Ran ran = rtml::testing::run_program(program, arguments);
  CAPTURE(arguments, ran.error);
  REQUIRE(ran.code == 0);
  return nlohmann::json::parse(ran.out);
}

/// 500 zeros, then 500 ones.
std::string step_of_values() {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += i < 500 ? "0\n" : "1\n";
  return text;
}

}  // namespace

TEST_CASE("rtml-bench drift --data --json tells where a detector warns and alarms in a file of values", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const rtml::testing::TemporaryFile file(step_of_values() + "\nnan\n");
  const auto report = drift_report(program, "drift --data " + file.path().string() + " --detector page_hinkley:threshold=5 --json");
  CHECK(report["n"] == 1001);
  CHECK(report["refused"] == 1);
  CHECK(report["warnings"].is_array());
  CHECK(report["updates_per_second"] > 0.0);
  REQUIRE(report["drifts"].size() >= 1);
  CHECK(report["drifts"][0] >= 500);
  CHECK(report["drifts"][0] < 530);
  CHECK(!report.contains("mtr"));  // nobody said where the file changes
  const auto limited = drift_report(program, "drift --data " + file.path().string() + " --detector adwin --limit 400 --json");
  CHECK(limited["n"] == 400);
  CHECK(limited["drifts"].empty());
}

TEST_CASE("rtml-bench drift --detector all scores every detector against the true changes, beside a dummy", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const auto report = drift_report(program, "drift --stream bernoulli:n=8000,rate=0.1,shift=0.2 --detector all --runs 2 --json");
  CHECK(report["n"] == 8000);
  CHECK(report["runs"] == 2);
  CHECK(report["changes"] == nlohmann::json::parse("[[2000,2000],[4000,4000],[6000,6000]]"));
  bool adwin = false;
  for (const auto& detector : report["detectors"]) {
    CAPTURE(detector["detector"].get<std::string>());
    for (const char* key : {"false_alarms", "missed", "mtr", "updates_per_second"}) CHECK(detector[key].is_number());
    CHECK(detector["missed"] <= 6);
    if (detector["detector"] != "adwin") continue;
    adwin = true;
    CHECK(detector["missed"] == 0);
    CHECK(detector["delay"] < 200.0);
  }
  CHECK(adwin);
  // Alarms at 99, 199, ...: 80 a run, three of which find the changes at 2000, 4000, 6000.
  CHECK(report["dummy"]["false_alarms"] == 154);
  CHECK(report["dummy"]["missed"] == 0);
  CHECK(report["dummy"]["delay"] == 99.0);
  CHECK(std::abs(report["dummy"]["mtr"].get<double>() - 16000.0 / 155.0 / 100.0) < 1e-9);
}

TEST_CASE("rtml-bench drift makes streams of each kind of drift, of values and of a learner's errors", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const auto changes = [&](const std::string& stream) {
    return drift_report(program, "drift --stream " + stream + " --detector ddm --json").value("changes", nlohmann::json::array());
  };
  CHECK(changes("gaussian:n=4000,drift=abrupt").dump() == "[[1000,1000],[2000,2000],[3000,3000]]");
  CHECK(changes("gaussian:n=4000,drift=recurring").dump() == "[[1000,1000],[2000,2000],[3000,3000]]");
  CHECK(changes("gaussian:n=4000,drift=gradual").dump() == "[[800,1200],[1800,2200],[2800,3200]]");
  CHECK(changes("gaussian:n=4000,drift=incremental").dump() == "[[750,1250],[1750,2250],[2750,3250]]");
  CHECK(changes("gaussian:n=4000,drift=none").empty());
  CHECK(changes("hyperplane:n=4000").empty());
  CHECK(changes("sea:n=4000").size() == 3);
  CHECK(changes("agrawal:n=4000,drift=gradual").size() == 3);
  const auto errors = drift_report(program, "drift --stream sea:n=4000 --learner majority --detector ddm --json");
  CHECK(errors["refused"] == 0);
  const auto one = drift_report(program, "drift --stream gaussian:n=4000 --detector page_hinkley --seed 3 --json");
  CHECK(one["drifts"] == drift_report(program, "drift --stream gaussian:n=4000 --detector page_hinkley --seed 3 --json")["drifts"]);
  CHECK(one["drifts"] != drift_report(program, "drift --stream gaussian:n=4000 --detector page_hinkley --seed 4 --json")["drifts"]);
}

TEST_CASE("rtml-bench drift counts the false alarms of a made stream without a change, and has no truth of one that moves all the time",
          "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  for (const std::string stream : {"bernoulli:n=4000,drift=none", "sea:n=4000,drift=none"}) {
    CAPTURE(stream);
    const auto report = drift_report(program, "drift --stream " + stream + " --detector ecdd --runs 2 --json");
    CHECK(report["false_alarms"] > 0);
    CHECK(report["missed"] == 0);
    CHECK(report["delay"].is_null());
    CHECK(report["mtr"].is_null());
    CHECK(report["changes"].dump() == "[]");
    CHECK(report["dummy"]["false_alarms"] == 80);
  }
  CHECK(!drift_report(program, "drift --stream hyperplane:n=4000 --detector ecdd --json").contains("false_alarms"));
  CHECK(rtml::testing::run_program(program, "drift --stream bernoulli:n=4000,drift=none --detector all").code == 0);
}

TEST_CASE("rtml-bench drift reads a file of values with a byte order mark and carriage returns as one without", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  std::string windows = "\xEF\xBB\xBF";
  for (const char c : step_of_values()) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const rtml::testing::TemporaryFile marked(windows);
  const rtml::testing::TemporaryFile plain(step_of_values());
  const auto report = [&](const rtml::testing::TemporaryFile& file) {
    return drift_report(program, "drift --data " + file.path().string() + " --detector adwin --json");
  };
  CHECK(report(marked)["n"] == 1000);
  CHECK(report(marked)["drifts"] == report(plain)["drifts"]);
}

TEST_CASE("rtml-bench monitor --budget --json prints speed and memory beside what is kept, of one distribution or of a list",
          "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const std::string few = "monitor --features 5 --budget 0.002 --runs 3 --reference 700 --json";
  const auto one = drift_report(program, few);
  CHECK(one["distribution"] == "gaussian");
  CHECK(one["rows_per_second"] > 0.0);
  CHECK(one["bytes_per_feature"] > 100.0);
  const auto all = drift_report(program, few + " --distribution all");
  REQUIRE(all["distributions"].size() == 6);
  for (const auto& result : all["distributions"])
    for (const char* key : {"rows_per_second", "bytes_per_feature", "alarm_rate", "any_alarm"}) CHECK(result[key].is_number());
}

TEST_CASE("rtml-bench distance --json prints statistic, p-value and effect of two files", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const rtml::testing::TemporaryFile reference("1\n2\n3\n4\n");
  const rtml::testing::TemporaryFile current("3\n4\n5\n6\n");
  const std::string files = "distance --reference " + reference.path().string() + " --current " + current.path().string();
  const auto report = drift_report(program, files + " --method ks --json");
  CHECK(report.size() == 3);
  CHECK(report["statistic"] == 0.5);
  CHECK(std::abs(report["p_value"].get<double>() - 0.7714285714285716) < 1e-9);  // scipy.stats.ks_2samp, exact
  CHECK(report["effect"] == 0.5);
  CHECK(drift_report(program, files + " --method psi:bins=2 --json")["statistic"] > 0.0);
}

TEST_CASE("rtml-bench drift-delay --json prints delays of each detector beside the oracle's, at one run length", "[programs]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const auto report = drift_report(program, "drift-delay --arl 200 --runs 20 --before 1000 --json");
  REQUIRE(report["streams"].size() == 2);
  for (const auto& stream : report["streams"]) {
    CHECK(stream["oracle"].size() == stream["shifts"].size());
    REQUIRE(stream["detectors"].size() >= 5);
    for (const auto& detector : stream["detectors"]) {
      CHECK(detector["arl"].is_number());
      CHECK(detector["arl_kept"] == (detector["arl_ci"][0] <= 200.0 && 200.0 <= detector["arl_ci"][1]));
      CHECK(detector["delays"].size() == stream["shifts"].size());
      for (const auto& delay : detector["delays"]) CHECK(delay["ratio"] > 0.0);
    }
  }
}

TEST_CASE("rtml-bench drift, drift-delay and distance end with 2 and one line that names what is wrong", "[programs][config]") {
  const char* program = drift_program();
  if (program == nullptr) return;
  const rtml::testing::TemporaryFile values("1\n2\n");
  const rtml::testing::TemporaryFile bad("1\nx\n");
  const rtml::testing::TemporaryFile empty("\n");
  struct Wrong {
    std::string arguments;
    std::string named;
  };
  const std::string data = "drift --data " + values.path().string();
  const std::string reference = "distance --reference " + values.path().string();
  for (const Wrong& wrong : {Wrong{"drift", "--data"},
                             Wrong{data, "--detector"},
                             Wrong{data + " --detector adwine", "adwine"},
                             Wrong{data + " --detector adwin:delta=2", "delta"},
                             Wrong{data + " --detector adwin --runs 3", "--runs"},
                             Wrong{data + " --detector adwin --bogus 1", "--bogus"},
                             Wrong{data + " --detector adwin --stream sea", "--stream"},
                             Wrong{"drift --data /no/such --detector adwin", "/no/such"},
                             Wrong{"drift --data " + bad.path().string() + " --detector adwin", "line 2"},
                             Wrong{"drift --data " + empty.path().string() + " --detector adwin", empty.path().string()},
                             Wrong{"drift --stream gauss --detector adwin", "bernoulli, gaussian, payments"},
                             Wrong{"drift --stream gaussian:drift=sudden --detector adwin", "sudden"},
                             Wrong{"drift --stream bernoulli:shift=0.5 --detector adwin", "shift"},
                             Wrong{"drift --stream sea --learner logistik --detector adwin", "logistik"},
                             Wrong{"drift --stream gaussian --learner logistik --detector adwin", "logistik"},
                             Wrong{data + " --learner logistik --detector adwin", "logistik"},
                             Wrong{"drift --stream gaussian:seed=3 --detector adwin", "--seed"},
                             Wrong{"drift --stream sea:seed=3 --detector adwin", "--seed"},
                             Wrong{"distance", "--reference"},
                             Wrong{reference, "--current"},
                             Wrong{reference + " --current " + values.path().string(), "--method"},
                             Wrong{reference + " --current " + values.path().string() + " --method kz", "kz"},
                             Wrong{reference + " --current " + bad.path().string() + " --method ks", "line 2"},
                             Wrong{"drift-delay --arl 1", "--arl"},
                             Wrong{"drift-delay --runs 1", "--runs"},
                             Wrong{"drift-delay --before 10", "--before"}}) {
    const Ran ran = rtml::testing::run_program(program, wrong.arguments);
    CAPTURE(wrong.arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find(wrong.named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
}

#endif
