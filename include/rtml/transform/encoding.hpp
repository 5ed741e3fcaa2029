#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/column_kernels.hpp"
#include "rtml/transform/fitted_tables.hpp"
#include "rtml/transform/operations.hpp"

namespace rtml {
namespace detail {

/// The cell of a hash, by its high bits.
constexpr std::size_t cell_of(std::uint64_t hash, unsigned bits) noexcept { return static_cast<std::size_t>(hash >> (64U - bits)); }

inline void require_table_bits(const char* who, unsigned bits) { require(who, "bits", bits, bits >= 1 && bits <= 24, "in [1, 24]"); }

class CountEncoding {
 public:
  static constexpr FittedTables::Kind kind = FittedTables::Kind::counts;

  explicit CountEncoding(unsigned bits) : bits_(bits) { require_table_bits("count_encoding", bits); }

  unsigned bits() const noexcept { return bits_; }
  std::string definition() const { return "|count_encoding(" + to_text(bits_) + ")"; }
  static float serve(const FittedTables& tables, std::size_t table, std::size_t cell) noexcept {
    return static_cast<float>(tables.count(table, cell));
  }

 private:
  unsigned bits_;
};

class TargetEncoding {
 public:
  static constexpr FittedTables::Kind kind = FittedTables::Kind::labels;

  TargetEncoding(float smoothing, unsigned bits) : smoothing_(smoothing), bits_(bits) {
    require("target_encoding", "smoothing", smoothing, is_usable(smoothing) && smoothing > 0.0F, "above 0");
    require_table_bits("target_encoding", bits);
  }

  unsigned bits() const noexcept { return bits_; }
  std::string definition() const { return "|target_encoding(" + to_text(smoothing_) + "," + to_text(bits_) + ")"; }
  float serve(const FittedTables& tables, std::size_t table, std::size_t cell) const noexcept {
    const double all = tables.count(table);
    if (!(all > 0.0)) return std::numeric_limits<float>::quiet_NaN();
    const auto smoothing = static_cast<double>(smoothing_);
    const double mean = tables.sum(table) / all;
    return kernels::element::canonical((tables.sum(table, cell) + smoothing * mean) / (tables.count(table, cell) + smoothing));
  }

 private:
  float smoothing_;
  unsigned bits_;
};

template <class T>
concept Encoding = std::same_as<T, CountEncoding> || std::same_as<T, TargetEncoding>;

/// What has one hashed value: a category, a cross, a grid cell, a part of the date.
template <class T>
concept HasOneHashed = std::derived_from<T, OneHashed<T>>;

/// A number of what was seen of a hashed value: the input of a Scalar.
template <class Part, class E>
class Encoded {
 public:
  static constexpr bool reads_time = Part::reads_time;

  Encoded(Part part, E encoding) : part_(std::move(part)), encoding_(std::move(encoding)), seed_(hash_bytes(part_.name())) {}

  template <class Event>
  std::string bind(Binding<Event>& binding, const std::string& name) const {
    Stage stage{name, part_.definition(binding) + encoding_.definition(), 0};
    binding.tables.push_back({stage.slot(), E::kind, encoding_.bits()});
    return stage.definition;
  }

  template <class Event>
  float read(const Event& event, Cursor& cursor) const noexcept {
    const std::size_t cell = cell_of(part_.hash(event, cursor, seed_), encoding_.bits());
    *cursor.table_input++ = static_cast<float>(cell);
    return encoding_.serve(*cursor.tables, cursor.table++, cell);
  }

 private:
  Part part_;
  E encoding_;
  std::uint64_t seed_;
};

template <HasOneHashed Part, Encoding E>
auto operator|(Part part, E encoding) {
  std::string name = part.name();
  return Scalar<Encoded<Part, E>>(std::move(name), Encoded<Part, E>(std::move(part), std::move(encoding)), std::tuple<>{});
}

}  // namespace detail

/// The number of events with the same value that the loop has observed so far: `category("merchant", &P::merchant) | count_encoding() | log1p()`.
/// A table of 2^bits counts, 8 bytes each; values that meet in one share it. @throws ConfigError unless bits is in [1, 24]
inline detail::CountEncoding count_encoding(unsigned bits = 16) { return detail::CountEncoding(bits); }

/// The mean label of the events with the same value whose labels have arrived so far, drawn towards the mean of all as if by `smoothing` more
/// labels: never the event's own, which is not known yet. Missing before the first label. For labels that are numbers or 0 and 1. A table of
/// 2^bits counts and sums, 16 bytes each; values that meet in one share it.
///
/// Source: D. Micci-Barreca, SIGKDD Explorations 3 (2001), 27-32, eq. 3; by the past only, as ordered statistics in L. Prokhorenkova et al.,
/// "CatBoost", NeurIPS 2018, section 3.2. @throws ConfigError unless smoothing is above 0 and bits in [1, 24]
inline detail::TargetEncoding target_encoding(float smoothing = 20.0F, unsigned bits = 16) { return {smoothing, bits}; }

}  // namespace rtml
