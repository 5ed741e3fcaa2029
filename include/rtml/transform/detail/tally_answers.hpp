#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "rtml/core/finite.hpp"
#include "rtml/transform/detail/quantile_tally.hpp"
#include "rtml/transform/detail/top_tally.hpp"

namespace rtml::detail {

inline constexpr std::size_t most_top_values = 64;

/// What windows about the same events say of how often values came: their quantiles, the most frequent of them. Of tiles by their tallies, of events
/// from the events themselves.
struct TallyAnswers {
  struct Quantile {
    double q = 0.0;
    std::size_t place = 0;
  };
  /// Of one value; they share what is gathered.
  struct Quantiles {
    std::uint32_t at = 0;  // offset of the slot; where events are kept, of the value
    std::vector<Quantile> wanted;
  };
  struct Top {
    std::uint32_t at = 0;
    std::size_t k = 1;
    bool share = false;     // only what part of the events the k come to, one column; else k pairs of {key, part of the events}
    std::size_t place = 0;  // of its first column
  };

  std::int64_t length = 0;  // microseconds
  bool hopping = false;
  std::vector<Quantiles> quantiles;
  std::vector<Top> tops;

  void add_quantile(std::uint32_t at, double q, std::size_t place) {
    for (Quantiles& group : quantiles)
      if (group.at == at) return group.wanted.push_back({q, place});
    quantiles.push_back({at, {{q, place}}});
  }

  /// `range`: what a window is about, empty without an entity.
  template <class Range>
  void read(const Range& range, std::span<float> out) const noexcept {
    for (const Quantiles& group : quantiles) {
      if (range.key.tiles()) {
        read_tiles(range, group, out);
      } else {
        read_events(range, group, out);
      }
    }
    for (const Top& top : tops) read_top(range, top, out);
  }

 private:
  static constexpr float missing = std::numeric_limits<float>::quiet_NaN();

  /// Each event by itself.
  template <class Use>
  struct EachEvent {
    static bool is_enough(const std::uint64_t* /*partial*/) noexcept { return false; }
    static void partial(const std::uint64_t* /*words*/) noexcept {}
    void cell(std::int64_t /*time*/, const std::uint64_t* words) const noexcept { use(words); }
    const Use& use;
  };
  template <class Range, class Use>
  static void each_event(const Range& range, const Use& use) noexcept {
    if (range.entity == nullptr) return;
    const EachEvent<Use> visitor{use};
    range.visit(visitor);
  }

  /// Each tally of one slot with its number of events, of tiles or of nodes where they have it.
  template <class Use>
  struct EachTally {
    bool is_enough(const std::uint64_t* partial) const noexcept { return partial[at] != top_look_below; }
    void partial(const std::uint64_t* words) const noexcept { use(words[0], view_tally(words[at])); }
    void cell(std::int64_t /*time*/, const std::uint64_t* words) const noexcept { partial(words); }
    std::uint32_t at;
    const Use& use;
  };
  template <class Range, class Use>
  static void each_tally(const Range& range, std::uint32_t at, const Use& use) noexcept {
    if (range.entity == nullptr) return;
    const EachTally<Use> visitor{at, use};
    range.visit(visitor);
  }

  template <class Range>
  static void read_tiles(const Range& range, const Quantiles& group, std::span<float> out) noexcept {
    Tally all;
    each_tally(range, group.at, [&](std::uint64_t /*events*/, const TallyView& tally) noexcept { gather_quantiles(all, tally); });
    for (const Quantile& each : group.wanted) out[each.place] = quantile_of(all, each.q);
  }

  template <class Range>
  static void read_events(const Range& range, const Quantiles& group, std::span<float> out) noexcept {
    const auto each_key = [&](const auto& use) noexcept {
      each_event(range, [&](const std::uint64_t* words) noexcept {
        const auto number = std::bit_cast<double>(words[group.at]);
        if (is_usable(number)) use(quantile_key(number));
      });
    };
    for (const Quantile& each : group.wanted) out[each.place] = select_quantile(each.q, each_key);
  }

  template <class Range>
  static void read_top(const Range& range, const Top& top, std::span<float> out) noexcept {
    std::array<TopValue, most_top_values> best;
    const auto found = std::span(best).first(top.k);
    const std::uint64_t events = find_top(range, top, found);
    std::uint64_t times = 0;
    for (std::size_t i = 0; i < top.k; ++i) {
      times += found[i].times;
      if (top.share) continue;
      float* const pair = &out[top.place + 2 * i];
      std::memcpy(pair, &found[i].key, sizeof(found[i].key));
      pair[1] = part_of(found[i].times, events);
    }
    if (top.share) out[top.place] = events > 0 ? part_of(times, events) : missing;
  }

  /// Returns the number of events.
  template <class Range>
  static std::uint64_t find_top(const Range& range, const Top& top, std::span<TopValue> best) noexcept {
    std::uint64_t events = 0;
    TopValues().find(best, [&](const auto& use) noexcept {
      events = 0;
      if (range.key.tiles()) {
        each_tally(range, top.at, [&](std::uint64_t count, const TallyView& tally) noexcept {
          events += count;
          for (const TallyEntry entry : tally.entries) use(key_of(entry), times_of(entry));
        });
      } else {
        each_event(range, [&](const std::uint64_t* words) noexcept {
          ++events;
          if (words[top.at] != 0) use(top_key(words[top.at]), 1);
        });
      }
    });
    return events;
  }

  static float part_of(std::uint64_t times, std::uint64_t events) noexcept {
    return times > 0 ? static_cast<float>(static_cast<double>(times) / static_cast<double>(events)) : 0.0F;
  }
};

}  // namespace rtml::detail
