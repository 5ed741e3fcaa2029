#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <set>
#include <utility>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"
#include "rtml/serve/detail/names.hpp"
#include "rtml/serve/experiment.hpp"
#include "serve/mlflow_files.hpp"

namespace rtml::tracking {

namespace {

namespace fs = std::filesystem;

/// Says that the folder of a model is ours to replace.
constexpr std::string_view owner_tag = "rtml.registry";

/// One registered model in the folder `models`.
class ModelFolder {
 public:
  explicit ModelFolder(std::string path) : path_(std::move(path)) {}

  void write(const std::string& file, std::string_view text) const {
    replace_file(path_ + "/" + file, bytes_of(text), path_ + "/unfinished");
  }
  /// In place of those of an earlier export.
  void write_tags(const std::string& folder, const std::vector<std::pair<std::string, std::string>>& tags) const {
    std::vector<std::string> written;
    for (const auto& [key, value] : tags) {
      if (value.empty()) continue;
      write(folder + "tags/" + key, value);
      written.push_back(key);
    }
    keep_only("/" + folder + "tags", "rtml.", written);
  }

  /// Removes what is in `folder` and begins with `prefix`, but what is in `kept`.
  void keep_only(const std::string& folder, std::string_view prefix, const std::vector<std::string>& kept) const {
    std::error_code error;
    std::vector<fs::path> stale;
    for (fs::directory_iterator at(path_ + folder, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (name.starts_with(prefix) && std::find(kept.begin(), kept.end(), name) == kept.end()) stale.push_back(at->path());
    }
    for (const fs::path& each : stale) fs::remove_all(each, error);
    if (error && error != std::errc::no_such_file_or_directory)
      raise(IoError(fmt::format("cannot remove what is old in {}{}: {}", path_, folder, error.message()), error.value()));
  }

 private:
  std::string path_;
};

std::string of_time(Time at) { return to_text(milliseconds(at)); }

/// Without the folders that a `/` would make: a parameter may be called as another's folder.
std::string flat(std::string_view prefix, std::string key) {
  std::replace(key.begin(), key.end(), '/', '.');
  return std::string(prefix) + key;
}

/// At most `most` bytes of a text, whole code points.
std::string beginning(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  return text.substr(0, most);
}

/// Ours, not there, or what an export began that failed before it could say so.
bool is_ours(const std::string& path) {
  if (!exists(path) || exists(path + "/tags/" + std::string(owner_tag))) return true;
  const auto holds_only = [](const std::string& folder, std::initializer_list<std::string_view> allowed) {
    const std::vector<std::string> names = checkpoint::system_files().list(folder);
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& name) { return std::find(allowed.begin(), allowed.end(), name) != allowed.end(); });
  };
  return holds_only(path, {"tags", "unfinished"}) && (!exists(path + "/tags") || holds_only(path + "/tags", {}));
}

/// What MLflow has no field for. A key that is too long with its prefix is left out; of two that would be one the later gets a number.
std::vector<std::pair<std::string, std::string>> tags_of(const ModelVersion& version) {
  const Lineage& lineage = version.lineage;
  std::vector<std::pair<std::string, std::string>> tags = {
      {"rtml.learner", beginning(version.learner, detail::most_tag_bytes)},
      {"rtml.feature_set", lineage.feature_set},
      {"rtml.schema", fmt::format("{:016x}", lineage.schema)},
      {"rtml.parent", lineage.parent != 0 ? to_text(lineage.parent) : std::string()},
      {"rtml.rows", to_text(lineage.rows)},
      {"rtml.data_from", of_time(lineage.from)},
      {"rtml.data_to", of_time(lineage.to)},
  };
  for (const Lineage::Offsets& range : lineage.offsets)
    tags.emplace_back(fmt::format("rtml.offsets.{}", range.partition), fmt::format("{}-{}", range.begin, range.end));
  for (const Lineage::Parameter& param : lineage.params)
    tags.emplace_back(flat("rtml.param.", param.name), beginning(param.value, detail::most_tag_bytes));
  for (const Figure& metric : lineage.metrics) tags.emplace_back(flat("rtml.metric.", metric.name), to_text(metric.value));
  std::set<std::string> known;
  for (auto& tag : tags) {
    const std::string key = tag.first;
    for (int n = 2; !known.insert(tag.first).second; ++n) tag.first = fmt::format("{}-{}", key, n);
  }
  std::erase_if(tags, [](const auto& tag) { return tag.first.size() > detail::most_key_bytes; });
  return tags;
}

}  // namespace

void export_models(const Registry& registry, const std::string& folder, std::string_view name) {
  require("export_models", "folder", folder, !folder.empty(), "the name of a folder");
  require("export_models", "name", name, detail::is_key(name) && name.find('/') == std::string_view::npos, "a key without /");
  const std::string path = absolute(folder) + "/models/" + std::string(name);
  require("export_models", "name", name, is_ours(path), "a model that was exported before, or none: " + path + " is another's");

  const std::vector<ModelVersion> versions = registry.versions();
  const std::vector<Registry::Alias> aliases = registry.aliases();
  Time latest = versions.empty() ? Time{} : versions.back().created;
  for (const Registry::Alias& alias : aliases) latest = std::max(latest, alias.since);
  const ModelFolder model(path);
  model.write(fmt::format("tags/{}", owner_tag), absolute(registry.path()));
  model.write("meta.yaml", Yaml()
                               .literal("aliases", "{}")
                               .number("creation_timestamp", versions.empty() ? 0 : milliseconds(versions.front().created))
                               .literal("description", "null")
                               .number("last_updated_timestamp", milliseconds(latest))
                               .text("name", name)
                               .str());

  std::vector<std::string> folders;
  for (const ModelVersion& version : versions) {
    folders.push_back("version-" + to_text(version.number));
    const std::string source = file_uri(absolute(registry.file_of(version.number)));
    const std::int64_t created = milliseconds(version.created);
    Yaml meta;
    meta.literal("aliases", "[]").number("creation_timestamp", created).text("current_stage", "None").text("description", version.name);
    meta.number("last_updated_timestamp", created).text("name", name).text("run_id", version.lineage.run_id).literal("run_link", "null");
    meta.text("source", source).text("status", "READY").literal("status_message", "null").text("storage_location", source);
    meta.literal("user_id", "null").number("version", static_cast<std::int64_t>(version.number));
    model.write_tags(folders.back() + "/", tags_of(version));
    model.write(folders.back() + "/meta.yaml", meta.str());
  }
  std::vector<std::string> names;
  for (const Registry::Alias& alias : aliases) {
    names.push_back(alias.name);
    model.write("aliases/" + alias.name, to_text(alias.version));
  }
  model.keep_only("/aliases", "", names);
  model.keep_only("", "version-", folders);
}

}  // namespace rtml::tracking
