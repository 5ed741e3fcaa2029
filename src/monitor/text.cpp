#include "text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <iterator>

#include "rtml/core/finite.hpp"

namespace rtml::monitor {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view dash = "\xE2\x80\x93";

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

/// Bytes of the well-formed sequence that starts at `i`; 0 when there is none. Source: Unicode 15.0, table 3-7.
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const unsigned lead = byte_at(text, i);
  if (lead < 0x80U) return 1;
  if (lead < 0xC2U || lead > 0xF4U) return 0;
  const std::size_t length = lead < 0xE0U ? 2 : (lead < 0xF0U ? 3 : 4);
  if (i + length > text.size()) return 0;
  const unsigned lowest = lead == 0xE0U ? 0xA0U : (lead == 0xF0U ? 0x90U : 0x80U);
  const unsigned highest = lead == 0xEDU ? 0x9FU : (lead == 0xF4U ? 0x8FU : 0xBFU);
  if (byte_at(text, i + 1) < lowest || byte_at(text, i + 1) > highest) return 0;
  for (std::size_t k = 2; k < length; ++k)
    if ((byte_at(text, i + k) & 0xC0U) != 0x80U) return 0;
  return length;
}

std::string grouped(std::string digits) {
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  for (std::size_t end = digits.size(); end > sign + 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

/// "1.500" -> "1.5", "2.000" -> "2"; "1.50e-06" stays.
std::string trimmed(std::string decimal) {
  if (decimal.find('.') == std::string::npos || decimal.find('e') != std::string::npos) return decimal;
  decimal.erase(decimal.find_last_not_of('0') + 1);
  if (decimal.back() == '.') decimal.pop_back();
  return decimal == "-0" ? "0" : decimal;
}

/// `value` in [1, 1000) with two or three digits.
std::string scaled(double value) { return trimmed(fmt::format("{:.{}f}", value, value < 9.95 ? 1 : 0)); }

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    valid += length == 0 ? replacement : text.substr(i, length);
    i += length == 0 ? 1 : length;
  }
  return valid;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20U || c == '\x7F') {
          out += c == '\n' || c == '\t' || c == '\r' ? std::string_view(" ") : replacement;
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string clipped(std::string_view text, std::size_t most) {
  const std::string valid = valid_utf8(text.substr(0, 4 * most + 4));
  std::size_t characters = 0;
  for (std::size_t i = 0; i < valid.size(); i += sequence_length(valid, i)) {
    if (++characters > most) return escaped(valid.substr(0, i)) + "\xE2\x80\xA6";
  }
  return escaped(valid);
}

std::string brief(std::string_view text, std::size_t most) {
  std::string all = clipped(text, most);
  return all.size() <= most + most / 4 ? all : clipped(text, most / 5);  // no character takes more than six bytes
}

std::string number(double value) { return trimmed(in_column(value)); }

std::string in_column(double value) {
  if (is_nan(value)) return std::string(dash);
  if (!is_finite(value)) return value > 0.0 ? "\xE2\x88\x9E" : "-\xE2\x88\x9E";
  const double magnitude = std::abs(value);
  if (magnitude == 0.0) return "0";
  if (magnitude >= 1e15 || magnitude < 1e-4) return fmt::format("{:.3g}", value);
  if (magnitude >= 999.95) return grouped(fmt::format("{:.0f}", value));
  const int decimals = magnitude >= 100.0 ? 1 : (magnitude >= 10.0 ? 2 : (magnitude >= 1.0 ? 3 : 4));
  return fmt::format("{:.{}f}", value, decimals);
}

std::string count(std::uint64_t value) { return grouped(fmt::format("{}", value)); }

std::string percent(double share) {
  if (!is_finite(100.0 * share)) return std::string(dash);
  return trimmed(fmt::format("{:.1f}", 100.0 * share)) + " %";
}

std::string hundredths(double share) { return is_finite(100.0 * share) ? fmt::format("{:.1f}", 100.0 * share) : std::string(dash); }

std::string nanoseconds(std::uint64_t value) {
  const auto ns = static_cast<double>(value);
  if (ns < 999.5) return fmt::format("{} ns", value);
  if (ns < 999.5e3) return scaled(ns / 1e3) + " \xC2\xB5s";
  if (ns < 999.5e6) return scaled(ns / 1e6) + " ms";
  return number(std::round(ns / 1e7) / 100.0) + " s";
}

std::string duration(Duration value) {
  const double s = seconds_of(value);
  const double magnitude = std::abs(s);
  if (magnitude < 1.0) return number(s * 1e3) + " ms";
  if (magnitude < 120.0) return number(s) + " s";
  if (magnitude < 7200.0) return trimmed(fmt::format("{:.1f}", s / 60.0)) + " min";
  if (magnitude < 172800.0) return trimmed(fmt::format("{:.1f}", s / 3600.0)) + " h";
  return trimmed(fmt::format("{:.1f}", s / 86400.0)) + " d";
}

std::string bytes(std::uint64_t value) {
  const auto size = static_cast<double>(value);
  if (size < 999.5) return fmt::format("{} B", value);
  if (size < 999.5e3) return scaled(size / 1e3) + " kB";
  if (size < 999.5e6) return scaled(size / 1e6) + " MB";
  return number(std::round(size / 1e7) / 100.0) + " GB";
}

std::string compact(double value) {
  const double magnitude = std::abs(value);
  if (magnitude >= 1e9) return trimmed(fmt::format("{:.2f}", value / 1e9)) + "G";
  if (magnitude >= 1e6) return trimmed(fmt::format("{:.2f}", value / 1e6)) + "M";
  if (magnitude >= 1e4) return trimmed(fmt::format("{:.2f}", value / 1e3)) + "k";
  return trimmed(fmt::format("{:.2f}", value));
}

std::string iso(Time at) {
  constexpr Time first = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
  constexpr Time end = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (at < first || at >= end) return "";
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(), time.seconds().count());
  if (time.subseconds().count() != 0) text += fmt::format(".{:06}", time.subseconds().count());
  return text + "Z";
}

std::string when(Time at) {
  const std::string text = at == Time{} ? "" : iso(at);
  return text.empty() ? text : text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

}  // namespace rtml::monitor
