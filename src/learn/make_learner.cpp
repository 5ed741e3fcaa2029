#include "rtml/learn/make_learner.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "rtml/core/spec.hpp"
#include "rtml/learn/baselines.hpp"
#include "rtml/learn/bayesian_linear.hpp"
#include "rtml/learn/binary.hpp"
#include "rtml/learn/factorization_machine.hpp"
#include "rtml/learn/field_aware_factorization_machine.hpp"
#include "rtml/learn/gaussian_naive_bayes.hpp"
#include "rtml/learn/linear.hpp"
#include "rtml/learn/one_vs_rest.hpp"
#include "rtml/learn/optimizers.hpp"
#include "rtml/learn/softmax.hpp"

namespace rtml {
namespace {

struct Stream {
  Task task;
  int classes;
};

float real(Spec& spec, std::string_view key, float otherwise) {
  return static_cast<float>(spec.number(key, static_cast<double>(otherwise)));
}

MultiRate multi_rate(Spec& spec, MultiRate::Options options) {
  options.prior = real(spec, "prior", options.prior);
  options.reach = real(spec, "reach", options.reach);
  options.bold = real(spec, "bold", options.bold);
  options.fast = real(spec, "fast", options.fast);
  options.mixing = real(spec, "mixing", options.mixing);
  return MultiRate(options);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// a*b+c*d*e: the product of columns a and b, and that of c, d and e.
std::vector<std::vector<std::string>> products_of(Spec& spec) {
  std::vector<std::vector<std::string>> products;
  const std::string text = spec.text("interactions", "");
  if (text.empty()) return products;
  for (const std::string& product : split(text, '+')) {
    products.push_back(split(product, '*'));
    for (const std::string& column : products.back())
      require(spec.name(), "interactions", text, !column.empty(), "products of columns: a*b+c*d*e");
  }
  return products;
}

/// `make(spec, learner)` of the linear learner that the options describe.
template <class Make, class Loss, class Optimizer>
AnyLearner linear(Spec& spec, const Loss& loss, const Optimizer& optimizer, Make make) {
  typename Linear<Loss, Optimizer>::Options options;
  options.loss = loss;
  options.optimizer = optimizer;
  options.bits = static_cast<unsigned>(spec.integer("bits", options.bits, 1, 30));
  options.l1 = real(spec, "l1", options.l1);
  options.l2 = real(spec, "l2", options.l2);
  options.interactions = products_of(spec);
  return make(spec, Linear<Loss, Optimizer>(options));
}

/// The learner itself.
struct Alone {
  template <class Learner>
  AnyLearner operator()(const Spec& spec, Learner learner) const {
    spec.finish();
    return AnyLearner(std::move(learner), spec.whole());
  }
};

Sgd sgd(Spec& spec) {
  Sgd::Options options;
  options.rate = real(spec, "rate", options.rate);
  options.power = real(spec, "power", options.power);
  options.horizon = real(spec, "horizon", options.horizon);
  return Sgd(options);
}

AdaGrad adagrad(Spec& spec) {
  AdaGrad::Options options;
  options.rate = real(spec, "rate", options.rate);
  options.beta = real(spec, "beta", options.beta);
  return AdaGrad(options);
}

FtrlProximal ftrl(Spec& spec) {
  FtrlProximal::Options options;
  options.alpha = real(spec, "alpha", options.alpha);
  options.beta = real(spec, "beta", options.beta);
  return FtrlProximal(options);
}

Nag nag(Spec& spec) {
  Nag::Options options;
  options.rate = real(spec, "rate", options.rate);
  return Nag(options);
}

Adam adam(Spec& spec) {
  Adam::Options options;
  options.rate = real(spec, "rate", options.rate);
  options.beta1 = real(spec, "beta1", options.beta1);
  options.beta2 = real(spec, "beta2", options.beta2);
  options.epsilon = real(spec, "epsilon", options.epsilon);
  return Adam(options);
}

CoinBetting coin(Spec& spec) {
  CoinBetting::Options options;
  options.wealth = real(spec, "wealth", options.wealth);
  return CoinBetting(options);
}

PassiveAggressive passive_aggressive(Spec& spec) {
  PassiveAggressive::Options options;
  options.aggressiveness = real(spec, "aggressiveness", options.aggressiveness);
  const std::string slack = spec.text("slack", "linear");
  require(spec.name(), "slack", slack, slack == "linear" || slack == "squared", "linear or squared");
  if (slack == "squared") options.slack = PassiveAggressive::Slack::squared;
  return PassiveAggressive(options);
}

template <class Loss, class Make = Alone>
AnyLearner linear(Spec& spec, const Loss& loss, Make make = {}) {
  const std::string optimizer = spec.text("optimizer", MultiRate::name);
  if (optimizer == MultiRate::name) return linear(spec, loss, multi_rate(spec, {}), make);
  if (optimizer == Sgd::name) return linear(spec, loss, sgd(spec), make);
  if (optimizer == AdaGrad::name) return linear(spec, loss, adagrad(spec), make);
  if (optimizer == FtrlProximal::name) return linear(spec, loss, ftrl(spec), make);
  if (optimizer == Nag::name) return linear(spec, loss, nag(spec), make);
  if (optimizer == Adam::name) return linear(spec, loss, adam(spec), make);
  if (optimizer == CoinBetting::name) return linear(spec, loss, coin(spec), make);
  require(spec.name(), "optimizer", optimizer, optimizer == PassiveAggressive::name,
          "one of multirate, sgd, adagrad, ftrl, nag, adam, coin, passive_aggressive");
  if constexpr (detail::Suits<Loss, PassiveAggressive>) return linear(spec, loss, passive_aggressive(spec), make);
  require(spec.name(), "loss", Loss::name, false,
          Loss::task == Task::binary ? "hinge under passive_aggressive" : "quantile under passive_aggressive");
  return {};
}

void require_task(const Spec& spec, const Stream& stream, Task able) {
  require(spec.name(), "task", name_of(stream.task), stream.task == able, name_of(able));
}

/// A linear learner of zeros and ones.
template <class Make = Alone>
AnyLearner linear_binary(Spec& spec, Make make = {}) {
  const std::string loss = spec.text("loss", Logistic::name);
  if (loss == Logistic::name) return linear(spec, Logistic{}, make);
  require(spec.name(), "loss", loss, loss == Hinge::name, "one of logistic, hinge");
  return linear(spec, Hinge{}, make);
}

AnyLearner logistic(Spec& spec, const Stream& stream) {
  require_task(spec, stream, Task::binary);
  return linear_binary(spec);
}

AnyLearner regression(Spec& spec, const Stream& stream) {
  require_task(spec, stream, Task::regression);
  const std::string loss = spec.text("loss", Squared::name);
  if (loss == Squared::name) return linear(spec, Squared{});
  if (loss == Quantile::name) return linear(spec, Quantile(real(spec, "tau", 0.5F)));
  if (loss == Huber::name) return linear(spec, Huber(real(spec, "delta", Huber().delta())));
  if (loss == Expectile::name) return linear(spec, Expectile(real(spec, "tau", 0.5F)));
  require(spec.name(), "loss", loss, loss == Poisson::name, "one of squared, quantile, huber, expectile, poisson");
  return linear(spec, Poisson{});
}

AnyLearner bayesian_linear(Spec& spec, const Stream& stream) {
  require_task(spec, stream, Task::regression);
  BayesianLinear::Options options;
  options.prior = spec.number("prior", options.prior);
  options.forgetting = spec.number("forgetting", options.forgetting);
  return Alone{}(spec, BayesianLinear(options));
}

int classes_of(Spec& spec, const Stream& stream) { return static_cast<int>(spec.integer("classes", stream.classes, 2, 65536)); }

/// A class learner, or its binary form when that is the task.
template <class Learner>
AnyLearner of_classes(const Spec& spec, const Stream& stream, Learner learner) {
  spec.finish();
  require(spec.name(), "task", name_of(stream.task), stream.task != Task::regression, "binary or classes");
  if (stream.task == Task::binary) return AnyLearner(Binary<Learner>(std::move(learner)), spec.whole());
  return AnyLearner(std::move(learner), spec.whole());
}

AnyLearner softmax(Spec& spec, const Stream& stream) {
  Softmax::Options options;
  options.classes = classes_of(spec, stream);
  options.bits = static_cast<unsigned>(spec.integer("bits", options.bits, 1, 22));
  options.optimizer = multi_rate(spec, options.optimizer.options());
  return of_classes(spec, stream, Softmax(options));
}

AnyLearner one_vs_rest(Spec& spec, const Stream& stream) {
  const int classes = classes_of(spec, stream);
  return linear_binary(spec, [&](const Spec& whole, auto learner) {
    return of_classes(whole, stream, OneVsRest<decltype(learner)>({.classes = classes, .learner = std::move(learner)}));
  });
}

AnyLearner naive_bayes(Spec& spec, const Stream& stream) {
  return of_classes(spec, stream, GaussianNaiveBayes({.classes = classes_of(spec, stream)}));
}

template <class Options>
Options factor_options(Spec& spec) {
  Options options;
  options.factors = static_cast<unsigned>(spec.integer("factors", options.factors, 1, 64));
  options.bits = static_cast<unsigned>(spec.integer("bits", options.bits, 1, 28));
  options.rate = real(spec, "rate", options.rate);
  options.l2 = real(spec, "l2", options.l2);
  options.seed = static_cast<std::uint64_t>(spec.integer("seed", static_cast<std::int64_t>(options.seed), 0));
  return options;
}

template <class Loss>
AnyLearner fm(Spec& spec) {
  const auto options = factor_options<typename FactorizationMachine<Loss>::Options>(spec);
  spec.finish();
  return AnyLearner(FactorizationMachine<Loss>(options), spec.whole());
}

template <class Loss>
AnyLearner ffm(Spec& spec) {
  auto options = factor_options<typename FieldAwareFactorizationMachine<Loss>::Options>(spec);
  options.fields = static_cast<unsigned>(spec.integer("fields", options.fields, 1, 1024));
  spec.finish();
  return AnyLearner(FieldAwareFactorizationMachine<Loss>(options), spec.whole());
}

AnyLearner fm(Spec& spec, const Stream& stream) {
  if (stream.task == Task::regression) return fm<Squared>(spec);
  require(spec.name(), "task", name_of(stream.task), stream.task == Task::binary, "binary or regression");
  return fm<Logistic>(spec);
}

AnyLearner ffm(Spec& spec, const Stream& stream) {
  if (stream.task == Task::regression) return ffm<Squared>(spec);
  require(spec.name(), "task", name_of(stream.task), stream.task == Task::binary, "binary or regression");
  return ffm<Logistic>(spec);
}

AnyLearner majority(Spec& spec, const Stream& stream) {
  const int classes = classes_of(spec, stream);
  if (stream.task == Task::classes) return of_classes(spec, stream, Majority({.classes = classes}));
  spec.finish();
  require_task(spec, stream, Task::binary);
  return AnyLearner(Mean({.task = Task::binary}), spec.whole());
}

AnyLearner no_change(Spec& spec, const Stream& stream) {
  const int classes = classes_of(spec, stream);
  if (stream.task == Task::classes) return of_classes(spec, stream, NoChangeClass({.classes = classes}));
  spec.finish();
  return AnyLearner(NoChange({.task = stream.task}), spec.whole());
}

AnyLearner mean(Spec& spec, const Stream& stream) {
  spec.finish();
  return AnyLearner(Mean({.task = stream.task}), spec.whole());
}

struct Entry {
  std::string_view name;
  AnyLearner (*make)(Spec&, const Stream&);
};

constexpr std::array<Entry, 11> entries = {{{"majority", majority},
                                            {"no_change", no_change},
                                            {"mean", mean},
                                            {"logistic", logistic},
                                            {"linear", regression},
                                            {"bayesian_linear", bayesian_linear},
                                            {"softmax", softmax},
                                            {"one_vs_rest", one_vs_rest},
                                            {"naive_bayes", naive_bayes},
                                            {"fm", fm},
                                            {"ffm", ffm}}};

AnyLearner make(Spec& spec, const Stream& stream) {
  std::string known = "one of";
  for (const Entry& entry : entries) {
    if (spec.name() == entry.name) return entry.make(spec, stream);
    known += (known.size() > 6 ? ", " : " ") + std::string(entry.name);
  }
  require("learner", "name", spec.name(), false, known);
  return {};
}

}  // namespace

AnyLearner make_learner(std::string_view text, Task task, int classes) {
  Spec spec(text);
  return make(spec, {task, classes});
}

AnyLearner make_learner(std::string_view text) {
  Spec spec(text);
  const bool several = spec.integer("classes", 0) != 0;
  const bool number = spec.name() == "linear" || spec.name() == "bayesian_linear" || spec.name() == "mean";
  return make_learner(text, several ? Task::classes : (number ? Task::regression : Task::binary));
}

std::vector<std::string> learner_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

}  // namespace rtml
