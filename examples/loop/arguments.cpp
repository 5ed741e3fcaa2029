#include "arguments.hpp"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

namespace rtml_loop {

namespace {

rtml::Task task_of(const std::string& name) {
  for (const rtml::Task task : {rtml::Task::binary, rtml::Task::classes, rtml::Task::regression})
    if (name == rtml::name_of(task)) return task;
  rtml::raise(rtml::ConfigError("--task is \"" + name + "\", must be binary, classes or regression"));
}

void require_whole(std::string_view option, const std::string& text) {
  const bool open_ended = !text.empty() && (text.back() == ':' || text.back() == ',');
  rtml::require(option, "specification", text, !open_ended, "NAME or NAME:k=v,...");
}

}  // namespace

std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app(
      "Runs the whole real-time loop on a stream of labelled rows: features, predictions, delayed labels, drift, retraining, a\n"
      "comparison of models, checkpoints and a report. Without --data it runs an embedded stream of card payments with two drifts.",
      "rtml-loop");
  std::string task;
  std::int64_t limit = 0;
  std::int64_t seed = 1;
  constexpr std::int64_t most = 1'000'000'000'000'000;
  auto* data = app.add_option("--data", arguments.data, "CSV file with a header line, in stream order");
  app.add_option("--stream", arguments.stream, "made stream, NAME[:k=v,...]: payments (default), sea, agrawal, hyperplane")->excludes(data);
  app.add_option("--target", arguments.target, "column with the label")->needs(data);
  app.add_option("--task", task, "binary, classes or regression; inferred from the label when not given")->needs(data);
  app.add_option("--time", arguments.time,
                 "column with the event time (unix seconds, ms or us, or ISO 8601): gives hour, weekday and windows")
      ->needs(data);
  app.add_option("--entity", arguments.entity, "columns whose values own windows of the past (needs a time)")->delimiter(',');
  app.add_option("--nominal", arguments.nominal, "columns whose numbers are categories")->delimiter(',')->needs(data);
  app.add_option("--ignore", arguments.ignore, "columns to leave out")->delimiter(',')->needs(data);
  app.add_option("--label-delay", arguments.label_delay, "rows (100) or event time (90m, 7d) until a row's label is known")
      ->capture_default_str();
  app.add_option("--learner", arguments.learner, "NAME[:k=v,...]; default: logistic, softmax or linear, by the task");
  auto* challenger = app.add_option("--challenger", arguments.challenger, "a second learner, served to a share of the units");
  app.add_option("--split", arguments.split, "share of the units that the challenger serves; 0 = it runs in the shadow")
      ->needs(challenger)
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option(
      "--retrain", arguments.retrain,
      "POLICY[:k=v,...], POLICY one of none, continual (default), cadence (every=N|DURATION), drift (psi=0.2, ks=.., js=.., alarms,\n"
      "adwin, ddm, hddm_a, ...) and metric (accuracy<0.9), with start=fresh|warm|recall, data=recent|new|rehearsal, rows=N, min=N, "
      "cooldown=N, "
      "warmup=N.\n"
      "Several run beside each other on the same rows: the first serves, the others are its shadows");
  app.add_option("--rehearse", arguments.rehearse,
                 "past examples learned again: reservoir, class_balanced, sliding, prioritized (alpha=, beta=, epsilon=), decayed\n"
                 "(half_life=7d) or herding (candidates=N), with size=N, ratio=R, warmup=N, every=N, drift_ratio=R, drift_rows=N");
  app.add_option("--state", arguments.state, "directory of checkpoints: run again with it to go on where it stopped");
  auto* report =
      app.add_option("--report", arguments.report, "where to write the HTML report; default report.html, none with --json or \"\"");
  app.add_option("--limit", limit, "stop after so many rows in all")->check(CLI::Range(std::int64_t{1}, most));
  app.add_option("--seed", seed, "of the made stream, routing and rehearsal")
      ->check(CLI::Range(std::int64_t{0}, most))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "print one JSON object on standard output and nothing else there")->disable_flag_override();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "rtml-loop: {}\n", error.what());
    return 2;
  }
  if (!task.empty()) arguments.task = task_of(task);
  require_whole("--stream", arguments.stream);
  require_whole("--learner", arguments.learner);
  require_whole("--challenger", arguments.challenger);
  require_whole("--rehearse", arguments.rehearse);
  for (const std::string& policy : arguments.retrain) require_whole("--retrain", policy);
  arguments.limit = static_cast<std::uint64_t>(limit);
  arguments.seed = static_cast<std::uint64_t>(seed);
  if (!arguments.data.empty() && arguments.target.empty()) {
    fmt::print(stderr, "rtml-loop: --data needs --target, the column with the label\n");
    return 2;
  }
  arguments.report_asked = report->count() > 0;
  if (!arguments.report_asked && !arguments.json) arguments.report = "report.html";
  return std::nullopt;
}

}  // namespace rtml_loop
