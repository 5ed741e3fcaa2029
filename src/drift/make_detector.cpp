#include "rtml/drift/make_detector.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
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
#include "rtml/drift/sliding_ks.hpp"
#include "rtml/drift/stepd.hpp"

namespace rtml::drift {

namespace {

/// Reads options under their C++ names into where their defaults stand.
class Given {
 public:
  explicit Given(Spec& spec) : spec_(spec) {}

  void operator()(std::string_view key, double& option) { option = spec_.number(key, option); }

  void operator()(std::string_view key, std::optional<double>& option) {
    const double value = spec_.number(key, std::numeric_limits<double>::quiet_NaN());
    if (!is_nan(value)) option = value;
  }

  void operator()(std::string_view key, std::uint64_t& option) {
    option = static_cast<std::uint64_t>(spec_.integer(key, static_cast<std::int64_t>(option), 0));
  }

  void operator()(std::string_view key, Direction& option) { option = one_of(key, option, directions, "both, rise or fall"); }
  void operator()(std::string_view key, Rules& option) { option = one_of(key, option, rules, "paper or moa"); }

 private:
  // In the order of the enumerators.
  static constexpr std::array<std::string_view, 3> directions{"both", "rise", "fall"};
  static constexpr std::array<std::string_view, 2> rules{"paper", "moa"};

  template <class Enum, std::size_t N>
  Enum one_of(std::string_view key, Enum option, const std::array<std::string_view, N>& words, std::string_view rule) {
    const std::string text = spec_.text(key, words[static_cast<std::size_t>(option)]);
    const auto* found = std::find(words.begin(), words.end(), text);
    require(spec_.name(), key, text, found != words.end(), rule);
    return static_cast<Enum>(found - words.begin());
  }

  Spec& spec_;
};

void read(Given given, Adwin::Options& options) {
  given("delta", options.delta);
  given("clock", options.clock);
  given("scale", options.scale);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, Ddm::Options& options) {
  given("warning", options.warning);
  given("drift", options.drift);
  given("min_samples", options.min_samples);
  given("rules", options.rules);
}

void read(Given given, Eddm::Options& options) {
  given("warning", options.warning);
  given("drift", options.drift);
  given("min_errors", options.min_errors);
  given("rules", options.rules);
}

void read(Given given, Rddm::Options& options) {
  given("warning", options.warning);
  given("drift", options.drift);
  given("min_samples", options.min_samples);
  given("longest", options.longest);
  given("stable", options.stable);
  given("patience", options.patience);
  given("rules", options.rules);
}

void read(Given given, HddmA::Options& options) {
  given("drift", options.drift);
  given("warning", options.warning);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, HddmW::Options& options) {
  given("drift", options.drift);
  given("warning", options.warning);
  given("lambda", options.lambda);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, Fhddm::Options& options) {
  given("delta", options.delta);
  given("window", options.window);
  given("direction", options.direction);
}

void read(Given given, Stepd::Options& options) {
  given("drift", options.drift);
  given("warning", options.warning);
  given("window", options.window);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, Ecdd::Options& options) {
  given("lambda", options.lambda);
  given("warning", options.warning);
  given("min_samples", options.min_samples);
  given("rules", options.rules);
}

void read(Given given, Cusum::Options& options) {
  given("delta", options.delta);
  given("threshold", options.threshold);
  given("min_samples", options.min_samples);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, PageHinkley::Options& options) {
  given("delta", options.delta);
  given("threshold", options.threshold);
  given("forgetting", options.forgetting);
  given("min_samples", options.min_samples);
  given("direction", options.direction);
  given("rules", options.rules);
}

void read(Given given, Kswin::Options& options) {
  given("alpha", options.alpha);
  given("window", options.window);
  given("recent", options.recent);
  given("seed", options.seed);
}

void read(Given given, SlidingKs::Options& options) {
  given("alpha", options.alpha);
  given("window", options.window);
  given("reference", options.reference);
}

void read(Given given, ShiryaevRoberts::Options& options) {
  given("arl", options.arl);
  given("mean", options.mean);
  given("deviation", options.deviation);
  given("reference", options.reference);
  given("direction", options.direction);
  given("seed", options.seed);
}

template <class Detector>
AnyDetector made(Spec& spec) {
  typename Detector::Options options;
  read(Given(spec), options);
  spec.finish();
  return {Detector(options), spec.name()};
}

struct KnownDetector {
  std::string_view name;
  AnyDetector (*make)(Spec&);
};

constexpr std::array known_detectors{
    KnownDetector{"adwin", made<Adwin>},
    KnownDetector{"ddm", made<Ddm>},
    KnownDetector{"eddm", made<Eddm>},
    KnownDetector{"rddm", made<Rddm>},
    KnownDetector{"hddm_a", made<HddmA>},
    KnownDetector{"hddm_w", made<HddmW>},
    KnownDetector{"fhddm", made<Fhddm>},
    KnownDetector{"stepd", made<Stepd>},
    KnownDetector{"ecdd", made<Ecdd>},
    KnownDetector{"cusum", made<Cusum>},
    KnownDetector{"page_hinkley", made<PageHinkley>},
    KnownDetector{"kswin", made<Kswin>},
    KnownDetector{"sliding_ks", made<SlidingKs>},
    KnownDetector{"shiryaev_roberts", made<ShiryaevRoberts>},
};

constexpr auto known_detector_names = [] {
  std::array<std::string_view, known_detectors.size()> all;
  for (std::size_t i = 0; i < known_detectors.size(); ++i) all[i] = known_detectors[i].name;
  return all;
}();

}  // namespace

std::span<const std::string_view> detector_names() noexcept { return known_detector_names; }

AnyDetector make_detector(Spec spec) {
  const auto* found =
      std::find_if(known_detectors.begin(), known_detectors.end(), [&](const KnownDetector& one) { return one.name == spec.name(); });
  if (found != known_detectors.end()) return found->make(spec);
  require("detector", "name", spec.name(), false, one_of(known_detector_names));
  return {};
}

}  // namespace rtml::drift
