#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/serve/experiment.hpp"
#include "rtml/serve/run.hpp"
#include "serve/serve_samples.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"

using rtml::AnyLearner;
using rtml::ConfigError;
using rtml::IoError;
using rtml::Registry;
using rtml::tracking::Experiment;
using rtml::tracking::export_models;
using rtml::tracking::Run;
using namespace rtml::serve_testing;

namespace {

namespace fs = std::filesystem;

std::string file_text(const std::string& path) {
  const Bytes bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string utf8_of(unsigned long point) {
  std::string text;
  const auto push = [&](unsigned long byte) { text += static_cast<char>(byte); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xc0 | point >> 6U), push(0x80 | (point & 0x3fU));
  } else if (point < 0x10000) {
    push(0xe0 | point >> 12U), push(0x80 | (point >> 6U & 0x3fU)), push(0x80 | (point & 0x3fU));
  } else {
    push(0xf0 | point >> 18U), push(0x80 | (point >> 12U & 0x3fU)), push(0x80 | (point >> 6U & 0x3fU)), push(0x80 | (point & 0x3fU));
  }
  return text;
}

/// A flat YAML mapping of ints, null, [] and {} as they stand and double-quoted strings, which get a `"` in front: what a YAML reader takes
/// for a string shows as one.
std::map<std::string, std::string> yaml_file(const std::string& path) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(file_text(path));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != std::string::npos);
    const std::string key = line.substr(0, colon);
    std::string value = line.substr(colon + 2);
    if (!value.empty() && value[0] == '"') {
      REQUIRE(value.back() == '"');
      std::string decoded = "\"";
      for (std::size_t i = 1; i + 1 < value.size(); ++i) {
        if (value[i] != '\\') {
          decoded += value[i];
        } else if (value[i + 1] == 'u' || value[i + 1] == 'U') {
          const std::size_t digits = value[i + 1] == 'u' ? 4 : 8;
          decoded += utf8_of(std::stoul(value.substr(i + 2, digits), nullptr, 16));
          i += 1 + digits;
        } else {
          decoded += value[++i];
        }
      }
      value = decoded;
    }
    REQUIRE(fields.emplace(key, value).second);
  }
  return fields;
}

struct MetricLine {
  std::int64_t milliseconds = 0;
  double value = 0.0;
  std::int64_t step = 0;
};

/// As MLflow reads it: exactly three fields a line.
std::vector<MetricLine> metric_file(const std::string& path) {
  std::vector<MetricLine> read;
  const std::string text = file_text(path);
  REQUIRE((!text.empty() && text.back() == '\n'));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    REQUIRE(std::count(line.begin(), line.end(), ' ') == 2);
    const std::size_t first = line.find(' ');
    const std::size_t second = line.rfind(' ');
    read.push_back({std::stoll(line.substr(0, first)), std::strtod(line.c_str() + first, nullptr), std::stoll(line.substr(second))});
  }
  return read;
}

rtml::Clock at_second(std::int64_t seconds) {
  return [seconds] { return rtml::from_unix_seconds(seconds); };
}

std::string absolute_path(const std::string& path) { return fs::absolute(path).string(); }

}  // namespace

TEST_CASE("An experiment and a run are laid out as MLflow's file store does, field by field", "[serve]") {
  const TemporaryFolder folder;
  const std::string root = folder / "mlruns";
  const Experiment experiment(root, "payments", at_second(1000));
  CHECK(experiment.id().size() == 18);
  const std::string home = root + "/" + experiment.id();
  CHECK(yaml_file(home + "/meta.yaml") == std::map<std::string, std::string>{{"artifact_location", "\"file://" + absolute_path(home)},
                                                                             {"creation_time", "1000000"},
                                                                             {"experiment_id", "\"" + experiment.id()},
                                                                             {"last_update_time", "1000000"},
                                                                             {"lifecycle_stage", "\"active"},
                                                                             {"name", "\"payments"}});

  Run run = experiment.start({.name = "nightly", .user = "ops", .clock = at_second(2000)});
  CHECK(run.id().size() == 32);
  CHECK(run.id().find_first_not_of("0123456789abcdef") == std::string::npos);
  const std::string at = home + "/" + run.id();
  std::map<std::string, std::string> expected{{"artifact_uri", "\"file://" + absolute_path(at) + "/artifacts"},
                                              {"end_time", "null"},
                                              {"entry_point_name", "\""},
                                              {"experiment_id", "\"" + experiment.id()},
                                              {"lifecycle_stage", "\"active"},
                                              {"run_id", "\"" + run.id()},
                                              {"run_name", "\"nightly"},
                                              {"run_uuid", "\"" + run.id()},
                                              {"source_name", "\""},
                                              {"source_type", "4"},
                                              {"source_version", "\""},
                                              {"start_time", "2000000"},
                                              {"status", "1"},
                                              {"tags", "[]"},
                                              {"user_id", "\"ops"}};
  CHECK(yaml_file(at + "/meta.yaml") == expected);
  run.log_param("learner", "logistic:bits=18");
  run.log_param("data/window", "7 d");
  run.set_tag("team", "risk");
  run.set_tag("team", "fraud");
  run.log_artifact("plots/roc.svg", std::as_bytes(std::span("<svg/>", 6)));
  run.log_metric("loss", 0.5, 1, rtml::from_unix_seconds(2001));
  run.finish();
  expected["end_time"] = "2000000";
  expected["status"] = "3";
  CHECK(yaml_file(at + "/meta.yaml") == expected);
  CHECK(file_text(at + "/params/learner") == "logistic:bits=18");
  CHECK(file_text(at + "/params/data/window") == "7 d");
  CHECK(file_text(at + "/tags/team") == "fraud");
  CHECK(file_text(at + "/tags/mlflow.runName") == "nightly");
  CHECK(file_text(at + "/tags/mlflow.user") == "ops");
  CHECK(file_text(at + "/artifacts/plots/roc.svg") == "<svg/>");
  CHECK(file_text(at + "/metrics/loss") == "2001000 0.5 1\n");
  CHECK(names_below(at) == std::vector<std::string>{"artifacts", "meta.yaml", "metrics", "params", "tags"});
  CHECK(names_below(root) == std::vector<std::string>{experiment.id()});
}

TEST_CASE("The same name is the same experiment, another one is not, and Default is MLflow's own", "[serve]") {
  const TemporaryFolder folder;
  const Experiment first(folder / "mlruns", "a", at_second(1));
  const Experiment again(folder / "mlruns", "a", at_second(2));
  const Experiment other(folder / "mlruns", "b", at_second(3));
  CHECK(first.id() == again.id());
  CHECK(first.id() != other.id());
  CHECK(yaml_file(folder / "mlruns/" + first.id() + "/meta.yaml")["creation_time"] == "1000");
  CHECK(Experiment(folder / "mlruns", "Default").id() == "0");
  Run one = first.start();
  Run two = again.start();
  CHECK(one.id() != two.id());
  CHECK_THROWS_AS(first.start({.id = one.id()}), ConfigError);
  CHECK_THROWS_AS(Experiment(folder / "mlruns", ""), ConfigError);
  CHECK_THROWS_AS(Experiment(folder / "mlruns", std::string(501, 'x')), ConfigError);
  CHECK_THROWS_AS(Experiment(folder / "mlruns", "\xc0\x80"), ConfigError);
}

TEST_CASE("An experiment that MLflow made is found by its name", "[serve]") {
  const TemporaryFolder folder;
  const std::string root = folder / "mlruns";
  const auto made_by_mlflow = [&](const std::string& id, const std::string& name) {
    fs::create_directories(root + "/" + id);
    const std::string meta = "artifact_location: file:///x\ncreation_time: 1\nexperiment_id: '" + id +
                             "'\nlast_update_time: 1\nlifecycle_stage: active\nname: " + name + "\n";
    write_file(root + "/" + id + "/meta.yaml", rtml::checkpoint::testing::bytes_of(meta));
  };
  made_by_mlflow("123456789012345678", "payments");
  made_by_mlflow("223456789012345678", "'it''s: a'");
  CHECK(Experiment(root, "payments").id() == "123456789012345678");
  CHECK(Experiment(root, "it's: a").id() == "223456789012345678");
  CHECK(Experiment(root, "payment").id() != "123456789012345678");
  CHECK(Experiment(root, "payments").start().path().find("/123456789012345678/") != std::string::npos);
}

TEST_CASE("A path that cannot be looked at is an IoError, and one that is not given a ConfigError", "[serve][io]") {
  const TemporaryFolder folder;
  const Registry registry(folder / "models");
  fs::create_symlink("circle", folder / "circle");
  for (const std::string& path : {folder / "circle", folder / std::string(300, 'a')}) {
    CAPTURE(path);
    CHECK_THROWS_AS(Experiment(path, "a"), IoError);
    CHECK_THROWS_AS(export_models(registry, path, "a"), IoError);
  }
  CHECK_THROWS_WITH(Experiment("", "a"), "Experiment: folder is \"\", must be the name of a folder");
  CHECK_THROWS_AS(export_models(registry, "", "a"), ConfigError);
}

TEST_CASE("Whatever a user calls an experiment or a run stays that text", "[serve]") {
  const TemporaryFolder folder;
  for (const std::string& name :
       {std::string("a: b # c\n- 'x' \"y\" \\ {}[]"), std::string("null"), std::string("~"), std::string("123"), std::string("---"),
        std::string(" lead and trail "), std::string("\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\t\x7f"), std::string("a\0b", 3),
        std::string("yes"), std::string("!!python/object:x")}) {
    CAPTURE(name);
    const Experiment experiment(folder / "mlruns", name);
    CHECK(yaml_file(folder / "mlruns/" + experiment.id() + "/meta.yaml")["name"] == "\"" + name);
    const Run run = experiment.start({.name = name});
    CHECK(yaml_file(run.path() + "/meta.yaml")["run_name"] == "\"" + name);
    for (const char c : file_text(run.path() + "/meta.yaml")) REQUIRE((c == '\n' || (c >= ' ' && c < 127)));
  }
}

TEST_CASE("A path is quoted in URIs", "[serve]") {
  const TemporaryFolder folder;
  const Experiment experiment(folder / "my runs/100%", "a");
  const std::string location = yaml_file(folder / "my runs/100%/" + experiment.id() + "/meta.yaml")["artifact_location"];
  CHECK(location.ends_with("/my%20runs/100%25/" + experiment.id()));
  CHECK(location.starts_with("\"file:///"));
}

TEST_CASE("Points come back from the files as they were logged, to the bit and in order", "[serve]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start({.block = 100});
  rtml::Rng rng(3);
  std::vector<MetricLine> logged;
  for (int i = 0; i < 5000; ++i) {
    const double value = i % 7 == 0 ? std::bit_cast<double>(rng()) : rng.normal();
    const MetricLine point{1'700'000'000'000 + i, value, i % 2 == 0 ? i : -i};
    run.log_metric("a/b", point.value, point.step, rtml::Time(std::chrono::milliseconds(point.milliseconds)));
    run.log_metric("c", static_cast<double>(i), i);
    logged.push_back(point);
  }
  const double endless = std::numeric_limits<double>::infinity();
  for (const double value : {endless, -endless, std::nan(""), 0.0, -0.0, 5e-324, std::numeric_limits<double>::max()}) {
    run.log_metric("a/b", value, 1, rtml::from_unix_seconds(1'700'000'000));
    logged.push_back({1'700'000'000'000, value, 1});
  }
  run.finish();
  const auto read = metric_file(run.path() + "/metrics/a/b");
  REQUIRE(read.size() == logged.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    REQUIRE(read[i].milliseconds == logged[i].milliseconds);
    REQUIRE(read[i].step == logged[i].step);
    REQUIRE((std::bit_cast<std::uint64_t>(read[i].value) == std::bit_cast<std::uint64_t>(logged[i].value) ||
             (std::isnan(read[i].value) && std::isnan(logged[i].value))));
  }
  CHECK(metric_file(run.path() + "/metrics/c").size() == 5000);
}

TEST_CASE("Complaint 10: a block of points is in memory at most, and whole blocks are in the files", "[serve][complaint]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start({.block = 1000});
  for (int i = 0; i < 1000; ++i) run.log_metric("x", 1.0);
  CHECK(!fs::exists(run.path() + "/metrics/x"));
  run.log_metric("x", 1.0);
  CHECK(metric_file(run.path() + "/metrics/x").size() == 1000);
  const std::size_t held = run.memory_bytes();
  CHECK(held > 32'000);
  for (int i = 0; i < 100'000; ++i) run.log_metric("x", 1.0);
  CHECK(run.memory_bytes() < 2 * held);
  run.flush();
  CHECK(metric_file(run.path() + "/metrics/x").size() == 101'001);
}

TEST_CASE("Keys are paths below the run and nowhere else", "[serve]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start();
  for (const char* key : {"a", "x/y/z", "A-b_c.d e", ".hidden", "a..b", "x/.y", "9"}) {
    CAPTURE(key);
    CHECK_NOTHROW(run.log_metric(key, 1.0));
    CHECK_NOTHROW(run.log_param(key, "1"));
    CHECK_NOTHROW(run.set_tag(key, "1"));
    CHECK_NOTHROW(run.log_artifact(key, {}));
  }
  for (const std::string& key :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."), std::string(".."), std::string("../a"),
        std::string("a/../b"), std::string("a/./b"), std::string("..a"), std::string("a/..b/c"), std::string("a:b"), std::string("a\nb"),
        std::string("a\\b"), std::string("a\0b", 3), std::string("\xc3\xa9"), std::string("a%2e"), std::string(251, 'k')}) {
    CAPTURE(key);
    CHECK_THROWS_AS(run.log_metric(key, 1.0), ConfigError);
    CHECK_THROWS_AS(run.log_param(key, "1"), ConfigError);
    CHECK_THROWS_AS(run.set_tag(key, "1"), ConfigError);
    CHECK_THROWS_AS(run.log_artifact(key, {}), ConfigError);
  }
  CHECK_NOTHROW(run.log_metric(std::string(250, 'k'), 1.0));
  run.finish();
  CHECK(names_below(folder / "").size() == 1);
}

TEST_CASE("A key that would be a file and a folder at once is refused where it is logged", "[serve]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start();
  run.log_metric("loss", 1.0);
  CHECK_THROWS_AS(run.log_metric("loss/train", 1.0), ConfigError);
  CHECK_THROWS_AS(run.log_metric("loss/train/x", 1.0), ConfigError);
  run.log_metric("auc/test", 1.0);
  CHECK_THROWS_AS(run.log_metric("auc", 1.0), ConfigError);
  CHECK_NOTHROW(run.log_metric("auc-2", 1.0));
  CHECK_NOTHROW(run.log_metric("losses", 1.0));
  run.log_param("loss/train", "1");
  CHECK_THROWS_AS(run.log_param("loss", "1"), ConfigError);
  run.finish();
}

TEST_CASE("Parameters do not change, values and counts are bounded, ended runs are closed", "[serve]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start({.most_keys = 3});
  run.log_param("depth", "3");
  CHECK_NOTHROW(run.log_param("depth", "3"));
  CHECK_THROWS_AS(run.log_param("depth", "5"), ConfigError);
  CHECK(file_text(run.path() + "/params/depth") == "3");
  CHECK_NOTHROW(run.log_param("long", std::string(6000, 'x')));
  CHECK_THROWS_AS(run.log_param("longer", std::string(6001, 'x')), ConfigError);
  CHECK_THROWS_AS(run.set_tag("long", std::string(5001, 'x')), ConfigError);
  CHECK_THROWS_AS(run.log_param("bytes", "\xff"), ConfigError);
  CHECK_THROWS_AS(run.set_tag("mlflow.runName", "x"), ConfigError);
  CHECK_THROWS_AS(run.log_metric("early", 1.0, 0, rtml::from_unix_seconds(-1)), ConfigError);
  for (const char* key : {"a", "b", "c"}) run.log_metric(key, 1.0);
  CHECK_THROWS_AS(run.log_metric("d", 1.0), ConfigError);
  CHECK_THROWS_AS(run.finish(Run::Status::running), ConfigError);
  run.finish(Run::Status::killed);
  CHECK(yaml_file(run.path() + "/meta.yaml")["status"] == "5");
  CHECK_THROWS_AS(run.log_metric("a", 1.0), ConfigError);
  CHECK_THROWS_AS(run.log_param("p", "1"), ConfigError);
  CHECK_THROWS_AS(run.set_tag("t", "1"), ConfigError);
  CHECK_THROWS_AS(run.log_artifact("t", {}), ConfigError);
  CHECK_THROWS_AS(run.finish(), ConfigError);
  const Experiment experiment(folder / "mlruns", "a");
  CHECK_THROWS_AS(experiment.start({.id = "../x"}), ConfigError);
  for (const char* id : {"tags", "datasets", "traces", "models"}) CHECK_THROWS_AS(experiment.start({.id = id}), ConfigError);
  CHECK_THROWS_AS(experiment.start({.block = 0}), ConfigError);
  CHECK_THROWS_AS(experiment.start({.most_keys = 0}), ConfigError);
}

TEST_CASE("A run that nobody finished failed, and what it had logged is there", "[serve]") {
  const TemporaryFolder folder;
  std::string at;
  {
    Run run = Experiment(folder / "mlruns", "a").start();
    at = run.path();
    run.log_metric("x", 2.0, 3, rtml::from_unix_seconds(1));
    Run moved = std::move(run);
    CHECK(yaml_file(at + "/meta.yaml")["status"] == "1");
  }
  CHECK(yaml_file(at + "/meta.yaml")["status"] == "4");
  CHECK(file_text(at + "/metrics/x") == "1000 2 3\n");
}

TEST_CASE("Complaint 10: a flush that fails for one metric keeps its points, and writes none twice", "[serve][complaint]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start({.block = 10});
  const auto log = [&](int i) { run.log_metric(i % 2 == 0 ? "good" : "torn", static_cast<double>(i), i); };
  for (int i = 0; i < 10; ++i) log(i);
  fs::create_directories(run.path() + "/metrics/torn");  // in the way
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(run.flush(), IoError);
  for (int i = 10; i < 15; ++i) log(i);
  CHECK_THROWS_AS(log(15), IoError);  // the block is full, and cannot be written
  fs::remove(run.path() + "/metrics/torn");
  run.finish();
  for (const char* name : {"good", "torn"}) {
    const auto lines = metric_file(run.path() + "/metrics/" + name);
    const int first = std::string(name) == "good" ? 0 : 1;
    REQUIRE(lines.size() == (first == 0 ? 8U : 7U));
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i].step == first + 2 * static_cast<int>(i));
  }
}

TEST_CASE("A full disk leaves whole lines", "[serve]") {
  const TemporaryFolder folder;
  const int code = rtml::testing::in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Run run = Experiment(folder / "mlruns", "a").start({.id = "r", .block = 1000});
    const rlimit limit{10'000, 10'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    for (int i = 0; i < 300; ++i) run.log_metric("x", i, i, rtml::from_unix_seconds(i));
    run.flush();
    for (int i = 0; i < 700; ++i) run.log_metric("x", i, i, rtml::from_unix_seconds(i));
    try {
      run.flush();
    } catch (const IoError&) {
      return 0;
    }
    return 2;
  });
  REQUIRE(code == 0);
  CHECK(metric_file(folder / "mlruns/" + Experiment(folder / "mlruns", "a").id() + "/r/metrics/x").size() == 300);
}

TEST_CASE("Threads log into one run", "[serve][threads]") {
  const TemporaryFolder folder;
  Run run = Experiment(folder / "mlruns", "a").start({.block = 500});
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&run, t] {
      for (int i = 0; i < 3000; ++i) run.log_metric("shared", i, i);
      run.set_tag("t" + std::to_string(t), "done");
      for (int i = 0; i < 3000; ++i) run.log_metric("own/" + std::to_string(t), i, i);
    });
  for (std::thread& thread : threads) thread.join();
  run.finish();
  CHECK(metric_file(run.path() + "/metrics/shared").size() == 9000);
  for (int t = 0; t < 3; ++t) {
    const auto own = metric_file(run.path() + "/metrics/own/" + std::to_string(t));
    REQUIRE(own.size() == 3000);
    for (int i = 0; i < 3000; ++i) REQUIRE(own[static_cast<std::size_t>(i)].step == i);
  }
}

TEST_CASE("A registry is exported as MLflow's registered model, field by field", "[serve]") {
  const TemporaryFolder folder;
  std::int64_t seconds = 1000;
  Registry registry(folder / "models", {.clock = [&] { return rtml::from_unix_seconds(seconds); }});
  registry.add(trained("logistic:bits=6", 10),
               {.rows = 7, .params = {{"a", "1"}, {"a/b", "2"}}, .metrics = {{"auc", 0.75}}, .run_id = "r1"}, "first: \"one\"");
  seconds = 2000;
  registry.add(trained("logistic:bits=6", 10), {.offsets = {{2, 5, 9}}, .feature_set = "f", .parent = 1});
  registry.promote(1, "good");
  registry.set_alias("challenger", 2);
  const std::string root = folder / "mlruns";
  export_models(registry, root, "payments");

  const std::string at = root + "/models/payments";
  CHECK(yaml_file(at + "/meta.yaml") == std::map<std::string, std::string>{{"aliases", "{}"},
                                                                           {"creation_timestamp", "1000000"},
                                                                           {"description", "null"},
                                                                           {"last_updated_timestamp", "2000000"},
                                                                           {"name", "\"payments"}});
  const std::string source = "\"file://" + absolute_path(registry.file_of(1));
  CHECK(yaml_file(at + "/version-1/meta.yaml") == std::map<std::string, std::string>{{"aliases", "[]"},
                                                                                     {"creation_timestamp", "1000000"},
                                                                                     {"current_stage", "\"None"},
                                                                                     {"description", "\"first: \"one\""},
                                                                                     {"last_updated_timestamp", "1000000"},
                                                                                     {"name", "\"payments"},
                                                                                     {"run_id", "\"r1"},
                                                                                     {"run_link", "null"},
                                                                                     {"source", source},
                                                                                     {"status", "\"READY"},
                                                                                     {"status_message", "null"},
                                                                                     {"storage_location", source},
                                                                                     {"user_id", "null"},
                                                                                     {"version", "1"}});
  CHECK(file_text(at + "/aliases/champion") == "1");
  CHECK(file_text(at + "/aliases/challenger") == "2");
  CHECK(file_text(at + "/version-1/tags/rtml.learner") == "logistic:bits=6");
  CHECK(file_text(at + "/version-1/tags/rtml.rows") == "7");
  CHECK(file_text(at + "/version-1/tags/rtml.param.a") == "1");
  CHECK(file_text(at + "/version-1/tags/rtml.param.a.b") == "2");
  CHECK(file_text(at + "/version-1/tags/rtml.metric.auc") == "0.75");
  CHECK(file_text(at + "/version-2/tags/rtml.offsets.2") == "5-9");
  CHECK(file_text(at + "/version-2/tags/rtml.parent") == "1");
  CHECK(file_text(at + "/version-2/tags/rtml.feature_set") == "f");

  // Again, after changes: what is no more is gone there too.
  registry.delete_alias("challenger");
  registry.remove(2);
  export_models(registry, root, "payments");
  CHECK(names_below(at) == std::vector<std::string>{"aliases", "meta.yaml", "tags", "version-1"});
  CHECK(names_below(at + "/aliases") == std::vector<std::string>{"champion"});

  for (const char* name : {"", "a/b", "..", "../x", "a%b"}) CHECK_THROWS_AS(export_models(registry, root, name), ConfigError);
  fs::create_directories(root + "/models/theirs/version-1");
  CHECK_THROWS_AS(export_models(registry, root, "theirs"), ConfigError);
  CHECK(fs::exists(root + "/models/theirs/version-1"));
}

TEST_CASE("Whatever lineage a version has, all of it is exported, as text, and none of another registry's stays", "[serve]") {
  const TemporaryFolder folder;
  const AnyLearner model = trained("logistic:bits=6", 10);
  std::string accents = "a";
  for (int i = 0; i < 2600; ++i) accents += "\xc3\xa9";
  Registry first(folder / "first");
  first.add(model,
            {.offsets = {{1, 0, 5}, {1, 7, 9}}, .params = {{"alpha", "1"}, {"p/q", "first"}, {"p.q", "second"}, {"accents", accents}}});
  const std::string root = folder / "mlruns";
  export_models(first, root, "pay");
  const std::string tags = root + "/models/pay/version-1/tags/";
  CHECK(file_text(tags + "rtml.param.p.q") == "first");
  CHECK(file_text(tags + "rtml.param.p.q-2") == "second");
  CHECK(file_text(tags + "rtml.offsets.1") == "0-5");
  CHECK(file_text(tags + "rtml.offsets.1-2") == "7-9");
  CHECK(file_text(tags + "rtml.param.accents") == accents.substr(0, 4999));

  write_file(tags + "theirs", Bytes(1));
  Registry second(folder / "second");
  second.add(model, {.params = {{"beta", "2"}}});
  export_models(second, root, "pay");
  CHECK(file_text(tags + "rtml.param.beta") == "2");
  CHECK(!fs::exists(tags + "rtml.param.alpha"));
  CHECK(fs::exists(tags + "theirs"));
}

TEST_CASE("An export that a full disk ended can be made again", "[serve][io]") {
  const TemporaryFolder folder;
  Registry registry(folder / "models");
  registry.add(trained("logistic:bits=6", 10));
  const std::string root = folder / "mlruns";
  const int code = rtml::testing::in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{0, 0};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
    try {
      export_models(registry, root, "pay");
      return 11;
    } catch (const IoError&) {
      return 0;
    }
  });
  REQUIRE(code == 0);
  REQUIRE(fs::exists(root + "/models/pay"));
  export_models(registry, root, "pay");
  CHECK(fs::exists(root + "/models/pay/meta.yaml"));
}
