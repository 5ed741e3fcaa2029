#pragma once

#include <cstddef>
#include <cstdint>

#include "rtml/core/error.hpp"
#include "rtml/core/time.hpp"
#include "rtml/train/gate.hpp"
#include "rtml/train/shelf.hpp"
#include "rtml/train/trigger.hpp"

namespace rtml {

/// Where a retraining starts from.
enum class Start : std::uint8_t {
  fresh,   ///< an untrained learner (stateless)
  warm,    ///< the model as it is (stateful)
  recall,  ///< the model as it is or as it once was, whichever fits the newest rows best: for concepts that come back (`Retrain::shelf`)
};

/// What a retraining learns from: `recent` rows by when their labels came, `since_last` those that the model has not been trained on, or what
/// LoopOptions::rehearse keeps.
struct Data {
  enum class What : std::uint8_t { recent, since_last, rehearsal };

  What what = What::since_last;
  std::size_t rows = 0;  ///< of `recent`: at most so many of the newest, 0 = no limit
  Duration span{0};      ///< of `recent`: labels that came within it, by event time, 0 = no limit

  static Data recent(std::size_t rows) { return {What::recent, rows, Duration{0}}; }
  static Data recent(Duration span) { return {What::recent, 0, span}; }
  static Data since_last() { return {}; }
  static Data rehearsal() { return {What::rehearsal, 0, Duration{0}}; }
};

/// When a model is retrained, from where, and on what. The strategies of the field, a line each:
///
///     Retrain continual{};                                                                        // learns each label as it comes
///     Retrain frozen{.online = false, .warmup = 1000};                                            // and never again
///     Retrain stateless{.when = every(5000), .start = Start::fresh, .on = Data::recent(20'000)};   // anew on a window
///     Retrain cadence{.when = every(24h), .start = Start::fresh, .on = Data::recent(days(7)), .online = false};
///     Retrain stateful_cadence{.when = every(24h), .start = Start::warm, .on = Data::since_last(), .online = false};
///     Retrain on_demand{.when = drift::psi() > 0.2, .start = Start::fresh, .on = Data::recent(days(7)), .online = false};
///     Retrain recurring{.when = drift::adwin() > 0.0, .start = Start::recall, .on = Data::recent(200)};
///     Retrain on_demand_stateful{.when = drift::psi() > 0.2, .start = Start::warm, .on = Data::since_last(), .online = false};
struct Retrain {
  Trigger when = never();
  Start start = Start::warm;
  Data on = Data::since_last();
  bool online = true;              ///< learn each label as it comes, between retrainings too
  std::uint64_t warmup = 0;        ///< labels learned as they come before `online = false` takes hold
  std::uint64_t min_samples = 30;  ///< a retraining with fewer rows waits for more; at most `on.rows`, where that is set
  std::uint64_t cooldown = 0;      ///< labels after a retraining in which no other starts
  std::uint64_t most_per_day = 0;  ///< retrainings within any 24 h of event time, 0 = no limit
  std::size_t passes = 1;          ///< over the rows, in time order
  Shelf::Options shelf = {};       ///< of Start::recall: which earlier states of the model are kept
  Gate gate = {};                  ///< what the retrained model must prove before it serves; none by default

  /// @throws ConfigError
  void validate() const {
    require("Retrain", "passes", passes, passes >= 1 && passes <= 1000, "in [1, 1000]");
    require("Retrain", "on.span", on.span.count(), on.span.count() >= 0, ">= 0");
    require("Retrain", "min_samples", min_samples, min_samples >= 1, ">= 1");
    const bool there_may_be_enough = when.never() || on.what != Data::What::recent || on.rows == 0 || min_samples <= on.rows;
    require("Retrain", "min_samples", min_samples, there_may_be_enough, "at most on.rows, which is " + to_text(on.rows));
    require("Retrain", "most_per_day", most_per_day, most_per_day <= 100'000, "at most 100000");
    shelf.validate();
    gate.validate();
  }
};

}  // namespace rtml
