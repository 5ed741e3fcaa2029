#include "rtml/replay/reservoir_buffer.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::ReservoirBuffer;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::chi_square_of_inclusion;
using rtml::testing::number_of;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

static_assert(rtml::Checkpointable<ReservoirBuffer> && rtml::Mergeable<ReservoirBuffer> && rtml::Sized<ReservoirBuffer>);

namespace {

ReservoirBuffer bound_reservoir(std::size_t capacity, std::uint64_t seed = 0) {
  ReservoirBuffer buffer({.capacity = capacity, .max_sparse = 4, .seed = seed});
  buffer.bind(replay_schema());
  return buffer;
}

ReservoirBuffer filled_reservoir(std::size_t capacity, std::uint64_t seed, std::uint64_t from, std::uint64_t to) {
  ReservoirBuffer buffer = bound_reservoir(capacity, seed);
  for (std::uint64_t i = from; i < to; ++i) add_numbered(buffer, i);
  return buffer;
}

}  // namespace

TEST_CASE("A reservoir keeps all it saw while there is room, and whole rows for ever", "[replay]") {
  ReservoirBuffer buffer = bound_reservoir(50);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    add_numbered(buffer, i);
    REQUIRE(buffer.size() == std::min<std::size_t>(i + 1, 50));
    REQUIRE(buffer.seen() == i + 1);
    REQUIRE(all_intact(buffer));
  }
  const auto numbers = numbers_in(buffer);
  CHECK(std::set<std::uint64_t>(numbers.begin(), numbers.end()).size() == 50);
}

TEST_CASE("Each example of the stream is in a reservoir equally often", "[replay][property]") {
  // 0.9999 quantile of chi-square with 99 degrees of freedom: 160.2.
  constexpr std::uint64_t runs = 4000;
  for (const std::size_t capacity : {std::size_t{1}, std::size_t{10}, std::size_t{60}}) {
    std::vector<std::uint64_t> counts(100);
    for (std::uint64_t seed = 0; seed < runs; ++seed)
      for (const std::uint64_t number : numbers_in(filled_reservoir(capacity, seed, 0, 100))) ++counts[number];
    CAPTURE(capacity);
    CHECK(chi_square_of_inclusion(counts, runs, capacity) < 160.2);
  }
}

TEST_CASE("Each example that is in a reservoir is sampled equally often", "[replay][property]") {
  const ReservoirBuffer buffer = filled_reservoir(100, 1, 0, 100);
  rtml::Rng rng(5);
  std::vector<std::uint64_t> counts(100);
  for (int i = 0; i < 100000; ++i) ++counts[number_of(buffer.sample(rng))];
  CHECK(chi_square_of_inclusion(counts, 100000, 1) < 160.2);
}

TEST_CASE("Merged reservoirs are a uniform sample of both streams", "[replay][property]") {
  // 0.9999 quantile of chi-square with 119 degrees of freedom: 185.2.
  constexpr std::uint64_t runs = 4000;
  for (const std::uint64_t border : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{30}, std::uint64_t{115}}) {
    std::vector<std::uint64_t> counts(120);
    for (std::uint64_t seed = 0; seed < runs; ++seed) {
      ReservoirBuffer merged = filled_reservoir(10, 2 * seed, 0, border);
      merged.merge(filled_reservoir(10, 2 * seed + 1, border, 120));
      REQUIRE(merged.size() == 10);
      REQUIRE(merged.seen() == 120);
      for (const std::uint64_t number : numbers_in(merged)) ++counts[number];
    }
    CAPTURE(border);
    CHECK(chi_square_of_inclusion(counts, runs, 10) < 185.2);
  }
}

TEST_CASE("Merged reservoirs hold whole rows, each once, and go on as one that saw both streams", "[replay]") {
  ReservoirBuffer merged = filled_reservoir(40, 1, 0, 25);
  merged.merge(filled_reservoir(40, 2, 25, 35));
  CHECK(merged.size() == 35);
  merged.merge(filled_reservoir(40, 3, 35, 500));
  CHECK(merged.size() == 40);
  CHECK(all_intact(merged));
  const auto numbers = numbers_in(merged);
  CHECK(std::set<std::uint64_t>(numbers.begin(), numbers.end()).size() == 40);
  for (std::uint64_t i = 500; i < 600; ++i) add_numbered(merged, i);
  CHECK(merged.seen() == 600);
  CHECK(all_intact(merged));

  ReservoirBuffer unbound({.capacity = 40, .max_sparse = 4});
  unbound.merge(merged);
  CHECK(unbound.seen() == 600);
  merged.merge(bound_reservoir(40));
  CHECK(merged.seen() == 600);
}

TEST_CASE("Reservoirs that do not match are not merged", "[replay][config]") {
  ReservoirBuffer buffer = filled_reservoir(10, 1, 0, 5);
  CHECK_THROWS_WITH(buffer.merge(filled_reservoir(11, 1, 0, 5)), "ReservoirBuffer: capacity is 11, must be the same to merge");
  ReservoirBuffer other({.capacity = 10, .max_sparse = 4});
  other.bind(rtml::Schema::numeric(3));
  const float dense[] = {1.0F, 2.0F, 3.0F};
  other.add({dense, {}}, 1.0F);
  CHECK_THROWS_AS(buffer.merge(other), rtml::SchemaError);
}

TEST_CASE("A reservoir neither allocates nor grows after bind", "[replay]") {
  ReservoirBuffer buffer = bound_reservoir(64);
  const std::size_t bytes = buffer.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  for (std::uint64_t i = 0; i < 1000; ++i) add_numbered(buffer, i);
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(buffer.memory_bytes() == bytes);
  CHECK(bytes >= 64 * (2 * sizeof(float) + 4 * sizeof(rtml::SparseFeature) + 2 * sizeof(float) + sizeof(rtml::Time)));
}

TEST_CASE("What is not usable or does not fit is refused by a reservoir and counted", "[replay][hostile]") {
  ReservoirBuffer buffer = bound_reservoir(4);
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float good[] = {1.0F, nan};
  const float bad[] = {1.0F, inf};
  const float longer[] = {1.0F, 2.0F, 3.0F};
  const std::vector<rtml::SparseFeature> words(5, {1, 1.0F});
  const rtml::SparseFeature bad_word[] = {{1, nan}};
  buffer.add({bad, {}}, 1.0F);
  buffer.add({longer, {}}, 1.0F);
  buffer.add({{}, {}}, 1.0F);
  buffer.add({good, words}, 1.0F);
  buffer.add({good, bad_word}, 1.0F);
  buffer.add({good, {}}, nan);
  buffer.add({good, {}}, 1.0F, -1.0F);
  buffer.add({good, {}}, 1.0F, nan);
  CHECK(buffer.refused() == 8);
  buffer.add({good, {}}, 1.0F, 0.0F);  // says nothing
  CHECK(buffer.refused() == 8);
  CHECK(buffer.seen() == 0);
  buffer.add({good, std::span(words).first(4)}, 1.0F);
  CHECK(buffer.size() == 1);

  ReservoirBuffer unbound;
  unbound.add({good, {}}, 1.0F);
  CHECK(unbound.refused() == 1);
  ReservoirBuffer dense_only({.capacity = 4});
  dense_only.bind(rtml::Schema::numeric(2));
  dense_only.add({good, std::span(words).first(1)}, 1.0F);
  CHECK(dense_only.refused() == 1);
}

TEST_CASE("A reservoir bound to more columns keeps its rows, which miss the new ones", "[replay]") {
  ReservoirBuffer buffer = filled_reservoir(8, 1, 0, 30);
  const auto numbers = numbers_in(buffer);
  buffer.bind(
      rtml::Schema({{.name = "gained"}, {.name = "number"}, {.name = "half"}, {.name = "words", .kind = rtml::Column::Kind::hashed}}));
  REQUIRE(buffer.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    const rtml::Example row = buffer.at(i);
    CHECK(rtml::is_nan(row.x.dense[0]));
    CHECK(row.x.dense[1] == static_cast<float>(numbers[i]));
    CHECK(row.x.dense[2] == static_cast<float>(numbers[i]) / 2.0F);
    CHECK(row.x.sparse[0].index == numbers[i]);
    CHECK(row.y == static_cast<float>(numbers[i] % 10));
    CHECK(row.at == rtml::from_unix_seconds(static_cast<std::int64_t>(numbers[i])));
  }
  CHECK_THROWS_WITH(buffer.bind(rtml::Schema::numeric(2)),
                    "ReservoirBuffer holds examples of other features: column \"gained\" is missing");

  ReservoirBuffer dense({.capacity = 8, .max_sparse = 4});
  dense.bind(rtml::Schema({{.name = "number"}, {.name = "half"}}));
  const float values[] = {3.0F, 1.5F};
  dense.add({values, {}}, 3.0F);
  dense.bind(replay_schema());
  CHECK(dense.at(0).x.sparse.empty());
  CHECK(number_of(dense.at(0)) == 3);
}

TEST_CASE("clear empties a reservoir and keeps its memory", "[replay]") {
  ReservoirBuffer buffer = filled_reservoir(8, 1, 0, 30);
  const std::size_t bytes = buffer.memory_bytes();
  buffer.clear();
  CHECK(buffer.size() == 0);
  CHECK(buffer.seen() == 0);
  CHECK(buffer.memory_bytes() == bytes);
  add_numbered(buffer, 3);
  CHECK(numbers_in(buffer) == std::vector<std::uint64_t>{3});
}

TEST_CASE("A reservoir saved and loaded goes on as if nothing had been", "[replay]") {
  const bool bound_before = GENERATE(false, true);
  for (const std::uint64_t seen : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{100}}) {
    ReservoirBuffer buffer = filled_reservoir(8, 1, 0, seen);
    ReservoirBuffer blank({.capacity = 8, .max_sparse = 4, .seed = 77});
    if (bound_before) blank.bind(replay_schema());
    rtml::load(blank, rtml::save(buffer));
    for (std::uint64_t i = seen; i < seen + 50; ++i) {
      add_numbered(buffer, i);
      add_numbered(blank, i);
    }
    CHECK(rtml::save(blank) == rtml::save(buffer));
    CHECK(numbers_in(blank) == numbers_in(buffer));
  }
  ReservoirBuffer bound = bound_reservoir(8);
  rtml::load(bound, rtml::save(ReservoirBuffer({.capacity = 8, .max_sparse = 4})));
  CHECK(bound.schema() == rtml::Schema{});
}

TEST_CASE("A damaged archive of a reservoir is refused or harmless", "[replay][hostile]") {
  const ReservoirBuffer buffer = filled_reservoir(8, 1, 0, 30);
  rtml::testing::check_archive(buffer, ReservoirBuffer({.capacity = 8, .max_sparse = 4}), [](ReservoirBuffer& read) {
    rtml::Rng rng(1);
    for (std::uint64_t i = 0; i < 20; ++i) add_numbered(read, i);
    if (read.size() > 0) static_cast<void>(read.sample(rng));
    static_cast<void>(rtml::save(read));
  });
}

TEST_CASE("A reservoir loads neither from another capacity nor, unbound, more memory than is read", "[replay][hostile]") {
  ReservoirBuffer buffer = bound_reservoir(8);
  CHECK_THROWS_AS(rtml::load(buffer, rtml::save(bound_reservoir(9))), rtml::FormatError);

  ReservoirBuffer wide({.capacity = 1'000'000});
  ReservoirBuffer large({.capacity = 1'000'000});
  large.bind(rtml::Schema::numeric(2));
  const auto small_bytes = rtml::save(large);
  rtml::load(wide, small_bytes);  // 8 MB: within reason
  CHECK(wide.schema().dense_size() == 2);

  rtml::Writer writer;  // what a reservoir of a thousand columns would have written
  writer.header("ReservoirBuffer", 1);
  writer(rtml::Rng(1), std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1'000'000}, std::uint64_t{64}, true, std::uint64_t{0},
         rtml::Schema::numeric(1000));
  const rtml::testing::AllocationLimit limit(std::size_t{1} << 24U);
  ReservoirBuffer unbound({.capacity = 1'000'000});
  CHECK_THROWS_AS(rtml::load(unbound, writer.bytes()), rtml::FormatError);
}

TEST_CASE("ReservoirBuffer names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(ReservoirBuffer({.capacity = 0}), "ReservoirBuffer: capacity is 0, must be in [1, 2^32)");
  CHECK_THROWS_AS(ReservoirBuffer({.capacity = std::size_t{1} << 40U}), rtml::ConfigError);
}
