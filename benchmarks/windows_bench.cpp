// What features cost: an event comes in, 64 features come out, the event enters its windows. A million cards pay in a day;
// each window is over a day, or seven. Memory is all that the windows hold, over entities and windows.

#include "windows_bench.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "stopwatch.hpp"
#ifdef RTML_BENCH_DURABLE
#include "rtml/store/database.hpp"
#include "rtml/store/event_log.hpp"
#endif

namespace rtml_bench {
namespace {

struct CardPayment {
  rtml::Time at{};
  std::uint64_t card = 0;
  std::uint64_t merchant = 0;
  std::uint32_t country = 0;
  double amount = 0.0;
  std::array<float, 32> values{};
};

constexpr std::size_t windows_per_entity = 16;
constexpr std::size_t numbers = 32;
constexpr std::size_t categories = 12;

template <std::size_t I>
struct Number {
  float operator()(const CardPayment& payment) const noexcept { return payment.values[I]; }
};
template <std::size_t I>
struct Code {
  std::uint64_t operator()(const CardPayment& payment) const noexcept { return (payment.merchant >> (5 * I)) % 32; }
};

template <std::size_t... N, std::size_t... C, class... Windows>
rtml::FeatureSet<CardPayment> with_others(std::index_sequence<N...> /*numbers*/, std::index_sequence<C...> /*categories*/,
                                          Windows... windows) {
  using namespace rtml;
  const auto named = [](const char* kind, std::size_t i) { return std::string(kind).append(std::to_string(i)); };
  return feature_set<CardPayment>("features-v1", &CardPayment::at, (numeric(named("n", N), "v1", Number<N>{}) | log1p() | standardize())...,
                                  category(named("c", C), "v1", Code<C>{})..., hour_of_day("hour"), day_of_week("day"),
                                  hour_of_week("week"), month_of_year("month"), std::move(windows)...);
}

rtml::FeatureSet<CardPayment> sixty_four_features(rtml::WindowKind day, rtml::WindowKind week) {
  using namespace rtml;
  const auto card = &CardPayment::card;
  const auto amount = &CardPayment::amount;
  const Duration w1 = hours(24);
  const Duration w2 = days(7);
  return with_others(std::make_index_sequence<numbers>(), std::make_index_sequence<categories>(),
                     window("count_24h", card, w1, count(), day), window("sum_24h", card, w1, sum(amount), day),
                     window("mean_24h", card, w1, mean(amount), day), window("count_7d", card, w2, count(), week),
                     window("sum_7d", card, w2, sum(amount), week), window("mean_7d", card, w2, mean(amount), week),
                     window("min_24h", card, w1, rtml::min(amount), day), window("max_24h", card, w1, rtml::max(amount), day),
                     window("min_7d", card, w2, rtml::min(amount), week), window("max_7d", card, w2, rtml::max(amount), week),
                     window("variance_24h", card, w1, variance(amount), day), window("variance_7d", card, w2, variance(amount), week),
                     fading("fading_count", card, w1, count()), fading("fading_sum", card, w1, sum(amount)),
                     window("merchants_7d", card, w2, distinct(&CardPayment::merchant), week),
                     window("countries_7d", card, w2, distinct(&CardPayment::country), week));
}

/// Keys by Zipf's law by rejection: exact, O(1), for any number of keys. Source: W. Hormann, G. Derflinger, "Rejection-inversion to
/// generate variates from monotone discrete distributions", ACM TOMACS 6 (1996).
class ZipfKeys {
 public:
  ZipfKeys(std::size_t keys, double exponent)
      : keys_(static_cast<double>(keys)), exponent_(exponent), low_(integral(1.5) - 1.0), high_(integral(keys_ + 0.5)) {}

  std::uint64_t operator()(rtml::Rng& rng) const {
    for (;;) {
      const double u = high_ + rng.uniform() * (low_ - high_);
      const double x = inverse(u);
      const double k = std::clamp(std::floor(x + 0.5), 1.0, keys_);
      if (u >= integral(k + 0.5) - std::pow(k, -exponent_)) return static_cast<std::uint64_t>(k) - 1;
    }
  }

 private:
  double integral(double x) const { return (std::pow(x, 1.0 - exponent_) - 1.0) / (1.0 - exponent_); }
  double inverse(double u) const { return std::pow(1.0 + u * (1.0 - exponent_), 1.0 / (1.0 - exponent_)); }

  double keys_;
  double exponent_;
  double low_;
  double high_;
};

class PaymentStream {
 public:
  explicit PaymentStream(const WindowsBench& bench)
      : rng_(bench.seed),
        keys_(bench.entities),
        zipf_(bench.zipf > 0.0),
        law_(bench.entities, zipf_ ? bench.zipf : 2.0),
        step_(std::max<std::int64_t>(1, std::int64_t{86'400'000'000} / static_cast<std::int64_t>(bench.events))) {}

  CardPayment next() {
    now_ += step_;
    const std::uint64_t card = zipf_ ? law_(rng_) : rng_.below(keys_);
    CardPayment made{rtml::Time(rtml::Duration(now_)), card,
                     rng_.below(50) == 0 ? rng_.below(100'000) : rtml::hash_integer(card, rng_.below(20)),
                     static_cast<std::uint32_t>(rng_.below(10) == 0 ? rng_.below(200) : card % 200), std::exp(rng_.normal()) * 30.0};
    for (float& value : made.values) value = static_cast<float>(rng_.below(1U << 20U)) * 0.01F;
    return made;
  }

 private:
  rtml::Rng rng_;
  std::uint64_t keys_;
  bool zipf_;
  ZipfKeys law_;
  std::int64_t step_;
  std::int64_t now_ = 1'700'000'000'000'000;
};

}  // namespace

WindowsFigures measure_windows(const WindowsBench& bench) {
  const auto set =
      bench.exact ? sixty_four_features(rtml::exact(), rtml::exact()) : sixty_four_features(rtml::sawtooth(), rtml::sawtooth());
  auto windows = set.with({.max_entities = 4 * bench.entities, .lateness = rtml::minutes(10)}).make_windows();
  const rtml::Fitted fitted = set.make_fitted();
  PaymentStream stream(bench);
  for (std::size_t i = 0; i < bench.events; ++i) {
    const CardPayment payment = stream.next();
    const auto lock = set.lock(payment, windows);
    set.feed(payment, windows);
  }
  std::vector<float> dense(set.dense_size());
  std::vector<rtml::SparseFeature> sparse(set.sparse_capacity());
  std::vector<float> fit_inputs(set.fit_size());
  rtml::FeatureOutput out{dense, sparse, fit_inputs};
  Latencies latencies(bench.calls);
  for (std::size_t i = 0; i < bench.calls; ++i) {
    const CardPayment payment = stream.next();
    const auto begin = Clock::now();
    set.prefetch(payment, windows);
    {
      const auto lock = set.lock(payment, windows);
      set.compute(payment, fitted, windows, out);
      set.feed(payment, windows);
    }
    latencies.add(Clock::now() - begin);
  }
  const std::uint64_t held = windows.counters().entities;
  const std::uint64_t keys_a_card = windows.keys().size();
  const double cards = static_cast<double>(held) / static_cast<double>(keys_a_card);
  return {latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(0.999),
          static_cast<double>(windows.memory_bytes()) / cards / static_cast<double>(windows_per_entity), held};
}

#ifdef RTML_BENCH_DURABLE
namespace {

std::uint64_t digest_of(const rtml::Features& x) {
  const auto bytes = [](auto span) { return std::string_view(reinterpret_cast<const char*>(span.data()), span.size_bytes()); };
  return rtml::hash_bytes(bytes(x.sparse), rtml::hash_bytes(bytes(x.dense)));
}

/// What the log keeps: the event as it came, and what was made of it.
struct ServedPayment {
  CardPayment payment;
  std::uint64_t digest = 0;
};

rtml::FeaturePipeline<CardPayment> replayed_pipeline() {
  return rtml::FeaturePipeline<CardPayment>(sixty_four_features(rtml::exact(), rtml::sawtooth()).with({.lateness = rtml::minutes(10)}));
}

/// Makes the vectors of these records again.
ReplayFigures make_again(rtml::LogSnapshot::Reader reader, rtml::FeaturePipeline<CardPayment>& pipeline) {
  ReplayFigures figures;
  for (rtml::LogEntry entry; reader.next(entry); ++figures.vectors) {
    ServedPayment served;
    std::memcpy(static_cast<void*>(&served), entry.record.bytes.data(), std::min(sizeof(served), entry.record.bytes.size()));
    figures.mismatches += digest_of(pipeline(served.payment)) == served.digest ? 0U : 1U;
    pipeline.observe(served.payment);
  }
  return figures;
}

std::span<const std::byte> checkpoint_key() { return std::as_bytes(std::span("newest")); }

}  // namespace

void serve_payments(const std::string& folder, std::size_t events, std::optional<std::size_t> killed_at) {
  rtml::Database database(folder);
  const rtml::Database::Table& checkpoints = database.table("checkpoint");
  rtml::EventLog log(database, "events", {.durability = rtml::EventLog::Durability::on_checkpoint});
  auto pipeline = replayed_pipeline();
  std::uint64_t checkpoint_end = 0;
  {
    const auto rows = database.snapshot();
    if (const auto kept = rows.get(checkpoints, checkpoint_key())) {
      rtml::Reader reader(*kept);
      reader(checkpoint_end, pipeline);
    }
  }
  const auto snapshot = log.snapshot();
  make_again(snapshot.read(checkpoint_end, snapshot.end()), pipeline);
  const auto last = log.last(1);
  const std::uint64_t begin = last ? last->sequence + 1 : 0;
  PaymentStream stream({.entities = 20'000, .events = events});
  rtml::Rng rng(2);
  for (std::uint64_t i = 0; i < events; ++i) {
    ServedPayment served{stream.next()};
    if (rng.below(10) == 0) served.payment.at -= rtml::Duration(static_cast<std::int64_t>(rng.below(900'000'000)));  // some too late
    if (i < begin) continue;
    served.digest = digest_of(pipeline(served.payment));
    pipeline.observe(served.payment);
    log.append({.at = served.payment.at, .writer = 1, .sequence = i, .bytes = std::as_bytes(std::span(&served, 1))});
    if (i == events / 2)
      log.commit([&](rtml::Database::Transaction& transaction, std::uint64_t end) {
        rtml::Writer writer;
        writer(end, pipeline);
        transaction.put(checkpoints, checkpoint_key(), writer.bytes());
      });
    if (i == killed_at) ::raise(SIGKILL);
  }
  log.flush();
}

ReplayFigures replay_payments(const std::string& folder) {
  rtml::Database database(folder);
  const rtml::EventLog log(database, "events");
  auto pipeline = replayed_pipeline();
  const auto snapshot = log.snapshot();
  return make_again(snapshot.read(), pipeline);
}
#endif

}  // namespace rtml_bench
