#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace rtml {

/// Allocates big tables on huge pages, where the system has them: random reads then miss the address translation cache hardly ever. Below
/// 2 MiB as std::allocator does.
template <class T>
struct HugePageAllocator {
  using value_type = T;

  static constexpr std::size_t page = std::size_t{2} << 20U;

  HugePageAllocator() = default;
  template <class U>
  HugePageAllocator(const HugePageAllocator<U>& /*other*/) noexcept {}  // NOLINT(google-explicit-constructor): as allocators are

  /// @throws std::bad_alloc
  T* allocate(std::size_t n) {
    if (n * sizeof(T) < page) return std::allocator<T>().allocate(n);
    void* memory = ::operator new(n * sizeof(T), std::align_val_t(page));
    advise(memory, n);
    return static_cast<T*>(memory);
  }

  /// nullptr when there is no memory.
  T* try_allocate(std::size_t n) noexcept {
    if (n * sizeof(T) < page) {
      if constexpr (alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__)
        return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(alignof(T)), std::nothrow));
      else
        return static_cast<T*>(::operator new(n * sizeof(T), std::nothrow));
    }
    void* memory = ::operator new(n * sizeof(T), std::align_val_t(page), std::nothrow);
    advise(memory, n);
    return static_cast<T*>(memory);
  }

  void deallocate(T* memory, std::size_t n) noexcept {
    if (n * sizeof(T) < page) {
      std::allocator<T>().deallocate(memory, n);
    } else {
      ::operator delete(memory, std::align_val_t(page));
    }
  }

  friend bool operator==(const HugePageAllocator& /*a*/, const HugePageAllocator& /*b*/) noexcept { return true; }

 private:
  static void advise([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t n) noexcept {
#if defined(__linux__)
    if (memory != nullptr) ::madvise(memory, n * sizeof(T), MADV_HUGEPAGE);  // advice: without it, or refused, the pages are small ones
#endif
  }
};

}  // namespace rtml
