#include "rtml/store/feature_view.hpp"

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/store/feature_row.hpp"
#include "store_rows.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::testing::card_view;

static_assert(Checkpointable<FeatureView> && Sized<FeatureView>);

// What would lose digits does not compile.
static_assert(rtml::detail::FitsInto<std::int32_t, std::int64_t> && !rtml::detail::FitsInto<std::uint64_t, std::int64_t>);
static_assert(!rtml::detail::FitsInto<std::int64_t, float> && !rtml::detail::FitsInto<std::int32_t, double> &&
              !rtml::detail::FitsInto<double, float> && rtml::detail::FitsInto<float, double>);

namespace {

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

FeatureView shop_view() {
  return {
      "shop", {KeyColumn::text("country", 2), KeyColumn::text("merchant", 16), KeyColumn::integer("till")}, {ValueColumn::of<float>("x")}};
}

}  // namespace

TEST_CASE("A view refuses what is no definition, by name", "[store]") {
  const std::vector<KeyColumn> keys = {KeyColumn::integer("id")};
  const std::vector<ValueColumn> columns = {ValueColumn::of<float>("x")};
  CHECK(message_of([&] { FeatureView("", keys, columns); }) == "FeatureView \"\": name is \"\", must be not empty");
  CHECK(message_of([&] { FeatureView("v", {}, columns); }) == "FeatureView \"v\": keys is \"\", must be at least one");
  CHECK(message_of([&] { FeatureView("v", keys, {}); }) == "FeatureView \"v\": columns is \"0\", must be in [1, 4096]");
  CHECK(message_of([&] { FeatureView("v", {KeyColumn::text("t", 128)}, columns); }) ==
        "FeatureView \"v\": bytes of a key is \"129\", must be at most 128");
  CHECK(message_of([&] { FeatureView("v", keys, columns, {.ttl = Duration(0)}); }) ==
        "FeatureView \"v\": ttl (us) is \"0\", must be in (0, 36500 days] or forever");
  CHECK(message_of([&] { FeatureView("v", keys, columns, {.history = 0}); }) ==
        "FeatureView \"v\": history is \"0\", must be in [1, 1024]");
  CHECK(message_of([&] { FeatureView("v", keys, columns, {.history = 1025}); }) ==
        "FeatureView \"v\": history is \"1025\", must be in [1, 1024]");
}

TEST_CASE("Columns of one name are refused, not silently left out", "[store]") {
  const KeyColumn id = KeyColumn::integer("id");
  const ValueColumn x = ValueColumn::of<float>("x");
  CHECK(message_of([&] { FeatureView("v", {id}, {x, x}); }) == "FeatureView \"v\": column is \"x\", must be named once");
  CHECK(message_of([&] {
          FeatureView("v", {id}, {x, ValueColumn::of<double>("id")});
        }) == "FeatureView \"v\": column is \"id\", must be named once");
  CHECK(message_of([&] { FeatureView("v", {id, id}, {x}); }) == "FeatureView \"v\": column is \"id\", must be named once");
}

TEST_CASE("A column of another integer type or float type is an error that names it", "[store]") {
  const FeatureView view = card_view();
  CHECK(message_of([&] { view.column<std::int32_t>("count"); }) == "view \"card\": column \"count\" is int64, not int32");
  CHECK(message_of([&] { view.column<std::uint64_t>("count"); }) == "view \"card\": column \"count\" is int64, not uint64");
  CHECK(message_of([&] { view.column<float>("count"); }) == "view \"card\": column \"count\" is int64, not float");
  CHECK(message_of([&] { view.column<float>("balance"); }) == "view \"card\": column \"balance\" is double, not float");
  CHECK(message_of([&] { view.column<bool>("spend"); }) == "view \"card\": column \"spend\" is float, not bool");
  CHECK(message_of([&] { view.column<float>("spent"); }) == "view \"card\" has no column \"spent\"");
  CHECK(view.column<std::int64_t>("count").column == 1);
}

TEST_CASE("A fingerprint covers every part of a view", "[store]") {
  const KeyColumn id = KeyColumn::integer("id");
  const ValueColumn x = ValueColumn::of<float>("x");
  const std::vector<FeatureView> views = {
      {"v", {id}, {x}},
      {"w", {id}, {x}},
      {"v", {KeyColumn::integer("user")}, {x}},
      {"v", {KeyColumn::text("id", 8)}, {x}},
      {"v", {KeyColumn::text("id", 9)}, {x}},
      {"v", {id, KeyColumn::integer("user")}, {x}},
      {"v", {id}, {ValueColumn::of<double>("x")}},
      {"v", {id}, {ValueColumn::of<float>("y")}},
      {"v", {id}, {x, ValueColumn::of<float>("y")}},
      {"v", {id}, {ValueColumn::of<float>("y"), x}},
      {"v", {id}, {x}, {.ttl = days(7)}},
      {"v", {id}, {x}, {.ttl = days(8)}},
      {"v", {id}, {x}, {.history = 2}},
  };
  std::set<std::uint64_t> fingerprints;
  for (const FeatureView& view : views) fingerprints.insert(view.fingerprint());
  CHECK(fingerprints.size() == views.size());
  CHECK(FeatureView("v", {id}, {x}) == views[0]);

  CHECK(views[0].difference(views[0]) == std::nullopt);
  CHECK(views[0].difference(views[1]) == "view \"v\" is not \"w\"");
  CHECK(views[0].difference(views[2]) == "view \"v\": its keys differ");
  CHECK(views[0].difference(views[6]) == "view \"v\": column \"x\" (float) where column \"x\" (double) was expected");
  CHECK(views[0].difference(views[8]) == "view \"v\": 1 columns where 2 were expected");
  CHECK(views[0].difference(views[10]) == "view \"v\": its time to live differs");
  CHECK(views[0].difference(views[12]) == "view \"v\": the length of its history differs");
}

TEST_CASE("A key is the same whatever integer type it came in", "[store]") {
  const FeatureView view = card_view();
  const EntityKey key = view.key(std::int64_t{42});
  CHECK(key.valid());
  CHECK(view.key(std::int32_t{42}) == key);
  CHECK(view.key(std::uint8_t{42}) == key);
  CHECK(view.key(std::uint64_t{42}) == key);
  CHECK(view.key(std::int32_t{-1}) == view.key(std::int64_t{-1}));
  CHECK_FALSE(view.key(43) == key);
  CHECK(key.bytes() == std::string("\x2a\0\0\0\0\0\0\0", 8));
}

TEST_CASE("Different keys have different bytes", "[store]") {
  const FeatureView view = shop_view();
  const std::vector<std::string> countries = {"", "a", "ab", "b", "abc"};
  const std::vector<std::string> merchants = {"", "a", "ba", "b", "bab", std::string("\0", 1), "exactly 16 bytes", "more than 16 bytes"};
  std::set<std::string> seen;
  std::size_t valid = 0;
  for (const std::string& country : countries) {
    for (const std::string& merchant : merchants) {
      for (const int till : {0, 1, -1}) {
        const EntityKey key = view.key(country, merchant, till);
        const bool fits = !country.empty() && country.size() <= 2 && !merchant.empty() && merchant.size() <= 16;
        CHECK(key.valid() == fits);
        if (!fits) continue;
        ++valid;
        CHECK(seen.insert(std::string(key.bytes())).second);
        CHECK(view.is_key(key.bytes()));
        CHECK(EntityKey::from_bytes(key.bytes()) == key);
      }
    }
  }
  CHECK(valid == seen.size());
  CHECK_FALSE(view.is_key(""));
  CHECK_FALSE(view.is_key(view.key("a", "b", 1).bytes().substr(1)));
  CHECK_FALSE(view.is_key(std::string(view.key("a", "b", 1).bytes()) + "x"));
  CHECK_FALSE(EntityKey().valid());
  CHECK_FALSE(EntityKey::from_bytes("").valid());
  CHECK_FALSE(EntityKey::from_bytes(std::string(129, 'x')).valid());
}

TEST_CASE("A key of other types is an error that names the column", "[store]") {
  const FeatureView view = shop_view();
  CHECK(message_of([&] { static_cast<void>(view.key("de", 7, 1)); }) == "view \"shop\": key column \"merchant\" is text, not an integer");
  CHECK(message_of([&] { static_cast<void>(view.key("de", "m", "1")); }) == "view \"shop\": key column \"till\" is int64, not text");
  CHECK(message_of([&] { static_cast<void>(view.key("de")); }) == "view \"shop\" has a key of 3 columns, not 1");
}

TEST_CASE("A row begins all null, and keeps what is finite", "[store]") {
  const FeatureView view = card_view();
  FeatureRow row(view);
  const auto spend = view.column<float>("spend");
  const auto balance = view.column<double>("balance");
  const auto is_null = [&](std::size_t column) { return rtml::detail::RowLayout::is_null(row.cells().data(), column); };
  row.set(spend, 1.5F);
  CHECK_FALSE(is_null(0));
  row.begin(view.key(1), rtml::testing::second(5));
  for (std::size_t i = 0; i < 5; ++i) CHECK(is_null(i));
  row.set(spend, std::numeric_limits<float>::quiet_NaN());
  row.set(balance, std::numeric_limits<float>::infinity());
  CHECK(is_null(0));
  CHECK(is_null(2));
  CHECK(row.refused() == 1);
  row.set(balance, 2.5F);
  CHECK_FALSE(is_null(2));
  row.set(balance, std::numeric_limits<double>::quiet_NaN());
  CHECK(is_null(2));
  CHECK(view.layout().plausible(row.cells()));
  CHECK(message_of([&] { row.set(shop_view().column<float>("x"), 1.0F); }) == "FeatureRow: column 0 belongs to another view");
}

TEST_CASE("A view is archived whole", "[store]") {
  const FeatureView view = card_view({.ttl = days(3), .history = 7});
  FeatureView restored = shop_view();
  load(restored, save(view));
  CHECK(restored == view);
  CHECK(restored.history() == 7);
  CHECK(restored.layout().words() == view.layout().words());
  rtml::testing::check_archive(view, shop_view());
}
