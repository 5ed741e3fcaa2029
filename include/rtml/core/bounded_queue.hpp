#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace rtml {

/// Bounded queue: any number of threads push without waiting for one another, one pops. Full = push says false. The capacity is
/// rounded up to a power of two, 2 at least: with one cell, full and empty would look alike. Never allocates after construction, where
/// copying a T
/// into its place does not.
/// Source: D. Vyukov, "Bounded MPMC queue" (1024cores.net).
template <class T>
class BoundedQueue {
 public:
  /// Every place begins as `blank`: with room, say, for what is copied into it.
  explicit BoundedQueue(std::size_t capacity, const T& blank = T())
      : mask_(std::bit_ceil(std::max<std::size_t>(capacity, 2)) - 1), cells_(std::make_unique<Cell[]>(mask_ + 1)) {
    for (std::size_t i = 0; i <= mask_; ++i) {
      cells_[i].turn.store(i, std::memory_order_relaxed);
      cells_[i].value = blank;
    }
  }

  bool push(const T& value) noexcept {
    return push_with([&](T& place) { place = value; });
  }

  /// fill(place) writes what is pushed.
  template <class Fill>
  bool push_with(Fill fill) noexcept {
    std::uint64_t at = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[at & mask_];
      const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (tail_.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) {
          fill(cell.value);
          cell.turn.store(at + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < at) {
        return false;
      } else {
        at = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  /// One thread at a time.
  bool pop(T& value) noexcept {
    return pop_with([&](const T& place) { value = place; });
  }

  /// use(place) reads what is popped. One thread at a time.
  template <class Use>
  bool pop_with(Use use) noexcept {
    const std::uint64_t at = head_.load(std::memory_order_relaxed);
    Cell& cell = cells_[at & mask_];
    if (cell.turn.load(std::memory_order_acquire) != at + 1) return false;
    use(std::as_const(cell.value));
    cell.turn.store(at + mask_ + 1, std::memory_order_release);
    head_.store(at + 1, std::memory_order_relaxed);
    return true;
  }

  std::size_t size() const noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    return tail > head ? static_cast<std::size_t>(tail - head) : 0;
  }
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(mask_ + 1); }

  /// Without what a T holds elsewhere.
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + capacity() * sizeof(Cell); }

 private:
  struct Cell {
    std::atomic<std::uint64_t> turn{0};
    T value;
  };

  std::uint64_t mask_;
  std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace rtml
