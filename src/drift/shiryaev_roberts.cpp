#include "rtml/drift/shiryaev_roberts.hpp"

#include "rtml/stats/special.hpp"

namespace rtml::drift {

namespace {

/// The share of values at rank `u` or below once all have moved by `shift` standard deviations, on the normal scale of ranks.
double moved(double u, double shift) noexcept { return stats::normal_cdf(stats::normal_quantile(u) - shift); }

}  // namespace

void ShiryaevRoberts::learn_reference() noexcept {
  // The tilts may depend on this quarter in any way, as its values count for nothing else.
  const auto ties_end = reference_.begin() + static_cast<std::ptrdiff_t>(reference_.size() / 4);
  std::sort(reference_.begin(), ties_end);
  std::sort(ties_end, reference_.end());
  const auto ties = static_cast<std::size_t>(ties_end - reference_.begin());
  const std::size_t ranks = reference_.size() - ties + 1;
  // One rank for each of the outer slots: what lies beyond all of the reference is not to be taken for its extremes.
  const auto rank_of = [ranks](std::size_t edge) {
    if (edge == 0 || edge == slots) return edge == 0 ? 0 : ranks;
    return 1 + (edge - 1) * (ranks - 2) / (slots - 2);
  };

  // Ranks of one tied value move together, or the random order of ties would hide half of what a 0/1 stream says: between the first
  // and the last of them the moved share goes straight.
  const auto share_below = [&](double u, double shift) {
    if (u <= 0.0 || u >= 1.0) return u;
    const auto at = std::min(static_cast<std::size_t>(u * static_cast<double>(ties)), ties - 1);
    const double value = reference_[at].value;
    const auto tied = std::equal_range(reference_.begin(), ties_end, Ranked{value, 0.0},
                                       [](const Ranked& a, const Ranked& b) { return a.value < b.value; });
    const double first = static_cast<double>(tied.first - reference_.begin()) / static_cast<double>(ties);
    const double last = static_cast<double>(tied.second - reference_.begin()) / static_cast<double>(ties);
    const double from = moved(first, shift);
    return from + (u - first) / (last - first) * (moved(last, shift) - from);
  };

  total_ = static_cast<double>(ranks);
  for (std::size_t slot = 0; slot + 1 < slots; ++slot) edges_[slot] = ties_end[static_cast<std::ptrdiff_t>(rank_of(slot + 1)) - 1];
  for (std::size_t lane = 0; lane < 2 * sizes; ++lane) {
    const double shift = shift_of(lane);
    totals_[lane] = 0.0;
    double below = 0.0;
    for (std::size_t slot = 0; slot < slots; ++slot) {
      const auto held = static_cast<double>(rank_of(slot + 1) - rank_of(slot));
      const double up_to = share_below(static_cast<double>(rank_of(slot + 1)) / total_, shift);
      // Beyond all ties nothing is tied.
      const bool beyond = slot == (shift < 0.0 ? 0 : slots - 1);
      const double share = beyond ? moved(1.0 / total_, -std::abs(shift)) : up_to - below;
      const double tilt = std::max(share * total_ / held, 1e-15);
      below = up_to;
      tilts_[slot * 2 * sizes + lane] = tilt;
      totals_[lane] += held * tilt;
    }
  }
}

}  // namespace rtml::drift
