// The contract of `rtml-loop`, run as scripts run it. RTML_LOOP is the program; without it these are skipped.

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "loop/support.hpp"
#include "program.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

using loop_test::TemporaryFolder;
using rtml::testing::Ran;
using rtml::testing::Running;
using rtml::testing::TemporaryFile;
using Json = nlohmann::json;

namespace {

const char* loop_program() { return rtml::testing::program_named("RTML_LOOP"); }
Ran run_loop(const std::string& program, const std::string& arguments) { return rtml::testing::run_program(program, arguments); }

Json report_of(const std::string& program, const std::string& arguments) {
  const Ran ran = run_loop(program, arguments + " --json");
  CAPTURE(arguments, ran.error);
  REQUIRE(ran.code == 0);
  return Json::parse(ran.out);
}

/// What does not depend on the clock, nor on how often the run was interrupted.
Json story(Json report) {
  for (const char* key : {"latency_ns", "events_per_second", "resumed_from", "memory_bytes", "precision_at_50_per_day"}) report.erase(key);
  return report;
}

/// Sales of shops, a minute apart, some of them bad rows; what sells turns round half way.
std::string sales(std::size_t n, bool turns = true) {
  rtml::Rng rng(3);
  std::string text = "at,shop,amount,kind,note,sold\n";
  for (std::size_t i = 0; i < n; ++i) {
    const double amount = 50.0 + 20.0 * rng.normal();
    const std::uint64_t kind = rng.below(4);
    const bool likely = ((amount > 55.0) != (kind == 2)) == (!turns || i < n / 2);
    text += std::to_string(1'700'000'000 + 60 * i) + ",s" + std::to_string(rng.below(30)) + "," + std::to_string(amount) + ",k" +
            std::to_string(kind) + ",n," + (likely == (rng.uniform() < 0.95) ? "1" : "0") + "\n";
    if (i % 500 == 250) text += "1,2\n";
  }
  return text;
}

std::string sales_arguments(const TemporaryFile& file) {
  return "--data " + file.path().string() + " --target sold --time at --entity shop --ignore note";
}

const std::string two_policies = " --retrain cadence:every=1500,data=recent,rows=1000 --retrain drift:adwin --rehearse reservoir:size=300";

/// Where a file of real rows lies, or an empty path: then the test is skipped, and says so.
std::string real_data(const std::string& name) {
  const char* folder = std::getenv("RTML_DATA");
  const auto path = (folder != nullptr ? std::filesystem::path(folder) : std::filesystem::path(RTML_SOURCE_DIR) / "../shared/data") / name;
  if (std::filesystem::exists(path)) return path.string();
  WARN("skipped: no " << path.string() << " (set RTML_DATA)");
  return {};
}

bool has_checkpoint(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".rtml") return true;
  return false;
}

}  // namespace

TEST_CASE("rtml-loop --json prints one object with the keys of its contract and nothing else", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const Ran ran = run_loop(program, "--limit 6000 --retrain cadence:every=2000,start=fresh --challenger naive_bayes --json");
  REQUIRE(ran.code == 0);
  CHECK(ran.error.empty());
  CHECK(ran.out.front() == '{');
  CHECK(ran.out.substr(ran.out.size() - 2) == "}\n");
  const auto report = Json::parse(ran.out);  // throws when anything follows the object

  for (const char* key : {"events", "labels", "resumed_from", "rejected", "memory_bytes"}) {
    CAPTURE(key);
    REQUIRE(report.contains(key));
    CHECK(report[key].is_number_unsigned());
  }
  CHECK(report["events"] == 6000);
  CHECK(report["labels"] == 6000);
  CHECK(report["resumed_from"] == 0);
  CHECK(report["rejected"] == 0);
  CHECK(report["memory_bytes"] > 1'000'000);
  CHECK(report["task"] == "binary");
  CHECK(report["learner"] == "logistic");
  CHECK(report["events_per_second"].is_number());
  CHECK(report["events_per_second"] > 0.0);

  for (const char* metric :
       {"accuracy", "kappa", "log_loss", "roc_auc", "average_precision", "precision", "recall", "f1", "false_positive_rate"}) {
    CAPTURE(metric);
    CHECK(report["metrics"][metric].is_number());
    CHECK(report["window_metrics"].contains(metric));
    CHECK(report["baselines"]["no_change"].contains(metric));
    CHECK(report["baselines"]["majority"].contains(metric));
  }
  CHECK(report["precision_at_50_per_day"].is_number());
  CHECK(report["baselines"]["no_change"]["accuracy"] < report["metrics"]["accuracy"]);

  REQUIRE(report["drifts"].is_array());
  REQUIRE_FALSE(report["drifts"].empty());  // windows fill up: their columns move
  for (const auto& drift : report["drifts"]) {
    CHECK(drift["event"].is_number_unsigned());
    CHECK(drift["what"].is_string());
    CHECK(drift["detector"].is_string());
    CHECK(drift["statistic"].is_number());
  }
  REQUIRE(report["retrains"].is_array());
  CHECK(report["retrains"].size() == 6);  // three by each of two arms
  for (const auto& retrain : report["retrains"]) {
    CHECK(retrain["event"].is_number_unsigned());
    CHECK(retrain["trigger"].is_string());
    CHECK(retrain["start"] == "fresh");
  }
  REQUIRE(report["arms"].size() == 2);
  for (const auto& arm : report["arms"]) {
    CHECK(arm["name"].is_string());
    CHECK(arm["predictions"].is_number_unsigned());
    CHECK(arm["metrics"]["accuracy"].is_number());
  }
  const std::uint64_t served =
      report["arms"][0]["predictions"].get<std::uint64_t>() + report["arms"][1]["predictions"].get<std::uint64_t>();
  CHECK(served == 6000);
  CHECK(report["arms"][1]["predictions"] < 1500);  // --split is a tenth of the units
  for (const char* what : {"predict", "label"})
    for (const char* quantile : {"p50", "p99", "p999"}) {
      CAPTURE(what, quantile);
      CHECK(report["latency_ns"][what][quantile].is_number_unsigned());
      CHECK(report["latency_ns"][what][quantile] > 0);
    }
  CHECK(report["latency_ns"]["predict"]["p50"] <= report["latency_ns"]["predict"]["p999"]);
}

TEST_CASE("rtml-loop infers the task, and has the metrics of each", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  std::string text = "x,colour,price\n";
  for (int i = 0; i < 900; ++i)
    text += std::to_string(i % 3) + ".5," + (i % 3 == 0 ? "red" : i % 3 == 1 ? "green" : "blue") + "," + std::to_string(i % 3) + ".25\n";
  const TemporaryFile file(text);
  const auto classes = report_of(program, "--data " + file.path().string() + " --target colour --ignore price");
  CHECK(classes["task"] == "classes");
  CHECK(classes["learner"] == "softmax");
  for (const char* metric : {"accuracy", "kappa", "log_loss", "macro_f1"}) CHECK(classes["metrics"][metric].is_number());
  CHECK(classes["metrics"]["accuracy"] > 0.9);
  const auto regression = report_of(program, "--data " + file.path().string() + " --target price --ignore colour --task regression");
  CHECK(regression["task"] == "regression");
  CHECK(regression["learner"] == "linear");
  for (const char* metric : {"mae", "rmse", "r2"}) {
    CHECK(regression["metrics"][metric].is_number());
    CHECK(regression["baselines"]["no_change"][metric].is_number());
    CHECK(regression["baselines"]["majority"][metric].is_number());
  }
  CHECK(regression["metrics"]["mae"] < 0.3);
}

TEST_CASE("rtml-loop without --json ends with a table and writes the report", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFolder folder;
  const std::string page = folder.path() + "/report.html";
  const Ran ran = run_loop(program, "--limit 3000 --report " + page);
  REQUIRE(ran.code == 0);
  for (const char* word : {"3000 events", "metric", "no-change", "majority", "kappa", "drifts", "predict p50"}) {
    CAPTURE(word);
    CHECK(ran.out.find(word) != std::string::npos);
  }
  CHECK(ran.error.find(page) != std::string::npos);
  const std::string html = rtml::testing::text_of(page);
  CHECK(html.find("<svg") != std::string::npos);
  CHECK(html.find("<script src") == std::string::npos);
}

TEST_CASE("rtml-loop runs where it cannot leave its report, and says so; one that was asked for it must leave", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() + "/report.html");  // a folder is in the report's place
  const std::string there = "cd " + folder.path() + " && " + program;
  const Ran ran = run_loop(there, "--stream sea --limit 500");
  CHECK(ran.code == 0);
  CHECK(ran.out.find("accuracy") != std::string::npos);
  CHECK(ran.error.find("--report: cannot write report.html") != std::string::npos);
  CHECK(run_loop(there, "--stream sea --limit 500 --report report.html").code == 2);
}

TEST_CASE("rtml-loop ends with 2 and one line that names what is wrong", "[programs][config]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFile file(sales(20));
  const TemporaryFile nothing("");
  const TemporaryFile header("x,y\n");
  const TemporaryFile one_label("x,y\n1,a\n2,a\n");
  const TemporaryFile unnamed("x,,y\n1,2,0\n2,3,1\n");
  const TemporaryFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::string csv = "--data " + file.path().string() + " --target sold";
  const std::string columns = ", only at, shop, amount, kind, note, sold";
  const std::string learners = "majority, no_change, mean, logistic, linear, bayesian_linear, softmax, one_vs_rest, naive_bayes, fm, ffm";
  struct Wrong {
    std::string arguments;
    std::string named;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {"--bogus 1", "--bogus"},
           {"extra", "extra"},
           {"--json --limit", "--limit"},
           {"--data " + file.path().string(), "--target"},
           {csv + " --stream sea", "--stream"},
           {"--stream sea --target sold", "--target"},
           {"--data /no/such.csv --target sold", "/no/such.csv"},
           {"--data " + nothing.path().string() + " --target sold", nothing.path().string()},
           {"--data " + file.path().string() + " --target nope", "\"nope\"" + columns},
           {csv + " --nominal kind,nope", "\"nope\"" + columns},
           {csv + " --ignore nope", "\"nope\"" + columns},
           {csv + " --time nope", "\"nope\"" + columns},
           {csv + " --time at --entity nope", "\"nope\"" + columns},
           {csv + " --entity shop", "--time"},
           {csv + " --task regresion", "regresion"},
           {"--stream see", "one of payments, sea, agrawal, hyperplane"},
           {"--stream sea:noise=200", "noise is 200"},
           {"--stream sea:nose=2", "\"nose\""},
           {"--stream sea --learner logistik", "\"logistik\", must be one of " + learners},
           {"--stream sea --challenger logistik", "\"logistik\", must be one of " + learners},
           {"--stream sea --learner logistic:l3=1", "\"l3\", must be one of"},
           {"--stream sea --learner linear", "task is \"binary\""},
           {"--stream sea --retrain never", "\"never\", must be one of none, continual, cadence, drift, metric"},
           {"--stream sea --retrain continual --retrain never", "\"never\""},
           {"--stream sea --retrain 'metric:accurcy<0.9'", "\"accurcy\", must be one of accuracy, kappa"},
           {"--stream sea --retrain 'metric:accurcy<0.9'", "--retrain"},
           {"--stream sea --retrain metric:accuracy", "\"accuracy\""},
           {"--stream sea --retrain drift:psi=high", "\"high\""},
           {"--stream sea --retrain drift:psy=1", "\"psy\", must be one of"},
           {"--stream sea --retrain cadence:every=soon", "\"soon\""},
           {"--stream sea --retrain cadence:every=0", "every"},
           {"--stream sea --retrain cadence:start=lukewarm", "\"lukewarm\", must be fresh, warm or recall"},
           {"--stream sea --retrain cadence:data=old", "\"old\", must be recent, new or rehearsal"},
           {"--stream sea --retrain cadence:data=rehearsal", "used with --rehearse"},
           {"--stream sea --rehearse cellar",
            "\"cellar\", must be one of reservoir, class_balanced, sliding, prioritized, decayed, herding"},
           {"--stream sea --rehearse decayed", "\"decayed\", must be used with --time"},
           {"--stream sea --rehearse reservoir:every=0", "every is 0"},
           {"--stream sea --rehearse reservoir:size=0", "size is 0"},
           {"--stream sea --rehearse reservoir:ratio=-1", "ratio is -1"},
           {"--stream sea --label-delay soon", "--label-delay: Delay: delay is \"soon\""},
           {"--stream sea --label-delay -5", "-5"},
           {"--stream sea --limit 0", "--limit"},
           {"--stream sea --limit -1", "--limit"},
           {"--stream sea --limit many", "--limit"},
           {"--stream sea --seed odd", "--seed"},
           {"--stream sea --split 2", "--split"},
           {"--stream sea --split half", "--split"},
           {"--stream sea --limit 5 --json --report /no/such/report.html", "/no/such/report.html"},
           {"--stream sea --limit 5 --report " + folder.path(), "--report: cannot write " + folder.path()},
           {"--stream sea --limit 5 --report " + file.path().string() + "/report.html", "--report: cannot write"},
           {"--stream sea --learner logistic:", "--learner: specification is \"logistic:\""},
           {"--stream sea --challenger logistic:", "--challenger: specification"},
           {"--stream sea: --limit 5", "--stream: specification"},
           {"--stream sea --retrain cadence:every=100,", "--retrain: specification"},
           {"--stream sea --rehearse reservoir:", "--rehearse: specification"},
           {"--stream sea --split 0.2", "--challenger"},
           {"--data " + header.path().string() + " --target y", header.path().string() + ": has no whole row"},
           {"--data " + one_label.path().string() + " --target y", one_label.path().string() + ": target is \"y\""},
           {"--data " + unnamed.path().string() + " --target y", unnamed.path().string() + ", line 1: column 2 has no name"},
           {"--data " + folder.path() + " --target y", folder.path() + ": is no regular file"},
           {"--data " + pipe + " --target y", pipe + ": is no regular file"},
           {"--data /dev/null --target y", "/dev/null: is no regular file"},
           {"--stream sea --limit 5 --state " + file.path().string(), file.path().string()},
       }) {
    const std::string report = wrong.arguments.find("--report") == std::string::npos ? " --report ''" : "";
    const Ran ran = run_loop("timeout 60 " + std::string(program), wrong.arguments + report);  // to wait for a pipe is to fail
    CAPTURE(wrong.arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find(wrong.named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
    CHECK(std::none_of(ran.error.begin(), ran.error.end(), [](char c) { return c != '\n' && c >= 0 && c < ' '; }));
  }
}

TEST_CASE("rtml-loop refuses columns that a made stream does not have", "[programs][config]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  for (const char* option : {"--time", "--nominal", "--ignore", "--entity"}) {
    const Ran ran = run_loop(program, std::string("--stream sea --limit 5 --json ") + option + " nope");
    CAPTURE(option, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find(option) != std::string::npos);
  }
}

TEST_CASE("rtml-loop --help explains every option", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const Ran help = run_loop(program, "--help");
  CHECK(help.code == 0);
  CHECK(help.error.empty());
  for (const char* option :
       {"--data", "--stream", "--target", "--task", "--time", "--entity", "--nominal", "--ignore", "--label-delay", "--learner",
        "--challenger", "--split", "--retrain", "--rehearse", "--state", "--report", "--limit", "--seed", "--json"}) {
    CAPTURE(option);
    CHECK(help.out.find(option) != std::string::npos);
  }
  CHECK(help.out.find('\0') == std::string::npos);
}

TEST_CASE("rtml-loop counts bad rows, names their lines, and goes on", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFile file(sales(1000));
  const std::string arguments = sales_arguments(file);
  const auto report = report_of(program, arguments);
  CHECK(report["events"] == 1000);
  CHECK(report["rejected"] == 2);
  const Ran table = run_loop(program, arguments + " --report ''");
  CHECK(table.out.find("2 rows or values rejected") != std::string::npos);
  CHECK(table.out.find("line 253: 2 fields, the header has 6") != std::string::npos);
}

TEST_CASE("rtml-loop stopped by --limit goes on from --state as if it had not been stopped", "[programs][state]") {
  const char* program = loop_program();
  if (program == nullptr) return;

  SECTION("on the embedded stream") {
    const TemporaryFolder folder;
    const std::string state = " --state " + folder.path();
    const auto whole = report_of(program, "--limit 9000" + two_policies);
    CHECK(report_of(program, "--limit 2500" + two_policies + state)["events"] == 2500);
    const auto middle = report_of(program, "--limit 6001" + two_policies + state);
    CHECK(middle["resumed_from"] == 2500);
    const auto resumed = report_of(program, "--limit 9000" + two_policies + state);
    CHECK(resumed["resumed_from"] == 6001);
    CHECK(resumed["events"] == 9000);
    CHECK_FALSE(resumed["retrains"].empty());
    CHECK(story(resumed) == story(whole));
    const auto again = report_of(program, "--limit 9000" + two_policies + state);
    CHECK(again["resumed_from"] == 9000);
    CHECK(story(again) == story(whole));
  }

  const TemporaryFile file(sales(4000));
  for (const char* delay : {"0", "100", "90m", "1d"}) {
    DYNAMIC_SECTION("on a CSV whose labels come after " << delay) {
      const TemporaryFolder folder;
      const std::string arguments = sales_arguments(file) + two_policies + " --challenger naive_bayes --label-delay " + delay;
      const auto whole = report_of(program, arguments);
      const std::string state = " --state " + folder.path();
      CHECK(report_of(program, arguments + state + " --limit 50")["events"] == 50);
      report_of(program, arguments + state + " --limit 1777");
      const auto resumed = report_of(program, arguments + state);
      CHECK(resumed["resumed_from"] == 1777);
      CHECK(story(resumed) == story(whole));
      CHECK(whole["events"] == 4000);
      CHECK(whole["labels"] == (delay == std::string("0")     ? 4000
                                : delay == std::string("100") ? 3900
                                : delay == std::string("90m") ? 3910
                                                              : 4000 - 1440));
    }
  }
}

TEST_CASE("rtml-loop holds its state folder while it runs, and after kill -9 goes on as if nothing had been", "[programs][state]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFolder folder;
  const std::string arguments = "--stream payments:n=1000000000 --retrain cadence:every=20000 --retrain none --label-delay 200";
  const std::string state = " --state " + folder.path();
  Running first(program, arguments + state + " --json");
  while (!has_checkpoint(folder.path()) && !first.ended()) ::poll(nullptr, 0, 1);  // as long as it takes
  REQUIRE(first.pause());

  const Ran refused = run_loop(program, arguments + state + " --json");
  CHECK(refused.code == 2);
  CHECK(refused.out.empty());
  CHECK(refused.error.find(folder.path()) != std::string::npos);
  CHECK(std::count(refused.error.begin(), refused.error.end(), '\n') == 1);

  first.kill();
  const auto kept = report_of(program, arguments + state + " --limit 1");  // a limit that is behind it adds nothing
  const auto checkpointed = kept["events"].get<std::uint64_t>();
  CHECK(checkpointed >= 50'000);
  CHECK(kept["resumed_from"] == checkpointed);
  const std::string limit = " --limit " + std::to_string(checkpointed + 5'000);
  const auto resumed = report_of(program, arguments + state + limit);
  CHECK(resumed["resumed_from"] == checkpointed);
  CHECK(story(resumed) == story(report_of(program, arguments + limit)));
}

TEST_CASE("rtml-loop refuses state of other features, of another learner, and damaged state", "[programs][state]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFile file(sales(200));
  const TemporaryFolder folder;
  const std::string csv = "--data " + file.path().string() + " --target sold --json --state " + folder.path();
  REQUIRE(run_loop(program, csv + " --time at --ignore note").code == 0);
  const auto refused = [&](const std::string& arguments, const std::string& named) {
    const Ran ran = run_loop(program, csv + arguments);
    CAPTURE(arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find(named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  };
  const std::string state = "rtml-loop: --state " + folder.path() + ": ";
  refused(" --time at --ignore note,amount", "\"amount\"");
  refused(" --time at --ignore note,amount", state);
  refused(" --time at --ignore note --learner naive_bayes", "naive_bayes");
  refused(" --time at --ignore note --learner naive_bayes", "not with --learner naive_bayes");
  refused(" --time at --ignore note --retrain continual --retrain none", "arm ");
  refused(" --time at --ignore note --retrain never", "rtml-loop: --retrain: ");  // wrong with any state
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    if (entry.path().extension() == ".rtml") std::filesystem::resize_file(entry.path(), 1000);
  refused(" --time at --ignore note", folder.path());
}

TEST_CASE("rtml-loop runs several policies beside each other and reports one arm each", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFile file(sales(6000));
  const auto report = report_of(program, sales_arguments(file) +
                                             " --retrain continual --retrain none --retrain cadence:every=1000,start=fresh,data=recent"
                                             " --retrain drift:adwin --retrain 'metric:accuracy<0.6,window=200,cooldown=200'");
  REQUIRE(report["arms"].size() == 5);
  const std::vector<std::string> policies{"continual", "none", "cadence:every=1000,start=fresh,data=recent", "drift:adwin",
                                          "metric:accuracy<0.6,window=200,cooldown=200"};
  std::vector<std::uint64_t> retrained(5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(report["arms"][i]["policy"] == policies[i]);
    CHECK(report["arms"][i]["predictions"] == 6000);
    for (const auto& retrain : report["retrains"])
      if (retrain["arm"] == report["arms"][i]["name"]) {
        ++retrained[i];
        CHECK(retrain["start"] == (i == 2 ? "fresh" : "warm"));
      }
  }
  for (const auto& [name, value] : report["arms"][0]["metrics"].items()) CHECK(report["metrics"][name] == value);
  CHECK(retrained[0] == 0);
  CHECK(retrained[1] == 0);
  CHECK(retrained[2] == 6);
  CHECK(retrained[3] >= 1);
  CHECK(retrained[4] >= 1);
  CHECK(report["arms"][0]["metrics"]["accuracy"] > report["arms"][1]["metrics"]["accuracy"].get<double>() + 0.1);  // it turned round
  CHECK(report["comparison"].is_string());
}

TEST_CASE("rtml-loop refuses to go on from state with the rows, the labels or the seed of another run", "[programs][state]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFile file(sales(200));
  const TemporaryFile other(sales(200));
  const TemporaryFolder folder;
  const auto csv = [&](const TemporaryFile& data) {
    return "--data " + data.path().string() + " --target sold --time at --entity shop --ignore note --state " + folder.path();
  };
  const std::string same = " --label-delay 10 --seed 5";
  CHECK(report_of(program, csv(file) + same + " --limit 100")["events"] == 100);
  const auto refused = [&](const std::string& arguments, const std::string& was, const std::string& now) {
    const Ran ran = run_loop(program, arguments + " --json");
    CAPTURE(arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error == "rtml-loop: --state " + folder.path() + ": was begun with " + was + ", not with " + now + "\n");
  };
  const std::string name = file.path().filename().string();
  refused(csv(other) + same, "--data " + name, "--data " + other.path().filename().string());
  refused("--stream sea --state " + folder.path() + same, "--data " + name, "no --data");
  refused(csv(file) + " --label-delay 10m --seed 5", "--label-delay 10", "--label-delay 10m");
  refused(csv(file) + " --seed 5", "--label-delay 10", "--label-delay 0");
  refused(csv(file) + " --label-delay 10", "--seed 5", "--seed 1");
  refused("--data " + file.path().string() + " --target kind --time at --entity shop --ignore note --state " + folder.path() + same,
          "--target sold", "--target kind");
  refused("--data " + file.path().string() + " --target sold --state " + folder.path() + same, "--time at", "no --time");
  const std::string page = folder.path() + "/report.html";
  const auto resumed = report_of(program, csv(file) + same + " --report " + page);
  CHECK(resumed["resumed_from"] == 100);
  CHECK(resumed["events"] == 200);

  const TemporaryFolder made;
  const std::string state = " --limit 50 --state " + made.path();
  report_of(program, "--stream sea:n=100" + state);
  CHECK(run_loop(program, "--stream sea:n=200 --json" + state).code == 2);
  std::filesystem::remove(made.path() + "/run.json");  // state of a program that wrote none
  CHECK(report_of(program, "--stream sea:n=200" + state)["resumed_from"] == 50);
  CHECK(std::filesystem::exists(made.path() + "/run.json"));
}

TEST_CASE("rtml-loop shows what it found when the last checkpoint cannot be written, and ends with 2", "[programs][state]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFolder folder;
  const std::string limited = "ulimit -f 1000; " + std::string(program);  // half a megabyte a file: the report has room
  const std::string arguments = "--limit 3000 --state " + folder.path() + "/state";
  const std::string failed = "rtml-loop: --state " + folder.path() + "/state: the last checkpoint failed: cannot write";

  const Ran object = run_loop(limited, arguments + " --json");
  CHECK(object.code == 2);
  CHECK(object.error.find(failed) == 0);
  CHECK(std::count(object.error.begin(), object.error.end(), '\n') == 1);
  REQUIRE_FALSE(object.out.empty());
  CHECK(Json::parse(object.out)["labels"] == 3000);

  const std::string page = folder.path() + "/report.html";
  const Ran table = run_loop(limited, arguments + " --report " + page);
  CHECK(table.code == 2);
  CHECK(table.error.find(failed) != std::string::npos);
  CHECK(table.out.find("predict p50") != std::string::npos);
  CHECK(rtml::testing::text_of(page).find("</html>") != std::string::npos);
  CHECK_FALSE(has_checkpoint(folder.path() + "/state"));
  CHECK(report_of(program, arguments)["events"] == 3000);  // what failed left nothing in the way
}

TEST_CASE("rtml-loop looks for a place for its report before it begins, and leaves nothing there when it fails", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const TemporaryFolder folder;
  const Ran endless = run_loop("timeout 60 " + std::string(program), "--stream payments:n=1000000000 --report " + folder.path());
  CHECK(endless.code == 2);
  CHECK(endless.out.empty());
  const std::string page = folder.path() + "/report.html";
  CHECK(run_loop(program, "--limit 5 --learner nope --report " + page).code == 2);
  CHECK_FALSE(std::filesystem::exists(page));
}

TEST_CASE("rtml-loop keeps as many rows as wait for their labels, however many", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  constexpr int rows = 330'000;
  constexpr int late = 75 * 3600;  // 270,000 rows a second apart: more than any round number of them
  std::string text = "at,x,y\n";
  for (int i = 0; i < rows; ++i) text += std::to_string(1'700'000'000 + i) + (i % 3 == 0 ? ",1,1\n" : ",2,0\n");
  const TemporaryFile file(text);
  const std::string arguments = "--data " + file.path().string() + " --target y --time at";
  const auto report = report_of(program, arguments + " --label-delay 75h");
  CHECK(report["events"] == rows);
  CHECK(report["labels"] == rows - late);
  for (const char* lost : {"evicted", "labels_unknown", "labels_expired", "rejected", "times_refused"}) {
    CAPTURE(lost);
    CHECK(report[lost] == 0);
  }
}

TEST_CASE("rtml-loop counts rows that made room without a label, and clocks that nobody believes", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  std::string text = "at,x,y\n";
  for (int i = 0; i < 5000; ++i) {
    const int at = i == 2000 ? 2'000'000'000 : 1'700'000'000 + i;
    text += std::to_string(at) + "," + std::to_string(i % 7) + "," + (i % 10 == 0 ? "" : i % 7 < 3 ? "1" : "0") + "\n";
  }
  const TemporaryFile file(text);
  const std::string arguments = "--data " + file.path().string() + " --target y --time at";
  const auto report = report_of(program, arguments);
  CHECK(report["labels"] == 4500);
  CHECK(report["evicted"] > 0);
  CHECK(report["evicted"] <= 500);
  CHECK(report["labels_unknown"] == 0);
  CHECK(report["times_refused"] == 1);
  const Ran table = run_loop(program, arguments + " --report ''");
  CHECK(table.out.find(report["evicted"].dump() + " predictions made room") != std::string::npos);
  CHECK(table.out.find("1 times too far ahead") != std::string::npos);
}

TEST_CASE("rtml-loop says why there are no figures when no label was measured", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const auto table = [&](const std::string& arguments) { return run_loop(program, arguments + " --report ''").out; };
  CHECK(table("--limit 100 --label-delay 7d").find("nothing was measured: no label met its prediction") != std::string::npos);
  CHECK(table("--limit 1").find("nothing was measured: all 1 labels are of rows served before anything") != std::string::npos);
  CHECK(table("--limit 100").find("nothing was measured") == std::string::npos);
}

TEST_CASE("The retrainings in rtml-loop's JSON are sorted by event, then by arm", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const auto report = report_of(program, "--limit 5000 --retrain cadence:every=1000 --challenger naive_bayes --retrain cadence:every=700");
  std::vector<std::pair<std::uint64_t, std::string>> retrains;
  for (const auto& retrain : report["retrains"]) retrains.emplace_back(retrain["event"], retrain["arm"]);
  CHECK(retrains.size() > 10);
  CHECK(std::is_sorted(retrains.begin(), retrains.end()));
}

TEST_CASE("The seed decides the made stream, and the same seed says the same", "[programs]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const auto one = report_of(program, "--stream sea --limit 2000 --seed 1");
  CHECK(story(report_of(program, "--stream sea --limit 2000 --seed 1")) == story(one));
  CHECK(story(report_of(program, "--stream sea --limit 2000 --seed 2")) != story(one));
}

TEST_CASE("rtml-loop on electricity prices: beyond 0.90 with labels at once, and beside no-change when they are late", "[programs][data]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const std::string elec = real_data("elec2.csv");
  if (elec.empty()) return;
  const std::string arguments = "--data " + elec + " --target class --nominal day";
  const auto at_once = report_of(program, arguments);
  CHECK(at_once["events"] == 45312);
  CHECK(at_once["metrics"]["accuracy"] >= 0.90);
  CHECK(at_once["baselines"]["no_change"]["accuracy"].get<double>() == Approx(0.853).margin(0.001));
  CHECK(at_once["baselines"]["majority"]["accuracy"].get<double>() == Approx(0.575).margin(0.001));
  CHECK_FALSE(at_once["drifts"].empty());
  const auto late = report_of(program, arguments + " --label-delay 100 --retrain continual --retrain cadence:every=2000" +
                                           " --retrain drift:adwin,start=warm --retrain none");
  CHECK(late["labels"] == 45212);
  CHECK(late["metrics"]["kappa"].is_number());
  CHECK(late["metrics"]["accuracy"] < at_once["metrics"]["accuracy"]);
  CHECK(late["baselines"]["no_change"]["accuracy"] < 0.6);  // at the same delay
  CHECK(late["metrics"]["accuracy"] > late["baselines"]["no_change"]["accuracy"].get<double>() + 0.1);
  CHECK(late["baselines"]["no_change"]["kappa"].is_number());
  CHECK(late["arms"].size() == 4);
}

TEST_CASE("rtml-loop on taxi trips: seconds of error below those of an adaptive forest, whatever one row claims", "[programs][data]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const std::string taxi = real_data("green_taxi_202004.csv");
  if (taxi.empty()) return;
  const auto report = report_of(program, "--data " + taxi + " --target target --time pickup_ts --nominal PULocationID,DOLocationID" +
                                             " --ignore dropoff_ts --task regression");
  CHECK(report["events"] == 33268);
  CHECK(report["metrics"]["mae"] < 225.0);
  CHECK(report["baselines"]["majority"]["mae"].get<double>() == Approx(499).margin(1));
}

TEST_CASE("rtml-loop on card payments: average precision and the frauds among the 50 highest scores of a day", "[programs][data]") {
  const char* program = loop_program();
  if (program == nullptr) return;
  const std::string cards = real_data("card_fraud.csv");
  if (cards.empty()) return;
  const std::string arguments = "--data " + cards + " --target class --time ts --label-delay 7d";
  const auto with = report_of(program, arguments + " --entity CUSTOMER_ID,TERMINAL_ID --ignore TX_FRAUD_SCENARIO,TRANSACTION_ID");
  const auto without = report_of(program, arguments + " --ignore TX_FRAUD_SCENARIO,TRANSACTION_ID,CUSTOMER_ID,TERMINAL_ID");
  for (const auto& report : {with, without}) {
    CHECK(report["events"] == 480000);
    CHECK(report["labels"] == 412430);  // the last week's are not known yet
    REQUIRE(report["metrics"]["average_precision"].is_number());
    REQUIRE(report["precision_at_50_per_day"].is_number());
    CHECK(report["metrics"]["average_precision"] > 20.0 * report["baselines"]["majority"]["average_precision"].get<double>());
    CHECK(report["precision_at_50_per_day"] > 0.3);  // 0.007 of all are frauds
  }
}

#endif
