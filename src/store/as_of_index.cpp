#include "rtml/store/as_of_index.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rtml {

namespace {

struct Arrival {
  Time there_from{};
  std::uint32_t row = 0;
  std::uint32_t entity = 0;
};

/// Stable; as many passes as the times' range has digits of 11 bits. Source: D. Knuth, TAOCP 3, 5.2.5, algorithm R.
void radix_sort(std::vector<Arrival>& arrivals) {
  constexpr unsigned bits = 11;
  constexpr std::uint64_t digits = std::uint64_t{1} << bits;
  const auto [least, most] =
      std::minmax_element(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return a.there_from < b.there_from; });
  const Time origin = least->there_from;
  const auto range = static_cast<std::uint64_t>((most->there_from - origin).count());
  std::vector<Arrival> sorted(arrivals.size());
  for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += bits) {
    const auto digit_of = [&](const Arrival& arrival) {
      return (static_cast<std::uint64_t>((arrival.there_from - origin).count()) >> shift) % digits;
    };
    std::vector<std::uint32_t> begins(digits + 1);
    for (const Arrival& arrival : arrivals) ++begins[digit_of(arrival) + 1];
    for (std::size_t d = 1; d < digits; ++d) begins[d] += begins[d - 1];
    for (const Arrival& arrival : arrivals) sorted[begins[digit_of(arrival)]++] = arrival;
    arrivals.swap(sorted);
  }
}

/// Rows by the time from which they are there, then as they came. Most often they came so.
std::vector<Arrival> arrivals_of(const History& history) {
  std::vector<Arrival> arrivals(history.size());
  bool in_order = true;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    arrivals[i] = {std::max(history.event_time(i), history.available_at(i)), static_cast<std::uint32_t>(i), history.entity(i)};
    in_order = in_order && (i == 0 || arrivals[i - 1].there_from <= arrivals[i].there_from);
  }
  if (!in_order) radix_sort(arrivals);
  return arrivals;
}

}  // namespace

AsOfIndex::AsOfIndex(const History& history) : history_(&history), begins_(history.entities() + 1) {
  const std::vector<Arrival> arrivals = arrivals_of(history);
  there_from_.resize(arrivals.size());
  rows_.resize(arrivals.size());
  best_.resize(arrivals.size());
  for (std::size_t i = 0; i < arrivals.size(); ++i) ++begins_[history.entity(i) + 1];
  for (std::size_t e = 1; e < begins_.size(); ++e) begins_[e] += begins_[e - 1];
  std::vector<std::uint32_t> ends(begins_.begin(), begins_.end() - 1);
  for (const Arrival& arrival : arrivals) {
    const std::uint32_t place = ends[arrival.entity]++;
    there_from_[place] = arrival.there_from;
    rows_[place] = arrival.row;
  }
  for (std::size_t e = 0; e + 1 < begins_.size(); ++e)
    for (std::size_t i = begins_[e]; i < begins_[e + 1]; ++i)
      best_[i] = i == begins_[e] || is_newer(rows_[i], best_[i - 1]) ? rows_[i] : best_[i - 1];
}

std::uint32_t AsOfIndex::row_at(std::uint32_t entity, Time at) const noexcept {
  const auto begin = there_from_.begin() + begins_[entity];
  const auto end = there_from_.begin() + begins_[entity + 1];
  const auto later = std::upper_bound(begin, end, at);
  return later == begin ? none : best_[static_cast<std::size_t>(later - there_from_.begin()) - 1];
}

std::vector<std::uint32_t> AsOfIndex::last_rows(std::uint32_t entity, Time at, std::size_t n) const {
  const auto begin = there_from_.begin() + begins_[entity];
  const auto end = there_from_.begin() + begins_[entity + 1];
  const auto count = std::upper_bound(begin, end, at) - begin;
  const auto first = rows_.begin() + begins_[entity];
  std::vector<std::uint32_t> rows(first, first + count);
  std::sort(rows.begin(), rows.end(), [this](std::uint32_t a, std::uint32_t b) { return is_newer(a, b); });
  const auto same_time = [this](std::uint32_t a, std::uint32_t b) { return history_->event_time(a) == history_->event_time(b); };
  rows.erase(std::unique(rows.begin(), rows.end(), same_time), rows.end());
  if (rows.size() > n) rows.resize(n);
  return rows;
}

std::size_t AsOfIndex::memory_bytes() const noexcept {
  return sizeof(*this) + (begins_.capacity() + rows_.capacity() + best_.capacity()) * sizeof(std::uint32_t) +
         there_from_.capacity() * sizeof(Time);
}

bool AsOfIndex::is_newer(std::uint32_t row, std::uint32_t than) const noexcept {
  const auto order = [this](std::uint32_t i) { return std::tuple(history_->event_time(i), history_->available_at(i), i); };
  return order(row) > order(than);
}

}  // namespace rtml
