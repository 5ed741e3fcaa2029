#include "rtml/monitor/estimated_performance.hpp"

#include <algorithm>
#include <cmath>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stats/special.hpp"

namespace rtml::monitor {
namespace {

using Options = EstimatedPerformance::Options;

Options validated(const Options& options) {
  constexpr std::string_view type = "EstimatedPerformance";
  require(type, "window", options.window, options.window >= 10 && options.window <= 1'000'000, "in [10, 1000000]");
  require(type, "windows", options.windows, options.windows >= 1 && options.windows <= 4096, "in [1, 4096]");
  require(type, "confidence", options.confidence, options.confidence > 0.0 && options.confidence < 1.0, "in (0, 1)");
  return options;
}

Outcome outcome_of(bool positive, bool truth) noexcept { return {0.0F, positive ? 1.0F : 0.0F, truth ? 1.0F : 0.0F, 1.0F}; }

Estimate with(double value, const stats::Interval& interval) noexcept { return {value, interval.low, interval.high}; }

}  // namespace

EstimatedPerformance::EstimatedPerformance(const Options& options) : options_(validated(options)), calibrator_(options.calibration) {
  ring_.resize(options.window);
  past_.reserve(options.windows);
  ranked_.resize(options.window);
  shares_.resize(metrics::detail::ScoreHistogram::size);
}

void EstimatedPerformance::predict(std::uint64_t key, Time at, float score, bool positive) noexcept {
  if (!is_usable(score) || (count_ > 0 && key <= newest().key)) {
    ++refused_;
    return;
  }
  ring_[place(count_)] = {key, at, score, positive, Truth::awaited};
  ++count_;
  if (count_ % ring_.size() == 0) close();
}

void EstimatedPerformance::label(std::uint64_t key, float score, bool positive, bool truth, float weight) noexcept {
  calibrator_.update(score, truth, weight);
  Served* served = find(key);
  if (served != nullptr) served->truth = truth ? Truth::positive : Truth::negative;
  Past* past = find_past(key);
  if (past == nullptr || past->labelled == ring_.size()) return;
  past->realised.add(outcome_of(positive, truth), 1.0);
  ++past->labelled;
}

void EstimatedPerformance::correct(std::uint64_t key, float score, bool positive, float weight) noexcept {
  calibrator_.update(score, true, weight);
  Served* served = find(key);
  if (served != nullptr && served->truth == Truth::negative) served->truth = Truth::positive;
  Past* past = find_past(key);
  if (past == nullptr) return;
  past->realised.remove(outcome_of(positive, false), 1.0);
  past->realised.add(outcome_of(positive, true), 1.0);
}

/// The past window that counts `key`.
EstimatedPerformance::Past* EstimatedPerformance::find_past(std::uint64_t key) noexcept {
  const auto past = std::lower_bound(past_.begin(), past_.end(), key, [](const Past& one, std::uint64_t of) { return one.last < of; });
  return past == past_.end() || past->first > key ? nullptr : &*past;
}

EstimatedPerformance::Served* EstimatedPerformance::find(std::uint64_t key) noexcept {
  std::uint64_t low = count_ - held();
  std::uint64_t high = count_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (ring_[place(middle)].key < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < count_ && ring_[place(low)].key == key ? &ring_[place(low)] : nullptr;
}

bool EstimatedPerformance::keys_rise() const noexcept {
  for (std::uint64_t i = count_ - held(); i + 1 < count_; ++i)
    if (ring_[place(i)].key >= ring_[place(i + 1)].key) return false;
  for (std::size_t i = 0; i < past_.size(); ++i) {
    const bool after = i == 0 || past_[i - 1].last < past_[i].first;
    if (!after || past_[i].first > past_[i].last || past_[i].last > newest().key || past_[i].labelled > ring_.size()) return false;
  }
  return true;
}

void EstimatedPerformance::close() noexcept {
  Past closed{.first = ring_[0].key, .last = newest().key, .at = newest().at, .labelled = 0, .estimated = {}, .realised = {}};
  closed.estimated = estimate(ranked_, shares_);
  for (const Served& served : ring_) {
    if (served.truth == Truth::awaited) continue;
    closed.realised.add(outcome_of(served.positive, served.truth == Truth::positive), 1.0);
    ++closed.labelled;
  }
  if (past_.size() == options_.windows) past_.erase(past_.begin());
  past_.push_back(closed);
}

Estimate EstimatedPerformance::bounded(double value, double variance) const noexcept {
  if (is_nan(value)) return {};
  const double half = -stats::normal_quantile(0.5 * (1.0 - options_.confidence)) * std::sqrt(variance);
  return {value, std::max(value - half, 0.0), std::min(value + half, 1.0)};
}

/// `with_itself`: what pairs of a prediction with itself add, which no label can: sum p (1 - p).
Estimate EstimatedPerformance::area(std::span<metrics::detail::Ranked> ranked, double positives, double with_itself) const noexcept {
  const double negatives = static_cast<double>(ranked.size()) - positives;
  const double pairs = positives * negatives - with_itself;
  if (!(pairs > 0.0)) return {};
  const double a = std::clamp((metrics::RocAuc::of(ranked) * positives * negatives - 0.5 * with_itself) / pairs, 0.0, 1.0);
  const double beside_positives = a / (2.0 - a) - a * a;  // Q1 - A^2 in the paper
  const double beside_negatives = 2.0 * a * a / (1.0 + a) - a * a;
  const double variance =
      (a * (1.0 - a) + std::max(positives - 1.0, 0.0) * beside_positives + std::max(negatives - 1.0, 0.0) * beside_negatives) /
      (positives * negatives);
  return bounded(a, std::max(variance, 0.0));
}

EstimatedPerformance::Metrics EstimatedPerformance::estimate(std::span<metrics::detail::Ranked> ranked,
                                                             std::span<Share> shares) const noexcept {
  Metrics metrics;
  const std::size_t n = held();
  if (!calibrator_.ready() || n == 0) return metrics;
  std::fill(shares.begin(), shares.end(), Share{});
  double called = 0.0;       // 1
  double hits = 0.0;         // expected true positives
  double misses = 0.0;       // expected false negatives
  double hits_spread = 0.0;  // their variances, given the probabilities
  double misses_spread = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const Served& served = ring_[i];
    const double p = calibrator_.probability(served.score);
    ranked[i] = {served.score, p, 1.0 - p};
    Share& share = shares[calibrator_.block_of(served.score)];
    (served.positive ? share.positive : share.negative) += 1.0;
    (served.positive ? hits : misses) += p;
    (served.positive ? hits_spread : misses_spread) += p * (1.0 - p);
    if (served.positive) called += 1.0;
  }
  const auto all = static_cast<double>(n);
  const double positives = hits + misses;
  const double mentions = called + positives;
  // Of a metric with these derivatives by hits and misses.
  const auto spread = [&](double by_hits, double by_misses) {
    double variance = by_hits * by_hits * hits_spread + by_misses * by_misses * misses_spread;
    const auto blocks = calibrator_.blocks();
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const double moved = by_hits * shares[b].positive + by_misses * shares[b].negative;
      variance += moved * moved * blocks[b].variance();
    }
    return variance;
  };
  metrics.accuracy = bounded((hits + all - called - misses) / all, spread(1.0 / all, -1.0 / all));
  if (called > 0.0) metrics.precision = bounded(hits / called, spread(1.0 / called, 0.0));
  if (positives > 0.0) metrics.recall = bounded(hits / positives, spread(misses / positives / positives, -hits / positives / positives));
  if (mentions > 0.0) {
    const double f1 = 2.0 * hits / mentions;
    metrics.f1 = bounded(f1, spread((2.0 - f1) / mentions, -f1 / mentions));
  }
  metrics.roc_auc = area(ranked.first(n), positives, hits_spread + misses_spread);
  return metrics;
}

EstimatedPerformance::Metrics EstimatedPerformance::realised(const metrics::Decisions& decisions) const noexcept {
  const double confidence = options_.confidence;
  return {.accuracy = with(decisions.accuracy(), decisions.accuracy_interval(confidence)),
          .precision = with(decisions.precision(), decisions.precision_interval(confidence)),
          .recall = with(decisions.recall(), decisions.recall_interval(confidence)),
          .f1 = with(decisions.f1(), decisions.f1_interval(confidence)),
          .roc_auc = {}};
}

EstimatedPerformance::Window EstimatedPerformance::rolling() const {
  Window window;
  if (count_ == 0) return window;
  std::vector<metrics::detail::Ranked> ranked(ring_.size());
  std::vector<Share> shares(calibrator_.blocks().size());
  window.first = ring_[place(count_ - held())].key;
  window.last = newest().key;
  window.at = newest().at;
  window.predictions = held();
  window.estimated = estimate(ranked, shares);
  metrics::Decisions decisions;
  double positives = 0.0;
  for (std::size_t i = 0; i < held(); ++i) {
    if (ring_[i].truth == Truth::awaited) continue;
    const bool truth = ring_[i].truth == Truth::positive;
    decisions.add(outcome_of(ring_[i].positive, truth), 1.0);
    ranked[window.labelled] = {ring_[i].score, truth ? 1.0 : 0.0, truth ? 0.0 : 1.0};
    positives += truth ? 1.0 : 0.0;
    ++window.labelled;
  }
  window.realised = realised(decisions);
  window.realised.roc_auc = area(std::span(ranked).first(static_cast<std::size_t>(window.labelled)), positives, 0.0);
  return window;
}

std::vector<EstimatedPerformance::Window> EstimatedPerformance::windows() const {
  std::vector<Window> windows;
  windows.reserve(past_.size());
  for (const Past& past : past_)
    windows.push_back({.first = past.first,
                       .last = past.last,
                       .at = past.at,
                       .predictions = ring_.size(),
                       .labelled = past.labelled,
                       .estimated = past.estimated,
                       .realised = realised(past.realised)});
  return windows;
}

std::size_t EstimatedPerformance::memory_bytes() const noexcept {
  return sizeof(*this) - sizeof(Calibrator) + calibrator_.memory_bytes() + ring_.capacity() * sizeof(Served) +
         past_.capacity() * sizeof(Past) + ranked_.capacity() * sizeof(metrics::detail::Ranked) + shares_.capacity() * sizeof(Share);
}

}  // namespace rtml::monitor
