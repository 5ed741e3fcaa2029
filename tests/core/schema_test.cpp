#include "rtml/core/schema.hpp"

#include <vector>

#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

Schema payments() {
  return Schema({{.name = "amount", .definition = "numeric(amount)|log1p"},
                 {.name = "day", .kind = Column::Kind::nominal, .categories = 7},
                 {.name = "merchant", .definition = "hash(merchant)", .kind = Column::Kind::hashed}});
}

Schema with(std::vector<Column> columns) { return Schema(std::move(columns)); }

}  // namespace

TEST_CASE("a schema tells dense places from hashed columns", "[core]") {
  const Schema schema({{.name = "words", .kind = Column::Kind::hashed}, {.name = "a"}, {.name = "b", .kind = Column::Kind::nominal}});
  CHECK(schema.columns().size() == 3);
  CHECK(schema.dense_size() == 2);
  CHECK(schema.has_hashed());
  CHECK(schema.dense(0).name == "a");
  CHECK(schema.dense(1).name == "b");
  CHECK(schema.dense_place("b") == std::size_t{1});
  CHECK_FALSE(schema.dense_place("words").has_value());
  CHECK_FALSE(schema.dense_place("c").has_value());
  REQUIRE(schema.find("words") != nullptr);
  CHECK(schema.find("words")->kind == Column::Kind::hashed);
  CHECK(schema.find("c") == nullptr);
  CHECK_FALSE(Schema::numeric(2).has_hashed());
  CHECK(Schema::numeric(12, "f").dense(11).name == "f11");
}

TEST_CASE("a fingerprint is the same in every process and build", "[core][golden]") {
  // Computed apart from this library, with libxxhash and splitmix64's finaliser.
  CHECK(Schema{}.fingerprint() == 0xe220a8397b1dcdafULL);
  CHECK(payments().fingerprint() == 0x883f06d5a9e1cd22ULL);
}

TEST_CASE("a fingerprint changes with anything that a column says, and with the order", "[core]") {
  const Column a{.name = "a"};
  const Column b{.name = "b"};
  const auto plain = with({a, b}).fingerprint();
  CHECK(with({b, a}).fingerprint() != plain);
  CHECK(with({a}).fingerprint() != plain);
  CHECK(with({a, {.name = "c"}}).fingerprint() != plain);
  CHECK(with({a, {.name = "b", .definition = "x"}}).fingerprint() != plain);
  CHECK(with({a, {.name = "b", .kind = Column::Kind::nominal}}).fingerprint() != plain);
  CHECK(with({a, {.name = "b", .categories = 1}}).fingerprint() != plain);
  CHECK(with({{.name = "ab"}, {.name = ""}}).fingerprint() != plain);
  CHECK(with({a, b}).fingerprint() == plain);
  CHECK(with({a, b}) == with({a, b}));
}

TEST_CASE("two columns of one name are refused", "[core][config]") {
  CHECK_THROWS_WITH(Schema({{.name = "a"}, {.name = "b"}, {.name = "a"}}), "Schema: column is \"a\", must be named once");
  CHECK_THROWS_AS(Schema({{.name = "a"}, {.name = "a", .kind = Column::Kind::hashed}}), ConfigError);
}

TEST_CASE("a schema that gained columns extends the old one", "[core]") {
  const Schema old({{.name = "a"}, {.name = "b"}});
  const Schema gained({{.name = "new"}, {.name = "a"}, {.name = "newer"}, {.name = "b"}});
  CHECK(gained.extends(old));
  CHECK(old.extends(old));
  CHECK(old.extends(Schema{}));
  CHECK_FALSE(old.extends(gained));
  CHECK(*gained.difference(old) == "column \"new\" is new");
  CHECK_FALSE(old.difference(old).has_value());
}

TEST_CASE("the first column that differs is named, with what it is and was", "[core]") {
  const Schema old(
      {{.name = "a"}, {.name = "b", .definition = "numeric(b)"}, {.name = "c", .kind = Column::Kind::nominal, .categories = 3}});
  const auto difference = [&](std::vector<Column> columns) { return *Schema(std::move(columns)).difference(old); };
  CHECK(difference({{.name = "a"}, {.name = "c", .kind = Column::Kind::nominal, .categories = 3}}) == "column \"b\" is missing");
  CHECK(difference({{.name = "a"}, {.name = "b", .definition = "numeric(b)|log1p"}}) ==
        "column \"b\" is numeric numeric(b)|log1p, was numeric numeric(b)");
  CHECK(difference({{.name = "a"}, {.name = "b", .definition = "numeric(b)"}, {.name = "c", .kind = Column::Kind::hashed}}) ==
        "column \"c\" is hashed, was nominal[3]");
  CHECK(difference(
            {{.name = "b", .definition = "numeric(b)"}, {.name = "a"}, {.name = "c", .kind = Column::Kind::nominal, .categories = 3}}) ==
        "column \"b\" is before \"a\", was behind it");
}

TEST_CASE("require_equal says who learned from other features", "[core]") {
  CHECK_NOTHROW(payments().require_equal(payments(), "fraud v3"));
  CHECK_THROWS_WITH(Schema::numeric(1).require_equal(Schema::numeric(2), "fraud v3"),
                    "fraud v3 learned from other features: column \"x1\" is missing");
  CHECK_THROWS_AS(Schema::numeric(2).require_equal(Schema::numeric(1), "m"), SchemaError);
}

TEST_CASE("a schema keeps the laws of archives, and its fingerprint", "[core][archive]") {
  testing::check_archive(payments(), Schema{});
  Schema restored;
  load(restored, save(payments()));
  CHECK(restored == payments());
  CHECK(restored.fingerprint() == payments().fingerprint());
  CHECK(restored.dense_size() == 2);
  CHECK(payments().memory_bytes() > sizeof(Schema) + 3 * sizeof(Column));
}

TEST_CASE("an archive with two columns of one name is refused", "[core][archive]") {
  auto bytes = save(Schema({{.name = "aa"}, {.name = "ab"}}));
  for (std::byte& byte : bytes)
    if (byte == std::byte{'b'}) byte = std::byte{'a'};
  Schema restored;
  CHECK_THROWS_WITH(load(restored, bytes),
                    "archive: Schema holds a value out of range: column names (at byte " + to_text(bytes.size()) + ")");
}
