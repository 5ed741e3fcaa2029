#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/replay/example_arena.hpp"

namespace rtml {

/// The last examples by event time: at most `capacity` of them, and none older than `span` before the newest. Kept in the order of time,
/// examples of one time in the order in which they came.
///
/// Allocates in the constructor and in bind(); `add` is O(d + nnz) in the order of time, and one step more for each example that it is
/// late; never allocates.
class SlidingWindow {
 public:
  struct Options {
    std::size_t capacity = 10'000;      ///< examples, in [1, 2^32)
    std::optional<Duration> span = {};  ///< event time from the newest example back, both ends included; > 0
    std::size_t max_sparse = 64;        ///< hashed features an example, unless bind() asks for more; one with more is refused
  };

  /// Consecutive examples of a window, oldest first: valid until the window changes.
  class Rows {
   public:
    class Iterator {
     public:
      using iterator_category = std::input_iterator_tag;
      using value_type = Example;
      using difference_type = std::ptrdiff_t;
      using pointer = void;
      using reference = Example;

      Iterator() = default;
      Iterator(const SlidingWindow& window, std::size_t i) noexcept : window_(&window), i_(i) {}
      Example operator*() const noexcept { return window_->at(i_); }
      Iterator& operator++() noexcept { return ++i_, *this; }
      Iterator operator++(int) noexcept {
        Iterator before = *this;
        ++i_;
        return before;
      }
      friend bool operator==(const Iterator&, const Iterator&) = default;

     private:
      const SlidingWindow* window_ = nullptr;
      std::size_t i_ = 0;
    };

    Rows(const SlidingWindow& window, std::size_t first) noexcept : window_(&window), first_(first) {}

    std::size_t size() const noexcept { return window_->size() - first_; }
    bool empty() const noexcept { return size() == 0; }
    /// @pre i < size()
    Example operator[](std::size_t i) const noexcept { return window_->at(first_ + i); }
    Iterator begin() const noexcept { return {*window_, first_}; }
    Iterator end() const noexcept { return {*window_, window_->size()}; }

   private:
    const SlidingWindow* window_;
    std::size_t first_;
  };

  SlidingWindow() : SlidingWindow(Options{}) {}

  /// @throws ConfigError
  explicit SlidingWindow(const Options& options)
      : arena_("SlidingWindow", options.capacity, options.max_sparse), span_(options.span.value_or(no_span)) {
    if (options.span) require("SlidingWindow", "span", span_.count(), span_.count() > 0, "> 0 us");
    places_.resize(options.capacity);
    clear();
  }

  /// Sizes the rows. Again with a schema that gained columns: keeps the examples, which miss the new ones.
  /// @throws SchemaError when `schema` lost or changed a column.
  void bind(const Schema& schema, std::size_t sparse = 0) { arena_.bind("SlidingWindow", schema, sparse); }

  /// Weight 0 does nothing; what is not usable, does not fit, or comes before bind() is refused and counted; what is older than the window
  /// reaches back is left out.
  void add(const Features& x, float y, float weight, Time at) noexcept {
    if (weight == 0.0F) return;
    if (!arena_.accepts(x, y, weight)) {
      ++refused_;
      return;
    }
    ++seen_;
    if (size_ > 0 && at < time(0) && (size_ == capacity() || is_before_span(at, time(size_ - 1)))) return;
    if (size_ == capacity()) drop_oldest();
    arena_.put(slot(size_), x, y, weight, at);
    ++size_;
    for (std::size_t i = size_ - 1; i > 0 && time(i) < time(i - 1); --i) std::swap(slot(i), slot(i - 1));
    while (is_before_span(time(0), time(size_ - 1))) drop_oldest();
  }

  /// Gives an example another weight; 0 = whoever learns from here passes it over. @pre i < size()
  void reweigh(std::size_t i, float weight) noexcept { arena_.reweigh(slot(i), weight); }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return arena_.capacity(); }
  Duration span() const noexcept { return span_; }  ///< 0 = of any age

  /// Oldest first. @pre i < size()
  Example at(std::size_t i) const noexcept { return arena_.at(slot(i)); }

  /// All of it, oldest first.
  Rows rows() const noexcept { return {*this, 0}; }

  /// What happened at `from` or later, oldest first. O(log n).
  Rows since(Time from) const noexcept {
    std::size_t low = 0;
    for (std::size_t high = size_; low < high;) {
      const std::size_t middle = low + (high - low) / 2;
      if (time(middle) < from) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return {*this, low};
  }

  /// Any of them, equally likely. @pre size() > 0
  Example sample(Rng& rng) const noexcept { return at(static_cast<std::size_t>(rng.below(size_))); }

  /// Examples added, those since dropped included.
  std::uint64_t seen() const noexcept { return seen_; }
  std::uint64_t refused() const noexcept { return refused_; }
  const Schema& schema() const noexcept { return arena_.schema(); }

  void clear() noexcept {
    std::iota(places_.begin(), places_.end(), 0U);
    head_ = 0, size_ = 0, seen_ = 0, refused_ = 0;
  }

  std::size_t memory_bytes() const noexcept { return sizeof(*this) + arena_.heap_bytes() + places_.capacity() * sizeof(std::uint32_t); }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("SlidingWindow", 1);
    Duration span = self.span_;
    ar(span);
    ar.check(span == self.span_, "span (saved: another one)");
    ar(self.seen_, self.refused_);
    std::size_t count = self.size_;
    detail::ExampleArena::archive(self.arena_, ar, count, [&](std::size_t i) { return self.slot(i); });
    ar.check(self.seen_ >= count, "seen");
    if constexpr (Ar::reading) {
      std::iota(self.places_.begin(), self.places_.end(), 0U);
      self.head_ = 0;
      self.size_ = count;
      ar.check(self.is_in_order(), "order of time");
    }
  }

 private:
  static constexpr Duration no_span{0};

  // places_ is a ring: from head_ the places of the examples in the order of time, then the free ones.
  std::size_t turn(std::size_t i) const noexcept {
    const std::size_t at = head_ + i;
    return at < places_.size() ? at : at - places_.size();
  }
  std::uint32_t slot(std::size_t i) const noexcept { return places_[turn(i)]; }
  std::uint32_t& slot(std::size_t i) noexcept { return places_[turn(i)]; }
  Time time(std::size_t i) const noexcept { return arena_.time(slot(i)); }

  void drop_oldest() noexcept {
    head_ = turn(1);
    --size_;
  }

  /// Whether `at` lies more than span_ before `newest`; computed without overflow.
  bool is_before_span(Time at, Time newest) const noexcept {
    if (span_ == no_span || at >= newest) return false;
    const auto apart = static_cast<std::uint64_t>(to_unix_micros(newest)) - static_cast<std::uint64_t>(to_unix_micros(at));
    return apart > static_cast<std::uint64_t>(span_.count());
  }

  bool is_in_order() const noexcept {
    for (std::size_t i = 1; i < size_; ++i)
      if (time(i) < time(i - 1)) return false;
    return size_ == 0 || !is_before_span(time(0), time(size_ - 1));
  }

  detail::ExampleArena arena_;
  Duration span_;
  std::vector<std::uint32_t> places_;  // [capacity]
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
