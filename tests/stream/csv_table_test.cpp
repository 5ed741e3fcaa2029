#include "rtml/stream/csv_table.hpp"

#include <array>
#include <bit>
#include <string>
#include <type_traits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace rtml::stream;

namespace {

constexpr const char* shops =
    "ts,shop,amount\n"
    "1700000000,north,10\n"
    "1700000060,,\n"
    "never,north,+30\n"
    "bad row\n"
    "1700000180,\"a, b\",text\n";

std::string text_at(const Table& table, std::size_t row, std::size_t column) {
  std::array<char, TableColumn::longest_number> room{};
  return std::string(table.columns()[column].text(row, room));
}

FeatureSet<Row> shop_features() {
  return feature_set_from<Row>("shops", &Row::at,
                               {numeric("amount", column(2)) | missing_indicator(), category("shop", text_column(1)),
                                window("spend", text_column(1), hours(1), sum(column(2)))});
}

}  // namespace

static_assert(!std::is_copy_constructible_v<CsvTable> && !std::is_move_constructible_v<CsvTable>);  // its table lies in it

TEST_CASE("A CSV becomes tables of so many good rows", "[stream][table]") {
  CsvReader reader = CsvReader::of_text(shops);
  CsvTable block(reader, {.time = "ts"});
  REQUIRE(block.next(3));
  CHECK(block.table().size() == 3);
  CHECK(block.table().column("amount") == 2);
  CHECK(block.table().columns()[2].number(0) == 10.0);
  CHECK(is_nan(block.table().columns()[2].number(1)));
  CHECK(block.table().columns()[2].number(2) == 30.0);
  CHECK(text_at(block.table(), 2, 2) == "+30");
  CHECK(text_at(block.table(), 1, 1).empty());
  CHECK(block.table().time(1) == from_unix_seconds(1'700'000'060));
  CHECK(block.table().time(2) == from_unix_seconds(1'700'000'060));
  CHECK(block.without_time() == 1);
  REQUIRE(block.next(3));
  CHECK(block.table().size() == 1);
  CHECK(text_at(block.table(), 0, 1) == "a, b");
  CHECK(is_nan(block.table().columns()[2].number(0)));
  CHECK_FALSE(block.next(3));
  CHECK(block.table().empty());
  CHECK(reader.bad_rows() == 1);
  CHECK(block.memory_bytes() > sizeof(CsvTable));
  CHECK_THROWS_AS(CsvTable(reader, {.time = "when"}), ConfigError);
}

TEST_CASE("Blocks of a CSV give the features of its rows one by one", "[stream][table]") {
  FeaturePipeline<Row> by_rows(shop_features());
  std::vector<FeatureVector> expected;
  CsvReader rows = CsvReader::of_text(shops);
  Time last{};
  while (rows.next()) {
    Row row = rows.row();
    row.at = last = parse_time(row.text[0]).value_or(last);
    expected.emplace_back(by_rows(row));
    by_rows.observe(row);
  }
  REQUIRE(expected.size() == 4);
  for (const std::size_t size : {1U, 2U, 3U, 100U}) {
    FeaturePipeline<Row> by_blocks(shop_features());
    CsvReader reader = CsvReader::of_text(shops);
    CsvTable block(reader, {.time = "ts"});
    FeatureBatch out;
    std::size_t seen = 0;
    while (block.next(size)) {
      const Batch batch = by_blocks.replay(block.table(), out);
      for (std::size_t i = 0; i < batch.size(); ++i, ++seen) {
        CAPTURE(size, seen);
        const FeatureVector row(batch.row(i));
        CHECK(row.sparse() == expected[seen].sparse());
        for (std::size_t j = 0; j < row.dense().size(); ++j)
          CHECK(std::bit_cast<std::uint32_t>(row.dense()[j]) == std::bit_cast<std::uint32_t>(expected[seen].dense()[j]));
      }
    }
    CHECK(seen == expected.size());
  }
}
