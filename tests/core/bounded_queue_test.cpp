#include "rtml/core/bounded_queue.hpp"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "support/allocation.hpp"
#include "support/catch.hpp"

using rtml::BoundedQueue;

TEST_CASE("A bounded queue gives back what it got, in order, and says when it is full", "[core]") {
  BoundedQueue<int> queue(5);
  CHECK(queue.capacity() == 8);
  CHECK(BoundedQueue<int>(1).capacity() == 2);
  int value = 0;
  CHECK_FALSE(queue.pop(value));
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 8; ++i) REQUIRE(queue.push(10 * round + i));
    CHECK(queue.size() == 8);
    CHECK_FALSE(queue.push(-1));
    for (int i = 0; i < 8; ++i) {
      REQUIRE(queue.pop(value));
      REQUIRE(value == 10 * round + i);
    }
    CHECK_FALSE(queue.pop(value));
    CHECK(queue.size() == 0);
  }
}

TEST_CASE("Places keep the room that they began with", "[core]") {
  BoundedQueue<std::vector<int>> queue(4, std::vector<int>(10));
  const std::vector<int> values(10, 3);
  const rtml::testing::AllocationCounter allocations;
  std::size_t sum = 0;
  for (int i = 0; i < 100; ++i) {
    queue.push_with([&](std::vector<int>& place) { place.assign(values.begin(), values.end()); });
    queue.pop_with([&](const std::vector<int>& place) { sum += place.size(); });
  }
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(sum == 1000);
}

TEST_CASE("Each value that threads push comes out once, each thread's in order", "[core][threads]") {
  constexpr std::uint64_t threads = 3;
  constexpr std::uint64_t each = 5000;
  BoundedQueue<std::uint64_t> queue(16);
  std::vector<std::thread> pushing;
  for (std::uint64_t t = 0; t < threads; ++t)
    pushing.emplace_back([&queue, t] {
      for (std::uint64_t i = 0; i < each; ++i)
        while (!queue.push(t * each + i)) std::this_thread::yield();
    });
  std::vector<std::uint64_t> next(threads, 0);
  std::uint64_t faults = 0;
  for (std::uint64_t got = 0; got < threads * each;) {
    std::uint64_t value = 0;
    if (!queue.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    ++got;
    faults += value % each == next[value / each]++ ? 0U : 1U;
  }
  for (std::thread& thread : pushing) thread.join();
  CHECK(faults == 0);
}
