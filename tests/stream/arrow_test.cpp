#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "arrow_producer.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/stream/arrow_export.hpp"
#include "rtml/stream/arrow_table.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "support/catch.hpp"

using namespace rtml;
using rtml::stream::ArrowTable;
using rtml::stream::export_arrow;
using rtml::testing::ArrowColumn;
using rtml::testing::ArrowProducer;
using rtml::testing::bits_of_flags;
using rtml::testing::bytes_of;

namespace {

template <class T>
ArrowColumn numbers(const std::string& name, const std::string& format, const std::vector<T>& values) {
  return {name, format, {{}, bytes_of(values)}, static_cast<std::int64_t>(values.size())};
}

template <class Offset>
ArrowColumn texts(const std::string& name, const std::vector<std::string>& values) {
  std::vector<Offset> offsets = {0};
  std::string all;
  for (const std::string& value : values) {
    all += value;
    offsets.push_back(static_cast<Offset>(all.size()));
  }
  return {name,
          sizeof(Offset) == 4 ? "u" : "U",
          {{}, bytes_of(offsets), std::vector<std::uint8_t>(all.begin(), all.end())},
          static_cast<std::int64_t>(values.size())};
}

std::string arrow_text(const Table& table, std::size_t row, std::size_t column) {
  std::array<char, TableColumn::longest_number> room{};
  return std::string(table.columns()[column].text(row, room));
}

template <class T>
void check_numbers(const std::string& format) {
  const std::vector<T> values = {std::numeric_limits<T>::lowest(), T{0}, T{1}, std::numeric_limits<T>::max()};
  ArrowProducer producer({numbers("x", format, values)}, 4);
  const ArrowTable arrow(std::move(producer.array), producer.schema);
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(arrow.table().columns()[0].number(i) == static_cast<double>(values[i]));
}

ArrowProducer good() { return ArrowProducer({numbers<float>("x", "f", {1, 2, 3}), texts<std::int32_t>("name", {"a", "", "cde"})}, 3); }

/// What importing says of a batch that `spoil` has spoiled; the array must still be the producer's.
std::string refusal(const std::function<void(ArrowProducer&)>& spoil) {
  ArrowProducer producer = good();
  spoil(producer);
  std::string said = "nothing";
  const bool had = producer.array.release != nullptr;
  try {
    const ArrowTable taken(std::move(producer.array), producer.schema);
  } catch (const ConfigError& error) {
    said = error.what();
  } catch (const FormatError& error) {
    said = error.what();
  }
  if (said == "nothing") return said;
  CHECK((producer.array.release != nullptr) == had);
  CHECK(producer.releases() == 0);
  return said;
}

void check_says(const std::string& said, const std::string& expected) { CHECK(said == expected); }

FeatureSet<Row> of_columns() {
  return feature_set_from<Row>("arrow", &Row::at,
                               {numeric("x", column(0)) | log1p() | standardize() | missing_indicator(),
                                numeric("count", column(1)) | clip(-5.0F, 5.0F), category("name", text_column(2)),
                                category("code", text_column(1)), hour_of_day("hour") | cyclic(), words("words", text_column(2), 4)});
}

}  // namespace

TEST_CASE("Arrow numbers of every type are read where they lie", "[stream][arrow]") {
  check_numbers<std::int8_t>("c");
  check_numbers<std::uint8_t>("C");
  check_numbers<std::int16_t>("s");
  check_numbers<std::uint16_t>("S");
  check_numbers<std::int32_t>("i");
  check_numbers<std::uint32_t>("I");
  check_numbers<std::int64_t>("l");
  check_numbers<std::uint64_t>("L");
  check_numbers<float>("f");
  check_numbers<double>("g");
  ArrowProducer producer({numbers<float>("x", "f", {1, 2})}, 2);
  const void* const values = producer.child(0).buffers[1];
  const ArrowTable arrow(std::move(producer.array), producer.schema);
  CHECK(arrow.table().columns()[0].values == values);
}

TEST_CASE("Arrow text, bits, timestamps, nulls and slices", "[stream][arrow]") {
  ArrowColumn flags{"flag", "b", {bits_of_flags({true, true, false, true, true}), bits_of_flags({true, false, true, true, false})}, 5};
  flags.null_count = 1;
  ArrowColumn stamps = numbers<std::int64_t>("at", "tsm:Europe/Berlin", {1000, 2000, 3000, 4000, 5000});
  ArrowColumn sliced = numbers<double>("sliced", "g", {-1, -1, 10, 20, 30, 40, 50});
  sliced.buffers[0] = bits_of_flags({true, true, true, false, true, true, true});
  sliced.offset = 2;
  sliced.length = 5;
  sliced.null_count = -1;  // not known
  ArrowColumn large = texts<std::int64_t>("large", {"zero", "one", "", "three", "four"});
  large.buffers[0] = bits_of_flags({true, true, true, false, true});
  large.null_count = 1;
  ArrowColumn unread_bits = numbers<std::int32_t>("whole", "i", {1, 2, 3, 4, 5});
  unread_bits.buffers[0] = {0};  // a null count of 0 says that they need not be looked at
  for (const std::int64_t offset : {0, 1, 3}) {
    ArrowProducer producer({flags, stamps, sliced, large, unread_bits}, 5 - offset, offset);
    const ArrowTable arrow(std::move(producer.array), producer.schema);
    const Table table = arrow.table().with_times("at");
    REQUIRE(table.size() == static_cast<std::size_t>(5 - offset));
    for (std::size_t row = 0; row < table.size(); ++row) {
      const std::size_t i = row + static_cast<std::size_t>(offset);
      CAPTURE(i);
      const double flag = table.columns()[0].number(row);
      CHECK((i == 2 ? is_nan(flag) : flag == (i == 0 || i == 3 ? 1.0 : 0.0)));
      CHECK(table.time(row) == from_unix_seconds(static_cast<std::int64_t>(i) + 1));
      CHECK(table.columns()[1].number(row) == static_cast<double>(i + 1));
      const double value = table.columns()[2].number(row);
      CHECK((i == 1 ? is_nan(value) : value == 10.0 * static_cast<double>(i + 1)));
      constexpr const char* words[] = {"zero", "one", "", "", "four"};
      CHECK(arrow_text(table, row, 3) == words[i]);
      CHECK(table.columns()[4].number(row) == static_cast<double>(i + 1));
    }
  }
}

TEST_CASE("An Arrow batch is released once, at the table's end", "[stream][arrow]") {
  ArrowProducer producer = good();
  {
    ArrowTable arrow(std::move(producer.array), producer.schema);
    CHECK(producer.array.release == nullptr);
    CHECK(producer.schema.release != nullptr);
    ArrowTable moved(std::move(arrow));
    CHECK(arrow.table().columns().empty());  // NOLINT(bugprone-use-after-move): it is what is asked
    ArrowProducer second = good();
    {
      ArrowTable other(std::move(second.array), second.schema);
      other = std::move(moved);
      CHECK(other.table().size() == 3);
      CHECK(producer.releases() == 0);
    }
    CHECK(producer.releases() == 1);
    CHECK(second.releases() == 0);
    second.schema.release(&second.schema);
    { const ArrowTable last(std::move(moved)); }
    CHECK(second.releases() == 1);
  }
  CHECK(producer.releases() == 1);
}

TEST_CASE("An Arrow batch gives chosen columns in the order asked for, whatever the others are", "[stream][arrow]") {
  ArrowProducer producer({numbers<float>("x", "f", {1, 2}), numbers<double>("price", "d:19,10", {0, 0}), numbers<float>("y", "f", {3, 4})},
                         2);
  const ArrowTable arrow(std::move(producer.array), producer.schema, std::vector<std::string>{"y", "x"});
  CHECK(arrow.table().columns()[0].number(1) == 4.0);
  CHECK(arrow.table().columns()[1].number(1) == 2.0);

  ArrowProducer twins({numbers<float>("x", "f", {1, 2}), numbers<float>("y", "f", {3, 4}), numbers<float>("x", "f", {5, 6})}, 2);
  CHECK_THROWS_WITH(ArrowTable(std::move(twins.array), twins.schema, std::vector<std::string>{"x"}),
                    "ArrowTable: column is \"x\", must be named once");
  const ArrowTable other(std::move(twins.array), twins.schema, std::vector<std::string>{"y"});
  CHECK(other.table().columns()[0].number(1) == 4.0);
}

TEST_CASE("A hostile or unknown Arrow batch is refused by the name of what is wrong", "[stream][arrow][config]") {
  using P = ArrowProducer;
  check_says(refusal([](P&) {}), "nothing");
  // What a producer may make, and is not read.
  check_says(refusal([](P& p) { p.child_schema(0).format = "d:19,10"; }),
             "ArrowTable: column \"x\" has the format \"d:19,10\", must be a number, bool, utf8 or timestamp");
  check_says(refusal([](P& p) { p.child_schema(0).format = "e"; }),
             "ArrowTable: column \"x\" has the format \"e\", must be a number, bool, utf8 or timestamp");
  check_says(refusal([](P& p) { p.child_schema(0).format = "ts"; }),
             "ArrowTable: column \"x\" has the format \"ts\", must be a number, bool, utf8 or timestamp");
  check_says(refusal([](P& p) { p.child_schema(0).format = nullptr; }),
             "ArrowTable: column \"x\" has the format \"\", must be a number, bool, utf8 or timestamp");
  check_says(refusal([](P& p) { p.child_schema(0).dictionary = &p.schema; }),
             "ArrowTable: column \"x\" is dictionary-encoded (format \"f\"), must be decoded first");
  check_says(refusal([](P& p) { p.child(1).dictionary = &p.array; }),
             "ArrowTable: column \"name\" is dictionary-encoded (format \"u\"), must be decoded first");
  check_says(refusal([](P& p) { p.schema.format = "f"; }), "ArrowTable: the batch has the format \"f\", must be a struct, \"+s\"");
  check_says(refusal([](P& p) { p.schema.format = nullptr; }), "ArrowTable: the batch has the format \"\", must be a struct, \"+s\"");
  check_says(refusal([](P& p) { p.child_schema(1).name = "x"; }), "ArrowTable: column is \"x\", must be named once");
  static const std::array<std::uint8_t, 1> some = {0b101};
  check_says(refusal([](P& p) {
               p.set_validity(some.data());
               p.array.null_count = -1;
             }),
             "ArrowTable: the batch has rows that are null, must be of whole rows");
  // What none may make.
  check_says(refusal([](P& p) { p.schema.release = nullptr; }), "ArrowTable: the schema was released");
  check_says(refusal([](P& p) { p.array.release = nullptr; }), "ArrowTable: the batch was released");
  check_says(refusal([](P& p) { p.child(0).release = nullptr; }), "ArrowTable: column \"x\" was released");
  check_says(refusal([](P& p) { p.child_schema(1).release = nullptr; }), "ArrowTable: the schema has released column 1");
  check_says(refusal([](P& p) { p.array.null_count = 1; }), "ArrowTable: the batch has nulls, and no validity bits");
  check_says(refusal([](P& p) { p.array.length = -1; }), "ArrowTable: the batch has the length -1");
  check_says(refusal([](P& p) { p.array.length = INT64_MAX; }), "ArrowTable: the batch has the length 9223372036854775807");
  check_says(refusal([](P& p) { p.array.offset = INT64_MAX; }), "ArrowTable: the batch has the offset 9223372036854775807");
  check_says(refusal([](P& p) { p.child(0).offset = -2; }), "ArrowTable: column \"x\" has the offset -2");
  check_says(refusal([](P& p) { p.child(0).length = 2; }), "ArrowTable: column \"x\" has 2 rows, fewer than its batch, 3");
  check_says(refusal([](P& p) { p.array.offset = 1; }), "ArrowTable: column \"x\" has 3 rows, fewer than its batch, 4");
  check_says(refusal([](P& p) { p.child(0).null_count = 4; }), "ArrowTable: column \"x\" has the null count 4");
  check_says(refusal([](P& p) { p.child(0).null_count = -2; }), "ArrowTable: column \"x\" has the null count -2");
  check_says(refusal([](P& p) { p.child(0).null_count = 1; }), "ArrowTable: column \"x\" has nulls, and no validity bits");
  check_says(refusal([](P& p) { p.child(0).n_buffers = 3; }), "ArrowTable: column \"x\" has 3 buffers, its format 2");
  check_says(refusal([](P& p) { p.child(1).n_buffers = 2; }), "ArrowTable: column \"name\" has 2 buffers, its format 3");
  check_says(refusal([](P& p) { p.child(0).buffers = nullptr; }), "ArrowTable: column \"x\" has 2 buffers, its format 2");
  check_says(refusal([](P& p) { p.array.n_buffers = 0; }), "ArrowTable: the batch has 0 buffers, its format 1");
  check_says(refusal([](P& p) { p.set_buffer(0, 1, nullptr); }), "ArrowTable: column \"x\" has no values");
  check_says(refusal([](P& p) { p.set_buffer(1, 1, nullptr); }), "ArrowTable: column \"name\" has no values");
  check_says(refusal([](P& p) { p.set_buffer(1, 2, nullptr); }), "ArrowTable: column \"name\" has no bytes of text");
  check_says(refusal([](P& p) { p.set_buffer(0, 1, reinterpret_cast<const void*>(std::uintptr_t{0x1001})); }),
             "ArrowTable: column \"x\" has values that are not aligned");
  static const std::array<std::int32_t, 4> negative = {-4, 0, 1, 2};
  check_says(refusal([](P& p) { p.set_buffer(1, 1, negative.data()); }), "ArrowTable: column \"name\" has the text offset -4");
  static const std::array<std::int32_t, 4> falling = {0, 3, 2, 4};
  check_says(refusal([](P& p) { p.set_buffer(1, 1, falling.data()); }), "ArrowTable: column \"name\" has text offsets that fall");
  static const std::array<std::int32_t, 4> falling_at_last = {0, 1, 3, 2};
  check_says(refusal([](P& p) { p.set_buffer(1, 1, falling_at_last.data()); }), "ArrowTable: column \"name\" has text offsets that fall");
  static const std::array<std::int64_t, 4> long_offsets = {0, 0, 0, 1};
  check_says(refusal([](P& p) {
               p.child_schema(1).format = "U";
               p.set_buffer(1, 1, long_offsets.data());
               p.set_buffer(1, 2, nullptr);
             }),
             "ArrowTable: column \"name\" has no bytes of text");
  check_says(refusal([](P& p) { p.array.n_children = 1; }), "ArrowTable: the batch has 1 columns, its schema 2");
  check_says(refusal([](P& p) { p.array.n_children = p.schema.n_children = -1; }), "ArrowTable: the batch has -1 columns, its schema -1");
  check_says(refusal([](P& p) { p.array.children = nullptr; }), "ArrowTable: the batch has no columns");
  check_says(refusal([](P& p) { p.schema.children[1] = nullptr; }), "ArrowTable: the batch has no column 1");
  ArrowProducer producer = good();
  CHECK_THROWS_WITH(ArrowTable(std::move(producer.array), producer.schema, std::vector<std::string>{"z"}),
                    "ArrowTable: no column \"z\" in the batch");
}

TEST_CASE("Of a slice of an Arrow batch only its own rows are looked at", "[stream][arrow]") {
  // Rows 2 and 3 of four; what lies before them is nobody's.
  static const std::array<std::int32_t, 5> offsets = {9, -1, 2, 3, 5};
  for (const bool own : {false, true}) {  // the slice is the column's, or the whole batch's
    CAPTURE(own);
    ArrowProducer producer({texts<std::int32_t>("name", {"a", "b", "c", "de"})}, 2, own ? 0 : 2);
    if (own) producer.child(0).offset = producer.child(0).length = 2;
    producer.set_buffer(0, 1, offsets.data());
    const ArrowTable arrow(std::move(producer.array), producer.schema);
    CHECK(arrow_text(arrow.table(), 0, 0) == "c");
    CHECK(arrow_text(arrow.table(), 1, 0) == "de");
  }
  const auto refused = [](std::uint8_t bits) {
    ArrowProducer producer({numbers<float>("x", "f", {1, 2, 3, 4})}, 2, 2);
    producer.array.null_count = -1;
    producer.set_validity(&bits);
    try {
      const ArrowTable taken(std::move(producer.array), producer.schema);
    } catch (const ConfigError&) {
      return true;
    }
    return false;
  };
  CHECK_FALSE(refused(0b1100));
  CHECK(refused(0b0111));
  CHECK(refused(0b1011));
}

TEST_CASE("An empty Arrow batch has no rows, and needs no buffers", "[stream][arrow]") {
  ArrowProducer producer({{"x", "f", {{}, {}}, 0}, {"name", "u", {{}, {}, {}}, 0}}, 0);
  const ArrowTable arrow(std::move(producer.array), producer.schema);
  CHECK(arrow.table().empty());
  CHECK(arrow.table().columns().size() == 2);
  ArrowProducer none({}, 3);
  CHECK(ArrowTable(std::move(none.array), none.schema).table().size() == 3);
}

TEST_CASE("Arrow columns give the features that rows of the same values give", "[stream][arrow]") {
  Rng rng(1);
  const std::size_t rows = 300;
  std::vector<double> x(rows);
  std::vector<std::int16_t> counts(rows);
  std::vector<std::string> names(rows);
  std::vector<std::int64_t> stamps(rows);
  std::vector<bool> present(rows + 1);
  for (std::size_t i = 0; i < rows; ++i) {
    x[i] = static_cast<double>(rng.below(1000)) - 500.0;
    counts[i] = static_cast<std::int16_t>(static_cast<int>(rng.below(30)) - 15);
    names[i] = std::string(rng.below(4), 'a') + " shop";
    stamps[i] = static_cast<std::int64_t>(rng.below(1'000'000'000));
    present[i + 1] = rng.below(4) != 0;
  }
  ArrowColumn with_nulls = numbers("x", "g", x);
  with_nulls.buffers[1].insert(with_nulls.buffers[1].begin(), sizeof(double), 0);
  with_nulls.buffers[0] = bits_of_flags(present);
  with_nulls.offset = 1;
  with_nulls.null_count = -1;
  ArrowProducer producer({with_nulls, numbers("count", "s", counts), texts<std::int32_t>("name", names), numbers("at", "tss:", stamps)},
                         rows);
  const ArrowTable arrow(std::move(producer.array), producer.schema);
  const Table table = arrow.table().with_times("at");
  FeaturePipeline<Row> by_table(of_columns());
  FeaturePipeline<Row> by_rows(of_columns());
  FeatureBatch out;
  for (int frozen = 0; frozen < 2; ++frozen) {
    const Batch batch = frozen == 0 ? by_table.replay(table, out) : by_table.transform(table, out);
    for (std::size_t i = 0; i < rows; ++i) {
      CAPTURE(frozen, i);
      const std::string code = std::to_string(counts[i]);
      const std::array<double, 4> row_numbers = {present[i + 1] ? x[i] : std::numeric_limits<double>::quiet_NaN(),
                                                 static_cast<double>(counts[i])};
      const std::array<std::string_view, 4> row_texts = {"", code, names[i]};
      const Features expected = by_rows({from_unix_seconds(stamps[i]), row_numbers, row_texts});
      const Features row = batch.row(i);
      REQUIRE(std::vector(row.sparse.begin(), row.sparse.end()) == std::vector(expected.sparse.begin(), expected.sparse.end()));
      for (std::size_t j = 0; j < row.dense.size(); ++j)
        REQUIRE(std::bit_cast<std::uint32_t>(row.dense[j]) == std::bit_cast<std::uint32_t>(expected.dense[j]));
      if (frozen == 0) by_rows.observe({from_unix_seconds(stamps[i]), row_numbers, row_texts});
    }
  }
}

TEST_CASE("An exported batch is what another reads, and outlives everything", "[stream][arrow]") {
  const Schema schema({{.name = "a"}, {.name = "b"}, {.name = "words", .kind = Column::Kind::hashed}});
  ArrowArray array{};
  ArrowSchema described{};
  {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> dense = {1, 2, nan, 4, 5, -std::numeric_limits<float>::infinity()};
    const std::vector<std::uint64_t> offsets = {0, 1, 1, 3};
    const std::vector<SparseFeature> sparse = {{7, 1.0F}, {4'000'000'000U, 2.0F}, {9, 0.5F}};
    export_arrow(Batch(dense.data(), 3, 2).with_sparse(offsets, sparse), schema, array, described);
  }
  CHECK(std::string(described.format) == "+s");
  REQUIRE(described.n_children == 3);
  CHECK(std::string(described.children[2]->format) == "+L");
  CHECK(std::string(described.children[2]->name) == "sparse");
  const ArrowSchema& item = *described.children[2]->children[0];
  CHECK(std::string(item.format) == "+s");
  CHECK(std::string(item.children[0]->format) + item.children[0]->name + item.children[1]->format + item.children[1]->name ==
        "Iindexfvalue");
  const ArrowArray& list = *array.children[2];
  const auto* const list_offsets = static_cast<const std::int64_t*>(list.buffers[1]);
  CHECK(std::vector(list_offsets, list_offsets + 4) == std::vector<std::int64_t>{0, 1, 1, 3});
  CHECK(list.children[0]->length == 3);
  CHECK(static_cast<const std::uint32_t*>(list.children[0]->children[0]->buffers[1])[1] == 4'000'000'000U);
  CHECK(static_cast<const float*>(list.children[0]->children[1]->buffers[1])[2] == 0.5F);
  CHECK(array.children[0]->null_count == 1);
  CHECK(array.children[1]->null_count == 0);
  CHECK(array.children[1]->buffers[0] == nullptr);

  // A child moved out lives on without its parent.
  ArrowArray moved = *array.children[1];
  array.children[1]->release = nullptr;
  {
    ArrowSchema first_columns = described;
    const ArrowTable arrow(std::move(array), first_columns, std::vector<std::string>{"a"});
    CHECK(arrow.table().size() == 3);
    CHECK(arrow.table().columns()[0].number(0) == 1.0);
    CHECK(is_nan(arrow.table().columns()[0].number(1)));
    CHECK(arrow.table().columns()[0].number(2) == 5.0);
    described.release(&described);
    CHECK(described.release == nullptr);
  }
  CHECK(static_cast<const float*>(moved.buffers[1])[1] == 4.0F);
  moved.release(&moved);
  CHECK(moved.release == nullptr);
}

TEST_CASE("An export of nothing, and one that does not fit its schema", "[stream][arrow][config]") {
  ArrowArray array{};
  ArrowSchema described{};
  export_arrow(Batch(nullptr, 0, 1), Schema({{.name = "a"}, {.name = "h", .kind = Column::Kind::hashed}}), array, described);
  CHECK(array.length == 0);
  {
    const ArrowTable arrow(std::move(array), described, std::vector<std::string>{"a"});
    CHECK(arrow.table().empty());
  }
  described.release(&described);
  CHECK_THROWS_WITH(export_arrow(Batch(nullptr, 0, 1), Schema::numeric(2), array, described),
                    "export_arrow: columns of the schema is 2, must be those of the batch, 1");
  CHECK_THROWS_AS(
      export_arrow(Batch(nullptr, 0, 1), Schema({{.name = "sparse"}, {.name = "h", .kind = Column::Kind::hashed}}), array, described),
      ConfigError);
  CHECK(array.release == nullptr);
}
