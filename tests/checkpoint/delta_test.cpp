// Deltas by content: random histories of sections come back to the byte, whatever is damaged or fails.

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

namespace {

using rtml::Rng;
using rtml::checkpoint::Checkpoint;
using rtml::checkpoint::Compression;
using rtml::checkpoint::Section;
using rtml::checkpoint::StateDirectory;
using rtml::checkpoint::testing::Bytes;
using rtml::checkpoint::testing::mixed_bytes;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::TemporaryFolder;
using rtml::checkpoint::testing::write_file;

/// Some bytes changed, sometimes longer or shorter; sections come and go.
void edit(std::vector<Section>& sections, Rng& rng) {
  for (Section& section : sections) {
    Bytes& bytes = section.bytes;
    const std::uint64_t kind = rng.below(6);
    if (kind == 0) bytes.resize(bytes.size() + rng.below(400), static_cast<std::byte>(rng()));
    if (kind == 1) bytes.resize(bytes.size() - rng.below(bytes.size() + 1));
    for (std::uint64_t n = rng.below(4); n > 0 && !bytes.empty() && kind != 2; --n)
      bytes[rng.below(bytes.size())] = static_cast<std::byte>(rng());
  }
  if (rng.below(8) == 0) sections.push_back({"new" + std::to_string(rng()), mixed_bytes(rng(), rng.below(1000))});
  if (rng.below(8) == 0 && sections.size() > 1) sections.erase(sections.begin() + static_cast<std::ptrdiff_t>(rng.below(sections.size())));
  if (rng.below(4) == 0) std::swap(sections.front(), sections.back());
}

std::vector<Section> begun_sections(Rng& rng) {
  return {{"model", mixed_bytes(rng(), 20000 + rng.below(300))}, {"windows", mixed_bytes(rng(), rng.below(3000))}, {"empty", {}}};
}

/// Some of a history: full, delta, delta, delta; each state beside the name of its file.
struct History {
  explicit History(const std::string& folder, std::size_t count = 4) {
    Rng rng(7);
    std::vector<Section> sections{{"model", mixed_bytes(1, 20000)}, {"offset", mixed_bytes(2, 40)}};
    StateDirectory state(folder, {.retain = 10, .deltas = 10});
    for (std::size_t i = 0; i < count; ++i) {
      states.push_back(sections);
      files.push_back(state.save(sections));
      sections[0].bytes[rng.below(20000)] ^= std::byte{1};
      sections[1].bytes[0] = static_cast<std::byte>(i);
    }
  }
  std::vector<std::vector<Section>> states;
  std::vector<std::string> files;
};

/// A delta's own words, as somebody writes them who means harm: docs/format.md.
struct ForgedChange {
  std::string name;
  Bytes now;                        // all of the section
  std::vector<std::uint32_t> gaps;  // and of which blocks it says that they changed

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, static_cast<std::uint64_t>(self.now.size()), std::uint64_t{XXH3_64bits(self.now.data(), self.now.size())}, self.gaps);
  }
};

/// What is loaded when a delta with those words lies behind a checkpoint.
StateDirectory::Loaded load_behind(const std::vector<Section>& base, const std::vector<ForgedChange>& changes, Bytes blocks) {
  const TemporaryFolder folder;
  std::string file;
  {
    StateDirectory state(folder / "state");
    file = state.save(base);
  }
  rtml::Writer delta;
  delta.header("Delta", 1);
  delta(std::uint32_t{128}, file, Checkpoint::open(folder / ("state/" + file)).id(), changes);
  rtml::checkpoint::write_file(folder / "state/delta-00000000000000000002.rtml",
                               std::vector<Section>{Section::of("delta", std::move(delta)), {"blocks", std::move(blocks)}});
  return *StateDirectory(folder / "state").load_newest();
}

}  // namespace

TEST_CASE("Whatever changes between two checkpoints, a chain of deltas gives every byte of the last", "[checkpoint][delta]") {
  const TemporaryFolder folder;
  std::size_t deltas = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    std::vector<Section> sections = begun_sections(rng);
    const std::string path = folder / ("state" + std::to_string(seed));
    StateDirectory state(path, {.retain = 1 + rng.below(3), .deltas = rng.below(6), .compression = Compression(rng.below(2))});
    for (int i = 0; i < 20; ++i) {
      const std::string file = state.save(sections);
      deltas += file.starts_with("delta-") ? 1U : 0U;
      CAPTURE(seed, i, file);
      const auto loaded = state.load_newest();
      REQUIRE(loaded.has_value());
      REQUIRE(loaded->file == file);
      REQUIRE(loaded->refused.empty());
      REQUIRE(loaded->checkpoint.borrowed() == sections);
      edit(sections, rng);
    }
  }
  CHECK(deltas > 200);
}

TEST_CASE("A delta is small, its chain is bounded, and what changed by more than half is saved whole", "[checkpoint][delta]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.retain = 2, .deltas = 3});
  std::vector<Section> sections{{"model", mixed_bytes(1, 1 << 20)}};
  std::string kinds;
  for (std::size_t i = 0; i < 9; ++i) {
    const std::string file = state.save(sections);
    kinds += file[0];
    if (file[0] == 'd') CHECK(std::filesystem::file_size(state.path() + "/" + file) < 1000);
    sections[0].bytes[1000 * i] ^= std::byte{1};
    if (i == 5)
      for (std::byte& byte : sections[0].bytes) byte ^= std::byte{1};
  }
  CHECK(kinds == "cdddcdcdd");
  CHECK(state.memory_bytes() > (1U << 20U) / 16);
  CHECK(state.memory_bytes() < (1U << 20U) / 14);
}

TEST_CASE("Nothing that a retained delta needs is removed, and nothing else is kept", "[checkpoint][delta]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.retain = 2, .deltas = 2});
  std::vector<Section> sections{{"model", mixed_bytes(1, 5000)}};
  std::string counts;
  for (std::size_t i = 0; i < 8; ++i) {
    sections[0].bytes[i] ^= std::byte{1};
    state.save(sections);
    counts += std::to_string(state.files());
  }
  CHECK(counts == "12342342");  // F, Fd, Fdd, FddF (its last delta is retained, with what it needs), Fd, Fdd, FddF, Fd
}

TEST_CASE("A new object begins with a full checkpoint, and loads the chain of the one before", "[checkpoint][delta]") {
  const TemporaryFolder folder;
  const History history(folder / "state");
  StateDirectory state(folder / "state", {.retain = 10, .deltas = 10});
  CHECK(state.load_newest()->checkpoint.borrowed() == history.states.back());
  CHECK(state.save(history.states[0]).starts_with("checkpoint-"));
  CHECK(state.save(history.states[0]).starts_with("delta-"));
}

TEST_CASE("A damaged file of a chain makes loading fall back to what came before it, and says so", "[checkpoint][delta][hostile]") {
  for (std::size_t damaged = 0; damaged < 4; ++damaged) {
    const TemporaryFolder folder;
    const History history(folder / "state");
    const std::string path = folder / ("state/" + history.files[damaged]);
    const Bytes whole = read_file(path);
    for (const bool gone : {false, true}) {
      for (std::size_t at = 0; at < whole.size(); at += 1 + whole.size() / 40) {
        Bytes bytes = whole;
        bytes[at] ^= std::byte{0x40};
        write_file(path, bytes);
        if (gone) std::filesystem::remove(path);
        CAPTURE(damaged, gone, at);
        StateDirectory state(folder / "state");
        if (damaged == 0) {
          if (gone)
            CHECK_THROWS_AS(state.load_newest(), rtml::Error);
          else
            CHECK_THROWS_AS(state.load_newest(), rtml::FormatError);
        } else {
          const auto loaded = state.load_newest();
          REQUIRE(loaded.has_value());
          REQUIRE(loaded->file == history.files[damaged - 1]);
          REQUIRE(loaded->checkpoint.borrowed() == history.states[damaged - 1]);
          REQUIRE(loaded->refused.size() == (gone ? 3 - damaged : 4 - damaged));
        }
      }
    }
  }
}

TEST_CASE("A delta is refused on a base with other contents, and a chain that goes in circles has no end to wait for",
          "[checkpoint][delta]") {
  const TemporaryFolder folder;
  const History history(folder / "state");
  {
    StateDirectory state(folder / "third");
    auto sections = history.states[0];
    sections[0].bytes[0] ^= std::byte{1};
    state.save(sections);
  }
  write_file(folder / ("state/" + history.files[0]), read_file(folder / ("third/" + history.files[0])));
  StateDirectory state(folder / "state");
  const auto loaded = state.load_newest();
  CHECK(loaded->file == history.files[0]);
  REQUIRE(loaded->refused.size() == 3);
  CHECK(loaded->refused[2] == history.files[1] + ": delta: was made of another " + history.files[0]);

  std::filesystem::copy_file(folder / ("state/" + history.files[2]), folder / ("state/" + history.files[1]),
                             std::filesystem::copy_options::overwrite_existing);  // now of itself
  CHECK(state.load_newest()->file == history.files[0]);
}

TEST_CASE("A delta whose file is whole, but gives other bytes than were saved, is refused", "[checkpoint][delta][hostile]") {
  const TemporaryFolder folder;
  const History history(folder / "state");
  const std::string newest = folder / ("state/" + history.files.back());
  auto sections = rtml::checkpoint::decode(read_file(newest));
  REQUIRE(sections[1].name == "blocks");
  sections[1].bytes[5] ^= std::byte{1};
  rtml::checkpoint::write_file(newest, sections);
  StateDirectory state(folder / "state");
  const auto loaded = state.load_newest();
  CHECK(loaded->file == history.files[2]);
  CHECK(loaded->refused ==
        std::vector<std::string>{history.files[3] + ": delta: section \"model\" is not what was saved: its checksum differs"});
  sections[1].bytes.push_back(std::byte{0});
  rtml::checkpoint::write_file(newest, sections);
  CHECK(state.load_newest()->refused == std::vector<std::string>{history.files[3] + ": delta: 1 bytes belong to no section"});
}

TEST_CASE("A delta that names a section twice, or not as a section may be named, is refused", "[checkpoint][delta][hostile]") {
  const std::vector<Section> base{{"model", mixed_bytes(1, 100000)}, {"offset", mixed_bytes(2, 100)}};
  const Bytes& model = base[0].bytes;
  Bytes changed = model;
  changed[0] ^= std::byte{1};
  const Bytes block(changed.begin(), changed.begin() + 128);
  const std::string newest = "delta-00000000000000000002.rtml: delta: section ";

  REQUIRE(load_behind(base, {{"model", changed, {0}}, {"offset", base[1].bytes, {}}}, block).refused.empty());
  SECTION("a name that nothing has, once a section has moved") {
    const auto loaded = load_behind(base, {{"model", changed, {0}}, {"", model, {}}}, block);
    CHECK(loaded.refused == std::vector<std::string>{newest + "\"\" has a name that is not 1 to 255 bytes long"});
  }
  SECTION("twice, of other contents") {
    Bytes twice = block;
    twice.insert(twice.end(), block.begin(), block.end());
    const auto loaded = load_behind(base, {{"model", changed, {0}}, {"model", block, {0}}}, twice);
    CHECK(loaded.refused == std::vector<std::string>{newest + "\"model\" is there twice"});
  }
  SECTION("twice, and neither was there before") {
    const auto loaded = load_behind(base, {{"new", {}, {}}, {"new", {}, {}}}, {});
    CHECK(loaded.refused == std::vector<std::string>{newest + "\"new\" is there twice"});
  }
  SECTION("a long one") {
    const auto loaded = load_behind(base, {{std::string(256, 'x'), {}, {}}}, {});
    CHECK(loaded.refused ==
          std::vector<std::string>{newest + '"' + std::string(256, 'x') + "\" has a name that is not 1 to 255 bytes long"});
  }
}

TEST_CASE("Sections that no checkpoint may have are refused where a delta would hold them, too", "[checkpoint][delta][config]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.deltas = 3});
  std::vector<Section> sections{{"model", mixed_bytes(1, 10000)}};
  state.save(sections);
  CHECK_THROWS_WITH(state.save(std::vector<Section>{sections[0], sections[0]}), "Section: name is \"model\", must be given once");
  CHECK_THROWS_AS(state.save(std::vector<Section>{sections[0], {"", {}}}), rtml::ConfigError);
  CHECK(state.files() == 1);
  state.save(sections);
  CHECK(state.load_newest()->checkpoint.borrowed() == sections);
}
