#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "rtml/core/error.hpp"

namespace rtml::stats {
namespace detail {

/// What a hash says to a HyperLogLog of 2^precision registers: register << 6 | rank. The rank is that of the first 1 among the other bits.
constexpr std::uint32_t hyper_log_log_entry(std::uint64_t hash, unsigned precision) noexcept {
  const std::uint64_t rest = hash << precision;
  const unsigned rank = rest == 0 ? 65 - precision : static_cast<unsigned>(std::countl_zero(rest)) + 1;
  return static_cast<std::uint32_t>(hash >> (64 - precision)) << 6U | rank;
}

/// How many different hashes: `harmonic` is the sum of 2^-rank over the registers that are not zero. Unbiased over the whole range, without
/// tables. Source: O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 2.4; of 64-bit hashes the term
/// of saturated registers is none.
inline double hyper_log_log_estimate(double registers, double zeros, double harmonic) noexcept {
  if (zeros == registers) return 0.0;
  double x = zeros / registers;
  double weight = 1.0;
  double sigma = x;
  for (double before = -1.0; before != sigma; weight += weight) {
    before = sigma;
    x *= x;
    sigma += x * weight;
  }
  constexpr double alpha = 0.7213475204444817;  // 1 / (2 ln 2)
  return alpha * registers * registers / (registers * sigma + harmonic);
}

constexpr double power_of_half(unsigned rank) noexcept { return std::bit_cast<double>(std::uint64_t{1023 - rank} << 52U); }

/// The same of registers as bytes [size]. In 64 lanes of one fixed order, which compilers add side by side; skips lines that are empty.
inline double hyper_log_log_estimate(const std::uint8_t* registers, std::size_t size) noexcept {
  constexpr std::size_t lanes = 64;
  constexpr std::uint8_t nothing[lanes] = {};
  float sums[lanes] = {};
  std::uint32_t empty[lanes] = {};
  std::size_t skipped = 0;
  std::size_t at = 0;
  for (; at + lanes <= size; at += lanes) {
    const std::uint8_t* const line = registers + at;
    if (std::memcmp(line, nothing, lanes) == 0) {
      skipped += lanes;
      continue;
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += std::bit_cast<float>((127U - line[lane]) << 23U);  // 2^-rank: 1 of an empty one
      empty[lane] += line[lane] == 0 ? 1U : 0U;
    }
  }
  for (; at < size; ++at) {  // of less than 64 registers
    sums[0] += std::bit_cast<float>((127U - registers[at]) << 23U);
    empty[0] += registers[at] == 0 ? 1U : 0U;
  }
  double harmonic = 0.0;
  double zeros = 0.0;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    harmonic += static_cast<double>(sums[lane]);
    zeros += static_cast<double>(empty[lane]);
  }
  return hyper_log_log_estimate(static_cast<double>(size), zeros + static_cast<double>(skipped), harmonic - zeros);
}

}  // namespace detail

/// How many different things a stream held, about: relative standard error 1.04 / sqrt(2^precision), 1.6 % with the default of 12. While
/// few were seen it holds 4 bytes for each, then 2^precision bytes. Mergeable: the same error over both streams, whatever the order.
///
/// update: O(1) when dense, else a search and a move; allocates while it grows.
/// Sources: P. Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", AofA 2007; S. Heule et al.,
/// "HyperLogLog in practice", EDBT 2013 (the sparse form); the estimator as said above.
class HyperLogLog {
 public:
  /// @throws ConfigError unless precision is in [4, 16]
  explicit HyperLogLog(unsigned precision = 12) : precision_(precision) {
    require("HyperLogLog", "precision", precision, precision >= 4 && precision <= 16, "in [4, 16]");
  }

  /// By its hash, of which every bit depends on every bit of the thing: hash_integer, hash_bytes.
  void update(std::uint64_t hash) { put(detail::hyper_log_log_entry(hash, precision_)); }

  /// @throws SchemaError when the other has another precision.
  void merge(const HyperLogLog& other) {
    if (other.precision_ != precision_) raise(SchemaError("HyperLogLog: merged with one of another precision"));
    if (&other == this) return;
    for (const std::uint32_t entry : other.sparse_) put(entry);
    for (std::size_t i = 0; i < other.dense_.size(); ++i)
      if (other.dense_[i] != 0) put(static_cast<std::uint32_t>(i << 6U) | other.dense_[i]);
  }

  /// O(held registers).
  double estimate() const noexcept {
    if (!dense_.empty()) return detail::hyper_log_log_estimate(dense_.data(), dense_.size());
    double harmonic = 0.0;
    for (const std::uint32_t entry : sparse_) harmonic += detail::power_of_half(entry & 63U);
    const auto all = static_cast<double>(registers());
    return detail::hyper_log_log_estimate(all, all - static_cast<double>(sparse_.size()), harmonic);
  }

  /// Relative, of an estimate: one standard deviation.
  double standard_error() const noexcept { return 1.04 / std::sqrt(static_cast<double>(registers())); }

  unsigned precision() const noexcept { return precision_; }
  std::size_t memory_bytes() const noexcept { return sizeof(*this) + sparse_.capacity() * sizeof(std::uint32_t) + dense_.capacity(); }

  friend bool operator==(const HyperLogLog&, const HyperLogLog&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("HyperLogLog", 1);
    if constexpr (Ar::reading) {
      HyperLogLog read(4);
      ar(read.precision_, read.sparse_, read.dense_);
      ar.check(read.precision_ >= 4 && read.precision_ <= 16, "precision");
      ar.check(read.plausible(), "registers");
      self = std::move(read);
    } else {
      ar(self.precision_, self.sparse_, self.dense_);
    }
  }

 private:
  std::size_t registers() const noexcept { return std::size_t{1} << precision_; }

  void put(std::uint32_t entry) {
    if (!dense_.empty()) return raise_register(entry);
    const auto place = std::lower_bound(sparse_.begin(), sparse_.end(), entry & ~63U);
    if (place != sparse_.end() && (*place >> 6U) == (entry >> 6U)) {
      *place = std::max(*place, entry);
      return;
    }
    sparse_.insert(place, entry);
    if (sparse_.size() * sizeof(std::uint32_t) < registers()) return;
    dense_.assign(registers(), 0);
    for (const std::uint32_t each : sparse_) raise_register(each);
    sparse_ = std::vector<std::uint32_t>();
  }

  void raise_register(std::uint32_t entry) noexcept {
    std::uint8_t& rank = dense_[entry >> 6U];
    rank = std::max(rank, static_cast<std::uint8_t>(entry & 63U));
  }

  bool plausible() const noexcept {
    const unsigned highest = 65 - precision_;
    if (!dense_.empty())
      return sparse_.empty() && dense_.size() == registers() &&
             std::all_of(dense_.begin(), dense_.end(), [&](std::uint8_t rank) { return rank <= highest; });
    if (sparse_.size() * sizeof(std::uint32_t) >= registers()) return false;
    for (std::size_t i = 0; i < sparse_.size(); ++i) {
      const unsigned rank = sparse_[i] & 63U;
      if (rank == 0 || rank > highest || (sparse_[i] >> 6U) >= registers()) return false;
      if (i > 0 && (sparse_[i - 1] >> 6U) >= (sparse_[i] >> 6U)) return false;
    }
    return true;
  }

  unsigned precision_;
  std::vector<std::uint32_t> sparse_;  // entries by register, while they take less than the registers would
  std::vector<std::uint8_t> dense_;    // [registers] highest rank seen, or empty
};

}  // namespace rtml::stats
