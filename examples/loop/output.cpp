#include "output.hpp"

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rtml/monitor/render.hpp"

namespace rtml_loop {
namespace {

using Json = nlohmann::ordered_json;
using rtml::LoopEvent;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

/// A figure as a person reads it.
std::string shown(double value) {
  if (!std::isfinite(value)) return "-";
  if (value != 0.0 && std::fabs(value) < 1.0) return fmt::format("{:.4f}", value);
  return fmt::format("{:.5g}", value);
}

std::string nanoseconds(std::uint64_t count) {
  if (count < 10'000) return fmt::format("{} ns", count);
  return count < 10'000'000 ? fmt::format("{} us", count / 1'000) : fmt::format("{} ms", count / 1'000'000);
}

std::uint64_t rejected(const Outcome& outcome, const rtml::LoopCounters& counters) {
  return outcome.bad_rows + outcome.not_numeric + outcome.without_time + counters.refused_features + counters.labels_refused;
}

Json latency(const rtml::monitor::Latency& of) { return {{"p50", of.p50}, {"p99", of.p99}, {"p999", of.p999}}; }

Json drifts(const std::vector<LoopEvent>& events) {
  Json list = Json::array();
  for (const LoopEvent& event : events)
    if (event.kind == LoopEvent::Kind::drift)
      list.push_back({{"event", event.event}, {"what", event.what}, {"detector", event.detector}, {"statistic", number(event.statistic)}});
  return list;
}

Json retrains(const std::vector<LoopEvent>& events) {
  std::vector<const LoopEvent*> sorted;
  for (const LoopEvent& event : events)
    if (event.kind == LoopEvent::Kind::retrain) sorted.push_back(&event);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const LoopEvent* a, const LoopEvent* b) { return std::tie(a->event, a->what) < std::tie(b->event, b->what); });
  Json list = Json::array();
  for (const LoopEvent* event : sorted)
    list.push_back(
        {{"event", event->event}, {"trigger", event->detector}, {"start", event->fresh ? "fresh" : "warm"}, {"arm", event->what}});
  return list;
}

/// What came of retrained models before a gate.
Json gates(const std::vector<LoopEvent>& events) {
  Json list = Json::array();
  for (const LoopEvent& event : events)
    if (event.kind == LoopEvent::Kind::promoted || event.kind == LoopEvent::Kind::discarded)
      list.push_back({{"event", event.event},
                      {"arm", event.what},
                      {"promoted", event.kind == LoopEvent::Kind::promoted},
                      {"labels", number(event.statistic)},
                      {"losses", event.detector}});
  return list;
}

/// Why a table has no figures.
void print_unmeasured(const rtml::LoopCounters& counters) {
  if (counters.labels > counters.labels_cold) return;
  fmt::print("nothing was measured: {}\n",
             counters.labels == 0 ? "no label met its prediction before the end of the rows (see --label-delay)"
                                  : fmt::format("all {} labels are of rows served before anything was learned", counters.labels));
}

/// What had no room, came too late or could not be believed.
void print_losses(const rtml::LoopCounters& counters) {
  if (counters.evicted > 0) fmt::print("{} predictions made room before their label came, or had none\n", counters.evicted);
  if (counters.labels_unknown > 0) fmt::print("{} labels came after their prediction had made room\n", counters.labels_unknown);
  if (counters.labels_expired > 0) fmt::print("{} labels came too late\n", counters.labels_expired);
  if (counters.times_refused > 0) fmt::print("{} times too far ahead of all others to be believed\n", counters.times_refused);
}

/// One line for each arm, with its first three metrics; what is said of two arms that serve follows.
void print_arms(const Outcome& outcome, const rtml::monitor::Report& report) {
  std::vector<std::string> labels;
  std::size_t width = 6;
  for (std::size_t i = 0; i < report.arms.size(); ++i) {
    const std::string& learner = report.arms[i].learner;
    labels.push_back(outcome.policies[i] + (learner == report.learner ? "" : " (" + learner + ")"));
    width = std::max(width, labels.back().size());
  }
  const std::size_t shown_metrics = std::min<std::size_t>(3, report.metrics.size());
  fmt::print("\n{:<{}}{:>12}{:>9}", "policy", width, "retrained", "share");
  for (std::size_t m = 0; m < shown_metrics; ++m) fmt::print("{:>11}", report.metrics[m].name);
  fmt::print("\n");
  bool served = false;
  for (std::size_t i = 0; i < report.arms.size(); ++i) {
    const auto& arm = report.arms[i];
    served = served || (i > 0 && arm.weight > 0.0);
    fmt::print("{:<{}}{:>12}{:>9}", labels[i], width, arm.version,
               arm.weight > 0.0 ? fmt::format("{:.0f} %", 100.0 * arm.weight) : "shadow");
    for (std::size_t m = 0; m < shown_metrics; ++m) fmt::print("{:>11}", shown(arm.metrics[m].value));
    fmt::print("\n");
  }
  if (served) fmt::print("{}\n", report.comparison);
}

}  // namespace

void print_json(const Outcome& outcome, const rtml::stream::Source& source) {
  const auto& loop = *outcome.loop;
  const auto report = loop.report();
  const auto counters = loop.counters();
  Json json;
  json["events"] = counters.events;
  json["labels"] = counters.labels;
  json["task"] = rtml::name_of(source.task());
  json["learner"] = report.learner;
  Json baselines = {{"no_change", Json::object()}, {"majority", Json::object()}};  // of a regression: the mean
  for (const auto& row : report.metrics) {
    json["metrics"][row.name] = number(row.whole);
    json["window_metrics"][row.name] = number(row.window);
    baselines["no_change"][row.name] = number(row.no_change);
    baselines["majority"][row.name] = number(row.majority);
  }
  json["baselines"] = std::move(baselines);
  const auto events = loop.events();
  json["drifts"] = drifts(events);
  json["retrains"] = retrains(events);
  json["gates"] = gates(events);
  json["arms"] = Json::array();
  for (std::size_t i = 0; i < report.arms.size(); ++i) {
    const auto& arm = report.arms[i];
    Json metrics = Json::object();
    for (const auto& metric : arm.metrics) metrics[metric.name] = number(metric.value);
    json["arms"].push_back({{"name", arm.name}, {"policy", outcome.policies[i]}, {"predictions", arm.predictions}, {"metrics", metrics}});
  }
  if (!report.comparison.empty()) json["comparison"] = report.comparison;
  json["latency_ns"] = {{"predict", latency(report.predict)}, {"label", latency(report.label)}};
  json["events_per_second"] = outcome.seconds > 0.0 ? static_cast<double>(outcome.served) / outcome.seconds : 0.0;
  json["resumed_from"] = outcome.resumed_from;
  json["precision_at_50_per_day"] = number(outcome.precision_at_50_per_day);
  json["drifts_total"] = counters.drifts;  // the lists hold the newest 1024 events
  json["retrains_total"] = counters.retrainings;
  json["rejected"] = rejected(outcome, counters);
  json["evicted"] = counters.evicted;
  json["labels_unknown"] = counters.labels_unknown;
  json["labels_expired"] = counters.labels_expired;
  json["times_refused"] = counters.times_refused;
  json["memory_bytes"] = loop.memory_bytes();
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void print_table(const Outcome& outcome, const rtml::stream::Source& source) {
  const auto& loop = *outcome.loop;
  const auto report = loop.report();
  const auto counters = loop.counters();
  fmt::print("{}: {} events, {} labels, {} learner, task {}{}\n\n", source.name(), counters.events, counters.labels, report.learner,
             rtml::name_of(source.task()), outcome.resumed_from > 0 ? fmt::format(", resumed from event {}", outcome.resumed_from) : "");
  const bool regression = source.task() == rtml::Task::regression;
  fmt::print("{:<24}{:>10}{:>12}{:>12}{:>12}\n", "metric", "model", fmt::format("last {}", report.window), "no-change",
             regression ? "mean" : "majority");
  for (const auto& row : report.metrics)
    fmt::print("{:<24}{:>10}{:>12}{:>12}{:>12}\n", row.name, shown(row.whole), shown(row.window), shown(row.no_change),
               shown(row.majority));
  if (std::isfinite(outcome.precision_at_50_per_day))
    fmt::print("{:<24}{:>10}   share of positives among the 50 highest scores of each day\n", "precision_at_50_per_day",
               shown(outcome.precision_at_50_per_day));
  print_unmeasured(counters);

  if (report.arms.size() > 1) print_arms(outcome, report);

  const auto events = loop.events();
  std::uint64_t shown_drifts = 0;
  fmt::print("\n{} drifts, {} retrainings\n", counters.drifts, counters.retrainings);
  for (const LoopEvent& event : events) {
    if (event.kind != LoopEvent::Kind::drift || ++shown_drifts > 12) continue;
    fmt::print("  event {:>8}  {:<28} {} {}\n", event.event, event.what, event.detector, shown(event.statistic));
  }
  if (shown_drifts > 12) fmt::print("  ... and {} more, in the report\n", shown_drifts - 12);

  fmt::print("\npredict p50 {}, p99 {}, p99.9 {}; {:.0f} events/s (reading, learning and all); {:.1f} MB\n",
             nanoseconds(report.predict.p50), nanoseconds(report.predict.p99), nanoseconds(report.predict.p999),
             outcome.seconds > 0.0 ? static_cast<double>(outcome.served) / outcome.seconds : 0.0,
             static_cast<double>(loop.memory_bytes()) / 1e6);
  if (const std::uint64_t count = rejected(outcome, counters); count > 0) fmt::print("{} rows or values rejected\n", count);
  for (const std::string& reason : outcome.bad_row_reasons) fmt::print("  {}\n", reason);
  if (outcome.not_numeric > 0) fmt::print("  {} fields of numeric columns were text, and so missing\n", outcome.not_numeric);
  if (outcome.without_time > 0) fmt::print("  {} rows had no readable time\n", outcome.without_time);
  print_losses(counters);
}

void require_writable(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  const bool there = fs::exists(path, unknown);
  const std::string folder = fs::path(path).parent_path().string();
  const std::string place = there ? path : (folder.empty() ? "." : folder) + "/.";
  int code = ::access(place.c_str(), W_OK) == 0 ? 0 : errno;
  if (there && fs::is_directory(path, unknown)) code = EISDIR;
  if (code != 0) throw rtml::IoError("--report: cannot write " + path + ": " + std::generic_category().message(code), code);
}

void write_report(const Outcome& outcome, const std::string& path) {
  const std::string html = rtml::monitor::to_html(outcome.loop->report());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written = file != nullptr && std::fwrite(html.data(), 1, html.size(), file) == html.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (!written || !closed) throw rtml::IoError("--report: cannot write " + path + ": " + std::generic_category().message(errno), errno);
}

}  // namespace rtml_loop
