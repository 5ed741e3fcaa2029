#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rtml {

/// Mixes an integer id so that every input bit reaches every output bit (splitmix64's finaliser; a bijection).
constexpr std::uint64_t hash_integer(std::uint64_t value, std::uint64_t seed = 0) noexcept {
  value += 0x9e3779b97f4a7c15ULL * (seed + 1);
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

constexpr std::uint64_t hash_combine(std::uint64_t left, std::uint64_t right) noexcept { return hash_integer(right, left); }

namespace detail {

constexpr std::uint64_t prime1 = 0x9e3779b185ebca87ULL;
constexpr std::uint64_t prime2 = 0xc2b2ae3d27d4eb4fULL;
constexpr std::uint64_t prime3 = 0x165667b19e3779f9ULL;
constexpr std::uint64_t prime4 = 0x85ebca77c2b2ae63ULL;
constexpr std::uint64_t prime5 = 0x27d4eb2f165667c5ULL;

constexpr std::uint64_t little_endian(const char* bytes, std::size_t count) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

constexpr std::uint64_t hash_round(std::uint64_t lane, std::uint64_t input) noexcept {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

}  // namespace detail

/// XXH64 of bytes, usable in constant expressions and by the headers alone; the tests hold it to libxxhash. O(n).
/// Source: Y. Collet, "XXH64 algorithm description" (xxHash, doc/xxhash_spec.md).
constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept {
  using namespace detail;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = seed + prime5;
  if (left >= 32) {
    std::uint64_t lane[4] = {seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
    for (; left >= 32; at += 32, left -= 32)
      for (std::size_t k = 0; k < 4; ++k) lane[k] = hash_round(lane[k], little_endian(at + 8 * k, 8));
    hash = std::rotl(lane[0], 1) + std::rotl(lane[1], 7) + std::rotl(lane[2], 12) + std::rotl(lane[3], 18);
    for (const std::uint64_t value : lane) hash = (hash ^ hash_round(0, value)) * prime1 + prime4;
  }
  hash += bytes.size();
  for (; left >= 8; at += 8, left -= 8) hash = std::rotl(hash ^ hash_round(0, little_endian(at, 8)), 27) * prime1 + prime4;
  if (left >= 4) {
    hash = std::rotl(hash ^ (little_endian(at, 4) * prime1), 23) * prime2 + prime3;
    at += 4, left -= 4;
  }
  for (; left > 0; ++at, --left) hash = std::rotl(hash ^ (little_endian(at, 1) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33U)) * prime2;
  hash = (hash ^ (hash >> 29U)) * prime3;
  return hash ^ (hash >> 32U);
}

}  // namespace rtml
