#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"

// How numbers, times and other people's words become text.

namespace rtml::monitor {

/// `text` with every byte that is not part of a UTF-8 sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

/// For HTML text and quoted attributes: valid UTF-8, no control characters, the five special ones as references.
std::string escaped(std::string_view text);

/// `escaped`, of at most `most` characters, an ellipsis for the rest.
std::string clipped(std::string_view text, std::size_t most);

/// `clipped`, to fewer characters where they take many bytes: at most 5/4 `most` bytes.
std::string brief(std::string_view text, std::size_t most);

/// For people: at most four significant digits, thousands in groups, a dash for NaN.
std::string number(double value);

/// `number` with the zeros at its end, so that a column of a table lines up.
std::string in_column(double value);
std::string count(std::uint64_t value);

/// 0.0123 -> "1.2 %"; a dash for NaN.
std::string percent(double share);

/// 0.0123 -> "1.2", where the head of the column says percent; a dash for NaN.
std::string hundredths(double share);

/// "812 ns", "2.3 \u00b5s", "14 ms", "1.2 s".
std::string nanoseconds(std::uint64_t value);

/// "90 s", "5 min", "3.5 h", "7 d".
std::string duration(Duration value);
inline double seconds_of(Duration value) { return static_cast<double>(value.count()) / 1e6; }

/// "1.5 MB", powers of 1000.
std::string bytes(std::uint64_t value);

/// "1.5k", "20M": for axes.
std::string compact(double value);

/// "2026-11-23T01:46:40Z", with microseconds when there are any; empty outside the years 1 to 9999.
std::string iso(Time at);

/// "2026-11-23 01:46 UTC"; empty for the epoch, which stands for "no time".
std::string when(Time at);

/// False of what no axis can hold.
inline bool drawable(double value) { return is_finite(value) && std::abs(value) < 1e300; }

}  // namespace rtml::monitor
