#include "rtml/serve/experiment.hpp"

#include <filesystem>
#include <utility>

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

}  // namespace

Experiment::Experiment(const std::string& folder, std::string name, const Clock& clock)
    : folder_(absolute(folder)), name_(std::move(name)), id_(experiment_id(name_)) {
  require("Experiment", "folder", folder, !folder.empty(), "the name of a folder");
  require("Experiment", "name", name_, !name_.empty() && name_.size() <= rtml::detail::most_name_bytes && rtml::detail::is_utf8(name_),
          "UTF-8 of 1 to 500 bytes");
  const std::string path = folder_ + "/" + id_;
  if (std::filesystem::exists(path + "/meta.yaml")) return;
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
