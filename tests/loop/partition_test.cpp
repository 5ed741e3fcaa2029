// Entities that move from one loop to another.

#include <filesystem>
#include <string>
#include <vector>

#include "rtml/core/hash.hpp"
#include "rtml/loop.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace loop_test;
using rtml::EntityWindows;
using rtml::LogisticRegression;
using rtml::Loop;

namespace {

rtml::FeatureSet<Trade> windows_alone() {
  using namespace rtml;
  using namespace std::chrono_literals;
  return feature_set<Trade>("moving-v1", &Trade::at,
                            window("volume", field("trader", &Trade::trader), 1h, sum(field("size", &Trade::size))),
                            window("trades", field("trader", &Trade::trader), 1h, count()));
}

/// What a loop would see of a trade.
std::vector<float> seen(const Loop<Trade>& loop, const Trade& trade) {
  std::vector<float> values(2);
  for (const auto& part : loop.explain(trade).parts) values[part.feature == "trades" ? 1 : 0] = part.value;
  return values;
}

}  // namespace

TEST_CASE("A partition of the entities moves to another loop, which sees of them what the first one saw", "[loop][state]") {
  const auto rows = trades(2000);
  const TemporaryFolder folder;
  const std::string file = folder.path() + "/part.rtml";
  Loop<Trade> from(windows_alone(), LogisticRegression{});
  run(from, rows, 0, rows.size());
  Loop<Trade> to(windows_alone(), LogisticRegression{});

  std::vector<std::vector<float>> before;
  for (std::uint64_t trader = 0; trader < 50; ++trader) {
    Trade trade = rows.back();
    trade.at += std::chrono::seconds(1);
    trade.trader = trader;
    before.push_back(seen(from, trade));
    REQUIRE(before.back()[1] > 0.0F);
  }
  from.export_partition(file, 1, 2);
  to.import_partition(file);
  CHECK_THROWS_AS(to.import_partition(file), rtml::ConfigError);  // they are here
  from.drop_partition(1, 2);

  int moved = 0;
  for (std::uint64_t trader = 0; trader < 50; ++trader) {
    CAPTURE(trader);
    Trade trade = rows.back();
    trade.at += std::chrono::seconds(1);
    trade.trader = trader;
    const bool is_there = seen(to, trade)[1] > 0.0F;
    moved += is_there ? 1 : 0;
    CHECK(seen(is_there ? to : from, trade) == before[trader]);
    CHECK(seen(is_there ? from : to, trade)[1] == 0.0F);
  }
  CHECK(moved > 10);
  CHECK(moved < 40);
  from.import_partition(file);  // and back
  Trade trade = rows.back();
  trade.at += std::chrono::seconds(1);
  for (trade.trader = 0; trade.trader < 50; ++trade.trader) CHECK(seen(from, trade) == before[trade.trader]);
}

TEST_CASE("A partition of other features, a damaged one, and one that is none are refused by name", "[loop][state]") {
  const auto rows = trades(200);
  const TemporaryFolder folder;
  const std::string file = folder.path() + "/part.rtml";
  Loop<Trade> loop(windows_alone(), LogisticRegression{});
  run(loop, rows, 0, rows.size());
  CHECK_THROWS_WITH(loop.export_partition(file, 2, 2), "EntityWindows: partition is 2, must be less than their number");
  loop.export_partition(file, 0, 2);
  Loop<Trade> other(trade_features(), LogisticRegression{});
  CHECK_THROWS_AS(other.import_partition(file), rtml::SchemaError);
  CHECK_THROWS_AS(other.import_partition(file + ".none"), rtml::IoError);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 9);
  Loop<Trade> fresh(windows_alone(), LogisticRegression{});
  CHECK_THROWS_AS(fresh.import_partition(file), rtml::FormatError);
  CHECK(seen(fresh, rows[199])[1] == 0.0F);
}
