#include "run.hpp"

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "daily_precision.hpp"
#include "policies.hpp"
#include "recipe.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/stream/csv_source.hpp"
#include "rtml/stream/delayed_labels.hpp"
#include "rtml/stream/make_stream.hpp"

namespace rtml_loop {
namespace {

using rtml::stream::Delay;
using RowLoop = rtml::Loop<rtml::Row>;

constexpr std::uint32_t rows_partition = 0;
constexpr std::uint32_t labels_partition = 1;

/// A label with the row that it belongs to.
struct Known {
  std::uint64_t row = 0;
  float y = 0.0F;
};

/// One line on a terminal's standard error, rewritten four times a second; nothing elsewhere.
class Progress {
 public:
  Progress() : shown_(::isatty(STDERR_FILENO) == 1) {}

  void update(std::uint64_t row, const RowLoop& loop) {
    if (!shown_ || row % 256 != 0) return;
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - last_).count();
    if (elapsed < 0.25) return;
    const auto counters = loop.counters();
    const auto metrics = loop.metrics(0, true);
    fmt::print(stderr, "\r\x1b[K{:>10} events  {:>9.0f}/s  {} {:.4f}  {} drifts  {} retrainings", counters.events,
               static_cast<double>(row - last_row_) / elapsed, metrics[0].first, metrics[0].second, counters.drifts, counters.retrainings);
    last_ = now;
    last_row_ = row;
    drawn_ = true;
  }

  ~Progress() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::uint64_t last_row_ = 0;
};

rtml::AnyLearner make_learner(std::string spec, const rtml::stream::Source& source) {
  if (spec.empty()) {
    constexpr std::string_view defaults[] = {"logistic", "linear", "softmax"};
    spec = defaults[static_cast<std::size_t>(source.task())];
  }
  return rtml::make_learner(spec, source.task(), static_cast<int>(source.classes()));
}

std::size_t rows_that_wait(const Delay& delay) {
  // A delay in time says nothing of rows: room for a quarter of a million, and what has to go is counted.
  return delay.time.count() > 0 ? std::size_t{1} << 18U : static_cast<std::size_t>(delay.rows) + 1024;
}

rtml::LoopOptions options_for(const Arguments& arguments, const rtml::stream::Source& source, const Delay& delay, bool has_time,
                              Outcome& outcome) {
  rtml::LoopOptions options;
  std::vector<std::string> policies = arguments.retrain;
  if (policies.empty()) policies.emplace_back("continual");
  options.retrain = make_policy(policies[0], has_time);
  outcome.policies.push_back(policies[0]);
  if (!arguments.challenger.empty()) {
    options.challengers.push_back(
        {"challenger", make_learner(arguments.challenger, source), arguments.split, make_policy(policies[0], has_time)});
    outcome.policies.push_back(policies[0]);
  }
  for (std::size_t i = 1; i < policies.size(); ++i) {
    options.challengers.push_back({policies[i], make_learner(arguments.learner, source), 0.0, make_policy(policies[i], has_time)});
    outcome.policies.push_back(policies[i]);
  }
  options.rehearse = make_rehearsal(arguments.rehearse, arguments.seed);
  options.state = arguments.state;
  options.seed = arguments.seed;
  options.pending = rows_that_wait(delay);
  options.history = 20'000;
  options.checkpoint_every = 50'000;
  options.on_event = [](const rtml::LoopEvent& event) {
    if (event.kind == rtml::LoopEvent::Kind::state_refused || event.kind == rtml::LoopEvent::Kind::checkpoint_failed)
      fmt::print(stderr, "rtml-loop: {}: {}\n", rtml::name_of(event.kind), event.what);
  };
  return options;
}

/// Teaches the labels that are known by `now`, those of rows before `from` apart. True when there was one.
bool teach_known(RowLoop& loop, rtml::stream::DelayedLabels<Known>& waiting, std::uint64_t from, rtml::Time now) {
  bool taught = false;
  for (Known known; waiting.pop(known);) {
    if (known.row < from || rtml::is_nan(known.y)) continue;
    const rtml::Label label{
        .id = {rows_partition, known.row}, .y = known.y, .source = {labels_partition, known.row}, .has_source = true, .at = now};
    while (!loop.label(label)) loop.work();
    taught = true;
  }
  return taught;
}

void note_unread(const rtml::stream::CsvSource& csv, Outcome& outcome) {
  outcome.bad_rows = csv.reader().bad_rows() + csv.without_label();
  outcome.without_time = csv.without_time();
  for (std::size_t i = 0; i < csv.reader().columns().size(); ++i) outcome.not_numeric += csv.reader().not_numeric(i);
  for (const auto& bad : csv.reader().reasons()) outcome.bad_row_reasons.push_back(fmt::format("line {}: {}", bad.line, bad.reason));
}

}  // namespace

std::unique_ptr<rtml::stream::Source> open(const Arguments& arguments) {
  if (arguments.data.empty()) {
    std::string stream = arguments.stream;
    if (stream.find("seed=") == std::string::npos)
      stream += (stream.find(':') == std::string::npos ? ":" : ",") + fmt::format("seed={}", arguments.seed);
    return rtml::stream::make_stream(stream);
  }
  rtml::stream::CsvSource::Options options;
  options.target = arguments.target;
  options.time = arguments.time;
  options.nominal = arguments.nominal;
  options.nominal.insert(options.nominal.end(), arguments.entity.begin(), arguments.entity.end());
  options.ignore = arguments.ignore;
  options.task = arguments.task;
  return std::make_unique<rtml::stream::CsvSource>(arguments.data, options);
}

Outcome run(const Arguments& arguments, rtml::stream::Source& source) {
  Outcome outcome;
  const Delay delay = Delay::parse(arguments.label_delay);
  const bool embedded = arguments.data.empty() && source.name().substr(0, 8) == "payments";
  const bool has_time = !arguments.time.empty() || embedded;
  rtml::require("--label-delay", "value", arguments.label_delay, has_time || delay.time.count() == 0,
                "a number of rows, as there is no --time");
  rtml::require("--label-delay", "rows", delay.rows, delay.rows <= 10'000'000, "at most 10000000");
  std::vector<std::string> entities = arguments.entity;
  if (embedded && entities.empty()) entities.emplace_back("card");
  outcome.loop =
      std::make_unique<RowLoop>(make_features(source, has_time, entities, arguments.nominal), make_learner(arguments.learner, source),
                                options_for(arguments, source, delay, has_time, outcome));
  RowLoop& loop = *outcome.loop;
  outcome.resumed_from = loop.resume_offset(rows_partition);
  const std::uint64_t labels_from = loop.resume_offset(labels_partition);

  rtml::stream::DelayedLabels<Known> waiting(delay, rows_that_wait(delay));
  rtml::Watermark watermark;  // one row of a wrong clock must not hold back or set free the labels of all others
  DailyPrecision daily(50);
  const bool daily_applies = source.task() == rtml::Task::binary && has_time && outcome.resumed_from == 0;
  const auto is_unit = [&](const auto& column) { return !entities.empty() && column.name == entities[0]; };
  const auto unit_column =
      static_cast<std::size_t>(std::find_if(source.columns().begin(), source.columns().end(), is_unit) - source.columns().begin());
  Progress progress;
  const auto began = std::chrono::steady_clock::now();
  bool taught = false;  // as in the loop's own metrics, what was said before anything was learned does not count
  rtml::Row row;
  float y = 0.0F;
  for (std::uint64_t at = 0; (arguments.limit == 0 || at < arguments.limit) && source.next(row, y); ++at) {
    if (at >= outcome.resumed_from) {
      const std::uint64_t unit = entities.empty() ? rtml::EventId(at).hash() : rtml::hash_bytes(row.text[unit_column]);
      const rtml::Prediction prediction = loop.predict({rows_partition, at}, row, unit);
      if (daily_applies && taught && !rtml::is_nan(y)) daily.add(row.at, prediction.score, y);
      ++outcome.served;
    }
    waiting.push(watermark.advance(row.at), {at, y});
    taught = teach_known(loop, waiting, labels_from, row.at) || taught;
    if (at >= outcome.resumed_from) {
      loop.work();
      progress.update(at, loop);
    }
  }
  if (!arguments.state.empty()) loop.stop();
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  outcome.precision_at_50_per_day = daily_applies ? daily.value() : std::numeric_limits<double>::quiet_NaN();
  if (const auto* csv = dynamic_cast<const rtml::stream::CsvSource*>(&source)) note_unread(*csv, outcome);
  return outcome;
}

}  // namespace rtml_loop
