// The output contract of `rtml-bench stream`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

#include <algorithm>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

using rtml::testing::Ran;

namespace {

const char* bench_program() { return rtml::testing::program_named("RTML_BENCH"); }
Ran run_bench(const std::string& program, const std::string& arguments) { return rtml::testing::run_program(program, arguments); }

}  // namespace

TEST_CASE("rtml-bench stream --json prints one object with the keys of its contract", "[programs]") {
  const char* program = bench_program();
  if (program == nullptr) return;
  const Ran ran = run_bench(program, "stream --stream sea:n=3000 --learner logistic --scale --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  for (const char* key :
       {"n", "accuracy", "kappa", "logloss", "f1", "seconds", "examples_per_second", "predict_p50_ns", "predict_p99_ns", "memory_bytes"}) {
    CAPTURE(key);
    REQUIRE(report.contains(key));
    CHECK(report[key].is_number());
  }
  CHECK(report["n"] == 3000);
  CHECK(report["accuracy"] > 0.75);
  CHECK(report["baselines"]["no_change"]["accuracy"] < report["accuracy"]);
  CHECK(report["baselines"].contains("majority"));
  const auto limited = nlohmann::json::parse(run_bench(program, "stream --stream sea --limit 100 --json").out);
  CHECK(limited["n"] == 100);
  const auto seeded =
      nlohmann::json::parse(run_bench(program, "stream --stream sea:n=3000 --learner logistic --scale --seed 7 --json").out);
  CHECK(seeded["accuracy"] != report["accuracy"]);
}

TEST_CASE("rtml-bench stream reads a CSV of classes, and names bad rows on standard error", "[programs]") {
  const char* program = bench_program();
  if (program == nullptr) return;
  std::string text = "x,kind,y\n";
  for (int i = 0; i < 300; ++i) text += std::to_string(i % 3) + ".5,k" + std::to_string(i % 2) + "," + std::to_string(i % 3 + 1) + "\n";
  text += "1,2\n1.5,k0,\n";
  const rtml::testing::TemporaryFile file(text);
  const Ran ran = run_bench(program, "stream --data " + file.path().string() + " --target y --task classes --learner softmax --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["n"] == 300);
  CHECK(report["bad_rows"] == 1);
  CHECK(report["unlabelled"] == 1);
  CHECK(report["task"] == "classes");
  CHECK(report["accuracy"] > 0.8);
  CHECK(report["f1"].is_number());
  CHECK(ran.error.find("line 302: 2 fields, the header has 3") != std::string::npos);
  const auto numbers = nlohmann::json::parse(
      run_bench(program, "stream --data " + file.path().string() + " --target x --ignore y --task regression --learner linear --json").out);
  for (const char* key : {"mae", "rmse", "r2"}) CHECK(numbers[key].is_number());
  CHECK(numbers["baselines"].contains("mean"));
}

TEST_CASE("rtml-bench ends with 2 and one line that names what is wrong", "[programs][config]") {
  const char* program = bench_program();
  if (program == nullptr) return;
  const rtml::testing::TemporaryFile file("x,y\n1,0\n2,1\n");
  struct Wrong {
    std::string arguments;
    std::string named;
  };
  const std::string csv = "stream --data " + file.path().string();
  for (const Wrong& wrong :
       {Wrong{"", "subcommand"}, Wrong{"strem", "strem"}, Wrong{"stream", "--data"}, Wrong{"stream --bogus 1", "--bogus"},
        Wrong{csv, "--target"}, Wrong{csv + " --target z", "\"z\", only x, y"}, Wrong{csv + " --target y --ignore w", "\"w\""},
        Wrong{csv + " --target y --task regresion", "regresion"}, Wrong{"stream --data /no/such.csv --target y", "/no/such.csv"},
        Wrong{"stream --stream see", "payments, sea, agrawal, hyperplane"}, Wrong{"stream --stream sea:noise=200", "noise"},
        Wrong{"stream --stream sea --learner logistik", "logistik"}, Wrong{"stream --stream sea --learner linear", "task"},
        Wrong{"stream --stream sea --limit -1", "--limit"}, Wrong{"stream --stream sea --target y", "--target"}}) {
    const Ran ran = run_bench(program, wrong.arguments);
    CAPTURE(wrong.arguments, ran.error);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.error.find(wrong.named) != std::string::npos);
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
  }
  const Ran help = run_bench(program, "stream --help");
  CHECK(help.code == 0);
  for (const char* option :
       {"--data", "--stream", "--target", "--task", "--nominal", "--ignore", "--learner", "--scale", "--limit", "--seed", "--json"}) {
    CAPTURE(option);
    CHECK(help.out.find(option) != std::string::npos);
  }
}

#endif
