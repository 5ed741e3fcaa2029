#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "rtml/core/hash.hpp"

namespace rtml {

/// Whom a row is about: the key columns of a view in their canonical encoding, and its hash. Made by FeatureView::key. A plain value; never
/// allocates.
///
/// Encoding, column after column: an integer is 8 bytes, little-endian, whatever its C++ type was; text is its length in one byte, then
/// its bytes. So no two keys of one view have the same bytes. Whoever looks a key up by its hash compares the bytes too.
class EntityKey {
 public:
  static constexpr std::size_t max_bytes = 128;

  /// Names nobody.
  EntityKey() = default;

  /// A key that was encoded before. Names nobody when there are no bytes, or too many.
  static EntityKey from_bytes(std::string_view bytes) noexcept {
    EntityKey key;
    if (!bytes.empty() && bytes.size() <= max_bytes) key.append(bytes.data(), bytes.size());
    key.seal();
    return key;
  }

  /// False when a text was empty or longer than its column allows: there is no such entity.
  bool valid() const noexcept { return size_ != 0; }
  std::uint64_t hash() const noexcept { return hash_; }
  std::string_view bytes() const noexcept { return {bytes_.data(), size_}; }

  friend bool operator==(const EntityKey& a, const EntityKey& b) noexcept { return a.hash_ == b.hash_ && a.bytes() == b.bytes(); }

 private:
  friend class FeatureView;

  void append(const char* bytes, std::size_t count) noexcept {
    std::memcpy(bytes_.data() + size_, bytes, count);
    size_ += static_cast<std::uint32_t>(count);
  }

  void add(std::int64_t value) noexcept {
    const auto bytes = std::bit_cast<std::array<char, sizeof(value)>>(value);
    append(bytes.data(), bytes.size());
  }

  void add(std::string_view text, std::size_t most) noexcept {
    if (text.empty() || text.size() > most) {
      refused_ = true;
      return;
    }
    const char length = static_cast<char>(static_cast<unsigned char>(text.size()));
    append(&length, 1);
    append(text.data(), text.size());
  }

  void seal() noexcept {
    if (refused_) size_ = 0;
    hash_ = hash_bytes(bytes());
  }

  std::uint64_t hash_ = 0;
  std::uint32_t size_ = 0;
  bool refused_ = false;
  std::array<char, max_bytes> bytes_;  // not filled: only the first size_ are ever read
};

}  // namespace rtml
