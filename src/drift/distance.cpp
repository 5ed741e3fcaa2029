#include "rtml/drift/distance.hpp"

#include <array>

#include "rtml/core/error.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/ks.hpp"

namespace rtml::drift {

namespace {

constexpr std::array<std::string_view, 3> names{"psi", "js", "ks"};  // in the order of Distance

KsMethod ks_method(Spec& spec) {
  const std::string method = spec.text("method", "automatic");
  if (method == "exact") return KsMethod::exact;
  if (method == "asymptotic") return KsMethod::asymptotic;
  require(spec.name(), "method", method, method == "automatic", "automatic, exact or asymptotic");
  return KsMethod::automatic;
}

JsForm js_form(Spec& spec) {
  const std::string form = spec.text("form", "distance");
  require(spec.name(), "form", form, form == "distance" || form == "divergence", "distance or divergence");
  return form == "distance" ? JsForm::distance : JsForm::divergence;
}

std::size_t bin_count(Spec& spec) { return static_cast<std::size_t>(spec.integer("bins", 10, 2, 65536)); }

}  // namespace

std::string_view name_of(Distance distance) noexcept { return names[static_cast<std::size_t>(distance)]; }

std::span<const std::string_view> distance_names() noexcept { return names; }

Distance distance_named(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Distance>(i);
    known += (i == 0 ? "one of " : ", ") + std::string(names[i]);
  }
  require("distance", "name", name, false, known);
  return Distance::psi;
}

TwoSample measure(Spec spec, std::span<const double> reference, std::span<const double> current) {
  switch (distance_named(spec.name())) {
    case Distance::psi: {
      const std::size_t bins = bin_count(spec);
      spec.finish();
      return psi(reference, current, bins);
    }
    case Distance::js: {
      const std::size_t bins = bin_count(spec);
      const JsForm form = js_form(spec);
      const double base = spec.number("base", 2.0);
      spec.finish();
      return jensen_shannon(reference, current, bins, form, base);
    }
    case Distance::ks: {
      const KsMethod method = ks_method(spec);
      spec.finish();
      return ks(reference, current, method);
    }
  }
  return {};
}

}  // namespace rtml::drift
