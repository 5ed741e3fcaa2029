#include "rtml/drift/make_detector.hpp"

#include <string>
#include <vector>

#include "rtml/drift/adwin.hpp"
#include "rtml/drift/ddm.hpp"
#include "rtml/drift/page_hinkley.hpp"
#include "rtml/drift/shiryaev_roberts.hpp"
#include "rtml/drift/signals.hpp"

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
    rtml::testing::check_detector(make_detector(name), rtml::testing::bernoulli_with_jump(3, 1500, 800, 0.1, 0.6));
    CHECK(make_detector(name).name() == name);
  }
}

TEST_CASE("make_detector gives the detector that C++ gives, with its defaults", "[drift]") {
  const auto values = rtml::testing::bernoulli_with_jump(7, 4000, 2000, 0.2, 0.5);
  Adwin adwin;
  Ddm ddm;
  PageHinkley page_hinkley;
  const std::vector<std::vector<std::size_t>> expected{alarms_on(adwin, values).drifts, alarms_on(ddm, values).drifts,
                                                       alarms_on(page_hinkley, values).drifts};
  const std::vector<std::string> names{"adwin", "ddm", "page_hinkley"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    auto detector = make_detector(names[i]);
    CHECK(alarms_on(detector, values).drifts == expected[i]);
  }
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
  same("shiryaev_roberts:arl=50,reference=300,direction=fall,seed=9",
       ShiryaevRoberts({.arl = 50.0, .reference = 300, .direction = Direction::fall, .seed = 9}));
  same("shiryaev_roberts:mean=0.4,deviation=0.5", ShiryaevRoberts({.mean = 0.4, .deviation = 0.5}));
  same("page_hinkley:rules=moa,threshold=5", PageHinkley({.threshold = 5.0, .rules = PageHinkley::Rules::moa}));
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
                    "detector: name is \"adwine\", must be one of adwin, ddm, eddm, rddm, hddm_a, hddm_w, fhddm, stepd, ecdd, cusum, "
                    "page_hinkley, kswin, sliding_ks, shiryaev_roberts");
  CHECK_THROWS_WITH(make_detector("ddm:level=3"), "ddm: option is \"level\", must be one of warning, drift, min_samples");
  CHECK_THROWS_WITH(make_detector("adwin:delta=2"), "Adwin: delta is 2, must be in (0, 1)");
  CHECK_THROWS_WITH(make_detector("adwin:direction=up"), "adwin: direction is \"up\", must be both, rise or fall");
  CHECK_THROWS_WITH(make_detector("adwin:clock=-1"), "adwin: clock is -1, must be >= 0");
  CHECK_THROWS_WITH(make_detector("page_hinkley:rules=river"), "page_hinkley: rules is \"river\", must be paper or moa");
}

TEST_CASE("signals of detectors can be made, and those of distances name a distance", "[drift]") {
  for (const auto& signal : {adwin(), ddm(), page_hinkley(), detector("adwin:delta=0.1")}) {
    CHECK(signal.source == rtml::Signal::Source::detector);
    CHECK(static_cast<bool>(make_detector(signal.name)));
  }
  for (const auto& signal : {psi(), ks(500), js(2000)}) CHECK(signal.source == rtml::Signal::Source::distance);
  CHECK(psi().name == "psi");
  CHECK(psi().window == 1000);
  CHECK(ks(500).name == "ks");
  CHECK(ks(500).window == 500);
  CHECK(js(2000).name == "js");
}
