#include "rtml/core/huge_pages.hpp"

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("A vector on huge pages begins at a page, holds what it is given, and copies and moves as any", "[core]") {
  using Table = std::vector<std::uint64_t, rtml::HugePageAllocator<std::uint64_t>>;
  for (const std::size_t n : {std::size_t{10}, std::size_t{1} << 19U, (std::size_t{1} << 20U) + 7}) {
    Table table(n);
    for (std::size_t i = 0; i < n; ++i) table[i] = i * i;
    if (n * sizeof(std::uint64_t) >= 2 * rtml::HugePageAllocator<std::uint64_t>::page)
      CHECK(reinterpret_cast<std::uintptr_t>(table.data()) % rtml::HugePageAllocator<std::uint64_t>::page == 0);
    const Table copy = table;
    const Table moved = std::move(table);
    CHECK(copy == moved);
    CHECK(moved[n - 1] == (n - 1) * (n - 1));
  }
}
