#include "rtml/serve/run.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"
#include "rtml/serve/detail/names.hpp"
#include "serve/mlflow_files.hpp"

namespace rtml::tracking {

namespace {

/// A line of a metric's file.
void append_line(std::string& lines, std::int64_t milliseconds, double value, std::int64_t step) {
  char line[80];
  char* at = std::to_chars(line, line + 20, milliseconds).ptr;
  *at++ = ' ';
  at = std::to_chars(at, at + 32, value).ptr;
  *at++ = ' ';
  at = std::to_chars(at, at + 20, step).ptr;
  *at++ = '\n';
  lines.append(line, at);
}

std::string random_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

struct Run::State {
  struct Point {
    std::uint32_t key;
    double value;
    std::int64_t milliseconds;
    std::int64_t step;
  };

  struct Metric {
    std::string key;
    std::string lines = {};   // of the block that is being written
    bool has_folder = false;  // its file can be made
  };

  /// Keys of one kind. A path cannot be a file and a folder, so "loss" and "loss/train" exclude each other.
  struct Keys {
    std::string_view what;
    std::set<std::string, std::less<>> known = {};

    void add(std::string_view key, std::size_t most) {
      if (known.contains(key)) return;
      require_key(what, key);
      require("Run", what, key, known.size() < most, "one of at most " + to_text(most) + " keys");
      for (std::size_t end = key.find('/'); end != std::string_view::npos; end = key.find('/', end + 1)) {
        const std::string above(key.substr(0, end));
        require("Run", what, key, !known.contains(above), "below no other key, as it is of \"" + above + "\"");
      }
      const std::string folder = std::string(key) + "/";
      const auto below = known.lower_bound(folder);
      require("Run", what, key, below == known.end() || !below->starts_with(folder), "above no other key");
      known.emplace(key);
    }
  };

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  std::string path;  // absolute
  std::string experiment;
  Options options;
  Time start{};

  mutable std::mutex mutex;
  bool is_running = true;
  Keys params{"key of a parameter"};
  Keys tags{"key of a tag"};
  Keys metric_keys{"key of a metric"};
  std::map<std::string, std::string, std::less<>> param_values;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> metric_places;
  std::vector<Metric> metrics;
  std::vector<Point> points;

  void require_running() const { require("Run", "status", "ended", is_running, "running"); }
  void replace(const std::string& file, std::span<const std::byte> bytes) const {
    replace_file(path + "/" + file, bytes, path + "/unfinished");
  }
  void write_meta(Status status, Time end) const;
  std::uint32_t place_of(std::string_view key);
  void flush();
};

void Run::Options::validate() const {
  require_text("name", name, rtml::detail::most_name_bytes);
  require_text("user", user, rtml::detail::most_key_bytes);
  bool is_id = id.size() <= 32;
  for (const char c : id) is_id = is_id && rtml::detail::is_alphanumeric(c);
  require("Run", "id", id, is_id, "letters and digits, at most 32");
  for (const std::string_view reserved : {"tags", "datasets", "traces", "models"})  // folders of MLflow's in that of an experiment
    require("Run", "id", id, id != reserved, "no folder of MLflow's");
  require("Run", "block", block, block >= 1 && block <= 10'000'000, "in [1, 10000000]");
  require("Run", "most_keys", most_keys, most_keys >= 1 && most_keys <= 100'000, "in [1, 100000]");
  require("Run", "clock", "empty", static_cast<bool>(clock), "a function");
}

void Run::State::write_meta(Status status, Time end) const {
  Yaml meta;
  meta.text("artifact_uri", file_uri(path + "/artifacts"));
  if (status == Status::running) {
    meta.literal("end_time", "null");
  } else {
    meta.number("end_time", milliseconds(end));
  }
  constexpr std::int64_t local = 4;  // SourceType.LOCAL
  meta.text("entry_point_name", "")
      .text("experiment_id", experiment)
      .text("lifecycle_stage", "active")
      .text("run_id", options.id)
      .text("run_name", options.name)
      .text("run_uuid", options.id)
      .text("source_name", "")
      .number("source_type", local)
      .text("source_version", "")
      .number("start_time", milliseconds(start))
      .number("status", static_cast<std::int64_t>(status))
      .literal("tags", "[]")
      .text("user_id", options.user);
  replace("meta.yaml", bytes_of(meta.str()));
}

std::uint32_t Run::State::place_of(std::string_view key) {
  const auto at = metric_places.find(key);
  if (at != metric_places.end()) return at->second;
  metric_keys.add(key, options.most_keys);
  const auto place = static_cast<std::uint32_t>(metrics.size());
  metrics.push_back({.key = std::string(key)});
  metric_places.emplace(key, place);
  return place;
}

/// Each file gets its lines in one piece. When one fails, what others got is not written again.
void Run::State::flush() {
  for (Metric& metric : metrics) metric.lines.clear();
  for (const Point& point : points) append_line(metrics[point.key].lines, point.milliseconds, point.value, point.step);
  std::vector<char> is_written(metrics.size(), 0);
  try {
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      Metric& metric = metrics[i];
      if (metric.lines.empty()) continue;
      const std::string file = path + "/metrics/" + metric.key;
      if (!metric.has_folder) checkpoint::system_files().make_directory(std::filesystem::path(file).parent_path().string());
      metric.has_folder = true;
      append_to_file(file, bytes_of(metric.lines));
      is_written[i] = 1;
    }
  } catch (...) {
    std::erase_if(points, [&](const Point& point) { return is_written[point.key] != 0; });
    throw;
  }
  points.clear();
}

Run Run::begin(const std::string& experiment_folder, const std::string& experiment, const Options& options) {
  options.validate();
  auto state = std::make_unique<State>();
  state->options = options;
  if (options.id.empty()) state->options.id = random_id();
  if (options.name.empty()) state->options.name = state->options.id;
  state->experiment = experiment;
  state->path = experiment_folder + "/" + state->options.id;
  state->start = options.clock();
  require("Run", "start", to_unix_micros(state->start), state->start >= Time{}, "not before 1970");
  checkpoint::FileSystem& files = checkpoint::system_files();
  require("Run", "id", state->options.id, !exists(state->path), "that of no other run of the experiment");
  for (const char* folder : {"/metrics", "/params", "/artifacts", "/tags"}) files.make_directory(state->path + folder);
  state->points.reserve(options.block);
  state->replace("tags/mlflow.runName", bytes_of(state->options.name));
  state->tags.add("mlflow.runName", options.most_keys);
  if (!options.user.empty()) state->replace("tags/mlflow.user", bytes_of(options.user));
  state->write_meta(Status::running, {});
  return Run(std::move(state));
}

Run::Run(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Run::Run(Run&&) noexcept = default;

Run& Run::operator=(Run&& other) noexcept {
  Run old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Run::~Run() {
  if (!state_ || !state_->is_running) return;
  try {
    finish(Status::failed);
  } catch (...) {  // NOLINT(bugprone-empty-catch): it says RUNNING for ever, as after a crash
  }
}

void Run::log_param(std::string_view key, std::string_view value) {
  require_text("value of a parameter", value, rtml::detail::most_param_bytes);
  const std::lock_guard lock(state_->mutex);
  state_->require_running();
  const auto at = state_->param_values.find(key);
  if (at != state_->param_values.end()) {
    require("Run", "param " + std::string(key), value, at->second == value, "what it was: \"" + at->second + "\"");
    return;
  }
  state_->params.add(key, state_->options.most_keys);
  state_->replace("params/" + std::string(key), bytes_of(value));
  state_->param_values.emplace(key, value);
}

void Run::set_tag(std::string_view key, std::string_view value) {
  require_text("value of a tag", value, rtml::detail::most_tag_bytes);
  require("Run", "tag", key, key != "mlflow.runName", "another: the name was given at the start");
  const std::lock_guard lock(state_->mutex);
  state_->require_running();
  state_->tags.add(key, state_->options.most_keys);
  state_->replace("tags/" + std::string(key), bytes_of(value));
}

void Run::log_metric(std::string_view key, double value, std::int64_t step) { log_metric(key, value, step, state_->options.clock()); }

void Run::log_metric(std::string_view key, double value, std::int64_t step, Time at) {
  require("Run", "time of a metric", to_unix_micros(at), at >= Time{}, "not before 1970");
  const std::lock_guard lock(state_->mutex);
  state_->require_running();
  if (state_->points.size() >= state_->options.block) state_->flush();
  state_->points.push_back({state_->place_of(key), value, milliseconds(at), step});
}

void Run::log_artifact(std::string_view path, std::span<const std::byte> bytes) {
  require_key("artifact", path);
  const std::lock_guard lock(state_->mutex);
  state_->require_running();
  state_->replace("artifacts/" + std::string(path), bytes);
}

void Run::flush() {
  const std::lock_guard lock(state_->mutex);
  state_->flush();
}

void Run::finish(Status status) {
  require("Run", "status", static_cast<int>(status), status > Status::running && status <= Status::killed, "an end");
  const std::lock_guard lock(state_->mutex);
  state_->require_running();
  state_->flush();
  state_->write_meta(status, state_->options.clock());
  state_->is_running = false;
}

const std::string& Run::id() const noexcept { return state_->options.id; }
const std::string& Run::path() const noexcept { return state_->path; }

std::size_t Run::memory_bytes() const {
  const std::lock_guard lock(state_->mutex);
  std::size_t bytes =
      sizeof(*this) + sizeof(State) + state_->points.capacity() * sizeof(State::Point) + state_->metrics.capacity() * sizeof(State::Metric);
  constexpr std::size_t node = 6 * sizeof(void*);  // of a tree or table, about
  for (const State::Metric& metric : state_->metrics) bytes += 3 * metric.key.capacity() + metric.lines.capacity() + 2 * node;
  for (const State::Keys* keys : {&state_->params, &state_->tags})
    for (const std::string& key : keys->known) bytes += key.capacity() + node;
  for (const auto& param : state_->param_values) bytes += param.first.capacity() + param.second.capacity() + 2 * node;
  return bytes;
}

}  // namespace rtml::tracking
