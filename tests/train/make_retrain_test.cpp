#include "rtml/train/make_retrain.hpp"

#include <chrono>
#include <map>
#include <string>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using rtml::make_retrain;
using rtml::Spec;

TEST_CASE("A policy is made by its name, with the parameters that it was given", "[train]") {
  CHECK(make_retrain(Spec("continual"), false).online);
  const auto frozen = make_retrain(Spec("none:warmup=300"), false);
  CHECK_FALSE(frozen.online);
  CHECK(frozen.warmup == 300);
  CHECK(frozen.when.never());
  const auto cadence = make_retrain(Spec("cadence:every=1d,start=fresh,rows=700,min=50,cooldown=9,per_day=2,warmup=0"), true);
  CHECK(cadence.when.text() == "every 1d");
  CHECK(cadence.start == rtml::Start::fresh);
  CHECK(cadence.on.what == rtml::Data::What::recent);
  CHECK(cadence.on.rows == 700);
  CHECK(cadence.min_samples == 50);
  CHECK(cadence.cooldown == 9);
  CHECK(cadence.most_per_day == 2);
  CHECK_FALSE(static_cast<bool>(cadence.gate));
  const auto gated = make_retrain(Spec("drift:psi=0.3,held=2,gate=500,margin=0.05,embargo=7d"), true);
  CHECK(gated.when.text() == "(psi > 0.3) 2 times");
  CHECK(gated.gate.labels == 500);
  CHECK(gated.gate.margin == 0.05);
  CHECK(gated.gate.embargo == rtml::days(7));
  CHECK(make_retrain(Spec("metric:accuracy<0.9"), false).when.text() == "accuracy < 0.9");
}

TEST_CASE("What is wrong with a policy's text is named", "[train][bad_input]") {
  for (const auto& [text, named] : std::map<std::string, std::string>{{"weekly", "\"weekly\""},
                                                                      {"cadence:every=1d", "every is \"1d\""},
                                                                      {"cadence:start=cold", "start is \"cold\""},
                                                                      {"cadence:held=0", "held is 0"},
                                                                      {"drift:gate=10,embargo=5", "embargo is \"5\""},
                                                                      {"drift:gate=10,embargo=5s", "embargo is \"5s\""},
                                                                      {"drift:psi=-1", "psi is -1"},
                                                                      {"metric", "metric: condition"},
                                                                      {"cadence:colour=red", "colour"}}) {
    CAPTURE(text);
    std::string said;
    try {
      make_retrain(Spec(text), false);
    } catch (const rtml::ConfigError& error) {
      said = error.what();
    }
    CHECK(said.find(named) != std::string::npos);
  }
}
