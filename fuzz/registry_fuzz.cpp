// Any bytes for the index of a registry, for the model of a version or for its rows: refused with an rtml::Error, or a registry that
// works, and whose model predicts. The files around them are whole, so that what lies behind the checksums is reached.
// Input: what to replace (byte 0), which learner (byte 1; its high bit: a model is made as the folder says), the bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory_files.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/error.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/serve/model_slot.hpp"
#include "rtml/serve/registry.hpp"

namespace {

using rtml::Registry;
using rtml::Schema;
using rtml::fuzz::Bytes;
using rtml::fuzz::MemoryFiles;

constexpr std::array<std::string_view, 5> learners = {"logistic:bits=4", "softmax:classes=3,bits=4", "naive_bayes:classes=3",
                                                      "fm:factors=2,bits=4", "majority:classes=3"};

const Schema& schema() {
  static const Schema made({{.name = "a"},
                            {.name = "kind", .kind = rtml::Column::Kind::nominal, .categories = 3},
                            {.name = "words", .kind = rtml::Column::Kind::hashed}});
  return made;
}

/// As a host with its own list of learners: a folder that others write to does not choose their size. Or as one that trusts the folder, whose
/// index is then whole.
Registry::Options options(bool trusting) {
  if (trusting) return {};
  return {.make = [](const rtml::ModelVersion& version) {
    for (const std::string_view name : learners)
      if (name == version.learner) return rtml::make_learner(name);
    rtml::raise(rtml::ConfigError("no learner of this host: " + version.learner));
  }};
}

std::string only_file_in(MemoryFiles& files, const std::string& folder) { return folder + "/" + files.list(folder).back(); }

std::uint64_t checksum_of(const Bytes& file) {
  std::uint64_t checksum = 0;
  for (std::size_t i = 0; i < 8; ++i) checksum |= std::to_integer<std::uint64_t>(file[file.size() - 8 + i]) << (8 * i);
  return checksum;
}

/// A registry of two versions of a learner, the first the champion.
MemoryFiles whole(std::string_view learner) {
  MemoryFiles files;
  Registry registry("r", {}, files);
  rtml::AnyLearner model = rtml::make_learner(learner);
  model.bind(schema());
  std::vector<float> before(model.outputs());
  const auto rows = rtml::made_rows(schema(), 20, 2, 1);
  for (std::size_t i = 0; i < rows.size(); ++i) model.learn(rows[i], static_cast<float>(i % 2), 1.0F, before);
  const std::vector<rtml::FeatureVector> kept(rows.begin(), rows.begin() + 2);
  registry.add(model, {.params = {{"p", "1"}}, .metrics = {{"m", 1.0}}}, "name", kept);
  registry.add(model, {.parent = 1}, {}, kept);
  registry.promote(1, "good", {{"m", 1.0}});
  return files;
}

void replace_index(MemoryFiles& files, Bytes bytes) {
  const rtml::checkpoint::Section section{"registry", std::move(bytes)};
  files.files[only_file_in(files, "r/index")] = rtml::checkpoint::encode({&section, 1});
  while (files.list("r/index").size() > 1) files.remove("r/index/" + files.list("r/index").front());
}

/// Replaces a section of the first version's file, and lets the index know that file.
void replace_model(MemoryFiles& files, std::size_t section, Bytes bytes) {
  const std::string path = "r/versions/" + files.list("r/versions").front();
  auto sections = rtml::checkpoint::decode(files.read(path));
  sections[section].bytes = std::move(bytes);
  files.files[path] = rtml::checkpoint::encode(sections);

  rtml::detail::RegistryIndex index;
  rtml::load(index, rtml::checkpoint::decode(files.read(only_file_in(files, "r/index")))[0].bytes);
  index.versions[0].bytes = files.files[path].size();
  index.versions[0].checksum = checksum_of(files.files[path]);
  replace_index(files, rtml::save(index));
}

void use_models(const Registry& registry, std::size_t most) {
  const auto versions = registry.versions();
  for (std::size_t i = 0; i < versions.size() && i < most; ++i) {
    try {
      const rtml::ModelSlot slot(registry, schema(), versions[i].number, {.warm_up = 8});
      if (slot.read()->version != versions[i]) std::abort();
    } catch (const rtml::Error&) {
      continue;
    }
  }
}

void use_index(MemoryFiles& files) {
  std::vector<rtml::ModelVersion> versions;
  {
    Registry registry("r", options(false), files);
    use_models(registry, 2);
    versions = registry.versions();
    if (versions.empty()) return;
    registry.promote(versions.back().number, "again");
    registry.set_alias("challenger", versions.front().number);
  }
  // What it wrote it reads.
  const Registry registry("r", options(false), files);
  if (registry.versions() != versions || registry.find(Registry::champion)->number != versions.back().number) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const auto prepared = [] {
    std::array<std::map<std::string, Bytes>, learners.size()> made;
    for (std::size_t i = 0; i < learners.size(); ++i) made[i] = whole(learners[i]).files;
    return made;
  }();
  const auto input = std::as_bytes(std::span(data + 2, size - 2));
  const Bytes bytes(input.begin(), input.end());
  MemoryFiles files;
  const bool trusting = data[1] >= 128;
  files.files = prepared[data[1] % 128 % learners.size()];
  try {
    if (data[0] % 3 == 0) {
      replace_index(files, bytes);
      use_index(files);
    } else {
      replace_model(files, data[0] % 3 - 1U, bytes);
      use_models(Registry("r", options(trusting), files), 1);
    }
  } catch (const rtml::Error&) {
    return 0;
  }
  return 0;
}
