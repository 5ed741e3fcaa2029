#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace rtml::detail {

/// Held for some hundred nanoseconds at a time; waits by spinning, and gives the processor away when that takes long. One byte.
class SpinLock {
 public:
  void lock() noexcept {
    for (std::uint32_t tries = 0; taken_.exchange(true, std::memory_order_acquire);) {
      while (taken_.load(std::memory_order_relaxed)) {
        if (++tries % 64 == 0) std::this_thread::yield();
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
      }
    }
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> taken_{false};
};

}  // namespace rtml::detail
