#include "support/allocation.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace {

struct Ledger {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::size_t limit = std::numeric_limits<std::size_t>::max();
};

thread_local constinit Ledger ledger;

void note(std::size_t size) {
  if (size > ledger.limit) throw std::bad_alloc();
  ++ledger.count;
  ledger.bytes += size;
}

}  // namespace

// Every form: a sanitizer's runtime brings its own of those that are left out, and theirs and ours do not mix.

void* operator new(std::size_t size) {
  note(size);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  note(size);
  const auto step = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(size, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
void* operator new[](std::size_t size, const std::nothrow_t& none) noexcept { return ::operator new(size, none); }
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t& none) noexcept {
  return ::operator new(size, alignment, none);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

namespace rtml::testing {

AllocationCounter::AllocationCounter() noexcept : count_at_start_(ledger.count), bytes_at_start_(ledger.bytes) {}
std::uint64_t AllocationCounter::count() const noexcept { return ledger.count - count_at_start_; }
std::uint64_t AllocationCounter::bytes() const noexcept { return ledger.bytes - bytes_at_start_; }

AllocationLimit::AllocationLimit(std::size_t largest) noexcept : outer_(ledger.limit) { ledger.limit = largest; }
AllocationLimit::~AllocationLimit() { ledger.limit = outer_; }

}  // namespace rtml::testing
