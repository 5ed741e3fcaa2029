#include "rtml/drift/sliding_ks.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "rtml/core/error.hpp"
#include "rtml/drift/ks.hpp"

namespace rtml::drift {

namespace {

constexpr std::uint64_t longest_window = 1'000'000;
constexpr std::uint64_t largest_reference = 1'000'000;
constexpr std::uint64_t most_cells = 1'000'000'000;  // sums of weights fit into 32 bits

SlidingKs::Options with_reference(SlidingKs::Options options, std::size_t size) {
  options.reference = size;
  return options;
}

/// The shortest window that can alarm at all; 0 when none can.
std::uint64_t least_window(std::uint64_t reference, double alpha) {
  const auto alarms = [=](std::uint64_t window) {
    return ks_critical(static_cast<std::size_t>(reference), static_cast<std::size_t>(window), alpha) <= 1.0;
  };
  const std::uint64_t longest = std::min(longest_window, most_cells / reference);
  std::uint64_t high = 1;
  while (!alarms(high)) {
    if (high == longest) return 0;
    high = std::min(2 * high, longest);
  }
  std::uint64_t low = high / 2;  // of this length none alarms
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (alarms(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace

bool SlidingKs::valid_sizes(const Options& options) noexcept {
  return options.window >= 1 && options.window <= longest_window && options.reference >= 1 && options.reference <= largest_reference &&
         options.reference <= most_cells / options.window;
}

SlidingKs::SlidingKs(const Options& options) : options_(options) {
  require("SlidingKs", "alpha", options.alpha, options.alpha > 0.0 && options.alpha < 1.0, "in (0, 1)");
  require("SlidingKs", "window", options.window, options.window >= 1 && options.window <= longest_window, "in [1, 1e6]");
  require("SlidingKs", "reference", options.reference, valid_sizes(options), "in [1, 1e6] and reference * window <= 1e9");
  reference_.resize(static_cast<std::size_t>(options.reference));
  window_.resize(static_cast<std::size_t>(options.window));
  critical_ = ks_critical(reference_.size(), window_.size(), options.alpha);
  if (critical_ > 1.0) {
    const std::uint64_t least = least_window(options.reference, options.alpha);
    require("SlidingKs", "alpha", options.alpha, least != 0, "larger, or reference, as no window can reach it");
    require("SlidingKs", "window", options.window, false, "at least " + to_text(least) + ", as no shorter one can reach alpha");
  }
  allocate();
}

SlidingKs::SlidingKs(std::span<const double> reference, const Options& options) : SlidingKs(with_reference(options, reference.size())) {
  for (const double value : reference) require("SlidingKs", "reference value", value, is_usable(value), "finite and at most 1e15");
  given_ = true;
  reference_.assign(reference.begin(), reference.end());
  learned_ = reference_.size();
  plant();
  fill();
}

Change SlidingKs::update(double value) noexcept {
  if (!is_usable(value)) return ++refused_, Change::none;
  if (learned_ < options_.reference) {
    reference_[static_cast<std::size_t>(learned_++)] = value;
    if (learned_ == options_.reference) {
      plant();
      fill();
    }
    return Change::none;
  }
  const auto weight = static_cast<std::int32_t>(options_.reference);
  std::uint32_t& place = window_[static_cast<std::size_t>(next_)];
  const std::uint32_t slot = slot_of(value);
  const std::uint32_t leaving = filled_ == options_.window ? place : slot;
  if (leaving != slot || filled_ < options_.window) {
    if (filled_ == options_.window) add(leaving, weight);
    add(slot, -weight);
    climb(leaving, slot);
  }
  place = slot;
  next_ = next_ + 1 == options_.window ? 0 : next_ + 1;
  filled_ = std::min(filled_ + 1, options_.window);
  if (filled_ < options_.window || gap() < critical_gap_) return Change::none;
  drift_age_ = options_.window;
  empty_window();
  return Change::drift;
}

void SlidingKs::reset() noexcept {
  drift_age_ = filled_ = next_ = 0;
  if (!given_) learned_ = 0;
  plant();
  fill();
}

double SlidingKs::statistic() const noexcept {
  if (filled_ < options_.window) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(gap()) / (static_cast<double>(options_.reference) * static_cast<double>(options_.window));
}

std::size_t SlidingKs::memory_bytes() const noexcept {
  return sizeof(*this) + (reference_.capacity() + distinct_.capacity()) * sizeof(double) + window_.capacity() * sizeof(std::uint32_t) +
         tree_.capacity() * sizeof(Node);
}

void SlidingKs::allocate() {
  distinct_.resize(reference_.size());
  leaves_ = std::bit_ceil(2 * reference_.size() + 1);
  tree_.assign(2 * leaves_, {});
  critical_gap_ = std::llround(critical_ * static_cast<double>(options_.reference) * static_cast<double>(options_.window));
}

/// The slots of a reference that is complete.
void SlidingKs::plant() noexcept {
  kinds_ = 0;
  if (learned_ < options_.reference) return;
  std::copy(reference_.begin(), reference_.end(), distinct_.begin());
  std::sort(distinct_.begin(), distinct_.end());
  kinds_ = static_cast<std::size_t>(std::unique(distinct_.begin(), distinct_.end()) - distinct_.begin());
}

/// The tree of the reference and of what the window holds.
void SlidingKs::fill() noexcept {
  std::fill(tree_.begin(), tree_.end(), Node{});
  if (learned_ < options_.reference) return;
  for (const double value : reference_) add(slot_of(value), static_cast<std::int32_t>(options_.window));
  for (std::size_t i = 0; i < filled_; ++i) add(window_[i], -static_cast<std::int32_t>(options_.reference));
  for (std::size_t node = leaves_; node-- > 1;) join(node);
}

/// Takes its values out one by one: to leave costs them what it cost them to come, however large the reference is.
void SlidingKs::empty_window() noexcept {
  for (std::size_t i = 0; i < filled_; ++i) {
    add(window_[i], static_cast<std::int32_t>(options_.reference));
    climb(window_[i], window_[i]);
  }
  filled_ = next_ = 0;
}

std::uint32_t SlidingKs::slot_of(double value) const noexcept {
  const auto end = distinct_.begin() + static_cast<std::ptrdiff_t>(kinds_);
  const auto at = std::lower_bound(distinct_.begin(), end, value);
  const auto below = static_cast<std::uint32_t>(at - distinct_.begin());
  return 2 * below + (at != end && *at == value ? 1U : 0U);
}

/// To the leaf alone.
void SlidingKs::add(std::size_t slot, std::int32_t weight) noexcept {
  Node& leaf = tree_[leaves_ + slot];
  leaf.sum += weight;
  leaf.most = leaf.least = leaf.sum;
}

void SlidingKs::join(std::size_t node) noexcept {
  const Node& left = tree_[2 * node];
  const Node& right = tree_[2 * node + 1];
  tree_[node] = {left.sum + right.sum, std::max(left.most, left.sum + right.most), std::min(left.least, left.sum + right.least)};
}

/// From two leaves to the root, the common way once.
void SlidingKs::climb(std::size_t a, std::size_t b) noexcept {
  a = (a + leaves_) / 2;
  b = (b + leaves_) / 2;
  for (; a != b; a /= 2, b /= 2) {
    join(a);
    join(b);
  }
  for (; a != 0; a /= 2) join(a);
}

std::int64_t SlidingKs::gap() const noexcept {
  const Node& root = tree_[1];
  return std::max<std::int64_t>(root.most, -static_cast<std::int64_t>(root.least));
}

}  // namespace rtml::drift
