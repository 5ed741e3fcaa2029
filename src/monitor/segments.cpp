#include "rtml/monitor/segments.hpp"

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stats/hypergeometric.hpp"
#include "rtml/stats/intervals.hpp"
#include "rtml/stats/multiple_testing.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::monitor {
namespace {

Segments::Options validated(const Segments::Options& options) {
  constexpr std::string_view type = "Segments";
  require(type, "most", options.most, options.most >= 2 && options.most <= 256, "in [2, 256]");
  require(type, "window", options.window, options.window >= 100 && options.window <= 100'000'000, "in [100, 10^8]");
  require(type, "least", options.least, options.least >= 10 && options.least <= options.window, "in [10, window]");
  require(type, "alpha", options.alpha, options.alpha > 0.0 && options.alpha < 1.0, "in (0, 1)");
  require(type, "effect", options.effect, is_usable(options.effect) && options.effect >= 0.0, ">= 0");
  require(type, "confidence", options.confidence, options.confidence > 0.0 && options.confidence < 1.0, "in (0, 1)");
  return options;
}

/// Welch's one-sided p-value of "the mean of a is not larger than that of b". NaN when neither varies.
double p_not_larger(const stats::Moments& a, const stats::Moments& b) noexcept {
  const double of_a = a.sample_variance() / static_cast<double>(a.count());
  const double of_b = b.sample_variance() / static_cast<double>(b.count());
  const double variance = of_a + of_b;
  if (!(variance > 0.0)) return std::numeric_limits<double>::quiet_NaN();
  const double t = (a.mean() - b.mean()) / std::sqrt(variance);
  const double freedom =
      variance * variance / (of_a * of_a / static_cast<double>(a.count() - 1) + of_b * of_b / static_cast<double>(b.count() - 1));
  const double beyond = 0.5 * stats::beta_p(0.5 * freedom, 0.5, freedom / (freedom + t * t));  // P(T > |t|) of Student's distribution
  return t > 0.0 ? beyond : 1.0 - beyond;
}

/// The same of shares, exact: by how many of the losses of both are in a, given how many there are. Source: R. A. Fisher (1934).
double p_not_more(const stats::Moments& a, const stats::Moments& b) noexcept {
  const auto losses = [](const stats::Moments& of) {
    return static_cast<std::uint64_t>(std::nearbyint(of.mean() * static_cast<double>(of.count())));
  };
  return stats::hypergeometric_tails(losses(a), losses(a) + losses(b), a.count(), a.count() + b.count()).upper;
}

}  // namespace

Segments::Segments(const Options& options) : options_(validated(options)) {
  entries_.reserve(options.most);
  judged_.reserve(options.most);
  p_values_.resize(options.most);
  adjusted_.resize(options.most);
  order_.resize(options.most);
}

void Segments::update(std::string_view name, double loss) noexcept {
  if (!is_usable(loss)) return;
  Entry& entry = entry_of(SegmentName(name));
  if (entry.popularity < most_popular) ++entry.popularity;
  entry.losses.update(loss);
  if (loss != 0.0 && loss != 1.0) shares_only_ = false;
  if (++in_window_ == options_.window) judge();
}

Segments::Entry& Segments::entry_of(const SegmentName& name) noexcept {
  const std::uint64_t hash = hash_bytes(name.view());
  for (Entry& entry : entries_)
    if (entry.hash == hash && entry.name == name) return entry;
  if (entries_.size() < options_.most) return entries_.emplace_back(Entry{name, hash, 0, {}});
  const auto rarer = [](const Entry& a, const Entry& b) { return a.popularity < b.popularity; };
  Entry& rarest = *std::min_element(entries_.begin(), entries_.end(), rarer);
  other_.merge(rarest.losses);
  rarest = {name, hash, rarest.popularity, {}};
  return rarest;
}

void Segments::judge() noexcept {
  judged_.clear();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    stats::Moments rest = other_;
    for (std::size_t j = 0; j < entries_.size(); ++j)
      if (j != i) rest.merge(entries_[j].losses);
    const stats::Moments& own = entries_[i].losses;
    const bool enough = own.count() >= options_.least && rest.count() >= options_.least;
    p_values_[i] = !enough ? std::numeric_limits<double>::quiet_NaN() : (shares_only_ ? p_not_more(own, rest) : p_not_larger(own, rest));
    judged_.push_back({entries_[i].name, own, own.mean() - rest.mean(), p_values_[i], false});
  }
  // Those that are not judged are no hypotheses: the correction is over the others.
  std::size_t tested = 0;
  for (const Judged& one : judged_)
    if (!is_nan(one.adjusted_p)) p_values_[tested++] = one.adjusted_p;
  const auto adjusted = std::span(adjusted_).first(tested);
  stats::holm(std::span(p_values_).first(tested), adjusted, std::span(order_).first(tested));
  std::size_t next = 0;
  for (Judged& one : judged_) {
    if (is_nan(one.adjusted_p)) continue;
    one.adjusted_p = adjusted[next++];
    one.flagged = one.adjusted_p <= options_.alpha && one.gap >= options_.effect;
  }
  judged_other_ = other_;
  judged_shares_only_ = shares_only_;
  ++windows_;
  in_window_ = 0;
  shares_only_ = true;
  other_.reset();
  for (Entry& entry : entries_) {
    entry.losses.reset();
    entry.popularity /= 2;
  }
}

Estimate Segments::estimate(const stats::Moments& losses) const noexcept {
  if (losses.count() == 0) return {};
  const auto n = static_cast<double>(losses.count());
  stats::Interval interval;
  if (judged_shares_only_) {
    interval = stats::wilson(std::min(losses.mean(), 1.0) * n, n, options_.confidence);
  } else {
    const double half = -stats::normal_quantile(0.5 * (1.0 - options_.confidence)) * std::sqrt(losses.sample_variance() / n);
    interval = {losses.mean() - half, losses.mean() + half};
  }
  return {losses.mean(), interval.low, interval.high};
}

std::vector<Segment> Segments::judged() const {
  std::vector<Segment> rows;
  for (const Judged& one : judged_)
    if (one.losses.count() > 0)
      rows.push_back({std::string(one.name.view()), one.losses.count(), estimate(one.losses), one.gap, one.adjusted_p, one.flagged});
  std::stable_sort(rows.begin(), rows.end(), [](const Segment& a, const Segment& b) {
    if (a.flagged != b.flagged) return a.flagged;
    return !is_nan(a.gap) && (is_nan(b.gap) || a.gap > b.gap);
  });
  if (judged_other_.count() > 0) rows.push_back({"(other)", judged_other_.count(), estimate(judged_other_), unknown, unknown, false});
  return rows;
}

}  // namespace rtml::monitor
