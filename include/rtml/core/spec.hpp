#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/core/time.hpp"

namespace rtml {

/// "one of a, b, c": the rule in the message about a name that is none of them.
inline std::string one_of(std::span<const std::string_view> names) {
  std::string rule;
  for (const std::string_view name : names) rule.append(rule.empty() ? "one of " : ", ").append(name);
  return rule;
}

/// "30s", "90m", "12h", "7d", up to a hundred years; nullopt of anything else.
inline std::optional<Duration> duration_of(std::string_view text) {
  std::int64_t count = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto unit = text.substr(static_cast<std::size_t>(result.ptr - text.data()));
  const std::int64_t second = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86'400 : 0;
  const std::int64_t most = 36500LL * 86'400;
  if (result.ec != std::errc{} || second == 0 || count < 0 || count > most / second) return std::nullopt;
  return seconds(count * second);
}

/// A thing named on a command line with its parameters: `NAME[:k=v,...]`, as in "logistic:optimizer=ftrl,l1=1e-6". A part without `=`
/// (or with a comparison before it, as in "metric:accuracy<0.9") is a word. Whoever builds the thing asks for each option that it knows
/// and ends with `finish()`, so that an option that nobody asked for is an error and not silence.
class Spec {
 public:
  /// @throws ConfigError when the name or a key is empty, or a key stands twice.
  explicit Spec(std::string_view text) : whole_(text) {
    const std::size_t colon = text.find(':');
    name_ = std::string(text.substr(0, colon));
    require("specification", "name", text, !name_.empty(), "NAME or NAME:k=v,...");
    if (colon == std::string_view::npos) return;
    std::string_view rest = text.substr(colon + 1);
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      add(rest.substr(0, comma));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }

  const std::string& name() const noexcept { return name_; }
  const std::string& whole() const noexcept { return whole_; }  ///< as it was given

  /// @throws ConfigError when the value is not a finite number.
  double number(std::string_view key, double otherwise) { return parsed(key, otherwise, "a number"); }

  /// @throws ConfigError when the value is not a whole number in [least, most].
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    const std::int64_t value = parsed(key, otherwise, "a whole number");
    require(name_, key, value, value >= least, ">= " + to_text(least));
    require(name_, key, value, value <= most, "<= " + to_text(most));
    return value;
  }

  /// @throws ConfigError when the value is not a duration as 90m or 7d.
  Duration duration(std::string_view key, Duration otherwise) {
    const Part* part = ask(key);
    if (part == nullptr) return otherwise;
    const auto value = duration_of(part->value);
    require(name_, key, part->value, value.has_value(), "a number of s, m, h or d, as in 90m or 7d");
    return *value;
  }

  std::string text(std::string_view key, std::string_view otherwise) {
    const Part* part = ask(key);
    return std::string(part != nullptr ? std::string_view(part->value) : otherwise);
  }

  /// True for the word `key` and for key=true or key=1, false for key=false or key=0 and when it does not stand there.
  /// @throws ConfigError for another value.
  bool flag(std::string_view key) {
    const Part* part = ask(key);
    if (part == nullptr) return false;
    const bool yes = part->word || part->value == "true" || part->value == "1";
    require(name_, key, part->value, yes || part->value == "false" || part->value == "0", "true or false");
    return yes;
  }

  /// The words that nobody asked for by `flag`, which they hereby are: for things whose words are data ("accuracy<0.9").
  std::vector<std::string> words() {
    std::vector<std::string> found;
    for (Part& part : parts_) {
      if (!part.word || part.asked) continue;
      part.asked = true;
      found.push_back(part.key);
    }
    return found;
  }

  /// @throws ConfigError that names the first option nobody asked for and lists the known ones.
  void finish() const {
    for (const Part& part : parts_) {
      std::string rule = known_.empty() ? "left out: there are none" : "one of ";
      for (const std::string& key : known_) rule += (&key == &known_.front() ? "" : ", ") + key;
      require(name_, "option", part.key, part.asked, rule);
    }
  }

 private:
  struct Part {
    std::string key;
    std::string value;
    bool word = false;
    bool asked = false;
  };

  void add(std::string_view text) {
    const std::size_t equals = text.find('=');
    const bool word = equals == std::string_view::npos || text.substr(0, equals).find_first_of("<>") != std::string_view::npos;
    Part part{std::string(text.substr(0, word ? text.size() : equals)), word ? std::string() : std::string(text.substr(equals + 1)), word};
    require(name_, "option", text, !part.key.empty(), "k=v");
    require(name_, "option", part.key, find(part.key) == nullptr, "named once");
    parts_.push_back(std::move(part));
  }

  Part* find(std::string_view key) noexcept {
    const auto at = std::find_if(parts_.begin(), parts_.end(), [key](const Part& part) { return part.key == key; });
    return at == parts_.end() ? nullptr : &*at;
  }

  const Part* ask(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
    Part* part = find(key);
    if (part != nullptr) part->asked = true;
    return part;
  }

  template <class T>
  T parsed(std::string_view key, T otherwise, std::string_view rule) {
    const Part* part = ask(key);
    if (part == nullptr) return otherwise;
    T value{};
    const char* end = part->value.data() + part->value.size();
    const auto result = std::from_chars(part->value.data(), end, value);
    bool holds = result.ec == std::errc{} && result.ptr == end;
    if constexpr (std::floating_point<T>) holds = holds && is_finite(value);
    require(name_, key, part->value, holds, rule);
    return value;
  }

  std::string whole_;
  std::string name_;
  std::vector<Part> parts_;
  std::vector<std::string> known_;  // in the order asked for
};

}  // namespace rtml
