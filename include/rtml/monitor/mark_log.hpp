#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"

namespace rtml::monitor {

/// Something that happened to the loop.
struct Mark {
  std::uint64_t event = 0;
  Time at{};
  std::string kind;  ///< one lane of the chart each: "drift", "retrain", "promotion", "alarm", "resume"
  std::string text;  ///< what and why, one sentence

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Mark", 1);
    ar(self.event, self.at, self.kind, self.text);
  }
};

/// The last marks of a loop, a bounded number; the oldest make room and are counted.
class MarkLog {
 public:
  struct Options {
    std::size_t capacity = 256;  ///< marks at most, in [1, 65536]
  };

  MarkLog() : MarkLog(Options{}) {}

  /// @throws ConfigError if an option is outside its documented range.
  explicit MarkLog(const Options& options) : capacity_(options.capacity) {
    require("MarkLog", "capacity", options.capacity, is_capacity(options.capacity), "in [1, 65536]");
  }

  /// O(capacity) when full.
  void add(Mark mark) {
    if (marks_.size() == capacity_) {
      marks_.erase(marks_.begin());
      ++dropped_;
    }
    marks_.push_back(std::move(mark));
  }

  /// Oldest first.
  const std::vector<Mark>& marks() const noexcept { return marks_; }

  /// How many older ones made room.
  std::uint64_t dropped() const noexcept { return dropped_; }

  std::size_t memory_bytes() const noexcept {
    std::size_t bytes = sizeof(*this) + marks_.capacity() * sizeof(Mark);
    for (const Mark& mark : marks_) bytes += mark.kind.capacity() + mark.text.capacity();
    return bytes;
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("MarkLog", 1);
    std::uint64_t capacity = self.capacity_;
    ar(capacity, self.marks_, self.dropped_);
    ar.check(is_capacity(capacity) && self.marks_.size() <= capacity, "capacity");
    if constexpr (Ar::reading) self.capacity_ = static_cast<std::size_t>(capacity);
  }

 private:
  static constexpr bool is_capacity(std::uint64_t capacity) noexcept { return capacity >= 1 && capacity <= 65536; }

  std::size_t capacity_;
  std::vector<Mark> marks_;
  std::uint64_t dropped_ = 0;
};

}  // namespace rtml::monitor
