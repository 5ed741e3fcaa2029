#include "description.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/task.hpp"

namespace rtml_loop {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> binding{"--data", "--stream", "--target", "--time", "--label-delay", "--seed"};

std::string path_of(const Arguments& arguments) { return arguments.state + "/run.json"; }

/// By option, so that what differs can be named; a file may be moved, so its folder is left out.
Json describe(const Arguments& arguments) {
  Json options;
  options["--data"] = fs::path(arguments.data).filename().string();
  options["--stream"] = arguments.data.empty() ? arguments.stream : "";
  options["--target"] = arguments.target;
  options["--time"] = arguments.time;
  options["--label-delay"] = arguments.label_delay;
  options["--seed"] = fmt::format("{}", arguments.seed);
  options["--task"] = arguments.task ? std::string(rtml::name_of(*arguments.task)) : "";
  options["--entity"] = fmt::format("{}", fmt::join(arguments.entity, ","));
  options["--nominal"] = fmt::format("{}", fmt::join(arguments.nominal, ","));
  options["--ignore"] = fmt::format("{}", fmt::join(arguments.ignore, ","));
  options["--learner"] = arguments.learner;
  options["--challenger"] = arguments.challenger;
  options["--split"] = fmt::format("{}", arguments.split);
  options["--retrain"] = fmt::format("{}", fmt::join(arguments.retrain, " --retrain "));
  options["--rehearse"] = arguments.rehearse;
  return Json::parse(options.dump(-1, ' ', false, Json::error_handler_t::replace));  // as it will be read back
}

bool has_checkpoint(const std::string& folder) {
  std::error_code none;
  for (fs::directory_iterator at(folder, none), end; !none && at != end; at.increment(none))
    if (at->path().extension() == ".rtml") return true;
  return false;
}

/// Null when there is none, or no checkpoint that it would describe.
Json saved_description(const Arguments& arguments) {
  const std::string path = path_of(arguments);
  std::error_code unknown;
  if (!fs::exists(path, unknown) || !has_checkpoint(arguments.state)) return nullptr;
  const auto file = rtml::checkpoint::system_files().read(path);
  const auto bytes = file.span();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Json saved = Json::parse(text, nullptr, false);
  if (!saved.is_object() || !std::all_of(saved.begin(), saved.end(), [](const Json& value) { return value.is_string(); }))
    rtml::raise(rtml::FormatError("--state " + arguments.state + ": " + path + " does not describe a run"));
  return saved;
}

std::string shown(std::string_view option, const std::string& value) {
  return value.empty() ? fmt::format("no {}", option) : fmt::format("{} {}", option, value);
}

/// "--seed 1, not --seed 2", or nothing when the option is the same.
std::string difference(const Json& saved, const Json& now, std::string_view option) {
  const std::string key(option);
  const auto was = saved.find(key);
  if (was == saved.end() || *was == now[key]) return {};
  return shown(option, was->get<std::string>()) + ", not with " + shown(option, now[key].get<std::string>());
}

}  // namespace

void require_same_run(const Arguments& arguments) {
  const Json saved = saved_description(arguments);
  if (saved.is_null()) return;
  const Json now = describe(arguments);
  for (const std::string_view option : binding)
    if (const std::string other = difference(saved, now, option); !other.empty())
      rtml::raise(rtml::ConfigError("--state " + arguments.state + ": was begun with " + other));
}

std::string other_options(const Arguments& arguments) {
  const Json saved = saved_description(arguments);
  if (saved.is_null()) return {};
  std::string all;
  const Json now = describe(arguments);
  for (const auto& [option, value] : now.items())
    if (const std::string other = difference(saved, now, option); !other.empty()) all += (all.empty() ? "" : "; ") + other;
  return all;
}

void write_description(const Arguments& arguments) {
  auto& files = rtml::checkpoint::system_files();
  const std::string path = path_of(arguments);
  const std::string text = describe(arguments).dump(2) + "\n";
  const std::string temporary = path + ".tmp";
  try {
    const auto file = files.create(temporary);
    auto bytes = std::as_bytes(std::span(text));
    while (!bytes.empty()) bytes = bytes.subspan(file->write(bytes));
    file->sync();
    files.rename(temporary, path);
  } catch (...) {
    std::error_code harmless;
    fs::remove(temporary, harmless);
    throw;
  }
  files.sync_directory(arguments.state);
}

}  // namespace rtml_loop
