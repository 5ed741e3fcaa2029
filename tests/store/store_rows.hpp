// Rows of a made view with lateness, ties and nulls, and the plain search that store and history are held to.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "rtml/core/hash.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/core/time.hpp"
#include "rtml/store/feature_row.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/value.hpp"

namespace rtml::testing {

inline Time second(std::int64_t count) { return from_unix_seconds(count); }

/// Columns of every type.
inline FeatureView card_view(FeatureView::Options options = {}) {
  return {"card",
          {KeyColumn::integer("card")},
          {ValueColumn::of<float>("spend"), ValueColumn::of<std::int64_t>("count"), ValueColumn::of<double>("balance"),
           ValueColumn::of<bool>("abroad"), ValueColumn::of<float>("mean")},
          options};
}

/// A row, spelled out.
struct PlainRow {
  std::int64_t card = 0;
  Time event_time{};
  Time available_at{};
  std::optional<float> spend;
  std::optional<std::int64_t> count;
  std::optional<double> balance;
  std::optional<bool> abroad;
  std::optional<float> mean;
};

/// Fills rows of card_view.
class CardRow {
 public:
  explicit CardRow(const FeatureView& view)
      : view_(view),
        row_(view),
        spend_(view.column<float>("spend")),
        count_(view.column<std::int64_t>("count")),
        balance_(view.column<double>("balance")),
        abroad_(view.column<bool>("abroad")),
        mean_(view.column<float>("mean")) {}

  const FeatureRow& operator()(const PlainRow& from) {
    row_.begin(view_.key(from.card), from.event_time);
    row_.set_available_at(from.available_at);
    if (from.spend) row_.set(spend_, *from.spend);
    if (from.count) row_.set(count_, *from.count);
    if (from.balance) row_.set(balance_, *from.balance);
    if (from.abroad) row_.set(abroad_, *from.abroad);
    if (from.mean) row_.set(mean_, *from.mean);
    return row_;
  }

 private:
  FeatureView view_;
  FeatureRow row_;
  TypedColumn<float> spend_;
  TypedColumn<std::int64_t> count_;
  TypedColumn<double> balance_;
  TypedColumn<bool> abroad_;
  TypedColumn<float> mean_;
};

/// `n` rows in the order in which they became available; event times lie up to `lateness` seconds before, often equal ones.
inline std::vector<PlainRow> card_rows(std::uint64_t seed, std::size_t n, std::int64_t cards, std::uint64_t lateness) {
  Rng rng(seed);
  std::vector<PlainRow> rows;
  std::int64_t now = 1'000'000;
  for (std::size_t i = 0; i < n; ++i) {
    now += static_cast<std::int64_t>(rng.below(3));
    PlainRow row;
    row.card = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(cards)));
    row.available_at = second(now);
    row.event_time = rng.below(2) == 0 ? second(now) : second(now - static_cast<std::int64_t>(rng.below(lateness + 1)));
    if (rng.below(8) != 0) row.spend = static_cast<float>(rng.normal());
    if (rng.below(8) != 0) row.count = static_cast<std::int64_t>(rng());
    if (rng.below(8) != 0) row.balance = rng.normal();
    if (rng.below(8) != 0) row.abroad = rng.below(2) == 1;
    if (rng.below(8) != 0) row.mean = static_cast<float>(rng.normal());
    rows.push_back(row);
  }
  return rows;
}

/// The row of `card` that a search through all of them finds for `at`, its time to live not asked: the newest by event time, then by
/// availability, then the later one. nullptr for none.
inline const PlainRow* plain_as_of(const std::vector<PlainRow>& rows, std::int64_t card, Time at) {
  const PlainRow* best = nullptr;
  for (const PlainRow& row : rows) {
    if (row.card != card || row.event_time > at || row.available_at > at) continue;
    if (best == nullptr || std::tie(row.event_time, row.available_at) >= std::tie(best->event_time, best->available_at)) best = &row;
  }
  return best;
}

/// The last `n` rows at `at`, newest first: of each event time the one that plain_as_of would choose.
inline std::vector<const PlainRow*> plain_last(const std::vector<PlainRow>& rows, std::int64_t card, Time at, std::size_t n) {
  std::map<Time, const PlainRow*, std::greater<>> by_time;
  for (const PlainRow& row : rows) {
    if (row.card != card || row.event_time > at || row.available_at > at) continue;
    const PlainRow*& kept = by_time[row.event_time];
    if (kept == nullptr || row.available_at >= kept->available_at) kept = &row;
  }
  std::vector<const PlainRow*> last;
  for (const auto& [time, row] : by_time)
    if (last.size() < n) last.push_back(row);
  return last;
}

/// A view of two integers as key, and two different keys of it that have one hash. XXH64 of two words is a chain of steps that can all be
/// undone: state = rotl(state ^ round(word), 27) * prime1 + prime4. So for any two first words there are second ones that meet.
struct CollidingKeys {
  CollidingKeys() {
    using namespace rtml::detail;
    const auto inverse = [](std::uint64_t odd) {
      std::uint64_t x = odd;
      for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
      return x;
    };
    const auto after = [](std::uint64_t word) { return std::rotl((prime5 + 16) ^ hash_round(0, word), 27) * prime1 + prime4; };
    const std::uint64_t round = after(1) ^ after(2) ^ hash_round(0, 10);
    a = view.key(2, 10);
    b = view.key(1, std::rotr(round * inverse(prime1), 31) * inverse(prime2));
  }

  FeatureView view{"pair", {KeyColumn::integer("a"), KeyColumn::integer("b")}, {ValueColumn::of<float>("x")}};
  EntityKey a;
  EntityKey b;
};

/// Saved bytes in which the number `before`, wherever it stands, is `after`.
template <class T>
std::vector<std::byte> forged(std::vector<std::byte> bytes, T before, T after) {
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); ++i)
    if (std::memcmp(bytes.data() + i, &before, sizeof(T)) == 0) std::memcpy(bytes.data() + i, &after, sizeof(T));
  return bytes;
}

/// What is known of a value of such a row.
template <class T>
ValueStatus plain_status(const PlainRow* row, const std::optional<T> PlainRow::*value, Time at, Duration ttl) {
  if (row == nullptr) return ValueStatus::missing;
  if (ttl != FeatureView::forever && row->event_time < at - ttl) return ValueStatus::stale;
  return (row->*value).has_value() ? ValueStatus::present : ValueStatus::null;
}

}  // namespace rtml::testing
