#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "rtml/core/error.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/row.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// Reads column `index` of a Row as a number: NaN where it is missing, or beyond the row's end.
struct NumberColumn {
  std::size_t index;
  double operator()(const Row& row) const noexcept {
    return index < row.numbers.size() ? row.numbers[index] : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Reads column `index` of a Row as text: empty where it is missing, or beyond the row's end.
struct TextColumn {
  std::size_t index;
  std::string_view operator()(const Row& row) const noexcept { return index < row.text.size() ? row.text[index] : std::string_view{}; }
};

constexpr NumberColumn column(std::size_t index) noexcept { return {index}; }
constexpr TextColumn text_column(std::size_t index) noexcept { return {index}; }

/// What tells by itself which part of an event it reads: a pointer to a member, or a column of a Row. Anything else (a lambda) has a
/// body that no fingerprint sees, and comes with a version that the host changes when the body changes.
template <class A>
concept PlainAccessor = std::is_member_pointer_v<A> || std::same_as<A, NumberColumn> || std::same_as<A, TextColumn>;

/// How one part of an event is read, and what definitions call it. Made by field(). Accessors must not throw.
template <class A>
class Field {
 public:
  Field(A reader, std::string name, std::string version)
      : accessor_(std::move(reader)), name_(std::move(name)), version_(std::move(version)) {}

  const A& accessor() const noexcept { return accessor_; }

  template <class Event>
  decltype(auto) read(const Event& event) const noexcept {
    return std::invoke(accessor_, event);
  }

  /// "name@version", each where given.
  std::string label() const { return name_ + version_suffix(); }
  /// "@version", or nothing.
  std::string version_suffix() const { return version_.empty() ? "" : "@" + version_; }
  const std::string& version() const noexcept { return version_; }

  /// Equal for fields that read the same: windows over them share one state.
  std::string identity() const {
    std::string text;
    if constexpr (PlainAccessor<A>) {
      text.resize(sizeof(A));
      std::memcpy(text.data(), &accessor_, sizeof(A));
    } else {
      text = label();
    }
    const void* type = &type_tag;
    text.append(reinterpret_cast<const char*>(&type), sizeof(type));
    return text;
  }

 private:
  static constexpr char type_tag = 0;  // its address is the type, without RTTI

  A accessor_;
  std::string name_;
  std::string version_;
};

/// Names a member or column as definitions should call it, so that the fingerprint tells one key or value of a window from another:
/// `window("spend", field("card", &Payment::card), 1h, sum(field("amount", &Payment::amount)))`.
template <PlainAccessor A>
Field<A> field(std::string name, A accessor) {
  require("field", "name", name, !name.empty(), "not empty");
  return {std::move(accessor), std::move(name), {}};
}

/// Any callable over the event: `field("net", "v1", [](const Payment& p) { return p.amount - p.fee; })`.
template <class F>
requires(!PlainAccessor<F>) Field<F> field(std::string name, std::string version, F function) {
  require("field", "name", name, !name.empty(), "not empty");
  require("field", "version", version, !version.empty(), "not empty");
  return {std::move(function), std::move(name), std::move(version)};
}

namespace detail {

template <class T>
inline constexpr bool is_field = false;
template <class A>
inline constexpr bool is_field<Field<A>> = true;

/// What a feature's factory takes as its source: a field, or what is one by itself.
template <class S>
concept Source = is_field<S> || PlainAccessor<S>;

template <class A>
Field<A> to_field(Field<A> made) {
  return made;
}
template <PlainAccessor A>
Field<A> to_field(A accessor) {
  return {std::move(accessor), {}, {}};
}
template <class S>
using FieldOf = decltype(to_field(std::declval<S>()));

template <class T>
inline constexpr bool is_optional_number = false;
template <class T>
inline constexpr bool is_optional_number<std::optional<T>> = std::is_arithmetic_v<T>;

template <class T>
concept Number = std::is_arithmetic_v<T> || is_optional_number<T>;
template <class T>
concept Integer = std::integral<T> || std::is_enum_v<T>;
template <class T>
concept Text = std::convertible_to<const T&, std::string_view>;

template <class A, class Event>
using Read = std::remove_cvref_t<std::invoke_result_t<const A&, const Event&>>;

template <Number T>
double to_double(const T& value) noexcept {
  if constexpr (is_optional_number<T>) {
    return value ? static_cast<double>(*value) : std::numeric_limits<double>::quiet_NaN();
  } else {
    return static_cast<double>(value);
  }
}

template <Text T>
std::string_view to_text_view(const T& value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return value == nullptr ? std::string_view{} : std::string_view(value);
  } else {
    return value;
  }
}

template <Integer T>
std::int64_t to_integer(T value) noexcept {
  if constexpr (std::is_enum_v<T>) {
    return static_cast<std::int64_t>(static_cast<std::underlying_type_t<T>>(value));
  } else {
    return static_cast<std::int64_t>(value);
  }
}

/// Integers are hashed as integers of 64 bits: for one seed no two of them meet.
template <class T>
requires Integer<T> || Text<T> std::uint64_t hash_value(const T& value, std::uint64_t seed)
noexcept {
  if constexpr (Integer<T>) {
    return hash_integer(static_cast<std::uint64_t>(to_integer(value)), seed);
  } else {
    return hash_bytes(to_text_view(value), seed);
  }
}

template <class T>
constexpr std::string_view kind_of() noexcept {
  if constexpr (Integer<T>) {
    return "integer";
  } else {
    return "text";
  }
}

template <class T>
inline constexpr bool is_time = false;
template <class D>
inline constexpr bool is_time<std::chrono::time_point<std::chrono::system_clock, D>> = true;

}  // namespace detail
}  // namespace rtml
