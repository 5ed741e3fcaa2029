#include "store_bench.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/rng.hpp"
#include "rtml/store/as_of_index.hpp"
#include "rtml/store/history.hpp"
#include "rtml/store/online_store.hpp"
#include "rtml/store/point_in_time_join.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {

namespace {

using namespace rtml;

constexpr std::size_t many = 100;
constexpr Duration history_span = days(30);
constexpr Time history_begin = from_unix_seconds(1'700'000'000);

std::vector<std::string> column_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("f" + to_text(i));
  return names;
}

FeatureView view_of(std::size_t columns) {
  std::vector<ValueColumn> values;
  for (const std::string& name : column_names(columns)) values.push_back(ValueColumn::of<float>(name));
  return {"bench", {KeyColumn::integer("id")}, std::move(values), {.ttl = days(7)}};
}

/// Fills all columns of a row.
class BenchRow {
 public:
  explicit BenchRow(const FeatureView& view) : view_(view), row_(view) {
    for (const ValueColumn& column : view.columns()) columns_.push_back(view.column<float>(column.name));
  }

  const FeatureRow& operator()(std::uint64_t id, Time event_time, Time available_at) {
    row_.begin(view_.key(id), event_time);
    row_.set_available_at(available_at);
    for (const auto& column : columns_) row_.set(column, static_cast<float>(id % 1024));
    return row_;
  }

 private:
  FeatureView view_;
  FeatureRow row_;
  std::vector<TypedColumn<float>> columns_;
};

/// Latencies of single and of hundredfold reads among the first `entities`.
std::pair<Latencies, Latencies> read(const OnlineStore& store, const FeatureView& view, std::size_t entities, const StoreBench& options) {
  const auto handle = store.resolve<float>(view, column_names(view.columns().size()));
  std::vector<float> out(many * handle.size());
  std::vector<ValueStatus> status(out.size());
  std::vector<EntityKey> keys(many);
  Rng rng(options.seed);
  Latencies one;
  Latencies hundred;
  for (std::size_t i = 0; i < options.reads; ++i) {
    const EntityKey key = view.key(rng.below(entities));
    const auto begin = Clock::now();
    handle.get(key, history_begin, std::span(out).first(handle.size()), std::span(status).first(handle.size()));
    one.add(Clock::now() - begin);
  }
  for (std::size_t i = 0; i < options.reads / 10; ++i) {
    for (EntityKey& key : keys) key = view.key(rng.below(entities));
    const auto begin = Clock::now();
    handle.multi_get(keys, history_begin, out, status);
    hundred.add(Clock::now() - begin);
  }
  return {std::move(one), std::move(hundred)};
}

void measure_reads(const StoreBench& options, nlohmann::ordered_json& figures) {
  const FeatureView view = view_of(64);
  OnlineStore store([] { return history_begin; });
  store.add(view, {.max_entities = options.entities * 5 / 4});
  BenchRow row(view);
  for (std::size_t id = 0; id < options.entities; ++id) store.put(row(id, history_begin, history_begin));
  for (const bool hot : {true, false}) {
    auto [one, hundred] = read(store, view, hot ? options.hot_entities : options.entities, options);
    const std::string of = hot ? "" : "_uniform";
    figures["get" + of + "_p50_ns"] = one.quantile(0.5);
    figures["get" + of + "_p99_ns"] = one.quantile(0.99);
    figures["multi_get_100" + of + "_p50_ns"] = hundred.quantile(0.5);
  }
  figures["store_bytes_per_entity"] = static_cast<double>(store.memory_bytes()) / static_cast<double>(options.entities);
}

History make_history(const StoreBench& options, bool shuffled) {
  const auto span = static_cast<std::uint64_t>(history_span.count());
  History history(view_of(16));
  BenchRow row(history.view());
  Rng rng(options.seed);
  for (std::size_t i = 0; i < options.history_rows; ++i) {
    const std::uint64_t since = shuffled ? rng.below(span) : span / options.history_rows * i;
    const Time available_at = history_begin + Duration(since);
    const Duration late = rng.below(10) == 0 ? Duration(rng.below(static_cast<std::uint64_t>(Duration(hours(6)).count()))) : Duration(0);
    history.append(row(rng.below(options.history_entities), available_at - late, available_at));
  }
  return history;
}

double join_seconds(const StoreBench& options, bool shuffled) {
  const History history = make_history(options, shuffled);
  EntityKeys keys;
  std::vector<Time> at;
  Rng rng(options.seed + 1);
  for (std::size_t i = 0; i < options.labels; ++i) {
    keys.append(history.view().key(rng.below(options.history_entities)));
    at.push_back(history_begin + Duration(rng.below(static_cast<std::uint64_t>(history_span.count()))));
  }
  std::vector<double> seconds;
  for (int run = 0; run < 5; ++run) {
    const auto begin = Clock::now();
    const AsOfIndex index(history);
    const JoinSource source{&index, &keys, column_names(4), ""};
    const JoinedTable table = point_in_time_join(at, {&source, 1});
    seconds.push_back(nanoseconds(Clock::now() - begin) / 1e9);
  }
  std::nth_element(seconds.begin(), seconds.begin() + 2, seconds.end());
  return seconds[2];
}

}  // namespace

nlohmann::ordered_json measure_store(const StoreBench& options) {
  nlohmann::ordered_json figures;
  measure_reads(options, figures);
  figures["join_seconds"] = join_seconds(options, false);
  figures["join_shuffled_seconds"] = join_seconds(options, true);
  return figures;
}

}  // namespace rtml_bench
