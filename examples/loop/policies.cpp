#include "policies.hpp"

#include <charconv>
#include <limits>

#include "rtml/core/finite.hpp"
#include "rtml/core/spec.hpp"
#include "rtml/drift/signals.hpp"
#include "rtml/stream/delayed_labels.hpp"

namespace rtml_loop {
namespace {

using rtml::Retrain;
using rtml::Spec;
using rtml::Trigger;

struct ErrorDetector {
  const char* name;
  rtml::Signal (*signal)();
};

constexpr ErrorDetector error_detectors[] = {{"adwin", rtml::drift::adwin},
                                             {"ddm", rtml::drift::ddm},
                                             {"eddm", rtml::drift::eddm},
                                             {"rddm", rtml::drift::rddm},
                                             {"hddm_a", rtml::drift::hddm_a},
                                             {"hddm_w", rtml::drift::hddm_w},
                                             {"fhddm", rtml::drift::fhddm},
                                             {"stepd", rtml::drift::stepd},
                                             {"ecdd", rtml::drift::ecdd},
                                             {"cusum", rtml::drift::cusum},
                                             {"page_hinkley", rtml::drift::page_hinkley}};

Trigger either(Trigger left, Trigger right) { return std::move(left) || std::move(right); }

Trigger cadence(Spec& spec, bool has_time) {
  const std::string every = spec.text("every", "1000");
  const auto period = rtml::stream::Delay::parse(every);
  rtml::require("cadence", "every", every, has_time || period.time.count() == 0, "a number of rows, as the stream has no time");
  return period.time.count() > 0 ? rtml::every(period.time) : rtml::every(period.rows);
}

Trigger drifts(Spec& spec) {
  Trigger trigger;
  const auto window = static_cast<std::size_t>(spec.integer("window", 1000, 100, 1'000'000));
  const auto distance = [&](const char* name, const rtml::Signal& signal) {
    const double level = spec.number(name, std::numeric_limits<double>::quiet_NaN());
    if (rtml::is_nan(level)) return;
    rtml::require("drift", name, level, level > 0.0, "> 0");
    trigger = either(std::move(trigger), signal > level);
  };
  distance("psi", rtml::drift::psi(window));
  distance("ks", rtml::drift::ks(window));
  distance("js", rtml::drift::js(window));
  if (spec.flag("alarms")) trigger = either(std::move(trigger), rtml::drift::alarms() > 0.0);
  for (const auto& [name, signal] : error_detectors)
    if (spec.flag(name)) trigger = either(std::move(trigger), signal() > 0.0);
  return trigger.never() ? rtml::drift::psi(window) > 0.2 : trigger;
}

Trigger metrics(Spec& spec) {
  Trigger trigger;
  const auto window = static_cast<std::size_t>(spec.integer("window", 1000, 1, 1'000'000));
  for (const std::string& word : spec.words()) {
    const std::size_t sign = word.find_first_of("<>");
    double level = 0.0;
    const char* end = word.data() + word.size();
    bool holds = sign != std::string::npos && sign > 0;
    if (holds) {
      const auto result = std::from_chars(word.data() + sign + 1, end, level);
      holds = result.ec == std::errc{} && result.ptr == end && rtml::is_finite(level);
    }
    rtml::require("metric", "condition", word, holds, "NAME<LEVEL or NAME>LEVEL");
    const rtml::Signal signal{rtml::Signal::Source::metric, word.substr(0, sign), window, {}};
    trigger = either(std::move(trigger), word[sign] == '<' ? signal < level : signal > level);
  }
  rtml::require("metric", "condition", "none", !trigger.never(), "NAME<LEVEL or NAME>LEVEL, as in metric:accuracy<0.9");
  return trigger;
}

rtml::Duration embargo(Spec& spec, bool has_time) {
  const std::string text = spec.text("embargo", "0");
  const auto embargo = rtml::stream::Delay::parse(text);
  rtml::require("retrain", "embargo", text, embargo.rows == 0, "a time, as 7d");
  rtml::require("retrain", "embargo", text, has_time || embargo.time.count() == 0, "0, as the stream has no time");
  return embargo.time;
}

}  // namespace

Retrain make_policy(std::string_view text, bool has_time) {
  Spec spec(text);
  Retrain policy;
  const std::string& name = spec.name();
  if (name == "cadence") {
    policy.when = cadence(spec, has_time);
  } else if (name == "drift") {
    policy.when = drifts(spec);
  } else if (name == "metric") {
    policy.when = metrics(spec);
  } else {
    rtml::require("retrain", "policy", name, name == "none" || name == "continual", "one of none, continual, cadence, drift, metric");
  }
  policy.online = name == "continual";
  if (name != "continual") policy.warmup = static_cast<std::uint64_t>(spec.integer("warmup", 1000, 0));
  if (!policy.when.never()) {
    const std::string start = spec.text("start", "warm");
    rtml::require("retrain", "start", start, start == "fresh" || start == "warm", "fresh or warm");
    policy.start = start == "fresh" ? rtml::Start::fresh : rtml::Start::warm;
    const std::string data = spec.text("data", policy.start == rtml::Start::fresh ? "recent" : "new");
    rtml::require("retrain", "data", data, data == "recent" || data == "new" || data == "rehearsal", "recent, new or rehearsal");
    const auto rows = static_cast<std::size_t>(spec.integer("rows", 5000, 1));
    policy.on = data == "recent" ? rtml::Data::recent(rows) : (data == "new" ? rtml::Data::since_last() : rtml::Data::rehearsal());
    policy.min_samples = static_cast<std::uint64_t>(spec.integer("min", 100, 1));
    policy.cooldown = static_cast<std::uint64_t>(spec.integer("cooldown", 0, 0));
    policy.most_per_day = static_cast<std::uint64_t>(spec.integer("per_day", 0, 0, 100'000));
    if (const auto held = spec.integer("held", 1, 1); held > 1) policy.when = policy.when.held(static_cast<std::uint64_t>(held));
    policy.gate.labels = static_cast<std::uint64_t>(spec.integer("gate", 0, 0));
    policy.gate.margin = spec.number("margin", 0.0);
    policy.gate.embargo = embargo(spec, has_time);
  }
  spec.finish();
  return policy;
}

rtml::Rehearsal make_rehearsal(std::string_view text, std::uint64_t seed) {
  if (text.empty()) return {};
  Spec spec(text);
  const auto size = static_cast<std::size_t>(spec.integer("size", 10'000, 1, 100'000'000));
  const double ratio = spec.number("ratio", 1.0);
  const std::string& name = spec.name();
  rtml::require("rehearse", "buffer", name, name == "reservoir" || name == "class_balanced" || name == "sliding",
                "one of reservoir, class_balanced, sliding");
  spec.finish();
  if (name == "reservoir") return {rtml::reservoir(size, seed), ratio, seed};
  if (name == "class_balanced") return {rtml::class_balanced(size, seed), ratio, seed};
  return {rtml::sliding(size), ratio, seed};
}

}  // namespace rtml_loop
