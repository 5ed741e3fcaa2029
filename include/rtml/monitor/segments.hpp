#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/reserved_vector.hpp"
#include "rtml/monitor/segment.hpp"
#include "rtml/monitor/segment_name.hpp"
#include "rtml/stats/moments.hpp"

namespace rtml::monitor {

/// On which parts of the stream (countries, merchants, devices) the model errs more than on all the rest. The host names the part of each
/// labelled prediction; the most frequent ones are told apart, all others count as one.
///
/// Judged once a window, when it is full: each segment's losses against the rest, one-sided, by Fisher's exact test where all are 0 or 1
/// and by Welch's of their means elsewhere, corrected over the segments by Holm. So the chance of any false flag is `alpha` a window, not
/// over all windows: with 0.01 one window in a hundred has one. Flagged is what is significant and exceeds the rest by `effect`. Assumes
/// independent losses.
///
/// update: O(most), allocates nothing; at a window's end O(most^2). 200 bytes a segment.
/// Sources: A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of frequent and top-k elements in data streams", ICDT 2005,
/// section 3 (whoever has more than 2 / most of the labels is told apart for sure); B. L. Welch, "The generalization of
/// 'Student's' problem when several different population variances are involved", Biometrika 34 (1947).
class RTML_API Segments {
 public:
  struct Options {
    std::size_t most = 32;      ///< told apart, in [2, 256]
    std::size_t window = 5000;  ///< labels between two judgements, in [100, 10^8]
    std::size_t least = 50;     ///< labels of a segment before it is judged, in [10, window]
    double alpha = 0.01;        ///< chance of any false flag in a window, in (0, 1)
    double effect = 0.05;       ///< gap of mean losses that matters, >= 0
    double confidence = 0.95;   ///< of the intervals, in (0, 1)
  };

  Segments() : Segments(Options{}) {}

  /// @throws ConfigError for an option out of range.
  explicit Segments(const Options& options);

  /// A loss is a 0/1 error, or any measure of which more is worse. What is not usable is left out.
  void update(std::string_view name, double loss) noexcept;

  /// Of the last full window: those flagged first, then the rest, each by falling gap, and last what is not told apart under the name
  /// "(other)", which is not judged. Empty before the first window is full. Allocates.
  std::vector<Segment> judged() const;

  /// Windows that are full.
  std::uint64_t windows() const noexcept { return windows_; }

  /// Segments flagged in the last full window.
  std::size_t flagged() const noexcept {
    return static_cast<std::size_t>(std::count_if(judged_.begin(), judged_.end(), [](const Judged& one) { return one.flagged; }));
  }

  const Options& options() const noexcept { return options_; }

  std::size_t memory_bytes() const noexcept {
    return sizeof(*this) + entries_.capacity() * sizeof(Entry) + judged_.capacity() * sizeof(Judged) +
           (p_values_.capacity() + adjusted_.capacity()) * sizeof(double) + order_.capacity() * sizeof(std::uint32_t);
  }

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    ar.header("Segments", 1);
    std::uint64_t most = self.options_.most;
    std::uint64_t window = self.options_.window;
    ar(most, window);
    ar.check(most == self.options_.most && window == self.options_.window, "options (saved: others)");
    std::uint64_t entries = self.entries_.size();
    std::uint64_t judged = self.judged_.size();
    ar(self.windows_, self.in_window_, self.shares_only_, self.other_, self.judged_other_, self.judged_shares_only_, entries, judged);
    ar.check(self.in_window_ < window, "labels in the window");
    ar.check(entries <= most && judged <= most, "segments");
    if constexpr (Ar::reading) {
      self.entries_.resize(static_cast<std::size_t>(entries));
      self.judged_.resize(static_cast<std::size_t>(judged));
    }
    for (auto& entry : self.entries_) {
      ar(entry.name, entry.popularity, entry.losses);
      ar.check(entry.popularity <= most_popular, "popularity");
      if constexpr (Ar::reading) entry.hash = hash_bytes(entry.name.view());
    }
    for (auto& one : self.judged_) ar(one.name, one.losses, one.gap, one.adjusted_p, one.flagged);
  }

 private:
  static constexpr std::uint64_t most_popular = std::uint64_t{1} << 62U;

  struct Entry {
    SegmentName name;
    std::uint64_t hash = 0;
    std::uint64_t popularity = 0;  // its labels, halved at each window's end, and what it may have taken over from who made room
    stats::Moments losses;         // in this window
  };

  struct Judged {
    SegmentName name;
    stats::Moments losses;
    double gap = 0.0;
    double adjusted_p = 0.0;
    bool flagged = false;
  };

  Entry& entry_of(const SegmentName& name) noexcept;
  void judge() noexcept;
  Estimate estimate(const stats::Moments& losses) const noexcept;

  Options options_;
  ReservedVector<Entry> entries_;
  stats::Moments other_;  // losses in this window of who is not told apart
  std::uint64_t in_window_ = 0;
  std::uint64_t windows_ = 0;
  bool shares_only_ = true;  // all losses of this window are 0 or 1
  ReservedVector<Judged> judged_;
  stats::Moments judged_other_;
  bool judged_shares_only_ = true;
  std::vector<double> p_values_;  // scratch, as the two below
  std::vector<double> adjusted_;
  std::vector<std::uint32_t> order_;
};

}  // namespace rtml::monitor
