#include "rtml/core/error.hpp"

#include <cstdint>
#include <limits>
#include <type_traits>

#include "support/catch.hpp"

using namespace rtml;

static_assert(std::is_base_of_v<Error, ConfigError> && std::is_base_of_v<Error, SchemaError> && std::is_base_of_v<Error, FormatError> &&
              std::is_base_of_v<Error, IoError> && std::is_base_of_v<std::runtime_error, Error>);

TEST_CASE("require names type, option, value and rule", "[core][config]") {
  CHECK_NOTHROW(require("Adwin", "delta", 0.5, true, "in (0, 1)"));
  CHECK_THROWS_WITH(require("Adwin", "delta", 1.5, false, "in (0, 1)"), "Adwin: delta is 1.5, must be in (0, 1)");
  CHECK_THROWS_WITH(require("Adwin", "delta", std::numeric_limits<double>::quiet_NaN(), false, "in (0, 1)"),
                    "Adwin: delta is nan, must be in (0, 1)");
  CHECK_THROWS_WITH(require("Csv", "column", "x y", false, "one of a, b"), "Csv: column is \"x y\", must be one of a, b");
  CHECK_THROWS_WITH(require("Loop", "durable", false, false, "true with LMDB"), "Loop: durable is false, must be true with LMDB");
  CHECK_THROWS_AS(require("A", "b", 1, false, "2"), ConfigError);
  CHECK_NOTHROW(require("A", "b", "text", true, "rule"));
}

TEST_CASE("to_text is the shortest text that reads back as the same value", "[core]") {
  CHECK(to_text(0.1) == "0.1");
  CHECK(to_text(0.1F) == "0.1");
  CHECK(to_text(1e30) == "1e+30");
  CHECK(to_text(-0.0) == "-0");
  CHECK(to_text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(to_text(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(to_text(std::uint8_t{65}) == "65");
  CHECK(to_text(true) == "true");
  CHECK(to_text(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("raise throws the kind that it is given, and IoError carries errno", "[core]") {
  CHECK_THROWS_AS(raise(SchemaError("s")), SchemaError);
  CHECK_THROWS_AS(raise(FormatError("f")), FormatError);
  try {
    raise(IoError("open x: no space", 28));
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "open x: no space");
    CHECK(static_cast<const IoError&>(error).code() == 28);
  }
}
