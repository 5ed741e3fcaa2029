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
  std::size_t columns = 1;  ///< more for `last`, and of `top_k` two for each value: its key's bits, its part of the events
  double q = 0.0;           ///< of a quantile, in [0, 1]
  std::size_t k = 0;        ///< of top_k and top_share, in [1, 64]
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
    shape.hashes.resize(shape.values);
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
      } else if (!add_tally(window)) {
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
    shape.hashes[window.value] = true;
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

  /// False when the window is of another function.
  bool add_tally(const WindowColumn& window) {
    const bool quantile = window.function == WindowFunction::quantile;
    const bool share = window.function == WindowFunction::top_share;
    if (!quantile && !share && window.function != WindowFunction::top_k) return false;
    const auto value = static_cast<std::uint32_t>(window.value);
    const std::uint32_t at = shape.tiles() ? shape.layout.slot(quantile ? SlotKind::quantiles : SlotKind::top, value) : value;
    TallyAnswers& answers = tallies_of(window);
    if (quantile) {
      answers.add_quantile(at, window.q, window.place);
    } else {
      shape.hashes[value] = true;
      answers.tops.push_back({at, window.k, share, window.place});
    }
    return true;
  }

  TallyAnswers& tallies_of(const WindowColumn& window) {
    for (TallyAnswers& answers : reader.tally_answers)
      if (answers.length == window.span.count() && answers.hopping == window.hopping) return answers;
    return reader.tally_answers.emplace_back(TallyAnswers{window.span.count(), window.hopping, {}, {}});
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
      case WindowFunction::last: answer.first = static_cast<std::uint32_t>(window.value); break;
      default: break;  // read apart
    }
  }
};

}  // namespace detail
}  // namespace rtml
