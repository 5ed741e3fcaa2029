#include "run.hpp"

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>

#include <fmt/format.h>

#include "daily_precision.hpp"
#include "description.hpp"
#include "lookahead.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/watermark.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/loop/row_features.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/replay/make_rehearsal.hpp"
#include "rtml/stream/csv_source.hpp"
#include "rtml/stream/delayed_labels.hpp"
#include "rtml/stream/make_stream.hpp"
#include "rtml/train/make_retrain.hpp"

namespace rtml_loop {
namespace {

using rtml::stream::Delay;
using RowLoop = rtml::Loop<rtml::Row>;

constexpr std::uint32_t rows_partition = 0;
constexpr std::uint32_t labels_partition = 1;
constexpr std::size_t most_labels = std::size_t{1} << 32U;  // the queue grows to what waits: 32 bytes a row

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

/// Of each arm that the command line names: the champion's, the challenger's, the shadows'.
std::vector<std::string> policies_of(const Arguments& arguments) {
  std::vector<std::string> policies = arguments.retrain;
  if (policies.empty()) policies.emplace_back("continual");
  if (!arguments.challenger.empty()) policies.insert(policies.begin() + 1, policies[0]);
  return policies;
}

/// What a loop is made of; each call makes it anew.
class Parts {
 public:
  Parts(const Arguments& arguments, const rtml::stream::Source& source, const Delay& delay)
      : arguments_(&arguments), source_(&source), entities_(arguments.entity) {
    const bool embedded = arguments.data.empty() && source.name().substr(0, 8) == "payments";
    has_time_ = !arguments.time.empty() || embedded;
    rtml::require("--label-delay", "value", arguments.label_delay, has_time_ || delay.time.count() == 0,
                  "a number of rows, as there is no --time");
    rtml::require("--label-delay", "rows", delay.rows, delay.rows <= 10'000'000, "at most 10000000");
    if (embedded && entities_.empty()) entities_.emplace_back("card");
    pending_ = rows_that_wait(arguments, delay);
  }

  bool has_time() const noexcept { return has_time_; }
  const std::vector<std::string>& entities() const noexcept { return entities_; }

  std::unique_ptr<RowLoop> make_loop(const std::string& state) const {
    rtml::require("--entity", "time", "none", entities_.empty() || has_time_, "given by --time, for windows are about it");
    auto features = of_option("--entity", [&] {
      return rtml::row_features("rtml-loop", *source_, {.has_time = has_time_, .entities = entities_, .nominal = arguments_->nominal});
    });
    return std::make_unique<RowLoop>(std::move(features), learner("--learner", arguments_->learner), options(state));
  }

 private:
  rtml::AnyLearner learner(std::string_view option, const std::string& spec) const {
    return of_option(option, [&] { return make_learner(spec, *source_); });
  }

  rtml::Retrain policy(const std::string& spec) const {
    return of_option("--retrain", [&] {
      rtml::Retrain made = rtml::make_retrain(rtml::Spec(spec), has_time_);
      for (const rtml::Signal& signal : made.when.signals())
        if (signal.source == rtml::Signal::Source::metric)
          rtml::metrics::make_metric(signal.name, rtml::metrics::Window::last(signal.window), source_->task(), source_->classes());
      const bool rehearses = !made.when.never() && made.on.what == rtml::Data::What::rehearsal;
      rtml::require("retrain", "data", "rehearsal", !rehearses || !arguments_->rehearse.empty(), "used with --rehearse");
      return made;
    });
  }

  rtml::LoopOptions options(const std::string& state) const {
    rtml::LoopOptions options;
    const std::vector<std::string> policies = policies_of(*arguments_);
    options.retrain = policy(policies[0]);
    for (std::size_t i = 1; i < policies.size(); ++i) {
      if (i == 1 && !arguments_->challenger.empty()) {
        options.challengers.push_back(
            {"challenger", learner("--challenger", arguments_->challenger), arguments_->split, policy(policies[i])});
      } else {
        options.challengers.push_back({policies[i], learner("--learner", arguments_->learner), 0.0, policy(policies[i])});
      }
    }
    options.rehearse = of_option("--rehearse", [&] {
      if (arguments_->rehearse.empty()) return rtml::Rehearsal();
      rtml::Rehearsal made = rtml::make_rehearsal(rtml::Spec(arguments_->rehearse), arguments_->seed);
      rtml::require("rehearse", "buffer", made.buffer.kind(), made.buffer.kind() != "decayed" || has_time_, "used with --time");
      return made;
    });
    options.state = state;
    options.seed = arguments_->seed;
    options.pending = pending_;
    options.history = 20'000;
    options.checkpoint_every = 50'000;
    options.on_event = [](const rtml::LoopEvent& event) {
      using Kind = rtml::LoopEvent::Kind;
      const bool in_part = event.kind == Kind::resume && event.what.find("; ") != std::string::npos;  // and why not as a whole
      if (in_part || event.kind == Kind::state_refused || event.kind == Kind::checkpoint_failed)
        fmt::print(stderr, "rtml-loop: {}: {}\n", rtml::name_of(event.kind), event.what);
    };
    return options;
  }

  const Arguments* arguments_;
  const rtml::stream::Source* source_;
  std::vector<std::string> entities_;
  bool has_time_ = false;
  std::size_t pending_ = 0;
};

/// With what --state holds, which only the same run may take up.
std::unique_ptr<RowLoop> resumed_loop(const Arguments& arguments, const Parts& parts) {
  require_same_run(arguments);
  try {
    return parts.make_loop(arguments.state);
  } catch (const rtml::Error& error) {
    parts.make_loop({});  // what is wrong without the state too is not the state's: that is said instead
    const std::string others = other_options(arguments);
    throw rtml::ConfigError("--state " + arguments.state + ": " + error.what() + (others.empty() ? "" : "; was begun with " + others));
  }
}

/// The run's description, and the checkpoint; what went wrong, or nothing.
std::string save_state(const Arguments& arguments, RowLoop& loop, bool described) {
  try {
    loop.stop();
    if (!described) write_description(arguments);
    return {};
  } catch (const std::exception& error) {
    return "--state " + arguments.state + ": the last checkpoint failed: " + error.what();
  }
}

/// False when that failed: a full disk may be less full at the end of the run.
bool describe_state(const Arguments& arguments) {
  try {
    write_description(arguments);
    return true;
  } catch (const rtml::IoError&) {
    return false;
  }
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
    return of_option("--stream", [&] { return rtml::stream::make_stream(stream); });
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
  const Delay delay = of_option("--label-delay", [&] { return Delay::parse(arguments.label_delay); });
  const Parts parts(arguments, source, delay);
  const bool has_time = parts.has_time();
  const std::vector<std::string>& entities = parts.entities();
  outcome.policies = policies_of(arguments);
  outcome.loop = arguments.state.empty() ? parts.make_loop({}) : resumed_loop(arguments, parts);
  RowLoop& loop = *outcome.loop;
  const bool described = arguments.state.empty() || describe_state(arguments);
  outcome.resumed_from = loop.resume_offset(rows_partition);
  const std::uint64_t labels_from = loop.resume_offset(labels_partition);

  rtml::stream::DelayedLabels<Known> waiting(delay, most_labels);
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
    if (!waiting.push(watermark.advance(row.at), {at, y}))
      rtml::raise(rtml::Error(fmt::format("--label-delay: more than {} labels wait at row {}", most_labels, at)));
    taught = teach_known(loop, waiting, labels_from, row.at) || taught;
    if (at >= outcome.resumed_from) {
      loop.work();
      progress.update(at, loop);
    }
  }
  if (!arguments.state.empty()) outcome.state_error = save_state(arguments, loop, described);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  outcome.precision_at_50_per_day = daily_applies ? daily.value() : std::numeric_limits<double>::quiet_NaN();
  if (const auto* csv = dynamic_cast<const rtml::stream::CsvSource*>(&source)) note_unread(*csv, outcome);
  return outcome;
}

}  // namespace rtml_loop
