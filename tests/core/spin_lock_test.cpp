#include "rtml/core/spin_lock.hpp"

#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace rtml;

TEST_CASE("a spin lock lets one thread in at a time", "[core][threads]") {
  SpinLock lock;
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const std::lock_guard guard(lock);
        ++count;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 20000);
}
