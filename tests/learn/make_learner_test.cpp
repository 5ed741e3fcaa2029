#include "rtml/learn/make_learner.hpp"

#include <array>
#include <string>
#include <vector>

#include "rtml/learn/bayesian_linear.hpp"
#include "rtml/learn/binary.hpp"
#include "rtml/learn/factorization_machine.hpp"
#include "rtml/learn/field_aware_factorization_machine.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/one_vs_rest.hpp"
#include "rtml/learn/softmax.hpp"
#include "support/catch.hpp"

using namespace rtml;

TEST_CASE("every name makes a learner that learns", "[learn][registry]") {
  for (const std::string& name : learner_names()) {
    CAPTURE(name);
    AnyLearner learner = make_learner(name);
    learner.bind(Schema::numeric(2));
    std::vector<float> scores(learner.outputs());
    const std::vector<float> x = {1.0F, 2.0F};
    for (int i = 0; i < 20; ++i) learner.learn({x, {}}, 1.0F, 1.0F, scores);
    learner.predict({x, {}}, scores);
    CHECK(scores.back() > 0.6F);
    CHECK(learner.name() == name);
    CHECK(learner.refused() == 0);
  }
}

TEST_CASE("options of a specification reach the learner", "[learn][registry]") {
  const AnyLearner ftrl = make_learner("logistic:optimizer=ftrl,l1=1e-6,bits=20");
  const auto* linear = ftrl.as<Linear<Logistic, FtrlProximal>>();
  REQUIRE(linear != nullptr);
  CHECK(linear->options().bits == 20);
  CHECK(linear->options().l1 == 1e-6F);
  CHECK(ftrl.name() == "logistic:optimizer=ftrl,l1=1e-6,bits=20");

  const AnyLearner quantile = make_learner("linear:loss=quantile,tau=0.9");
  REQUIRE(quantile.as<QuantileRegression>() != nullptr);
  CHECK(quantile.as<QuantileRegression>()->options().loss.tau() == 0.9F);
  const AnyLearner rates = make_learner("linear:prior=0.1,reach=2,bold=0.2,fast=3,mixing=2");
  REQUIRE(rates.as<LinearRegression>() != nullptr);
  CHECK(rates.as<LinearRegression>()->options().optimizer.options().fast == 3.0F);
  CHECK(rates.as<LinearRegression>()->options().optimizer.options().reach == 2.0F);
  CHECK(make_learner("logistic:loss=hinge").threshold() == 0.0F);
  CHECK(make_learner("linear:loss=poisson,optimizer=adagrad,rate=0.1,beta=2").task() == Task::regression);
  const AnyLearner falling = make_learner("logistic:optimizer=sgd,rate=0.1,power=0.5,horizon=200");
  REQUIRE(falling.as<Linear<Logistic, Sgd>>() != nullptr);
  CHECK(falling.as<Linear<Logistic, Sgd>>()->options().optimizer.options().power == 0.5F);
  CHECK(falling.as<Linear<Logistic, Sgd>>()->options().optimizer.options().horizon == 200.0F);
  const AnyLearner adam = make_learner("linear:loss=huber,optimizer=adam,rate=0.02,beta1=0.8,beta2=0.99,epsilon=1e-6");
  REQUIRE(adam.as<Linear<Huber, Adam>>() != nullptr);
  CHECK(adam.as<Linear<Huber, Adam>>()->options().optimizer.options().rate == 0.02F);
  CHECK(adam.as<Linear<Huber, Adam>>()->options().optimizer.options().beta1 == 0.8F);
  CHECK(adam.as<Linear<Huber, Adam>>()->options().optimizer.options().beta2 == 0.99F);
  CHECK(adam.as<Linear<Huber, Adam>>()->options().optimizer.options().epsilon == 1e-6F);
  const AnyLearner coin = make_learner("logistic:optimizer=coin,wealth=8");
  REQUIRE(coin.as<Linear<Logistic, CoinBetting>>() != nullptr);
  CHECK(coin.as<Linear<Logistic, CoinBetting>>()->options().optimizer.options().wealth == 8.0F);
  const AnyLearner aggressive = make_learner("logistic:loss=hinge,optimizer=passive_aggressive,aggressiveness=0.5,slack=squared");
  REQUIRE(aggressive.as<Linear<Hinge, PassiveAggressive>>() != nullptr);
  CHECK(aggressive.as<Linear<Hinge, PassiveAggressive>>()->options().optimizer.options().aggressiveness == 0.5F);
  CHECK(aggressive.as<Linear<Hinge, PassiveAggressive>>()->options().optimizer.options().slack == PassiveAggressive::Slack::squared);

  const AnyLearner bayesian = make_learner("bayesian_linear:prior=10,forgetting=0.999");
  REQUIRE(bayesian.as<BayesianLinear>() != nullptr);
  CHECK(bayesian.as<BayesianLinear>()->options().prior == 10.0);
  CHECK(bayesian.as<BayesianLinear>()->options().forgetting == 0.999);
  const AnyLearner five = make_learner("one_vs_rest:classes=5,optimizer=ftrl,l1=1e-6");
  const auto* rest = five.as<OneVsRest<Linear<Logistic, FtrlProximal>>>();
  REQUIRE(rest != nullptr);
  CHECK(rest->classes() == 5);
  CHECK(rest->learner(4).options().l1 == 1e-6F);
  CHECK(make_learner("one_vs_rest:loss=hinge", Task::binary).as<Binary<OneVsRest<LinearSvm>>>() != nullptr);
}

TEST_CASE("options of a factorization machine reach it", "[learn][registry]") {
  const AnyLearner fm = make_learner("fm:factors=5,bits=10,rate=0.25,l2=0.5,seed=7");
  REQUIRE(fm.as<FactorizationMachine<>>() != nullptr);
  const auto options = fm.as<FactorizationMachine<>>()->options();
  CHECK(options.factors == 5);
  CHECK(options.bits == 10);
  CHECK(options.rate == 0.25F);
  CHECK(options.l2 == 0.5F);
  CHECK(options.seed == 7);
  const AnyLearner ffm = make_learner("ffm:fields=3,factors=2,bits=9,rate=0.125,l2=0.25,seed=8", Task::regression);
  REQUIRE(ffm.as<FieldAwareFactorizationMachine<Squared>>() != nullptr);
  const auto fielded = ffm.as<FieldAwareFactorizationMachine<Squared>>()->options();
  CHECK(fielded.fields == 3);
  CHECK(fielded.factors == 2);
  CHECK(fielded.bits == 9);
  CHECK(fielded.rate == 0.125F);
  CHECK(fielded.l2 == 0.25F);
  CHECK(fielded.seed == 8);
}

TEST_CASE("a specification takes what it leaves open from the stream", "[learn][registry]") {
  CHECK(make_learner("softmax:classes=7").outputs() == 7);
  CHECK(make_learner("softmax", Task::classes, 5).outputs() == 5);
  for (const char* name : {"majority", "no_change", "naive_bayes", "softmax", "one_vs_rest"}) {
    CAPTURE(name);
    CHECK(make_learner(name, Task::binary).task() == Task::binary);
    CHECK(make_learner(name, Task::classes, 3).task() == Task::classes);
  }
  for (const char* name : {"no_change", "fm", "ffm"}) CHECK(make_learner(name, Task::regression).task() == Task::regression);
  for (const char* name : {"fm", "ffm"}) CHECK(make_learner(name).task() == Task::binary);
  CHECK(make_learner("mean", Task::binary).task() == Task::binary);
}

TEST_CASE("a wrong specification says what would be right", "[learn][registry][config]") {
  CHECK_THROWS_WITH(make_learner("logistics"),
                    "learner: name is \"logistics\", must be one of majority, no_change, mean, logistic, linear, bayesian_linear, softmax, "
                    "one_vs_rest, naive_bayes, fm, ffm");
  CHECK_THROWS_WITH(make_learner("naive_bayes:bits=3"), "naive_bayes: option is \"bits\", must be one of classes");
  CHECK_THROWS_WITH(make_learner("logistic:optimizer=adamw"),
                    "logistic: optimizer is \"adamw\", must be one of multirate, sgd, adagrad, ftrl, nag, adam, coin, passive_aggressive");
  CHECK_THROWS_WITH(make_learner("logistic:optimizer=passive_aggressive"),
                    "logistic: loss is \"logistic\", must be hinge under passive_aggressive");
  for (const char* loss : {"squared", "huber", "expectile", "poisson"})
    CHECK_THROWS_WITH(make_learner("linear:optimizer=passive_aggressive,loss=" + std::string(loss)),
                      "linear: loss is \"" + std::string(loss) + "\", must be quantile under passive_aggressive");
  CHECK_THROWS_WITH(make_learner("logistic:loss=hinge,optimizer=passive_aggressive,slack=cubic"),
                    "logistic: slack is \"cubic\", must be linear or squared");
  CHECK_THROWS_WITH(make_learner("logistic:optimizer=coin,l2=0.1"), "Linear: l2 is 0.1, must be 0 under coin");
  CHECK_THROWS_WITH(make_learner("logistic:loss=squared"), "logistic: loss is \"squared\", must be one of logistic, hinge");
  CHECK_THROWS_WITH(make_learner("linear:loss=hinge"),
                    "linear: loss is \"hinge\", must be one of squared, quantile, huber, expectile, poisson");
  CHECK_THROWS_WITH(make_learner("logistic:l1=much"), "logistic: l1 is \"much\", must be a number");
  CHECK_THROWS_WITH(make_learner("logistic:bits=40"), "logistic: bits is 40, must be <= 30");
  CHECK_THROWS_WITH(make_learner("logistic", Task::regression), "logistic: task is \"regression\", must be binary");
  CHECK_THROWS_WITH(make_learner("softmax", Task::regression), "softmax: task is \"regression\", must be binary or classes");
  CHECK_THROWS_WITH(make_learner("fm", Task::classes), "fm: task is \"classes\", must be binary or regression");
  CHECK_THROWS_WITH(make_learner("ffm", Task::classes), "ffm: task is \"classes\", must be binary or regression");
  CHECK_THROWS_WITH(make_learner("fm:fields=3"), "fm: option is \"fields\", must be one of factors, bits, rate, l2, seed");
  CHECK_THROWS_WITH(make_learner("ffm:factors=65"), "ffm: factors is 65, must be <= 64");
  CHECK_THROWS_WITH(make_learner("mean", Task::classes), "Mean: task is \"classes\", must be regression or binary");
  CHECK_THROWS_WITH(make_learner("bayesian_linear", Task::binary), "bayesian_linear: task is \"binary\", must be regression");
  CHECK_THROWS_WITH(make_learner("one_vs_rest", Task::regression), "one_vs_rest: task is \"regression\", must be binary or classes");
  CHECK_THROWS_WITH(make_learner("one_vs_rest:loss=squared"), "one_vs_rest: loss is \"squared\", must be one of logistic, hinge");
  CHECK_THROWS_WITH(make_learner("one_vs_rest:classes=300"), "OneVsRest: classes is 300, must be in [2, 256]");
  CHECK_THROWS_AS(make_learner("softmax:classes=1"), ConfigError);
  CHECK_THROWS_AS(make_learner("logistic:optimizer=ftrl,rate=1"), ConfigError);
}
