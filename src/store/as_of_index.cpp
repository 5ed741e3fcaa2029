#include "rtml/store/as_of_index.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rtml {

AsOfIndex::AsOfIndex(const History& history) : history_(&history), begins_(history.entities() + 1) {
  const std::size_t n = history.size();
  there_from_.resize(n);
  rows_.resize(n);
  best_.resize(n);
  for (std::size_t i = 0; i < n; ++i) ++begins_[history.entity(i) + 1];
  for (std::size_t e = 1; e < begins_.size(); ++e) begins_[e] += begins_[e - 1];
  std::vector<std::uint32_t> ends(begins_.begin(), begins_.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t place = ends[history.entity(i)]++;
    there_from_[place] = std::max(history.event_time(i), history.available_at(i));
    rows_[place] = static_cast<std::uint32_t>(i);
  }
  for (std::size_t e = 0; e + 1 < begins_.size(); ++e) {
    sort_entity(begins_[e], begins_[e + 1]);
    for (std::size_t i = begins_[e]; i < begins_[e + 1]; ++i)
      best_[i] = i == begins_[e] || is_newer(rows_[i], best_[i - 1]) ? rows_[i] : best_[i - 1];
  }
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

/// By the time from which rows are there, then as they came. Most often they came so.
void AsOfIndex::sort_entity(std::size_t begin, std::size_t end) {
  const auto first = there_from_.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last = there_from_.begin() + static_cast<std::ptrdiff_t>(end);
  if (std::is_sorted(first, last)) return;
  std::vector<std::pair<Time, std::uint32_t>> sorted(end - begin);
  for (std::size_t i = begin; i < end; ++i) sorted[i - begin] = {there_from_[i], rows_[i]};
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = begin; i < end; ++i) std::tie(there_from_[i], rows_[i]) = sorted[i - begin];
}

bool AsOfIndex::is_newer(std::uint32_t row, std::uint32_t than) const noexcept {
  const auto order = [this](std::uint32_t i) { return std::tuple(history_->event_time(i), history_->available_at(i), i); };
  return order(row) > order(than);
}

}  // namespace rtml
