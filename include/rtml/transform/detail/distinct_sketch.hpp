#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rtml/stats/hyper_log_log.hpp"
#include "rtml/transform/detail/block_pool.hpp"
#include "rtml/transform/detail/sketch_blocks.hpp"

namespace rtml::detail {

// A HyperLogLog of 1024 registers (standard error 3.3 %) in one word of a partial aggregate. The word is 0 when nothing was seen; holds up
// to three entries of 16 bits itself (its lowest bit is 1 then); or leads to a block, whose first word is {size class, entries}: entries in
// the order of their registers, or in a dense one a byte for each register.

inline constexpr unsigned distinct_precision = 10;
inline constexpr std::size_t distinct_registers = std::size_t{1} << distinct_precision;
inline constexpr std::size_t distinct_sparse = 2;  // the largest block of entries: uniting more takes longer than uniting all registers
inline constexpr std::size_t distinct_dense = 5;
static_assert(sketch_block_words[distinct_dense] == 1 + distinct_registers / 8);

using DistinctEntry = std::uint16_t;  // register << 6 | rank, which is at least 1

inline DistinctEntry distinct_entry(std::uint64_t hash) noexcept {
  return static_cast<DistinctEntry>(stats::detail::hyper_log_log_entry(hash, distinct_precision));
}

namespace sketch {

inline bool is_inline(std::uint64_t sketch) noexcept { return (sketch & 1U) != 0; }
inline std::size_t class_of(const std::uint64_t* block) noexcept { return static_cast<std::size_t>(*block >> 32U); }
inline std::size_t size_of(const std::uint64_t* block) noexcept { return static_cast<std::size_t>(*block & 0xffffffffU); }
inline DistinctEntry* entries_of(std::uint64_t* block) noexcept { return reinterpret_cast<DistinctEntry*>(block + 1); }
inline const DistinctEntry* entries_of(const std::uint64_t* block) noexcept { return reinterpret_cast<const DistinctEntry*>(block + 1); }
inline std::uint8_t* registers_of(std::uint64_t* block) noexcept { return reinterpret_cast<std::uint8_t*>(block + 1); }
inline const std::uint8_t* registers_of(const std::uint64_t* block) noexcept { return reinterpret_cast<const std::uint8_t*>(block + 1); }
inline void set_head(std::uint64_t* block, std::size_t size_class, std::size_t size) noexcept {
  *block = static_cast<std::uint64_t>(size_class) << 32U | size;
}

inline void raise(std::uint8_t* registers, DistinctEntry entry) noexcept {
  registers[entry >> 6U] = std::max(registers[entry >> 6U], static_cast<std::uint8_t>(entry & 63U));
}

/// Puts an entry among sorted ones: 1 when they have become more. @pre there is room for one more
inline std::size_t put(DistinctEntry* entries, std::size_t size, DistinctEntry entry) noexcept {
  DistinctEntry* const end = entries + size;
  DistinctEntry* const place = std::lower_bound(entries, end, static_cast<DistinctEntry>(entry & ~63U));
  if (place != end && (*place >> 6U) == (entry >> 6U)) {
    *place = std::max(*place, entry);
    return 0;
  }
  std::copy_backward(place, end, end + 1);
  *place = entry;
  return 1;
}

/// A larger block with the same entries; nullptr when there is no memory.
inline std::uint64_t* grown(std::uint64_t* block, std::size_t first_class, BlockPool& pool) noexcept {
  const std::size_t size = size_of(block);
  const std::size_t next = class_of(block) == distinct_sparse ? distinct_dense : class_of(block) + 1;
  std::uint64_t* const larger = pool.take(first_class + next);
  if (larger == nullptr) return nullptr;
  set_head(larger, next, size);
  if (next == distinct_dense) {
    std::memset(registers_of(larger), 0, distinct_registers);
    for (std::size_t i = 0; i < size; ++i) raise(registers_of(larger), entries_of(block)[i]);
  } else {
    std::copy_n(entries_of(block), size, entries_of(larger));
  }
  pool.give(block, first_class + class_of(block));
  return larger;
}

}  // namespace sketch

template <class Visit>
void each_distinct(std::uint64_t word, const Visit& visit) noexcept {
  if (word == 0) return;
  if (sketch::is_inline(word)) {
    for (std::uint64_t left = word >> 16U; left != 0; left >>= 16U) visit(static_cast<DistinctEntry>(left & 0xffffU));
    return;
  }
  std::uint64_t* const block = sketch_block(word);
  if (sketch::class_of(block) < distinct_dense) {
    for (std::size_t i = 0; i < sketch::size_of(block); ++i) visit(sketch::entries_of(block)[i]);
    return;
  }
  const std::uint8_t* const registers = sketch::registers_of(block);
  for (std::size_t i = 0; i < distinct_registers; ++i)
    if (registers[i] != 0) visit(static_cast<DistinctEntry>(i << 6U | registers[i]));
}

/// O(entries). Without memory the entry is lost (counted by the pool).
inline void add_distinct(std::uint64_t& word, DistinctEntry entry, std::size_t first_class, BlockPool& pool) noexcept {
  if (word == 0 || sketch::is_inline(word)) {
    DistinctEntry few[4] = {};
    std::size_t size = 0;
    for (std::uint64_t left = word >> 16U; left != 0; left >>= 16U) few[size++] = static_cast<DistinctEntry>(left & 0xffffU);
    size += sketch::put(few, size, entry);
    if (size <= 3) {
      word = 1;
      for (std::size_t i = 0; i < size; ++i) word |= static_cast<std::uint64_t>(few[i]) << (16 * (i + 1));
      return;
    }
    std::uint64_t* const block = pool.take(first_class);
    if (block == nullptr) return;
    sketch::set_head(block, 0, size);
    std::copy_n(few, size, sketch::entries_of(block));
    word = reinterpret_cast<std::uintptr_t>(block);
    return;
  }
  std::uint64_t* block = sketch_block(word);
  if (sketch::class_of(block) < distinct_dense) {
    const std::size_t size = sketch::size_of(block);
    const std::size_t room = std::size_t{4} * (sketch_block_words[sketch::class_of(block)] - 1);
    if (size < room) {
      *block += sketch::put(sketch::entries_of(block), size, entry);
      return;
    }
    block = sketch::grown(block, first_class, pool);
    if (block == nullptr) return;
    word = reinterpret_cast<std::uintptr_t>(block);
    return add_distinct(word, entry, first_class, pool);
  }
  sketch::raise(sketch::registers_of(block), entry);
}

inline void merge_distinct(std::uint64_t& word, std::uint64_t other, std::size_t first_class, BlockPool& pool) noexcept {
  each_distinct(other, [&](DistinctEntry entry) noexcept { add_distinct(word, entry, first_class, pool); });
}

inline void release_distinct(std::uint64_t& word, std::size_t first_class, BlockPool& pool) noexcept {
  if (word != 0 && !sketch::is_inline(word)) pool.give(sketch_block(word), first_class + sketch::class_of(sketch_block(word)));
  word = 0;
}

/// The union of sketches, on the stack while a window is read. While none was dense it knows what its registers come to.
class DistinctUnion {
 public:
  void clear() noexcept {
    registers_.fill(0);
    used_ = 0;
    harmonic_ = 0;
    dense_ = false;
  }

  void add(DistinctEntry entry) noexcept {
    std::uint8_t& held = registers_[entry >> 6U];
    const std::uint8_t rank = std::max(held, static_cast<std::uint8_t>(entry & 63U));
    harmonic_ += power_of(rank) - power_of(held);
    used_ += held == 0 && rank != 0 ? 1U : 0U;
    held = rank;
  }

  void add_sketch(std::uint64_t word) noexcept {
    if (word == 0 || sketch::is_inline(word)) {  // whatever there is: an entry of 0 adds nothing, and costs less than to ask
      add(static_cast<DistinctEntry>(word >> 16U));
      add(static_cast<DistinctEntry>(word >> 32U));
      add(static_cast<DistinctEntry>(word >> 48U));
      return;
    }
    const std::uint64_t* const block = sketch_block(word);
    if (sketch::class_of(block) == distinct_dense) {
      raise_all(registers_.data(), sketch::registers_of(block));
      dense_ = true;
      return;
    }
    const DistinctEntry* const entries = sketch::entries_of(block);
    for (std::size_t i = 0; i < sketch::size_of(block); ++i) add(entries[i]);
  }

  double estimate() const noexcept {
    if (dense_ || used_ > distinct_registers / 4) return stats::detail::hyper_log_log_estimate(registers_.data(), registers_.size());
    constexpr auto all = static_cast<double>(distinct_registers);
    return stats::detail::hyper_log_log_estimate(all, all - static_cast<double>(used_), static_cast<double>(harmonic_) * unit);
  }

 private:
  static constexpr unsigned highest_rank = 65 - distinct_precision;
  static constexpr double unit = stats::detail::power_of_half(highest_rank);

  /// 2^-rank in units, 0 of an empty register: whole numbers know no order.
  static std::uint64_t power_of(std::uint8_t rank) noexcept { return static_cast<std::uint64_t>(rank != 0) << (highest_rank - rank); }

  /// They do not overlap: a compiler that knows it compares 16 at once.
  static void raise_all(std::uint8_t* __restrict registers, const std::uint8_t* __restrict others) noexcept {
    for (std::size_t i = 0; i < distinct_registers; ++i) registers[i] = registers[i] < others[i] ? others[i] : registers[i];
  }

  std::array<std::uint8_t, distinct_registers> registers_{};
  std::size_t used_ = 0;        // registers
  std::uint64_t harmonic_ = 0;  // sum over them; wraps beyond a quarter of them, where it is not asked for
  bool dense_ = false;
};

}  // namespace rtml::detail
