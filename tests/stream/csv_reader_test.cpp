#include "rtml/stream/csv_reader.hpp"

#include <string>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/rng.hpp"
#include "stream/temporary_file.hpp"
#include "support/catch.hpp"

using rtml::stream::CsvReader;
using rtml::stream::parse_number;
using rtml::stream::parse_time;
using rtml::testing::TemporaryFile;

namespace {

using Lines = std::vector<std::vector<std::string>>;

Lines rows_of(CsvReader& reader) {
  Lines rows;
  while (reader.next()) {
    const rtml::Row row = reader.row();
    rows.emplace_back(row.text.begin(), row.text.end());
  }
  return rows;
}

Lines rows_of(std::string text) {
  auto reader = CsvReader::of_text(std::move(text));
  return rows_of(reader);
}

}  // namespace

TEST_CASE("CsvReader reads quotes, newlines in quotes, CRLF and missing fields", "[stream][csv]") {
  CHECK(rows_of("a,b\n1,2\n") == Lines{{"1", "2"}});
  CHECK(rows_of("a,b\r\n1,2\r\n3,4") == Lines{{"1", "2"}, {"3", "4"}});
  CHECK(rows_of("a,b\n1,2\r") == Lines{{"1", "2"}});
  CHECK(rows_of("a,b\n\"x, y\",\"he said \"\"no\"\"\"\n") == Lines{{"x, y", "he said \"no\""}});
  CHECK(rows_of("a,b\n\"two\r\nlines\",2\n") == Lines{{"two\r\nlines", "2"}});
  CHECK(rows_of("a,b,c\n,,\n\"\",1,\n") == Lines{{"", "", ""}, {"", "1", ""}});
  CHECK(rows_of("a,b\n\n\r\n1,2\n\n\n3,4\n\n") == Lines{{"1", "2"}, {"3", "4"}});
  CHECK(rows_of("a,b\n6\" pipe,a\rb\n") == Lines{{"6\" pipe", "a\rb"}});  // a quote or CR inside a bare field is just that
  CHECK(rows_of("\xEF\xBB\xBF"
                "a,b\n1,2\n") == Lines{{"1", "2"}});
  CHECK(rows_of("a\n1\n") == Lines{{"1"}});
  CHECK(rows_of("a,b\n") == Lines{});
}

TEST_CASE("CsvReader gives numbers beside text, NaN where there is none", "[stream][csv]") {
  auto reader = CsvReader::of_text("a,b,c,d,e\n 1.5 ,-2e3,x,,+7\n");
  reader.declare_numeric(2);
  reader.declare_numeric(3);
  REQUIRE(reader.next());
  const auto numbers = reader.row().numbers;
  CHECK(numbers[0] == 1.5);
  CHECK(numbers[1] == -2000.0);
  CHECK(rtml::is_nan(numbers[2]));
  CHECK(rtml::is_nan(numbers[3]));
  CHECK(numbers[4] == 7.0);
  CHECK(reader.not_numeric(2) == 1);
  CHECK(reader.not_numeric(3) == 0);  // missing is not text
  CHECK(reader.not_numeric(1) == 0);
}

TEST_CASE("CsvReader leaves bad rows out, counts them and names their lines", "[stream][csv][bad input]") {
  auto reader = CsvReader::of_text("a,b\n1,2\n3\n\"x\ny\",4\n5,6,7\n\"q\"z,8\n9,10\n\"open,11\n12,13\n");
  CHECK(rows_of(reader) == Lines{{"1", "2"}, {"x\ny", "4"}, {"9", "10"}});
  CHECK(reader.rows() == 3);
  CHECK(reader.bad_rows() == 4);
  const auto reasons = reader.reasons();
  REQUIRE(reasons.size() == 4);
  CHECK(reasons[0].line == 3);
  CHECK(reasons[0].reason == "1 fields, the header has 2");
  CHECK(reasons[1].line == 6);
  CHECK(reasons[1].reason == "3 fields, the header has 2");
  CHECK(reasons[2].line == 7);
  CHECK(reasons[2].reason == "text after a closing quote");
  CHECK(reasons[3].line == 9);
  CHECK(reasons[3].reason == "a quote that nobody closes");
}

TEST_CASE("CsvReader says on which line the row begins", "[stream][csv]") {
  auto reader = CsvReader::of_text("a,b\n\n\"1\n\n\",2\n3,4\n");
  REQUIRE(reader.next());
  CHECK(reader.line() == 3);
  REQUIRE(reader.next());
  CHECK(reader.line() == 6);
}

TEST_CASE("CsvReader goes on after a row that is too long, open quote or not", "[stream][csv][bad input]") {
  CsvReader::Options options;
  options.max_line = 32;
  options.max_reasons = 1;
  auto reader = CsvReader::of_text("a,b\n1,2\n" + std::string(100, 'x') + ",3\n4,5\n\"" + std::string(100, '\n') + "6,7\n8,9\n", options);
  const auto rows = rows_of(reader);
  REQUIRE(rows.size() == 4);  // the rest of the open quote is rows again, from the next line on
  CHECK(rows[1] == std::vector<std::string>{"4", "5"});
  CHECK(rows[2] == std::vector<std::string>{"6", "7"});
  CHECK(rows[3] == std::vector<std::string>{"8", "9"});
  CHECK(reader.bad_rows() == 2);
  REQUIRE(reader.reasons().size() == 1);
  CHECK(reader.reasons()[0].reason == "longer than 32 bytes");
}

TEST_CASE("CsvReader reads a row of exactly the longest length", "[stream][csv]") {
  CsvReader::Options options;
  options.max_line = 16;
  auto reader = CsvReader::of_text("a,b\n" + std::string(13, '1') + ",2\n" + std::string(14, '1') + ",2\n", options);
  CHECK(rows_of(reader).size() == 1);
  CHECK(reader.bad_rows() == 1);
}

TEST_CASE("CsvReader reads a file in pieces as it reads it whole", "[stream][csv]") {
  std::string text = "id,name,value\n";
  rtml::Rng rng(4);
  for (int i = 0; i < 20'000; ++i)
    text += std::to_string(i) + ",\"" + std::string(2 * rng.below(5), rng.below(2) == 0 ? '"' : '\n') + "\"," +
            std::to_string(rng.uniform()) + "\n";
  const TemporaryFile file(text);  // several times the reader's buffer
  CsvReader pieces(file.path());
  auto whole = CsvReader::of_text(text);
  const Lines rows = rows_of(pieces);
  CHECK(rows == rows_of(whole));
  CHECK(rows.size() == 20'000);
  CHECK(pieces.bad_rows() == 0);
  CHECK(pieces.memory_bytes() < 100'000);
}

TEST_CASE("CsvReader survives any bytes", "[stream][csv][bad input][property]") {
  const auto seed = GENERATE(range(1u, 301u));
  rtml::Rng rng(seed);
  constexpr std::string_view alphabet = "a1,,,\"\"\n\n\r. -e\xEF\xBB\xBF";
  std::string text;
  for (std::uint64_t i = rng.below(300); i > 0; --i)
    text += rng.below(30) == 0 ? static_cast<char>(rng.below(256)) : alphabet[static_cast<std::size_t>(rng.below(alphabet.size()))];
  CsvReader::Options options;
  options.max_line = 40;
  options.max_columns = 6;
  try {
    auto reader = CsvReader::of_text(text, options);
    bool whole_rows = true;
    while (reader.next()) whole_rows = whole_rows && reader.row().text.size() == reader.columns().size();
    CHECK(whole_rows);
  } catch (const rtml::FormatError&) {
  }
}

TEST_CASE("CsvReader names the column, header or file that is not there", "[stream][csv][config]") {
  const auto reader = CsvReader::of_text("price,volume\n", {}, "day.csv");
  CHECK(reader.column("volume") == 1);
  CHECK_THROWS_WITH(reader.column("prize"), "day.csv: there is no column \"prize\", only price, volume");
  CHECK_THROWS_AS(reader.column("prize"), rtml::ConfigError);
  CHECK_THROWS_WITH(CsvReader::of_text("", {}, "day.csv"), "day.csv: has no header line");
  CHECK_THROWS_WITH(CsvReader::of_text("a,b,a\n", {}, "day.csv"), "day.csv, line 1: column \"a\" stands twice");
  CHECK_THROWS_WITH(CsvReader::of_text("\"a\n", {}, "day.csv"), "day.csv, line 1: a quote that nobody closes");
  CHECK_THROWS_AS(CsvReader::of_text("a\"\"\n\"a\"b\n\"c\"d", {.max_columns = 0}), rtml::ConfigError);
  CHECK_THROWS_WITH(CsvReader("/no/such/file.csv"), "cannot open /no/such/file.csv: No such file or directory");
  CHECK_THROWS_AS(CsvReader("/no/such/file.csv"), rtml::IoError);
  CHECK_THROWS_AS(CsvReader("/"), rtml::IoError);
  CHECK_THROWS_WITH(CsvReader::of_text("a\n", {.max_line = 3}), "CsvReader: max_line is 3, must be in [16, 2^30]");
  CHECK_THROWS_WITH(CsvReader::of_text("a\n", {.separator = '"'}), "CsvReader: separator is \"\"\", must be no quote and no newline");
}

TEST_CASE("CsvReader takes another separator", "[stream][csv]") {
  auto reader = CsvReader::of_text("a;b\n1,5;2\n", {.separator = ';'});
  CHECK(rows_of(reader) == Lines{{"1,5", "2"}});
}

TEST_CASE("parse_number reads numbers and nothing else", "[stream][csv]") {
  CHECK(parse_number("12.5") == 12.5);
  CHECK(parse_number("\t-1e-3 ") == -1e-3);
  CHECK(parse_number("+4") == 4.0);
  CHECK(parse_number("inf").has_value());  // refused later, where it is counted
  CHECK(rtml::is_nan(parse_number("nan").value_or(0.0)));
  for (const char* text : {"", " ", "x", "1x", "1 2", "+-1", "1,5", "0x10", "1e999", "--1", "+"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_number(text).has_value());
  }
}

TEST_CASE("parse_time reads unix and calendar times in UTC", "[stream][csv]") {
  const rtml::Time second = rtml::from_unix_seconds(1'767'225'600);  // date -u -d @1767225600: 2026-01-01 00:00:00
  CHECK(parse_time("1767225600") == second);
  CHECK(parse_time("1767225600000") == second);
  CHECK(parse_time("1767225600000000") == second);
  CHECK(parse_time("1767225600.25") == second + std::chrono::milliseconds(250));
  CHECK(parse_time("2026-01-01") == second);
  CHECK(parse_time("2026-01-01 00:00:00") == second);
  CHECK(parse_time("2026-01-02T03:04:05Z") == second + std::chrono::hours(27) + std::chrono::seconds(245));
  CHECK(parse_time("2026-01-01T00:00:00.1234567") == second + std::chrono::microseconds(123'456));
  CHECK(parse_time("1970-01-01") == rtml::Time{});
  CHECK(parse_time("-60") == rtml::from_unix_seconds(-60));
  for (const char* text : {"", "soon", "2026-02-30", "2026-01-01T25:00:00", "2026-01-01x", "2026-1-1", "2026-01-01 10:00", "nan", "inf",
                           "1e300", "2026-01-01T00:00:00+01:00"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}
