#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "rtml/core/signal.hpp"

namespace rtml::drift {

// What retraining triggers compare: `drift::psi() > 0.2 || drift::adwin() > 0`.

/// How many features the loop tells have moved, within its budget of false alarms (LoopOptions::drift): `drift::alarms() > 0`.
inline Signal alarms() { return {Signal::Source::alarms, "alarms", 0, {}}; }

/// Largest over the features between their reference and the last full window of `window` rows (10 a bin at least).
inline Signal psi(std::size_t window = 1000) { return {Signal::Source::distance, "psi", window, {}}; }
inline Signal ks(std::size_t window = 1000) { return {Signal::Source::distance, "ks", window, {}}; }
inline Signal js(std::size_t window = 1000) { return {Signal::Source::distance, "js", window, {}}; }

/// Any detector on the error, as make_detector() names it: "page_hinkley:threshold=20". 1 once it alarmed, until the next retraining.
inline Signal detector(std::string_view spec) { return {Signal::Source::detector, std::string(spec), 0, {}}; }

// On the error of a model, by their defaults. An error that falls is no reason to retrain.
inline Signal adwin() { return detector("adwin:direction=rise"); }
inline Signal ddm() { return detector("ddm"); }
inline Signal eddm() { return detector("eddm"); }
inline Signal rddm() { return detector("rddm"); }
inline Signal hddm_a() { return detector("hddm_a:direction=rise"); }
inline Signal hddm_w() { return detector("hddm_w:direction=rise"); }
inline Signal fhddm() { return detector("fhddm"); }
inline Signal stepd() { return detector("stepd:direction=rise"); }
inline Signal ecdd() { return detector("ecdd"); }
inline Signal cusum() { return detector("cusum:direction=rise"); }
inline Signal page_hinkley() { return detector("page_hinkley:direction=rise"); }

}  // namespace rtml::drift
