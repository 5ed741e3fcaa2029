// A function for each kind of processor, picked once at run time. Only for src/: in a public header the versions of two libraries would
// meet in one symbol.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// Built with -mavx2 or -march=native, the library is for such machines only, and needs no choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__AVX2__)
#define RTML_HAS_VERSIONS 1
#define RTML_AVX2 __attribute__((target("arch=x86-64-v3")))
#define RTML_AVX512 __attribute__((target("arch=x86-64-v4")))
#define RTML_ALL_VERSIONS Any, Avx2, Avx512
#else
#define RTML_ALL_VERSIONS Any
#endif

namespace rtml {

enum class Processor : std::uint8_t { any, avx2, avx512 };

namespace detail {

inline Processor find_processor() noexcept {
#if defined(RTML_HAS_VERSIONS)
  __builtin_cpu_init();
  const bool v3 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return Processor::avx512;
  if (v3) return Processor::avx2;
#endif
  return Processor::any;
}

}  // namespace detail

/// What this machine is, its system's support for the registers included. Without a guarded static: it is asked before and after main too.
inline Processor processor() noexcept {
  static constinit std::atomic<int> known{-1};
  int found = known.load(std::memory_order_relaxed);
  if (found < 0) [[unlikely]] {
    found = static_cast<int>(detail::find_processor());
    known.store(found, std::memory_order_relaxed);
  }
  return static_cast<Processor>(found);
}

/// The table `all` of the struct that this machine is to use: `picked<RTML_ALL_VERSIONS>()`. Found once, and again without a guarded static:
/// every thread finds the same.
template <class... Versions>
const auto& picked() noexcept {
  using Table = std::common_type_t<decltype(Versions::all)...>;
  static constinit std::atomic<const Table*> known{nullptr};
  const Table* chosen = known.load(std::memory_order_relaxed);
  if (chosen == nullptr) [[unlikely]] {
    const Table* const tables[] = {&Versions::all...};
    chosen = tables[sizeof...(Versions) > 1 ? static_cast<std::size_t>(processor()) : 0];
    known.store(chosen, std::memory_order_relaxed);
  }
  return *chosen;
}

}  // namespace rtml
