#include <chrono>
#include <string>
#include <vector>

#include "rtml/transform/feature_pipeline.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using loop_test::TemporaryFolder;
using loop_test::Trade;
using loop_test::trades;

namespace {

/// One definition, of which a test changes one thing.
struct Definition {
  float most = 500.0F;
  bool clip_first = true;
  Duration span = 1min;
  WindowKind kind = sawtooth(10s);
  std::string key = "trader";
  std::string version = "v1";
  double factor = 2.0;  // in the body of a lambda
  bool size_first = true;
  WindowOptions options = {.lateness = 5min, .time_to_live = days(7)};
};

FeatureSet<Trade> features_of(const Definition& d) {
  AnyFeature<Trade> size = numeric("size", &Trade::size) | clip(0.0F, d.most) | log1p();
  if (!d.clip_first) size = numeric("size", &Trade::size) | log1p() | clip(0.0F, d.most);
  const auto scaled = [factor = d.factor](const Trade& trade) { return factor * trade.spread; };
  const AnyFeature<Trade> spread = numeric("spread", d.version, scaled);
  std::vector<AnyFeature<Trade>> features{d.size_first ? size : spread, d.size_first ? spread : size,
                                          window("trades", field(d.key, &Trade::trader), d.span, count()),
                                          window("volume", field(d.key, &Trade::trader), 10min, sum(field("size", &Trade::size)), d.kind)};
  return feature_set_from<Trade>("versions", &Trade::at, std::move(features)).with(d.options).pinned(trades(3));
}

struct OtherDefinition {
  Definition mine;
  std::string difference;
};

std::vector<OtherDefinition> changes() {
  const auto changed = [](auto change) {
    Definition d;
    change(d);
    return d;
  };
  const std::string rules = "{lateness=300s,ttl=604800s}";
  const std::string events = "column \"trades\" is numeric window(trader:integer,60s,count)";
  return {
      {changed([](Definition& d) { d.most = 400.0F; }),
       "column \"size\" is numeric numeric|clip(0,400)|log1p, was numeric numeric|clip(0,500)|log1p"},
      {changed([](Definition& d) { d.clip_first = false; }),
       "column \"size\" is numeric numeric|log1p|clip(0,500), was numeric numeric|clip(0,500)|log1p"},
      {changed([](Definition& d) { d.span = 2min; }),
       "column \"trades\" is numeric window(trader:integer,120s,count)" + rules + ", was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.kind = sawtooth(20s); }),
       "column \"volume\" is numeric window(trader:integer,600s,sum(size),sawtooth(20s))" + rules +
           ", was numeric window(trader:integer,600s,sum(size),sawtooth(10s))" + rules},
      {changed([](Definition& d) { d.kind = hopping(10s); }),
       "column \"volume\" is numeric window(trader:integer,600s,sum(size),hopping(10s))" + rules +
           ", was numeric window(trader:integer,600s,sum(size),sawtooth(10s))" + rules},
      {changed([](Definition& d) { d.key = "maker"; }),
       "column \"trades\" is numeric window(maker:integer,60s,count)" + rules + ", was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.options.time_to_live = days(8); }),
       events + "{lateness=300s,ttl=691200s}, was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.options.lateness = 6min; }),
       events + "{lateness=360s,ttl=604800s}, was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.options.lateness = WindowOptions{}.lateness; }),
       events + "{ttl=604800s}, was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.options.max_events_per_entity = 512; }),
       events + "{events=512,lateness=300s,ttl=604800s}, was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.options.max_skew = 1min; }),
       events + "{lateness=300s,ttl=604800s,skew=60s}, was numeric window(trader:integer,60s,count)" + rules},
      {changed([](Definition& d) { d.version = "v2"; }), "column \"spread\" is numeric numeric@v2, was numeric numeric@v1"},
      {changed([](Definition& d) { d.factor = 4.0; }),
       "column \"spread\" gives " + to_text(static_cast<float>(4.0 * trades(1)[0].spread)) + " for golden event 0, gave " +
           to_text(static_cast<float>(2.0 * trades(1)[0].spread)) + ": what it reads changed, and its definition did not"},
      {changed([](Definition& d) { d.size_first = false; }), "column \"spread\" is before \"size\", was behind it"},
  };
}

template <class Use>
std::string refusal_of(Use use) {
  try {
    use();
  } catch (const SchemaError& error) {
    return error.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("State of a pipeline that any change of its definition made another's is refused with the difference", "[loop][versions]") {
  const auto saved = save(FeaturePipeline<Trade>(features_of({})));
  FeaturePipeline<Trade> same(features_of({}));
  CHECK_NOTHROW(load(same, saved));
  for (const OtherDefinition& change : changes()) {
    FeaturePipeline<Trade> mine(features_of(change.mine));
    CHECK(refusal_of([&] { load(mine, saved); }) == "FeaturePipeline: the state is of other features: " + change.difference);
  }
}

TEST_CASE("A model that learned from another definition is refused with the difference", "[loop][versions]") {
  AnyLearner learned = LogisticRegression{{.bits = 4}};
  learned.bind(features_of({}).schema());
  const auto saved = save(learned);
  for (const OtherDefinition& change : changes()) {
    AnyLearner mine = LogisticRegression{{.bits = 4}};
    load(mine, saved);
    CHECK(refusal_of([&] { mine.bind(features_of(change.mine).schema()); }) ==
          "logistic learned from other features: " + change.difference);
  }
  AnyLearner mine = LogisticRegression{{.bits = 4}};
  load(mine, saved);
  CHECK_NOTHROW(mine.bind(features_of({}).schema()));
}

TEST_CASE("A loop refuses the state of another definition with the difference, and goes on with its own", "[loop][versions][state]") {
  const TemporaryFolder folder;
  const LoopOptions options{.state = folder.path(), .checkpoint_every = 0};
  {
    Loop<Trade> loop(features_of({}), LogisticRegression{{.bits = 4}}, options);
    loop_test::run(loop, trades(20), 0, 20);
    loop.checkpoint();
  }
  for (const OtherDefinition& change : changes())
    CHECK(refusal_of([&] { Loop<Trade>(features_of(change.mine), LogisticRegression{{.bits = 4}}, options); }) ==
          "Loop: the state in " + folder.path() + " learned from other features: " + change.difference);
  CHECK(Loop<Trade>(features_of({}), LogisticRegression{{.bits = 4}}, options).resumed());
}

TEST_CASE("How many entities are kept, and under how many locks, makes no other definition", "[loop][versions][state]") {
  const TemporaryFolder folder;
  const LoopOptions options{.state = folder.path(), .checkpoint_every = 0};
  {
    Loop<Trade> loop(features_of({}), LogisticRegression{{.bits = 4}}, options);
    loop_test::run(loop, trades(20), 0, 20);
    loop.checkpoint();
  }
  Definition bigger;
  bigger.options.max_entities = 7'000;
  bigger.options.shards = 8;
  CHECK(Loop<Trade>(features_of(bigger), LogisticRegression{{.bits = 4}}, options).resumed());
}
