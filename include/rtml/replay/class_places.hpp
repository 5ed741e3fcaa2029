#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace rtml::detail {

/// Whether a label is one of the classes 0, 1, ..., `classes` - 1.
inline bool is_class(float y, std::size_t classes) noexcept {
  return y >= 0.0F && y < static_cast<float>(classes) && static_cast<float>(static_cast<std::size_t>(y)) == y;
}

/// Which places of an ExampleArena hold which class: first those of class 0, then those of class 1, ...; what lies behind the last class is
/// free. A place changes its class in O(classes).
class ClassPlaces {
 public:
  ClassPlaces(std::size_t capacity, std::size_t classes) : ends_(classes), places_(capacity) { clear(); }

  std::size_t size() const noexcept { return ends_.back(); }
  std::size_t classes() const noexcept { return ends_.size(); }
  std::size_t count(std::size_t label) const noexcept { return ends_[label] - begin_of(label); }

  /// Of the first class that has the most.
  std::size_t largest() const noexcept {
    std::size_t best = 0;
    for (std::size_t label = 1; label < classes(); ++label)
      if (count(label) > count(best)) best = label;
    return best;
  }

  /// Class by class. @pre i < size()
  std::size_t operator[](std::size_t i) const noexcept { return places_[i]; }

  /// The k-th of a class. @pre k < count(label)
  std::size_t of(std::size_t label, std::size_t k) const noexcept { return places_[begin_of(label) + k]; }

  /// Gives the first free place to `label`. Each class behind it hands its first place on as its last.
  std::size_t take(std::size_t label) noexcept {
    for (std::size_t k = classes() - 1; k > label; --k) std::swap(places_[ends_[k]++], places_[begin_of(k)]);
    return places_[ends_[label]++];
  }

  /// Gives the k-th place of class `from` to `label`.
  std::size_t hand_over(std::size_t from, std::size_t k, std::size_t label) noexcept {
    std::size_t at = begin_of(from) + k;
    // The gap travels from class to class: each fills it with its nearest end and opens one at the other.
    for (std::size_t each = from; each < label; ++each) {
      std::swap(places_[at], places_[ends_[each] - 1]);
      at = --ends_[each];
    }
    for (std::size_t each = from; each > label; --each) {
      std::swap(places_[at], places_[begin_of(each)]);
      at = ends_[each - 1]++;
    }
    return places_[at];
  }

  void clear() noexcept {
    std::fill(ends_.begin(), ends_.end(), 0);
    std::iota(places_.begin(), places_.end(), 0U);
  }

  std::size_t heap_bytes() const noexcept { return (ends_.capacity() + places_.capacity()) * sizeof(std::uint32_t); }

  /// How many each class has: rows are archived in the order of operator[], and are at places 0, 1, ... once read.
  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::size_t classes = self.ends_.size();
    ar(self.ends_);
    ar.check(self.ends_.size() == classes, "max_classes (saved: another one)");
    if constexpr (Ar::reading) {
      std::iota(self.places_.begin(), self.places_.end(), 0U);
      ar.check(std::is_sorted(self.ends_.begin(), self.ends_.end()) && self.ends_.back() <= self.places_.size(), "classes");
    }
  }

 private:
  std::size_t begin_of(std::size_t label) const noexcept { return label == 0 ? 0 : ends_[label - 1]; }

  std::vector<std::uint32_t> ends_;    // [classes]: where in places_ a class ends
  std::vector<std::uint32_t> places_;  // [capacity]
};

}  // namespace rtml::detail
