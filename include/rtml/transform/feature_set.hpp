#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/calendar.hpp"
#include "rtml/transform/category.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/golden_outputs.hpp"
#include "rtml/transform/embedding.hpp"
#include "rtml/transform/encoding.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature.hpp"
#include "rtml/transform/feature_output.hpp"
#include "rtml/transform/fitted.hpp"
#include "rtml/transform/geo.hpp"
#include "rtml/transform/holidays.hpp"
#include "rtml/transform/numeric.hpp"
#include "rtml/transform/text.hpp"
#include "rtml/transform/window.hpp"

namespace rtml {
namespace detail {

/// In place of a time accessor: every event is at the epoch.
struct NoTime {};

/// What a feature set is behind its handle; the features themselves are in `FeatureList`.
template <class Event>
class FeatureProgram {
 public:
  FeatureProgram(std::string set_name, const EntityWindows::Options& options, Binding<Event> binding)
      : name(std::move(set_name)),
        window_options(options),
        schema(std::move(binding.columns)),
        feature_ends(std::move(binding.feature_ends)),
        fit_slots(std::move(binding.fit_slots)),
        rank_slots(std::move(binding.rank_slots)),
        tables(std::move(binding.tables)),
        sparse_capacity(binding.sparse_capacity),
        window_columns(binding.window_columns),
        keys(std::move(binding.keys)) {}
  FeatureProgram(const FeatureProgram&) = delete;
  FeatureProgram& operator=(const FeatureProgram&) = delete;
  virtual ~FeatureProgram() = default;

  virtual Time time(const Event& event) const noexcept = 0;
  virtual void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept = 0;

  /// The same features with other options, or with what they give for golden events: `golden` [columns][events], or nothing.
  virtual std::shared_ptr<const FeatureProgram> made_again(const EntityWindows::Options& options, GoldenColumns golden) const = 0;

  /// What they give for events that come one after the other, the first of all.
  virtual GoldenColumns golden(std::span<const Event> events) const = 0;

  Fitted make_fitted() const { return Fitted(fit_slots, rank_slots, tables); }

  EntityWindows make_windows() const {
    std::vector<EntityWindows::Key> shapes;
    for (const auto& key : keys) shapes.push_back(key.shape);
    return {std::move(shapes), window_options};
  }

  std::size_t fit_size() const noexcept {
    std::size_t size = fit_slots.size() + rank_slots.size();
    for (const FittedTables::Table& table : tables) size += table.inputs;
    return size;
  }

  EntityWindows::Lock lock(const Event& event, const EntityWindows& windows) const noexcept {
    std::uint64_t shards = 0;
    for (const BoundKey<Event>& key : keys)
      if (const auto entity = key.entity(event)) shards |= windows.shard_bit(*entity);
    auto lock = windows.lock(shards);
    for (std::size_t k = 0; k < keys.size(); ++k)
      if (const auto entity = keys[k].entity(event)) windows.prefetch_entity(k, *entity);
    for (std::size_t k = 0; k < keys.size(); ++k)
      if (const auto entity = keys[k].entity(event)) windows.prefetch_cells(k, *entity);
    return lock;
  }

  void prefetch(const Event& event, const EntityWindows& windows) const noexcept {
    for (const BoundKey<Event>& key : keys)
      if (const auto entity = key.entity(event)) windows.prefetch(*entity);
  }

  void feed(const Event& event, Time at, EntityWindows& windows) const noexcept {
    std::array<std::uint64_t, EntityWindows::max_values> values;  // only as many as the key has
    for (std::size_t k = 0; k < keys.size(); ++k) {
      const auto entity = keys[k].entity(event);
      if (!entity) continue;
      const std::size_t count = keys[k].values.size();
      for (std::size_t v = 0; v < count; ++v) values[v] = keys[k].values[v](event);
      windows.feed(k, *entity, at, std::span<const std::uint64_t>(values.data(), count));
    }
  }

  void read_windows(const Event& event, Time at, const EntityWindows& windows, std::span<float> out) const noexcept {
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (const auto entity = keys[k].entity(event)) {
        windows.read(k, *entity, at, out);
      } else {
        windows.read_none(k, at, out);
      }
    }
  }

  const std::string name;
  const EntityWindows::Options window_options;
  const Schema schema;
  const std::vector<std::size_t> feature_ends;
  const std::vector<std::uint64_t> fit_slots;
  const std::vector<std::uint64_t> rank_slots;
  const std::vector<FittedTables::Table> tables;
  const std::size_t sparse_capacity;
  const std::size_t window_columns;
  const std::vector<BoundKey<Event>> keys;
};

template <class Event, class A>
Time read_time(const Field<A>& field, const Event& event) noexcept {
  static_assert(is_time<Read<A, Event>>, "the time accessor gives a std::chrono::time_point of the system clock, such as rtml::Time");
  return std::chrono::floor<Duration>(field.read(event));
}

template <class Event>
Time read_time(const NoTime& /*none*/, const Event& /*event*/) noexcept {
  return Time{};
}

template <class... Fs, class Use>
void each_feature(std::tuple<Fs...>& features, Use use) {
  std::apply([&](auto&... feature) { (use(feature), ...); }, features);
}
template <class... Fs, class Use>
void each_feature(const std::tuple<Fs...>& features, Use use) {
  std::apply([&](const auto&... feature) { (use(feature), ...); }, features);
}
template <class Event, class Use>
void each_feature(std::vector<AnyFeature<Event>>& features, Use use) {
  for (AnyFeature<Event>& feature : features) use(feature);
}
template <class Event, class Use>
void each_feature(const std::vector<AnyFeature<Event>>& features, Use use) {
  for (const AnyFeature<Event>& feature : features) use(feature);
}

template <class Event, class TimeField, class Features>
std::shared_ptr<const FeatureProgram<Event>> make_program(std::string name, TimeField time, Features features,
                                                          const EntityWindows::Options& options = {}, GoldenColumns golden = {});

/// `Features`: a tuple of feature types, or a vector of AnyFeature. The code is one, and so are the bits.
template <class Event, class TimeField, class Features>
class FeatureList final : public FeatureProgram<Event> {
 public:
  FeatureList(std::string set_name, TimeField field, Features features, const EntityWindows::Options& options, Binding<Event> binding)
      : FeatureProgram<Event>(std::move(set_name), options, std::move(binding)), time_(std::move(field)), features_(std::move(features)) {}

  Time time(const Event& event) const noexcept override { return read_time(time_, event); }

  void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept override {
    compute_each(event, fitted, windows, out, [&](const auto& feature, Cursor& cursor) noexcept { feature.compute(event, cursor); });
  }

  std::shared_ptr<const FeatureProgram<Event>> made_again(const EntityWindows::Options& options, GoldenColumns golden) const override {
    return make_program<Event>(this->name, time_, features_, options, std::move(golden));
  }

  GoldenColumns golden(std::span<const Event> events) const override {
    Fitted fitted = this->make_fitted();
    EntityWindows windows = this->make_windows();
    std::vector<float> dense(this->schema.dense_size());
    std::vector<float> fit_inputs(this->fit_size());
    std::vector<SparseFeature> sparse(this->sparse_capacity);
    GoldenColumns columns(this->schema.columns().size());
    for (const Event& event : events) {
      FeatureOutput out{dense, sparse, fit_inputs};
      std::size_t first = 0;
      const std::size_t* end = this->feature_ends.data();
      compute_each(event, fitted, windows, out, [&](const auto& feature, Cursor& cursor) {
        const Cursor before = cursor;
        feature.compute(event, cursor);
        write_golden(before, cursor, this->schema.columns().subspan(first, *end - first), std::span(columns).subspan(first, *end - first));
        first = *end++;
      });
      fitted.observe(fit_inputs);
      this->feed(event, read_time(time_, event), windows);
    }
    return columns;
  }

 private:
  /// `step(feature, cursor)` computes each.
  template <class Step>
  void compute_each(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out, Step step) const {
    std::array<float, EntityWindows::max_columns> columns;  // only as many as the set has
    const Time at = read_time(time_, event);
    this->read_windows(event, at, windows, {columns.data(), this->window_columns});
    Cursor cursor{.dense = out.dense.data(),
                  .sparse = out.sparse.data(),
                  .fit_input = out.fit_inputs.data(),
                  .mean = fitted.mean().data(),
                  .scale = fitted.scale().data(),
                  .rank_input = out.fit_inputs.data() + this->fit_slots.size(),
                  .knots = fitted.knots().data(),
                  .table_input = out.fit_inputs.data() + this->fit_slots.size() + this->rank_slots.size(),
                  .tables = &fitted.tables(),
                  .table = 0,
                  .windows = columns.data(),
                  .at = at};
    each_feature(features_, [&](const auto& feature) { step(feature, cursor); });
    out.nnz = static_cast<std::size_t>(cursor.sparse - out.sparse.data());
  }

  TimeField time_;
  Features features_;
};

template <class Event, class TimeField, class Features>
std::shared_ptr<const FeatureProgram<Event>> make_program(std::string name, TimeField time, Features features,
                                                          const EntityWindows::Options& options, GoldenColumns golden) {
  require("FeatureSet", "name", name, !name.empty(), "not empty");
  std::string version;
  if constexpr (is_field<TimeField>) version = time.version().empty() ? "" : time.label();
  check(options);
  Binding<Event> binding(is_field<TimeField>, std::move(version), options);
  each_feature(features, [&](auto& feature) {
    feature.bind(binding);
    binding.feature_ends.push_back(binding.columns.size());
  });
  for (std::size_t c = 0; c < golden.size(); ++c) binding.columns[c].golden = std::move(golden[c]);
  return std::make_shared<const FeatureList<Event, TimeField, Features>>(std::move(name), std::move(time), std::move(features), options,
                                                                         std::move(binding));
}

}  // namespace detail

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

  /// What transforms with statistics need, before anything was seen.
  Fitted make_fitted() const { return program_->make_fitted(); }

  /// What windows need, before anything was fed.
  EntityWindows make_windows() const { return program_->make_windows(); }

  /// Begins to fetch the entities of `event` into the cache; worth it some 100 ns before lock(). Any thread, changes nothing.
  void prefetch(const Event& event, const EntityWindows& windows) const noexcept { program_->prefetch(event, windows); }

  /// Holds the entities of `event` while it is computed and fed. Waits only for events of entities in the same shards.
  EntityWindows::Lock lock(const Event& event, const EntityWindows& windows) const noexcept { return program_->lock(event, windows); }

  /// The features of `event` as of its own time. Only reads, never allocates.
  /// @pre `out` has room as FeatureOutput says; `fitted` and `windows` were made by this set; the event's lock is held
  void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept {
    program_->compute(event, fitted, windows, out);
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
