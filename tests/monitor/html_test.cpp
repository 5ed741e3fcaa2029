#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
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
      if (open.back() == "style" || open.back() == "script") at = page.find("</" + open.back(), at) - 1;
    }
  }
  return open.empty() ? "" : "open " + open.back();
}

std::size_t occurrences(const std::string& text, const std::string& of) {
  std::size_t count = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++count;
  return count;
}

nlohmann::json data_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"report\">";
  const std::size_t from = page.find(begin) + begin.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

/// The page without the block of data.
std::string seen_of(const std::string& page) { return page.substr(0, page.find("<script")); }

}  // namespace

TEST_CASE("A report's page is well formed and needs nothing from elsewhere", "[monitor][html]") {
  const std::string page = to_html(example_report());
  CHECK(fault_of(page) == "");
  for (const char* reference : {"http:", "https:", "//", "src=", "href=", "url(", "@import", "<link", "<iframe", "onload", "javascript"})
    CHECK(seen_of(page).find(reference) == std::string::npos);
  CHECK(occurrences(page, "<script") == 1);
  CHECK(page.find("prefers-color-scheme:dark") != std::string::npos);
  CHECK(page.find("name=\"viewport\"") != std::string::npos);
}

TEST_CASE("A report's page shows every mark, arm, feature, counter and option", "[monitor][html]") {
  Report report = example_report(30);
  for (int i = 0; i < 90; ++i)
    report.marks.add({2000U + static_cast<unsigned>(i), rtml::Time{}, "drift", "alarm number " + std::to_string(i) + "."});
  const std::string page = seen_of(to_html(report));
  for (const auto& mark : report.marks.marks()) CHECK(page.find("<td class=\"w\">" + mark.text + "</td>") != std::string::npos);
  for (const auto& arm : report.arms) CHECK(page.find("<tr><td class=\"k\">" + arm.name + "</td>") != std::string::npos);
  for (const auto& feature : report.features) CHECK(page.find(feature.name) != std::string::npos);
  for (const char* words : {"Attention: accuracy 0.912", "Challenger is behind: p = 0.003.", "rtml_rejected_total", "reason=not finite",
                            "drift:psi=0.2", "reference&#39;s deciles", "0.8533", "2.3 \xC2\xB5s", "183 \xC2\xB5s", "1.8 MB", "45,312",
                            "2020-09-13 12:26 UTC", "continual", "frozen", "promotion", "1 % \xE2\x86\x92 25 %"}) {
    CAPTURE(words);
    CHECK(page.find(words) != std::string::npos);
  }
  CHECK(occurrences(page, "<svg class=\"bins\"") == 30);
  CHECK(occurrences(page, "<div class=\"lane\">") == 3);
}

TEST_CASE("Hostile words stay words on the page", "[monitor][html]") {
  const std::string hostile = "</script></style></title><img src=x onerror='alert(1)'>\" & \x01\xff";
  Report report = example_report();
  report.title = report.verdict = report.learner = report.comparison = hostile;
  report.metrics[0].name = report.series[0].points().empty() ? "" : hostile;
  report.series.emplace_back(hostile, hostile);
  report.series.back().add({900, rtml::Time{}, 0.5});
  report.marks.add({1000, rtml::Time{}, hostile, hostile});
  report.features[0].name = hostile;
  report.features[1].series = rtml::monitor::Series(hostile, hostile);
  report.arms[0].name = report.arms[0].learner = report.arms[0].verdict = hostile;
  report.arms[0].metrics[0].name = hostile;
  report.counters[0].name = report.counters[0].help = hostile;
  report.counters[0].labels = {{hostile, hostile}};
  report.configuration[0] = {hostile, hostile};
  report.notes = {hostile};
  const std::string page = to_html(report);
  CHECK(fault_of(page) == "");
  CHECK(page.find("<img") == std::string::npos);
  CHECK(occurrences(page, "</script") == 1);
  CHECK(occurrences(page, "</style") == 1);
  CHECK(page.find("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot; &amp; \xEF\xBF\xBD\xEF\xBF\xBD") != std::string::npos);
  CHECK(data_of(page)["comparison"] == "</script></style></title><img src=x onerror='alert(1)'>\" & \x01\xEF\xBF\xBD");
}

TEST_CASE("A page of a hundred features is below 300 KB, and more features do not grow it", "[monitor][html]") {
  const std::string page = to_html(example_report(100, 3000));
  CHECK(page.size() < 300'000);
  const std::string larger = to_html(example_report(1000, 3000));
  CHECK(larger.size() < 300'000);
  CHECK(larger.find("Shown: the 100 that rank first") != std::string::npos);
  CHECK(data_of(larger)["features"].size() == 100);
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
    Report report = example_report(2, 0);
    for (auto& series : report.series)
      for (std::uint64_t i = 0; i < rng.below(40); ++i) series.add({rng.below(3) == 0 ? ~std::uint64_t{0} : i, rtml::Time::max(), draw()});
    for (auto& feature : report.features) {
      for (std::uint64_t i = 0; i < rng.below(4); ++i) feature.series.add({i, rtml::Time::min(), draw()});
      for (double& count : feature.current) count = draw();
      for (double& count : feature.reference) count = draw();
      for (double& edge : feature.edges) edge = draw();
      feature.psi = draw(), feature.p = draw(), feature.current_missing = draw();
    }
    report.features[1].current.resize(rng.below(12));
    report.features[1].edges.resize(rng.below(12));
    report.metrics[0] = {"accuracy", draw(), draw(), draw(), draw()};
    report.drift_threshold = draw();
    report.arms[0].weight = draw();
    report.predict = {rng(), rng(), rng(), rng(), rng.below(2)};
    const std::string page = to_html(report);
    CAPTURE(run);
    CHECK(fault_of(page) == "");
    CHECK(occurrences(seen_of(page), "nan") == 0);
    CHECK(data_of(page).is_object());
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
  const std::string page = seen_of(to_html(report));
  for (const char* shown : {">0.3000<", ">224.8<", ">1,234,568<", ">1e-07<", "&lt; 0.001"}) {
    CAPTURE(shown);
    CHECK(page.find(shown) != std::string::npos);
  }
  CHECK(page.find("0.30000000000000004") == std::string::npos);
}
