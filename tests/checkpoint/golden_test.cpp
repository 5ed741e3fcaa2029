// Files that version 0.1 wrote, and what they say: a later version reads them, too.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/serve/registry.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature_set.hpp"
#include "rtml/transform/window.hpp"
#include "support/catch.hpp"

namespace {

using rtml::checkpoint::testing::TemporaryFolder;

/// A golden folder where it may be taken and written to.
std::string copy_of(const TemporaryFolder& folder, const std::string& name) {
  std::filesystem::copy(RTML_SOURCE_DIR "/tests/checkpoint/golden/" + name, folder / name, std::filesystem::copy_options::recursive);
  return folder / name;
}

rtml::Schema golden_schema() {
  return rtml::Schema({{.name = "a"}, {.name = "kind", .kind = rtml::Column::Kind::nominal, .categories = 3}});
}

rtml::EntityWindows golden_windows() {
  using namespace std::chrono_literals;
  struct Event {
    rtml::Time at;
    std::uint64_t card = 0;
    double amount = 0.0;
  };
  return rtml::feature_set<Event>("golden", &Event::at, rtml::window("sum", &Event::card, 60s, rtml::sum(&Event::amount)),
                                  rtml::window("count", &Event::card, 600s, rtml::count()))
      .make_windows();
}

}  // namespace

TEST_CASE("A delta of version 1, and the checkpoint that it is of, stay readable", "[checkpoint][delta][golden]") {
  const TemporaryFolder folder;
  rtml::checkpoint::StateDirectory state(copy_of(folder, "delta_1"));
  const auto loaded = state.load_newest();
  REQUIRE(loaded.has_value());
  CHECK(loaded->refused.empty());
  CHECK(loaded->file == "delta-00000000000000000002.rtml");
  std::vector<rtml::checkpoint::Section> expected = rtml::checkpoint::testing::sample_sections(1, 1200);
  expected[0].bytes[700] = std::byte{7};
  expected[3].bytes.resize(1300, std::byte{9});
  CHECK(loaded->checkpoint.borrowed() == expected);
}

TEST_CASE("A registry of version 1 stays readable: index, decisions and models", "[checkpoint][golden]") {
  const TemporaryFolder folder;
  rtml::Registry registry(copy_of(folder, "registry_1"));
  CHECK(registry.refused().empty());
  REQUIRE(registry.versions().size() == 2);
  const rtml::ModelVersion first = registry.versions()[0];
  CHECK(first.name == "first");
  CHECK(first.learner == "logistic:bits=4");
  CHECK(first.created == rtml::from_unix_seconds(1'700'000'000));
  CHECK(first.lineage == rtml::Lineage{.from = rtml::from_unix_seconds(1000),
                                       .to = rtml::from_unix_seconds(2000),
                                       .offsets = {{3, 10, 20}},
                                       .rows = 10,
                                       .feature_set = "golden",
                                       .schema = golden_schema().fingerprint(),
                                       .params = {{"rate", "0.1"}},
                                       .metrics = {{"auc", 0.75}},
                                       .run_id = "abc"});
  CHECK(registry.versions()[1].lineage.parent == 1);
  CHECK(registry.find(rtml::Registry::champion)->number == 2);
  CHECK(registry.find("challenger")->number == 1);
  const std::vector<rtml::Decision> decisions = registry.decisions();
  REQUIRE(decisions.size() == 5);
  CHECK(decisions[3].kind == rtml::Decision::Kind::promoted);
  CHECK(decisions[3].reason == "better");
  CHECK(decisions[3].figures == std::vector<rtml::Figure>{{"loss", 0.5}});

  const auto loaded = registry.load(1, golden_schema());
  REQUIRE(loaded.rows.size() == 1);
  CHECK(loaded.rows[0].dense() == std::vector<float>{0.5F, 2.0F});
  float score = 0.0F;
  loaded.model.predict(loaded.rows[0], {&score, 1});
  CHECK(static_cast<double>(score) == Approx(0.948762536));
  CHECK(registry.rollback("to the one before") == 1);
}

TEST_CASE("A partition of windows of version 2 stays readable", "[checkpoint][golden]") {
  using namespace std::chrono_literals;
  const auto file = rtml::checkpoint::Checkpoint::open(RTML_SOURCE_DIR "/tests/checkpoint/golden/partition_2.rtml");
  rtml::EntityWindows windows = golden_windows();
  file.restore("windows", windows);
  const auto seen = [&](std::uint64_t card) {
    std::vector<float> out(2);
    windows.read(0, rtml::hash_integer(card, rtml::EntityWindows::seed_of(0)), rtml::from_unix_seconds(1'700'000'100), out);
    return out;
  };
  CHECK(seen(1) == std::vector<float>{7.5F, 3.0F});  // the first event has left the minute
  CHECK(seen(2) == std::vector<float>{100.0F, 1.0F});
  CHECK(seen(3)[1] == 0.0F);
}
