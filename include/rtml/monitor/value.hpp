#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "rtml/core/archive.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::monitor {

/// A number that nobody knows: shown as a dash, null in JSON, NaN in Prometheus text.
inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// A named number.
struct Value {
  std::string name;
  double value = unknown;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.value);
  }
};

/// A number between what it may be at least and at most.
struct Estimate {
  double value = unknown;
  double low = unknown;
  double high = unknown;

  bool known() const noexcept { return is_finite(value); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.value, self.low, self.high);
  }
};

enum class Severity : std::uint8_t { good, attention, alarm };

constexpr std::string_view name_of(Severity severity) noexcept {
  return severity == Severity::good ? "good" : (severity == Severity::attention ? "attention" : "alarm");
}

}  // namespace rtml::monitor
