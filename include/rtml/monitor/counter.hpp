#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"

namespace rtml::monitor {

/// Counts from any number of threads: one relaxed addition, on a cache line of its own. A copy is the count at that moment.
class alignas(64) Counter {
 public:
  Counter() = default;
  Counter(const Counter& other) noexcept : value_(other.load()) {}
  Counter& operator=(const Counter& other) noexcept {
    value_.store(other.load(), std::memory_order_relaxed);
    return *this;
  }
  ~Counter() = default;

  void add(std::uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t load() const noexcept { return value_.load(std::memory_order_relaxed); }

  std::size_t memory_bytes() const noexcept { return sizeof(*this); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    std::uint64_t value = self.load();
    ar(value);
    if constexpr (Ar::reading) self.value_.store(value, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// One label of a sample.
struct Label {
  std::string name;
  std::string value;

  friend bool operator==(const Label&, const Label&) = default;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar(self.name, self.value);
  }
};

/// One number as a metrics registry sees it.
struct Sample {
  enum class Type : std::uint8_t {
    counter,  ///< only grows; its name ends in _total
    gauge,
    summary,  ///< quantiles under one name with a label `quantile`, beside NAME_sum and NAME_count
  };

  std::string name;  ///< [a-zA-Z_:][a-zA-Z0-9_:]*
  std::string help;
  double value = 0.0;
  std::vector<Label> labels = {};
  Type type = Type::counter;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Sample", 1);
    ar(self.name, self.help, self.value, self.labels, self.type);
    ar.check(self.type <= Type::summary, "type");
  }
};

constexpr std::string_view name_of(Sample::Type type) noexcept {
  return type == Sample::Type::counter ? "counter" : (type == Sample::Type::gauge ? "gauge" : "summary");
}

}  // namespace rtml::monitor
