#include "rtml/drift/make_detector.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "rtml/core/error.hpp"
#include "rtml/drift/adwin.hpp"
#include "rtml/drift/ddm.hpp"
#include "rtml/drift/page_hinkley.hpp"
#include "rtml/drift/shiryaev_roberts.hpp"

namespace rtml::drift {

namespace {

std::uint64_t count_option(Spec& spec, std::string_view key, std::uint64_t otherwise) {
  return static_cast<std::uint64_t>(spec.integer(key, static_cast<std::int64_t>(otherwise), 0));
}

Direction direction_option(Spec& spec) {
  const std::string direction = spec.text("direction", "both");
  if (direction == "rise") return Direction::rise;
  if (direction == "fall") return Direction::fall;
  require(spec.name(), "direction", direction, direction == "both", "both, rise or fall");
  return Direction::both;
}

AnyDetector adwin_of(Spec& spec) {
  Adwin::Options options;
  options.delta = spec.number("delta", options.delta);
  options.clock = count_option(spec, "clock", options.clock);
  options.scale = spec.number("scale", options.scale);
  options.direction = direction_option(spec);
  spec.finish();
  return {Adwin(options), spec.name()};
}

AnyDetector ddm_of(Spec& spec) {
  Ddm::Options options;
  options.warning = spec.number("warning", options.warning);
  options.drift = spec.number("drift", options.drift);
  options.min_samples = count_option(spec, "min_samples", options.min_samples);
  spec.finish();
  return {Ddm(options), spec.name()};
}

AnyDetector page_hinkley_of(Spec& spec) {
  PageHinkley::Options options;
  options.delta = spec.number("delta", options.delta);
  options.threshold = spec.number("threshold", options.threshold);
  options.forgetting = spec.number("forgetting", options.forgetting);
  options.min_samples = count_option(spec, "min_samples", options.min_samples);
  options.direction = direction_option(spec);
  const std::string rules = spec.text("rules", "paper");
  require(spec.name(), "rules", rules, rules == "paper" || rules == "moa", "paper or moa");
  options.rules = rules == "moa" ? PageHinkley::Rules::moa : PageHinkley::Rules::paper;
  spec.finish();
  return {PageHinkley(options), spec.name()};
}

AnyDetector shiryaev_roberts_of(Spec& spec) {
  constexpr double not_given = std::numeric_limits<double>::quiet_NaN();
  ShiryaevRoberts::Options options;
  options.arl = spec.number("arl", options.arl);
  if (const double mean = spec.number("mean", not_given); !is_nan(mean)) options.mean = mean;
  if (const double deviation = spec.number("deviation", not_given); !is_nan(deviation)) options.deviation = deviation;
  options.reference = count_option(spec, "reference", options.reference);
  options.direction = direction_option(spec);
  options.seed = count_option(spec, "seed", options.seed);
  spec.finish();
  return {ShiryaevRoberts(options), spec.name()};
}

struct Known {
  std::string_view name;
  AnyDetector (*make)(Spec&);
};

constexpr std::array<Known, 4> known{
    {{"adwin", adwin_of}, {"ddm", ddm_of}, {"page_hinkley", page_hinkley_of}, {"shiryaev_roberts", shiryaev_roberts_of}}};

constexpr auto names = [] {
  std::array<std::string_view, known.size()> all;
  for (std::size_t i = 0; i < known.size(); ++i) all[i] = known[i].name;
  return all;
}();

}  // namespace

std::span<const std::string_view> detector_names() noexcept { return names; }

AnyDetector make_detector(Spec spec) {
  const auto* found = std::find_if(known.begin(), known.end(), [&](const Known& one) { return one.name == spec.name(); });
  if (found != known.end()) return found->make(spec);
  std::string rule;
  for (const std::string_view name : names) rule += (rule.empty() ? "one of " : ", ") + std::string(name);
  require("detector", "name", spec.name(), false, rule);
  return {};
}

}  // namespace rtml::drift
