#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/huge_pages.hpp"

namespace rtml::detail {

/// Counted under the shard's lock, read from anywhere: one writer at a time, so a load and a store do.
class WindowCounter {
 public:
  void add(std::uint64_t count) noexcept { value_.store(value() + count, std::memory_order_relaxed); }
  void subtract(std::uint64_t count) noexcept { value_.store(value() - count, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Blocks of a few sizes, cut from chunks that are never given back: what is let go is kept for the next that needs one of its size.
class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() {
    while (chunks_ != nullptr) {
      std::uint64_t* const chunk = std::exchange(chunks_, next(chunks_));
      memory().deallocate(chunk, static_cast<std::size_t>(chunk[1]));
    }
  }

  /// One size for each class of blocks. @pre called once, before use
  void prepare(std::span<const std::uint32_t> words) {
    for (const std::uint32_t size : words) classes_.push_back({.words = size});
  }

  WindowCounter bytes;   // that chunks take
  WindowCounter failed;  // times there was no memory

  /// nullptr when there is no memory (counted).
  std::uint64_t* take(std::size_t size) noexcept {
    Class& wanted = classes_[size];
    if (wanted.free == nullptr) return cut(wanted.words);
    --wanted.spare;
    return std::exchange(wanted.free, next(wanted.free));
  }

  void give(std::uint64_t* block, std::size_t size) noexcept {
    Class& its = classes_[size];
    std::memcpy(block, &its.free, sizeof(its.free));
    its.free = block;
    ++its.spare;
  }

  /// True when the next `count` calls of take(size) will succeed.
  bool reserve(std::size_t size, std::size_t count) noexcept {
    while (classes_[size].spare < count) {
      std::uint64_t* block = cut(classes_[size].words);
      if (block == nullptr) return false;
      give(block, size);
    }
    return true;
  }

 private:
  struct Class {
    std::uint32_t words = 1;
    std::size_t spare = 0;
    std::uint64_t* free = nullptr;
  };

  static constexpr std::size_t smallest_chunk = 256;                   // words; then a quarter of what there is, so that little lies idle
  static constexpr std::size_t largest_chunk = std::size_t{1} << 19U;  // 4 MiB: two huge pages, for reads are random
  static constexpr std::size_t chunk_head = 2;                         // {the chunk before, words}

  static HugePageAllocator<std::uint64_t> memory() noexcept { return {}; }

  static std::uint64_t* next(const std::uint64_t* block) noexcept {
    std::uint64_t* following = nullptr;
    std::memcpy(&following, block, sizeof(following));
    return following;
  }

  std::uint64_t* cut(std::size_t words) noexcept {
    if (left_ < words && !open_chunk(words)) {
      failed.add(1);
      return nullptr;
    }
    left_ -= words;
    return std::exchange(at_, at_ + words);
  }

  /// What is left of the last one is lost.
  bool open_chunk(std::size_t words) noexcept {
    const std::size_t quarter = static_cast<std::size_t>(bytes.value()) / sizeof(std::uint64_t) / 4;
    const std::size_t room = std::max(std::clamp(quarter, smallest_chunk, largest_chunk), words + chunk_head);
    std::uint64_t* const chunk = memory().try_allocate(room);
    if (chunk == nullptr) return false;
    std::memcpy(chunk, &chunks_, sizeof(chunks_));
    chunk[1] = room;
    chunks_ = chunk;
    at_ = chunk + chunk_head;
    left_ = room - chunk_head;
    bytes.add(room * sizeof(std::uint64_t));
    return true;
  }

  std::vector<Class> classes_;
  std::uint64_t* chunks_ = nullptr;  // the first word of each leads to the one before
  std::uint64_t* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace rtml::detail
