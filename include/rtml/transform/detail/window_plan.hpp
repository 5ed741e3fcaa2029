#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/window_reader.hpp"
#include "rtml/transform/detail/window_shape.hpp"

namespace rtml {

/// One window of a key, as a feature set declares it.
struct WindowColumn {
  WindowFunction function = WindowFunction::count;
  Duration span{};          ///< in (0, 36500 days]; of what fades, its half-life
  bool fading = false;      ///< a sum or count of all the past, which fades
  bool hopping = false;     ///< ends where its newest whole tile ends
  std::size_t value = 0;    ///< which of the key's
  std::size_t columns = 1;  ///< more for `last` only
  std::size_t place = 0;    ///< of its first column among those of the set
};

/// Windows that share their entities: of one key field, and one resolution.
struct WindowKey {
  std::uint64_t id = 0;               ///< says which it is, so that restored state finds it
  Duration hop{0};                    ///< 0: events are kept; else tiles of this length
  std::vector<std::uint64_t> values;  ///< id of each value
  std::vector<WindowColumn> windows;
};

namespace detail {

/// How entities of a key lie in memory, and how its windows are read from them.
struct WindowPlan {
  WindowShape::Key shape;
  WindowReader reader;

  WindowPlan(const WindowKey& key, std::int64_t lateness) {
    shape.hop = key.hop.count();
    shape.values = key.values.size();
    for (const WindowColumn& window : key.windows) {
      WindowAnswer answer{.function = window.function, .place = window.place, .columns = window.columns};
      if (window.fading) {
        add_fading(window, answer);
        continue;
      }
      shape.keeps_cells = true;
      shape.retention = std::max(shape.retention, window.span.count() + lateness);
      if (window.function == WindowFunction::distinct) {
        add_distinct(window, answer);
      } else {
        bind(window, answer);
        reader.answers.add(window.span.count(), window.hopping, answer);
      }
    }
    require("EntityWindows", "numbers of one key", shape.layout.words, shape.layout.words <= WindowReader::most_words,
            "at most 4096: fewer values or functions");
  }

 private:
  void add_distinct(const WindowColumn& window, const WindowAnswer& answer) {
    const std::uint32_t offset = shape.layout.slot(SlotKind::distinct, window.value);
    auto& all = reader.distinct_answers;
    auto found = std::find_if(all.begin(), all.end(), [&](const DistinctAnswers& answers) { return answers.offset == offset; });
    if (found == all.end()) found = all.insert(found, {static_cast<std::uint32_t>(window.value), offset, {}});
    found->spans.add(window.span.count(), window.hopping, answer);
  }

  void add_fading(const WindowColumn& window, WindowAnswer& answer) {
    const bool counts = window.function == WindowFunction::count;
    const WindowShape::Fading fading{counts ? none : static_cast<std::uint32_t>(window.value), window.span.count()};
    const auto found = std::find(shape.fadings.begin(), shape.fadings.end(), fading);
    answer.first = static_cast<std::uint32_t>(found - shape.fadings.begin());
    if (found == shape.fadings.end()) shape.fadings.push_back(fading);
    reader.fading_answers.push_back(answer);
  }

  /// Finds the slots that a window reads.
  void bind(const WindowColumn& window, WindowAnswer& answer) {
    const auto slot = [&](SlotKind kind) { return shape.layout.slot(kind, kind == SlotKind::newest ? 0 : window.value); };
    switch (window.function) {
      case WindowFunction::count:
      case WindowFunction::rate: break;
      case WindowFunction::time_since_last: answer.first = slot(SlotKind::newest); break;
      case WindowFunction::sum: answer.first = slot(SlotKind::sum); break;
      case WindowFunction::variance: answer.squares = slot(SlotKind::squares); [[fallthrough]];
      case WindowFunction::mean:
        answer.first = slot(SlotKind::sum);
        answer.usable = slot(SlotKind::usable);
        break;
      case WindowFunction::lowest: answer.first = slot(SlotKind::lowest); break;
      case WindowFunction::highest: answer.first = slot(SlotKind::highest); break;
      case WindowFunction::distinct: break;  // read apart
      case WindowFunction::last: answer.first = static_cast<std::uint32_t>(window.value); break;
    }
  }
};

}  // namespace detail
}  // namespace rtml
