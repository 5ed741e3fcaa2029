#include "rtml/core/table.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/core/table_eigen.hpp"
#include "rtml/core/table_xtensor.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

using Names = std::vector<std::string>;

double cell(const Table& table, std::size_t row, std::size_t column) { return table.columns()[column].number(table.begin() + row); }

std::string cell_text(const Table& table, std::size_t row, std::size_t column) {
  std::array<char, TableColumn::longest_number> room{};
  return std::string(table.columns()[column].text(table.begin() + row, room));
}

template <class T>
void check_type(T value, const std::string& text) {
  const std::vector<T> values = {T{1}, T{2}, value, T{4}};
  const Table table = table_of(values.data(), 2, Names{"a", "b"});
  CHECK(cell(table, 1, 0) == static_cast<double>(value));
  CHECK(cell_text(table, 1, 0) == text);
}

template <class E>
concept Tabled = requires(const E& block, const Names& names) {
  table_of(block, names);
};

static_assert(Tabled<xt::xtensor<double, 2>> && Tabled<xt::xtensor<float, 2, xt::layout_type::column_major>>);
static_assert(Tabled<decltype(xt::view(std::declval<xt::xtensor<float, 2>&>(), xt::all(), xt::range(0, 2)))>, "a view with gaps");
static_assert(!Tabled<decltype(std::declval<xt::xtensor<float, 2>&>() + 1.0F)>, "no memory to borrow");
static_assert(Tabled<Eigen::MatrixXd> && !Tabled<decltype(Eigen::MatrixXd() * 2.0)>);

}  // namespace

TEST_CASE("A table reads numbers of every type, as numbers and as text", "[core][table]") {
  check_type<std::int8_t>(-128, "-128");
  check_type<std::uint8_t>(255, "255");
  check_type<std::int16_t>(-32768, "-32768");
  check_type<std::uint16_t>(65535, "65535");
  check_type<std::int32_t>(-2147483647, "-2147483647");
  check_type<std::uint32_t>(4294967295U, "4294967295");
  check_type<std::int64_t>(-9007199254740993, "-9007199254740993");
  check_type<std::uint64_t>(18446744073709551615U, "18446744073709551615");
  check_type<long long>(-5, "-5");
  check_type<float>(0.1F, "0.1");
  check_type<double>(-1.7976931348623157e308, "-1.7976931348623157e+308");
}

TEST_CASE("A table reads a block at any strides without copying it", "[core][table]") {
  const std::vector<int> values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const Table rows = table_of(values.data(), 4, Names{"a", "b", "c"});
  CHECK(rows.size() == 4);
  CHECK(rows.column("c") == 2);
  CHECK(cell(rows, 3, 2) == 11.0);
  const Table columns = table_of(values.data(), 4, Names{"a", "b", "c"}, 1, 4);
  CHECK(cell(columns, 3, 0) == 3.0);
  CHECK(cell(columns, 0, 2) == 8.0);
  const Table backwards = table_of(values.data() + 9, 4, Names{"a", "b", "c"}, -3, 1);
  CHECK(cell(backwards, 3, 1) == 1.0);
  const Table part = rows.slice(1, 3).slice(1, 1);
  CHECK(part.size() == 1);
  CHECK(cell(part, 0, 0) == 6.0);
  const Table chosen = rows.select(Names{"c", "a"});
  CHECK(chosen.columns().size() == 2);
  CHECK(cell(chosen, 1, 0) == 5.0);
  CHECK(cell(chosen, 1, chosen.column("a")) == 3.0);
}

TEST_CASE("A table of Eigen or xtensor is borrowed in any order", "[core][table]") {
  Eigen::MatrixXd matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, 6;
  CHECK(cell(table_of(matrix, Names{"a", "b", "c"}), 1, 2) == 6.0);
  const Eigen::Matrix<float, 2, 3, Eigen::RowMajor> by_rows = matrix.cast<float>();
  CHECK(cell(table_of(by_rows, Names{"a", "b", "c"}), 1, 0) == 4.0);
  CHECK_THROWS_WITH(table_of(matrix, Names{"a"}), "Table: names is 1, must be one a column, 3");
  const xt::xtensor<float, 2> block = {{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}};
  CHECK(cell(table_of(block, Names{"a", "b", "c", "d"}), 2, 3) == 12.0);
  const auto view = xt::view(block, xt::range(1, 3), xt::range(0, 4, 2));
  CHECK(cell(table_of(view, Names{"a", "c"}), 1, 1) == 11.0);
  const xt::xtensor<double, 2, xt::layout_type::column_major> columns = block;
  CHECK(cell(table_of(columns, Names{"a", "b", "c", "d"}), 1, 2) == 7.0);
  const xt::xtensor<float, 2> one = {{1, 2}};
  CHECK(cell(table_of(one, Names{"a", "b"}), 0, 1) == 2.0);
  CHECK_THROWS_WITH(table_of(block, Names{"a"}), "Table: names is 1, must be one a column, 4");
  const auto back = xtensor_of(batch_of(block));
  CHECK(back(2, 1) == 10.0F);
  CHECK(&back(0, 0) == block.data());
  CHECK_THROWS_AS(xtensor_of(Batch(block.data(), 2, 2, 4)), ConfigError);
}

TEST_CASE("A table's times come beside it or from a column of timestamps", "[core][table]") {
  const std::vector<std::int64_t> stamps = {1'700'000'000'123'456'789, -1, 5};
  const std::array<std::uint8_t, 1> validity = {0b110};
  using Type = TableColumn::Type;
  const auto of = [&](Type type) {
    return TableColumn{.name = "at", .type = type, .values = stamps.data(), .stride = 8, .validity = nullptr};
  };
  const auto time_of = [&](Type type, std::size_t row) { return to_unix_micros(Table({of(type)}, 3).with_times("at").time(row)); };
  CHECK(time_of(Type::unix_nanoseconds, 0) == 1'700'000'000'123'456);
  CHECK(time_of(Type::unix_nanoseconds, 1) == -1);  // rounded down
  CHECK(time_of(Type::unix_microseconds, 2) == 5);
  CHECK(time_of(Type::unix_milliseconds, 2) == 5000);
  CHECK(time_of(Type::unix_seconds, 2) == 5'000'000);
  CHECK(time_of(Type::unix_seconds, 0) > 9'000'000'000'000'000'000);  // limited
  CHECK(Table({of(Type::unix_milliseconds)}, 3).columns()[0].number(2) == 0.005);
  TableColumn missing = of(Type::unix_seconds);
  missing.validity = validity.data();
  const Table table = Table({missing}, 3).with_times("at");
  CHECK(table.time(0) == Time{});
  CHECK(table.select(Names{}).time(2) == from_unix_seconds(5));
  CHECK(is_nan(table.columns()[0].number(0)));
  const std::vector<Time> times = {from_unix_seconds(1), from_unix_seconds(2)};
  const Table part = table.slice(1, 2).with_times(times);
  CHECK(part.time(1) == from_unix_seconds(2));
  CHECK(part.slice(1, 1).time(0) == from_unix_seconds(2));
  CHECK(Table({of(Type::unix_seconds)}, 3).time(2) == Time{});
}

TEST_CASE("A table reads text, bits and what is missing, from any row on", "[core][table]") {
  const std::vector<std::int32_t> offsets = {0, 2, 2, 5, 9};
  const std::vector<std::int64_t> wide(offsets.begin(), offsets.end());
  const std::array<std::uint8_t, 1> bits = {0b0101};
  using Type = TableColumn::Type;
  const std::string bytes = "abcdefghi";
  for (const bool large : {false, true}) {
    const void* const places = large ? static_cast<const void*>(wide.data()) : static_cast<const void*>(offsets.data());
    const TableColumn text{
        .name = "t", .type = large ? Type::large_text : Type::text, .values = places, .texts = bytes.data(), .offset = 1};
    const Table table({text}, 3);
    CHECK(cell_text(table, 0, 0).empty());
    CHECK(cell_text(table, 1, 0) == "cde");
    CHECK(cell_text(table, 2, 0) == "fghi");
    CHECK(is_nan(cell(table, 1, 0)));
    CHECK(cell_text(table.slice(2, 1), 0, 0) == "fghi");
  }
  const TableColumn flags{.name = "b", .type = Type::boolean, .values = bits.data(), .validity = bits.data(), .offset = 1};
  CHECK(is_nan(Table({flags}, 3).columns()[0].number(0)));
  CHECK(Table({flags}, 3).columns()[0].number(1) == 1.0);
  CHECK(cell_text(Table({flags}, 3), 1, 0) == "true");
  CHECK(cell_text(Table({flags}, 3), 0, 0).empty());
}

TEST_CASE("A number that is NaN has no text, whatever its bits", "[core][table]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values = {nan, -nan, std::numeric_limits<double>::infinity(), 1.5};
  const std::vector<float> floats(values.begin(), values.end());
  for (const Table& table : {table_of(values.data(), 4, Names{"x"}), table_of(floats.data(), 4, Names{"x"})}) {
    CHECK(cell_text(table, 0, 0).empty());
    CHECK(cell_text(table, 1, 0).empty());
    CHECK(cell_text(table, 2, 0) == "inf");
    CHECK(cell_text(table, 3, 0) == "1.5");
  }
}

TEST_CASE("A table names what is not there", "[core][table][config]") {
  const std::vector<float> values(6);
  const Table table = table_of(values.data(), 3, Names{"a", "b"});
  CHECK_THROWS_WITH(table.column("c"), "Table: no column \"c\", there are a, b");
  CHECK_THROWS_AS(table.select(Names{"a", "x"}), ConfigError);
  CHECK_THROWS_WITH(table.with_times("a"), "Table: times is \"a\", must be a column of timestamps");
  CHECK_THROWS_WITH(table.with_times(std::span<const Time>()), "Table: times is 0, must be one a row, 3");
  CHECK_THROWS_WITH(table.slice(4, 0), "Table: slice is 4, must be within the rows, 3");
  CHECK_THROWS_WITH(table.slice(2, 2), "Table: slice is 2, must be within the rows behind its begin, 1");
  CHECK_THROWS_WITH(table_of(values.data(), 3, Names{"a", "a"}), "Table: column is \"a\", must be named once");
  CHECK_THROWS_AS(table_of(static_cast<const float*>(nullptr), 3, Names{"a"}), ConfigError);
  CHECK(Table().empty());
}
