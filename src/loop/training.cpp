#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "rtml/metrics/loss.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "rtml/train/retraining.hpp"
#include "worker.hpp"

namespace rtml::detail {
namespace {

/// Carries it out, in any thread: changes nothing but `training`.
template <class Rows>
void carry_out(Training& training, const AnyLearner& model, const AnyLearner& untrained, const Retrain& policy, const Rows& rows) {
  training.model = retrain(model, untrained, policy, rows, training.first, training.corrections, training.learned);
}

}  // namespace

double Engine::Worker::value_of(SignalValue& signal) {
  if (signal.source() == Signal::Source::alarms)
    return drifts.ready() ? static_cast<double>(drifts.drifted()) : std::numeric_limits<double>::quiet_NaN();
#if defined(__cpp_exceptions)
  try {
    return signal.value();
  } catch (...) {  // a host's own signal: not known now
    ++counts.callback_failures;
    return std::numeric_limits<double>::quiet_NaN();
  }
#else
  return signal.value();
#endif
}

void Engine::Worker::consider_retraining(std::size_t arm) {
  Arm& of = arms[arm];
  if (!of.signals.empty() && of.scheduler.labels() % options.evaluate_every != 0) return;
  std::vector<double> values;
  for (SignalValue& signal : of.signals) values.push_back(value_of(signal));
  const auto why = of.scheduler.due(values);
  const auto tries = [&](const Candidate& candidate) { return candidate.arm == arm && candidate.present; };
  if (!why || of.in_training || std::any_of(candidates.begin(), candidates.end(), tries)) return;
  const Retrain& policy = of.scheduler.policy();
  const bool rehearsed = policy.on.what == Data::What::rehearsal;
  const std::size_t rows = rehearsed ? rehearser.buffer().size() : history.rows().size();
  const std::size_t first = first_row(policy.on, history.rows(), of.scheduler.untrained(), clock.now());
  if (rows - first < policy.min_samples) return;
  const AnyLearner& now = working->models[arm];
  const AnyLearner& model = of.recalls() ? of.shelf.best_fit(now, history.rows()) : now;
  Training training{.arm = arm,
                    .why = &model == &now ? *why : *why + ", as it was before",
                    .model = {},
                    .rows = {},
                    .first = first,
                    .corrections = {},
                    .labels = of.scheduler.labels(),
                    .untrained = of.scheduler.untrained()};
  if (policy.on.what == Data::What::since_last) training.corrections = history.corrections(first);
  if (options.train_apart) {
    training.model = model;
    training.rows = rehearsed ? rehearser.buffer() : ReplayBuffer(history.rows());
    trainings.push_back(std::move(training));
    of.in_training = true;
    return;
  }
  if (rehearsed) {
    carry_out(training, model, of.given, policy, rehearser.buffer());
  } else {
    carry_out(training, model, of.given, policy, history.rows());
  }
  adopt(std::move(training));
}

/// An arm whose retraining is being carried out, until that has ended, by an exception too.
class Engine::Worker::Underway {
 public:
  Underway(Worker& worker, const Training& training) : worker_(&worker), arm_(training.arm) {
    worker.training_bytes = training.model.memory_bytes() + training.rows.memory_bytes();
  }
  ~Underway() {
    const std::lock_guard guard(worker_->mutex);
    worker_->arms[arm_].in_training = false;
    worker_->training_bytes = 0;
  }
  Underway(const Underway&) = delete;
  Underway& operator=(const Underway&) = delete;

 private:
  Worker* worker_;
  std::size_t arm_;
};

bool Engine::Worker::train_next() {
  Training training;
  const Arm* of = nullptr;  // its policy and its untrained learner never change
  std::optional<Underway> underway;
  {
    const std::lock_guard guard(mutex);
    if (trainings.empty()) return false;
    training = std::move(trainings.front());
    trainings.erase(trainings.begin());
    of = &arms[training.arm];
    underway.emplace(*this, training);
  }
  carry_out(training, training.model, of->given, of->scheduler.policy(), training.rows);
  const std::lock_guard guard(mutex);
  adopt(std::move(training));
  publish();
  took_over = true;
  return true;
}

bool Engine::Worker::try_train() {
#if defined(__cpp_exceptions)
  try {
    return train_next();
  } catch (const std::exception& error) {
    const std::lock_guard guard(mutex);
    ++counts.work_failures;
    tell({.kind = LoopEvent::Kind::work_failed, .what = error.what()});
    return false;
  }
#else
  return train_next();
#endif
}

/// Brings what was trained up to date, and lets it serve, or before its gate.
void Engine::Worker::adopt(Training training) {
  Arm& of = arms[training.arm];
  const std::uint64_t missed = of.scheduler.labels() - training.labels;
  if (missed > 0) {
    const std::size_t first = first_row(Data::since_last(), history.rows(), missed, clock.now());
    training.learned += learn_rows(training.model, history.rows(), first, history.corrections(first));
  }
  of.scheduler.done();
  ++counts.retrainings;
  counts.retrained += training.learned;
  tell({.kind = LoopEvent::Kind::retrain,
        .what = of.name,
        .detector = training.why,
        .statistic = static_cast<double>(training.learned),
        .fresh = of.scheduler.policy().start == Start::fresh});
  if (training.arm == 0) answer_incidents(training.why);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].arm != training.arm) continue;
    for (SignalValue& signal : of.signals) signal.restart();
    Candidate& candidate = candidates[i];
    candidate.present = candidate.waits = true;
    const Duration embargo = of.scheduler.policy().gate.embargo;
    candidate.after = embargo.count() > 0 ? clock.now() + embargo : Time::min();
    candidate.untrained = of.scheduler.learns() ? 0 : training.untrained + missed;
    journal.replace(*working, arms.size() + i, std::move(training.model));
    return;
  }
  serve_from_now(training.arm, std::move(training.model));
}

void Engine::Worker::serve_from_now(std::size_t arm, AnyLearner model) {
  journal.replace(*working, arm, std::move(model));
  taught = true;
  for (SignalValue& signal : arms[arm].signals) signal.restart();
  if (arm != 0) return;
  drifts.relearn();
  settle_incidents(monitor::Incident::Outcome::promoted);
}

void Engine::Worker::judge(std::size_t index, const Row& row, float y, float weight) {
  Candidate& candidate = candidates[index];
  if (!candidate.present || candidate.waits || (row.flags & PendingRing::compared) == 0 || !answered(candidate.arm, row)) return;
  if (!candidate.trial.judges(row.sequence, row.at)) return;
  const auto loss_of = [&](std::size_t model) {
    const auto said = std::span<const float>(scores).subspan(model * engine.outputs_, engine.outputs_);
    const float threshold = arms[candidate.arm].given.threshold();
    return metrics::loss_of(engine.task_, metrics::outcome_of(engine.task_, said, y, threshold), threshold);
  };
  candidate.trial.count(loss_of(candidate.arm), loss_of(arms.size() + index), static_cast<double>(weight));
  const Gate& gate = arms[candidate.arm].scheduler.policy().gate;
  Gate::Decision decision = Gate::Decision::keep;
#if defined(__cpp_exceptions)
  try {
    decision = gate.decide(candidate.trial.evidence());
  } catch (...) {  // the host's own rule: what cannot be judged does not serve
    ++counts.callback_failures;
  }
#else
  decision = gate.decide(candidate.trial.evidence());
#endif
  if (decision != Gate::Decision::wait) end_trial(index, decision == Gate::Decision::promote);
}

void Engine::Worker::end_trial(std::size_t index, bool promoted) {
  Candidate& candidate = candidates[index];
  const Gate::Evidence& evidence = candidate.trial.evidence();
  tell({.kind = promoted ? LoopEvent::Kind::promoted : LoopEvent::Kind::discarded,
        .what = arms[candidate.arm].name,
        .detector = fmt::format("loss {:.4g}, serving {:.4g}", evidence.candidate, evidence.serving),
        .statistic = static_cast<double>(evidence.labels)});
  candidate.present = false;
  took_over = options.train_apart;
  AnyLearner model = working->models[arms.size() + index];
  journal.replace(*working, arms.size() + index, {});
  if (promoted) {
    ++counts.promotions;
    serve_from_now(candidate.arm, std::move(model));
  } else {
    ++counts.discarded;
    arms[candidate.arm].scheduler.discarded(candidate.untrained);
    if (candidate.arm == 0) settle_incidents(monitor::Incident::Outcome::discarded);
  }
}

/// Whom `served` answered.
void Engine::Worker::watch_canaries(std::uint32_t served, float score) {
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].watched() || (served != 0 && served != i)) continue;
    arms[i].canary->predicted(served == 0 ? Canary::Side::stable : Canary::Side::canary, score);
    heed(i);
  }
}

/// Proper, and bounded all the same: the Brier score, halved where there are classes; of a regression the absolute error. Whether it was wrong,
/// where any arm's scores are margins.
double Engine::Worker::canary_loss(const Row& row, float y) const {
  const auto served = std::span<const float>(scores).subspan(row.arm * engine.outputs_, engine.outputs_);
  if (engine.task_ == Task::regression) return std::fabs(static_cast<double>(served[0]) - static_cast<double>(y));
  const auto squared = [](double difference) { return difference * difference; };
  if (has_margins) return served_prediction(row).label == y ? 0.0 : 1.0;
  if (engine.task_ == Task::binary) return squared(static_cast<double>(served[0]) - static_cast<double>(y));
  double sum = 0.0;
  for (std::size_t k = 0; k < served.size(); ++k) sum += squared(static_cast<double>(served[k]) - (static_cast<float>(k) == y ? 1.0 : 0.0));
  return sum / 2.0;
}

void Engine::Worker::judge_canaries(const Row& row, float y) {
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].watched() || row.sequence < arms[i].watched_from || (row.arm != 0 && row.arm != i)) continue;
    arms[i].canary->labelled(row.arm == 0 ? Canary::Side::stable : Canary::Side::canary, canary_loss(row, y));
    heed(i);
  }
}

/// Acts on the verdict about a canary that was watched until now.
void Engine::Worker::heed(std::size_t index) {
  Arm& arm = arms[index];
  const Canary::Verdict verdict = arm.canary->verdict();
  if (verdict == Canary::Verdict::watching) return;
  const bool passed = verdict == Canary::Verdict::promote;
  if (!passed) {
    withdraw(index);
    arm.shadow_from = compared;  // what was served before it did not answer
    ++counts.rolled_back;
  }
  tell({.kind = passed ? LoopEvent::Kind::passed : LoopEvent::Kind::rolled_back,
        .what = arm.name,
        .detector = arm.canary->why(),
        .statistic = static_cast<double>(arm.canary->counts(Canary::Side::canary).losses.count())});
}

void Engine::Worker::withdraw(std::size_t arm) {
  arms[arm].weight = 0.0;
  engine.withdrawn_[arm].store(true, std::memory_order_relaxed);
}

/// A retraining answers all that was told since the last one.
void Engine::Worker::answer_incidents(const std::string& why) {
  if (settle_at != 0) measure_incidents();
  for (std::uint64_t number = std::max(unanswered, incidents.dropped()); monitor::Incident* incident = incidents.find(number); ++number) {
    incident->action = monitor::Incident::Action::retrain;
    incident->action_event = counts.events;
    incident->action_at = clock.now();
    incident->trigger = why;
  }
  unsettled = unanswered;
  unanswered = incidents.dropped() + incidents.incidents().size();
}

void Engine::Worker::settle_incidents(monitor::Incident::Outcome outcome) {
  for (std::uint64_t number = std::max(unsettled, incidents.dropped()); number < unanswered; ++number)
    if (monitor::Incident* incident = incidents.find(number)) incident->outcome = outcome;
  if (outcome == monitor::Incident::Outcome::promoted) settle_at = arms[0].labels + options.metric_window;
}

/// What came of it is known a window of labels later, or when the next retraining comes.
void Engine::Worker::measure_incidents() {
  settle_at = 0;
  for (std::uint64_t number = std::max(unsettled, incidents.dropped()); number < unanswered; ++number)
    if (monitor::Incident* incident = incidents.find(number)) incident->after = arms[0].window[0].value();
}

}  // namespace rtml::detail
