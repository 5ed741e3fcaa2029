#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/monitor/value.hpp"

// What the sections of the page are made of.

namespace rtml::monitor {

inline constexpr std::size_t most_words = 400;  // characters of a sentence that somebody else wrote

template <class... Args>
void put(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

struct Head {
  std::string text;  ///< escaped
  bool number = false;
};

/// A table that scrolls within itself where the page is narrow.
void begin_table(std::string& out, const std::vector<Head>& heads, std::string_view label);
void end_table(std::string& out);

/// "Good", "Attention", "Alarm".
std::string_view word_of(Severity severity);

/// A disc, a triangle, a square, as SVG in [0, 10]^2: told apart without colour.
std::string_view shape_of(Severity severity);

/// The square of an alarm, with its word for who does not see it.
std::string flag_of(bool alarmed);

/// "< 0.001" where a p-value is that small.
std::string p_value(double p);

}  // namespace rtml::monitor
