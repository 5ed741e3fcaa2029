#include "rtml/replay/class_balanced_buffer.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::ClassBalancedBuffer;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

static_assert(rtml::Checkpointable<ClassBalancedBuffer> && rtml::Sized<ClassBalancedBuffer>);

namespace {

ClassBalancedBuffer balanced(std::size_t capacity, std::size_t classes, std::uint64_t seed = 0) {
  ClassBalancedBuffer buffer({.capacity = capacity, .max_classes = classes, .max_sparse = 4, .seed = seed});
  buffer.bind(replay_schema());
  return buffer;
}

/// Every row under the class that it was added with, each once, counts and sizes in agreement.
bool is_sound(const ClassBalancedBuffer& buffer, const std::vector<std::size_t>& label_of) {
  std::vector<std::size_t> counts(buffer.max_classes());
  std::set<std::uint64_t> numbers;
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    const rtml::Example row = buffer.at(i);
    const std::uint64_t number = rtml::testing::number_of(row);
    if (!rtml::testing::is_intact(row) || row.y != static_cast<float>(label_of[number]) || !numbers.insert(number).second) return false;
    ++counts[label_of[number]];
  }
  for (std::size_t label = 0; label < counts.size(); ++label)
    if (counts[label] != buffer.count(label)) return false;
  return true;
}

/// As chi_square_of_inclusion, for samples whose size differs by one between runs: k is its mean.
double chi_square_of_shares(const std::vector<std::uint64_t>& counts, std::uint64_t runs) {
  const double n = static_cast<double>(counts.size());
  const double expected = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})) / n;
  double sum = 0.0;
  for (const std::uint64_t count : counts) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum * (n - 1.0) / (n * (1.0 - expected / static_cast<double>(runs)));
}

}  // namespace

TEST_CASE("A class-balanced buffer gives each class its share, whatever the order and the frequencies", "[replay][property]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 9)));
  rtml::Rng rng(seed);
  ClassBalancedBuffer buffer = balanced(60, 5, seed);
  std::vector<std::size_t> label_of;
  std::vector<std::size_t> seen(5);
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const double u = rng.uniform();
    const std::size_t label = u < 0.8 ? 2 : (u < 0.9 ? 0 : (u < 0.97 ? 4 : (u < 0.999 ? 1 : 3)));
    label_of.push_back(label);
    ++seen[label];
    add_numbered(buffer, i, static_cast<float>(label));
    if (i % 20 == 0 || i < 100) REQUIRE(is_sound(buffer, label_of));
  }
  CHECK(is_sound(buffer, label_of));
  CHECK(buffer.size() == 60);
  CHECK(buffer.seen() == 1500);

  std::size_t largest = 0;
  for (std::size_t label = 0; label < 5; ++label) largest = std::max(largest, buffer.count(label));
  for (std::size_t label = 0; label < 5; ++label) {
    CAPTURE(seed, label, buffer.count(label), seen[label], largest);
    CHECK(buffer.count(label) >= std::min(seen[label], largest - 1));
  }
}

TEST_CASE("While a class is rarer than its share all its examples are kept", "[replay]") {
  ClassBalancedBuffer buffer = balanced(20, 3);
  for (std::uint64_t i = 0; i < 1000; ++i) add_numbered(buffer, i, i % 100 == 99 ? 1.0F : 0.0F);
  CHECK(buffer.count(0) == 10);
  CHECK(buffer.count(1) == 10);
  std::vector<std::uint64_t> rare;
  for (const std::uint64_t number : numbers_in(buffer))
    if (number % 100 == 99) rare.push_back(number);
  std::sort(rare.begin(), rare.end());
  REQUIRE(rare.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(rare[i] == 100 * i + 99);
}

TEST_CASE("Of each class a class-balanced buffer holds a uniform sample", "[replay][property]") {
  // Class 1 comes once in five until example 200, class 2 only after it: shares shrink on the way, from 10 to 7 or 6.
  constexpr std::uint64_t runs = 4000;
  std::vector<std::uint64_t> frequent(160);
  std::vector<std::uint64_t> rarer(40);
  std::uint64_t kept_frequent = 0;
  std::uint64_t kept_rarer = 0;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    ClassBalancedBuffer buffer = balanced(20, 3, seed);
    for (std::uint64_t i = 0; i < 200; ++i) add_numbered(buffer, i, i % 5 == 4 ? 1.0F : 0.0F);
    for (std::uint64_t i = 200; i < 230; ++i) add_numbered(buffer, i, 2.0F);
    for (const std::uint64_t number : numbers_in(buffer)) {
      if (number >= 200) continue;
      if (number % 5 == 4) {
        ++rarer[number / 5];
        ++kept_rarer;
      } else {
        ++frequent[number - number / 5];
        ++kept_frequent;
      }
    }
  }
  CHECK(kept_frequent + kept_rarer >= runs * 13);
  CHECK(kept_frequent + kept_rarer <= runs * 14);
  CHECK(chi_square_of_shares(frequent, runs) < 234.1);  // 0.9999 quantile, 159 degrees of freedom
  CHECK(chi_square_of_shares(rarer, runs) < 80.8);      // 39 degrees of freedom
}

TEST_CASE("A class that gave places away before it was full stays a uniform sample when it comes again", "[replay][property]") {
  constexpr std::uint64_t runs = 4000;
  std::vector<std::uint64_t> counts(30);
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    ClassBalancedBuffer buffer = balanced(20, 3, seed);
    for (std::uint64_t i = 0; i < 20; ++i) add_numbered(buffer, i, 0.0F);
    for (std::uint64_t i = 100; i < 112; ++i) add_numbered(buffer, i, 1.0F);
    add_numbered(buffer, 200, 2.0F);
    for (std::uint64_t i = 20; i < 30; ++i) add_numbered(buffer, i, 0.0F);
    for (const std::uint64_t number : numbers_in(buffer))
      if (number < 30) ++counts[number];
  }
  CHECK(chi_square_of_shares(counts, runs) < 66.4);  // 0.9999 quantile, 29 degrees of freedom
}

TEST_CASE("Labels that are no class are refused and counted", "[replay][hostile]") {
  ClassBalancedBuffer buffer = balanced(10, 3);
  for (const float y : {-1.0F, 0.5F, 3.0F, 1e9F, std::numeric_limits<float>::quiet_NaN(), -0.5F}) add_numbered(buffer, 1, y);
  CHECK(buffer.refused() == 6);
  CHECK(buffer.seen() == 0);
  add_numbered(buffer, 1, -0.0F);
  add_numbered(buffer, 2, 2.0F);
  CHECK(buffer.count(0) == 1);
  CHECK(buffer.count(2) == 1);
  const float dense[] = {1.0F, 1.0F};
  buffer.add({dense, {}}, 1.0F, 0.0F);
  CHECK(buffer.size() == 2);
}

TEST_CASE("A class-balanced buffer neither allocates nor grows after bind", "[replay]") {
  ClassBalancedBuffer buffer = balanced(40, 10);
  const std::size_t bytes = buffer.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  for (std::uint64_t i = 0; i < 1000; ++i) add_numbered(buffer, i * i, static_cast<float>(i * i % 10));
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(buffer.memory_bytes() == bytes);
}

TEST_CASE("A class-balanced buffer samples every class equally often", "[replay]") {
  ClassBalancedBuffer buffer = balanced(40, 4);
  for (std::uint64_t i = 0; i < 4000; ++i) add_numbered(buffer, i, i % 100 == 0 ? 3.0F : 1.0F);
  rtml::Rng rng(1);
  std::vector<int> counts(4);
  for (int i = 0; i < 10000; ++i) ++counts[static_cast<std::size_t>(buffer.sample(rng).y)];
  CHECK(counts[1] + counts[3] == 10000);
  CHECK(counts[3] > 4700);
  CHECK(counts[3] < 5300);
}

TEST_CASE("clear empties a class-balanced buffer", "[replay]") {
  ClassBalancedBuffer buffer = balanced(10, 3);
  for (std::uint64_t i = 0; i < 50; ++i) add_numbered(buffer, i, static_cast<float>(i % 3));
  buffer.clear();
  CHECK(buffer.size() == 0);
  CHECK(buffer.seen() == 0);
  for (std::uint64_t i = 0; i < 50; ++i) add_numbered(buffer, i, static_cast<float>(i % 2));
  CHECK(buffer.count(2) == 0);
  CHECK(buffer.size() == 10);
  CHECK(all_intact(buffer));
}

TEST_CASE("A class-balanced buffer saved and loaded goes on as if nothing had been", "[replay]") {
  for (const std::uint64_t seen : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{100}}) {
    ClassBalancedBuffer buffer = balanced(12, 4, 3);
    for (std::uint64_t i = 0; i < seen; ++i) add_numbered(buffer, i, static_cast<float>(i % 7 % 4));
    ClassBalancedBuffer restored({.capacity = 12, .max_classes = 4, .max_sparse = 4});
    rtml::load(restored, rtml::save(buffer));
    for (std::uint64_t i = seen; i < seen + 80; ++i) {
      add_numbered(buffer, i, static_cast<float>(i % 5 % 4));
      add_numbered(restored, i, static_cast<float>(i % 5 % 4));
    }
    CHECK(rtml::save(restored) == rtml::save(buffer));
    CHECK(all_intact(restored));
  }
}

TEST_CASE("A damaged archive of a class-balanced buffer is refused or harmless", "[replay][hostile]") {
  ClassBalancedBuffer buffer = balanced(6, 3, 3);
  for (std::uint64_t i = 0; i < 40; ++i) add_numbered(buffer, i, static_cast<float>(i % 7 % 3));
  rtml::testing::check_archive(buffer, ClassBalancedBuffer({.capacity = 6, .max_classes = 3, .max_sparse = 4}),
                               [](ClassBalancedBuffer& read) {
                                 rtml::Rng rng(1);
                                 for (std::uint64_t i = 0; i < 30; ++i) add_numbered(read, i, static_cast<float>(i % 3));
                                 if (read.size() > 0) static_cast<void>(read.sample(rng));
                                 static_cast<void>(rtml::save(read));
                               });
  CHECK_THROWS_AS(rtml::load(buffer, rtml::save(balanced(6, 4))), rtml::FormatError);
}

TEST_CASE("ClassBalancedBuffer names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(ClassBalancedBuffer({.max_classes = 0}), "ClassBalancedBuffer: max_classes is 0, must be in [1, 65536]");
  CHECK_THROWS_WITH(ClassBalancedBuffer({.capacity = 0}), "ClassBalancedBuffer: capacity is 0, must be in [1, 2^32)");
}
