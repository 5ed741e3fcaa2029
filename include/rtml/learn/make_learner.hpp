#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/export.hpp"

namespace rtml {

/// Makes a learner from `NAME[:k=v,...]`; the specification is its name.
///
/// | name                  | options (defaults as the types have them)                                                              |
/// |-----------------------|--------------------------------------------------------------------------------------------------------|
/// | logistic              | loss=logistic\|hinge and those of linear                                                                |
/// | linear                | loss=squared\|quantile\|huber\|expectile\|poisson, tau (quantile, expectile), delta (huber);              |
/// |                       | optimizer=multirate\|sgd\|adagrad\|ftrl\|nag, bits, l1, l2; rate (sgd, adagrad, nag), alpha (ftrl),       |
/// |                       | beta (adagrad, ftrl), prior, bold, fast, mixing (multirate)                                            |
/// | bayesian_linear       | prior, forgetting                                                                                      |
/// | softmax               | classes, bits, prior, bold, fast, mixing                                                               |
/// | one_vs_rest           | classes and those of logistic: one such learner a class                                                |
/// | naive_bayes           | classes                                                                                                |
/// | fm                    | factors, bits, rate, l2, seed                                                                          |
/// | ffm                   | factors, bits, rate, l2, seed, fields                                                                  |
/// | majority, no_change   | classes                                                                                                |
/// | mean                  |                                                                                                        |
///
/// `task` and `classes` are of the stream at hand: class learners take that number of classes, or answer P(y = 1) when the task is binary.
/// @throws ConfigError for an unknown name (lists the known ones), an unknown option (lists the known ones) or a bad value, and for a
/// learner that cannot do the task.
RTML_API AnyLearner make_learner(std::string_view spec, Task task, int classes = 2);

/// The same for the task that the name itself says: binary for logistic, fm and ffm, regression for linear, bayesian_linear and mean, else
/// as `classes=` says, binary without it.
RTML_API AnyLearner make_learner(std::string_view spec);

/// The names that make_learner knows.
RTML_API std::vector<std::string> learner_names();

}  // namespace rtml
