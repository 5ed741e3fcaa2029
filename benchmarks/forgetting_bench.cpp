// rtml-bench forgetting: what rehearsal saves and what it costs. Classes arrive task by task, each row once; after each task the model is
// asked about held-out rows of all classes so far. Every buffer and none, by size, beside the same rows in random order (joint).

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/replay/make_rehearsal.hpp"
#include "rtml/replay/prediction_loss.hpp"
#include "rtml/stats/moments.hpp"
#include "rtml/stream/csv_source.hpp"
#include "rtml/stream/make_stream.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "stopwatch.hpp"
#include "value_stream.hpp"

namespace rtml_bench {
namespace forgetting_bench {
namespace {

using nlohmann::json;
using rtml::Rng;

struct Options {
  std::string data;
  std::string stream;
  std::string target;
  std::vector<std::string> nominal;
  std::vector<std::string> ignore;
  std::string learner = "softmax";
  std::vector<std::string> buffers = {"reservoir", "class_balanced", "sliding", "prioritized", "decayed", "herding"};
  std::vector<std::uint64_t> sizes = {10, 50, 200, 1000};
  double ratio = 1.0;
  std::uint64_t per_task = 2;
  std::uint64_t seeds = 5;
  std::uint64_t seed = 1;
  std::uint64_t limit = 0;
  bool json_only = false;
};

struct LabelledRows {
  rtml::Schema schema;
  std::size_t classes = 0;
  std::vector<rtml::FeatureVector> x;
  std::vector<std::size_t> label;
};

/// `blobs[:n=20000,classes=10,features=20,modes=3,spread=1]`: each class is a mixture of round Gaussians, whose centres are Gaussian too
/// with `spread` times the deviation of theirs.
LabelledRows made_blobs(rtml::Spec spec, std::uint64_t seed) {
  LabelledRows rows;
  const auto n = static_cast<std::size_t>(spec.integer("n", 20'000, 100, 10'000'000));
  rows.classes = static_cast<std::size_t>(spec.integer("classes", 10, 2, 1000));
  const auto features = static_cast<std::size_t>(spec.integer("features", 20, 1, 1000));
  const auto modes = static_cast<std::size_t>(spec.integer("modes", 3, 1, 100));
  const double spread = spec.number("spread", 1.0);
  spec.finish();
  rows.schema = rtml::Schema::numeric(features);
  Rng rng(seed);
  std::vector<double> centres(rows.classes * modes * features);
  for (double& each : centres) each = spread * rng.normal();
  for (std::size_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::size_t>(rng.below(rows.classes));
    const std::size_t mode = label * modes + static_cast<std::size_t>(rng.below(modes));
    std::vector<float> x(features);
    for (std::size_t j = 0; j < features; ++j) x[j] = static_cast<float>(centres[mode * features + j] + rng.normal());
    rows.x.emplace_back(std::move(x));
    rows.label.push_back(label);
  }
  return rows;
}

LabelledRows rows_of(rtml::stream::Source& source, std::uint64_t limit) {
  rtml::require("--stream", "task", rtml::name_of(source.task()), source.task() == rtml::Task::classes, "classes");
  rtml::FeaturePipeline<rtml::Row> pipeline(features_of(source, false));
  LabelledRows rows;
  rows.schema = pipeline.schema();
  rows.classes = source.classes();
  rtml::Row row;
  float y = 0.0F;
  while ((limit == 0 || rows.x.size() < limit) && source.next(row, y)) {
    if (rtml::is_nan(y)) continue;
    rows.x.emplace_back(pipeline(row));
    rows.label.push_back(static_cast<std::size_t>(y));
  }
  return rows;
}

LabelledRows read(const Options& options) {
  if (options.data.empty()) {
    rtml::Spec spec(options.stream.empty() ? "blobs" : options.stream);
    if (spec.name() == "blobs") return made_blobs(std::move(spec), options.seed);
    const auto source = rtml::stream::make_stream(options.stream);
    return rows_of(*source, options.limit);
  }
  if (!options.stream.empty()) rtml::raise(rtml::ConfigError("--data and --stream exclude each other"));
  if (options.target.empty()) rtml::raise(rtml::ConfigError("--target COL is needed with --data"));
  rtml::stream::CsvSource source(
      options.data,
      {.target = options.target, .time = {}, .nominal = options.nominal, .ignore = options.ignore, .task = rtml::Task::classes});
  return rows_of(source, options.limit);
}

/// One order of classes and rows: what is learned in which task, and what is held out of each class.
struct Course {
  std::vector<std::vector<std::size_t>> tasks;     // rows, in order
  std::vector<std::vector<std::size_t>> held_out;  // rows of each class
  std::vector<std::size_t> task_of;                // of each class
};

Course course_of(const LabelledRows& rows, std::uint64_t per_task, std::uint64_t seed) {
  constexpr std::size_t fold = 5;  // one row in so many of a class is held out
  Rng rng(seed);
  const auto shuffled = [&](std::size_t n) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[static_cast<std::size_t>(rng.below(i))]);
    return order;
  };
  Course course;
  course.held_out.resize(rows.classes);
  course.task_of.resize(rows.classes);
  const auto classes = shuffled(rows.classes);
  for (std::size_t i = 0; i < rows.classes; ++i) course.task_of[classes[i]] = i / per_task;
  course.tasks.resize((rows.classes + per_task - 1) / per_task);
  std::vector<std::size_t> seen(rows.classes);
  for (const std::size_t row : shuffled(rows.x.size())) {
    const std::size_t label = rows.label[row];
    (seen[label]++ % fold == 0 ? course.held_out[label] : course.tasks[course.task_of[label]]).push_back(row);
  }
  return course;
}

/// What one run through all tasks came to.
struct Lesson {
  double accuracy = 0.0;    // at the end: mean of the classes'
  double forgetting = 0.0;  // Chaudhry et al. 2018: best accuracy on a task before the last one - at the end, mean over earlier tasks
  double nanoseconds = 0.0;
  std::size_t bytes = 0;
  std::uint64_t replayed = 0;
};

class Student {
 public:
  Student(const LabelledRows& rows, const std::string& learner, const rtml::Rehearsal& rehearsal)
      : rows_(&rows),
        learner_(rtml::make_learner(learner, rtml::Task::classes, static_cast<int>(rows.classes))),
        rehearser_(rehearsal),
        scores_(rows.classes) {
    learner_.bind(rows.schema);
    rehearser_.bind(rows.schema);
  }

  void learn(std::size_t row) {
    const auto y = static_cast<float>(rows_->label[row]);
    const rtml::Time at = rtml::from_unix_seconds(static_cast<std::int64_t>(learned_++));
    const rtml::Example fresh{rows_->x[row], y, 1.0F, at};
    rehearser_.after(fresh, teach(fresh), [this](const rtml::Example& old) { return teach(old); });
  }

  /// Share of rows of each class that it gets right.
  double accuracy(const std::vector<std::size_t>& held_out) {
    std::size_t right = 0;
    for (const std::size_t row : held_out) {
      learner_.predict(rows_->x[row], scores_);
      const auto said = static_cast<std::size_t>(std::max_element(scores_.begin(), scores_.end()) - scores_.begin());
      if (said == rows_->label[row]) ++right;
    }
    return held_out.empty() ? 0.0 : static_cast<double>(right) / static_cast<double>(held_out.size());
  }

  const rtml::Rehearser& rehearser() const noexcept { return rehearser_; }

 private:
  float teach(const rtml::Example& example) {
    learner_.learn(example.x, example.y, example.weight, scores_);
    return rtml::prediction_loss(rtml::Task::classes, scores_, example.y);
  }

  const LabelledRows* rows_;
  rtml::AnyLearner learner_;
  rtml::Rehearser rehearser_;
  std::vector<float> scores_;
  std::uint64_t learned_ = 0;
};

Lesson run(const LabelledRows& rows, const Course& course, const Options& options, const rtml::Rehearsal& rehearsal) {
  Student student(rows, options.learner, rehearsal);
  const std::size_t tasks = course.tasks.size();
  std::vector<double> best(tasks, 0.0);
  std::vector<double> last(tasks, 0.0);
  std::vector<double> of_class(rows.classes);
  std::size_t learned = 0;
  Lesson lesson;
  for (std::size_t task = 0; task < tasks; ++task) {
    lesson.nanoseconds += thread_cpu_ns([&] {
      for (const std::size_t row : course.tasks[task]) student.learn(row);
    });
    learned += course.tasks[task].size();
    std::vector<rtml::stats::Moments> by_task(tasks);
    for (std::size_t label = 0; label < rows.classes; ++label) {
      if (course.task_of[label] > task || course.held_out[label].empty()) continue;
      of_class[label] = student.accuracy(course.held_out[label]);
      by_task[course.task_of[label]].update(of_class[label]);
    }
    for (std::size_t earlier = 0; earlier <= task; ++earlier) {
      last[earlier] = by_task[earlier].count() == 0 ? 0.0 : by_task[earlier].mean();
      if (task + 1 < tasks) best[earlier] = std::max(best[earlier], last[earlier]);
    }
  }
  lesson.accuracy = std::accumulate(of_class.begin(), of_class.end(), 0.0) / static_cast<double>(rows.classes);
  for (std::size_t task = 0; task + 1 < tasks; ++task) lesson.forgetting += (best[task] - last[task]) / static_cast<double>(tasks - 1);
  lesson.nanoseconds /= static_cast<double>(std::max<std::size_t>(learned, 1));
  lesson.bytes = student.rehearser().buffer() ? student.rehearser().memory_bytes() : 0;
  lesson.replayed = student.rehearser().replayed();
  return lesson;
}

/// The same over several seeds.
struct Figures {
  std::string buffer;
  std::uint64_t size = 0;
  rtml::stats::Moments accuracy = {};
  std::vector<double> accuracies = {};  // by seed
  rtml::stats::Moments forgetting = {};
  rtml::stats::Moments nanoseconds = {};
  std::size_t bytes = 0;
  std::uint64_t replayed = 0;

  void add(const Lesson& lesson) {
    accuracy.update(lesson.accuracy);
    accuracies.push_back(lesson.accuracy);
    forgetting.update(lesson.forgetting);
    nanoseconds.update(lesson.nanoseconds);
    bytes = lesson.bytes;
    replayed = lesson.replayed;
  }
};

double deviation(const rtml::stats::Moments& moments) { return moments.count() < 2 ? 0.0 : std::sqrt(moments.sample_variance()); }

/// `buffer` with the size and ratio, and where it does not say them the classes and a half-life of a quarter of the rows, a second each.
std::string spec_of(const std::string& buffer, std::uint64_t size, double ratio, std::size_t rows, std::size_t classes) {
  std::string spec = buffer + (buffer.find(':') == std::string::npos ? ":" : ",") + fmt::format("size={},ratio={}", size, ratio);
  const std::string name = rtml::Spec(buffer).name();
  const auto says = [&](std::string_view key) { return buffer.find(key) != std::string::npos; };
  if (name == "decayed" && !says("half_life=")) spec += fmt::format(",half_life={}s", std::max<std::size_t>(rows / 4, 1));
  if ((name == "class_balanced" || name == "herding") && !says("classes=")) spec += fmt::format(",classes={}", classes);
  return spec;
}

std::vector<Figures> run_all(const Options& options, const LabelledRows& rows) {
  std::vector<Figures> all;
  all.push_back({.buffer = "none"});
  for (const std::string& buffer : options.buffers)
    for (const std::uint64_t size : options.sizes) all.push_back({.buffer = buffer, .size = size});
  all.push_back({.buffer = "joint"});
  for (std::uint64_t seed = options.seed; seed < options.seed + options.seeds; ++seed) {
    const Course course = course_of(rows, options.per_task, seed);
    const std::size_t n = std::accumulate(course.tasks.begin(), course.tasks.end(), std::size_t{0},
                                          [](std::size_t sum, const auto& task) { return sum + task.size(); });
    for (Figures& figures : all) {
      rtml::Rehearsal rehearsal;
      if (figures.size > 0)
        rehearsal = rtml::make_rehearsal(rtml::Spec(spec_of(figures.buffer, figures.size, options.ratio, n, rows.classes)), seed);
      figures.add(run(rows, figures.buffer == "joint" ? course_of(rows, rows.classes, seed) : course, options, rehearsal));
    }
    if (!options.json_only) fmt::print(stderr, "seed {} of {}\n", seed - options.seed + 1, options.seeds);
  }
  return all;
}

/// What Chaudhry et al. 2019 found of experience replay, and whether it is so here, order by order: null where the difference of two means
/// is below two standard errors, or without the buffers that it is about.
json published_shape(const std::vector<Figures>& all, const Options& options) {
  const auto find = [&](std::string_view buffer, std::uint64_t size) {
    return std::find_if(all.begin(), all.end(), [&](const Figures& each) { return each.buffer == buffer && each.size == size; });
  };
  const auto [tiny, large] = std::minmax_element(options.sizes.begin(), options.sizes.end());
  const auto better = [&](std::string_view buffer, std::uint64_t size, std::string_view than, std::uint64_t than_size) -> json {
    const auto a = find(buffer, size);
    const auto b = find(than, than_size);
    if (a == all.end() || b == all.end() || a == b) return {};
    rtml::stats::Moments gain;
    for (std::size_t i = 0; i < a->accuracies.size(); ++i) gain.update(a->accuracies[i] - b->accuracies[i]);
    const double error = deviation(gain) / std::sqrt(static_cast<double>(gain.count()));
    if (gain.count() < 2 || std::abs(gain.mean()) < 2.0 * error) return {};
    return gain.mean() > 0.0;
  };
  return {{"tiny_reservoir_beats_none", better("reservoir", *tiny, "none", 0)},
          {"larger_reservoir_beats_tiny", better("reservoir", *large, "reservoir", *tiny)},
          {"tiny_balanced_beats_reservoir", better("class_balanced", *tiny, "reservoir", *tiny)},
          {"large_reservoir_beats_balanced", better("reservoir", *large, "class_balanced", *large)}};
}

void report(const Options& options) {
  if (options.sizes.empty() || options.buffers.empty()) rtml::raise(rtml::ConfigError("--sizes and --buffers need one value or more"));
  for (const std::uint64_t size : options.sizes) rtml::require("--sizes", "size", size, size >= 1, ">= 1");
  for (const std::string& buffer : options.buffers)
    static_cast<void>(rtml::make_rehearsal(rtml::Spec(spec_of(buffer, 1, options.ratio, 4, 2)), 0));
  const LabelledRows rows = read(options);
  rtml::require("--per-task", "classes", options.per_task, options.per_task < rows.classes,
                "below the number of classes, " + rtml::to_text(rows.classes));
  rtml::require("stream", "rows", rows.x.size(), rows.x.size() >= 10 * rows.classes, ">= 10 a class");
  const std::vector<Figures> all = run_all(options, rows);
  const json published = published_shape(all, options);
  const std::size_t tasks = (rows.classes + options.per_task - 1) / options.per_task;
  if (options.json_only) {
    json list = json::array();
    for (const Figures& figures : all)
      list.push_back({{"buffer", figures.buffer},
                      {"size", figures.size},
                      {"accuracy", figures.accuracy.mean()},
                      {"accuracy_sd", deviation(figures.accuracy)},
                      {"forgetting", figures.forgetting.mean()},
                      {"forgetting_sd", deviation(figures.forgetting)},
                      {"ns_per_example", figures.nanoseconds.mean()},
                      {"bytes", figures.bytes},
                      {"replayed", figures.replayed}});
    fmt::print("{}\n", json{{"n", rows.x.size()},
                            {"classes", rows.classes},
                            {"tasks", tasks},
                            {"learner", options.learner},
                            {"ratio", options.ratio},
                            {"seeds", options.seeds},
                            {"rows", std::move(list)},
                            {"published", published}}
                           .dump());
    return;
  }
  fmt::print("{} rows, {} classes in {} tasks, {}, ratio {}, {} seeds\n", rows.x.size(), rows.classes, tasks, options.learner,
             options.ratio, options.seeds);
  fmt::print("{:<28} {:>8} {:>18} {:>18} {:>10} {:>12}\n", "buffer", "size", "accuracy", "forgetting", "ns/row", "bytes");
  for (const Figures& figures : all)
    fmt::print("{:<28} {:>8} {:>9.3f} +- {:.3f} {:>10.3f} +- {:.3f} {:>10.0f} {:>12}\n", figures.buffer,
               figures.size == 0 ? std::string("-") : std::to_string(figures.size), figures.accuracy.mean(), deviation(figures.accuracy),
               figures.forgetting.mean(), deviation(figures.forgetting), figures.nanoseconds.mean(), figures.bytes);
  for (const auto& [claim, holds] : published.items())
    fmt::print("{}: {}\n", claim, holds.is_null() ? "not to be told" : holds.get<bool>() ? "yes" : "no");
}

}  // namespace
}  // namespace forgetting_bench

void add_forgetting(CLI::App& app) {
  using namespace forgetting_bench;
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("forgetting", "Classes that arrive one after the other: what each rehearsal buffer saves and costs");
  command->add_option("--data", options->data, "CSV file with a header line");
  command->add_option("--stream", options->stream, "blobs[:n=,classes=,features=,modes=,spread=] (default), or a made stream of classes");
  command->add_option("--target", options->target, "Label column of --data");
  command->add_option("--nominal", options->nominal, "Columns whose numbers are categories, COL[,COL...]")->delimiter(',');
  command->add_option("--ignore", options->ignore, "Columns to leave out, COL[,COL...]")->delimiter(',');
  command->add_option("--learner", options->learner, "NAME[:k=v,...]; default softmax");
  command->add_option("--buffers", options->buffers,
                      "NAME[:k=v...] each; default all of them. A row is a second; half-life a quarter of all");
  command->add_option("--sizes", options->sizes, "Examples that a buffer holds, N[,N...]; default 10,50,200,1000")->delimiter(',');
  command->add_option("--ratio", options->ratio, "Old examples learned again for each new one");
  command->add_option("--per-task", options->per_task, "Classes that arrive at once")->check(CLI::PositiveNumber);
  command->add_option("--seeds", options->seeds, "Orders of classes and rows")->check(CLI::PositiveNumber);
  command->add_option("--seed", options->seed, "The first of them, and of blobs")->check(CLI::NonNegativeNumber);
  command->add_option("--limit", options->limit, "Rows to read; 0 = all")->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json_only, "Print one JSON object and nothing else");
  command->callback([options] { report(*options); });
}

}  // namespace rtml_bench
