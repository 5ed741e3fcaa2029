#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace rtml {

/// What a column of a FeatureView holds. There is one integer type, so that no path can read it as another.
enum class ValueType : std::uint8_t { int64, float64, float32, boolean };

/// What is known of a value at a time; the same online and offline.
enum class ValueStatus : std::uint8_t {
  present,
  null,     ///< there is a row, and it says that there is no value
  missing,  ///< there is no row
  stale,    ///< the newest row is older than the view's time to live
};

constexpr std::string_view name_of(ValueType type) noexcept {
  switch (type) {
    case ValueType::int64: return "int64";
    case ValueType::float64: return "double";
    case ValueType::float32: return "float";
    case ValueType::boolean: return "bool";
  }
  return "?";
}

constexpr std::string_view name_of(ValueStatus status) noexcept {
  switch (status) {
    case ValueStatus::present: return "present";
    case ValueStatus::null: return "null";
    case ValueStatus::missing: return "missing";
    case ValueStatus::stale: return "stale";
  }
  return "?";
}

constexpr std::size_t size_of(ValueType type) noexcept {
  switch (type) {
    case ValueType::int64:
    case ValueType::float64: return 8;
    case ValueType::float32: return 4;
    case ValueType::boolean: return 1;
  }
  return 0;
}

/// What a column may hold.
template <class T>
concept StoredValue = std::same_as<T, std::int64_t> || std::same_as<T, double> || std::same_as<T, float> || std::same_as<T, bool>;

/// What values may be read as.
template <class T>
concept ReadValue = std::same_as<T, std::int64_t> || std::same_as<T, double> || std::same_as<T, float>;

template <StoredValue T>
inline constexpr ValueType value_type_of = std::same_as<T, std::int64_t> ? ValueType::int64
                                           : std::same_as<T, double>     ? ValueType::float64
                                           : std::same_as<T, float>      ? ValueType::float32
                                                                         : ValueType::boolean;

/// True when no value of type `from` changes by being read as `to`: an integer is never read as a float, a double never as a float.
constexpr bool is_lossless(ValueType from, ValueType to) noexcept {
  return from == to || from == ValueType::boolean || (from == ValueType::float32 && to == ValueType::float64);
}

/// What stands where there is no value: NaN, or 0 for integers. Its status tells it from a value.
template <ReadValue T>
inline constexpr T no_value = std::is_floating_point_v<T> ? std::numeric_limits<T>::quiet_NaN() : T{0};

}  // namespace rtml
