#include "rtml/drift/distance.hpp"

#include <numbers>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/drift/histogram_distance.hpp"
#include "rtml/drift/ks.hpp"

#include "support/catch.hpp"
#include "support/streams.hpp"

using namespace rtml::drift;

TEST_CASE("measure takes a distance by name, with its options", "[drift]") {
  const auto a = rtml::testing::gaussian(1, 300);
  const auto b = rtml::testing::gaussian(2, 200);
  const auto same = [&](std::string_view spec, const TwoSample& expected) {
    CAPTURE(spec);
    const auto result = measure(rtml::Spec(spec), a, b);
    CHECK(result.statistic == expected.statistic);
    CHECK(result.p_value == expected.p_value);
    CHECK(result.effect == expected.effect);
  };
  same("ks", ks(a, b));
  same("ks:method=exact", ks(a, b, KsMethod::exact));
  same("ks:method=asymptotic", ks(a, b, KsMethod::asymptotic));
  same("psi", psi(a, b));
  same("psi:bins=5", psi(a, b, 5));
  same("js", jensen_shannon(a, b));
  same("js:bins=5,form=divergence,base=2.718281828459045", jensen_shannon(a, b, 5, JsForm::divergence, std::numbers::e));
  CHECK(ks(a, b).p_value != ks(a, b, KsMethod::asymptotic).p_value);
}

TEST_CASE("every distance that has a name is found by it", "[drift]") {
  for (const auto name : distance_names()) CHECK(name_of(distance_named(name)) == name);
  CHECK(distance_named("psi") == Distance::psi);
  CHECK(distance_named("js") == Distance::js);
  CHECK(distance_named("ks") == Distance::ks);
}

TEST_CASE("measure names what it does not know, and what it knows", "[drift][config]") {
  const std::vector<double> one{1.0};
  const auto of = [&](std::string_view spec) { return measure(rtml::Spec(spec), one, one); };
  CHECK_THROWS_WITH(of("kl"), "distance: name is \"kl\", must be one of psi, js, ks");
  CHECK_THROWS_WITH(of("ks:method=fast"), "ks: method is \"fast\", must be automatic, exact or asymptotic");
  CHECK_THROWS_WITH(of("js:form=root"), "js: form is \"root\", must be distance or divergence");
  CHECK_THROWS_WITH(of("psi:bins=1"), "psi: bins is 1, must be >= 2");
  CHECK_THROWS_WITH(of("psi:base=2"), "psi: option is \"base\", must be one of bins");
}
