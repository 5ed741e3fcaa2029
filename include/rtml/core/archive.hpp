#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"

namespace rtml {

static_assert(std::endian::native == std::endian::little, "archives are little-endian and copied as they lie in memory");

namespace detail {

/// Written as its bytes: padding never is, so structs go field by field.
template <class T>
concept Plain = (std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T> || std::is_enum_v<T>;

/// Of what may be read where it lies: a cache line, and more than any number needs.
inline constexpr std::size_t lasting_alignment = 64;

/// Bytes from `at` to the next such place.
constexpr std::size_t padding(std::size_t at) noexcept { return (lasting_alignment - at % lasting_alignment) % lasting_alignment; }

template <class T>
inline constexpr bool is_chrono = false;
template <class Rep, class Period>
inline constexpr bool is_chrono<std::chrono::duration<Rep, Period>> = true;
template <class C, class D>
inline constexpr bool is_chrono<std::chrono::time_point<C, D>> = true;

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

}  // namespace detail

/// Appends fields to a byte buffer. State has one function for both directions,
///
///     template <class Self, class Ar> static void archive(Self& self, Ar& ar) {
///       ar.header("PageHinkley", 1);                       // type tag, format version
///       ar(self.options_.delta, self.count_, self.mean_);  // in one fixed order
///       ar.check(self.count_ < limit, "count");            // what is read is validated before use
///     }
///
/// so that writer and reader cannot disagree. Fields: numbers, enums, bool, std::string, chrono times, std::array, std::vector,
/// std::optional, and types with such a function; `values` for a span of numbers whose size both sides know.
class Writer {
 public:
  static constexpr bool reading = false;

  /// Bytes that were not copied: they belong before byte `at` of those that were.
  struct Borrowed {
    std::size_t at;
    std::span<const std::byte> bytes;
  };

  Writer() = default;

  /// Does not copy what `lasting` is given: what is written must stay as it is until its bytes were used.
  static Writer borrowing() {
    Writer writer;
    writer.borrows_ = true;
    return writer;
  }

  /// With memory for `room` bytes that is already mapped: what is written while others wait does not wait for pages.
  explicit Writer(std::size_t room) {
    bytes_.resize(room);
    bytes_.clear();
  }

  std::uint32_t header(std::string_view tag, std::uint32_t version) {
    (*this)(std::string(tag), version);
    return version;
  }

  template <class... Fields>
  void operator()(const Fields&... fields) {
    (write(fields), ...);
  }

  void check(bool /*holds*/, std::string_view /*field*/) noexcept {}

  void raw(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  template <detail::Plain T>
  void values(std::span<const T> numbers) {
    raw(std::as_bytes(numbers));
  }

  /// Many numbers that are part of the object, at a multiple of 64 bytes from the beginning: a file can be read where they lie.
  template <detail::Plain T>
  void lasting(std::span<const T> numbers) {
    bytes_.resize(bytes_.size() + detail::padding(bytes_.size() + borrowed_bytes_));
    if (!borrows_ || numbers.empty()) return values(numbers);
    borrowed_.push_back({bytes_.size(), std::as_bytes(numbers)});
    borrowed_bytes_ += numbers.size_bytes();
  }

  /// All that was written. @pre nothing was borrowed
  const std::vector<std::byte>& bytes() const noexcept { return bytes_; }
  std::vector<std::byte> take() noexcept { return std::move(bytes_); }

  /// What was borrowed, ascending by place; `take` then gives what lies between.
  const std::vector<Borrowed>& borrowed() const noexcept { return borrowed_; }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (detail::Plain<T>) {
      raw(std::as_bytes(std::span<const T, 1>(&value, 1)));
    } else if constexpr (std::same_as<T, bool>) {
      write(static_cast<std::uint8_t>(value ? 1 : 0));
    } else if constexpr (std::same_as<T, std::string>) {
      write(static_cast<std::uint64_t>(value.size()));
      raw(std::as_bytes(std::span<const char>(value)));
    } else if constexpr (detail::is_chrono<T>) {
      if constexpr (requires { value.time_since_epoch(); }) {
        write(static_cast<std::int64_t>(value.time_since_epoch().count()));
      } else {
        write(static_cast<std::int64_t>(value.count()));
      }
    } else if constexpr (detail::is_optional<T>) {
      write(value.has_value());
      if (value) write(*value);
    } else if constexpr (detail::is_vector<T> || detail::is_array<T>) {
      using Element = typename T::value_type;
      if constexpr (detail::is_vector<T>) write(static_cast<std::uint64_t>(value.size()));
      if constexpr (detail::Plain<Element>) {
        raw(std::as_bytes(std::span<const Element>(value)));
      } else {
        for (const Element& element : value) write(element);
      }
    } else {
      T::archive(value, *this);
    }
  }

  std::vector<std::byte> bytes_;
  std::vector<Borrowed> borrowed_;
  std::size_t borrowed_bytes_ = 0;
  bool borrows_ = false;
};

/// Reads what a Writer wrote. Every length is compared with the bytes that are left before anything is allocated.
/// @throws FormatError that names the type, the rule and the place.
class Reader {
 public:
  static constexpr bool reading = true;

  explicit Reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  /// Of bytes that stay as they are while `owner` lives: what can, is read where it lies instead of being copied.
  Reader(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) noexcept : bytes_(bytes), owner_(std::move(owner)) {}

  /// Returns the version of the bytes, in [1, version]: an older one is read by the branch that its type keeps for it.
  std::uint32_t header(std::string_view tag, std::uint32_t version) {
    std::string found;
    std::uint32_t found_version = 0;
    read(found);
    if (found != tag) fail("is a \"" + printable(found) + "\", expected \"" + std::string(tag) + "\"");
    tag_ = tag;
    read(found_version);
    if (found_version == 0 || found_version > version)
      fail("has format version " + to_text(found_version) + ", this build reads 1 to " + to_text(version));
    return found_version;
  }

  template <class... Fields>
  void operator()(Fields&... fields) {
    (read(fields), ...);
  }

  /// Validates a field that was just read.
  void check(bool holds, std::string_view field) {
    if (!holds) fail("holds a value out of range: " + std::string(field));
  }

  std::span<const std::byte> raw(std::uint64_t count) {
    if (count > left()) fail("is truncated: needs " + to_text(count) + " bytes, has " + to_text(left()));
    const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return taken;
  }

  template <detail::Plain T>
  void values(std::span<T> numbers) {
    const auto bytes = raw(numbers.size_bytes());
    if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  }

  /// Numbers that Writer::lasting wrote: their bytes, and who keeps them, nullptr when they must be copied.
  struct Lasting {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  template <detail::Plain T>
  Lasting lasting(std::uint64_t count) {
    for (const std::byte zero : raw(detail::padding(at_))) check(zero == std::byte{0}, "padding");
    if (count > left() / sizeof(T)) fail("is truncated: needs " + to_text(count) + " elements, has " + to_text(left()) + " bytes");
    const auto bytes = raw(count * sizeof(T));
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % detail::lasting_alignment == 0;
    return {bytes, aligned ? owner_ : nullptr};
  }

  std::size_t left() const noexcept { return bytes_.size() - at_; }

  void finish() {
    if (left() != 0) fail("is followed by " + to_text(left()) + " bytes that nobody reads");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    raise(FormatError("archive: " + (tag_.empty() ? std::string("state") : std::string(tag_)) + " " + what + " (at byte " + to_text(at_) +
                      ")"));
  }

  static std::string printable(const std::string& text) {
    std::string shown;
    for (const char c : text.substr(0, 40)) shown += (c >= 32 && c < 127) ? c : '?';
    return shown;
  }

  template <class T>
  void read(T& value) {
    if constexpr (detail::Plain<T>) {
      std::memcpy(&value, raw(sizeof(T)).data(), sizeof(T));
    } else if constexpr (std::same_as<T, bool>) {
      std::uint8_t byte = 0;
      read(byte);
      check(byte <= 1, "bool");
      value = byte == 1;
    } else if constexpr (std::same_as<T, std::string>) {
      std::uint64_t size = 0;
      read(size);
      const auto text = raw(size);
      value.assign(reinterpret_cast<const char*>(text.data()), text.size());
    } else if constexpr (detail::is_chrono<T>) {
      std::int64_t ticks = 0;
      read(ticks);
      if constexpr (requires { value.time_since_epoch(); }) {
        value = T(typename T::duration(ticks));
      } else {
        value = T(ticks);
      }
    } else if constexpr (detail::is_optional<T>) {
      bool present = false;
      read(present);
      value.reset();
      if (present) read(value.emplace());
    } else if constexpr (detail::is_array<T>) {
      for (auto& element : value) read(element);
    } else if constexpr (detail::is_vector<T>) {
      read_vector(value);
    } else {
      const std::string_view outer = tag_;
      T::archive(value, *this);
      tag_ = outer;
    }
  }

  template <class T>
  void read_vector(std::vector<T>& values) {
    std::uint64_t count = 0;
    read(count);
    if constexpr (detail::Plain<T>) {
      if (count > left() / sizeof(T)) fail("is truncated: needs " + to_text(count) + " elements, has " + to_text(left()) + " bytes");
      const auto bytes = raw(count * sizeof(T));
      values.resize(static_cast<std::size_t>(count));
      if (count != 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    } else {
      if (count > left()) fail("is truncated: needs " + to_text(count) + " elements, has " + to_text(left()) + " bytes");
      values.clear();
      for (std::uint64_t i = 0; i < count; ++i) read(values.emplace_back());  // grows as bytes are read, not as they promise
    }
  }

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::size_t at_ = 0;
  std::string_view tag_;
};

/// State of `object` as bytes.
template <class T>
std::vector<std::byte> save(const T& object) {
  Writer writer;
  writer(object);
  return writer.take();
}

/// Restores `object` from all of `bytes`; leaves it as it was when they are refused. `object` says what cannot be archived (options
/// that hold functions), so restore into one that was built as the saved one was. With an `owner` of the bytes, big tables of weights stay
/// where they lie (Reader).
/// @throws FormatError
template <class T>
void load(T& object, std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr) {
  T restored = object;
  Reader reader(bytes, std::move(owner));
  reader(restored);
  reader.finish();
  object = std::move(restored);
}

}  // namespace rtml
