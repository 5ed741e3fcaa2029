#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <limits>
#include <utility>

#include "rtml/core/finite.hpp"
#include "rtml/drift/adwin.hpp"
#include "rtml/metrics/outcome_of.hpp"
#include "rtml/replay/prediction_loss.hpp"
#include "rtml/train/retraining.hpp"
#include "worker.hpp"

namespace rtml::detail {
std::size_t Engine::Worker::work(std::size_t limit) {
  constexpr std::size_t share = 256;  // turns: predictions that pour in must not starve the labels
  std::size_t done = 0;
  std::size_t queued = engine.labels_.size();  // a prediction whose label is among them is no negative
  for (std::size_t before = limit; done < limit && before != done;) {
    before = done;
    for (std::size_t i = 0; i < share && done < limit && observe_next(); ++i) ++done;
    Label label;
    for (std::size_t i = 0; i < share && done < limit && engine.labels_.pop(label); ++i) {
      take(label);
      ++done;
      queued -= queued > 0 ? 1 : 0;
      if (unpublished >= options.publish_every) publish();
    }
    for (std::size_t i = 0; i < share && queued == 0 && done < limit && learn_negative(); ++i) {
      ++done;
      if (unpublished >= options.publish_every) publish();
    }
    if (journal.full()) publish();
  }
  publish();
  checkpoint_if_due();
  return done;
}

/// For the thread of start(), which nobody can catch for: what goes wrong in a round is counted and told, and the next one is tried.
std::size_t Engine::Worker::try_work(std::size_t limit) {
  const std::lock_guard guard(mutex);
#if defined(__cpp_exceptions)
  try {
    return work(limit);
  } catch (const std::exception& error) {
    ++counts.work_failures;
    tell({.kind = LoopEvent::Kind::work_failed, .what = error.what()});
    return 0;
  }
#else
  return work(limit);
#endif
}

/// Lets the shadows answer the predictions before `sequence`, each by the version that served it: the published one, or `left`, which
/// readers have just left. So they know no more than the champion did. They answer here and not in the request, which so costs the same
/// however many there are; and not under the row's lock.
void Engine::Worker::compare_until(std::uint64_t sequence, const Serving* left) {
  const bool shadows = std::any_of(arms.begin(), arms.end(), [](const Arm& arm) { return arm.shadow(); });
  const bool trials = std::any_of(candidates.begin(), candidates.end(), [](const Candidate& candidate) { return candidate.present; });
  if (!shadows && !trials) compared = std::max(compared, sequence);
  PendingRing& pending = engine.pending_;
  const auto published = engine.published_.read();
  const auto unseen = [&](const Serving& served, std::size_t model) {
    return model < arms.size() ? arms[model].shadow() : static_cast<bool>(served.models[model]);
  };
  scores.resize(working->models.size() * engine.outputs_);
  for (; compared < sequence; ++compared) {
    PendingRing::Held held = pending.hold(compared);
    for (; held == PendingRing::Held::early; held = pending.hold(compared)) std::this_thread::yield();
    if (held == PendingRing::Held::gone) continue;
    const PendingRing::Header& header = pending.header(compared);
    const auto kept_dense = pending.dense(compared);
    const auto kept_sparse = pending.sparse(compared).first(header.nnz);
    dense.assign(kept_dense.begin(), kept_dense.end());
    sparse.assign(kept_sparse.begin(), kept_sparse.end());
    const std::uint64_t by = header.generation;
    const Time at = header.at;
    pending.release(compared);

    const Serving* served = by == published->generation ? &*published : left;
    if (served == nullptr || served->generation != by) continue;  // that version is gone: nobody is compared on this row
    for (std::size_t i = 0; i < served->models.size(); ++i)
      if (unseen(*served, i))
        served->models[i].predict({dense, sparse}, std::span(scores).subspan(i * engine.outputs_, engine.outputs_), {.at = at});
    if (pending.hold(compared) != PendingRing::Held::yes) continue;
    const auto kept = pending.scores(compared);
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (unseen(*served, i / engine.outputs_)) kept[i] = scores[i];
    pending.header(compared).flags |= PendingRing::compared;
    pending.release(compared);
  }
}

void Engine::Worker::observe_until(std::uint64_t sequence) {
  while (observed <= sequence)
    if (!observe_next()) std::this_thread::yield();  // a request that drew an earlier number is about to fill its row
}

bool Engine::Worker::observe_next() {
  if (observed >= engine.pending_.next()) return false;
  const std::uint64_t sequence = observed;
  PendingRing& pending = engine.pending_;
  switch (pending.hold(sequence)) {
    case PendingRing::Held::early: return false;
    case PendingRing::Held::gone:
      ++observed;
      ++counts.unobserved;
      return true;
    case PendingRing::Held::yes: break;
  }
  if (compared <= sequence) {
    pending.release(sequence);
    compare_until(sequence + 1, nullptr);
    if (pending.hold(sequence) != PendingRing::Held::yes) return true;  // gone meanwhile: counted when asked again
  }
  PendingRing::Header& header = pending.header(sequence);
  const auto kept_dense = pending.dense(sequence);
  const auto kept_sparse = pending.sparse(sequence).first(header.nnz);
  dense.assign(kept_dense.begin(), kept_dense.end());
  sparse.assign(kept_sparse.begin(), kept_sparse.end());
  fit_inputs.assign(pending.fit_inputs(sequence).begin(), pending.fit_inputs(sequence).end());
  const Features x{dense, sparse};
  const EventId id = header.id;
  Time at = header.at;
  const std::uint32_t served = header.arm;
  const std::uint32_t flags = header.flags;
  const bool shadows_too = (flags & PendingRing::compared) != 0;
  Prediction prediction;
  engine.decide(prediction, pending.scores(sequence).subspan(served * engine.outputs_, engine.outputs_), header.threshold);
  pending.release(sequence);
  if (clock.advance(at) < at) set_time(sequence, at = clock.now());  // of a wrong clock: nothing waits for that time

  for (std::size_t arm = 0; arm < arms.size(); ++arm)
    if (arm == served || (shadows_too && arms[arm].shadow() && sequence >= arms[arm].shadow_from)) ++arms[arm].predictions;
  for (Arm& arm : arms)
    for (SignalValue& signal : arm.signals) signal.observe(x);
  journal.observe(*working, fit_inputs);
  if ((flags & PendingRing::refused) == 0) performance.serve(sequence, at, prediction, (flags & PendingRing::cold) != 0);
  pass(id);
  ++observed;
  ++counts.events;
  tell_drifts(drifts.features(x, counts.events, clock.now()));
  if ((flags & (PendingRing::refused | PendingRing::cold)) == 0) watch_canaries(served, prediction.score);
  if (served == 0 && (flags & (PendingRing::refused | PendingRing::cold)) == 0)
    tell_drifts(drifts.prediction(engine.task_ == Task::classes ? prediction.label : prediction.score, counts.events, clock.now()));
  return true;
}

void Engine::Worker::pass(EventId id) {
  std::uint64_t& offset = offsets[id.partition];
  offset = std::max(offset, id.offset == ~std::uint64_t{0} ? id.offset : id.offset + 1);
}

bool Engine::Worker::answered(std::size_t arm, const Row& row) const {
  return arm == row.arm || ((row.flags & PendingRing::compared) != 0 && arms[arm].shadow() && row.sequence >= arms[arm].shadow_from);
}

void Engine::Worker::set_time(std::uint64_t sequence, Time at) {
  if (engine.pending_.hold(sequence) != PendingRing::Held::yes) return;
  engine.pending_.header(sequence).at = at;
  engine.pending_.release(sequence);
}

/// Marks the row and copies it out; false when it made room for another.
bool Engine::Worker::copy_row(std::uint64_t sequence, std::uint32_t mark, Row& row) {
  PendingRing& pending = engine.pending_;
  if (pending.hold(sequence) != PendingRing::Held::yes) return false;
  PendingRing::Header& header = pending.header(sequence);
  row = {.sequence = sequence,
         .at = header.at,
         .arm = header.arm,
         .flags = header.flags,
         .threshold = header.threshold,
         .segment = pending.shape().segments ? pending.segment(sequence) : monitor::SegmentName()};
  header.flags |= mark;
  const auto kept_dense = pending.dense(sequence);
  const auto kept_sparse = pending.sparse(sequence).first(header.nnz);
  const auto kept_scores = pending.scores(sequence);
  const auto kept_inputs = pending.fit_inputs(sequence);
  dense.assign(kept_dense.begin(), kept_dense.end());
  sparse.assign(kept_sparse.begin(), kept_sparse.end());
  scores.assign(kept_scores.begin(), kept_scores.end());
  fit_inputs.assign(kept_inputs.begin(), kept_inputs.end());
  pending.release(sequence);
  return true;
}

void Engine::Worker::take(const Label& label) {
  if (label.has_source) pass(label.source);
  if (label.weight == 0.0F) return;  // it does nothing: the truth may still come
  const auto found = engine.pending_.find(label.id);
  if (found) observe_until(*found);
  Row row;
  const std::uint32_t positive = engine.task_ == Task::binary && label.y == 1.0F ? PendingRing::positive : 0U;
  if (!found || !copy_row(*found, PendingRing::labelled | positive, row)) {
    ++counts.labels_unknown;
    return;
  }
  const Time known = label.at == Time{} ? clock.now() : Watermark::limited(label.at);
  const bool is_negative = (row.flags & PendingRing::negative) != 0;
  if ((row.flags & PendingRing::labelled) != 0 || (is_negative && label.y == 0.0F)) {
    ++counts.labels_repeated;
  } else if ((row.flags & PendingRing::refused) != 0) {
    ++counts.labels_refused;
  } else if (options.label_ttl.count() > 0 && known - row.at > options.label_ttl) {
    ++counts.labels_expired;
  } else {
    ++counts.labels;
    if (is_negative) {
      performance.meet_late(row.at, known);
      correct(row, label.weight);
    } else {
      performance.meet(row.sequence, row.at, known);
      learn_outcome(row, label.y, label.weight);
    }
  }
}

/// Of the row in the worker's buffers.
void Engine::Worker::learn_outcome(const Row& row, float y, float weight) {
  tell_drifts(drifts.label(y, counts.events, clock.now()));
  performance.explain(outcomes(), working->models[0], {dense, sparse});
  if ((row.flags & PendingRing::cold) != 0) {
    ++counts.labels_cold;
  } else {
    performance.count(row.sequence, served_prediction(row), y, weight);
    count_outcomes(row, y, weight);
    if (options.negative_after.count() == 0) judge_canaries(row, y);
  }
  learn_example({dense, sparse}, y, weight, row.at);
  journal.label(*working, fit_inputs, y, weight);
}

/// A positive that was learned as a negative, by the models that learn as labels come (correction_weight).
void Engine::Worker::correct(const Row& row, float weight) {
  ++counts.corrected;
  tell_drifts(drifts.label(1.0F, counts.events, clock.now()));
  if ((row.flags & PendingRing::cold) == 0) {
    performance.correct(row.sequence, served_prediction(row), weight);
    count_outcomes(row, 1.0F, weight);
  }
  const Features x{dense, sparse};
  const std::uint64_t who = learners();
  const std::uint64_t first = who & (~who + 1);
  float loss = PrioritizedBuffer::unknown;
  counts.learned += static_cast<std::uint64_t>(std::popcount(who));
  for (std::size_t i = 0; i < working->models.size(); ++i) {
    const std::uint64_t model = std::uint64_t{1} << i;
    const bool baseline = i < arms.size() && arms[i].baseline;
    if ((who & model) == 0 && !baseline) continue;
    const Context context{.at = row.at};
    const float moves = baseline ? weight : correction_weight(working->models[i], x, weight, context);
    const auto before = journal.learn(*working, model, x, 1.0F, moves, context);
    if (model == first) loss = loss_of(before, model, 1.0F);
  }
  if (keeps_history) history.correct(row.sequence, x, weight, clock.now());
  remember({x, 1.0F, weight, row.at}, loss);
  journal.label(*working, fit_inputs, 1.0F, weight);
}

/// Of the predictions that have waited for a label for as long as it may take, the next one is a negative; false when there is none.
bool Engine::Worker::learn_negative() {
  if (options.negative_after.count() == 0) return false;
  PendingRing& pending = engine.pending_;
  const bool watches = std::any_of(arms.begin(), arms.end(), [](const Arm& arm) { return arm.watched(); });
  const std::uint64_t kept = pending.next() - std::min<std::uint64_t>(pending.next(), pending.shape().capacity);
  for (matured = std::max(matured, std::min(kept, observed)); matured < observed; ++matured) {
    if (pending.hold(matured) != PendingRing::Held::yes) continue;  // `evicted` counts it
    const PendingRing::Header& header = pending.header(matured);
    const bool waits = (header.flags & (PendingRing::labelled | PendingRing::refused)) == 0;
    const bool due = clock.now() - header.at >= options.negative_after;
    pending.release(matured);
    if (!due) return false;
    if (!waits && !watches) continue;
    Row row;
    if (!copy_row(matured, waits ? PendingRing::negative : 0U, row)) continue;
    if (row.is_measured()) judge_canaries(row, (row.flags & PendingRing::positive) != 0 ? 1.0F : 0.0F);
    if (!waits) continue;
    ++matured;
    ++counts.negatives;
    performance.settle(row.sequence);
    learn_outcome(row, 0.0F, 1.0F);
    if (keeps_history) history.is_negative(row.sequence);
    return true;
  }
  return false;
}

Prediction Engine::Worker::served_prediction(const Row& row) const {
  Prediction prediction;
  engine.decide(prediction, std::span<const float>(scores).subspan(row.arm * engine.outputs_, engine.outputs_), row.threshold);
  return prediction;
}

double Engine::Worker::error_of(const Outcome& outcome) const {
  if (engine.task_ != Task::regression) return outcome.predicted == outcome.actual ? 0.0 : 1.0;
  // Detectors want [0, 1]: the error as a share of itself and of what errors usually are.
  const double error = std::fabs(static_cast<double>(outcome.predicted) - static_cast<double>(outcome.actual));
  return error == 0.0 ? 0.0 : error / (error + error_scale);
}

void Engine::Worker::scale_errors(const Outcome& outcome) {
  const double error = std::fabs(static_cast<double>(outcome.predicted) - static_cast<double>(outcome.actual));
  error_scale = error_scale == 0.0 ? error : error_scale + 0.001 * (std::min(error, 10.0 * error_scale) - error_scale);
}

/// What the arms that answered the row in the worker's buffers were worth.
void Engine::Worker::count_outcomes(const Row& row, float y, float weight) {
  if (engine.pending_.shape().segments) {
    const auto served = std::span<const float>(scores).subspan(row.arm * engine.outputs_, engine.outputs_);
    performance.count_segment(row.segment, error_of(metrics::outcome_of(engine.task_, served, y, row.threshold, weight)));
  }
  for (std::size_t i = 0; i < arms.size(); ++i) {
    Arm& arm = arms[i];
    if (!answered(i, row)) continue;
    const auto own = std::span<const float>(scores).subspan(i * engine.outputs_, engine.outputs_);
    const Outcome result = metrics::outcome_of(engine.task_, own, y, working->models[i].threshold(), weight);
    ++arm.labels;
    if (result.predicted == result.actual) ++arm.right;
    for (auto& metric : arm.whole) metric.update(result);
    for (auto& metric : arm.window) metric.update(result);
    if (i == 0) scale_errors(result);
    const double error = error_of(result);
    for (SignalValue& signal : arm.signals) signal.count(result, error);
    if (i == 0) {
      watch_error(error);
      if (settle_at != 0 && arms[0].labels >= settle_at) measure_incidents();
    }
    const std::uint64_t step = std::max<std::uint64_t>(options.metric_window / 10, 1);
    if (!arm.window.empty() && arm.labels % step == 0) arm.series.add({counts.events, clock.now(), arm.window[0].value()});
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) judge(i, row, y, weight);
}

void Engine::Worker::watch_error(double error) {
  if (error_detector.update(error) != Change::drift) return;
  ++counts.drifts;
  rehearser.drifted();
  const auto* adwin = error_detector.as<drift::Adwin>();  // its mean is that of the errors since the change
  tell({.kind = LoopEvent::Kind::drift,
        .what = "error",
        .detector = std::string(error_detector.name()),
        .statistic = adwin != nullptr ? adwin->mean() : error});
}

void Engine::Worker::tell_drifts(const std::vector<DriftWatch::Moved>& moved) {
  for (const auto& [what, effect] : moved) {
    ++counts.drifts;
    tell({.kind = LoopEvent::Kind::drift, .what = std::string(what), .detector = "moved", .statistic = effect});
  }
}

void Engine::Worker::learn_example(const Features& x, float y, float weight, Time at) {
  std::uint64_t who = learners();
  counts.learned += static_cast<std::uint64_t>(std::popcount(who));
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (arms[i].baseline) who |= std::uint64_t{1} << i;
  float loss = PrioritizedBuffer::unknown;
  if (who != 0) loss = loss_of(journal.learn(*working, who, x, y, weight, {.at = at}), who, y);
  if (keeps_history) history.add(x, y, weight, clock.now());  // when the label came, not when the prediction was served
  remember({x, y, weight, at}, loss);
}

/// Once it is learned: rehearsal, and the triggers of all arms. `loss` is what it cost before.
void Engine::Worker::remember(const Example& example, float loss) {
  rehearse_with(example, loss);
  ++unpublished;
  taught = taught || !journal.empty();
  for (std::size_t i = 0; i < arms.size(); ++i) {
    arms[i].scheduler.count(clock.now());
    if (arms[i].recalls()) arms[i].shelf.see(working->models[i], arms[i].scheduler.labels());
    if (!arms[i].scheduler.policy().when.never()) consider_retraining(i);
  }
}

/// A bit for each model, baselines left out, that learns labels as they come.
std::uint64_t Engine::Worker::learners() const {
  std::uint64_t who = 0;
  for (std::size_t i = 0; i < arms.size(); ++i)
    if (!arms[i].baseline && arms[i].scheduler.learns()) who |= std::uint64_t{1} << i;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (candidates[i].present && arms[candidates[i].arm].scheduler.learns()) who |= std::uint64_t{1} << (arms.size() + i);
  return who;
}

/// Of the scores that the first model of `who` gave before it learned.
float Engine::Worker::loss_of(std::span<const float> before, std::uint64_t who, float y) const {
  return prediction_loss(engine.task_, before, y, working->models[static_cast<std::size_t>(std::countr_zero(who))].threshold());
}

void Engine::Worker::rehearse_with(const Example& fresh, float fresh_loss) {
  const std::uint64_t who = learners();
  rehearser.after(fresh, fresh_loss, [&](const Example& past) noexcept {
    if (who == 0) return PrioritizedBuffer::unknown;
    counts.replayed += static_cast<std::uint64_t>(std::popcount(who));
    return loss_of(journal.learn(*working, who, past.x, past.y, past.weight, {.at = past.at}), who, past.y);
  });
}

void Engine::Worker::publish() {
  if (journal.empty()) return;
  compare_until(engine.pending_.next(), nullptr);  // while the version that served them is still there
  working->generation = ++generation;
  working->taught = taught;
  if (!engine.published_.publish(std::move(working))) {  // readers hold all that there may be: learn on, publish later
    working->generation = --generation;
    return;
  }
  ++counts.publishes;
  unpublished = 0;
  for (Candidate& candidate : candidates)
    if (std::exchange(candidate.waits, false)) candidate.trial.begin(engine.pending_.next(), candidate.after);
  // The copy that readers just left lags by what the journal holds. They hold it for well under a microsecond: worth a few tries.
  for (int attempt = 0; attempt < 64; ++attempt) {
    working = engine.published_.reclaim();
    if (working && working->generation + 1 == generation) break;
    working.reset();
    std::this_thread::yield();
  }
  if (working) {
    compare_until(engine.pending_.next(), working.get());  // what came between: no reader is left, so all that it served is there
    journal.replay(*working);
    working->generation = generation;
    working->taught = taught;
  } else {
    working = std::make_unique<Serving>(*engine.published_.read());
  }
  journal.clear();
}

}  // namespace rtml::detail
