// Counts and bounds what operator new hands out on the calling thread. The operators are replaced in allocation.cpp, which every test
// program links once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rtml::testing {

/// What this thread allocated since construction. Read it into a variable before a CHECK: the macro allocates too.
class AllocationCounter {
 public:
  AllocationCounter() noexcept;
  std::uint64_t count() const noexcept;
  std::uint64_t bytes() const noexcept;

 private:
  std::uint64_t count_at_start_;
  std::uint64_t bytes_at_start_;
};

/// While it lives, one allocation of more than `largest` bytes on this thread throws std::bad_alloc. Nests: the inner limit holds.
class AllocationLimit {
 public:
  explicit AllocationLimit(std::size_t largest) noexcept;
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;

 private:
  std::size_t outer_;
};

}  // namespace rtml::testing
