#include "rtml/core/hash.hpp"

#include <xxhash.h>

#include <bit>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

using namespace rtml;

// XXH64 with seed 0, from libxxhash.
static_assert(hash_bytes("") == 0xef46db3751d8e999ULL);
static_assert(hash_bytes("rtml") == 0x823b21f09f7d2bb9ULL);
// First outputs of splitmix64 with seeds 0 and 1.
static_assert(hash_integer(0) == 0xe220a8397b1dcdafULL);
static_assert(hash_integer(1) == 0x910a2dec89025cc1ULL);

namespace {

constexpr std::uint64_t without_shift(std::uint64_t value, unsigned shift) {
  std::uint64_t found = value;
  for (unsigned done = shift; done < 64; done += shift) found = value ^ (found >> shift);
  return found;
}

constexpr std::uint64_t inverse_of(std::uint64_t odd) {
  std::uint64_t inverse = odd;  // Newton's method doubles the right bits
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}

constexpr std::uint64_t unhash_integer(std::uint64_t hash, std::uint64_t seed) {
  std::uint64_t value = without_shift(hash, 31) * inverse_of(0x94d049bb133111ebULL);
  value = without_shift(value, 27) * inverse_of(0xbf58476d1ce4e5b9ULL);
  return without_shift(value, 30) - 0x9e3779b97f4a7c15ULL * (seed + 1);
}

}  // namespace

TEST_CASE("hash_bytes is XXH64 for every length and seed", "[core][property]") {
  Rng rng(3);
  std::string text;
  for (std::size_t length = 0; length <= 200; ++length) {
    for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, rng()})
      REQUIRE(hash_bytes(text, seed) == XXH64(text.data(), text.size(), seed));
    text += static_cast<char>(rng());
  }
}

TEST_CASE("hash_integer can be inverted, so no two ids of one seed collide", "[core][property]") {
  Rng rng(4);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = i < 500 ? static_cast<std::uint64_t>(i) : rng();
    const std::uint64_t seed = rng.below(5);
    REQUIRE(unhash_integer(hash_integer(value, seed), seed) == value);
  }
}

TEST_CASE("each bit of an id reaches about half the bits of its hash", "[core][property]") {
  Rng rng(5);
  for (unsigned bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t value = rng();
      flipped += std::popcount(hash_integer(value) ^ hash_integer(value ^ (std::uint64_t{1} << bit)));
    }
    CAPTURE(bit);
    CHECK(flipped > 200 * 30);
    CHECK(flipped < 200 * 34);
  }
}

TEST_CASE("hash_combine depends on the order, and the seed makes another hash", "[core]") {
  CHECK(hash_combine(1, 2) != hash_combine(2, 1));
  CHECK(hash_integer(1, 0) != hash_integer(1, 1));
  CHECK(hash_bytes("a", 0) != hash_bytes("a", 1));
  std::unordered_set<std::uint64_t> seen;
  for (std::uint64_t left = 0; left < 100; ++left)
    for (std::uint64_t right = 0; right < 100; ++right) seen.insert(hash_combine(left, right));
  CHECK(seen.size() == 10000);
}
