#include "rtml/drift/drift_monitor.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/ks.hpp"
#include "rtml/stats/hypergeometric.hpp"
#include "rtml/stats/quantile_bins.hpp"

#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::Batch;
using rtml::Change;
using rtml::Features;
using rtml::Schema;
using rtml::drift::Distance;
using rtml::drift::DriftMonitor;
using rtml::drift::Multiplicity;

static_assert(rtml::Checkpointable<DriftMonitor> && rtml::Sized<DriftMonitor> && std::copyable<DriftMonitor>);

namespace {

constexpr float lost = std::numeric_limits<float>::quiet_NaN();
constexpr DriftMonitor::Options small_windows{
    .edge_rows = 150, .reference = 300, .window = 200, .scales = 2, .budget = {.least_effect = 0.1}};
constexpr std::size_t first_window = 650;  // rows until the first window of small_windows is full

/// Rows [n, columns], one after the other: normal, heavily tied, and skewed columns with missing values.
std::vector<float> rows_of(std::uint64_t seed, std::size_t rows, std::size_t columns, double shift = 0.0) {
  rtml::Rng rng(seed);
  std::vector<float> made(rows * columns);
  for (std::size_t i = 0; i < made.size(); ++i) {
    const double normal = rng.normal() + shift;
    const std::size_t kind = i % columns % 3;
    made[i] = static_cast<float>(kind == 0 ? normal : (kind == 1 ? std::floor(1.5 * normal) : std::exp(normal)));
    if (kind == 2 && rng.uniform() < 0.1) made[i] = lost;
  }
  return made;
}

Change feed(DriftMonitor& monitor, const std::vector<float>& rows) {
  Change strongest = Change::none;
  const std::size_t columns = monitor.columns();
  for (std::size_t i = 0; i < rows.size(); i += columns)
    strongest = std::max(strongest, monitor.update(Features{std::span(rows).subspan(i, columns), {}}));
  return strongest;
}

Batch batch_of(const std::vector<float>& rows, std::size_t columns) { return {rows.data(), rows.size() / columns, columns}; }

std::vector<double> column_of(const std::vector<float>& rows, std::size_t columns, std::size_t column, std::size_t begin,
                              std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = begin; i < begin + count; ++i) values.push_back(static_cast<double>(rows[i * columns + column]));
  return values;
}

std::vector<std::uint64_t> histogram(const DriftMonitor& monitor, const rtml::drift::ColumnCounts& counts, std::size_t column) {
  std::vector<std::uint64_t> into(monitor.bins().bins(column));
  monitor.bins().histogram(counts, column, into);
  return into;
}

Schema shop_schema() { return Schema({{.name = "x"}, {.name = "shop", .kind = rtml::Column::Kind::nominal}, {.name = "y"}}); }

std::vector<float> shop_visits(std::uint64_t seed, std::size_t rows, std::uint64_t shops, float first_shop = 0.0F) {
  rtml::Rng rng(seed);
  std::vector<float> made;
  for (std::size_t i = 0; i < rows; ++i) {
    const double u = rng.uniform();
    const double shop = std::floor(u * u * static_cast<double>(shops));  // low codes are frequent
    made.insert(made.end(), {static_cast<float>(rng.normal()), first_shop + static_cast<float>(shop), static_cast<float>(rng.normal())});
  }
  return made;
}

}  // namespace

TEST_CASE("DriftMonitor takes bins from its first rows, counts the next as the reference, and then window after window",
          "[drift][property]") {
  const auto columns = GENERATE(range(1u, 40u, 6u));
  CAPTURE(columns);
  DriftMonitor monitor(Schema::numeric(columns), small_windows);
  const auto rows = rows_of(columns, 1250, columns);
  for (std::size_t at = 0; at < 1250; ++at) {
    monitor.update(Features{std::span<const float>(rows).subspan(at * columns, columns), {}});
    REQUIRE(monitor.ready() == (at + 1 >= first_window));
    if (at + 1 < first_window || (at + 1 - first_window) % 200 != 0) continue;
    for (std::size_t c = 0; c < columns; ++c) {
      CAPTURE(at, c);
      std::vector<float> edges(monitor.bins().bins(c) - 2);
      monitor.bins().edges(c, edges);
      if (c % 3 == 0) {
        const rtml::stats::QuantileBins quantiles(column_of(rows, columns, c, 0, 150));
        REQUIRE(edges.size() == quantiles.edges().size());
        for (std::size_t k = 0; k < edges.size(); ++k) CHECK(static_cast<double>(edges[k]) == Approx(quantiles.edges()[k]));
      }
      const auto bins = [&](double value) {
        if (rtml::is_nan(value)) return edges.size() + 1;
        return static_cast<std::size_t>(std::lower_bound(edges.begin(), edges.end(), static_cast<float>(value)) - edges.begin());
      };
      std::vector<std::uint64_t> reference(edges.size() + 2);
      std::vector<std::uint64_t> current(edges.size() + 2);
      for (const double value : column_of(rows, columns, c, 150, 300)) ++reference[bins(value)];
      for (const double value : column_of(rows, columns, c, at + 1 - 200, 200)) ++current[bins(value)];
      CHECK(histogram(monitor, monitor.reference(), c) == reference);
      CHECK(histogram(monitor, monitor.last(), c) == current);

      const auto binned = [&](std::size_t begin, std::size_t count) {
        auto values = column_of(rows, columns, c, begin, count);
        for (double& value : values) value = static_cast<double>(bins(value));
        return values;
      };
      const auto ks = rtml::drift::ks(binned(150, 300), binned(at + 1 - 200, 200));
      CHECK(monitor.compare(Distance::ks, c).statistic == ks.statistic);
      CHECK(monitor.shift(c).effect == Approx(ks.statistic).epsilon(1e-12));
      if (reference.back() == 0 && current.back() == 0) reference.pop_back(), current.pop_back();
      CHECK(monitor.compare(Distance::psi, c).statistic == rtml::drift::psi(reference, current).statistic);
      CHECK(monitor.compare(Distance::psi, c).p_value == rtml::drift::psi(reference, current).p_value);
      CHECK(monitor.compare(Distance::js, c).statistic == rtml::drift::jensen_shannon(reference, current).statistic);
    }
  }
}

TEST_CASE("DriftMonitor's p-value is that of the most significant split, by the exact test, times the splits", "[drift]") {
  const DriftMonitor::Options options{
      .edge_rows = 100, .reference = 600, .window = 100, .scales = 1, .columns = {.bins = 4}, .budget = {.least_effect = 0.06}};
  DriftMonitor monitor(Schema::numeric(1), options);
  std::vector<float> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(static_cast<float>(i));        // edges near 24.75, 49.5 and 74.25
  for (int i = 0; i < 600; ++i) rows.push_back(static_cast<float>(i % 100));  // 150 rows a bin
  for (int i = 0; i < 100; ++i) rows.push_back(i < 60 ? 10.0F : 90.0F);       // 60, 0, 0 and 40
  feed(monitor, rows);
  REQUIRE(monitor.ready());
  // Above the first edge: 450 of 600 before, 40 of 100 now.
  const double p = rtml::stats::hypergeometric_tails(40, 490, 100, 700).two_sided();
  CHECK(p < 1e-10);
  CHECK(monitor.shift(0).p_value == 4.0 * p);
  CHECK(monitor.shift(0).effect == Approx(0.35));
  CHECK(monitor.shift(0).split == 0);
  REQUIRE(monitor.alarms().size() == 1);
  CHECK(monitor.alarms()[0].p_value == 4.0 * p);
  CHECK(monitor.alarms()[0].effect == Approx(0.35));
  CHECK(monitor.alarms()[0].rows == 100);
}

TEST_CASE("DriftMonitor counts the same row by row, in batches of any size, and in shards merged in any order", "[drift][property]") {
  constexpr std::size_t columns = 19;
  const auto rows = rows_of(7, 2050, columns);
  DriftMonitor whole(Schema::numeric(columns), small_windows);
  feed(whole, rows);
  rtml::Rng rng(1);
  for (int round = 0; round < 5; ++round) {
    DriftMonitor batched(Schema::numeric(columns), small_windows);
    for (std::size_t begin = 0; begin < 2050;) {
      const std::size_t count = std::min<std::size_t>(1 + rng.below(round < 3 ? 50 : 900), 2050 - begin);
      if (rng.below(4) == 0) {  // now and then row by row
        feed(batched, {rows.begin() + static_cast<std::ptrdiff_t>(begin * columns),
                       rows.begin() + static_cast<std::ptrdiff_t>((begin + count) * columns)});
      } else {
        batched.update(Batch(rows.data() + begin * columns, count, columns));
      }
      begin += count;
    }
    CHECK(rtml::save(batched) == rtml::save(whole));
  }

  DriftMonitor sharded(Schema::numeric(columns), small_windows);
  sharded.update(Batch(rows.data(), 450, columns));
  for (std::size_t begin = 450; begin < 2050; begin += 200) {
    const std::size_t count = std::min<std::size_t>(200, 2050 - begin);
    std::vector<rtml::drift::ColumnCounts> shards(3, sharded.bins().counts());
    for (std::size_t row = begin; row < begin + count; ++row)
      sharded.bins().count(Batch(rows.data() + row * columns, 1, columns), shards[rng.below(3)]);
    const std::size_t first = rng.below(3);
    for (std::size_t i = 0; i < 3; ++i) sharded.update(shards[(first + i) % 3]);
  }
  CHECK(sharded.rows() == whole.rows());
  for (std::size_t c = 0; c < columns; ++c) {
    CHECK(histogram(sharded, sharded.last(), c) == histogram(whole, whole.last(), c));
    CHECK(sharded.shift(c).p_value == whole.shift(c).p_value);
  }
}

TEST_CASE("DriftMonitor reads the rows of a batch where they lie: backwards, wider than the schema, every second", "[drift]") {
  constexpr std::size_t columns = 17;
  const auto rows = rows_of(8, 850, columns);
  DriftMonitor whole(Schema::numeric(columns), small_windows);
  feed(whole, rows);
  std::vector<float> reversed(850 * 40, -1e9F);
  for (std::size_t i = 0; i < 850; ++i)
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i * columns), columns,
                reversed.begin() + static_cast<std::ptrdiff_t>((849 - i) * 40));
  DriftMonitor strided(Schema::numeric(columns), small_windows);
  strided.update(Batch(reversed.data() + 849 * 40, 850, columns + 2, -40));
  CHECK(rtml::save(strided) == rtml::save(whole));
}

TEST_CASE("DriftMonitor keeps its budget of false alarms, whatever the distribution of the columns", "[drift][property][simulation]") {
  // 400 references, each with 5 windows of 100 rows at level 0.1: 200 windows alarm at most, on the average.
  const auto columns = GENERATE(1u, 3u, 12u);
  const auto multiplicity = GENERATE(Multiplicity::bonferroni, Multiplicity::holm, Multiplicity::bh, Multiplicity::e_bh);
  const DriftMonitor::Options options{.edge_rows = 100,
                                      .reference = 1000,
                                      .window = 100,
                                      .scales = 1,
                                      .budget = {.false_alarms = 1e-3, .least_effect = 0.05, .multiplicity = multiplicity}};
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    DriftMonitor monitor(Schema::numeric(columns), options);
    const auto rows = rows_of(1000 + seed, 1600, columns);
    monitor.update(Batch(rows.data(), 1100, columns));
    for (std::size_t begin = 1100; begin < 1600; begin += 100)
      alarms += monitor.update(Batch(rows.data() + begin * columns, 100, columns)) == Change::drift ? 1 : 0;
  }
  CAPTURE(columns, multiplicity);
  CHECK(alarms <= 240);                                         // 200 + 3 sqrt(200 0.9)
  if (multiplicity != Multiplicity::e_bh) CHECK(alarms >= 20);  // it is not kept by never alarming
}

TEST_CASE("DriftMonitor spends its budget over all scales: the longer ones are asked less often at a larger level", "[drift][property]") {
  const DriftMonitor::Options options{
      .edge_rows = 100, .reference = 4000, .window = 100, .scales = 2, .budget = {.false_alarms = 2e-3, .least_effect = 0.022}};
  int by_scale[2] = {};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    DriftMonitor monitor(Schema::numeric(3), options);
    const auto rows = rows_of(5000 + seed, 4100 + 400, 3);
    monitor.update(Batch(rows.data(), 4100, 3));
    for (std::size_t begin = 4100; begin < 4500; begin += 100) {
      monitor.update(Batch(rows.data() + begin * 3, 100, 3));
      bool told[2] = {};
      for (const auto& alarm : monitor.alarms()) {
        told[alarm.scale] = true;
        CHECK(alarm.rows == (alarm.scale == 0 ? 100 : 400));
      }
      for (std::size_t scale = 0; scale < 2; ++scale) by_scale[scale] += told[scale] ? 1 : 0;
    }
  }
  // 120000 rows at 1e-3 a scale: at most 120 windows of each, on the average.
  CHECK(by_scale[0] <= 152);
  CHECK(by_scale[1] <= 146);
  CHECK(by_scale[0] >= 20);
  CHECK(by_scale[1] >= 20);
}

TEST_CASE("DriftMonitor finds the column that moved, and only that", "[drift][property]") {
  const auto moved = GENERATE(range(0u, 18u, 3u));
  CAPTURE(moved);
  DriftMonitor monitor(Schema::numeric(18));
  CHECK(feed(monitor, rows_of(1, 6500, 18)) == Change::none);
  REQUIRE(monitor.ready());
  CHECK(monitor.drifted() == 0);
  auto rows = rows_of(2, 1000, 18);
  for (std::size_t i = moved; i < rows.size(); i += 18) rows[i] += 1.0F;
  CHECK(feed(monitor, rows) == Change::drift);
  REQUIRE(monitor.alarms().size() == 1);
  CHECK(monitor.alarms()[0].column == moved);
  CHECK(monitor.alarms()[0].effect > 0.2);
  CHECK(monitor.drifted(moved));
  CHECK(monitor.drifted() == 1);
  for (const Distance distance : {Distance::psi, Distance::js, Distance::ks}) {
    const auto largest = monitor.largest(distance);
    CHECK(largest.column == moved);
    CHECK(largest.value == monitor.compare(distance, moved).statistic);
    CHECK(monitor.compare(distance, moved).p_value < 1e-12);
  }
  feed(monitor, rows_of(3, 1000, 18));
  CHECK(!monitor.drifted(moved));  // the next window is as the reference
}

TEST_CASE("DriftMonitor finds a small change by its longer windows", "[drift]") {
  DriftMonitor monitor(Schema::numeric(30), {.reference = 20'000, .budget = {.least_effect = 0.03}});
  monitor.update(batch_of(rows_of(1, 20'500, 30), 30));
  auto rows = rows_of(2, 16'000, 30);
  for (std::size_t i = 0; i < rows.size(); i += 30) rows[i] += 0.12F;  // 5 points at the median
  std::size_t scale = 0;
  for (std::size_t begin = 0; begin < 16'000; begin += 1000) {
    monitor.update(Batch(rows.data() + begin * 30, 1000, 30));
    for (const auto& alarm : monitor.alarms()) {
      CHECK(alarm.column == 0);
      scale = std::max(scale, alarm.scale);
    }
  }
  CHECK(scale == 2);
}

TEST_CASE("DriftMonitor does not alarm on a change that is certain and too small to matter", "[drift]") {
  DriftMonitor monitor(Schema::numeric(1), {.reference = 200'000, .window = 100'000, .scales = 1, .budget = {.least_effect = 0.05}});
  monitor.update(batch_of(rows_of(1, 200'500, 1), 1));
  CHECK(monitor.update(batch_of(rows_of(2, 100'000, 1, 0.05), 1)) == Change::none);  // 2 points at the median
  CHECK(monitor.shift(0).p_value < 1e-12);
  CHECK(monitor.shift(0).effect == Approx(0.02).margin(0.006));
  CHECK(monitor.update(batch_of(rows_of(3, 100'000, 1, 0.2), 1)) == Change::drift);
}

TEST_CASE("DriftMonitor sees a change of the rate of missing values", "[drift]") {
  DriftMonitor monitor(Schema::numeric(2), small_windows);
  feed(monitor, rows_of(1, first_window, 2));
  auto rows = rows_of(2, 200, 2);
  for (std::size_t i = 0; i < rows.size(); i += 8) rows[i] = lost;  // of the first column, every fourth
  CHECK(feed(monitor, rows) == Change::drift);
  REQUIRE(monitor.alarms().size() == 1);
  CHECK(monitor.alarms()[0].column == 0);
  CHECK(histogram(monitor, monitor.last(), 0).back() == 50);
}

TEST_CASE("DriftMonitor learns the same reference from a batch as from the first rows", "[drift]") {
  const auto rows = rows_of(5, 1250, 5);
  DriftMonitor streamed(Schema::numeric(5), small_windows);
  feed(streamed, rows);
  for (const std::size_t extra : {std::size_t{0}, std::size_t{40}, std::size_t{800}}) {
    DriftMonitor batched(Schema::numeric(5), small_windows);
    feed(batched, rows_of(6, extra, 5, 3.0));  // an earlier reference is replaced
    batched.learn_reference(Batch(rows.data(), 450, 5));
    feed(batched, {rows.begin() + 450 * 5, rows.end()});
    CHECK(rtml::save(batched) == rtml::save(streamed));
  }
  DriftMonitor large(Schema::numeric(5), small_windows);
  large.learn_reference(batch_of(rows, 5));
  CHECK(large.reference().rows() == 1100);
}

TEST_CASE("DriftMonitor learns anew after a retraining", "[drift]") {
  DriftMonitor monitor(Schema::numeric(3), small_windows);
  feed(monitor, rows_of(1, first_window, 3));
  const auto moved = rows_of(2, first_window, 3, 6.0);  // beyond every edge of the old reference
  CHECK(feed(monitor, {moved.begin(), moved.begin() + 600}) == Change::drift);
  CHECK(monitor.drifted() == 3);
  monitor.relearn();
  CHECK(!monitor.ready());
  CHECK(monitor.drifted() == 0);
  CHECK(monitor.alarms().empty());
  CHECK(rtml::is_nan(monitor.compare(Distance::psi, 0).statistic));
  CHECK(rtml::is_nan(monitor.shift(0).effect));
  CHECK(feed(monitor, moved) == Change::none);
  DriftMonitor fresh(Schema::numeric(3), small_windows);
  feed(fresh, moved);
  CHECK(rtml::save(fresh) == rtml::save(monitor));
}

TEST_CASE("DriftMonitor counts the frequent categories of a nominal column, and all others in one bin", "[drift]") {
  DriftMonitor monitor(shop_schema(),
                       {.edge_rows = 150, .reference = 300, .window = 200, .columns = {.categories = 4}, .budget = {.least_effect = 0.1}});
  feed(monitor, shop_visits(1, 450, 12));
  const auto reference = histogram(monitor, monitor.reference(), 1);
  REQUIRE(reference.size() == 6);
  CHECK(monitor.bins().categories(1).size() == 4);
  CHECK(reference[0] > reference[3]);
  CHECK(reference[4] > 50);  // shops 4 to 11
  CHECK(reference[5] == 0);
  CHECK(feed(monitor, shop_visits(2, 200, 12)) == Change::none);
  CHECK(feed(monitor, shop_visits(3, 200, 12, 1e6F)) == Change::drift);  // shops never seen
  CHECK(histogram(monitor, monitor.last(), 1)[4] == 200);
  feed(monitor, shop_visits(3, 200, 12, -0.5F));  // nor these, below and between the known ones
  CHECK(histogram(monitor, monitor.last(), 1)[4] == 200);
  for (const Distance distance : {Distance::psi, Distance::js, Distance::ks}) CHECK(monitor.largest(distance).column == 1);
  CHECK(monitor.compare(Distance::ks, 1).p_value < 1e-12);
  auto rows = shop_visits(4, 200, 12);
  for (std::size_t i = 1; i < rows.size(); i += 3) rows[i] = lost;
  feed(monitor, rows);
  CHECK(histogram(monitor, monitor.last(), 1)[5] == 200);
  CHECK(monitor.compare(Distance::ks, 1).statistic == Approx(1.0));
}

TEST_CASE("DriftMonitor does not mind what number a category has", "[drift][metamorphic]") {
  DriftMonitor monitor(shop_schema(), small_windows);
  DriftMonitor renamed(shop_schema(), small_windows);
  auto rows = shop_visits(1, 850, 9);
  for (std::size_t i = 650 * 3 + 1; i < rows.size(); i += 3) rows[i] = std::floor(rows[i] / 2.0F);
  feed(monitor, rows);
  for (std::size_t i = 1; i < rows.size(); i += 3) rows[i] = 1000.0F - 7.0F * rows[i];
  feed(renamed, rows);
  for (const Distance distance : {Distance::psi, Distance::js, Distance::ks}) {
    CHECK(renamed.compare(distance, 1).statistic == Approx(monitor.compare(distance, 1).statistic).epsilon(1e-12));
    CHECK(renamed.compare(distance, 1).p_value == Approx(monitor.compare(distance, 1).p_value).epsilon(1e-9));
  }
  CHECK(renamed.shift(1).p_value == monitor.shift(1).p_value);
  CHECK(renamed.shift(1).effect == monitor.shift(1).effect);
}

TEST_CASE("DriftMonitor judges a column the same whatever increasing function its values went through", "[drift][metamorphic]") {
  DriftMonitor plain(Schema::numeric(1), small_windows);
  DriftMonitor bent(Schema::numeric(1), small_windows);
  auto rows = rows_of(1, 450, 1);
  const auto later = rows_of(2, 200, 1, 0.5);
  rows.insert(rows.end(), later.begin(), later.end());
  feed(plain, rows);
  for (float& value : rows)
    value = value < 0.0F ? -8.0F * value * value : 0.5F * value;  // quantiles between values may move, by less than one
  feed(bent, rows);
  CHECK(bent.shift(0).effect == Approx(plain.shift(0).effect).margin(0.02));
  CHECK(bent.drifted(0) == plain.drifted(0));
}

TEST_CASE("DriftMonitor counts infinities beyond every edge, and refuses rows that are too short", "[drift]") {
  DriftMonitor monitor(Schema::numeric(2), small_windows);
  const auto rows = rows_of(8, first_window, 2);
  feed(monitor, rows);
  std::vector<float> endless;
  for (int i = 0; i < 100; ++i) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    endless.insert(endless.end(), {infinity, 0.0F, -infinity, 0.0F});
  }
  CHECK(monitor.update(Features{std::span<const float>(rows).first(1), {}}) == Change::none);
  CHECK(monitor.refused() == 1);
  feed(monitor, endless);
  const auto counts = histogram(monitor, monitor.last(), 0);
  CHECK(counts.front() == 100);
  CHECK(counts[counts.size() - 2] == 100);
  CHECK(counts.back() == 0);
  CHECK_THROWS_WITH(monitor.update(Batch(rows.data(), 10, 1)), "DriftMonitor: columns is 1, must be those of the schema, or more");
}

TEST_CASE("DriftMonitor bears columns that are constant, or missing in the whole reference", "[drift]") {
  DriftMonitor monitor(Schema::numeric(2), small_windows);
  for (std::size_t i = 0; i < first_window; ++i) feed(monitor, {3.5F, lost});
  REQUIRE(monitor.ready());
  CHECK(monitor.shift(0).effect == 0.0);
  CHECK(monitor.shift(1).p_value == 1.0);
  CHECK(monitor.drifted() == 0);
  for (std::size_t i = 0; i < 200; ++i) feed(monitor, {3.6F, 1.0F});
  CHECK(monitor.drifted() == 2);
  CHECK(monitor.shift(0).effect == 1.0);
  CHECK(monitor.shift(1).effect == 1.0);
  CHECK(monitor.compare(Distance::js, 1).statistic == Approx(1.0));
}

TEST_CASE("DriftMonitor sees what moves from a value that most rows have to below it, or above", "[drift]") {
  struct Move {
    const char* what;
    std::vector<float> values;  // and what share of the rows has each, before and after
    std::vector<double> before;
    std::vector<double> after;
  };
  for (const Move& move :
       {Move{"constant, then lower", {0.0F, 7.0F}, {0.0, 1.0}, {1.0, 0.0}},
        Move{"constant, then higher", {7.0F, 9.0F}, {1.0, 0.0}, {0.0, 1.0}},
        Move{"mostly ones, then few", {0.0F, 1.0F}, {0.05, 0.95}, {0.7, 0.3}},
        Move{"mostly zeros, then few", {0.0F, 1.0F}, {0.95, 0.05}, {0.3, 0.7}},
        Move{"rare values below a frequent one", {-1.0F, 0.0F, 1.0F}, {0.05, 0.9, 0.05}, {0.5, 0.45, 0.05}},
        Move{"capped values that are no longer", {1.0F, 2.0F, 3.0F, 50.0F}, {0.02, 0.02, 0.02, 0.94}, {0.3, 0.3, 0.3, 0.1}}}) {
    CAPTURE(move.what);
    rtml::Rng rng(9);
    const auto draw = [&](const std::vector<double>& shares) {
      double u = rng.uniform();
      std::size_t i = 0;
      while (i + 1 < shares.size() && u >= shares[i]) u -= shares[i++];
      return move.values[i];
    };
    DriftMonitor monitor(Schema::numeric(1), small_windows);
    for (std::size_t i = 0; i < first_window + 400; ++i) CHECK(feed(monitor, {draw(move.before)}) == Change::none);
    Change told = Change::none;
    for (std::size_t i = 0; i < 200; ++i) told = std::max(told, feed(monitor, {draw(move.after)}));
    CHECK(told == Change::drift);
  }
}

TEST_CASE("DriftMonitor tells neighbouring floats apart where an edge falls between them", "[drift]") {
  const float a = 16777216.0F;
  const float b = std::nextafter(a, 2.0F * a);
  DriftMonitor monitor(Schema::numeric(1), small_windows);
  for (std::size_t i = 0; i < 450; ++i) feed(monitor, {i % 10 == 0 ? a : b});  // the first decile lies nine tenths of the way from a to b
  CHECK(histogram(monitor, monitor.reference(), 0).front() == 30);
}

TEST_CASE("DriftMonitor of no dense columns never knows anything", "[drift]") {
  DriftMonitor monitor{Schema()};
  for (int i = 0; i < 5000; ++i) monitor.update(Features{});
  monitor.update(Batch(5000));
  monitor.learn_reference(Batch(5000));
  CHECK(!monitor.ready());
  CHECK(rtml::is_nan(monitor.largest(Distance::psi).value));
}

TEST_CASE("DriftMonitor allocates nothing after construction", "[drift]") {
  DriftMonitor monitor(shop_schema(), small_windows);
  const auto rows = shop_visits(1, 1200, 9);
  const auto later = shop_visits(2, 1200, 9, 3.0F);
  const rtml::testing::AllocationCounter allocations;
  feed(monitor, rows);
  monitor.update(batch_of(later, 3));
  monitor.relearn();
  feed(monitor, later);
  double sum = 0.0;
  for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) sum += monitor.largest(distance).value;
  sum += monitor.shift(1).effect;
  const auto count = allocations.count();
  CHECK(count == 0);

  DriftMonitor copy = monitor;
  rtml::load(copy, rtml::save(monitor));
  const rtml::testing::AllocationCounter of_copy;
  feed(copy, rows);
  copy.relearn();
  feed(copy, later);
  const auto by_copy = of_copy.count();
  CHECK(by_copy == 0);
  CHECK(sum > 0.0);
  CHECK(monitor.memory_bytes() > 150 * 3 * sizeof(float));
}

TEST_CASE("DriftMonitor saved and loaded goes on bit for bit, and its archive is safe", "[drift][laws]") {
  const auto rows = shop_visits(1, 900, 9);
  const DriftMonitor blank(shop_schema(), {.edge_rows = 50,
                                           .reference = 100,
                                           .window = 60,
                                           .scales = 2,
                                           .columns = {.bins = 4, .categories = 3},
                                           .budget = {.false_alarms = 1e-3, .least_effect = 0.2}});
  const auto fed = [&](std::size_t count) {
    DriftMonitor monitor = blank;
    feed(monitor, {rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(3 * count)});
    return monitor;
  };
  for (const std::size_t at : {0U, 40U, 50U, 100U, 150U, 160U, 215U, 500U}) {
    CAPTURE(at);
    DriftMonitor monitor = fed(at);
    DriftMonitor restored = blank;
    rtml::load(restored, rtml::save(monitor));
    const std::vector<float> rest(rows.begin() + static_cast<std::ptrdiff_t>(3 * at), rows.end());
    feed(monitor, rest);
    feed(restored, rest);
    CHECK(rtml::save(restored) == rtml::save(monitor));
    for (std::size_t c = 0; c < 3; ++c) CHECK(restored.shift(c).p_value == monitor.shift(c).p_value);
  }
  for (const std::size_t at : {40U, 130U, 240U, 500U})
    rtml::testing::check_archive(fed(at), blank, [&](DriftMonitor& read) {
      feed(read, {rows.begin(), rows.begin() + 210});
      for (std::size_t c = 0; c < 3; ++c) static_cast<void>(read.shift(c));
      for (const auto distance : {Distance::psi, Distance::js, Distance::ks}) static_cast<void>(read.largest(distance));
      read.relearn();
    });
  DriftMonitor other(Schema::numeric(3), blank.options());
  CHECK_THROWS_AS(rtml::load(other, rtml::save(blank)), rtml::FormatError);
  auto options = blank.options();
  options.budget.false_alarms = 1e-4;
  DriftMonitor stricter(shop_schema(), options);
  CHECK_THROWS_AS(rtml::load(stricter, rtml::save(blank)), rtml::FormatError);
}

TEST_CASE("ColumnCounts of other bins are not added", "[drift]") {
  DriftMonitor one(Schema::numeric(2), small_windows);
  DriftMonitor other(Schema::numeric(2), small_windows);
  CHECK_THROWS_WITH(one.update(one.bins().counts()), "DriftMonitor: reference is 0, must be learned before counts are added");
  feed(one, rows_of(1, 450, 2));
  feed(other, rows_of(2, 450, 2));
  CHECK_THROWS_AS(one.update(other.bins().counts()), rtml::ConfigError);
  CHECK(one.update(one.bins().counts()) == Change::none);
}

TEST_CASE("DriftMonitor names the option that is out of range", "[drift][config]") {
  const Schema schema = Schema::numeric(2);
  CHECK_THROWS_WITH(DriftMonitor(schema, {.window = 50}), "DriftMonitor: window is 50, must be at least 10 rows a bin and at most 2^31");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.reference = 99}),
                    "DriftMonitor: reference is 99, must be at least 10 rows a bin and at most 2^31");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.scales = 0}), "DriftMonitor: scales is 0, must be in [1, 8]");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.columns = {.bins = 65}}), "ColumnBins: bins is 65, must be in [2, 64]");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.columns = {.categories = 0}}), "ColumnBins: categories is 0, must be in [1, 128]");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.budget = {.false_alarms = 1e-3}}),
                    "DriftMonitor: false_alarms is 0.001, must be > 0, and less than one in the longest window's share");
  CHECK_THROWS_WITH(DriftMonitor(schema, {.budget = {.least_effect = 0.03}}),
                    "DriftMonitor: least_effect is 0.03, must be above the reference's own noise, 1.36 / sqrt(reference), and below 1");
  DriftMonitor monitor(schema, small_windows);
  const std::vector<float> rows(1000, 1.0F);
  CHECK_THROWS_WITH(monitor.learn_reference(Batch(rows.data(), 249, 2)),
                    "DriftMonitor: reference rows is 249, must be at least edge_rows and 10 more a bin");
  CHECK_THROWS_WITH(
      monitor.learn_reference(Batch(rows.data(), 300, 2)),
      "DriftMonitor: reference rows is 300, must be enough for the budget's least effect: it must be above 1.36 / sqrt(rows)");
}
