#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace rtml::detail {

using Bytes = std::span<const std::byte>;

/// A number at `at`, in the byte order of the machine: LMDB's own numbers are no different, and its magic tells.
template <class T>
T number_at(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
std::byte* put_number(std::byte* at, T value) noexcept {
  std::memcpy(at, &value, sizeof(T));
  return at + sizeof(T);
}

/// A number as a key: the order of the bytes is the order of the numbers.
class NumberKey {
 public:
  static constexpr std::size_t size = 8;

  explicit NumberKey(std::uint64_t number) noexcept {
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(number >> (56U - 8U * i));
  }
  operator Bytes() const noexcept { return bytes_; }  // NOLINT(google-explicit-constructor): it is one

  static std::uint64_t number(std::span<const std::byte, size> key) noexcept {
    std::uint64_t number = 0;
    for (const std::byte byte : key) number = number << 8U | std::to_integer<std::uint64_t>(byte);
    return number;
  }

 private:
  std::array<std::byte, size> bytes_{};
};

}  // namespace rtml::detail
