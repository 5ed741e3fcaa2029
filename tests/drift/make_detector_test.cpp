#include "rtml/drift/make_detector.hpp"

#include <string>
#include <vector>

#include "rtml/drift/adwin.hpp"
#include "rtml/drift/cusum.hpp"
#include "rtml/drift/ddm.hpp"
#include "rtml/drift/ecdd.hpp"
#include "rtml/drift/eddm.hpp"
#include "rtml/drift/fhddm.hpp"
#include "rtml/drift/hddm_a.hpp"
#include "rtml/drift/hddm_w.hpp"
#include "rtml/drift/kswin.hpp"
#include "rtml/drift/page_hinkley.hpp"
#include "rtml/drift/rddm.hpp"
#include "rtml/drift/shiryaev_roberts.hpp"
#include "rtml/drift/signals.hpp"
#include "rtml/drift/sliding_ks.hpp"
#include "rtml/drift/stepd.hpp"

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"
#include "support/detector_laws.hpp"
#include "support/streams.hpp"

using namespace rtml::drift;
using rtml::testing::alarms_on;

static_assert(rtml::ChangeDetector<AnyDetector>);

TEST_CASE("every detector that has a name keeps the laws of a change detector", "[drift][laws]") {
  for (const auto name : detector_names()) {
    CAPTURE(name);
    rtml::testing::check_detector(make_detector(name), rtml::testing::bernoulli_with_jump(3, 2500, 1500, 0.1, 0.8));
    CHECK(make_detector(name).name() == name);
  }
}

TEST_CASE("two detectors of one kind know nothing of each other", "[drift]") {
  const auto values = rtml::testing::bernoulli_with_jump(5, 3000, 2000, 0.2, 0.8);
  const auto others = rtml::testing::bernoulli_with_jump(6, 3000, 500, 0.7, 0.1);
  for (const auto name : detector_names()) {
    CAPTURE(name);
    auto alone = make_detector(name);
    auto beside = make_detector(name);
    auto other = make_detector(name);
    for (std::size_t i = 0; i < values.size(); ++i) {
      other.update(others[i]);
      CHECK(beside.update(values[i]) == alone.update(values[i]));
    }
  }
}

TEST_CASE("detectors of errors refuse and count values outside [0, 1], except by MOA's rules", "[drift]") {
  for (const std::string name : {"ddm", "eddm", "rddm", "hddm_a", "hddm_w", "stepd", "ecdd"}) {
    CAPTURE(name);
    auto detector = make_detector(name);
    auto moa = make_detector(name + ":rules=moa");
    for (const double value : {0.0, 1.0, 0.5, -0.0, -0.001, 1.001, 4.0}) {
      CHECK(detector.update(value) == rtml::Change::none);
      moa.update(value);
    }
    CHECK(detector.refused() == 3);
    CHECK(moa.refused() == 0);
  }
  auto fhddm = make_detector("fhddm");
  fhddm.update(1.5);
  CHECK(fhddm.refused() == 1);
}

TEST_CASE("make_detector passes on every option", "[drift]") {
  const auto values = rtml::testing::bernoulli_with_jump(9, 6000, 3000, 0.4, 0.1);
  const auto same = [&values](std::string_view spec, auto expected) {
    CAPTURE(spec);
    auto detector = make_detector(spec);
    using Kind = decltype(expected);
    REQUIRE(detector.template as<Kind>() != nullptr);
    alarms_on(detector, values);
    alarms_on(expected, values);
    CHECK(rtml::save(*detector.template as<Kind>()) == rtml::save(expected));
  };
  same("adwin:delta=0.3,clock=8,scale=2,direction=fall", Adwin({.delta = 0.3, .clock = 8, .scale = 2.0, .direction = Direction::fall}));
  same("adwin:direction=rise", Adwin({.direction = Direction::rise}));
  same("ddm:warning=1.5,drift=2.5,min_samples=40", Ddm({.warning = 1.5, .drift = 2.5, .min_samples = 40}));
  same("page_hinkley:delta=0.01,threshold=9,forgetting=0.999,min_samples=50,direction=fall",
       PageHinkley({.delta = 0.01, .threshold = 9.0, .forgetting = 0.999, .min_samples = 50, .direction = Direction::fall}));
  same("adwin:rules=moa", Adwin({.rules = Rules::moa}));
  same("ddm:rules=moa", Ddm({.rules = Rules::moa}));
  same("eddm:warning=0.9,drift=0.8,min_errors=20,rules=moa", Eddm({.warning = 0.9, .drift = 0.8, .min_errors = 20, .rules = Rules::moa}));
  same("rddm:warning=1,drift=2,min_samples=50,longest=900,stable=300,patience=100,rules=moa",
       Rddm({.warning = 1.0, .drift = 2.0, .min_samples = 50, .longest = 900, .stable = 300, .patience = 100, .rules = Rules::moa}));
  same("hddm_a:drift=0.01,warning=0.02,direction=fall", HddmA({.drift = 0.01, .warning = 0.02, .direction = Direction::fall}));
  same("hddm_a:rules=moa", HddmA({.rules = Rules::moa}));
  same("hddm_w:drift=0.01,warning=0.02,lambda=0.1,direction=fall",
       HddmW({.drift = 0.01, .warning = 0.02, .lambda = 0.1, .direction = Direction::fall}));
  same("hddm_w:rules=moa", HddmW({.rules = Rules::moa}));
  same("fhddm:delta=0.001,window=50,direction=fall", Fhddm({.delta = 0.001, .window = 50, .direction = Direction::fall}));
  same("stepd:drift=0.001,warning=0.01,window=40,direction=fall,rules=moa",
       Stepd({.drift = 0.001, .warning = 0.01, .window = 40, .direction = Direction::fall, .rules = Rules::moa}));
  same("ecdd:lambda=0.1,warning=0.7,min_samples=50,rules=moa",
       Ecdd({.lambda = 0.1, .warning = 0.7, .min_samples = 50, .rules = Rules::moa}));
  same("cusum:delta=0.01,threshold=9,min_samples=50,direction=fall",
       Cusum({.delta = 0.01, .threshold = 9.0, .min_samples = 50, .direction = Direction::fall}));
  same("cusum:rules=moa,threshold=5", Cusum({.threshold = 5.0, .rules = Rules::moa}));
  same("kswin:alpha=0.01,window=80,recent=20,seed=3", Kswin({.alpha = 0.01, .window = 80, .recent = 20, .seed = 3}));
  same("sliding_ks:alpha=0.01,window=80,reference=200", SlidingKs({.alpha = 0.01, .window = 80, .reference = 200}));
  same("page_hinkley:rules=moa,threshold=5", PageHinkley({.threshold = 5.0, .rules = Rules::moa}));
  same("shiryaev_roberts:arl=50,reference=300,direction=fall,seed=9",
       ShiryaevRoberts({.arl = 50.0, .reference = 300, .direction = Direction::fall, .seed = 9}));
  same("shiryaev_roberts:mean=0.4,deviation=0.5", ShiryaevRoberts({.mean = 0.4, .deviation = 0.5}));
}

TEST_CASE("AnyDetector knows its type, and an empty one is nothing", "[drift]") {
  const auto detector = make_detector("ddm");
  CHECK(detector.as<Ddm>() != nullptr);
  CHECK(detector.as<Adwin>() == nullptr);
  CHECK(detector.memory_bytes() >= sizeof(Ddm));
  AnyDetector empty;
  CHECK(!empty);
  CHECK(empty.as<Ddm>() == nullptr);
  CHECK(empty.refused() == 0);
  empty.reset();
  AnyDetector other = detector;
  CHECK_THROWS_AS(rtml::load(other, rtml::save(empty)), rtml::FormatError);
  CHECK_THROWS_AS(rtml::load(other, rtml::save(make_detector("adwin"))), rtml::FormatError);
}

TEST_CASE("make_detector names what it does not know, and what it knows", "[drift][config]") {
  CHECK_THROWS_WITH(make_detector("adwine"),
                    "detector: name is \"adwine\", must be one of adwin, ddm, eddm, rddm, hddm_a, hddm_w, fhddm, "
                    "stepd, ecdd, cusum, page_hinkley, kswin, sliding_ks, shiryaev_roberts");
  CHECK_THROWS_WITH(make_detector("ddm:level=3"), "ddm: option is \"level\", must be one of warning, drift, min_samples, rules");
  CHECK_THROWS_WITH(make_detector("adwin:delta=2"), "Adwin: delta is 2, must be in (0, 1)");
  CHECK_THROWS_WITH(make_detector("adwin:direction=up"), "adwin: direction is \"up\", must be both, rise or fall");
  CHECK_THROWS_WITH(make_detector("adwin:clock=-1"), "adwin: clock is -1, must be >= 0");
  CHECK_THROWS_WITH(make_detector("page_hinkley:rules=river"), "page_hinkley: rules is \"river\", must be paper or moa");
}

TEST_CASE("signals of detectors can be made, and those of distances name a distance", "[drift]") {
  for (const auto& signal : {adwin(), ddm(), eddm(), rddm(), hddm_a(), hddm_w(), fhddm(), stepd(), ecdd(), cusum(), page_hinkley(),
                             detector("adwin:delta=0.1,direction=rise")}) {
    CAPTURE(signal.name);
    CHECK(signal.source == rtml::Signal::Source::detector);
    auto made = make_detector(signal.name);
    CHECK(alarms_on(made, rtml::testing::bernoulli_with_jump(2, 3000, 1000, 0.9, 0.0)).drifts.empty());
  }
  for (const auto& signal : {psi(), ks(500), js(2000)}) CHECK(signal.source == rtml::Signal::Source::distance);
  CHECK(psi().name == "psi");
  CHECK(psi().window == 1000);
  CHECK(ks(500).name == "ks");
  CHECK(ks(500).window == 500);
  CHECK(js(2000).name == "js");
}
