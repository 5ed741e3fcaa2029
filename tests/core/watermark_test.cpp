#include "rtml/core/watermark.hpp"

#include "rtml/core/archive.hpp"
#include "support/catch.hpp"

using rtml::days;
using rtml::from_unix_seconds;
using rtml::hours;
using rtml::Time;
using rtml::Watermark;

TEST_CASE("A watermark follows the latest time and never goes back", "[core]") {
  Watermark watermark;
  const Time start = from_unix_seconds(1'700'000'000);
  CHECK(watermark.advance(start) == start);
  CHECK(watermark.advance(start + hours(5)) == start + hours(5));
  CHECK(watermark.advance(start) == start + hours(5));
  CHECK(watermark.refused() == 0);
}

TEST_CASE("One event from a far future does not move a watermark, and is counted", "[core]") {
  Watermark watermark;
  const Time start = from_unix_seconds(1'700'000'000);
  watermark.advance(start);
  CHECK(watermark.advance(start + days(20'000)) == start);
  CHECK(watermark.advance(start + hours(1)) == start + hours(1));
  CHECK(watermark.refused() == 1);
}

TEST_CASE("A first event from a far future is not believed against those that follow", "[core]") {
  const Time start = from_unix_seconds(1'700'000'000);
  for (const int wrong : {1, 2, 5}) {
    Watermark watermark;
    for (int i = 0; i < wrong; ++i) watermark.advance(start + days(20'000));
    for (int i = 0; i < 100; ++i) watermark.advance(start + rtml::seconds(i));
    CHECK(watermark.now() == start + rtml::seconds(99));
    CHECK(watermark.refused() >= 1);
  }
}

TEST_CASE("A watermark keeps up with a stream whose events lie days apart, and still believes no far future", "[core]") {
  for (const int gap : {1, 3, 7, 40}) {
    Watermark watermark;
    const Time start = from_unix_seconds(1'000'000'000);
    for (int i = 0; i < 16; ++i) watermark.advance(start + i * days(gap));
    for (int i = 16; i < 300; ++i) {
      CAPTURE(gap, i);
      REQUIRE(watermark.advance(start + i * days(gap)) == start + i * days(gap));
      const Time before = watermark.now();
      REQUIRE(watermark.advance(start + days(30'000)) == before);
    }
    CHECK(watermark.refused() <= 300);
  }
}

TEST_CASE("After many events time goes back for nobody", "[core]") {
  Watermark watermark;
  const Time start = from_unix_seconds(1'700'000'000);
  for (int i = 0; i < 16; ++i) watermark.advance(start);
  for (int i = 0; i < 100; ++i) CHECK(watermark.advance(start - days(300)) == start);
}

TEST_CASE("Sixteen events in a row that agree on a gap make it real", "[core]") {
  Watermark watermark;
  const Time start = from_unix_seconds(1'700'000'000);
  watermark.advance(start);
  for (int i = 1; i < 16; ++i) REQUIRE(watermark.advance(start + days(7) + rtml::seconds(i)) == start);
  CHECK(watermark.advance(start + days(7) + rtml::seconds(16)) == start + days(7) + rtml::seconds(16));
}

TEST_CASE("The extremes of time are brought within bounds in which differences do not overflow", "[core]") {
  CHECK(Watermark::limited(Time::max()).time_since_epoch() == days(36500));
  CHECK(Watermark::limited(Time::min()).time_since_epoch() == -days(36500));
  Watermark watermark;
  watermark.advance(Time::min());
  CHECK(watermark.now().time_since_epoch() == -days(36500));
}

TEST_CASE("A watermark that is restored goes on, and a time out of bounds is refused", "[core]") {
  Watermark watermark;
  watermark.advance(from_unix_seconds(1'700'000'000));
  for (int i = 0; i < 10; ++i) watermark.advance(from_unix_seconds(1'800'000'000));
  auto bytes = rtml::save(watermark);
  Watermark restored;
  rtml::load(restored, bytes);
  for (int i = 0; i < 6; ++i)
    CHECK(restored.advance(from_unix_seconds(1'800'000'000)) == watermark.advance(from_unix_seconds(1'800'000'000)));
  CHECK(restored.now() == from_unix_seconds(1'800'000'000));
  const std::size_t time_at = 8 + 9 + 4;  // length of the tag, the tag, the version
  for (std::size_t i = 0; i < 8; ++i) bytes[time_at + i] = std::byte{0x7f};
  CHECK_THROWS_AS(rtml::load(restored, bytes), rtml::FormatError);
}
