#include "rtml/replay/herding_buffer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "replay/replay_samples.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/replay/class_balanced_buffer.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"

using rtml::HerdingBuffer;
using rtml::testing::add_numbered;
using rtml::testing::all_intact;
using rtml::testing::numbers_in;
using rtml::testing::replay_schema;

static_assert(rtml::Checkpointable<HerdingBuffer> && rtml::Sized<HerdingBuffer>);

namespace {

HerdingBuffer herd(HerdingBuffer::Options options, const rtml::Schema& schema = replay_schema()) {
  options.max_sparse = 4;
  HerdingBuffer buffer(options);
  buffer.bind(schema);
  return buffer;
}

/// Rows of five columns of very different scales; a class each has its own middle. NaN here and there, when asked.
struct Rows {
  explicit Rows(std::uint64_t seed, bool missing = false) : rng(seed), with_missing(missing) {}

  std::array<float, 5> next(std::size_t label) {
    std::array<float, 5> x{};
    for (std::size_t j = 0; j < x.size(); ++j) {
      const double scale = std::pow(10.0, static_cast<double>(j) - 2.0);
      x[j] = static_cast<float>(scale * (rng.normal() + static_cast<double>(label * (j + 1))));
      if (with_missing && rng.below(10) == 0) x[j] = std::numeric_limits<float>::quiet_NaN();
    }
    return x;
  }

  rtml::Rng rng;
  bool with_missing;
};

/// Squared distance between the mean of the rows in a buffer and `mean`, each column by `deviation`.
template <class Buffer>
double distance_to(const Buffer& buffer, const std::array<double, 5>& mean, const std::array<double, 5>& deviation) {
  double squares = 0.0;
  for (std::size_t j = 0; j < 5; ++j) {
    double sum = 0.0;
    for (std::size_t i = 0; i < buffer.size(); ++i) sum += static_cast<double>(buffer.at(i).x.dense[j]);
    const double gap = (sum / static_cast<double>(buffer.size()) - mean[j]) / deviation[j];
    squares += gap * gap;
  }
  return squares;
}

/// The same choice, each time from all that was kept and seen: algorithm of the class comment, in the plainest form. One class.
class PlainHerding {
 public:
  explicit PlainHerding(std::size_t capacity) : capacity_(capacity) {}

  void add(const std::array<float, 5>& x) {
    seen.push_back(x);
    kept.push_back(x);
    if (kept.size() <= capacity_) return;
    std::array<double, 5> mean{};
    std::array<double, 5> variance{};
    for (std::size_t j = 0; j < 5; ++j) {
      double n = 0.0;
      for (const auto& row : seen)
        if (!rtml::is_nan(row[j])) mean[j] += static_cast<double>(row[j]), ++n;
      mean[j] /= std::max(n, 1.0);
      for (const auto& row : seen)
        if (!rtml::is_nan(row[j])) variance[j] += std::pow(static_cast<double>(row[j]) - mean[j], 2.0) / n;
    }
    std::size_t best = 0;
    double least = std::numeric_limits<double>::max();
    for (std::size_t left = 0; left < kept.size(); ++left) {
      double squares = 0.0;
      for (std::size_t j = 0; j < 5; ++j) {
        double gap = 0.0;
        for (std::size_t i = 0; i < kept.size(); ++i)
          if (i != left && !rtml::is_nan(kept[i][j])) gap += static_cast<double>(kept[i][j]) - mean[j];
        if (variance[j] > 0.0) squares += gap * gap / variance[j];
      }
      if (squares < least) least = squares, best = left;
    }
    kept[best] = kept.back();
    kept.pop_back();
  }

  std::vector<std::array<float, 5>> seen;
  std::vector<std::array<float, 5>> kept;

 private:
  std::size_t capacity_;
};

}  // namespace

TEST_CASE("Herding keeps what a plain implementation keeps, missing values included", "[replay][property]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Rows rows(seed, seed > 1);
    HerdingBuffer buffer = herd({.capacity = 12, .max_classes = 1, .candidates = 12}, rtml::Schema::numeric(5));
    PlainHerding plain(12);
    const auto sum_of = [](rtml::Features x) {  // tells rows apart
      double sum = 0.0;
      for (const float value : x.dense) sum = 31.0 * sum + (rtml::is_nan(value) ? 0.5 : static_cast<double>(value));
      return sum;
    };
    for (int i = 0; i < 400; ++i) {
      const auto x = rows.next(0);
      buffer.add({x, {}}, 0.0F);
      plain.add(x);
      std::vector<double> mine;
      std::vector<double> theirs;
      for (std::size_t k = 0; k < buffer.size(); ++k) mine.push_back(sum_of(buffer.at(k).x));
      for (const auto& row : plain.kept) theirs.push_back(sum_of({row, {}}));
      std::sort(mine.begin(), mine.end());
      std::sort(theirs.begin(), theirs.end());
      CAPTURE(seed, i);
      REQUIRE(mine == theirs);
    }
  }
}

TEST_CASE("The mean of what herding keeps is far nearer to the class's than that of a uniform sample", "[replay][property]") {
  const auto candidates = static_cast<std::size_t>(GENERATE(4, 16));
  double herded = 0.0;
  double uniform = 0.0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rows rows(seed);
    HerdingBuffer buffer = herd({.capacity = 20, .max_classes = 1, .candidates = candidates, .seed = seed}, rtml::Schema::numeric(5));
    rtml::ClassBalancedBuffer sample({.capacity = 20, .max_classes = 1, .seed = seed});
    sample.bind(rtml::Schema::numeric(5));
    for (int i = 0; i < 2000; ++i) {
      const auto x = rows.next(0);
      buffer.add({x, {}}, 0.0F);
      sample.add({x, {}}, 0.0F);
    }
    const std::array<double, 5> middle{};
    const std::array<double, 5> deviation = {0.01, 0.1, 1.0, 10.0, 100.0};
    herded += distance_to(buffer, middle, deviation) / 20.0;
    uniform += distance_to(sample, middle, deviation) / 20.0;
  }
  CHECK(uniform == Approx(5.0 / 20.0).epsilon(0.4));  // d / capacity
  CHECK(herded < 0.15 * uniform);
}

TEST_CASE("Herding shares its places among the classes, whatever the order and the frequencies", "[replay][property]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 5)));
  rtml::Rng rng(seed);
  HerdingBuffer buffer = herd({.capacity = 60, .max_classes = 5, .seed = seed});
  std::vector<std::size_t> seen(5);
  std::map<std::uint64_t, float> label_of;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const double u = rng.uniform();
    const std::size_t label = i < 500 ? 2 : (u < 0.8 ? 2 : (u < 0.9 ? 0 : (u < 0.97 ? 4 : (u < 0.999 ? 1 : 3))));
    ++seen[label];
    label_of[i] = static_cast<float>(label);
    add_numbered(buffer, i, static_cast<float>(label));
  }
  CHECK(buffer.size() == 60);
  CHECK(buffer.seen() == 2000);
  CHECK(all_intact(buffer));
  std::size_t largest = 0;
  for (std::size_t label = 0; label < 5; ++label) largest = std::max(largest, buffer.count(label));
  for (std::size_t label = 0; label < 5; ++label) {
    CAPTURE(seed, label, buffer.count(label), seen[label], largest);
    CHECK(buffer.count(label) >= std::min(seen[label], largest - 1));
  }
  auto numbers = numbers_in(buffer);
  for (std::size_t i = 0; i < buffer.size(); ++i) CHECK(buffer.at(i).y == label_of[numbers[i]]);
  std::sort(numbers.begin(), numbers.end());
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
}

TEST_CASE("Herding goes by hashed and nominal features too", "[replay]") {
  // Half of the class has one word or code, a quarter two others each: what is kept has them in these shares.
  const bool nominal = GENERATE(false, true);
  const rtml::Schema schema = nominal ? rtml::Schema({{.name = "code", .kind = rtml::Column::Kind::nominal, .categories = 9}})
                                      : rtml::Schema({{.name = "words", .kind = rtml::Column::Kind::hashed}});
  double off = 0.0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    HerdingBuffer buffer = herd({.capacity = 40, .max_classes = 1, .seed = seed}, schema);
    rtml::Rng rng(seed);
    for (int i = 0; i < 3000; ++i) {
      const std::uint64_t u = rng.below(4);
      const std::uint32_t code = u < 2 ? 1 : static_cast<std::uint32_t>(u);
      const float dense[] = {static_cast<float>(code)};
      const rtml::SparseFeature word[] = {{code, 1.0F}};
      buffer.add(nominal ? rtml::Features{dense, {}} : rtml::Features{{}, word}, 0.0F);
    }
    double of_one = 0.0;
    for (std::size_t i = 0; i < buffer.size(); ++i)
      of_one += nominal ? (buffer.at(i).x.dense[0] == 1.0F ? 1.0 : 0.0) : (buffer.at(i).x.sparse[0].index == 1 ? 1.0 : 0.0);
    off += std::pow(of_one / 40.0 - 0.5, 2.0) / 20.0;
  }
  CHECK(off < 0.25 / 40.0 / 8.0);  // an eighth of a uniform sample's variance
}

TEST_CASE("One value out of all proportion does not spoil the sums of a herd for good", "[replay][hostile]") {
  HerdingBuffer buffer = herd({.capacity = 10, .max_classes = 1}, rtml::Schema::numeric(1));
  rtml::Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const float x[] = {i == 5 ? 9e14F : static_cast<float>(rng.normal())};
    buffer.add({x, {}}, 0.0F);
  }
  CHECK(buffer.size() == 10);
  // The mean is off for long (9e14 / 20,000), and so what is kept are the largest values; but rows are whole, and the state can be read.
  rtml::load(buffer, rtml::save(buffer));
}

TEST_CASE("A herding buffer neither allocates nor grows after bind", "[replay]") {
  HerdingBuffer buffer = herd({.capacity = 40, .max_classes = 10});
  const std::size_t bytes = buffer.memory_bytes();
  const rtml::testing::AllocationCounter allocations;
  for (std::uint64_t i = 0; i < 10'000; ++i) add_numbered(buffer, i * i % 5000, static_cast<float>(i * i % 5000 % 10));
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(buffer.memory_bytes() == bytes);
  CHECK(bytes >= 10 * (2 + 64) * 32 + 40 * (2 * sizeof(float) + 4 * sizeof(rtml::SparseFeature)));
}

TEST_CASE("Labels that are no class and what is not usable are refused by a herding buffer and counted", "[replay][hostile]") {
  HerdingBuffer buffer = herd({.capacity = 10, .max_classes = 3});
  for (const float y : {-1.0F, 0.5F, 3.0F, 1e9F, std::numeric_limits<float>::quiet_NaN()}) add_numbered(buffer, 1, y);
  const float bad[] = {1.0F, std::numeric_limits<float>::infinity()};
  buffer.add({bad, {}}, 1.0F);
  const float good[] = {1.0F, 2.0F};
  buffer.add({good, {}}, 1.0F, -1.0F);
  CHECK(buffer.refused() == 7);
  buffer.add({good, {}}, 1.0F, 0.0F);
  CHECK(buffer.seen() == 0);
  CHECK(buffer.size() == 0);
}

TEST_CASE("A herding buffer bound to more columns keeps its rows and goes on", "[replay]") {
  HerdingBuffer buffer = herd({.capacity = 8, .max_classes = 2});
  for (std::uint64_t i = 0; i < 50; ++i) add_numbered(buffer, i, static_cast<float>(i % 2));
  const auto numbers = numbers_in(buffer);
  const rtml::Schema wider(
      {{.name = "gained"}, {.name = "number"}, {.name = "half"}, {.name = "words", .kind = rtml::Column::Kind::hashed}});
  buffer.bind(wider);
  REQUIRE(buffer.size() == 8);
  for (std::size_t i = 0; i < 8; ++i) CHECK(buffer.at(i).x.dense[1] == static_cast<float>(numbers[i]));
  for (int i = 0; i < 100; ++i) {
    const float dense[] = {1.0F, static_cast<float>(i), 2.0F};
    buffer.add({dense, {}}, static_cast<float>(i % 2));
  }
  CHECK(buffer.size() == 8);
  rtml::load(buffer, rtml::save(buffer));
  CHECK_THROWS_AS(buffer.bind(rtml::Schema::numeric(2)), rtml::SchemaError);
}

TEST_CASE("clear empties a herding buffer, its means included", "[replay]") {
  HerdingBuffer buffer = herd({.capacity = 6, .max_classes = 2, .seed = 4});
  const auto blank = rtml::save(buffer);
  for (std::uint64_t i = 0; i < 4; ++i) add_numbered(buffer, i, static_cast<float>(i % 2));  // no random number was drawn yet
  buffer.clear();
  CHECK(rtml::save(buffer) == blank);
}

TEST_CASE("A herding buffer saved and loaded goes on as if nothing had been", "[replay]") {
  const bool bound_before = GENERATE(false, true);
  for (const std::uint64_t seen : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{300}}) {
    HerdingBuffer buffer = herd({.capacity = 40, .max_classes = 4, .candidates = 3, .seed = 3});
    for (std::uint64_t i = 0; i < seen; ++i) add_numbered(buffer, i, static_cast<float>(i % 7 % 4));
    HerdingBuffer restored({.capacity = 40, .max_classes = 4, .candidates = 3, .max_sparse = 4});
    if (bound_before) restored.bind(replay_schema());
    rtml::load(restored, rtml::save(buffer));
    restored.bind(replay_schema());
    for (std::uint64_t i = seen; i < seen + 200; ++i) {
      add_numbered(buffer, i, static_cast<float>(i % 5 % 4));
      add_numbered(restored, i, static_cast<float>(i % 5 % 4));
    }
    CHECK(rtml::save(restored) == rtml::save(buffer));
    CHECK(all_intact(restored));
  }
  HerdingBuffer bound = herd({.capacity = 8});
  rtml::load(bound, rtml::save(HerdingBuffer({.capacity = 8, .max_sparse = 4})));
  CHECK(bound.schema() == rtml::Schema{});
}

TEST_CASE("A damaged archive of a herding buffer is refused or harmless", "[replay][hostile]") {
  const rtml::Schema schema = rtml::Schema::numeric(2);
  HerdingBuffer buffer = herd({.capacity = 6, .max_classes = 3, .seed = 3}, schema);
  for (std::uint64_t i = 0; i < 40; ++i) {
    const float x[] = {static_cast<float>(i), 1.0F};
    buffer.add({x, {}}, static_cast<float>(i % 7 % 3));
  }
  rtml::testing::check_archive(buffer, HerdingBuffer({.capacity = 6, .max_classes = 3, .max_sparse = 4}), [](HerdingBuffer& read) {
    rtml::Rng rng(1);
    const float x[] = {1.0F, 2.0F};
    for (int i = 0; i < 30; ++i) read.add({x, {}}, static_cast<float>(i % 3));
    if (read.size() > 0) static_cast<void>(read.sample(rng));
    static_cast<void>(rtml::save(read));
  });
  HerdingBuffer other = herd({.capacity = 6, .max_classes = 4}, schema);
  CHECK_THROWS_AS(rtml::load(other, rtml::save(buffer)), rtml::FormatError);
}

TEST_CASE("HerdingBuffer names the option that is out of range", "[replay][config]") {
  CHECK_THROWS_WITH(HerdingBuffer({.max_classes = 0}), "HerdingBuffer: max_classes is 0, must be in [1, 65536]");
  CHECK_THROWS_WITH(HerdingBuffer({.candidates = 0}), "HerdingBuffer: candidates is 0, must be in [1, 65536]");
  CHECK_THROWS_WITH(HerdingBuffer({.capacity = 0}), "HerdingBuffer: capacity is 0, must be in [1, 2^32)");
}
