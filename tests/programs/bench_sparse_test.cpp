// The output contract of `rtml-bench sparse`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "program.hpp"
#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include <nlohmann/json.hpp>

using rtml::testing::Ran;

namespace {

/// A file of its own that ends as it says, and goes with the object.
class NamedFile {
 public:
  NamedFile(const std::string& bytes, const std::string& end) : path_(name_.path().string() + end) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  ~NamedFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  rtml::testing::TemporaryFile name_{""};
  std::string path_;
};

Ran run_sparse(const char* program, const std::string& arguments) { return rtml::testing::run_program(program, "sparse " + arguments); }

std::string word(std::uint32_t value) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &value, 4);
  return bytes;
}

/// A PATH with nothing on it but a vw that is `script`; with nothing at all where that is empty.
class PeerPath {
 public:
  explicit PeerPath(const std::string& script = "") {
    std::filesystem::remove(directory_.path());
    std::filesystem::create_directories(temporary());
    if (script.empty()) return;
    std::ofstream(file("vw")) << "#!/bin/sh\nhere=${0%/*}\n" << script;
    std::filesystem::permissions(file("vw"), std::filesystem::perms::owner_all);
  }
  PeerPath(const PeerPath&) = delete;
  PeerPath& operator=(const PeerPath&) = delete;
  ~PeerPath() { std::filesystem::remove_all(directory_.path()); }

  std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }

  /// Where temporary files go: its name would say much to a shell.
  std::filesystem::path temporary() const { return file("a; exit 3 $(exit 4) \"b"); }
  bool left_nothing() const { return std::filesystem::is_empty(temporary()); }

  Ran run(const char* program, const std::string& arguments) const {
    const std::string environment = "PATH=" + directory_.path().string() + " TMPDIR='" + temporary().string() + "' ";
    return rtml::testing::run_program(environment + program, "sparse " + arguments);
  }

 private:
  rtml::testing::TemporaryFile directory_{""};
};

/// Answers as VW does, and keeps what it was asked, and the rows. Another loss with a cache: it is of the text that it counts.
const std::string fake_vw = R"sh(
if [ "$1" = --version ]; then echo "9.8.7 (git commit: 0123456)"; exit; fi
echo "$#" "$@" >> "$here/asked"
while read -r line; do echo "$line"; done < "$2" > "$here/rows"
echo "finished run" >&2
if [ "$#" -gt 7 ]; then echo "average loss = 0.5" >&2; else echo "average loss = 0.123456" >&2; fi
)sh";

/// Word 1 says yes, word 2 says no, the others nothing.
std::string two_words(std::size_t rows) {
  std::string text;
  for (std::size_t i = 0; i < rows; ++i) text += (i % 2 == 0 ? "1 1:1 " : "-1 2:1 ") + std::to_string(100 + i % 7) + ":0.5\n";
  return text;
}

}  // namespace

TEST_CASE("rtml-bench sparse --json prints one object with the keys of its contract", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const NamedFile file(two_words(2000), ".svm");
  const Ran ran = run_sparse(program, "--data " + file.path() + " --bits 10 --learner logistic:optimizer=adagrad --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  for (const char* key : {"n", "logloss", "auc", "examples_per_second", "learn_ns_per_feature", "predict_ns_per_feature", "predict_p50_ns",
                          "predict_p99_ns", "memory_bytes"}) {
    CAPTURE(key);
    REQUIRE(report.contains(key));
    CHECK(report[key].is_number());
  }
  CHECK(report["n"] == 2000);
  CHECK(report["logloss"] < 0.1);
  CHECK(report["auc"] > 0.99);
}

TEST_CASE("rtml-bench sparse gives no log loss of what predicts margins", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const NamedFile file(two_words(500), ".svm");
  const std::string hinge = "--data " + file.path() + " --bits 10 --learner logistic:loss=hinge";
  const auto report = nlohmann::json::parse(run_sparse(program, hinge + " --json").out);
  CHECK(report["logloss"].is_null());
  CHECK(report["auc"] > 0.99);
  CHECK(run_sparse(program, hinge).out.find("no log loss") != std::string::npos);
}

TEST_CASE("rtml-bench sparse --threads measures one model of several threads beside one owner", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const NamedFile file(two_words(2000), ".svm");
  const Ran ran = run_sparse(program, "--data " + file.path() + " --bits 10 --threads 2 --json");
  REQUIRE(ran.code == 0);
  const auto report = nlohmann::json::parse(ran.out);
  CHECK(report["plain_learn_ns_per_feature"] > 0.0);
  REQUIRE(report["shared"].size() == 2);
  CHECK(report["shared"][0]["threads"] == 1);
  CHECK(report["shared"][0]["logloss"] == Approx(report["logloss"].get<double>()).epsilon(1e-6));
  CHECK(report["shared"][1]["threads"] == 2);
  CHECK(report["shared"][1]["logloss"] < 0.2);
  CHECK(report["shared"][1]["predict_p99_learning_ns"] > 0.0);

  const Ran other = run_sparse(program, "--data " + file.path() + " --threads 2 --learner majority");
  CHECK(other.code == 2);
  CHECK(other.error.find("learner is \"majority\"") != std::string::npos);
}

TEST_CASE("The same rows as text and as bytes have the same losses; numbers that are no indices are columns", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  std::string text;
  std::string bytes = word(500) + word(2);
  std::string columns = word(500) + word(1);
  for (std::uint32_t i = 0; i < 500; ++i) {
    text += std::to_string(i % 2) + " " + std::to_string(i % 2) + ":1 " + std::to_string(7 + i % 5) + ":1\n";
    bytes += std::string(1, static_cast<char>(i % 2)) + word(i % 2) + word(7 + i % 5);
    columns += std::string(1, static_cast<char>(i % 2)) + word(i % 2 == 0 ? 0xc0000000U : 0x40000000U);  // -2 and 2
  }
  const auto report_of = [&](const std::string& content, const std::string& end) {
    const NamedFile file(content, end);
    return nlohmann::json::parse(run_sparse(program, "--data " + file.path() + " --json").out);
  };
  CHECK(report_of(text, ".svm")["logloss"] == report_of(bytes, ".bin")["logloss"]);
  CHECK(report_of(columns, ".bin")["auc"] > 0.99);
}

TEST_CASE("A file that rtml-bench sparse cannot read is refused in one line that says where", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const auto error_of = [&](const std::string& content, const std::string& end, const std::string& more = "") {
    const NamedFile file(content, end);
    const Ran ran = run_sparse(program, "--data " + file.path() + more);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    return ran.error;
  };
  CHECK(error_of("1 3:1\n2 4:1\n", ".svm").find("line 2: the label is not 0, 1 or -1") != std::string::npos);
  CHECK(error_of("1 3:1\n0 4:x\n", ".svm").find("line 2: \"4:x\" is not index:value") != std::string::npos);
  CHECK(error_of("", ".svm").find("has no rows") != std::string::npos);
  CHECK(error_of(word(3) + word(2) + "x", ".bin").find("3 rows of 2 values need 35") != std::string::npos);
  CHECK(error_of("a,b\n", ".csv").find("F.svm or F.bin") != std::string::npos);
  CHECK(error_of("1 3:1\n", ".svm", " --learner nonsense").find("nonsense") != std::string::npos);
}

TEST_CASE("rtml-bench sparse --peer vw reports what a vw on the PATH makes of the same rows", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const PeerPath path(fake_vw);
  const NamedFile file("1 4000000000:1 2:0.5\n0\n-1 7:-3e-05 9:0\n", ".svm");
  const Ran ran = path.run(program, "--data " + file.path() + " --bits 10 --json --peer vw");
  CAPTURE(ran.error);
  REQUIRE(ran.code == 0);
  const auto peer = nlohmann::json::parse(ran.out)["peer"];
  CHECK(peer["name"] == "vw");
  CHECK(peer["version"] == "9.8.7");
  CHECK(peer["logloss"] == 0.123456);
  CHECK(peer["includes_parsing"] == true);
  for (const char* key : {"seconds", "ns_per_feature", "cpu_ns_per_feature", "cached_ns_per_feature", "cached_cpu_ns_per_feature"}) {
    CAPTURE(key);
    CHECK(peer[key].is_number());
  }
  CHECK(peer["ns_per_feature"].get<double>() == Approx(peer["seconds"].get<double>() * 1e9 / 7.0));  // 4 features, 3 intercepts

  CHECK(rtml::testing::text_of(path.file("rows")) == "1 | 4000000000 2:0.5\n-1 |\n-1 | 7:-3e-05\n");
  const std::string asked = rtml::testing::text_of(path.file("asked"));
  const std::string text = path.temporary().string() + "/rtml-bench-";
  CHECK(asked.rfind("7 -d " + text, 0) == 0);
  CHECK(asked.find("/rows.vw --loss_function logistic -b 10 --no_stdin\n9 -d " + text) != std::string::npos);
  CHECK(asked.find("/rows.vw --cache_file " + text) != std::string::npos);
  CHECK(path.left_nothing());

  const Ran words = path.run(program, "--data " + file.path() + " --peer vw");
  CHECK(words.out.find("vw 9.8.7: progressive log loss 0.123456") != std::string::npos);
  CHECK(words.out.find("reading and parsing its text included") != std::string::npos);
}

TEST_CASE("A peer gets dense columns by their place, without what is 0 or missing", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const PeerPath path(fake_vw);
  const std::string row = word(0x3f800000U) + word(0U) + word(0x7fc00000U) + word(0xc0200000U);  // 1, 0, NaN, -2.5
  const NamedFile file(word(1) + word(4) + std::string(1, '\1') + row, ".bin");
  REQUIRE(path.run(program, "--data " + file.path() + " --peer vw").code == 0);
  CHECK(rtml::testing::text_of(path.file("rows")) == "1 | 0 3:-2.5\n");
}

TEST_CASE("A peer that is not there, fails, or says no loss ends rtml-bench sparse with one line, and leaves no file", "[programs]") {
  const char* program = rtml::testing::program_named("RTML_BENCH");
  if (program == nullptr) return;
  const NamedFile file(two_words(10), ".svm");
  const auto error_of = [&](const std::string& script, const std::string& name = "vw") {
    const PeerPath path(script);
    const Ran ran = path.run(program, "--data " + file.path() + " --json --peer " + name);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.error.begin(), ran.error.end(), '\n') == 1);
    CHECK(path.left_nothing());
    return ran.error;
  };
  const std::string version = "if [ \"$1\" = --version ]; then echo 8.0.0; exit; fi\n";
  CHECK(error_of("") == "rtml-bench: --peer: no vw is on the PATH\n");
  CHECK(error_of(version + "echo one; echo 'bad option' >&2; exit 3\n") ==
        "rtml-bench: --peer: vw ended with 3, and said \"bad option\"\n");
  CHECK(error_of(version + "kill -9 $$\n").find("ended by a signal") != std::string::npos);
  CHECK(error_of(version + "echo average loss = undefined\n") == "rtml-bench: --peer: vw said no average loss\n");
  CHECK(error_of(version) == "rtml-bench: --peer: vw said no average loss\n");
  CHECK(error_of(version, "xgboost").find("--peer") != std::string::npos);
}

#endif
