#include "rtml/monitor/series.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/concepts.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using rtml::monitor::Point;
using rtml::monitor::Series;

static_assert(rtml::Checkpointable<Series> && rtml::Sized<Series>);

namespace {

Point point_at(std::uint64_t event, double value) { return {event, rtml::from_unix_seconds(static_cast<std::int64_t>(event)), value}; }

}  // namespace

TEST_CASE("A series keeps its bound, its first and its last point, in order, whatever its length", "[monitor][property]") {
  const auto length = GENERATE(range(1u, 200u));
  Series series("accuracy", "", {.capacity = 16});
  for (std::uint64_t i = 0; i < length; ++i) series.add(point_at(10 + i, static_cast<double>(i)));
  const std::vector<Point> points = series.points();
  CAPTURE(length);
  REQUIRE(points.size() <= 16);
  CHECK(points.size() >= std::min<std::size_t>(length, 8));
  CHECK(points.front().event == 10);
  CHECK(points.back().event == 10 + length - 1);
  CHECK(points.back().value == length - 1.0);
  CHECK(std::is_sorted(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.event < b.event; }));
  CHECK(series.added() == length);
  CHECK(series.last().event == points.back().event);
}

TEST_CASE("A series thins evenly: neighbours that are kept are equally far apart", "[monitor]") {
  Series series("accuracy", "", {.capacity = 16});
  for (std::uint64_t i = 0; i <= 96; ++i) series.add(point_at(i, 0.0));
  const std::vector<Point> points = series.points();
  REQUIRE(points.size() == 13);  // one of every 8
  for (std::size_t i = 0; i < points.size(); ++i) CHECK(points[i].event == 8 * i);
}

TEST_CASE("A series that keeps the largest loses no peak, on every seed", "[monitor][property]") {
  const auto seed = GENERATE(range(1u, 21u));
  rtml::Rng rng(seed);
  Series series("psi", "", {.capacity = 12, .keep = Series::Keep::largest});
  double largest = 0.0;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < 1000 + 31 * seed; ++i) {
    const double value = rng.uniform();
    if (value > largest) largest = value, at = i;
    series.add(point_at(i, value));
  }
  const std::vector<Point> points = series.points();
  CAPTURE(seed);
  CHECK(std::any_of(points.begin(), points.end(), [&](const Point& point) { return point.event == at && point.value == largest; }));
}

TEST_CASE("Gaps of a series that keeps the largest give way to values", "[monitor]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Series series("psi", "", {.capacity = 4, .keep = Series::Keep::largest});
  for (std::uint64_t i = 0; i < 8; ++i) series.add(point_at(i, i % 2 == 0 ? nan : -1.0));
  for (const Point& point : series.points()) CHECK(point.value == -1.0);
}

TEST_CASE("A series that is empty has no points", "[monitor]") {
  const Series series;
  CHECK(series.empty());
  CHECK(series.points().empty());
}

TEST_CASE("A saved series continues bit for bit", "[monitor][archive]") {
  const auto length = GENERATE(0u, 1u, 13u, 14u, 15u, 100u, 1001u);
  Series original("psi", "nats", {.capacity = 16, .keep = Series::Keep::largest});
  for (std::uint64_t i = 0; i < length; ++i) original.add(point_at(i, std::sin(static_cast<double>(i))));
  Series restored;
  rtml::load(restored, rtml::save(original));
  for (std::uint64_t i = length; i < length + 300; ++i) {
    original.add(point_at(i, std::sin(static_cast<double>(i))));
    restored.add(point_at(i, std::sin(static_cast<double>(i))));
  }
  CHECK(restored.name() == "psi");
  CHECK(restored.unit() == "nats");
  CHECK(rtml::save(restored) == rtml::save(original));
}

TEST_CASE("A series read from any archive that is accepted can go on", "[monitor][archive]") {
  Series original("psi", "", {.capacity = 8});
  for (std::uint64_t i = 0; i < 21; ++i) original.add(point_at(i, 1.0));
  const auto bytes = rtml::save(original);
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto flipped = bytes;
      flipped[at] ^= static_cast<std::byte>(1U << bit);
      Series series;
      try {
        rtml::load(series, flipped);
      } catch (const rtml::FormatError&) {
        continue;
      }
      for (std::uint64_t i = 0; i < 40; ++i) series.add(point_at(100 + i, 2.0));
      CHECK(series.points().size() <= 65536);
    }
}

TEST_CASE("An archived series whose counts contradict its points is refused", "[monitor][archive]") {
  const auto read = [](std::uint64_t capacity, std::size_t kept, std::uint64_t stride, std::uint64_t added) {
    rtml::Writer writer;
    writer.header("Series", 1);
    writer(std::string("n"), std::string(), capacity, Series::Keep::first, std::vector<Point>(kept), Point{}, stride, added);
    Series series;
    rtml::load(series, writer.bytes());
    return series.added();
  };
  CHECK(read(8, 3, 2, 5) == 5);
  CHECK_THROWS_AS(read(7, 3, 2, 5), rtml::FormatError);
  CHECK_THROWS_AS(read(1U << 20U, 3, 2, 5), rtml::FormatError);
  CHECK_THROWS_AS(read(8, 3, 3, 9), rtml::FormatError);
  CHECK_THROWS_AS(read(8, 3, 0, 5), rtml::FormatError);
  CHECK_THROWS_AS(read(8, 2, 2, 5), rtml::FormatError);
  CHECK_THROWS_AS(read(8, 7, 1, 7), rtml::FormatError);
  CHECK_THROWS_AS(read(8, 0, 2, ~std::uint64_t{0}), rtml::FormatError);
  CHECK_THROWS_AS(read(4, 2, std::uint64_t{1} << 63U, ~std::uint64_t{0}), rtml::FormatError);
}

TEST_CASE("Series names the option that is out of range", "[monitor][config]") {
  CHECK_THROWS_WITH(Series("a", "", {.capacity = 7}), "Series: capacity is 7, must be even and in [4, 65536]");
  CHECK_THROWS_AS(Series("a", "", {.capacity = 2}), rtml::ConfigError);
  CHECK_THROWS_AS(Series("a", "", {.capacity = 65538}), rtml::ConfigError);
}
