#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rtml::detail {

// Sums of windows are whole numbers of many bits: adding them is exact and knows no order, which is why no error accumulates, why a window
// that is rebuilt, restored, merged or recomputed has the same bits, and why -ffast-math changes nothing. Least significant word first,
// two's complement.

__extension__ using Word128 = unsigned __int128;
__extension__ using Signed128 = __int128;

inline constexpr std::size_t sum_words = 3;     // of values in units of 2^-56: 2^85 of them, up to 1e15 each
inline constexpr std::size_t square_words = 4;  // of their squares, in units of 2^-112: 2^44 of them

/// A usable value in units of 2^-56, rounded towards zero.
constexpr Signed128 to_fixed(double usable) noexcept { return static_cast<Signed128>(usable * 0x1p56); }

template <std::size_t N>
void add_wide(std::uint64_t* to, const std::uint64_t* from) noexcept {
  Word128 carry = 0;
  for (std::size_t i = 0; i < N; ++i) {
    carry += static_cast<Word128>(to[i]) + from[i];
    to[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64U;
  }
}

inline std::array<std::uint64_t, sum_words> wide_value(Signed128 fixed) noexcept {
  const auto bits = static_cast<Word128>(fixed);
  return {static_cast<std::uint64_t>(bits), static_cast<std::uint64_t>(bits >> 64U), fixed < 0 ? ~std::uint64_t{0} : 0};
}

/// to [T] += a [N] * b [M], without sign. @pre T >= N + M, or the sum has room in T words
template <std::size_t T, std::size_t N, std::size_t M>
void add_product(std::uint64_t* to, const std::uint64_t* a, const std::uint64_t* b) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (a[i] == 0) continue;
    Word128 carry = 0;
    for (std::size_t j = 0; j < M && i + j < T; ++j) {
      carry += static_cast<Word128>(a[i]) * b[j] + to[i + j];
      to[i + j] = static_cast<std::uint64_t>(carry);
      carry >>= 64U;
    }
    for (std::size_t at = i + M; at < T && carry != 0; ++at) {
      carry += to[at];
      to[at] = static_cast<std::uint64_t>(carry);
      carry >>= 64U;
    }
  }
}

inline std::array<std::uint64_t, square_words> wide_square(Signed128 fixed) noexcept {
  const auto size = static_cast<Word128>(fixed < 0 ? -fixed : fixed);
  const std::uint64_t words[2] = {static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(size >> 64U)};
  std::array<std::uint64_t, square_words> square{};
  add_product<square_words, 2, 2>(square.data(), words, words);
  return square;
}

/// A sum as a double, rounded once where it fits 128 bits (values up to 2e21).
inline double wide_to_double(const std::uint64_t* sum) noexcept {
  const auto low = static_cast<Signed128>(static_cast<Word128>(sum[1]) << 64U | sum[0]);
  const bool fits = sum[2] == (low < 0 ? ~std::uint64_t{0} : 0);
  if (fits) return static_cast<double>(low) * 0x1p-56;
  return (static_cast<double>(static_cast<std::int64_t>(sum[2])) * 0x1p128 + static_cast<double>(static_cast<Word128>(low))) * 0x1p-56;
}

/// (n Q - S^2) / n^2 of n values with the sum S and the sum of squares Q: exact up to the division, whatever their mean is.
inline double variance_of(std::uint64_t n, const std::uint64_t* sum, const std::uint64_t* squares) noexcept {
  std::array<std::uint64_t, sum_words> size{sum[0], sum[1], sum[2]};
  if (static_cast<std::int64_t>(size[2]) < 0) {
    for (std::uint64_t& word : size) word = ~word;
    constexpr std::uint64_t one[sum_words] = {1, 0, 0};
    add_wide<sum_words>(size.data(), one);
  }
  constexpr std::size_t words = 2 * sum_words;
  std::array<std::uint64_t, words> spread{};
  add_product<words, sum_words, sum_words>(spread.data(), size.data(), size.data());
  for (std::uint64_t& word : spread) word = ~word;  // -S^2 - 1
  add_product<words, square_words, 1>(spread.data(), squares, &n);
  constexpr std::uint64_t one[words] = {1};
  add_wide<words>(spread.data(), one);
  double all = 0.0;
  for (std::size_t i = words; i-- > 0;) all = all * 0x1p64 + static_cast<double>(spread[i]);
  const auto count = static_cast<double>(n);
  return all * 0x1p-112 / count / count;
}

}  // namespace rtml::detail
