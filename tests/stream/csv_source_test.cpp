#include "rtml/stream/csv_source.hpp"

#include <cstdlib>
#include <filesystem>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stream/infer.hpp"
#include "stream/temporary_file.hpp"
#include "support/catch.hpp"

using rtml::Row;
using rtml::Task;
using rtml::stream::CsvSource;
using rtml::stream::infer;
using rtml::stream::infer_task;
using rtml::stream::SourceColumn;
using rtml::testing::TemporaryFile;

namespace {

constexpr std::string_view shop =
    "at,shop,size,price,label\n"
    "100,a,1,2.5,no\n"
    "160,b,2,,yes\n"
    "later,a,1,x,\n"
    "220,c,2,4.5,no\n";

std::vector<float> labels_from(CsvSource& source) {
  std::vector<float> labels;
  Row row;
  float y = 0.0F;
  while (source.next(row, y)) labels.push_back(y);
  return labels;
}

}  // namespace

TEST_CASE("CsvSource gives the columns but label, time and what is ignored", "[stream][csv]") {
  const TemporaryFile file(shop);
  CsvSource source(file.path(), {.target = "label", .time = "at", .nominal = {"size"}, .ignore = {"shop"}});
  using Kind = SourceColumn::Kind;
  REQUIRE(source.columns().size() == 2);
  CHECK(source.columns()[0] == SourceColumn{"size", Kind::nominal});
  CHECK(source.columns()[1] == SourceColumn{"price", Kind::text});  // one word among two numbers
  CHECK(source.task() == Task::binary);
  CHECK(source.classes() == 2);
  CHECK(source.labels()[1] == "yes");

  Row row;
  float y = 0.0F;
  REQUIRE(source.next(row, y));
  CHECK(row.at == rtml::from_unix_seconds(100));
  CHECK(row.numbers[1] == 2.5);
  CHECK(row.text[0] == "1");
  CHECK(y == 0.0F);
  REQUIRE(source.next(row, y));
  CHECK(rtml::is_nan(row.numbers[1]));
  CHECK(y == 1.0F);
  REQUIRE(source.next(row, y));
  CHECK(rtml::is_nan(y));
  CHECK(row.at == rtml::from_unix_seconds(160));  // as of the row before
  CHECK(source.without_label() == 1);
  CHECK(source.without_time() == 1);
  REQUIRE(source.next(row, y));
  CHECK_FALSE(source.next(row, y));
}

TEST_CASE("CsvSource numbers labels in order of their value", "[stream][csv]") {
  const TemporaryFile numbers("x,y\n1,10\n1,9\n1,1\n1,9\n");
  CsvSource classes(numbers.path(), {.target = "y"});
  CHECK(classes.task() == Task::classes);
  CHECK(classes.classes() == 3);
  CHECK(labels_from(classes) == std::vector<float>{2.0F, 1.0F, 0.0F, 1.0F});
  CsvSource regression(numbers.path(), {.target = "y", .task = Task::regression});
  CHECK(labels_from(regression) == std::vector<float>{10.0F, 9.0F, 1.0F, 9.0F});
  CHECK_THROWS_WITH(CsvSource(numbers.path(), {.target = "y", .task = Task::binary}),
                    numbers.path().string() + ": target is \"y\", must be of two labels for a binary task, has 3");

  const TemporaryFile zeros("x,y\n1,1\n2,1\n");
  CsvSource binary(zeros.path(), {.target = "y"});
  CHECK(labels_from(binary) == std::vector<float>{1.0F, 1.0F});  // a 1 stays a 1 where no 0 was seen
}

TEST_CASE("CsvSource counts text in numeric columns, and a label that is no number is missing", "[stream][csv][bad input]") {
  std::string text = "x,y\n";
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + "," + std::to_string(0.5 * i) + "\n";
  text += "n/a,1\n5,broken\n6,inf\n";
  const TemporaryFile file(text);
  CsvSource source(file.path(), {.target = "y"});
  CHECK(source.task() == Task::regression);
  const auto labels = labels_from(source);
  REQUIRE(labels.size() == 103);
  CHECK(rtml::is_nan(labels[101]));
  CHECK_FALSE(rtml::is_finite(labels[102]));  // for the learner to refuse
  CHECK(source.reader().not_numeric(0) == 1);
  CHECK(source.reader().not_numeric(1) == 1);
  CHECK(source.without_label() == 1);
}

TEST_CASE("CsvSource names a column that is not there or has two parts to play", "[stream][csv][config]") {
  const TemporaryFile file(shop);
  const std::string name = file.path().string();
  CHECK_THROWS_WITH(CsvSource(file.path(), {.target = "price2"}),
                    name + ": there is no column \"price2\", only at, shop, size, price, label");
  CHECK_THROWS_AS(CsvSource(file.path(), {.target = "label", .time = "when"}), rtml::ConfigError);
  CHECK_THROWS_AS(CsvSource(file.path(), {.target = "label", .nominal = {"when"}}), rtml::ConfigError);
  CHECK_THROWS_WITH(CsvSource(file.path(), {.target = "label", .ignore = {"label"}}),
                    name + ": ignore is \"label\", must be another column than the target");
  CHECK_THROWS_WITH(CsvSource(file.path(), {.target = "label", .nominal = {"shop"}, .ignore = {"shop"}}),
                    name + ": nominal is \"shop\", must be a column that is not the target, the time or ignored");
  CHECK_THROWS_AS(CsvSource("/no/such/file.csv", {.target = "y"}), rtml::IoError);
  const TemporaryFile one("x,y\n1,a\n2,a\n");
  CHECK_THROWS_WITH(CsvSource(one.path(), {.target = "y"}),
                    one.path().string() + ": target is \"y\", must be of two labels for a binary task, has 1");
}

TEST_CASE("CsvSource names a file without rows, a column without a name, and what cannot be read twice", "[stream][csv][bad input]") {
  const TemporaryFile header("x,y\n1\n");
  CHECK_THROWS_WITH(CsvSource(header.path(), {.target = "y"}), header.path().string() + ": has no whole row below its header");
  CHECK_THROWS_AS(CsvSource(header.path(), {.target = "y", .task = Task::regression}), rtml::FormatError);
  const TemporaryFile unnamed("x,,y\n1,2,0\n2,3,1\n");
  CHECK_THROWS_WITH(CsvSource(unnamed.path(), {.target = "y"}), unnamed.path().string() + ", line 1: column 2 has no name");
  CHECK_NOTHROW(CsvSource(unnamed.path(), {.target = "y", .ignore = {""}}));
  CHECK_THROWS_WITH(CsvSource("/dev/null", {.target = "y"}), "/dev/null: is no regular file, which it must be to be read more than once");
  CHECK_THROWS_AS(CsvSource(std::filesystem::temp_directory_path(), {.target = "y"}), rtml::ConfigError);
}

TEST_CASE("infer tells numbers from words, and tasks by their labels", "[stream][csv]") {
  std::string text = "id,word,mostly,few,two\n";
  for (int i = 0; i < 100; ++i)
    text += std::to_string(i) + ".5,w" + std::to_string(i) + "," + (i == 7 ? "?" : std::to_string(i)) + "," + std::to_string(i % 5) + "," +
            (i % 2 == 0 ? "left" : " ") + "\n";
  const TemporaryFile file(text);
  const auto columns = infer(file.path());
  REQUIRE(columns.size() == 5);
  CHECK(columns[0].numeric());
  CHECK_FALSE(columns[0].whole);
  CHECK(columns[0].more_values);
  CHECK_FALSE(columns[1].numeric());
  CHECK(columns[2].numeric());
  CHECK(columns[2].texts == 1);
  CHECK(columns[3].values == std::vector<std::string>{"0", "1", "2", "3", "4"});
  CHECK(columns[4].missing == 50);
  CHECK(infer_task(columns[0]) == Task::regression);
  CHECK(infer_task(columns[1]) == Task::classes);
  CHECK(infer_task(columns[2]) == Task::regression);
  CHECK(infer_task(columns[3]) == Task::classes);
  CHECK(infer_task(columns[4]) == Task::binary);
  CHECK(infer(file.path(), 3)[0].numbers == 3);
}

TEST_CASE("the real streams are read whole, with the tasks that they have", "[stream][csv][data]") {
  const char* folder = std::getenv("RTML_DATA");
  const std::filesystem::path data(folder != nullptr ? folder : "../shared/data");
  struct Stream {
    const char* file;
    const char* target;
    Task task;
    std::size_t rows;
    std::size_t columns;
  };
  for (const Stream& stream :
       {Stream{"elec2.csv", "class", Task::binary, 45'312, 8}, Stream{"covtype10k.csv", "class", Task::classes, 10'000, 54},
        Stream{"bike_hour.csv", "target", Task::regression, 17'379, 13}}) {
    if (!std::filesystem::exists(data / stream.file)) {
      WARN("skipped: no " << (data / stream.file).string() << " (set RTML_DATA)");
      continue;
    }
    CAPTURE(stream.file);
    CsvSource source(data / stream.file, {.target = stream.target});
    CHECK(source.task() == stream.task);
    CHECK(source.columns().size() == stream.columns);
    CHECK(labels_from(source).size() == stream.rows);
    CHECK(source.reader().bad_rows() == 0);
    CHECK(source.without_label() == 0);
  }
}
