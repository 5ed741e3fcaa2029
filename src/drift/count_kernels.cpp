#include "count_kernels.hpp"

#include <bit>
#include <cstring>

#include "multiversion.hpp"

namespace rtml::drift::kernels {

namespace {

constexpr std::size_t edges_at_once = 8;  // their counts stay in registers

// By reference: how a vector goes by value depends on the processor that is compiled for.
template <class T>
[[gnu::always_inline]] inline void read(T& into, const void* from) noexcept {
  std::memcpy(&into, from, sizeof(into));
}

template <class Ints>
[[gnu::always_inline]] inline void add_to(std::uint32_t* at, const Ints& counted) noexcept {
  Ints sum;
  read(sum, at);
  sum += counted;
  std::memcpy(at, &sum, sizeof(sum));
}

/// One register of columns against `E` edges; missing values too where `Missing`.
template <class Lanes, std::size_t E, bool Missing>
[[gnu::always_inline]] inline void count_lanes(const float* rows, std::size_t count, std::ptrdiff_t stride, const float* edges,
                                               std::size_t padded, std::uint32_t* above, std::uint32_t* missing) noexcept {
  using Floats = typename Lanes::Floats;
  using Ints = typename Lanes::Ints;
  Floats edge[E];
  Ints counted[E];
  for (std::size_t k = 0; k < E; ++k) {
    read(edge[k], edges + k * padded);
    counted[k] = Ints{};
  }
  Ints absent{};
  const std::ptrdiff_t ahead = static_cast<std::ptrdiff_t>(count) * stride;
  for (std::size_t row = 0; row < count; ++row, rows += stride) {
    // Rows lie too far apart for the processor to see that the next ones will follow.
    if constexpr (Missing) __builtin_prefetch(rows + ahead);
    Floats x;
    read(x, rows);
#pragma GCC unroll 8
    for (std::size_t k = 0; k < E; ++k) counted[k] -= x > edge[k];  // a lane that is true is -1
    if constexpr (Missing) {
      Ints bits;
      read(bits, rows);
      absent -= (bits & 0x7fffffff) > 0x7f800000;
    }
  }
  for (std::size_t k = 0; k < E; ++k) add_to(above + k * padded, counted[k]);
  if constexpr (Missing) add_to(missing, absent);
}

template <class Lanes, bool Missing>
[[gnu::always_inline]] inline void count_edges(std::size_t edge_count, const float* rows, std::size_t count, std::ptrdiff_t stride,
                                               const float* edges, std::size_t padded, std::uint32_t* above,
                                               std::uint32_t* missing) noexcept {
  switch (edge_count) {
    case 1: return count_lanes<Lanes, 1, Missing>(rows, count, stride, edges, padded, above, missing);
    case 2: return count_lanes<Lanes, 2, Missing>(rows, count, stride, edges, padded, above, missing);
    case 3: return count_lanes<Lanes, 3, Missing>(rows, count, stride, edges, padded, above, missing);
    case 4: return count_lanes<Lanes, 4, Missing>(rows, count, stride, edges, padded, above, missing);
    case 5: return count_lanes<Lanes, 5, Missing>(rows, count, stride, edges, padded, above, missing);
    case 6: return count_lanes<Lanes, 6, Missing>(rows, count, stride, edges, padded, above, missing);
    case 7: return count_lanes<Lanes, 7, Missing>(rows, count, stride, edges, padded, above, missing);
    default: return count_lanes<Lanes, 8, Missing>(rows, count, stride, edges, padded, above, missing);
  }
}

template <class Lanes>
[[gnu::always_inline]] inline void count_all(const EdgeTable& table, const float* rows, std::size_t count, std::ptrdiff_t stride,
                                             std::uint32_t* above, std::uint32_t* missing) noexcept {
  constexpr std::size_t lanes = sizeof(typename Lanes::Floats) / sizeof(float);
  const std::size_t padded = table.padded;
  std::size_t column = 0;
  for (; column + lanes <= table.columns; column += lanes) {
    for (std::size_t k = 0; k < table.edge_count; k += edges_at_once) {
      const std::size_t edges = table.edge_count - k;
      const std::size_t at = k * padded + column;
      if (k == 0) {
        count_edges<Lanes, true>(edges, rows + column, count, stride, table.edges + at, padded, above + at, missing + column);
      } else {
        count_edges<Lanes, false>(edges, rows + column, count, stride, table.edges + at, padded, above + at, missing + column);
      }
    }
  }
  for (; column < table.columns; ++column) {
    for (std::size_t row = 0; row < count; ++row) {
      const float x = rows[static_cast<std::ptrdiff_t>(row) * stride + static_cast<std::ptrdiff_t>(column)];
      missing[column] += (std::bit_cast<std::uint32_t>(x) & 0x7fffffffU) > 0x7f800000U ? 1U : 0U;
      for (std::size_t k = 0; k < table.edge_count; ++k) above[k * padded + column] += x > table.edges[k * padded + column] ? 1U : 0U;
    }
  }
}

struct CountVersions {
  void (*count_above)(const EdgeTable&, const float*, std::size_t, std::ptrdiff_t, std::uint32_t*, std::uint32_t*) noexcept;
};

// NOLINTBEGIN(bugprone-macro-parentheses): `target` is an attribute
#define RTML_COUNT_VERSIONS(name, bytes, target)                                                                                    \
  struct name {                                                                                                                     \
    using Floats = float __attribute__((vector_size(bytes)));                                                                       \
    using Ints = std::int32_t __attribute__((vector_size(bytes)));                                                                  \
    target static void count(const EdgeTable& table, const float* rows, std::size_t n, std::ptrdiff_t stride, std::uint32_t* above, \
                             std::uint32_t* missing) noexcept {                                                                     \
      count_all<name>(table, rows, n, stride, above, missing);                                                                      \
    }                                                                                                                               \
    static constexpr CountVersions all{&count};                                                                                     \
  };
// NOLINTEND(bugprone-macro-parentheses)

RTML_COUNT_VERSIONS(Any, 16, )
#if defined(RTML_HAS_VERSIONS)
RTML_COUNT_VERSIONS(Avx2, 32, RTML_AVX2)
RTML_COUNT_VERSIONS(Avx512, 64, RTML_AVX512)
#endif
#undef RTML_COUNT_VERSIONS

}  // namespace

void count_above(const EdgeTable& table, const float* rows, std::size_t count, std::ptrdiff_t stride, std::uint32_t* above,
                 std::uint32_t* missing) noexcept {
  picked<RTML_ALL_VERSIONS>().count_above(table, rows, count, stride, above, missing);
}

}  // namespace rtml::drift::kernels
