#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rtml {

/// What every failure of rtml is: set-up and files throw it, `predict` and `learn` never do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An option is outside its documented range: names type, option, value and rule.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// Features do not have the columns that a model learned from: names the first that differs.
class SchemaError : public Error {
 public:
  using Error::Error;
};

/// Bytes are not what they should be (truncated, flipped, hostile, of a newer version): names the field and the place.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// The system refused: names the operation and the path, and carries errno.
class IoError : public Error {
 public:
  IoError(const std::string& what, int code) : Error(what), code_(code) {}
  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Throws `error`; in a host built with -fno-exceptions prints it to stderr and aborts instead.
template <class E>
requires std::derived_from<E, Error>
[[noreturn]] void raise(const E& error) {
#if defined(__cpp_exceptions)
  throw error;
#else
  std::fprintf(stderr, "rtml: %s\n", error.what());
  std::abort();
#endif
}

/// Shortest text that reads back as the same value, in any locale.
template <class T>
requires std::is_arithmetic_v<T> std::string to_text(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    return {buffer, end};
  }
}

/// @throws ConfigError "TYPE: OPTION is VALUE, must be RULE" unless `holds`.
template <class T>
requires std::is_arithmetic_v<T>
void require(std::string_view type, std::string_view option, T value, bool holds, std::string_view rule) {
  if (holds) return;
  raise(ConfigError(std::string(type) + ": " + std::string(option) + " is " + to_text(value) + ", must be " + std::string(rule)));
}

inline void require(std::string_view type, std::string_view option, std::string_view value, bool holds, std::string_view rule) {
  if (holds) return;
  raise(ConfigError(std::string(type) + ": " + std::string(option) + " is \"" + std::string(value) + "\", must be " + std::string(rule)));
}

}  // namespace rtml
