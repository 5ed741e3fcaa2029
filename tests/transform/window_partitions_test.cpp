// Partitions of windows: exported, brought elsewhere, imported, they answer as before.

#include <bit>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "payment.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "support/catch.hpp"

namespace window_partitions {

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::Payment;

FeatureSet<Payment> set_of_windows() {
  return feature_set<Payment>("partitions", &Payment::at, window("sum", &Payment::card, 60s, sum(&Payment::amount)),
                              window("count", &Payment::merchant, 600s, count()));
}

/// Entities of both keys, each with some events.
struct Fed {
  explicit Fed(EntityWindows& windows, std::uint64_t seed = 1, std::uint64_t first = 0) {
    Rng rng(seed);
    for (std::uint64_t n = 0; n < 300; ++n) {
      const std::size_t key = rng.below(2);
      const std::uint64_t entity = hash_integer(first + rng.below(60), EntityWindows::seed_of(key));
      at = from_unix_seconds(1'700'000'000 + static_cast<std::int64_t>(n));
      const std::vector<std::uint64_t> values(windows.keys()[key].values.size(), std::bit_cast<std::uint64_t>(rng.uniform()));
      const auto lock = windows.lock_all();
      windows.feed(key, entity, at, values);
      fed.emplace_back(key, entity);
    }
  }
  Time at{};
  std::vector<std::pair<std::size_t, std::uint64_t>> fed;
};

std::vector<std::uint32_t> answers(const EntityWindows& windows, const Fed& of) {
  std::vector<std::uint32_t> bits;
  for (const auto& [key, entity] : of.fed) {
    std::vector<float> out(2, -1.0F);
    windows.read(key, entity, of.at + 1s, out);
    for (const float value : out) bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

}  // namespace window_partitions

TEST_CASE("All partitions, exported and imported elsewhere in any order, answer as the windows that they came from",
          "[transform][windows]") {
  using namespace window_partitions;
  EntityWindows windows = set_of_windows().make_windows();
  const Fed fed(windows);
  const std::vector<std::byte> whole = save(windows);
  for (const std::size_t partitions : {std::size_t{1}, std::size_t{4}, std::size_t{257}}) {
    EntityWindows elsewhere = set_of_windows().make_windows();
    std::uint64_t entities = 0;
    for (std::size_t number = partitions; number-- > 0;) {
      const std::vector<std::byte> exported = save(windows.partition(number, partitions));
      EntityWindows imported = set_of_windows().make_windows();
      load(imported, exported);
      entities += imported.counters().entities;
      elsewhere.import_partition(imported);
    }
    CHECK(entities == windows.counters().entities);
    CHECK(elsewhere.counters().entities == entities);
    CHECK(answers(elsewhere, fed) == answers(windows, fed));
  }
  CHECK(save(windows) == whole);  // exporting has no side effect
}

TEST_CASE("A partition that went elsewhere is gone here, the others are as they were, and it can come back once", "[transform][windows]") {
  using namespace window_partitions;
  EntityWindows windows = set_of_windows().make_windows();
  const Fed fed(windows);
  const auto before = answers(windows, fed);
  const EntityWindows exported = windows.partition(2, 3);
  const std::uint64_t all = windows.counters().entities;
  CHECK_THROWS_AS(windows.import_partition(exported), ConfigError);
  CHECK(answers(windows, fed) == before);

  windows.drop_partition(2, 3);
  CHECK(windows.counters().entities == all - exported.counters().entities);
  for (const auto& [key, entity] : fed.fed) {
    std::vector<float> out(2, -1.0F);
    windows.read(key, entity, fed.at + 1s, out);
    if (EntityWindows::partition_of(entity, 3) == 2) CHECK(out[key] == 0.0F);
  }
  windows.import_partition(exported);
  CHECK(answers(windows, fed) == before);
  CHECK_THROWS_AS(windows.import_partition(exported), ConfigError);
}

TEST_CASE("Partitions are equal in size, fixed for ever, and only of one feature set", "[transform][windows][config]") {
  using namespace window_partitions;
  std::vector<int> sizes(8);
  for (std::uint64_t entity = 0; entity < 8000; ++entity) ++sizes[EntityWindows::partition_of(entity, 8)];
  for (const int size : sizes) CHECK((size > 850 && size < 1150));
  CHECK(EntityWindows::partition_of(0, 1000) == 883);
  CHECK(EntityWindows::partition_of(12345, 1000) == 133);

  EntityWindows windows = set_of_windows().make_windows();
  CHECK_THROWS_AS(windows.partition(3, 3), ConfigError);
  CHECK_THROWS_AS(windows.partition(0, 0), ConfigError);
  const EntityWindows others = feature_set<Payment>("others", &Payment::at, window("sum", &Payment::card, 3600s, sum(&Payment::amount)),
                                                    window("mean", &Payment::card, 60s, mean(&Payment::amount)))
                                   .make_windows();
  CHECK_THROWS_AS(windows.import_partition(others), SchemaError);
}
