#include <chrono>
#include <string>
#include <vector>

#include "payment.hpp"
#include "rtml/core/archive.hpp"
#include "support/catch.hpp"

using namespace rtml;
using namespace std::chrono_literals;
using rtml::testing::Channel;
using rtml::testing::Payment;

namespace {

/// A host's function of one version, whose body somebody may change.
auto net(double fee) {
  return numeric("net", "v1", [fee](const Payment& p) { return p.amount - fee; });
}

std::vector<Payment> golden_payments() {
  return {{from_unix_seconds(1000), 7, "bakery", 10.0, Channel::web}, {from_unix_seconds(1060), 7, "garage", 2.5, Channel::store}};
}

template <class... Fs>
FeatureSet<Payment> of(Fs... features) {
  return feature_set<Payment>("p", &Payment::at, std::move(features)...);
}

/// Why the state of `saved` is refused by `mine`; "" when it is not.
std::string refusal(const FeatureSet<Payment>& mine, const FeatureSet<Payment>& saved) {
  FeaturePipeline<Payment> target(mine);
  const auto before = save(target);
  std::string said;
  try {
    load(target, save(FeaturePipeline<Payment>(saved)));
  } catch (const SchemaError& error) {
    said = error.what();
    CHECK(save(target) == before);
  }
  if (said.empty()) {
    CHECK_NOTHROW(mine.schema().require_equal(saved.schema(), "m"));
  } else {
    CHECK_THROWS_AS(mine.schema().require_equal(saved.schema(), "m"), SchemaError);
  }
  return said;
}

const std::string of_others = "FeaturePipeline: the state is of other features: ";

}  // namespace

TEST_CASE("A feature set describes itself as text that a repository keeps", "[transform][versions][golden]") {
  const auto set =
      of(numeric("amount", &Payment::amount) | clip(0.0F, 5.0F) | standardize(), net(1.0), category("shop", &Payment::merchant),
         category("channel", &Payment::channel) | one_hot({Channel::web}),
         window("spend", field("card", &Payment::card), 1h, sum(&Payment::amount), sawtooth(60s)))
          .with({.max_entities = 10, .max_events_per_entity = 40, .lateness = 5min, .time_to_live = days(7), .max_skew = 500ms});
  CHECK(set.description() ==
        "p\n"
        "amount: numeric numeric|clip(0,5)|standardize\n"
        "net: numeric numeric@v1\n"
        "shop: hashed category(text)\n"
        "channel=0: numeric category(integer)|one_hot(0)\n"
        "channel=other: numeric category(integer)|one_hot(0)\n"
        "spend: numeric window(card:integer,3600s,sum,sawtooth(60s)){events=40,lateness=300s,ttl=604800s,skew=500000us}\n");
  const auto pinned = set.pinned(golden_payments());
  CHECK(pinned.schema().fingerprint() == set.schema().fingerprint());
  CHECK(pinned.schema() == set.schema());
  CHECK(pinned.description() ==
        "p\n"
        "amount: numeric numeric|clip(0,5)|standardize\n"
        "  golden 0: 0 of 5\n"  // nothing was seen before, and 10 is clipped
        "  golden 1: -0 of 2.5\n"
        "net: numeric numeric@v1\n"
        "  golden 0: 9\n"
        "  golden 1: 1.5\n"
        "shop: hashed category(text)\n"
        "  golden 0: " +
            to_text(static_cast<std::uint32_t>(hash_bytes("bakery", hash_bytes("shop")) >> 32U)) +
            ":1\n"
            "  golden 1: " +
            to_text(static_cast<std::uint32_t>(hash_bytes("garage", hash_bytes("shop")) >> 32U)) +
            ":1\n"
            "channel=0: numeric category(integer)|one_hot(0)\n"
            "  golden 0: 1\n"
            "  golden 1: 0\n"
            "channel=other: numeric category(integer)|one_hot(0)\n"
            "  golden 0: 0\n"
            "  golden 1: 1\n"
            "spend: numeric window(card:integer,3600s,sum,sawtooth(60s)){events=40,lateness=300s,ttl=604800s,skew=500000us}\n"
            "  golden 0: 0\n"
            "  golden 1: 10\n");
}

TEST_CASE("What golden events give does not depend on sizes, and nobody is told of those that are refused",
          "[transform][versions][golden]") {
  std::size_t told = 0;
  const auto set = of(window("spend", field("card", &Payment::card), 1h, sum(&Payment::amount)));
  std::vector<Payment> events;
  for (std::uint64_t i = 0; i < 6; ++i) {
    events.push_back(golden_payments()[0]);
    events.back().card = i % 3;
    events.back().at += seconds(i);
  }
  events.push_back(events[0]);
  events.back().at -= 2h;
  const auto pinned = [&](std::size_t entities, std::size_t shards) {
    return set.with({.max_entities = entities, .shards = shards, .on_refused = [&](const RefusedEvent&) { ++told; }}).pinned(events);
  };
  CHECK(refusal(pinned(1, 1), pinned(1000, 4)).empty());
  CHECK(pinned(1, 1).description() == pinned(1000, 64).description());
  CHECK(pinned(1, 1).options().max_entities == 1);
  CHECK(told == 0);
}

TEST_CASE("What goes without saying of windows is the same for ever", "[transform][versions][golden]") {
  const WindowOptions usual;  // in no definition, so that another default would make other features of one fingerprint
  CHECK(usual.max_events_per_entity == 1024);
  CHECK(usual.lateness == 1h);
  CHECK(usual.time_to_live == days(36500));
  CHECK(usual.max_skew == days(36500));
}

TEST_CASE("A body that changed under its version is found by golden events: column, event and both values", "[transform][versions]") {
  const auto amount = numeric("amount", &Payment::amount);
  const auto mine = of(amount, net(2.0)).pinned(golden_payments());
  const auto saved = of(amount, net(1.5)).pinned(golden_payments());
  CHECK(of(amount, net(2.0)).schema() == of(amount, net(1.5)).schema());  // which no definition sees
  CHECK(refusal(mine, saved) ==
        of_others + "column \"net\" gives 8 for golden event 0, gave 8.5: what it reads changed, and its definition did not");
  CHECK(refusal(mine, mine).empty());
}

TEST_CASE("Statistics and encodings that have seen nothing hide no body from golden events", "[transform][versions]") {
  const auto body = [](double scale) { return [scale](const Payment& p) { return scale * p.amount; }; };
  const std::vector<Payment> one = {golden_payments()[0]};
  const auto check = [&](auto feature) {
    const std::string said = refusal(of(feature(2.0)).pinned(one), of(feature(3.0)).pinned(one));
    CAPTURE(said);
    CHECK(said.find("golden event 0") != std::string::npos);
  };
  check([&](double scale) { return numeric("x", "v1", body(scale)) | standardize(); });
  check([&](double scale) { return numeric("x", "v1", body(scale)) | quantile(); });
  const auto bucket = [](double scale) {
    return field("bucket", "v1", [scale](const Payment& p) { return static_cast<int>(scale * p.amount); });
  };
  check([&](double scale) { return category("x", bucket(scale)) | count_encoding(); });
  check([&](double scale) { return category("x", bucket(scale)); });
}

TEST_CASE("Golden events tell bodies of keys, values and times apart, and members that no name tells apart", "[transform][versions]") {
  const auto refused = [](const auto& mine, const auto& saved) {
    return refusal(of(mine).pinned(golden_payments()), of(saved).pinned(golden_payments())).find("golden event 1") != std::string::npos;
  };
  const auto by_card = field("key", "v1", [](const Payment& p) { return p.card; });
  const auto by_amount = field("key", "v1", [](const Payment& p) { return static_cast<std::uint64_t>(p.amount); });
  CHECK(refused(window("n", by_card, 1h, count()), window("n", by_amount, 1h, count())));
  const auto twice = field("value", "v1", [](const Payment& p) { return 2.0 * p.amount; });
  const auto once = field("value", "v1", [](const Payment& p) { return p.amount; });
  CHECK(refused(window("s", &Payment::card, 1h, sum(once)), window("s", &Payment::card, 1h, sum(twice))));

  struct Leg {
    Time at;
    double distance;
    double duration;
  };
  const std::vector<Leg> legs = {{Time{}, 3.0, 4.0}};
  const auto by_distance = feature_set<Leg>("l", &Leg::at, numeric("x", &Leg::distance)).pinned(legs);
  const auto by_duration = feature_set<Leg>("l", &Leg::at, numeric("x", &Leg::duration)).pinned(legs);
  CHECK(by_distance.schema().missing_from(by_duration.schema()) ==
        "column \"x\" gives 3 for golden event 0, gave 4: what it reads changed, and its definition did not");
  const auto at = [](Duration shift) {
    return feature_set<Payment>("p", field("at", "v1", [shift](const Payment& p) { return p.at + shift; }), hour_of_day("hour"))
        .pinned(golden_payments());
  };
  CHECK(at(0h).schema().extends(at(0h).schema()));
  CHECK_FALSE(at(0h).schema().extends(at(3h).schema()));
}

TEST_CASE("Golden events may be appended, and columns added: what both have is compared", "[transform][versions]") {
  const auto events = golden_payments();
  const std::vector<Payment> first = {events[0]};
  CHECK(refusal(of(net(1.0)).pinned(events), of(net(1.0)).pinned(first)).empty());
  CHECK(refusal(of(net(1.0)).pinned(first), of(net(1.0)).pinned(events)).empty());
  CHECK(refusal(of(net(1.0)).pinned(events), of(net(1.0))).empty());
  CHECK(refusal(of(net(1.0)), of(net(1.0)).pinned(events)).empty());
  CHECK_FALSE(refusal(of(net(2.0)).pinned(events), of(net(1.0)).pinned(first)).empty());
  const auto wider = of(hour_of_day("hour"), net(1.0)).pinned(events);
  CHECK(wider.schema().extends(of(net(1.0)).pinned(events).schema()));
  CHECK_FALSE(wider.schema().extends(of(net(2.0)).pinned(events).schema()));
}

TEST_CASE("Both forms of a definition are pinned by the same values", "[transform][versions]") {
  const auto compiled =
      of(numeric("amount", &Payment::amount) | standardize(), category("shop", &Payment::merchant)).pinned(golden_payments());
  const auto listed = feature_set_from<Payment>("p", &Payment::at,
                                                {numeric("amount", &Payment::amount) | standardize(), category("shop", &Payment::merchant)})
                          .pinned(golden_payments());
  CHECK(compiled.description() == listed.description());
}

TEST_CASE("A pinned set wants 1 to 256 events, and its options before them", "[transform][versions][config]") {
  CHECK_THROWS_WITH(of(net(1.0)).pinned({}), "FeatureSet::pinned: events is 0, must be 1 to 256");
  CHECK_THROWS_AS(of(net(1.0)).pinned(std::vector<Payment>(257)), ConfigError);
  CHECK_NOTHROW(of(net(1.0)).pinned(std::vector<Payment>(256)));
  CHECK_THROWS_WITH(of(net(1.0)).pinned(golden_payments()).with({.lateness = 1min}),
                    "FeatureSet::with: features is \"pinned\", must be given their options before they are pinned");
}
