#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "example_report.hpp"
#include "rtml/monitor/render.hpp"
#include "support/catch.hpp"

using rtml::monitor::Report;
using rtml::monitor::to_html;
using rtml::testing::example_report;

namespace {

/// What is wrong with the page as XML-like markup, empty when nothing: tags balance, attributes are quoted, references are known.
std::string fault_of(const std::string& page) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < page.size(); ++at) {
    if (page[at] == '&') {
      const std::string reference = page.substr(at, page.find(';', at) - at + 1);
      if (!std::set<std::string>{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}.contains(reference)) return "reference " + page.substr(at, 20);
    }
    if (static_cast<unsigned char>(page[at]) < 0x20 && page[at] != '\n') return "a control character";
    if (page[at] == '>') return "a stray > after " + page.substr(at < 30 ? 0 : at - 30, 30);
    if (page[at] != '<') continue;
    const std::size_t begin = at;
    char quote = '\0';
    for (++at; at < page.size() && (quote != '\0' || page[at] != '>'); ++at) {
      if (quote == '\0' && page[at] == '<') return "a stray < before " + page.substr(begin, 30);
      if (page[at] == '"') quote = quote == '\0' ? '"' : '\0';
      if (page[at] == '\'') return "a single quote in a tag";
    }
    const std::string tag = page.substr(begin, at - begin + 1);
    if (tag.starts_with("<!DOCTYPE")) continue;
    std::size_t end = tag[1] == '/' ? 2 : 1;
    while (std::isalnum(static_cast<unsigned char>(tag[end])) != 0) ++end;
    if (tag[1] == '/') {
      if (open.empty() || open.back() != tag.substr(2, end - 2)) return "unbalanced " + tag;
      open.pop_back();
    } else if (tag[tag.size() - 2] != '/') {
      open.push_back(tag.substr(1, end - 1));
      if (open.back() == "style") at = page.find("</" + open.back(), at) - 1;
    }
  }
  return open.empty() ? "" : "open " + open.back();
}

std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++count;
  return count;
}

/// The page without what stands in it as base64.
std::string without_pictures(const std::string& page) {
  std::string rest;
  std::size_t at = 0;
  for (std::size_t from = page.find("base64,"); from != std::string::npos; from = page.find("base64,", at)) {
    rest += page.substr(at, from - at);
    at = page.find(')', from);
  }
  return rest + page.substr(at);
}

}  // namespace

TEST_CASE("A report's page is well formed, runs nothing and needs nothing from elsewhere", "[monitor][html]") {
  const std::string page = to_html(example_report());
  CHECK(fault_of(page) == "");
  for (const char* reference : {"http:", "https:", "//", "src=", "@import", "<link", "<iframe", "<script", "onload", "javascript"})
    CHECK(occurrences(without_pictures(page), reference) == 0);
  CHECK(occurrences(page, "url(") == occurrences(page, "url(data:image/png;base64,"));
  CHECK(occurrences(page, "href=") == occurrences(page, "href=\"#f"));
  CHECK(page.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK(page.find("name=\"viewport\"") != std::string::npos);
}

TEST_CASE("A report's page shows every mark, arm, feature, segment, incident, counter and option", "[monitor][html]") {
  Report report = example_report(30);
  for (int i = 0; i < 90; ++i)
    report.marks.add({2000U + static_cast<unsigned>(i), rtml::Time{}, "drift", "alarm number " + std::to_string(i) + "."});
  const std::string page = to_html(report);
  for (const auto& mark : report.marks.marks()) CHECK(page.find("<td class=\"w\">" + mark.text + "</td>") != std::string::npos);
  for (const auto& arm : report.arms) CHECK(page.find("<tr><td class=\"k\">" + arm.name + "</td>") != std::string::npos);
  for (const auto& feature : report.features) CHECK(page.find(">" + feature.name + "<") != std::string::npos);
  for (const auto& segment : report.segments) CHECK(page.find(segment.name) != std::string::npos);
  for (const char* words : {"Attention: accuracy 0.912",
                            "Challenger is behind: p = 0.003.",
                            "rtml_rejected_total",
                            "reason=not finite",
                            "drift:psi=0.2",
                            "reference&#39;s deciles",
                            "0.8533",
                            "2.3 \xC2\xB5s",
                            "183 \xC2\xB5s",
                            "1.8 MB",
                            "145,312",
                            "2020-09-19 07:20 UTC",
                            "continual",
                            "frozen",
                            "promotion",
                            "adwin:delta=0.002",
                            "60 min to 24 h",
                            "91.7 %",
                            "20 h (90 %)",
                            "none yet",
                            "promoted",
                            "0.884 \xE2\x86\x92 0.913"}) {
    CAPTURE(words);
    CHECK(page.find(words) != std::string::npos);
  }
  CHECK(occurrences(page, "<td><i></i></td><td><b></b></td>") == 30);
  CHECK(occurrences(page, "<div class=\"page\"") == 30);
}

TEST_CASE("A page's first lines say how many drifted, under which budget, and on what that rests", "[monitor][html]") {
  const Report report = example_report(20);
  std::size_t features = 0;
  std::size_t alarmed = 0;
  bool predictions = false;
  for (const auto& column : report.features) {
    features += column.is_feature() ? 1U : 0U;
    alarmed += column.is_feature() && column.alarmed ? 1U : 0U;
    predictions |= column.kind == rtml::monitor::FeatureDrift::Kind::prediction && column.alarmed;
  }
  REQUIRE(alarmed > 1);
  const std::string page = to_html(report);
  const std::string first = page.substr(page.find("<p class=\"budget\">"), 700);
  for (const std::string& words :
       {std::to_string(alarmed) + " of " + std::to_string(features) + " features have drifted" +
            (predictions ? ", so have the predictions" : ""),
        std::string("e-values, Bonferroni over features"), std::string("1 false alarm in 1,000,000 rows, at most 0.12 expected"),
        std::string("least effect that matters: 5 % of the rows"), std::string("reference of 20,000 rows (June 2020)"),
        std::string("windows of 2,000, 10,000 rows"), std::string("9f3ac14be27705d1")}) {
    CAPTURE(words);
    CHECK(first.find(words) != std::string::npos);
  }
}

TEST_CASE("A page ranks features by alarm and effect, whatever their PSI, with the model's outputs before them", "[monitor][html]") {
  Report report = example_report(6);
  for (std::size_t f = 0; f < 6; ++f) {
    report.features[f].name = std::string("feature_") + "abcdef"[f];
    report.features[f].alarmed = f == 1;
    report.features[f].effect = 0.1 * static_cast<double>(f);
    report.features[f].psi = 9.0 - static_cast<double>(f);
  }
  report.features[0].effect = rtml::monitor::unknown;
  const std::string page = to_html(report);
  std::size_t before = page.find("<table class=\"ft\"");
  for (const char* name : {"feature_f", "feature_e", "feature_b", "feature_d", "feature_c", "feature_a"}) {  // e, f: score and label
    CAPTURE(name);
    const std::size_t at = page.find(std::string(">") + name + "</a></th>");
    REQUIRE(at != std::string::npos);
    CHECK(at > before);
    before = at;
  }
}

TEST_CASE("A feature's page tells which bins moved, where the widest gap is, and when it began", "[monitor][html]") {
  Report report = example_report(5, 0, 4);
  auto& feature = report.features[0];
  const double infinity = std::numeric_limits<double>::infinity();
  feature.edges = {-infinity, 1.0, 2.0, infinity};
  feature.reference = {500, 300, 200};
  feature.current = {20, 30, 50};
  feature.effect = 0.3;
  feature.effect_edge = 0;
  feature.alarms = 1;
  feature.first_alarm = 26'000;
  feature.change = 25'000;
  const std::string page = to_html(report);
  const std::string one = page.substr(page.find("30 % moved above 1"), 3000);
  // Of the first bin: (20.5 / 101.5 - 500.5 / 1001.5) ln((20.5 / 101.5) / (500.5 / 1001.5)) = 0.270.
  for (const char* words : {"<td>below 1</td><td>50.0</td><td>20.0</td><td>0.270</td>",
                            "<td>from 2</td><td>20.0</td><td>50.0</td><td>0.271</td>", "M0 100l1-50 1-30 1-20", "M0 100l1-20 1-30 1-50",
                            "<path class=\"gap\" d=\"M1 50V80\"/>", "event 26,000", "the change began about event 25,000, 1,000 earlier",
                            "<path class=\"raised\" d=\"M2.0 0V100\"/>", "<path class=\"change\" d=\"M1.5 0V100\"/>"}) {
    CAPTURE(words, one);
    CHECK(one.find(words) != std::string::npos);
  }
}

TEST_CASE("A feature of which more is missing moved to missing, not above some edge", "[monitor][html]") {
  Report report = example_report(5, 0, 4);
  auto& feature = report.features[0];
  feature.edges = {0.0, 1.0, 2.0, 3.0};
  feature.reference = {500, 300, 190};
  feature.current = {40, 25, 15};
  feature.reference_missing = 0.01, feature.current_missing = 0.21;
  feature.effect = 0.2;
  feature.effect_edge = 1;
  CHECK(to_html(report).find("20 % moved to missing</span>") != std::string::npos);
  feature.reference_missing = 0.21, feature.current_missing = 0.01;
  CHECK(to_html(report).find("20 % moved from missing</span>") != std::string::npos);
  feature.current_missing = 0.21;
  feature.effect = 0.005;
  CHECK(to_html(report).find("0.5 % moved below 2</span>") != std::string::npos);
}

TEST_CASE("Hostile words stay words on the page", "[monitor][html]") {
  const std::string hostile = "</script></style></title><img src=x onerror='alert(1)'>\" & \x01\xff";
  Report report = example_report(12);
  report.title = report.verdict = report.learner = report.comparison = hostile;
  report.metrics[0].name = report.series[0].points().empty() ? "" : hostile;
  report.series.emplace_back(hostile, hostile);
  report.series.back().add({900, rtml::Time{}, 0.5});
  report.marks.add({60000, rtml::Time{}, hostile, hostile});
  for (auto& feature : report.features) {
    feature.name = hostile;
    for (auto& category : feature.categories) category = hostile;
  }
  report.drift.procedure = report.drift.reference = report.drift.binning = hostile;
  report.drift.assumptions = {hostile};
  report.performance.metric = report.performance.detectors[0].name = report.performance.detectors[0].watches = hostile;
  report.segment_metric = report.segments[0].name = hostile;
  rtml::monitor::Incident incident;
  incident.action = rtml::monitor::Incident::Action::retrain;
  incident.what = incident.detector = incident.trigger = incident.metric = hostile;
  report.incidents.add(incident);
  report.arms[0].name = report.arms[0].learner = report.arms[0].verdict = hostile;
  report.arms[0].metrics[0].name = hostile;
  report.counters[0].name = report.counters[0].help = hostile;
  report.counters[0].labels = {{hostile, hostile}};
  report.configuration[0] = {hostile, hostile};
  report.notes = {hostile};
  const std::string page = to_html(report);
  CHECK(fault_of(page) == "");
  CHECK(page.find("<img") == std::string::npos);
  CHECK(occurrences(page, "</script") == 0);
  CHECK(occurrences(page, "</style") == 1);
  CHECK(page.find("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot; &amp; \xEF\xBF\xBD\xEF\xBF\xBD") != std::string::npos);
}

TEST_CASE("A page of a thousand features that all drift is below 500 KB, with long names, 16 bins and 64 windows", "[monitor][html]") {
  rtml::testing::ExampleOptions options;
  options.features = 1000, options.points = 3000, options.windows = 64, options.drifting = 1.0;
  Report report = example_report(options);
  for (auto& feature : report.features) {
    feature.name.resize(48, 'x');
    feature.unseen = 0.123;
    if (feature.edges.empty()) continue;
    feature.edges.clear();
    for (int b = 0; b <= 16; ++b) feature.edges.push_back(1000.123 + b);
    feature.reference.resize(16, 77.0);
    feature.current.resize(16, 7.0);
  }
  const std::string page = to_html(report);
  CHECK(fault_of(page) == "");
  CHECK(page.size() < 500'000);
  CHECK(occurrences(page, "<td><i></i></td>") == 1000);
  CHECK(occurrences(page, "<div class=\"page\"") == 50);
}

TEST_CASE("Names of many bytes, more features and longer histories do not grow a page without bound", "[monitor][html]") {
  rtml::testing::ExampleOptions options;
  options.features = 1200, options.points = 3000, options.windows = 500, options.drifting = 1.0;
  Report report = example_report(options);
  std::string name;
  for (int i = 0; i < 100; ++i) name += i % 2 == 0 ? "\xF0\x9F\x98\x80" : "&";
  for (auto& feature : report.features) feature.name = name;
  const std::string page = to_html(report);
  CHECK(fault_of(page) == "");
  CHECK(page.size() < 540'000);
  CHECK(occurrences(page, "<td><i></i></td>") == 1000);
  CHECK(page.find("200 further features are in the JSON") != std::string::npos);
}

TEST_CASE("A page is well formed whatever the numbers are", "[monitor][html]") {
  const double extreme[] = {0.0,
                            -0.0,
                            1.0,
                            -1e-300,
                            5e-324,
                            1e300,
                            1.7e308,
                            -1.7e308,
                            std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity(),
                            rtml::monitor::unknown};
  rtml::Rng rng(1);
  for (int run = 0; run < 60; ++run) {
    const auto draw = [&] { return extreme[rng.below(11)]; };
    Report report = example_report(6, 0, 1 + rng.below(5));
    for (auto& series : report.series)
      for (std::uint64_t i = 0; i < rng.below(40); ++i) series.add({rng.below(3) == 0 ? ~std::uint64_t{0} : i, rtml::Time::max(), draw()});
    for (auto& feature : report.features) {
      for (double& count : feature.current) count = draw();
      for (double& count : feature.reference) count = draw();
      for (double& edge : feature.edges) edge = draw();
      for (double& quantile : feature.current_quantiles) quantile = draw();
      feature.effect = draw(), feature.psi = draw(), feature.psi_null = draw(), feature.p = draw(), feature.adjusted_p = draw();
      feature.current_missing = draw(), feature.unseen = draw(), feature.wasserstein = draw(), feature.importance = draw();
      feature.effect_edge = static_cast<std::uint32_t>(rng());
      feature.alarms = rng.below(2), feature.first_alarm = rng(), feature.change = rng();
    }
    report.features[1].current.resize(rng.below(12));
    report.features[1].edges.resize(rng.below(12));
    report.features[2].reference.clear();
    report.features[3].reference.resize(1), report.features[3].current.resize(1);
    for (float& effect : report.history.effects) effect = static_cast<float>(std::clamp(draw(), -1e30, 1e30));
    for (auto& end : report.history.ends) end = rng();
    if (rng.below(4) == 0) report.history.effects.pop_back();
    if (rng.below(4) == 0) report.history.at.clear();
    if (rng.below(4) == 0) report.history = {};
    report.drift.false_alarms_per_row = draw(), report.drift.expected_false_alarms = draw(), report.drift.least_effect = draw();
    for (auto& window : report.performance.windows) {
      window.realised = {draw(), draw(), draw()};
      window.estimated = {draw(), draw(), draw()};
      if (rng.below(3) == 0) window.end = rng();
    }
    report.performance.alarm_level = draw();
    for (auto& coverage : report.performance.coverage) coverage = {rtml::Duration(static_cast<std::int64_t>(rng())), rng(), rng()};
    report.segments[0].metric = {draw(), draw(), draw()};
    report.segments[0].gap = draw();
    report.incidents.find(0)->before = draw();
    report.metrics[0] = {"accuracy", draw(), draw(), draw(), draw()};
    report.arms[0].weight = draw();
    report.predict = {rng(), rng(), rng(), rng(), rng.below(2)};
    const std::string page = to_html(report);
    CAPTURE(run);
    CHECK(fault_of(page) == "");
    CHECK(occurrences(page, "922337203685477") == 0);  // what a line of NaN is drawn through
    for (const char* words : {">nan", " nan", "inf<", "(nan"}) {
      CAPTURE(words);
      CHECK(occurrences(without_pictures(page), words) == 0);
    }
  }
}

TEST_CASE("A page of an empty report says that there is nothing yet", "[monitor][html]") {
  const std::string page = to_html(Report{});
  CHECK(fault_of(page) == "");
  CHECK(page.find("no label has arrived") != std::string::npos);
  CHECK(page.find("No feature is watched") != std::string::npos);
}

TEST_CASE("A line on the page breaks at gaps, and a value between gaps is a dot", "[monitor][html]") {
  Report report;
  rtml::monitor::Series series("accuracy", "");
  const double values[] = {0.5, 0.5, rtml::monitor::unknown, 0.75, rtml::monitor::unknown, 1.0, 0.5};
  for (std::uint64_t i = 0; i < 7; ++i) series.add({i, rtml::Time{}, values[i]});
  report.series.push_back(series);
  const std::string page = to_html(report);
  const auto path = [&page](const std::string& kind) {
    const std::string begin = "<path class=\"" + kind + "\" d=\"M";
    const std::size_t from = page.find(begin, page.find("class=\"plot\""));
    return page.substr(from + begin.size(), page.find('"', from + begin.size()) - from - begin.size());
  };
  CHECK(occurrences(path("s0"), "M") == 1);
  CHECK(occurrences(path("s0"), "L") == 2);
  CHECK(path("s0").starts_with("0 "));
  CHECK(path("s0 dot").starts_with("2000 "));
}

TEST_CASE("Numbers on the page are rounded for people", "[monitor][html]") {
  Report report;
  report.metrics = {{"mae", 0.1 + 0.2, 224.84999, 1234567.8, 1e-7}};
  report.features.resize(1);
  report.features[0].p = 1e-9;
  const std::string page = to_html(report);
  for (const char* shown : {">0.3000<", ">224.8<", ">1,234,568<", ">1e-07<", ">1e-09<", "p &lt; 0.001"}) {
    CAPTURE(shown);
    CHECK(page.find(shown) != std::string::npos);
  }
  CHECK(page.find("0.30000000000000004") == std::string::npos);
}
