#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/store/entity_key.hpp"

namespace rtml {

/// Many keys, one after the other, with their hashes: those of a label set, or of all entities of a history. 16 bytes a key and its own.
class EntityKeys {
 public:
  void reserve(std::size_t keys, std::size_t bytes_of_a_key = sizeof(std::int64_t)) {
    hashes_.reserve(keys);
    ends_.reserve(keys);
    bytes_.reserve(keys * bytes_of_a_key);
  }

  /// A key that is not valid takes its place too: nobody matches it.
  void append(const EntityKey& key) {
    const std::string_view bytes = key.bytes();
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    ends_.push_back(bytes_.size());
    hashes_.push_back(key.hash());
  }

  std::size_t size() const noexcept { return hashes_.size(); }
  std::uint64_t hash(std::size_t i) const noexcept { return hashes_[i]; }
  std::string_view bytes(std::size_t i) const noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_.data() + begin, ends_[i] - begin};
  }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + bytes_.capacity() + (ends_.capacity() + hashes_.capacity()) * sizeof(std::uint64_t);
  }

 private:
  std::vector<char> bytes_;
  std::vector<std::uint64_t> ends_;
  std::vector<std::uint64_t> hashes_;
};

}  // namespace rtml
