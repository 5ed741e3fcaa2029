#include "drift/reference/alarm_reference.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "rtml/drift/make_detector.hpp"

#include "drift/reference_streams.hpp"
#include "support/catch.hpp"

using rtml::drift::make_detector;
using rtml::testing::alarms_on;

namespace {

const rtml::testing::StreamReference& stream_named(std::string_view name) {
  const auto& all = rtml::testing::stream_references();
  const auto found = std::find_if(all.begin(), all.end(), [name](const auto& stream) { return stream.name == name; });
  REQUIRE(found != all.end());
  return *found;
}

std::vector<std::size_t> alarms_of(std::string_view detector, std::string_view stream) {
  auto made = make_detector(detector);
  return alarms_on(made, reference_stream(stream_named(stream))).drifts;
}

using Indices = std::vector<std::size_t>;

}  // namespace

TEST_CASE("every detector alarms and warns on the values on which the reference implementations do", "[drift][reference]") {
  for (const auto& expected : rtml::testing::alarm_references()) {
    CAPTURE(expected.detector, expected.whose, expected.stream);
    auto detector = make_detector(expected.detector);
    const auto alarms = alarms_on(detector, reference_stream(stream_named(expected.stream)));
    CHECK(alarms.drifts == expected.drifts);
    if (expected.warnings != rtml::testing::not_compared) CHECK(alarms.warnings == expected.warnings);
    CHECK(detector.refused() == 0);
  }
}

TEST_CASE("ten detectors know MOA's rules, each on 17 streams", "[drift][reference]") {
  for (const std::string name : {"adwin", "ddm", "eddm", "rddm", "hddm_a", "hddm_w", "ecdd", "stepd", "cusum", "page_hinkley"}) {
    CAPTURE(name);
    const auto& all = rtml::testing::alarm_references();
    const auto compared = std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.detector == name + ":rules=moa"; });
    const bool in_streams = name == "adwin" || name == "ddm" || name == "page_hinkley";  // with more about them, in their own tests
    CHECK(compared == (in_streams ? 0 : name == "stepd" ? 16 : 17));
    CHECK(static_cast<bool>(make_detector(name + ":rules=moa")));
  }
  for (const auto& stream : rtml::testing::stream_references()) {
    CAPTURE(stream.name);
    CHECK(alarms_of("adwin:rules=moa", stream.name) == stream.adwin);
    CHECK(alarms_of("ddm:rules=moa", stream.name) == stream.ddm);
    CHECK(alarms_of("page_hinkley:rules=moa", stream.name) == stream.page_hinkley_moa);
  }
}

// Where the two sides of a change share no value, no draw matters.
TEST_CASE("Kswin alarms where river's and frouros's do, on streams on which the draws do not matter", "[drift][reference]") {
  CHECK(alarms_of("kswin", "const_0_1") == Indices{1013});                               // river
  CHECK(alarms_of("kswin:alpha=0.0001", "const_0_1") == Indices{1016});                  // both
  CHECK(alarms_of("kswin:alpha=0.0001", "river_doc_12345") == Indices{1016});            // both
  CHECK(alarms_of("kswin:alpha=0.0001", "river_test_42") == Indices{1016, 2016, 3016});  // river
  CHECK(alarms_of("kswin:alpha=0.0001", "river_np_12345") == Indices{1024});             // both
  CHECK(alarms_of("kswin", "alternating").empty());
}
