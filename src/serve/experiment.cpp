#include "rtml/serve/experiment.hpp"

#include <string>
#include <utility>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/serve/detail/names.hpp"
#include "serve/mlflow_files.hpp"

namespace rtml::tracking {

namespace {

/// 18 digits, as MLflow's are; its default experiment is "0".
std::string experiment_id(std::string_view name) {
  constexpr std::uint64_t least = 100'000'000'000'000'000;
  return name == "Default" ? "0" : to_text(least + hash_bytes(name) % (9 * least));
}

/// The folder of an experiment of that name that MLflow made, whose id it drew; empty when there is none. MLflow writes a name plain, or
/// where YAML would misread it in quotes; we always in double ones.
std::string find_experiment(const std::string& folder, const std::string& name) {
  if (!exists(folder)) return {};
  std::string quoted = name;
  for (std::size_t at = quoted.find('\''); at != std::string::npos; at = quoted.find('\'', at + 2)) quoted.insert(at, 1, '\'');
  const std::string lines[] = {"\nname: " + name + "\n", "\nname: '" + quoted + "'\n", "\n" + Yaml().text("name", name).str()};
  checkpoint::FileSystem& files = checkpoint::system_files();
  for (const std::string& id : files.list(folder)) {
    const std::string path = folder + "/" + id + "/meta.yaml";
    if (!exists(path)) continue;
    const checkpoint::FileBytes bytes = files.read(path);
    const std::string meta = "\n" + std::string(reinterpret_cast<const char*>(bytes.span().data()), bytes.size()) + "\n";
    for (const std::string& line : lines)
      if (meta.find(line) != std::string::npos) return id;
  }
  return {};
}

std::string checked(const std::string& folder) {
  require("Experiment", "folder", folder, !folder.empty(), "the name of a folder");
  return absolute(folder);
}

}  // namespace

Experiment::Experiment(const std::string& folder, std::string name, const Clock& clock)
    : folder_(checked(folder)), name_(std::move(name)), id_(experiment_id(name_)) {
  require("Experiment", "name", name_, !name_.empty() && name_.size() <= rtml::detail::most_name_bytes && rtml::detail::is_utf8(name_),
          "UTF-8 of 1 to 500 bytes");
  const std::string path = folder_ + "/" + id_;
  if (exists(path + "/meta.yaml")) return;
  if (std::string theirs = find_experiment(folder_, name_); !theirs.empty()) {
    id_ = std::move(theirs);
    return;
  }
  const std::int64_t now = milliseconds(clock());
  Yaml meta;
  meta.text("artifact_location", file_uri(path))
      .number("creation_time", now)
      .text("experiment_id", id_)
      .number("last_update_time", now)
      .text("lifecycle_stage", "active")
      .text("name", name_);
  replace_file(path + "/meta.yaml", bytes_of(meta.str()), path + "/unfinished-" + to_text(hash_integer(static_cast<std::uint64_t>(now))));
}

Run Experiment::start(const Run::Options& options) const { return Run::begin(folder_ + "/" + id_, id_, options); }

}  // namespace rtml::tracking
