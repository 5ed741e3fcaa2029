// Everything in rtml that has state: saving has no side effect, and save, load, continue equals continue, bit for bit. The headers are read for
// every type that has an archive; one that no walk here saved, or that no saved one is said to hold, fails the test. So a new type cannot be left off.

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/ab/arm_metrics.hpp"
#include "rtml/ab/router.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/core/partitioned_watermark.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/drift/make_detector.hpp"
#include "rtml/drift/signals.hpp"
#include "rtml/learn/adam.hpp"
#include "rtml/learn/coin_betting.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/learn/passive_aggressive.hpp"
#include "rtml/loop.hpp"
#include "rtml/metrics/confusion.hpp"
#include "rtml/metrics/make_metric.hpp"
#include "rtml/metrics/signals.hpp"
#include "rtml/monitor/mark_log.hpp"
#include "rtml/monitor/report.hpp"
#include "rtml/monitor/series.hpp"
#include "rtml/monitor/skew_meter.hpp"
#include "rtml/replay/make_rehearsal.hpp"
#include "rtml/replay/rehearsing.hpp"
#include "rtml/serve/canary.hpp"
#include "rtml/serve/registry.hpp"
#include "rtml/stats/fading_mean.hpp"
#include "rtml/stats/hyper_log_log.hpp"
#include "rtml/stats/moments.hpp"
#include "rtml/stats/quantile_bins.hpp"
#include "rtml/stats/quantile_sketch.hpp"
#include "rtml/store/history.hpp"
#include "rtml/store/online_store.hpp"
#include "rtml/stream/delayed_labels.hpp"
#include "rtml/transform/feature_pipeline.hpp"
#include "store/store_rows.hpp"
#include "support.hpp"
#include "support/catch.hpp"

namespace all_state {

using namespace rtml;
using loop_test::Trade;
using Bytes = std::vector<std::byte>;

/// All bytes that walks have saved. A type that was saved is in them by the tag of its archive.
class Saved {
 public:
  void add(std::span<const std::byte> bytes) {
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    text_.push_back('\n');
  }
  bool holds(const std::string& tag) const {
    const std::uint64_t size = tag.size();
    std::string archived(sizeof(size), '\0');
    std::memcpy(archived.data(), &size, sizeof(size));
    return text_.find(archived + tag) != std::string::npos;
  }

 private:
  std::string text_;
};

/// `step(object, i)` is what happens to it at time i; `blank` is what it was built as.
template <class T, class Step>
void walk(Saved& all, const std::string& what, const T& blank, Step step, std::uint64_t steps = 200) {
  INFO(what);
  T object = blank;
  std::uint64_t at = 0;
  for (; at < steps; ++at) step(object, at);
  T unsaved = object;
  const Bytes bytes = save(object);
  CHECK((save(object) == bytes));
  T restored = blank;
  load(restored, bytes);
  CHECK((save(restored) == bytes));
  bool moves = false;
  for (; at < 2 * steps; ++at) {
    step(object, at);
    step(unsaved, at);
    step(restored, at);
    if (at % 16 == 0 && !moves) moves = save(object) != bytes;
  }
  const Bytes later = save(object);
  CHECK((moves || later != bytes));  // else nothing was walked
  CHECK((save(unsaved) == later));   // saving has no side effect
  CHECK((save(restored) == later));  // what was restored goes on as if it had not been
  all.add(bytes);
  all.add(later);
}

/// What does not move: it is what it was saved as.
template <class T>
void still(Saved& all, const T& object, T blank) {
  const Bytes bytes = save(object);
  CHECK((save(object) == bytes));
  load(blank, bytes);
  CHECK((save(blank) == bytes));
  all.add(bytes);
}

// --- learners --------------------------------------------------------------------------------------------------------------------------

Schema learner_schema() {
  return Schema({{.name = "a"},
                 {.name = "b"},
                 {.name = "c", .kind = Column::Kind::nominal, .categories = 5},
                 {.name = "w", .kind = Column::Kind::hashed}});
}

/// Example number i of a stream.
struct Row {
  explicit Row(std::uint64_t i) {
    Rng rng(i);
    const double signal = rng.normal();
    dense = {static_cast<float>(signal), static_cast<float>(100.0 * rng.normal()), static_cast<float>(rng.below(5))};
    if (rng.below(10) == 0) dense[1] = std::bit_cast<float>(0x7fc00000U);
    for (int k = 0; k < 4; ++k) sparse.push_back({static_cast<std::uint32_t>(rng.below(1000)), rng.below(20) == 0 ? 2.5F : 1.0F});
    fields.assign(sparse.size(), 0);
    noise = static_cast<float>(signal + 0.3 * rng.normal());
  }
  float label(Task task) const {
    if (task == Task::regression) return noise;
    return noise > 0.5F && task == Task::classes ? 2.0F : noise > 0.0F ? 1.0F : 0.0F;
  }

  std::vector<float> dense;
  std::vector<SparseFeature> sparse;
  std::vector<std::uint32_t> fields;
  float noise = 0.0F;
};

void walk_learner(Saved& all, AnyLearner learner) {
  try {
    learner.bind(learner_schema());
  } catch (const ConfigError&) {
    learner.bind(Schema::numeric(3));  // it takes no other columns
  }
  const Task task = learner.task();
  walk(all, learner.name(), learner, [task](AnyLearner& model, std::uint64_t i) {
    const Row row(i);
    std::vector<float> before(model.outputs());
    model.learn({row.dense, row.sparse}, row.label(task), 1.0F + static_cast<float>(i % 2), before,
                {.at = from_unix_seconds(static_cast<std::int64_t>(i)), .fields = row.fields});
    std::vector<float> scores(model.outputs());
    model.predict({row.dense, row.sparse}, scores, {.fields = row.fields});
  });
}

void walk_learners(Saved& all) {
  for (const std::string& name : learner_names()) {
    std::size_t tasks = 0;
    for (const Task task : {Task::binary, Task::classes, Task::regression}) {
      std::optional<AnyLearner> learner;
      try {
        learner = make_learner(name, task, task == Task::classes ? 3 : 2);
      } catch (const ConfigError&) {
        continue;  // not for this task
      }
      ++tasks;
      walk_learner(all, std::move(*learner));
    }
    CAPTURE(name);
    CHECK(tasks > 0);
  }
  for (const char* spec : {"logistic:loss=hinge,bits=10", "linear:loss=quantile,bits=10", "linear:loss=huber,bits=10",
                           "linear:loss=expectile,bits=10", "linear:optimizer=sgd,bits=10,l1=0.001,l2=0.001",
                           "linear:optimizer=adagrad,bits=10", "logistic:optimizer=ftrl,l1=0.01,bits=10", "linear:optimizer=nag,bits=10"})
    walk_learner(all, make_learner(spec));
  walk_learner(all, Linear<Poisson>({.bits = 8}));
  walk_learner(all, Linear<Logistic, Adam>({.bits = 8}));
  walk_learner(all, Linear<Logistic, CoinBetting>({.bits = 8}));
  walk_learner(all, Linear<Hinge, PassiveAggressive>({.bits = 8}));
  walk_learner(all, LogisticRegression({.bits = 6, .interactions = {{"a", "w"}}}));  // all of a small table in use: written whole
  for (const char* buffer : {"reservoir:size=50", "class_balanced:size=50", "sliding:size=50", "prioritized:size=50",
                             "decayed:size=50,half_life=1h", "herding:size=50"}) {
    Rehearsing<LogisticRegression> rehearsing(LogisticRegression({.bits = 8}), make_rehearsal(Spec(buffer), 3));
    rehearsing.bind(learner_schema());
    walk(all, buffer, rehearsing, [](auto& model, std::uint64_t i) {
      const Row row(i);
      model.learn({row.dense, row.sparse}, row.label(Task::binary), 1.0F);
    });
  }
}

// --- detectors, metrics, statistics ----------------------------------------------------------------------------------------------------

void walk_detectors(Saved& all) {
  for (const std::string_view name : drift::detector_names())
    walk(
        all, std::string(name), drift::make_detector(Spec(name)),
        [](drift::AnyDetector& detector, std::uint64_t i) {
          Rng rng(i);
          detector.update(rng.uniform() < (i < 700 ? 0.1 : 0.7) ? 1.0 : 0.0);
        },
        500);
}

Outcome outcome_at(Task task, std::uint64_t i) {
  Rng rng(i);
  const auto score = static_cast<float>(rng.uniform());
  const auto weight = static_cast<float>(1 + rng.below(2));
  if (task == Task::regression) return Outcome::regression(score, static_cast<float>(rng.normal()), weight);
  if (task == Task::classes) return Outcome::classes(score, static_cast<int>(rng.below(3)), static_cast<int>(rng.below(3)), weight);
  return Outcome::binary(score, rng.uniform() < static_cast<double>(score) ? 1.0F : 0.0F, 0.5F, weight);
}

void walk_metrics(Saved& all) {
  std::set<std::string_view> seen;
  for (const Task task : {Task::binary, Task::classes, Task::regression}) {
    for (const std::string_view name : metrics::metrics_of(task)) {
      seen.insert(name);
      for (const metrics::Window window : {metrics::Window::whole(), metrics::Window::last(50), metrics::Window::fading(0.99)})
        walk(all, std::string(name), metrics::make_metric(name, window, task, 3),
             [task](metrics::AnyMetric& metric, std::uint64_t i) { metric.update(outcome_at(task, i)); });
    }
    if (task == Task::classes)
      walk(all, "Confusion", metrics::Confusion(3), [task](metrics::Confusion& of, std::uint64_t i) { of.update(outcome_at(task, i)); });
    walk(all, "ArmMetrics", ab::ArmMetrics({"a", "b"}, {.task = task, .classes = 3}), [task](ab::ArmMetrics& arms, std::uint64_t i) {
      arms.served(i % 2);
      arms.update(i % 2, outcome_at(task, i));
    });
  }
  for (const std::string_view name : metrics::metric_names()) CHECK(seen.contains(name));
}

void walk_statistics(Saved& all) {
  const auto value = [](std::uint64_t i) { return Rng(i).normal(); };
  walk(all, "Moments", stats::Moments(), [&](auto& of, std::uint64_t i) { of.update(value(i)); });
  walk(all, "FadingMean", stats::FadingMean(), [&](auto& of, std::uint64_t i) { of.update(value(i)); });
  walk(all, "QuantileSketch", stats::QuantileSketch(8), [&](auto& of, std::uint64_t i) { of.update(static_cast<float>(value(i))); });
  walk(all, "HyperLogLog", stats::HyperLogLog(), [&](auto& of, std::uint64_t i) { of.update(Rng(i)()); });
  const std::vector<double> sample{1, 2, 3, 4, 5, 6, 7};
  still(all, stats::QuantileBins(sample, 4), stats::QuantileBins());
  still(all, FeatureVector({1.0F, 2.0F}, {{7, 0.5F}}), FeatureVector());
  walk(all, "Rng", Rng(1), [](Rng& rng, std::uint64_t) { rng(); });
  walk(all, "Watermark", Watermark(),
       [](Watermark& mark, std::uint64_t i) { mark.advance(from_unix_seconds(static_cast<std::int64_t>(i * 3 + Rng(i).below(20)))); });
  walk(all, "PartitionedWatermark", PartitionedWatermark({.partitions = 3}), [](PartitionedWatermark& mark, std::uint64_t i) {
    const Time at = from_unix_seconds(static_cast<std::int64_t>(i * 3 + Rng(i).below(20)));
    mark.advance(i % 3, at, at);
  });
  walk(
      all, "Router", ab::Router({{"a"}, {"b", 2.0}}, "salt"),
      [](ab::Router& router, std::uint64_t i) {
        const double weights[] = {1.0 + static_cast<double>(i % 3), 2.0 + static_cast<double>(i)};
        router.reweight(weights);
      },
      10);
}

// --- monitor, store, stream, transform -------------------------------------------------------------------------------------------------

void walk_monitor(Saved& all) {
  walk(all, "MarkLog", monitor::MarkLog({.capacity = 50}),
       [](auto& log, std::uint64_t i) { log.add({.event = i, .kind = "publish", .text = to_text(i)}); });
  for (const auto keep : {monitor::Series::Keep::first, monitor::Series::Keep::largest})
    walk(all, "Series", monitor::Series("p99", "ns", {.capacity = 16, .keep = keep}),
         [](auto& series, std::uint64_t i) { series.add({.event = i, .value = Rng(i).uniform()}); });
  walk(all, "SkewMeter", monitor::SkewMeter(Schema::numeric(3)), [](auto& meter, std::uint64_t i) {
    const Row row(i);
    const Row again(i + (i % 5 == 0 ? 1 : 0));
    meter.compare({row.dense, {}}, {again.dense, {}});
  });
  walk(all, "LatencyHistogram", monitor::LatencyHistogram(),
       [](auto& histogram, std::uint64_t i) { histogram.record(Rng(i).below(1'000'000)); });
}

void walk_stores(Saved& all) {
  const auto rows = rtml::testing::card_rows(1, 400, 20, 5);
  const FeatureView view = rtml::testing::card_view();
  rtml::testing::CardRow row(view);
  walk(all, "History", History(view), [&](History& history, std::uint64_t i) { history.append(row(rows[i])); });
  OnlineStore store([] { return from_unix_seconds(1'700'000'000); });
  store.add(view);
  walk(all, "OnlineStore", store, [&](OnlineStore& into, std::uint64_t i) { into.put(row(rows[i])); });
  walk(all, "DelayedLabels", stream::DelayedLabels<float>(stream::Delay::of_rows(20), 100), [](auto& labels, std::uint64_t i) {
    labels.push(from_unix_seconds(static_cast<std::int64_t>(i)), static_cast<float>(i));
    float out = 0.0F;
    while (labels.pop(out)) {
    }
  });
}

void walk_transforms(Saved& all) {
  const auto rows = loop_test::trades(400);
  walk(all, "FeaturePipeline", FeaturePipeline<Trade>(loop_test::trade_features()),
       [&](FeaturePipeline<Trade>& pipeline, std::uint64_t i) { pipeline.observe(rows[i]); });
  walk(all, "EntityWindows", loop_test::trade_features().make_windows(),
       [&, pipeline = FeaturePipeline<Trade>(loop_test::trade_features())](EntityWindows& windows, std::uint64_t i) {
         const std::vector<std::uint64_t> values(windows.keys()[0].values.size(), std::bit_cast<std::uint64_t>(rows[i].size));
         const auto lock = windows.lock_all();
         windows.feed(0, rows[i].trader * 0x9e3779b97f4a7c15U, rows[i].at, values);
       });
}

// --- the loop --------------------------------------------------------------------------------------------------------------------------

LoopOptions everything(const std::string& folder) {
  LoopOptions options;
  options.retrain = {.when = every(400) || drift::psi() > 0.9 || drift::adwin() > 0.5 || metrics::accuracy() < 0.2,
                     .start = Start::recall,
                     .on = Data::recent(std::size_t{200}),
                     .shelf = {.keep = 2, .every = 200, .rows = 30},
                     .gate = {.labels = 100}};
  options.rehearse = reservoir(100);
  options.state = folder;
  options.challengers = {{.name = "other", .learner = LinearSvm{}, .weight = 0.3},
                         {.name = "third", .learner = LogisticRegression{}, .weight = 0.0}};
  options.checkpoint_every = 0;
  options.drift = {.edge_rows = 100, .reference = 800, .window = 100};
  options.metric_window = 100;
  options.segments = {.most = 64, .window = 200, .least = 10};
  options.segment = segment_by(&Trade::trader);
  return options;
}

/// The sections of a loop's newest checkpoint, without what the clock and the saves themselves leave in them.
std::map<std::string, Bytes> sections_in(const std::string& folder, Saved* all) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".rtml") files.push_back(entry.path());
  REQUIRE(!files.empty());
  const auto checkpoint = checkpoint::Checkpoint::open(std::max_element(files.begin(), files.end())->string());
  std::map<std::string, Bytes> sections;
  for (const auto& section : checkpoint.sections()) {
    const auto bytes = section.bytes.span();
    if (all != nullptr) all->add(bytes);
    if (section.name != "latency" && section.name != "counters") sections[section.name] = Bytes(bytes.begin(), bytes.end());
  }
  return sections;
}

void walk_loop(Saved& all) {
  const auto rows = loop_test::trades(2400, 1, 1300);
  const loop_test::TemporaryFolder whole_folder;
  const loop_test::TemporaryFolder folder;
  Loop<Trade> whole(loop_test::trade_features(), LogisticRegression{}, everything(whole_folder.path()));
  loop_test::run(whole, rows, 0, 2400);
  whole.checkpoint();
  all.add(save(whole.report()));
  for (const std::size_t from : {std::size_t{0}, std::size_t{900}, std::size_t{1700}}) {
    Loop<Trade> loop(loop_test::trade_features(), LogisticRegression{}, everything(folder.path()));
    REQUIRE(loop.resume_offset() == from);
    loop_test::run(loop, rows, from, from == 0 ? 900 : from == 900 ? 1700 : 2400);
    loop.checkpoint();
  }
  const auto expected = sections_in(whole_folder.path(), &all);
  const auto found = sections_in(folder.path(), &all);
  REQUIRE(expected.size() == found.size());
  for (const auto& [name, bytes] : expected) {
    CAPTURE(name);
    CHECK((found.at(name) == bytes));
  }
}

void walk_serving(Saved& all) {
  walk(all, "Canary", Canary({.most_labels = 1'000'000}), [](Canary& canary, std::uint64_t i) {
    Rng rng(i);
    const Canary::Side side = rng.below(5) == 0 ? Canary::Side::canary : Canary::Side::stable;
    canary.predicted(side, static_cast<float>(rng.uniform()));
    canary.labelled(side, rng.uniform());
  });

  const loop_test::TemporaryFolder folder;
  const auto made_of = [&](std::uint64_t i) {
    LogisticRegression model({.bits = 8});
    model.bind(learner_schema());
    const Row row(i);
    model.learn({row.dense, row.sparse}, 1.0F);
    return AnyLearner(std::move(model));
  };
  std::vector<ModelVersion> versions;
  std::vector<Decision> decisions;
  for (std::uint64_t start = 0; start < 2; ++start) {
    Registry registry(folder.path() + "/models");
    CHECK((registry.versions() == versions));
    CHECK((registry.decisions() == decisions));
    Lineage lineage;
    lineage.offsets = {{.partition = 1, .begin = 2, .end = 30}};
    lineage.params = {{.name = "rate", .value = "0.1"}};
    lineage.metrics = {{.name = "log_loss", .value = 0.25}};
    registry.promote(registry.add(made_of(start), lineage), "better", {{.name = "log_loss", .value = 0.25}});
    versions = registry.versions();
    decisions = registry.decisions();
  }
  sections_in(folder.path() + "/models/index", &all);
}

// --- the list --------------------------------------------------------------------------------------------------------------------------

/// A type that has an archive, as its header says.
struct Archived {
  std::string type;  // file:name
  std::string tag;   // "" when it has none of its own
};

std::vector<Archived> archived_types() {
  static const std::regex declaration(R"(^(\s*)(class|struct)\s+(?:RTML_API\s+|alignas\([^)]*\)\s+)?(\w+)[^;]*\{.*)");
  static const std::regex header(R"re(.*header\("(\w+)".*)re");
  const std::filesystem::path include = RTML_SOURCE_DIR "/include/rtml";
  std::vector<Archived> types;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(include)) {
    if (entry.path().extension() != ".hpp") continue;
    std::vector<std::string> lines;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::size_t indent = lines[i].find_first_not_of(' ');
      if (indent == std::string::npos || lines[i].compare(indent, 20, "static void archive(") != 0) continue;
      Archived found;
      std::smatch match;
      for (std::size_t k = i; k-- > 0 && found.type.empty();)
        if (std::regex_match(lines[k], match, declaration) && static_cast<std::size_t>(match[1].length()) < indent)
          found.type = std::filesystem::relative(entry.path(), include).string() + ":" + match[3].str();
      for (std::size_t k = i; k < std::min(i + 12, lines.size()) && found.tag.empty(); ++k) {
        if (k > i && lines[k].find("static void archive(") != std::string::npos) break;
        if (std::regex_match(lines[k], match, header)) found.tag = match[1].str();
      }
      types.push_back(std::move(found));
    }
  }
  return types;
}

/// Of types without a tag: who holds them.
const std::map<std::string, std::string> held_by = {
    {"ab/router.hpp:Arm", "Router"},
    {"ab/router.hpp:Range", "Router"},
    {"core/event_id.hpp:EventId", "PendingRing"},
    {"core/features.hpp:SparseFeature", "ReservoirBuffer"},
    {"drift/kswin.hpp:Arrived", "Kswin"},
    {"learn/detail/column_ranges.hpp:Range", "ColumnRanges"},
    {"learn/detail/factor_features.hpp:FactorFeatures", "FactorRows"},
    {"learn/detail/factor_model.hpp:FactorModel", "FactorizationMachine"},
    {"learn/detail/hashed_weights.hpp:HashedScales", "HashedTable"},
    {"learn/detail/hashed_weights.hpp:HashedWeights", "HashedTable"},
    {"learn/detail/linear_front.hpp:LinearFront", "Linear"},
    {"learn/detail/mixture.hpp:Mixture", "Linear"},
    {"learn/detail/optimizer.hpp:OneLane", "Nag"},
    {"learn/detail/optimizer.hpp:RelativeSizes", "Nag"},
    {"learn/multi_rate.hpp:ExampleSize", "MultiRate"},
    {"learn/multi_rate.hpp:State", "MultiRate"},
    {"learn/sgd.hpp:State", "Sgd"},
    {"metrics/binary.hpp:BinaryCounts", "AnyMetric"},
    {"metrics/confusion.hpp:ClassCounts", "MacroF1"},
    {"metrics/ranking.hpp:ScoreHistogram", "AnyMetric"},
    {"metrics/ranking.hpp:Ranking", "AnyMetric"},
    {"monitor/counter.hpp:Counter", "PendingRing"},
    {"monitor/counter.hpp:Label", "Sample"},
    {"monitor/performance_panel.hpp:Window", "PerformancePanel"},
    {"monitor/performance_panel.hpp:Detector", "PerformancePanel"},
    {"monitor/performance_panel.hpp:Coverage", "PerformancePanel"},
    {"monitor/performance_panel.hpp:Delay", "PerformancePanel"},
    {"monitor/report.hpp:Setting", "Report"},
    {"monitor/segment_name.hpp:SegmentName", "Segments"},
    {"monitor/series.hpp:Point", "Series"},
    {"monitor/skew_meter.hpp:Column", "SkewMeter"},
    {"monitor/value.hpp:Value", "Series"},
    {"monitor/value.hpp:Estimate", "PerformancePanel"},
    {"replay/class_places.hpp:ClassPlaces", "ClassBalancedBuffer"},
    {"replay/example_arena.hpp:ExampleArena", "ReservoirBuffer"},
    {"serve/canary.hpp:Counts", "Canary"},
    {"serve/detail/bet.hpp:Bet", "Canary"},
    {"serve/detail/registry_index.hpp:Alias", "Registry"},
    {"serve/figure.hpp:Figure", "Decision"},
    {"serve/lineage.hpp:Offsets", "Lineage"},
    {"serve/lineage.hpp:Parameter", "Lineage"},
    {"store/bounds.hpp:StoreCounters", "OnlineStore"},
    {"store/feature_view.hpp:KeyColumn", "FeatureView"},
    {"store/feature_view.hpp:ValueColumn", "FeatureView"},
    {"train/gate.hpp:Evidence", "Trial"},
    {"train/trigger.hpp:Memory", "RetrainScheduler"},
};

}  // namespace all_state

TEST_CASE("All that has state saves without a trace, and goes on from what was saved, bit for bit", "[loop][state]") {
  all_state::Saved all;
  all_state::walk_learners(all);
  all_state::walk_detectors(all);
  all_state::walk_metrics(all);
  all_state::walk_statistics(all);
  all_state::walk_monitor(all);
  all_state::walk_stores(all);
  all_state::walk_transforms(all);
  all_state::walk_loop(all);
  all_state::walk_serving(all);

  const auto types = all_state::archived_types();
  CHECK(types.size() >= 150);  // the headers were found
  std::set<std::string> unlisted;
  for (const auto& [type, tag] : types) {
    const auto held = all_state::held_by.find(type);
    const std::string& expected = !tag.empty() || held == all_state::held_by.end() ? tag : held->second;
    if (expected.empty() || !all.holds(expected)) unlisted.insert(type);
  }
  for (const std::string& type : unlisted) {
    CAPTURE(type);
    CHECK(false);  // has an archive: let one of the walks save it, and go on with it
  }
  for (const auto& held : all_state::held_by) {
    CAPTURE(held.first);
    CHECK(std::any_of(types.begin(), types.end(),
                      [&](const auto& type) { return type.type == held.first; }));  // else it is gone from the headers
  }
}
