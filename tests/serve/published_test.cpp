#include "rtml/serve/published.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using rtml::Published;

namespace {

std::atomic<int> alive{0};
std::atomic<int> most_alive{0};  // since it was last set

/// Two halves that agree while it lives, and disagree once it was destroyed: a torn or freed version shows.
class Halves {
 public:
  explicit Halves(std::uint64_t value) : value_(value) {
    left_.fill(value);
    right_.fill(value);
    const int now = ++alive;
    if (now > most_alive) most_alive = now;
  }
  Halves(const Halves&) = delete;
  Halves& operator=(const Halves&) = delete;
  ~Halves() {
    for (std::uint64_t& value : left_) value = ~std::uint64_t{0};
    for (std::uint64_t& value : right_) value = 0xdead;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // or the compiler drops stores to a dying object
    --alive;
  }

  void set(std::uint64_t value) {
    left_.fill(value);
    value_ = value;
    right_.fill(value);
  }
  std::uint64_t value() const { return value_; }
  bool agree() const {
    for (std::size_t i = 0; i < left_.size(); ++i)
      if (left_[i] != value_ || right_[i] != value_) return false;
    return true;
  }
  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

 private:
  std::array<std::uint64_t, 32> left_{};
  std::uint64_t value_;
  std::array<std::uint64_t, 32> right_{};
};

std::unique_ptr<Halves> halves(std::uint64_t value) { return std::make_unique<Halves>(value); }

/// What the loop does: the recycled version is brought up to date in place, or a new one is made.
bool publish_next(Published<Halves>& model, std::uint64_t value) {
  std::unique_ptr<Halves> next = model.reclaim();
  if (next) {
    next->set(value);
  } else {
    next = halves(value);
  }
  return model.publish(std::move(next));
}

}  // namespace

TEST_CASE("What was published last is what is read", "[serve]") {
  Published<Halves> model(halves(1));
  CHECK(model.read()->value() == 1);
  CHECK(model.read().version() == 1);
  for (std::uint64_t value = 2; value <= 100; ++value) {
    REQUIRE(model.publish(halves(value)));
    REQUIRE((*model.read()).value() == value);
    REQUIRE(model.read().version() == value);
    REQUIRE(model.version() == value);
  }
}

TEST_CASE("A writer that nobody reads beside keeps two copies and allocates no more", "[serve]") {
  const int before = alive;
  {
    Published<Halves> model(halves(1));
    REQUIRE(publish_next(model, 2));
    const rtml::testing::AllocationCounter allocations;
    bool all = true;
    for (std::uint64_t value = 3; value < 1000; ++value) all = publish_next(model, value) && all;
    const auto count = allocations.count();
    CHECK(all);
    CHECK(count == 0);
    CHECK(alive - before == 2);
    CHECK(model.retired() == 1);
    CHECK(model.read()->value() == 999);
  }
  CHECK(alive == before);
}

TEST_CASE("Reading allocates nothing", "[serve]") {
  Published<Halves> model(halves(1));
  static_cast<void>(model.read());
  const rtml::testing::AllocationCounter allocations;
  std::uint64_t sum = 0;
  for (int i = 0; i < 100; ++i) sum += model.read()->value();
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(sum == 100);
}

TEST_CASE("A guard keeps its version through a thousand publishes, and pins no other", "[serve]") {
  const int before = alive;
  Published<Halves> model(halves(1));
  {
    const auto held = model.read();
    for (std::uint64_t value = 2; value <= 1001; ++value) {
      REQUIRE(publish_next(model, value));
      REQUIRE(alive - before <= 3);  // current, held, one to recycle
      REQUIRE(model.retired() <= 2);
    }
    CHECK(held->agree());
    CHECK(held->value() == 1);
    CHECK(held.version() == 1);
    CHECK(model.read()->value() == 1001);
    const auto recycled = model.reclaim();
    REQUIRE(recycled != nullptr);
    CHECK(recycled->value() == 1000);
    CHECK(model.reclaim() == nullptr);
    CHECK(model.retired() == 1);
  }
  const auto recycled = model.reclaim();
  REQUIRE(recycled != nullptr);
  CHECK(recycled->value() == 1);
  CHECK(model.retired() == 0);
}

TEST_CASE("A writer that never recycles still frees what nobody sees", "[serve]") {
  const int before = alive;
  Published<Halves> model(halves(0));
  for (std::uint64_t value = 1; value < 1000; ++value) REQUIRE(model.publish(halves(value)));
  CHECK(alive - before == 2);
  CHECK(model.retired() == 1);
}

TEST_CASE("What is recycled is the newest version that nobody sees, and the others go", "[serve]") {
  const int before = alive;
  Published<Halves> model(halves(1));
  auto first = std::make_optional(model.read());
  REQUIRE(model.publish(halves(2)));
  auto second = std::make_optional(model.read());
  REQUIRE(model.publish(halves(3)));
  CHECK(model.reclaim() == nullptr);
  first.reset();
  second.reset();
  CHECK(model.reclaim()->value() == 2);
  CHECK(alive - before == 1);
  CHECK(model.retired() == 0);
  CHECK(model.reclaim() == nullptr);
}

TEST_CASE("A writer that lets old versions go has none in memory that nobody holds", "[serve]") {
  const int before = alive;
  Published<Halves> model(halves(0));
  std::vector<Published<Halves>::Guard> guards;
  for (std::uint64_t value = 1; value <= 20; ++value) {
    guards.push_back(model.read());
    REQUIRE(model.publish(halves(value)));
  }
  CHECK(alive - before == 21);
  guards.clear();
  model.reclaim().reset();
  CHECK(alive - before == 1);
}

TEST_CASE("Guards nest, move, and count once", "[serve]") {
  Published<Halves> model(halves(1));
  auto outer = model.read();
  REQUIRE(model.publish(halves(2)));
  {
    auto inner = model.read();
    CHECK(outer->value() == 1);
    CHECK(inner->value() == 2);
    auto moved = std::move(outer);
    CHECK(moved->value() == 1);
    outer = std::move(inner);  // the first version is still held by `moved`
    CHECK(model.reclaim() == nullptr);
    auto& itself = outer;
    outer = std::move(itself);
    CHECK(outer->value() == 2);
  }
  CHECK(model.reclaim()->value() == 1);
  REQUIRE(model.publish(halves(3)));
  CHECK(model.reclaim() == nullptr);
  outer = model.read();
  CHECK(model.reclaim()->value() == 2);
}

TEST_CASE("Versions have a bound: beyond it the writer keeps its copy until a reader leaves", "[serve]") {
  const int before = alive;
  Published<Halves> model(halves(0));
  std::vector<Published<Halves>::Guard> guards;
  std::uint64_t value = 1;
  for (; value < Published<Halves>::capacity; ++value) {
    guards.push_back(model.read());
    REQUIRE(model.publish(halves(value)));
  }
  guards.push_back(model.read());
  std::unique_ptr<Halves> next = halves(value);
  CHECK(!model.publish(std::move(next)));
  REQUIRE(next != nullptr);
  CHECK(model.read()->value() == value - 1);
  CHECK(model.retired() == Published<Halves>::capacity - 1);
  for (const auto& guard : guards) CHECK(guard->agree());

  guards.erase(guards.begin() + 5);
  CHECK(model.publish(std::move(next)));
  CHECK(next == nullptr);
  CHECK(model.read()->value() == value);
  for (std::size_t i = 0; i < guards.size(); ++i) CHECK(guards[i]->value() == (i < 5 ? i : i + 1));
  CHECK(alive - before == static_cast<int>(Published<Halves>::capacity));
  guards.clear();
  REQUIRE(model.publish(halves(value + 1)));
  CHECK(alive - before == 2);
}

TEST_CASE("A guard may be released on another thread than it was taken on", "[serve][threads]") {
  Published<Halves> model(halves(1));
  std::optional<Published<Halves>::Guard> guard;
  std::thread([&] { guard.emplace(model.read()); }).join();
  REQUIRE(model.publish(halves(2)));
  CHECK(model.reclaim() == nullptr);
  std::thread([&] { guard.reset(); }).join();
  CHECK(model.reclaim() != nullptr);
}

TEST_CASE("Readers see whole versions, in order, while a writer publishes as fast as it can", "[serve][stress][threads]") {
  const int before = alive;
  {
    Published<Halves> model(halves(1));
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> faults{0};
    std::atomic<std::uint64_t> reads{0};
    std::vector<std::thread> readers;
    for (unsigned reader = 0; reader < 4; ++reader)
      readers.emplace_back([&, reader] {
        std::uint64_t newest = 0;
        std::uint64_t done = 0;
        std::uint64_t bad = 0;
        while (!stop.load(std::memory_order_relaxed) || done < 200) {
          const auto guard = model.read();
          bad += guard->agree() && guard->value() == guard.version() && guard->value() >= newest ? 0U : 1U;
          newest = guard->value();
          if (done % 7 == reader) {  // one guard within another, and one that is held for longer
            const auto inner = model.read();
            bad += inner->agree() && inner->value() >= newest ? 0U : 1U;
            newest = inner->value();
            if (done % 64 == 0) std::this_thread::yield();
            bad += guard->agree() ? 0U : 1U;
          }
          ++done;
        }
        faults += bad;
        reads += done;
      });
    std::uint64_t value = 1;
    for (int turn = 0; turn < 20000; ++turn) {
      if (publish_next(model, value + 1)) ++value;
      if (turn % 50 == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(faults == 0);
    CHECK(reads >= 800);
    CHECK(value == model.version());
    CHECK(value > 10000);
    CHECK(model.read()->value() == value);
    while (model.reclaim()) {
    }
    CHECK(model.retired() == 0);
    CHECK(alive - before == 1);
  }
  CHECK(alive == before);
}

TEST_CASE("Threads come and go, more of them than stripes, and leave nothing pinned", "[serve][stress][threads]") {
  const int before = alive;
  Published<Halves> model(halves(1));
  std::atomic<int> faults{0};
  std::uint64_t value = 1;
  for (int wave = 0; wave < 20; ++wave) {
    std::vector<std::thread> readers;
    for (int i = 0; i < 5; ++i)
      readers.emplace_back([&] {
        for (int k = 0; k < 50; ++k)
          if (!model.read()->agree()) ++faults;
      });
    for (int k = 0; k < 20; ++k)
      if (publish_next(model, value + 1)) ++value;
    for (std::thread& reader : readers) reader.join();
  }
  CHECK(faults == 0);
  while (model.reclaim()) {
  }
  CHECK(alive - before == 1);
}

TEST_CASE("However long guards are held and however many threads come and go, there are two versions more than guards",
          "[serve][stress][threads]") {
  constexpr int held = 4;
  const int before = alive;
  most_alive = before;
  Published<Halves> model(halves(1));
  std::atomic<bool> stop{false};
  std::atomic<int> faults{0};
  std::atomic<int> holding{0};
  // Whoever builds a new version beside those that serve lets the one to recycle go first.
  std::uint64_t value = 1;
  const auto publish_anew = [&] {
    model.reclaim().reset();
    if (model.publish(halves(value + 1))) ++value;
  };
  std::vector<std::thread> holders;
  for (int i = 0; i < held; ++i) {  // each holds another version, until the end
    holders.emplace_back([&] {
      const auto guard = model.read();
      const std::uint64_t version = guard.version();
      ++holding;
      while (!stop.load()) std::this_thread::yield();
      if (!guard->agree() || guard->value() != version) ++faults;
    });
    while (holding <= i) std::this_thread::yield();
    publish_anew();
  }
  for (int turn = 0; turn < 200; ++turn) {
    std::thread passing([&] {
      if (!model.read()->agree()) ++faults;
    });
    publish_anew();
    passing.join();
  }
  CHECK(value == 201 + held);
  CHECK(most_alive - before <= held + 1 + 2);  // who passes holds one too
  publish_anew();
  CHECK(alive - before == held + 2);
  CHECK(model.retired() == held + 1);
  stop = true;
  for (std::thread& holder : holders) holder.join();
  CHECK(faults == 0);
  REQUIRE(model.publish(halves(value + 1)));
  CHECK(alive - before == 2);
}

TEST_CASE("Published counts every version that is here in its memory", "[serve]") {
  Published<Halves> model(halves(1));
  const auto guard = model.read();
  const std::size_t one = model.memory_bytes();
  REQUIRE(model.publish(halves(2)));
  CHECK(model.memory_bytes() == one + sizeof(Halves));
  CHECK(one == sizeof(model) + sizeof(Halves));
}

TEST_CASE("Published needs a first model", "[serve][config]") {
  CHECK_THROWS_WITH(Published<Halves>(nullptr), "Published: first is \"null\", must be a model");
}
