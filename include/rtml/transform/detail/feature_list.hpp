#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/transform/detail/binding.hpp"
#include "rtml/transform/detail/golden_outputs.hpp"
#include "rtml/transform/detail/tile.hpp"
#include "rtml/transform/detail/transform_rows.hpp"
#include "rtml/transform/entity_windows.hpp"
#include "rtml/transform/feature.hpp"
#include "rtml/transform/feature_batch.hpp"
#include "rtml/transform/feature_output.hpp"
#include "rtml/transform/fitted.hpp"

namespace rtml::detail {

/// In place of a time accessor: every event is at the epoch.
struct NoTime {};

/// What a feature set is behind its handle; the features themselves are in `FeatureList`.
template <class Event>
class FeatureProgram {
 public:
  FeatureProgram(std::string set_name, EntityWindows::Options options, Binding<Event> binding)
      : name(std::move(set_name)),
        window_options(std::move(options)),
        schema(std::move(binding.columns)),
        feature_ends(std::move(binding.feature_ends)),
        fit_slots(std::move(binding.fit_slots)),
        rank_slots(std::move(binding.rank_slots)),
        tables(std::move(binding.tables)),
        sparse_capacity(binding.sparse_capacity),
        window_columns(binding.window_columns),
        keys(std::move(binding.keys)),
        columns_read(std::move(binding.columns_read)) {}
  FeatureProgram(const FeatureProgram&) = delete;
  FeatureProgram& operator=(const FeatureProgram&) = delete;
  virtual ~FeatureProgram() = default;

  virtual Time time(const Event& event) const noexcept = 0;
  virtual bool has_time() const noexcept = 0;
  virtual void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept = 0;
  virtual void transform(const typename BatchRows<Event>::Input& rows, const Fitted& fitted, const EntityWindows* windows,
                         FeatureBatch& out) const = 0;

  /// Where the first feature finds its statistics.
  Cursor statistics(const Fitted& fitted, float* fit_inputs) const noexcept {
    return {.dense = nullptr,
            .sparse = nullptr,
            .fit_input = fit_inputs,
            .mean = fitted.mean().data(),
            .scale = fitted.scale().data(),
            .rank_input = fit_inputs + fit_slots.size(),
            .knots = fitted.knots().data(),
            .table_input = fit_inputs + fit_slots.size() + rank_slots.size(),
            .tables = &fitted.tables(),
            .table = 0,
            .windows = nullptr,
            .at = {}};
  }

  /// The same features with other options, or with what they give for golden events: `golden` [columns][events], or nothing.
  virtual std::shared_ptr<const FeatureProgram> made_again(const EntityWindows::Options& options, GoldenColumns golden) const = 0;

  /// What they give for events that come one after the other, the first of all.
  virtual GoldenColumns golden(std::span<const Event> events) const = 0;

  Fitted make_fitted() const { return Fitted(fit_slots, rank_slots, tables); }

  EntityWindows make_windows(const EntityWindows::Options& options) const {
    std::vector<EntityWindows::Key> shapes;
    for (const auto& key : keys) shapes.push_back(key.shape);
    return {std::move(shapes), options};
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
    prefetch(event, windows);
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
  const ColumnsRead columns_read;
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
  bool has_time() const noexcept override { return !std::same_as<std::remove_cvref_t<decltype(time_)>, NoTime>; }

  void compute(const Event& event, const Fitted& fitted, const EntityWindows& windows, FeatureOutput& out) const noexcept override {
    compute_each(event, fitted, windows, out, [&](const auto& feature, Cursor& cursor) noexcept { feature.compute(event, cursor); });
  }

  void transform(const typename BatchRows<Event>::Input& rows, const Fitted& fitted, const EntityWindows* windows,
                 FeatureBatch& out) const override {
    transform_rows(*this, rows, fitted, windows, out,
                   [&](Tile<Event>& tile) { each_feature(features_, [&](const auto& feature) { tile.compute(feature); }); });
  }

  std::shared_ptr<const FeatureProgram<Event>> made_again(const EntityWindows::Options& options, GoldenColumns golden) const override {
    return make_program<Event>(this->name, time_, features_, options, std::move(golden));
  }

  GoldenColumns golden(std::span<const Event> events) const override {
    Fitted fitted = this->make_fitted();
    const EntityWindows::Options& all = this->window_options;
    EntityWindows windows = this->make_windows({.max_events_per_entity = all.max_events_per_entity,
                                                .lateness = all.lateness,
                                                .time_to_live = all.time_to_live,
                                                .max_skew = all.max_skew});  // no sizes: they are no part of a definition
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
    Cursor cursor = this->statistics(fitted, out.fit_inputs.data());
    cursor.dense = out.dense.data();
    cursor.sparse = out.sparse.data();
    cursor.windows = columns.data();
    cursor.at = at;
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
  if constexpr (is_field<TimeField>) binding.reads(time);
  each_feature(features, [&](auto& feature) {
    feature.bind(binding);
    binding.feature_ends.push_back(binding.columns.size());
  });
  for (std::size_t c = 0; c < golden.size(); ++c) binding.columns[c].golden = std::move(golden[c]);
  return std::make_shared<const FeatureList<Event, TimeField, Features>>(std::move(name), std::move(time), std::move(features), options,
                                                                         std::move(binding));
}

}  // namespace rtml::detail
