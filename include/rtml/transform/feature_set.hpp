#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rtml/core/batch.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/calendar.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/feature_list.hpp"
#include "rtml/transform/detail/transform_rows.hpp"
#include "rtml/transform/embedding.hpp"
#include "rtml/transform/encoding.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature.hpp"
#include "rtml/transform/feature_batch.hpp"
#include "rtml/transform/feature_output.hpp"
#include "rtml/transform/fitted.hpp"
#include "rtml/transform/geo.hpp"
#include "rtml/transform/holidays.hpp"
#include "rtml/transform/numeric.hpp"
#include "rtml/transform/text.hpp"
#include "rtml/transform/window.hpp"

namespace rtml {

/// One definition of features for training and serving, over the host's own struct (`feature_set`) or put together at run time
/// (`feature_set_from`): both forms of one definition have the same schema, fingerprint and bits. An immutable handle: cheap to copy, safe
/// to share between threads. What changes lives outside, in a Fitted and an EntityWindows that the caller owns. What its windows hold is part
/// of the definition (`with`), and so is what it gave for some events (`pinned`): state and models of another one are refused.
///
///     auto lock = features.lock(event, windows);
///     features.compute(event, fitted, windows, out);   // as of the event's time, without it
///     features.feed(event, windows);                    // and now it belongs to the past
template <class Event>
class FeatureSet {
 public:
  explicit FeatureSet(std::shared_ptr<const detail::FeatureProgram<Event>> program) noexcept : program_(std::move(program)) {}

  const std::string& name() const noexcept { return program_->name; }
  const Schema& schema() const noexcept { return program_->schema; }

  std::size_t dense_size() const noexcept { return program_->schema.dense_size(); }
  std::size_t sparse_capacity() const noexcept { return program_->sparse_capacity; }  ///< the most that one event gives
  /// Numbers that transforms with statistics see of one event.
  std::size_t fit_size() const noexcept { return program_->fit_size(); }

  const EntityWindows::Options& options() const noexcept { return program_->window_options; }

  /// The same features over windows with other options. `max_events_per_entity`, `lateness`, `time_to_live` and `max_skew` decide what windows
  /// hold: where they are not the default, they are part of the definition of every window, and of the fingerprint. The others are sizes.
  /// @throws ConfigError for an option out of range, or after pinned()
  FeatureSet with(const EntityWindows::Options& options) const {
    require("FeatureSet::with", "features", "pinned", !pinned(), "given their options before they are pinned");
    return FeatureSet(program_->made_again(options, {}));
  }

  /// The same features, pinned by what they give for `events`, the first that they ever see, one after the other: state and models that learned
  /// when a column gave something else are refused, with the column, the event and both values. So a lambda whose body changed under the same
  /// version is found, and a member that no name tells from another. Events may be appended later; what both have is compared.
  /// @throws ConfigError unless there are 1 to 256 of them
  FeatureSet pinned(const std::vector<Event>& events) const {
    require("FeatureSet::pinned", "events", events.size(), !events.empty() && events.size() <= 256, "1 to 256");
    return FeatureSet(program_->made_again(program_->window_options, program_->golden(events)));
  }

  /// What a person compares and a repository keeps: the name, then what Schema::description says.
  std::string description() const { return name() + "\n" + schema().description(); }

  /// The epoch in a set without a time accessor.
  Time time(const Event& event) const noexcept { return program_->time(event); }
  bool has_time() const noexcept { return program_->has_time(); }

  /// What transforms with statistics need, before anything was seen.
  Fitted make_fitted() const { return program_->make_fitted(); }

  /// What windows need, before anything was fed.
  EntityWindows make_windows() const { return program_->make_windows(program_->window_options); }

  /// Begins to fetch the entities of `event` into the cache; worth it some 100 ns before lock(). Any thread, changes nothing.
  void prefetch(const Event& event, const EntityWindows& windows) const noexcept { program_->prefetch(event, windows); }

  /// Holds the entities of `event` while it is computed and fed. Waits only for events of entities in the same shards.
  EntityWindows::Lock lock(const Event& event, const EntityWindows& windows) const noexcept { return program_->lock(event, windows); }

  /// The features of `event` as of its own time. Only reads, never allocates.
  /// @pre `out` has room as FeatureOutput says; `fitted` and `windows` were made by this set; the event's lock is held
  void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept {
    program_->compute(event, fitted, windows, out);
  }

  /// What a batch is made of: a span of events, for Row a Table.
  using Rows = typename detail::BatchRows<Event>::Input;

  /// The features of many events, bit for bit as compute() gives them one by one: windows are read as of each row's time, from what was fed
  /// before the call, and no row sees another. Only reads: threads may each transform a part of the rows, with a FeatureBatch of their own.
  /// Allocates only where `out` grows. Returns what lies in `out`.
  /// @throws ConfigError when a table has not the columns that the set reads, or `fitted` is of another set
  /// @pre `windows` was made by this set
  Batch transform(const Rows& rows, const Fitted& fitted, const EntityWindows& windows, FeatureBatch& out) const {
    program_->transform(rows, fitted, &windows, out);
    return out.batch();
  }
  /// The same of a set without windows. @throws ConfigError also when it has some
  Batch transform(const Rows& rows, const Fitted& fitted, FeatureBatch& out) const {
    program_->transform(rows, fitted, nullptr, out);
    return out.batch();
  }

  /// The features of many events in their order, each computed and then observed and fed before the next, as a loop that serves them does:
  /// how to train, and to fill `fitted` and `windows`, by a file. Labels are not known here: target_encoding learns none.
  /// @throws ConfigError as transform
  Batch replay(const Rows& rows, Fitted& fitted, EntityWindows& windows, FeatureBatch& out) const {
    detail::replay_rows(*program_, rows, fitted, windows, out);
    return out.batch();
  }

  /// Puts `event` into the windows of its entities.
  /// @pre the event's lock is held
  void feed(const Event& event, EntityWindows& windows) const noexcept { program_->feed(event, program_->time(event), windows); }

 private:
  bool pinned() const noexcept {
    const auto columns = program_->schema.columns();
    return !columns.empty() && !columns[0].golden.empty();
  }

  std::shared_ptr<const detail::FeatureProgram<Event>> program_;
};

/// Features over a struct with a time: `feature_set<Payment>("payments-v1", &Payment::at, numeric(...), window(...), ...)`.
/// @throws ConfigError when two columns have one name, or one has none.
template <class Event, detail::Source T, class... Fs>
requires(FeatureOf<Fs, Event>&&...) FeatureSet<Event> feature_set(std::string name, T time, Fs... features) {
  return FeatureSet<Event>(
      detail::make_program<Event>(std::move(name), detail::to_field(std::move(time)), std::tuple<Fs...>(std::move(features)...)));
}

/// Features over a struct without a time: every event is at the epoch, and nothing may depend on it.
template <class Event, class... Fs>
requires(FeatureOf<Fs, Event>&&...) FeatureSet<Event> feature_set(std::string name, Fs... features) {
  static_assert(!(Fs::reads_time || ...), "windows and calendar parts need a time accessor: feature_set<Event>(name, &Event::at, ...)");
  return FeatureSet<Event>(detail::make_program<Event>(std::move(name), detail::NoTime{}, std::tuple<Fs...>(std::move(features)...)));
}

/// The same of features that are only known at run time: one virtual call each.
template <class Event, detail::Source T>
FeatureSet<Event> feature_set_from(std::string name, T time, std::vector<AnyFeature<Event>> features) {
  return FeatureSet<Event>(detail::make_program<Event>(std::move(name), detail::to_field(std::move(time)), std::move(features)));
}

/// @throws ConfigError also when a feature depends on the event's time.
template <class Event>
FeatureSet<Event> feature_set_from(std::string name, std::vector<AnyFeature<Event>> features) {
  return FeatureSet<Event>(detail::make_program<Event>(std::move(name), detail::NoTime{}, std::move(features)));
}

}  // namespace rtml
