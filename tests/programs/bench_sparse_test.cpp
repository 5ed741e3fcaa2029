// The output contract of `rtml-bench sparse`, run as scripts run it. RTML_BENCH is the program; without it these are skipped.

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

#endif
