#include "rtml/train/make_retrain.hpp"

#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include "rtml/core/finite.hpp"
#include "rtml/drift/signals.hpp"
#include "rtml/stream/delayed_labels.hpp"

namespace rtml {
namespace {

struct ErrorDetector {
  const char* name;
  Signal (*signal)();
};

constexpr ErrorDetector error_detectors[] = {{"adwin", drift::adwin},
                                             {"ddm", drift::ddm},
                                             {"eddm", drift::eddm},
                                             {"rddm", drift::rddm},
                                             {"hddm_a", drift::hddm_a},
                                             {"hddm_w", drift::hddm_w},
                                             {"fhddm", drift::fhddm},
                                             {"stepd", drift::stepd},
                                             {"ecdd", drift::ecdd},
                                             {"cusum", drift::cusum},
                                             {"page_hinkley", drift::page_hinkley}};

Trigger either(Trigger left, Trigger right) { return std::move(left) || std::move(right); }

Trigger cadence(Spec& spec, bool has_time) {
  const std::string every = spec.text("every", "1000");
  const auto period = stream::Delay::parse(every);
  require("cadence", "every", every, has_time || period.time.count() == 0, "a number of rows, as the stream has no time");
  return period.time.count() > 0 ? rtml::every(period.time) : rtml::every(period.rows);
}

Trigger drifts(Spec& spec) {
  Trigger trigger;
  const auto window = static_cast<std::size_t>(spec.integer("window", 1000, 100, 1'000'000));
  const auto distance = [&](const char* name, const Signal& signal) {
    const double level = spec.number(name, std::numeric_limits<double>::quiet_NaN());
    if (is_nan(level)) return;
    require("drift", name, level, level > 0.0, "> 0");
    trigger = either(std::move(trigger), signal > level);
  };
  distance("psi", drift::psi(window));
  distance("ks", drift::ks(window));
  distance("js", drift::js(window));
  if (spec.flag("alarms")) trigger = either(std::move(trigger), drift::alarms() > 0.0);
  for (const auto& [name, signal] : error_detectors)
    if (spec.flag(name)) trigger = either(std::move(trigger), signal() > 0.0);
  return trigger.never() ? drift::psi(window) > 0.2 : trigger;
}

Trigger metric_below_or_above(Spec& spec) {
  Trigger trigger;
  const auto window = static_cast<std::size_t>(spec.integer("window", 1000, 1, 1'000'000));
  for (const std::string& word : spec.words()) {
    const std::size_t sign = word.find_first_of("<>");
    double level = 0.0;
    const char* end = word.data() + word.size();
    bool holds = sign != std::string::npos && sign > 0;
    if (holds) {
      const auto result = std::from_chars(word.data() + sign + 1, end, level);
      holds = result.ec == std::errc{} && result.ptr == end && is_finite(level);
    }
    require("metric", "condition", word, holds, "NAME<LEVEL or NAME>LEVEL");
    const Signal signal{Signal::Source::metric, word.substr(0, sign), window, {}};
    trigger = either(std::move(trigger), word[sign] == '<' ? signal < level : signal > level);
  }
  require("metric", "condition", "none", !trigger.never(), "NAME<LEVEL or NAME>LEVEL, as in metric:accuracy<0.9");
  return trigger;
}

Duration embargo(Spec& spec, bool has_time) {
  const std::string text = spec.text("embargo", "0");
  const auto given = stream::Delay::parse(text);
  require("retrain", "embargo", text, given.rows == 0, "a time, as 7d");
  require("retrain", "embargo", text, has_time || given.time.count() == 0, "0, as the stream has no time");
  return given.time;
}

}  // namespace

Retrain make_retrain(Spec spec, bool has_time) {
  Retrain policy;
  const std::string& name = spec.name();
  if (name == "cadence") {
    policy.when = cadence(spec, has_time);
  } else if (name == "drift") {
    policy.when = drifts(spec);
  } else if (name == "metric") {
    policy.when = metric_below_or_above(spec);
  } else {
    require("retrain", "policy", name, name == "none" || name == "continual", "one of none, continual, cadence, drift, metric");
  }
  policy.online = name == "continual";
  if (name != "continual") policy.warmup = static_cast<std::uint64_t>(spec.integer("warmup", 1000, 0));
  if (!policy.when.never()) {
    const std::string start = spec.text("start", "warm");
    require("retrain", "start", start, start == "fresh" || start == "warm" || start == "recall", "fresh, warm or recall");
    policy.start = start == "fresh" ? Start::fresh : (start == "warm" ? Start::warm : Start::recall);
    const std::string data = spec.text("data", policy.start == Start::warm ? "new" : "recent");
    require("retrain", "data", data, data == "recent" || data == "new" || data == "rehearsal", "recent, new or rehearsal");
    const auto rows = static_cast<std::size_t>(spec.integer("rows", 5000, 1));
    policy.on = data == "recent" ? Data::recent(rows) : (data == "new" ? Data::since_last() : Data::rehearsal());
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

}  // namespace rtml
