#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/cells.hpp"
#include "rtml/transform/detail/fading.hpp"
#include "rtml/transform/detail/tally_answers.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml {

/// What a window says of its events.
enum class WindowFunction : std::uint8_t {
  count,
  rate,
  time_since_last,
  sum,
  mean,
  variance,
  lowest,
  highest,
  distinct,
  last,
  quantile,
  top_k,
  top_share
};

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

/// Windows about the same events: [from, to), where to is the time of the question, or for `hopping` that rounded down to a hop.
struct SpanAnswers {
  std::int64_t length = 0;  // microseconds
  bool hopping = false;
  std::vector<WindowAnswer> wanted;
};

/// Spans of one end are nested: the shorter first, each adds to what the one before came to, and no cell is added up twice.
class SpanList {
 public:
  void add(std::int64_t length, bool hopping, const WindowAnswer& answer) {
    const auto before = [](const SpanAnswers& a, const SpanAnswers& b) {
      return std::pair(a.hopping, a.length) < std::pair(b.hopping, b.length);
    };
    SpanAnswers made{length, hopping, {}};
    auto place = std::lower_bound(spans_.begin(), spans_.end(), made, before);
    if (place == spans_.end() || before(made, *place)) place = spans_.insert(place, std::move(made));
    place->wanted.push_back(answer);
  }

  auto begin() const noexcept { return spans_.begin(); }
  auto end() const noexcept { return spans_.end(); }

 private:
  std::vector<SpanAnswers> spans_;
};

/// What is counted of one value.
struct DistinctAnswers {
  std::uint32_t value = 0;   // in an event
  std::uint32_t offset = 0;  // in a partial aggregate
  SpanList spans;
};

/// The windows of one key.
struct WindowReader {
  static constexpr std::size_t most_words = 4096;  // of a partial aggregate

  SpanList answers;
  std::vector<DistinctAnswers> distinct_answers;
  std::vector<TallyAnswers> tally_answers;
  std::vector<WindowAnswer> fading_answers;

  /// Writes the key's windows as of `now` into their places; `entity` may be nullptr: then there are no events. Only reads.
  void read(const WindowShape::Key& key, const Entity* entity, std::int64_t now, std::span<float> out) const noexcept {
    if (entity != nullptr && !entity->fed) entity = nullptr;
    read_fading(key, entity, now, out);
    read_spans(key, entity, now, out);
    for (const DistinctAnswers& wanted : distinct_answers) read_distinct(key, wanted, entity, now, out);
    for (const TallyAnswers& wanted : tally_answers) wanted.read(Range(key, wanted.length, wanted.hopping, entity, now), out);
  }

 private:
  static constexpr float missing = std::numeric_limits<float>::quiet_NaN();

  /// A window's number never makes an example unusable.
  static float limited(double value) noexcept {
    constexpr auto limit = static_cast<double>(largest_magnitude);
    return static_cast<float>(value > limit ? limit : (value < -limit ? -limit : value));
  }

  /// The cells of [from, to), and of tiles the newest instant where that lies inside.
  struct Range {
    Range(const WindowShape::Key& of_key, std::int64_t length, bool hopping, const Entity* of, std::int64_t now) noexcept
        : key(of_key), entity(of), from(now - length), to(now) {
      if (!key.tiles()) return;
      // A tile that is open at `now` also holds what came after it, when something did.
      if (hopping || (entity != nullptr && now < entity->newest)) to = key.cell_of(now);
      from = hopping ? to - length : key.cell_of(from);
    }

    template <class Visit>
    void visit(Visit& visitor) const noexcept {
      visit_before(to, visitor);
    }

    /// Those that are before `end`.
    template <class Visit>
    void visit_before(std::int64_t end, Visit& visitor) const noexcept {
      visit_cells(key, *entity, from, end, visitor);
      if (key.tiles() && entity->newest >= from && entity->newest < end) visitor.partial(entity->head);
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

  /// Calls next(span, range, end) for each span: what lies in [range.from, end) was in none before it of the same end; and begin() where
  /// another end begins.
  template <class Begin, class Next>
  static void each_span(const SpanList& spans, const WindowShape::Key& key, const Entity* entity, std::int64_t now, const Begin& begin,
                        const Next& next) noexcept {
    const SpanAnswers* before = nullptr;
    std::int64_t end = now;
    for (const SpanAnswers& span : spans) {
      const Range range(key, span.length, span.hopping, entity, now);
      if (before == nullptr || span.hopping != before->hopping) {
        begin();
        end = range.to;
      }
      next(span, range, end);
      end = range.from;
      before = &span;
    }
  }

  void read_spans(const WindowShape::Key& key, const Entity* entity, std::int64_t now, std::span<float> out) const noexcept {
    std::array<std::uint64_t, most_words> sum;  // only as many as the key has
    SumUp visitor{key, sum.data()};
    each_span(
        answers, key, entity, now, [&]() noexcept { key.layout.clear(sum.data()); },
        [&](const SpanAnswers& span, const Range& range, std::int64_t end) noexcept {
          if (entity != nullptr) range.visit_before(end, visitor);
          for (const WindowAnswer& answer : span.wanted) {
            if (answer.function == WindowFunction::last) {
              read_last(range, answer, out);
            } else {
              out[answer.place] = of(answer, sum.data(), now, range);
            }
          }
        });
  }

  static void read_distinct(const WindowShape::Key& key, const DistinctAnswers& distinct, const Entity* entity, std::int64_t now,
                            std::span<float> out) noexcept {
    Unite visitor{key, distinct.value, distinct.offset, DistinctUnion()};
    each_span(
        distinct.spans, key, entity, now, [&]() noexcept { visitor.all.clear(); },
        [&](const SpanAnswers& span, const Range& range, std::int64_t end) noexcept {
          if (entity != nullptr) range.visit_before(end, visitor);
          const auto count = static_cast<float>(visitor.all.estimate());
          for (const WindowAnswer& answer : span.wanted) out[answer.place] = count;
        });
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
