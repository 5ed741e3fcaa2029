#include "rtml/drift/distance_monitor.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/ks.hpp"
#include "rtml/stats/quantile_bins.hpp"

#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Features;
using rtml::Schema;
using rtml::drift::Distance;
using rtml::drift::DistanceMonitor;

static_assert(rtml::Checkpointable<DistanceMonitor> && rtml::Sized<DistanceMonitor> && std::copyable<DistanceMonitor>);

namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();
constexpr DistanceMonitor::Options small_windows{.reference = 300, .window = 200};

/// Rows of `columns` columns of different kinds: normal, heavily tied, skewed with missing values.
std::vector<std::vector<float>> mixed_rows(std::uint64_t seed, std::size_t rows, std::size_t columns, double shift = 0.0) {
  rtml::Rng rng(seed);
  std::vector<std::vector<float>> made(rows, std::vector<float>(columns));
  for (auto& row : made) {
    for (std::size_t c = 0; c < columns; ++c) {
      const double normal = rng.normal() + shift;
      row[c] = static_cast<float>(c % 3 == 0 ? normal : (c % 3 == 1 ? std::floor(1.5 * normal) : std::exp(normal)));
      if (c % 3 == 2 && rng.uniform() < 0.1) row[c] = missing;
    }
  }
  return made;
}

void feed(DistanceMonitor& monitor, const std::vector<std::vector<float>>& rows) {
  for (const auto& row : rows) monitor.update(Features{row, {}});
}

std::vector<double> column_of(const std::vector<std::vector<float>>& rows, std::size_t column, std::size_t begin, std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = begin; i < begin + count; ++i) values.push_back(static_cast<double>(rows[i][column]));
  return values;
}

Schema with_nominal() { return Schema({{.name = "x"}, {.name = "shop", .kind = rtml::Column::Kind::nominal}, {.name = "y"}}); }

std::vector<std::vector<float>> shop_rows(std::uint64_t seed, std::size_t rows, std::uint64_t shops, float first_shop = 0.0F) {
  rtml::Rng rng(seed);
  std::vector<std::vector<float>> made;
  for (std::size_t i = 0; i < rows; ++i) {
    const double u = rng.uniform();
    const double shop = std::floor(u * u * static_cast<double>(shops));  // low codes are frequent
    made.push_back({static_cast<float>(rng.normal()), first_shop + static_cast<float>(shop), static_cast<float>(rng.normal())});
  }
  return made;
}

}  // namespace

TEST_CASE("DistanceMonitor equals the distances of samples on the same rows, at any place of the stream", "[drift][property]") {
  const auto columns = GENERATE(range(1u, 40u, 6u));
  CAPTURE(columns);
  DistanceMonitor monitor(Schema::numeric(columns), small_windows);
  const auto rows = mixed_rows(columns, 900, columns);
  for (std::size_t at = 0; at < rows.size(); ++at) {
    monitor.update(Features{rows[at], {}});
    REQUIRE(monitor.ready() == (at + 1 >= 500));
    if (at + 1 < 500 || (at + 1) % 67 != 0) continue;
    for (std::size_t c = 0; c < columns; ++c) {
      CAPTURE(at, c);
      const auto reference = column_of(rows, c, 0, 300);
      const auto current = column_of(rows, c, at + 1 - 200, 200);
      const auto psi = rtml::drift::psi(reference, current);
      CHECK(monitor.psi(c) == psi.statistic);
      CHECK(monitor.p_value(Distance::psi, c) == psi.p_value);
      CHECK(monitor.js(c) == rtml::drift::jensen_shannon(reference, current).statistic);
      const rtml::stats::QuantileBins bins(reference);
      const auto binned = [&bins](std::vector<double> values) {
        for (double& value : values) value = static_cast<double>(bins(value));
        return values;
      };
      const auto ks = rtml::drift::ks(binned(reference), binned(current), rtml::drift::KsMethod::limit);
      CHECK(monitor.ks(c) == ks.statistic);
      CHECK(monitor.p_value(Distance::ks, c) == Approx(ks.p_value).epsilon(1e-12));
      CHECK(monitor.ks(c) <= rtml::drift::ks(reference, current).statistic);
    }
  }
}

TEST_CASE("DistanceMonitor finds the column that moved, by each distance", "[drift][property]") {
  const auto moved = GENERATE(range(0u, 18u, 3u));
  CAPTURE(moved);
  DistanceMonitor monitor(Schema::numeric(18), {});
  feed(monitor, mixed_rows(1, 3000, 18));
  REQUIRE(monitor.ready());
  for (const std::string_view name : {"psi", "js", "ks"}) CHECK(monitor.largest(name).value < 0.15);
  auto rows = mixed_rows(2, 1000, 18);
  for (auto& row : rows) row[moved] += 1.0F;
  feed(monitor, rows);
  for (const std::string_view name : {"psi", "js", "ks"}) {
    CAPTURE(name);
    const auto largest = monitor.largest(name);
    CHECK(largest.column == moved);
    CHECK(largest.value == monitor.compare(rtml::drift::distance_named(name), moved).statistic);
    CHECK(largest.value > 0.2);
    CHECK(monitor.p_value(rtml::drift::distance_named(name), moved) < 1e-12);
  }
}

TEST_CASE("DistanceMonitor's p-values keep their level on columns that do not drift", "[drift][property]") {
  int below = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    DistanceMonitor monitor(Schema::numeric(20, "c"), {.reference = 600, .window = 300});
    feed(monitor, mixed_rows(100 + seed, 900, 20));
    for (std::size_t c = 0; c < 20; ++c) below += monitor.p_value(Distance::psi, c) <= 0.05 ? 1 : 0;
  }
  CHECK(below >= 5);  // 20 expected of 400
  CHECK(below <= 38);
}

TEST_CASE("DistanceMonitor learns the same reference from a batch as from the first rows", "[drift]") {
  const auto rows = mixed_rows(5, 700, 5);
  DistanceMonitor streamed(Schema::numeric(5), small_windows);
  feed(streamed, rows);
  for (const std::size_t extra : {std::size_t{0}, std::size_t{400}}) {
    DistanceMonitor batched(Schema::numeric(5), small_windows);
    feed(batched, mixed_rows(6, extra, 5));  // an earlier reference is replaced
    std::vector<float> flat;
    for (std::size_t i = 0; i < 300; ++i) flat.insert(flat.end(), rows[i].begin(), rows[i].end());
    batched.learn_reference(flat);
    CHECK(batched.reference_rows() == 300);
    feed(batched, {rows.begin() + 300, rows.end()});
    for (std::size_t c = 0; c < 5; ++c) CHECK(batched.psi(c) == streamed.psi(c));
  }
  DistanceMonitor large(Schema::numeric(5), small_windows);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  large.learn_reference(flat);
  CHECK(large.reference_rows() == 700);
}

TEST_CASE("DistanceMonitor takes the window as the new reference, with bins of its own", "[drift]") {
  DistanceMonitor monitor(Schema::numeric(3), small_windows);
  feed(monitor, mixed_rows(1, 400, 3));
  CHECK(!monitor.take_reference_from_current());
  const auto drifted = mixed_rows(2, 400, 3, 6.0);  // beyond every edge of the old reference
  feed(monitor, drifted);
  CHECK(monitor.psi(0) > 2.0);
  CHECK(monitor.take_reference_from_current());
  CHECK(!monitor.ready());
  CHECK(monitor.window_rows() == 0);
  CHECK(monitor.reference_rows() == 200);
  CHECK(rtml::is_nan(monitor.psi(0)));
  const auto later = mixed_rows(3, 200, 3, 6.0);
  feed(monitor, later);
  REQUIRE(monitor.ready());
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(monitor.psi(c) == rtml::drift::psi(column_of(drifted, c, 200, 200), column_of(later, c, 0, 200)).statistic);
    CHECK(monitor.p_value(Distance::psi, c) > 1e-4);
  }
}

TEST_CASE("DistanceMonitor counts the frequent categories of a nominal column, and all others in one bin", "[drift]") {
  DistanceMonitor monitor(with_nominal(), {.reference = 300, .window = 200, .categories = 4});
  feed(monitor, shop_rows(1, 300, 12));
  const auto counts = monitor.reference_counts(1);
  REQUIRE(counts.size() == 6);
  CHECK(counts[0] > counts[3]);
  CHECK(counts[4] > 50);  // shops 4 to 11
  CHECK(counts[5] == 0);
  feed(monitor, shop_rows(2, 200, 12));
  CHECK(monitor.p_value(Distance::psi, 1) > 1e-4);
  feed(monitor, shop_rows(3, 200, 12, 1e6F));  // shops never seen
  CHECK(monitor.current_counts(1)[4] == 200);
  feed(monitor, shop_rows(3, 200, 12, -0.5F));  // nor these, below and between the known ones
  CHECK(monitor.current_counts(1)[4] == 200);
  for (const std::string_view name : {"psi", "js", "ks"}) CHECK(monitor.largest(name).column == 1);
  CHECK(monitor.p_value(Distance::ks, 1) < 1e-12);
  auto rows = shop_rows(4, 200, 12);
  for (auto& row : rows) row[1] = missing;
  feed(monitor, rows);
  CHECK(monitor.current_counts(1)[5] == 200);
  CHECK(monitor.ks(1) == Approx(1.0));
}

TEST_CASE("DistanceMonitor does not mind what number a category has", "[drift][metamorphic]") {
  DistanceMonitor monitor(with_nominal(), small_windows);
  DistanceMonitor renamed(with_nominal(), small_windows);
  auto rows = shop_rows(1, 700, 9);
  for (std::size_t i = 400; i < rows.size(); ++i) rows[i][1] = std::floor(rows[i][1] / 2.0F);
  feed(monitor, rows);
  for (auto& row : rows) row[1] = 1000.0F - 7.0F * row[1];
  feed(renamed, rows);
  for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) {
    CHECK(renamed.compare(distance, 1).statistic == Approx(monitor.compare(distance, 1).statistic).epsilon(1e-12));
    CHECK(renamed.compare(distance, 1).p_value == Approx(monitor.compare(distance, 1).p_value).epsilon(1e-9));
  }
}

TEST_CASE("DistanceMonitor refuses rows that are infinite, enormous or too short, and counts them", "[drift]") {
  DistanceMonitor monitor(Schema::numeric(2), small_windows);
  DistanceMonitor spared = monitor;
  const auto rows = mixed_rows(8, 600, 2);
  for (const auto& row : rows) {
    monitor.update(Features{row, {}});
    spared.update(Features{row, {}});
    for (const auto& bad : std::vector<std::vector<float>>{{1.0F, std::numeric_limits<float>::infinity()}, {2e15F, 0.0F}, {1.0F}, {}})
      monitor.update(Features{bad, {}});
  }
  CHECK(monitor.refused() == 2400);
  CHECK(spared.refused() == 0);
  CHECK(monitor.psi(0) == spared.psi(0));
  CHECK(monitor.psi(1) == spared.psi(1));
}

TEST_CASE("DistanceMonitor bears columns that are constant, or missing in the whole reference", "[drift]") {
  DistanceMonitor monitor(Schema::numeric(2), small_windows);
  feed(monitor, std::vector<std::vector<float>>(500, {3.5F, missing}));
  REQUIRE(monitor.ready());
  CHECK(monitor.ks(0) == 0.0);
  CHECK(monitor.ks(1) == 0.0);
  feed(monitor, std::vector<std::vector<float>>(200, {3.6F, 1.0F}));
  CHECK(monitor.ks(0) == 1.0);
  CHECK(monitor.ks(1) == 1.0);
  CHECK(monitor.js(1) == Approx(1.0));
}

TEST_CASE("DistanceMonitor tells neighbouring floats apart where an edge falls between them", "[drift]") {
  const float a = 16777216.0F;
  const float b = std::nextafter(a, 2.0F * a);
  DistanceMonitor monitor(Schema::numeric(1), small_windows);
  std::vector<double> reference;
  for (std::size_t i = 0; i < 300; ++i) {
    const float value = i < 30 ? a : b;  // the first decile lies nine tenths of the way from a to b
    feed(monitor, {{value}});
    reference.push_back(static_cast<double>(value));
  }
  const rtml::stats::QuantileBins bins(reference);
  std::vector<std::uint64_t> expected(bins.size());
  bins.count(reference, expected);
  CHECK(expected[0] == 30);
  const auto counts = monitor.reference_counts(0);
  CHECK(std::vector<std::uint64_t>(counts.begin(), counts.end()) == expected);
}

TEST_CASE("DistanceMonitor of no dense columns never knows anything", "[drift]") {
  DistanceMonitor monitor{Schema()};
  for (int i = 0; i < 5000; ++i) monitor.update(Features{});
  CHECK(!monitor.ready());
  CHECK(rtml::is_nan(monitor.largest(Distance::psi).value));
}

TEST_CASE("DistanceMonitor allocates nothing after construction", "[drift]") {
  DistanceMonitor monitor(with_nominal(), small_windows);
  const auto rows = shop_rows(1, 1200, 9);
  const auto later = shop_rows(2, 1200, 9);
  const rtml::testing::AllocationCounter allocations;
  feed(monitor, rows);
  monitor.take_reference_from_current();
  feed(monitor, later);
  double sum = 0.0;
  for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) sum += monitor.largest(distance).value;
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(sum > 0.0);
  CHECK(monitor.memory_bytes() > 300 * 3 * sizeof(float));
}

TEST_CASE("DistanceMonitor saved and loaded goes on bit for bit, and its archive is safe", "[drift][laws]") {
  const auto rows = shop_rows(1, 900, 9);
  const DistanceMonitor blank(with_nominal(), {.reference = 100, .window = 60, .bins = 4, .categories = 3});
  for (const std::size_t at : {0U, 40U, 100U, 130U, 160U, 500U}) {
    CAPTURE(at);
    DistanceMonitor monitor = blank;
    feed(monitor, {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(at)});
    DistanceMonitor restored = blank;
    rtml::load(restored, rtml::save(monitor));
    for (std::size_t i = at; i < rows.size(); ++i) {
      monitor.update(Features{rows[i], {}});
      restored.update(Features{rows[i], {}});
    }
    CHECK(rtml::save(restored) == rtml::save(monitor));
    for (std::size_t c = 0; c < 3; ++c) CHECK(restored.psi(c) == monitor.psi(c));
  }
  for (const std::size_t at : {40U, 130U, 500U}) {
    DistanceMonitor monitor = blank;
    feed(monitor, {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(at)});
    rtml::testing::check_archive(monitor, blank, [&](DistanceMonitor& read) {
      for (std::size_t i = 0; i < 70; ++i) read.update(Features{rows[i], {}});
      for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) static_cast<void>(read.largest(distance));
      read.take_reference_from_current();
    });
  }
  DistanceMonitor other(Schema::numeric(3), {.reference = 100, .window = 60, .bins = 4, .categories = 3});
  CHECK_THROWS_AS(rtml::load(other, rtml::save(blank)), rtml::FormatError);
  DistanceMonitor wider(with_nominal(), {.reference = 100, .window = 80, .bins = 4, .categories = 3});
  CHECK_THROWS_AS(rtml::load(wider, rtml::save(blank)), rtml::FormatError);
}

TEST_CASE("DistanceMonitor names the option that is out of range", "[drift][config]") {
  const Schema schema = Schema::numeric(2);
  CHECK_THROWS_WITH(DistanceMonitor(schema, {.window = 50}),
                    "DistanceMonitor: window is 50, must be at least 10 rows a bin and at most 2^31: psi of fewer alarms without drift");
  CHECK_THROWS_WITH(DistanceMonitor(schema, {.reference = 99}),
                    "DistanceMonitor: reference is 99, must be at least 10 rows a bin and at most 2^31");
  CHECK_THROWS_WITH(DistanceMonitor(schema, {.bins = 65}), "DistanceMonitor: bins is 65, must be in [2, 64]");
  CHECK_THROWS_WITH(DistanceMonitor(schema, {.categories = 0}), "DistanceMonitor: categories is 0, must be in [1, 128]");
  DistanceMonitor monitor(schema, small_windows);
  CHECK_THROWS_WITH(monitor.learn_reference(std::vector<float>(201)),
                    "DistanceMonitor: reference size is 201, must be a whole number of rows");
  CHECK_THROWS_WITH(monitor.learn_reference(std::vector<float>(100)), "DistanceMonitor: reference rows is 50, must be at least 10 a bin");
  CHECK_THROWS_AS(monitor.learn_reference(std::vector<float>(400, std::numeric_limits<float>::infinity())), rtml::ConfigError);
  CHECK_THROWS_WITH(monitor.largest("kl"), "distance: name is \"kl\", must be one of psi, js, ks");
}
