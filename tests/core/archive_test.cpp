#include "rtml/core/archive.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "rtml/core/event_id.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/time.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

enum class Colour : std::uint16_t { red, green, blue };

/// One field of every kind.
struct Everything {
  std::int8_t tiny = -5;
  std::uint64_t large = 0xfedcba9876543210ULL;
  float narrow = 1.5F;
  double wide = -2.5e300;
  bool yes = true;
  Colour colour = Colour::green;
  std::string text = "caf\xc3\xa9";
  Time at = from_unix_seconds(1'700'000'000);
  Duration lasting{-17};
  std::array<std::int32_t, 3> three{1, -2, 3};
  std::array<std::string, 2> two{"a", ""};
  std::vector<float> floats{1.0F, 2.0F};
  std::vector<std::string> words{"", "long enough to live on the heap, whatever the library"};
  std::vector<std::vector<std::uint8_t>> nested{{1}, {}, {2, 3}};
  std::optional<double> some{4.0};
  std::optional<EventId> none;
  EventId id{3, 99};

  friend bool operator==(const Everything&, const Everything&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Everything", 1);
    ar(self.tiny, self.large, self.narrow, self.wide, self.yes, self.colour, self.text, self.at, self.lasting, self.three, self.two,
       self.floats, self.words, self.nested, self.some, self.none, self.id);
    ar.check(self.colour <= Colour::blue, "colour");
  }
};

Everything nothing() {
  Everything other;
  other.tiny = 0, other.large = 0, other.narrow = 0, other.wide = 0, other.yes = false, other.colour = Colour::red;
  other.text.clear(), other.at = {}, other.lasting = {}, other.three = {}, other.two = {}, other.floats.clear(), other.words = {"x"};
  other.nested.clear(), other.some.reset(), other.none = EventId{1}, other.id = {};
  return other;
}

/// Version 2 of a type that had no `rate` in version 1.
struct Newer {
  std::uint32_t count = 0;
  double rate = 0.25;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const auto version = ar.header("Counter", 2);
    ar(self.count);
    if (version >= 2) ar(self.rate);
  }
};

struct Older {
  std::uint32_t count = 0;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Counter", 1);
    ar(self.count);
  }
};

template <class T>
std::vector<std::byte> bytes_of(const T& field) {
  Writer writer;
  writer(field);
  return writer.take();
}

template <class T>
void read_into(T& field, std::span<const std::byte> bytes) {
  Reader reader(bytes);
  reader(field);
}

}  // namespace

TEST_CASE("Values of a known number are written as fields are, and a missing one is said", "[core][archive]") {
  const std::vector<float> numbers = {1.0F, -2.5F, 3.0F};
  rtml::Writer one_by_one;
  for (const float number : numbers) one_by_one(number);
  rtml::Writer together(64);
  together.values(std::span(numbers));
  CHECK(together.bytes() == one_by_one.bytes());

  std::vector<float> back(3);
  rtml::Reader reader(together.bytes());
  reader.values(std::span(back));
  CHECK(back == numbers);
  rtml::Reader short_of(together.bytes());
  std::vector<float> more(4);
  CHECK_THROWS_AS(short_of.values(std::span(more)), rtml::FormatError);
}

TEST_CASE("every kind of field reads back as it was written", "[core][archive]") {
  const Everything written;
  Everything read = nothing();
  CHECK_FALSE(read == written);
  load(read, save(written));
  CHECK(read == written);
  Everything emptied = written;
  load(emptied, save(nothing()));
  CHECK(emptied == nothing());
}

TEST_CASE("an object of every kind of field keeps the laws of archives", "[core][archive]") {
  testing::check_archive(Everything{}, nothing());
}

TEST_CASE("numbers keep their bits, NaN payload and negative zero included", "[core][archive]") {
  Rng rng(5);
  for (int i = 0; i < 200; ++i) {
    const auto written = std::bit_cast<double>(rng() | (i % 2 == 0 ? 0x7ff0000000000000ULL : 0));
    double read = 0.0;
    read_into(read, bytes_of(written));
    REQUIRE(std::bit_cast<std::uint64_t>(read) == std::bit_cast<std::uint64_t>(written));
  }
  CHECK(bytes_of(std::uint32_t{0x01020304}) == std::vector<std::byte>{std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}});
}

TEST_CASE("a count beyond the bytes that are there allocates nothing", "[core][archive][hostile]") {
  const auto refuse = [](auto field) {
    for (const std::uint64_t count : {std::uint64_t{9}, std::uint64_t{1} << 32U, std::uint64_t{1} << 61U, ~std::uint64_t{0}}) {
      auto bytes = bytes_of(count);
      bytes.resize(16);
      const testing::AllocationLimit limit(4096);
      CHECK_THROWS_AS(read_into(field, bytes), FormatError);
    }
  };
  refuse(std::string());
  refuse(std::vector<double>());
  refuse(std::vector<std::string>());
  refuse(std::vector<std::vector<float>>());
}

TEST_CASE("a bool that is neither 0 nor 1 is refused", "[core][archive][hostile]") {
  bool read = false;
  CHECK_THROWS_WITH(read_into(read, bytes_of(std::uint8_t{2})), "archive: state holds a value out of range: bool (at byte 1)");
}

TEST_CASE("what is refused is named with its type, the rule and the place", "[core][archive][hostile]") {
  EventId id;
  const std::vector<std::byte> nothing_at_all;
  CHECK_THROWS_WITH(load(id, nothing_at_all), "archive: state is truncated: needs 4 bytes, has 0 (at byte 0)");
  auto bytes = save(id);
  bytes.resize(20);
  CHECK_THROWS_WITH(load(id, bytes), "archive: state is followed by 8 bytes that nobody reads (at byte 12)");
  FeatureVector features;
  CHECK_THROWS_WITH(load(features, save(Rng(1))), "archive: state is a \"Rng\", expected \"FeatureVector\" (at byte 11)");
  auto damaged = save(Older{});
  damaged[8] = std::byte{1};
  Older older;
  CHECK_THROWS_WITH(load(older, damaged), "archive: state is a \"?ounter\", expected \"Counter\" (at byte 15)");
  std::vector<float> floats;
  CHECK_THROWS_WITH(read_into(floats, bytes_of(std::uint64_t{3})),
                    "archive: state is truncated: needs 3 elements, has 0 bytes (at byte 8)");
}

TEST_CASE("an older version is read by the branch that its type keeps, a newer one is refused", "[core][archive]") {
  Newer newer{.count = 1, .rate = 0.5};
  load(newer, save(Older{.count = 7}));
  CHECK(newer.count == 7);
  CHECK(newer.rate == 0.5);
  load(newer, save(Newer{.count = 8, .rate = 2.0}));
  CHECK(newer.rate == 2.0);
  Older older;
  CHECK_THROWS_WITH(load(older, save(newer)), "archive: Counter has format version 2, this build reads 1 to 1 (at byte 19)");
  auto zero = save(Older{});
  zero[15] = std::byte{0};
  CHECK_THROWS_WITH(load(older, zero), "archive: Counter has format version 0, this build reads 1 to 1 (at byte 19)");
}

TEST_CASE("load leaves the object as it was when the bytes are refused half-way", "[core][archive]") {
  auto bytes = save(Everything{});
  bytes.pop_back();
  Everything target = nothing();
  CHECK_THROWS_AS(load(target, bytes), FormatError);
  CHECK(target == nothing());
}

TEST_CASE("raw bytes pass through a writer and a reader", "[core][archive]") {
  Writer writer;
  const std::array<std::byte, 3> written{std::byte{1}, std::byte{2}, std::byte{3}};
  writer.raw(written);
  REQUIRE(writer.bytes().size() == 3);
  Reader reader(writer.bytes());
  CHECK(reader.left() == 3);
  const auto two = reader.raw(2);
  CHECK(two[1] == std::byte{2});
  CHECK_THROWS_AS(reader.finish(), FormatError);
  CHECK_THROWS_AS(reader.raw(2), FormatError);
  CHECK_NOTHROW(reader.raw(1));
  CHECK_NOTHROW(reader.finish());
}
