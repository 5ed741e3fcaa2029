#include "rtml/store/leakage.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/store/detail/entity_numbers.hpp"

namespace rtml {

namespace {

double part(std::size_t of, std::size_t all) { return all == 0 ? 0.0 : static_cast<double>(of) / static_cast<double>(all); }

void require_pairs(std::string_view column, std::size_t count, std::size_t wanted) {
  require("LeakageChecks \"" + std::string(column) + "\"", "rows", count, count == wanted,
          "as many as there are of the other: " + to_text(wanted));
}

/// How often a positive lies above a negative, ties half. Source: Mann, Whitney (1947).
double area_under_curve(std::vector<std::pair<double, bool>>& rows) {
  std::sort(rows.begin(), rows.end());
  double below = 0.0;  // negatives
  double positives = 0.0;
  double above = 0.0;
  for (std::size_t i = 0; i < rows.size();) {
    double tied_negatives = 0.0;
    double tied_positives = 0.0;
    const double value = rows[i].first;
    for (; i < rows.size() && rows[i].first == value; ++i) (rows[i].second ? tied_positives : tied_negatives) += 1.0;
    above += tied_positives * (below + 0.5 * tied_negatives);
    below += tied_negatives;
    positives += tied_positives;
  }
  return above / (positives * below);
}

}  // namespace

LeakageChecks::LeakageChecks() : LeakageChecks(Options()) {}

LeakageChecks::LeakageChecks(const Options& options) : options_(options) {
  constexpr std::string_view type = "LeakageChecks";
  require(type, "max_auc", options_.max_auc, options_.max_auc > 0.5 && options_.max_auc <= 1.0, "in (0.5, 1]");
  require(type, "min_rows", options_.min_rows, options_.min_rows >= 2, "at least 2");
  require(type, "max_shared", options_.max_shared, options_.max_shared >= 0.0 && options_.max_shared < 1.0, "in [0, 1)");
}

void LeakageChecks::availability(std::string_view column, std::span<const Time> decided_at, std::span<const Time> available_at) {
  require_pairs(column, available_at.size(), decided_at.size());
  std::size_t late = 0;
  double latest = 0.0;
  for (std::size_t i = 0; i < decided_at.size(); ++i) {
    if (available_at[i] <= decided_at[i]) continue;
    ++late;
    latest = std::max(latest, std::chrono::duration<double>(available_at[i] - decided_at[i]).count());
  }
  if (late == 0) return;
  const double share = part(late, decided_at.size());
  findings_.push_back({Leak::availability, std::string(column), share, 0.0, late,
                       fmt::format("\"{}\" became available after the decision in {} of {} rows ({:.2f} %), up to {:.9g} s after it",
                                   column, late, decided_at.size(), 100.0 * share, latest)});
}

void LeakageChecks::giveaway(std::string_view column, std::span<const double> values, std::span<const double> labels) {
  require_pairs(column, values.size(), labels.size());
  std::vector<std::pair<double, bool>> there;
  std::vector<std::pair<double, bool>> is_there;
  bool binary = true;
  bool equal = true;
  bool constant = true;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    binary = binary && (labels[i] == 0.0 || labels[i] == 1.0);
    constant = constant && labels[i] == labels[0];
    is_there.emplace_back(is_nan(values[i]) ? 0.0 : 1.0, labels[i] == 1.0);
    if (is_nan(values[i])) continue;
    equal = equal && values[i] == labels[i];
    there.emplace_back(values[i], labels[i] == 1.0);
  }
  const auto judged = [this](const std::vector<std::pair<double, bool>>& rows) {
    const auto positives = static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.second; }));
    return std::min(positives, rows.size() - positives) >= options_.min_rows;
  };
  if (equal && !constant && there.size() >= options_.min_rows) {
    findings_.push_back({Leak::giveaway, std::string(column), 1.0, options_.max_auc, there.size(),
                         fmt::format("\"{}\" is the label in each of the {} rows where it is there", column, there.size())});
  } else if (binary && judged(there)) {
    judge_area(column, area_under_curve(there), there.size(), "alone");
  }
  if (binary && judged(is_there)) judge_area(column, area_under_curve(is_there), is_there.size(), "by being there or not");
}

void LeakageChecks::judge_area(std::string_view column, double area, std::size_t rows, std::string_view what) {
  const double either_way = std::max(area, 1.0 - area);
  if (either_way < options_.max_auc) return;
  findings_.push_back({Leak::giveaway, std::string(column), either_way, options_.max_auc, rows,
                       fmt::format("\"{}\" {} gives the label away: its area under the ROC curve is {:.4f} over {} rows, {} is suspicious",
                                   column, what, either_way, rows, options_.max_auc)});
}

void LeakageChecks::future_fit(std::string_view statistic, Time newest_row, const TemporalSplit& split) {
  if (newest_row < split.train_end) return;
  const double past = std::chrono::duration<double>(newest_row - split.train_end).count();
  findings_.push_back({Leak::future_fit, std::string(statistic), past, 0.0, 0,
                       fmt::format("\"{}\" was fitted on rows up to {:.9g} s past the end of the training range", statistic, past)});
}

void LeakageChecks::shared_keys(std::string_view key, const EntityKeys& train, const EntityKeys& test) {
  detail::EntityNumbers trained;
  for (std::size_t i = 0; i < train.size(); ++i)
    if (!train.bytes(i).empty()) trained.find_or_add(EntityKey::from_bytes(train.bytes(i)));
  const std::vector<std::uint32_t> found = trained.find_all(test);
  const auto shared = static_cast<std::size_t>(
      std::count_if(found.begin(), found.end(), [](std::uint32_t number) { return number != detail::EntityNumbers::none; }));
  const double share = part(shared, test.size());
  if (share <= options_.max_shared) return;
  findings_.push_back(
      {Leak::shared_keys, std::string(key), share, options_.max_shared, shared,
       fmt::format("{} of {} test rows ({:.2f} %) are about a \"{}\" that was trained on", shared, test.size(), 100.0 * share, key)});
}

}  // namespace rtml
