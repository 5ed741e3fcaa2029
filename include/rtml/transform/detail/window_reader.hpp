#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/cells.hpp"
#include "rtml/transform/detail/fading.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml {

/// What a window says of its events.
enum class WindowFunction : std::uint8_t { count, rate, time_since_last, sum, mean, variance, lowest, highest, distinct, last };

namespace detail {

/// One window of a key, and where its numbers come from and go to.
struct WindowAnswer {
  WindowFunction function = WindowFunction::count;
  std::uint32_t first = 0;    // offset of the slot that it reads; of a fading sum which it is; of `last` the value
  std::uint32_t usable = 0;   // offset of the number of usable values
  std::uint32_t squares = 0;  // offset of the sum of squares
  std::size_t place = 0;      // of its first column
  std::size_t columns = 1;
};

/// The windows of one key, grouped by the events that they are about.
struct WindowReader {
  static constexpr std::size_t most_words = 4096;  // of a partial aggregate

  std::vector<std::vector<WindowAnswer>> answers;  // [spans of the key]
  std::vector<WindowAnswer> fading_answers;

  /// Writes the key's windows as of `now` into their places; `entity` may be nullptr: then there are no events. Only reads.
  void read(const WindowShape::Key& key, const Entity* entity, std::int64_t now, std::span<float> out) const noexcept {
    if (entity != nullptr && !entity->fed) entity = nullptr;
    read_fading(key, entity, now, out);
    for (std::size_t s = 0; s < key.spans.size(); ++s) read_span(key, key.spans[s], answers[s], entity, now, out);
  }

 private:
  static constexpr float missing = std::numeric_limits<float>::quiet_NaN();

  /// A window's number never makes an example unusable.
  static float limited(double value) noexcept {
    constexpr auto limit = static_cast<double>(largest_magnitude);
    return static_cast<float>(value > limit ? limit : (value < -limit ? -limit : value));
  }

  /// The events that a window is about: cells of [from, to), and of tiles the newest instant where that lies inside.
  struct Range {
    Range(const WindowShape::Key& of_key, const WindowShape::Span& span, const Entity* of, std::int64_t now) noexcept
        : key(of_key), entity(of), from(now - span.length), to(now) {
      if (!key.tiles()) return;
      // A tile that is open at `now` also holds what came after it, when something did.
      if (span.hopping || (entity != nullptr && now < entity->newest)) to = key.cell_of(now);
      from = span.hopping ? to - span.length : key.cell_of(from);
    }

    bool with_head() const noexcept { return key.tiles() && entity->newest >= from && entity->newest < to; }

    template <class Visit>
    void visit(Visit& visitor) const noexcept {
      visit_cells(key, *entity, from, to, visitor);
      if (with_head()) visitor.partial(entity->head);
    }

    const WindowShape::Key& key;
    const Entity* entity;
    std::int64_t from;
    std::int64_t to;
  };

  struct SumUp {
    void cell(std::int64_t time, const std::uint64_t* words) const noexcept {
      if (key.tiles()) return partial(words);
      key.layout.add(sum, time, words, nullptr, std::false_type{});
    }
    void partial(const std::uint64_t* words) const noexcept { key.layout.merge(sum, words, nullptr, std::false_type{}); }

    const WindowShape::Key& key;
    std::uint64_t* sum;
  };

  struct Unite {
    void cell(std::int64_t /*time*/, const std::uint64_t* words) noexcept {
      if (key.tiles()) return partial(words);
      if (words[value] != 0) all.add(distinct_entry(words[value]));
    }
    void partial(const std::uint64_t* words) noexcept { all.add_sketch(words[offset]); }

    const WindowShape::Key& key;
    std::uint32_t value;
    std::uint32_t offset;
    DistinctUnion all;
  };

  static void read_span(const WindowShape::Key& key, const WindowShape::Span& span, const std::vector<WindowAnswer>& wanted,
                        const Entity* entity, std::int64_t now, std::span<float> out) noexcept {
    std::array<std::uint64_t, most_words> sum;  // only as many as the key has
    key.layout.clear(sum.data());
    const Range range(key, span, entity, now);
    if (entity != nullptr) {
      SumUp visitor{key, sum.data()};
      range.visit(visitor);
    }
    for (const WindowAnswer& answer : wanted) {
      if (answer.function == WindowFunction::last) {
        read_last(range, answer, out);
      } else if (answer.function == WindowFunction::distinct) {
        out[answer.place] = sum[0] == 0 ? 0.0F : count_distinct(range, answer);
      } else {
        out[answer.place] = of(answer, sum.data(), now, range);
      }
    }
  }

  static float of(const WindowAnswer& answer, const std::uint64_t* sum, std::int64_t now, const Range& range) noexcept {
    const std::uint64_t* const slot = sum + answer.first;
    const auto usable = static_cast<double>(sum[answer.usable]);
    switch (answer.function) {
      case WindowFunction::count: return limited(static_cast<double>(sum[0]));
      case WindowFunction::rate: return limited(static_cast<double>(sum[0]) / (static_cast<double>(range.to - range.from) / 1e6));
      case WindowFunction::sum: return limited(wide_to_double(slot));
      case WindowFunction::mean: return usable > 0.0 ? limited(wide_to_double(slot) / usable) : missing;
      case WindowFunction::variance: return usable > 0.0 ? limited(variance_of(sum[answer.usable], slot, sum + answer.squares)) : missing;
      case WindowFunction::time_since_last: {
        const auto newest = static_cast<std::int64_t>(*slot);
        return newest != no_highest ? static_cast<float>(static_cast<double>(now - newest) / 1e6) : missing;
      }
      case WindowFunction::lowest:
      case WindowFunction::highest: {
        const auto extreme = static_cast<std::int64_t>(*slot);
        return extreme != no_lowest && extreme != no_highest ? limited(unordered(extreme)) : missing;
      }
      default: return missing;
    }
  }

  static float count_distinct(const Range& range, const WindowAnswer& answer) noexcept {
    Unite visitor{range.key, answer.usable, answer.first, DistinctUnion()};
    range.visit(visitor);
    return static_cast<float>(visitor.all.estimate());
  }

  static void read_last(const Range& range, const WindowAnswer& answer, std::span<float> out) noexcept {
    std::size_t column = 0;
    if (range.entity != nullptr && range.entity->root != nullptr) {
      auto visitor = [&](const std::uint64_t* words) noexcept {
        const auto value = std::bit_cast<double>(words[answer.first]);
        if (is_usable(value)) out[answer.place + column++] = limited(value);
        return column < answer.columns;
      };
      visit_newest(range.key, range.entity->root, range.entity->height, range.from, range.to, visitor);
    }
    for (; column < answer.columns; ++column) out[answer.place + column] = missing;
  }

  void read_fading(const WindowShape::Key& key, const Entity* entity, std::int64_t now, std::span<float> out) const noexcept {
    for (const WindowAnswer& answer : fading_answers) {
      float& place = out[answer.place];
      if (entity == nullptr) {
        place = 0.0F;
      } else if (now < entity->newest) {
        place = missing;  // what it was then is not known any more
      } else {
        const double before = number_in(entity->head[key.fadings_at() + 2 * answer.first]);
        const double at = number_in(entity->head[key.fadings_at() + 2 * answer.first + 1]);
        const double factor = fading_factor(now - entity->newest, key.fadings[answer.first].half_life);
        place = limited(now == entity->newest ? before : (before + at) * factor);
      }
    }
  }
};

}  // namespace detail
}  // namespace rtml
