#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/store/entity_key.hpp"
#include "rtml/store/entity_keys.hpp"

namespace rtml::detail {

/// Numbers entities from 0 on, in the order in which they first came.
class EntityNumbers {
 public:
  static constexpr std::uint32_t none = 0xffffffffU;

  const EntityKeys& keys() const noexcept { return keys_; }

  std::uint32_t find(std::uint64_t hash, std::string_view bytes) const noexcept {
    if (slots_.empty()) return none;
    for (std::uint64_t at = hash & mask(); slots_[at].number != none; at = (at + 1) & mask())
      if (slots_[at].hash == hash && keys_.bytes(slots_[at].number) == bytes) return slots_[at].number;
    return none;
  }

  std::uint32_t find_or_add(const EntityKey& key) {
    const std::uint32_t found = find(key.hash(), key.bytes());
    if (found != none) return found;
    if ((keys_.size() + 1) * 4 > slots_.size() * 3) grow();
    const auto number = static_cast<std::uint32_t>(keys_.size());
    keys_.append(key);
    insert({key.hash(), number});
    return number;
  }

  /// The number of each key; none where it is not there. Looks ahead, so that cache misses overlap.
  std::vector<std::uint32_t> find_all(const EntityKeys& wanted) const {
    std::vector<std::uint32_t> numbers(wanted.size(), none);
    if (slots_.empty()) return numbers;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      __builtin_prefetch(&slots_[wanted.hash(std::min(i + ahead, wanted.size() - 1)) & mask()]);
      numbers[i] = find(wanted.hash(i), wanted.bytes(i));
    }
    return numbers;
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) - sizeof(keys_) + keys_.memory_bytes() + slots_.capacity() * sizeof(Slot);
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t number = none;
  };

  static constexpr std::size_t ahead = 16;

  std::uint64_t mask() const noexcept { return slots_.size() - 1; }

  void insert(const Slot& slot) noexcept {
    std::uint64_t at = slot.hash & mask();
    while (slots_[at].number != none) at = (at + 1) & mask();
    slots_[at] = slot;
  }

  void grow() {
    const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(16, 2 * slots_.size())));
    for (const Slot& slot : before)
      if (slot.number != none) insert(slot);
  }

  EntityKeys keys_;
  std::vector<Slot> slots_;
};

}  // namespace rtml::detail
