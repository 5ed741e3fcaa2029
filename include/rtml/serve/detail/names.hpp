#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rtml::detail {

/// Bounds of MLflow (mlflow/utils/validation.py), in bytes: what is kept here can be shown there.
inline constexpr std::size_t most_key_bytes = 250;
inline constexpr std::size_t most_param_bytes = 6000;
inline constexpr std::size_t most_tag_bytes = 5000;
inline constexpr std::size_t most_alias_bytes = 255;
inline constexpr std::size_t most_name_bytes = 500;

constexpr bool is_alphanumeric(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// Letters, digits, `_` and `-`; neither "latest" nor a version ("v7"), which readers take for something else.
inline bool is_alias(std::string_view text) noexcept {
  constexpr std::string_view latest = "latest";
  if (text.empty() || text.size() > most_alias_bytes) return false;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; })) return false;
  if (std::equal(text.begin(), text.end(), latest.begin(), latest.end(), [](char a, char b) { return (a | 0x20) == b; })) return false;
  const bool is_version =
      text.size() > 1 && (text[0] | 0x20) == 'v' && std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return !is_version;
}

/// A key of a metric, parameter or tag. It becomes a path below a folder: `/` makes folders, and nothing leads out of it (no empty part, no
/// `.`, none that begins with `..`). Letters, digits, `_`, `.`, `-`, space and `/`.
inline bool is_key(std::string_view text) noexcept {
  if (text.empty() || text.size() > most_key_bytes) return false;
  const auto is_allowed = [](char c) { return is_alphanumeric(c) || std::string_view("_.- /").find(c) != std::string_view::npos; };
  if (!std::all_of(text.begin(), text.end(), is_allowed)) return false;
  while (true) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view part = text.substr(0, end);
    if (part.empty() || part == "." || part.starts_with("..")) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

/// Takes one code point off `text`; false when it does not begin with one (RFC 3629: shortest form, no surrogates).
inline bool take_code_point(std::string_view& text, std::uint32_t& point) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  if (text.empty()) return false;
  const std::uint32_t first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : (first >> 5U) == 6 ? 2 : (first >> 4U) == 14 ? 3 : (first >> 3U) == 30 ? 4 : 0;
  if (size == 0 || text.size() < size) return false;
  point = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return false;
    point = point << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
  text.remove_prefix(size);
  return true;
}

inline bool is_utf8(std::string_view text) noexcept {
  std::uint32_t point = 0;
  while (!text.empty())
    if (!take_code_point(text, point)) return false;
  return true;
}

}  // namespace rtml::detail
