#include <cctype>
#include <cstdlib>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "example_report.hpp"
#include "rtml/core/error.hpp"
#include "rtml/monitor/render.hpp"
#include "support/catch.hpp"

using rtml::monitor::Sample;
using rtml::monitor::to_prometheus;

namespace {

/// Reads the text format 0.0.4 strictly; what it found wrong, empty when nothing.
class ExpositionReader {
 public:
  std::string read(const std::string& text) {
    if (!text.empty() && text.back() != '\n') return "the last line does not end";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (const std::string wrong = line.starts_with("# ") ? comment(line) : sample(line); !wrong.empty()) return wrong + ": " + line;
    return "";
  }

  std::size_t samples = 0;

 private:
  std::string comment(const std::string& line) {
    std::istringstream words(line);
    std::string hash, what, name, type;
    words >> hash >> what >> name >> type;
    if (what == "HELP") return closed_.contains(name) || name == family_ ? "HELP after samples" : "";
    if (what != "TYPE") return "unknown comment";
    if (!closed_.insert(name).second) return "a family twice";
    family_ = name;
    type_ = type;
    return type == "counter" || type == "gauge" || type == "summary" ? "" : "unknown type";
  }

  std::string sample(const std::string& line) {
    const std::size_t end = line.find_first_of("{ ");
    if (end == std::string::npos || end == 0) return "no name";
    const std::string name = line.substr(0, end);
    for (const char c : name)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != ':') return "bad name";
    const bool part = type_ == "summary" && (name == family_ + "_count" || name == family_ + "_sum");
    if (name != family_ && !part) return "a sample outside its family";
    std::size_t at = end;
    if (line[at] == '{' && !labels(line, at)) return "bad labels";
    if (!seen_.insert(line.substr(0, at)).second) return "a series twice";
    if (line[at] != ' ') return "no value";
    ++samples;
    const std::string value = line.substr(at + 1);
    if (value == "NaN" || value == "+Inf" || value == "-Inf") return "";
    char* rest = nullptr;
    std::strtod(value.c_str(), &rest);
    return value.empty() || *rest != '\0' || value.find_first_of("nNiI") != std::string::npos ? "bad value" : "";
  }

  static bool labels(const std::string& line, std::size_t& at) {
    do {
      const std::size_t equals = line.find('=', ++at);
      if (equals == std::string::npos || equals == at || line[equals + 1] != '"') return false;
      for (at = equals + 2; at < line.size() && line[at] != '"'; ++at)
        if (line[at] == '\\' && std::string("\\\"n").find(line[++at]) == std::string::npos) return false;
      if (++at >= line.size()) return false;
    } while (line[at] == ',');
    return line[at++] == '}';
  }

  std::string family_;
  std::string type_;
  std::set<std::string> closed_;
  std::set<std::string> seen_;
};

}  // namespace

TEST_CASE("Prometheus text is exactly the exposition format", "[monitor][prometheus]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Sample> samples = {
      {"rtml_rejected_total", "Refused \\ events,\nall.", 12.0, {{"reason", "not \"finite\"\n\\"}}},
      {"rtml_score", "", 0.1, {}, Sample::Type::gauge},
      {"rtml_rejected_total", "", 3.0, {{"reason", "late"}, {"arm", "a"}}},
      {"rtml_latency_seconds", "Time.", 2.5e-7, {{"quantile", "0.5"}}, Sample::Type::summary},
      {"rtml_level", "", infinity, {{"of", "a"}}, Sample::Type::gauge},
      {"rtml_latency_seconds_count", "", 4.0, {}, Sample::Type::summary},
      {"rtml_level", "", -infinity, {{"of", "b"}}, Sample::Type::gauge},
      {"rtml_level", "", rtml::monitor::unknown, {{"of", "c"}}, Sample::Type::gauge},
      {"rtml_level", "", 7.0, {{"of", "c"}}, Sample::Type::gauge},
  };
  CHECK(to_prometheus(samples) ==
        "# HELP rtml_rejected_total Refused \\\\ events,\\nall.\n"
        "# TYPE rtml_rejected_total counter\n"
        "rtml_rejected_total{reason=\"not \\\"finite\\\"\\n\\\\\"} 12\n"
        "rtml_rejected_total{reason=\"late\",arm=\"a\"} 3\n"
        "# TYPE rtml_score gauge\n"
        "rtml_score 0.1\n"
        "# HELP rtml_latency_seconds Time.\n"
        "# TYPE rtml_latency_seconds summary\n"
        "rtml_latency_seconds{quantile=\"0.5\"} 2.5e-07\n"
        "rtml_latency_seconds_count 4\n"
        "# TYPE rtml_level gauge\n"
        "rtml_level{of=\"a\"} +Inf\n"
        "rtml_level{of=\"b\"} -Inf\n"
        "rtml_level{of=\"c\"} NaN\n");
}

TEST_CASE("A report's Prometheus text is well formed, hostile names or not", "[monitor][prometheus]") {
  rtml::monitor::Report report = rtml::testing::example_report();
  report.features[0].name = "a\"} 1\nevil{x=\"\\";
  report.features[1].name = "not utf-8 \xff";
  report.features[2].name = "not utf-8 \xfe";  // the same once replaced
  report.arms[0].name = "";
  ExpositionReader reader;
  CHECK(reader.read(to_prometheus(report)) == "");
  CHECK(reader.samples >= 40);
}

TEST_CASE("A report's Prometheus text says what the report says", "[monitor][prometheus]") {
  const std::string text = to_prometheus(rtml::testing::example_report());
  for (const char* line : {"rtml_events_total 145312\n",
                           "rtml_severity 1\n",
                           "rtml_metric{metric=\"accuracy\",scope=\"window\"} 0.912\n",
                           "rtml_metric{metric=\"accuracy\",scope=\"no_change\"} 0.8533\n",
                           "rtml_arm_labels_total{arm=\"challenger\"} 4500\n",
                           "rtml_arm_metric{arm=\"challenger\",metric=\"f1\"} 0.8\n",
                           "rtml_predict_latency_seconds{quantile=\"0.99\"} 2.304e-06\n",
                           "rtml_label_latency_seconds_count 45212\n",
                           "rtml_rejected_total{reason=\"not finite\"} 12\n",
                           "rtml_memory_bytes 1843200\n",
                           "rtml_feature_missing_ratio{feature=\"card_age_days\"} 0.25\n",
                           "rtml_features_watched 3\n",
                           "rtml_feature_alarmed{feature=\"amount\"} 1\n",
                           "rtml_drift_false_alarms_per_row 1e-06\n",
                           "rtml_drift_expected_false_alarms 0.12\n",
                           "rtml_detector_alarms_total{detector=\"adwin:delta=0.002\",stream=\"error\"} 1\n",
                           "rtml_label_delay_seconds{share=\"0.9\"} 72000\n",
                           "rtml_segment_metric{segment=\"merchant = games\",metric=\"accuracy\"} 0.802\n",
                           "rtml_segments_flagged 2\n",
                           "rtml_incidents_total 3\n",
                           "rtml_incidents_waiting 1\n"})
    CHECK(text.find(line) != std::string::npos);
  CHECK(text.find("metric=\"log_loss\",scope=\"majority\"") == std::string::npos);
}

TEST_CASE("At most two hundred features have gauges of their own, all of them are counted", "[monitor][prometheus]") {
  const rtml::monitor::Report report = rtml::testing::example_report(1000, 0);
  const std::string text = to_prometheus(report);
  ExpositionReader reader;
  CHECK(reader.read(text) == "");
  std::size_t gauges = 0;
  for (std::size_t at = text.find("\nrtml_feature_alarmed{"); at != std::string::npos; at = text.find("\nrtml_feature_alarmed{", at + 1))
    ++gauges;
  CHECK(gauges == 200);
  CHECK(text.find("rtml_features_watched 998\n") != std::string::npos);
  CHECK(reader.samples < 1600);
}

TEST_CASE("Nothing to expose is empty text", "[monitor][prometheus]") { CHECK(to_prometheus(std::vector<Sample>{}).empty()); }

TEST_CASE("Names that Prometheus does not take are refused with their name", "[monitor][prometheus][config]") {
  const auto render = [](const Sample& sample) { return to_prometheus(std::vector<Sample>{sample}); };
  CHECK_THROWS_WITH(render({"9lives", "", 1.0}), "to_prometheus: name is \"9lives\", must be of [a-zA-Z0-9_:], not beginning with a digit");
  CHECK_THROWS_WITH(render({"a", "", 1.0, {{"b-c", ""}}}),
                    "a: label is \"b-c\", must be of [a-zA-Z0-9_], not beginning with a digit or __");
  CHECK_THROWS_AS(render({"", "", 1.0}), rtml::ConfigError);
  CHECK_THROWS_AS(render({"a b", "", 1.0}), rtml::ConfigError);
  CHECK_THROWS_AS(render({"a\n", "", 1.0}), rtml::ConfigError);
  CHECK_THROWS_AS(render({"a", "", 1.0, {{"__name__", "b"}}}), rtml::ConfigError);
  CHECK_THROWS_AS(render({"a", "", 1.0, {{"b:c", "b"}}}), rtml::ConfigError);
  CHECK_THROWS_AS(render({"a", "", 1.0, {{"b", "1"}, {"b", "2"}}}), rtml::ConfigError);
  CHECK_THROWS_AS(to_prometheus(std::vector<Sample>{{"a", "", 1.0}, {"a", "", 2.0, {}, Sample::Type::gauge}}), rtml::ConfigError);
  CHECK(render({"a:b", "", 1.0}) == "# TYPE a:b counter\na:b 1\n");
}
