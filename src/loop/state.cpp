#include <algorithm>
#include <exception>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "rtml/core/finite.hpp"
#include "worker.hpp"

namespace rtml::detail {
namespace {

template <class... Fields>
checkpoint::Section section(std::string name, const Fields&... fields) {
  Writer writer;
  writer(fields...);
  return {std::move(name), writer.take()};
}

std::span<const std::byte> find(const checkpoint::StateDirectory::Loaded& loaded, std::string_view name) {
  if (const checkpoint::StoredSection* found = loaded.checkpoint.find(name)) return found->bytes;
  raise(FormatError(loaded.file + ": has no section \"" + std::string(name) + "\""));
}

template <class... Fields>
void read(const checkpoint::StateDirectory::Loaded& loaded, std::string_view name, Fields&... fields) {
  Reader reader(find(loaded, name));
  reader(fields...);
  reader.finish();
}

/// Counts that requests keep, folded into those of the worker.
struct Counts {
  LoopCounters* of;

  template <class Self, class Ar>
  static void archive(Self& self, Ar& ar) {
    const std::uint32_t version = ar.header("LoopCounters", 3);
    auto& c = *self.of;
    ar(c.events, c.repeated, c.refused_features, c.unobserved, c.evicted, c.labels, c.labels_cold, c.labels_refused, c.labels_unknown,
       c.labels_expired, c.labels_repeated, c.labels_dropped, c.learned, c.replayed, c.retrained, c.retrainings, c.drifts, c.publishes,
       c.checkpoints, c.checkpoint_failures, c.callback_failures, c.work_failures, c.times_refused);
    if (version >= 2) ar(c.promotions, c.discarded);
    if (version >= 3) ar(c.negatives, c.corrected, c.rolled_back);
  }
};

using Offset = std::pair<std::uint32_t, std::uint64_t>;

}  // namespace

template <class Self, class Ar>
void Engine::Worker::archive_arms(Self& self, Ar& ar) {
  const std::uint32_t version = ar.header("LoopArms", 3);
  std::uint64_t count = self.arms.size();
  ar(count);
  ar.check(count == self.arms.size(), "number of arms (saved: other arms)");
  for (auto& arm : self.arms) ar(arm);
  ar(self.error_detector, self.error_scale, self.events, self.clock, self.taught, self.observed);
  ar.check(is_finite(self.error_scale) && self.error_scale >= 0.0, "error scale");
  ar.check(self.events.size() <= most_events, "events");
  if (version < 2) return;
  ar(self.incidents, self.unanswered, self.unsettled, self.settle_at);
  ar.check(self.unsettled <= self.unanswered && self.unanswered <= self.incidents.dropped() + self.incidents.incidents().size(),
           "incidents");
  if (version >= 3) ar(self.matured);
}

/// What options give its shape: calls `part(section, what, definition, archive)` for each. A part is restored where its definition is what
/// it was, and begins anew where an option changed.
template <class Self, class Part>
void Engine::Worker::each_part(Self& self, Part part) {
  const LoopOptions& o = self.options;
  part("rolling", "rolling metrics", to_text(o.metric_window), [&](auto& ar) {
    for (auto& arm : self.arms)
      for (auto& metric : arm.window) ar(metric);
  });
  const std::string drift = fmt::format("{:016x} {}", self.schema.fingerprint(), definition_of(o.drift));
  part("columns", "drift of features", drift, [&](auto& ar) { ar(self.drifts); });
  std::string triggers = drift;
  for (const auto& arm : self.arms) {
    triggers += "; " + arm.scheduler.policy().when.text();
    for (const Signal& signal : arm.scheduler.policy().when.signals()) triggers += " " + signal.name + " " + to_text(signal.window);
  }
  part("signals", "signals of retraining", triggers, [&](auto& ar) {
    for (auto& arm : self.arms)
      for (auto& signal : arm.signals) ar(signal);
  });
  part("triggers", "conditions that held", triggers, [&](auto& ar) {
    for (auto& arm : self.arms) RetrainScheduler::archive_trigger(arm.scheduler, ar);
  });
  std::string gates;
  for (const auto& candidate : self.candidates) gates += to_text(candidate.arm) + " ";
  part("trials", "models before their gates", gates, [&](auto& ar) {
    for (std::size_t i = 0; i < self.candidates.size(); ++i) {
      auto& candidate = self.candidates[i];
      ar(candidate);
      if (!candidate.present) continue;
      AnyLearner& model = self.working->models[self.arms.size() + i];
      if constexpr (std::remove_cvref_t<decltype(ar)>::reading) model = self.arms[candidate.arm].given;
      ar(model);
      if constexpr (std::remove_cvref_t<decltype(ar)>::reading) model.bind(self.schema);
    }
  });
  for (std::size_t i = 0; i < self.arms.size(); ++i) {
    auto& arm = self.arms[i];
    if (!arm.canary) continue;
    const Canary::Options& canary = arm.canary->options();
    const std::string rule = fmt::format("{} {} {} {} {} {} {}", arm.name, canary.alpha, canary.largest_loss, canary.margin,
                                         canary.least_labels, canary.most_labels, canary.most_refused);
    part("canary" + to_text(i), "the canary " + arm.name, rule, [&](auto& ar) { ar(*arm.canary, arm.watched_from, arm.shadow_from); });
  }
  std::string shelves;
  for (const auto& arm : self.arms) {
    const Shelf::Options& shelf = arm.shelf.options();
    shelves += arm.recalls() ? fmt::format("{} {} ", shelf.keep, shelf.every) : "- ";
  }
  part("shelves", "earlier models", shelves, [&](auto& ar) {
    for (auto& arm : self.arms)
      if (arm.recalls()) Shelf::archive(arm.shelf, ar, arm.given);
  });
  part("history", "history", to_text(self.history.rows().capacity()), [&](auto& ar) { ar(self.history); });
  const auto& estimate = o.estimate;
  const auto& segments = o.segments;
  const std::string performance = fmt::format(
      "{:016x} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", self.schema.fingerprint(), self.engine.pending_.shape().capacity,
      o.metric_window, estimate.window, estimate.windows, estimate.confidence, estimate.calibration.labels, estimate.calibration.least,
      o.label_due.count(), static_cast<bool>(o.segment), segments.most, segments.window, segments.least, segments.alpha, segments.effect);
  part("performance", "performance and labels", performance, [&](auto& ar) { ar(self.performance); });
  part("rehearsal", "rehearsal", self.rehearser.buffer().shape(), [&](auto& ar) { ar(self.rehearser); });
}

/// All gates closed, the host's callbacks put off until they are open again.
class Engine::Worker::AllGates {
 public:
  explicit AllGates(Worker& worker) : worker_(&worker) {
    for (SpinLock& gate : worker.engine.gates_) gate.lock();
    worker.gates_held = true;
  }
  ~AllGates() {
    worker_->gates_held = false;
    for (SpinLock& gate : worker_->engine.gates_) gate.unlock();
  }
  AllGates(const AllGates&) = delete;
  AllGates& operator=(const AllGates&) = delete;

 private:
  Worker* worker_;
};

std::string Engine::Worker::checkpoint() {
  std::vector<checkpoint::Section> sections;
  Writer windows(engine.windows_.memory_bytes());
  Writer pending(engine.pending_.memory_bytes());
  for (std::uint64_t waiting = engine.pending_.next() - observed; waiting > 0; --waiting)
    if (!observe_next()) break;  // now rather than with the gates closed
  publish();
  {
    // Requests that are under way end, later ones wait: one moment for the windows and for what was served.
    const AllGates closed(*this);
    while (observed < engine.pending_.next()) observe_next();
    publish();  // readers see what the file holds: a run that goes on and one that resumes are the same
    windows(engine.windows_);
    pending(engine.pending_);
  }
  sections.push_back({"windows", windows.take()});
  sections.push_back({"pending", pending.take()});
  for (const LoopEvent& event : std::exchange(untold, {})) deliver(event);
  LoopCounters totals = engine.totals();
  ++totals.checkpoints;

  std::vector<std::uint32_t> partitions;
  std::vector<std::uint64_t> ends;
  for (const auto& [partition, end] : offsets) {
    partitions.push_back(partition);
    ends.push_back(end);
  }
  std::vector<std::string> models_of;
  for (std::size_t i = 0; i < arms.size(); ++i) models_of.push_back(arms[i].name + " (" + working->models[i].name() + ")");
  sections.push_back(section("schema", name, schema, models_of));
  sections.push_back(section("offsets", partitions, ends));
  sections.push_back(section("counters", Counts{&totals}));
  sections.push_back(section("fitted", working->fitted));
  Writer models = Writer::borrowing();  // nobody learns before they are written
  for (std::size_t i = 0; i < arms.size(); ++i) models(working->models[i]);
  models(std::vector(working->versions.begin(), working->versions.begin() + static_cast<std::ptrdiff_t>(arms.size())));
  sections.push_back(checkpoint::Section::of("models", std::move(models)));
  Writer learning;
  archive_arms(*this, learning);
  sections.push_back({"arms", learning.take()});
  each_part(*this, [&](std::string section_name, std::string_view /*what*/, const std::string& definition, auto archive) {
    Writer writer;
    writer(definition);
    archive(writer);
    sections.push_back({std::move(section_name), writer.take()});
  });
  sections.push_back(section("latency", engine.predict_latency_, engine.label_latency_));

  std::string file = directory->save(sections);
  ++counts.checkpoints;
  checkpointed = counts.events;
  tell({.kind = LoopEvent::Kind::checkpoint, .what = file});
  return file;
}

void Engine::Worker::export_partition(const std::string& path, std::size_t number, std::size_t partitions) {
  std::optional<EntityWindows> part;
  {
    const AllGates closed(*this);
    part.emplace(engine.windows_.partition(number, partitions));
  }
  const checkpoint::Section sections[] = {section("schema", name, schema), section("windows", *part)};
  checkpoint::write_file(path, sections);
}

void Engine::Worker::import_partition(const std::string& path) {
  const auto file = checkpoint::Checkpoint::open(path);
  std::string of;
  Schema saved;
  Reader reader(file.at("schema").bytes);
  reader(of, saved);
  reader.finish();
  auto missing = schema.missing_from(saved);
  if (!missing) missing = saved.missing_from(schema);
  if (missing) raise(SchemaError("Loop: the partition in " + path + " is of other features: " + *missing));
  EntityWindows part = engine.windows_.partition(0, std::size_t{1} << 20U);
  file.restore("windows", part);
  const AllGates closed(*this);
  const auto locked = engine.windows_.lock_all();
  engine.windows_.import_partition(part);
}

void Engine::Worker::drop_partition(std::size_t number, std::size_t partitions) {
  const AllGates closed(*this);
  const auto locked = engine.windows_.lock_all();
  engine.windows_.drop_partition(number, partitions);
}

void Engine::Worker::checkpoint_if_due() {
  if (!directory || options.checkpoint_every == 0) return;
  const bool due = counts.events - checkpointed >= options.checkpoint_every;
  if (!std::exchange(took_over, false) && !due) return;
#if defined(__cpp_exceptions)
  try {
    checkpoint();
  } catch (const std::exception& error) {  // a full disk is no reason to stop serving: the next one is tried when due
    ++counts.checkpoint_failures;
    if (due) checkpointed = counts.events;
    tell({.kind = LoopEvent::Kind::checkpoint_failed, .what = error.what()});
  }
#else
  checkpoint();
#endif
}

void Engine::Worker::resume() {
  if (options.state.empty()) return;
  directory.emplace(options.state, checkpoint::StateDirectory::Options{.retain = options.retain, .deltas = options.deltas});
  const auto loaded = directory->load_newest();
  if (!loaded) return;
  for (const std::string& refused : loaded->refused) tell({.kind = LoopEvent::Kind::state_refused, .what = refused});

  std::string saved_name;
  Schema saved;
  std::vector<std::string> saved_models;
  read(*loaded, "schema", saved_name, saved, saved_models);
  for (std::size_t i = 0; i < std::max(arms.size(), saved_models.size()); ++i) {
    const std::string mine = i < arms.size() ? arms[i].name + " (" + working->models[i].name() + ")" : "none";
    const std::string theirs = i < saved_models.size() ? saved_models[i] : "none";
    require("Loop", "arm " + to_text(i), mine, mine == theirs, theirs + ", as in the state in " + options.state);
  }
  if (auto missing = schema.missing_from(saved))
    raise(SchemaError("Loop: the state in " + options.state + " learned from other features: " + *missing));
  const bool same = saved == schema;

  auto restored = std::make_unique<Serving>(*working);
  read(*loaded, "fitted", restored->fitted);
  {
    Reader reader(find(*loaded, "models"));
    for (std::size_t i = 0; i < arms.size(); ++i) {
      reader(restored->models[i]);
      restored->models[i].bind(schema);
    }
    reader(restored->versions);
    reader.finish();
  }
  if (restored->versions.size() != arms.size()) raise(FormatError(loaded->file + ": as many versions as models expected"));
  restored->versions.resize(restored->models.size());
  working = std::move(restored);
  read(*loaded, "windows", engine.windows_);
  LoopCounters totals;
  Counts totals_archive{&totals};
  read(*loaded, "counters", totals_archive);
  std::vector<std::uint32_t> partitions;
  std::vector<std::uint64_t> ends;
  read(*loaded, "offsets", partitions, ends);
  if (partitions.size() != ends.size()) raise(FormatError(loaded->file + ": as many offsets as partitions expected"));
  read(*loaded, "latency", engine.predict_latency_, engine.label_latency_);
  {
    Reader reader(find(*loaded, "arms"));
    archive_arms(*this, reader);
    reader.finish();
  }
  std::string anew;
  for (Arm& arm : arms) arm.watched_from = PendingRing::none;
  each_part(*this, [&](std::string_view section_name, std::string_view what, const std::string& definition, auto archive) {
    const checkpoint::StoredSection* found = loaded->checkpoint.find(section_name);
    Reader reader(found != nullptr ? found->bytes.span() : std::span<const std::byte>());
    std::string saved_definition;
    if (found != nullptr) reader(saved_definition);
    if (found != nullptr && saved_definition == definition) {
      archive(reader);
      reader.finish();
    } else {
      anew += (anew.empty() ? "; begun anew, as what shapes it changed: " : ", ") + std::string(what);
    }
  });
  history.bind(schema);
  rehearser.bind(schema, engine.pending_.shape().sparse);
  if (same) {
    read(*loaded, "pending", engine.pending_);
    if (observed > engine.pending_.next()) raise(FormatError(loaded->file + ": more predictions observed than served"));
    if (matured > observed) raise(FormatError(loaded->file + ": more predictions beyond the horizon than observed"));
  } else {
    observed = matured = 0;  // the ring begins anew
    history.renumber();
  }
  compared = observed;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].canary) continue;
    const Canary::Verdict verdict = arms[i].canary->verdict();
    if (verdict == Canary::Verdict::roll_back || verdict == Canary::Verdict::undecided) withdraw(i);
    arms[i].watched_from = std::min(arms[i].watched_from, engine.pending_.next());  // of one that begins anew, what comes
    arms[i].shadow_from = std::min(arms[i].shadow_from, engine.pending_.next());
  }
  counts = totals;
  checkpointed = counts.events;
  for (std::size_t i = 0; i < partitions.size(); ++i) offsets[partitions[i]] = ends[i];
  for (Candidate& candidate : candidates)
    if (!same || candidate.waits) candidate.trial.begin(engine.pending_.next(), candidate.after);
  for (Candidate& candidate : candidates) candidate.waits = false;
  working->generation = generation = 1;
  working->taught = taught;
  engine.published_.publish(std::make_unique<Serving>(*working));
  engine.published_.reclaim().reset();
  engine.resumed_ = true;
  tell({.kind = LoopEvent::Kind::resume,
        .what = loaded->file +
                (same ? "" : "; the features have gained columns: models, scaling and windows go on, what waited for labels does not") +
                anew});
}

}  // namespace rtml::detail
