#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/time.hpp"

namespace rtml::tracking {

/// A flat mapping as MLflow's meta.yaml files are. Strings are always quoted, and written in ASCII: a user's text stays a text, whatever
/// YAML would make of it.
class Yaml {
 public:
  Yaml& text(std::string_view key, std::string_view value);
  Yaml& number(std::string_view key, std::int64_t value);
  /// null, [], {}
  Yaml& literal(std::string_view key, std::string_view value);

  const std::string& str() const noexcept { return text_; }

 private:
  std::string text_;
};

/// "file:///..." of an absolute path, as Python's pathname2url quotes it.
std::string file_uri(std::string_view path);

/// An absolute path without . and .. in it.
std::string absolute(const std::string& path);

/// @throws IoError where that cannot be told
bool exists(const std::string& path);

std::int64_t milliseconds(Time at) noexcept;

std::span<const std::byte> bytes_of(std::string_view text) noexcept;

/// Writes a whole file, so that a reader sees the old one or the new one: beside, at `beside`, then renamed. Makes the folder where it is
/// missing. Not synced: a run is not what a service depends on.
void replace_file(const std::string& path, std::span<const std::byte> bytes, const std::string& beside);

/// Appends, all or nothing as far as the process lives: on a failure the file is cut to what it was.
void append_to_file(const std::string& path, std::span<const std::byte> bytes);

/// The key as the path below a folder that it names.
/// @throws ConfigError
void require_key(std::string_view what, std::string_view key);
void require_text(std::string_view what, std::string_view value, std::size_t most);

}  // namespace rtml::tracking
