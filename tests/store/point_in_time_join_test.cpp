#include "rtml/store/point_in_time_join.hpp"

#include <bit>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "store_rows.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::AllocationCounter;
using rtml::testing::card_rows;
using rtml::testing::card_view;
using rtml::testing::CardRow;
using rtml::testing::PlainRow;
using rtml::testing::second;

namespace {

FeatureView shop_of_rows() {
  return {"shop", {KeyColumn::text("name", 8), KeyColumn::integer("till")}, {ValueColumn::of<double>("turnover")}, {.ttl = 100s}};
}

/// Cards and shops, and labels about one of each.
struct Market {
  explicit Market(std::uint64_t seed, std::size_t labels) : cards(card_view({.ttl = 40s})), shops(shop_of_rows()) {
    CardRow card_row(cards.view());
    for (const PlainRow& row : card_rows(seed, 1500, 20, 60)) cards.append(card_row(row));
    FeatureRow shop_row(shops.view());
    const auto turnover = shops.view().column<double>("turnover");
    Rng rng(seed);
    for (int i = 0; i < 700; ++i) {
      shop_row.begin(shop_key(static_cast<std::int64_t>(rng.below(9))), second(1'000'000 + i));
      if (i % 5 != 0) shop_row.set(turnover, rng.normal());
      shops.append(shop_row);
    }
    for (std::size_t i = 0; i < labels; ++i) {
      at.push_back(second(999'950 + static_cast<std::int64_t>(rng.below(1800))));  // in no order
      const auto card = static_cast<std::int64_t>(rng.below(23));
      const auto shop = static_cast<std::int64_t>(rng.below(11));
      card_keys.append(cards.view().key(card));
      shop_keys.append(shop == 10 ? EntityKey() : shop_key(shop));
      keys_of.emplace_back(cards.view().key(card), shop == 10 ? EntityKey() : shop_key(shop));
    }
  }

  EntityKey shop_key(std::int64_t i) const { return shops.view().key("shop" + to_text(i / 2), i % 2); }

  History cards;
  History shops;
  std::vector<Time> at;
  EntityKeys card_keys;
  EntityKeys shop_keys;
  std::vector<std::pair<EntityKey, EntityKey>> keys_of;
};

std::string message_of_join(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("Each label is joined with what was known of its entities at its time", "[store]") {
  for (const std::size_t labels : {0U, 1U, 255U, 256U, 257U, 3000U}) {
    const Market market(labels, labels);
    const AsOfIndex cards(market.cards);
    const AsOfIndex shops(market.shops);
    const JoinSource sources[] = {
        {&cards, &market.card_keys, {}}, {&shops, &market.shop_keys, {"turnover"}}, {&cards, &market.card_keys, {"count"}, "again"}};
    const JoinedTable table = point_in_time_join(market.at, sources);
    REQUIRE(table.columns().size() == 5 + 1 + 1);
    const auto floats = cards.resolve<double>({"spend", "balance", "abroad", "mean"});
    const auto counts = cards.resolve<std::int64_t>({"count"});
    const auto turnovers = shops.resolve<double>({"turnover"});
    for (const JoinedColumn& column : table.columns()) REQUIRE(column.status.size() == labels);  // none dropped
    for (std::size_t i = 0; i < labels; ++i) {
      const auto& [card, shop] = market.keys_of[i];
      double expected[4] = {};
      std::int64_t count = 0;
      ValueStatus status[4] = {};
      const auto same = [&](double joined, double wanted, ValueStatus joined_status, ValueStatus wanted_status) {
        return joined_status == wanted_status && (is_nan(wanted) ? is_nan(joined) : joined == wanted);
      };
      floats.as_of(card, market.at[i], expected, status);
      REQUIRE(same(static_cast<double>(table.values<float>("card.spend")[i]), expected[0], table.status("card.spend")[i], status[0]));
      REQUIRE(same(table.values<double>("card.balance")[i], expected[1], table.status("card.balance")[i], status[1]));
      REQUIRE(same(static_cast<double>(table.values<float>("card.abroad")[i]), expected[2], table.status("card.abroad")[i], status[2]));
      REQUIRE(same(static_cast<double>(table.values<float>("card.mean")[i]), expected[3], table.status("card.mean")[i], status[3]));
      counts.as_of(card, market.at[i], {&count, 1}, status);
      for (const std::string name : {"card.count", "again.count"}) {
        REQUIRE(table.values<std::int64_t>(name)[i] == count);
        REQUIRE(table.status(name)[i] == status[0]);
      }
      turnovers.as_of(shop, market.at[i], {expected, 1}, status);
      REQUIRE(same(table.values<double>("shop.turnover")[i], expected[0], table.status("shop.turnover")[i], status[0]));
    }
  }
}

TEST_CASE("Labels about which without_rows is known stay, and say so", "[store]") {
  const Market market(1, 5);
  const AsOfIndex cards(market.cards);
  const History without_rows(shop_of_rows());
  const AsOfIndex shops(without_rows);
  EntityKeys strangers;
  for (int i = 0; i < 5; ++i) strangers.append(market.cards.view().key(1000 + i));
  const JoinSource sources[] = {{&cards, &strangers, {"spend"}}, {&shops, &market.shop_keys, {}}};
  const JoinedTable table = point_in_time_join(market.at, sources);
  for (const char* name : {"card.spend", "shop.turnover"}) {
    REQUIRE(table.status(name).size() == 5);
    for (const ValueStatus status : table.status(name)) CHECK(status == ValueStatus::missing);
  }
  for (const float value : table.values<float>("card.spend")) CHECK(is_nan(value));
}

TEST_CASE("A join of many views takes memory in proportion to its result", "[store]") {
  constexpr std::size_t views = 10;
  const Market market(2, 17'000);
  const AsOfIndex cards(market.cards);
  std::vector<JoinSource> sources;
  for (std::size_t i = 0; i < views; ++i) sources.push_back({&cards, &market.card_keys, {"spend", "mean"}, "v" + to_text(i)});
  const AllocationCounter allocations;
  const JoinedTable table = point_in_time_join(market.at, sources);
  const std::uint64_t bytes = allocations.bytes();
  const std::size_t result = views * 2 * 17'000 * (sizeof(float) + sizeof(ValueStatus));
  const std::size_t matching = views * (17'000 * 8 + 4 * market.cards.entities());
  CHECK(bytes >= result);
  CHECK(bytes <= result + matching + 64 * 1024);
}

TEST_CASE("Columns that would have one name are refused, not silently left out", "[store]") {
  const Market market(3, 4);
  const AsOfIndex cards(market.cards);
  const auto join = [&](const std::vector<JoinSource>& sources) { static_cast<void>(point_in_time_join(market.at, sources)); };
  CHECK(message_of_join([&] {
          join({{&cards, &market.card_keys, {"spend"}}, {&cards, &market.card_keys, {"spend"}}});
        }) == "point_in_time_join: column is \"card.spend\", must be named once");
  CHECK(message_of_join([&] { join({{&cards, &market.card_keys, {"spent"}}}); }) == "view \"card\" has no column \"spent\"");
  EntityKeys few;
  few.append(market.cards.view().key(1));
  CHECK(message_of_join([&] {
          join({{&cards, &few, {"spend"}}});
        }) == "point_in_time_join: keys of view \"card\" is 1, must be one for each of 4 labels");
  const JoinSource source{&cards, &market.card_keys, {"spend"}};
  const JoinedTable table = point_in_time_join(market.at, {&source, 1});
  CHECK(message_of_join([&] { static_cast<void>(table.values<double>("card.spend")); }) == "column \"card.spend\" is not of type double");
  CHECK(message_of_join([&] { static_cast<void>(table.status("spend")); }) == "there is no column \"spend\"");
}
