// What every ScalarLearner and ClassLearner owes (core/concepts.hpp). Each law answers "" when it holds, else what broke it;
// check_learner asserts them all. `fresh` is always a learner that was never bound.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/finite.hpp"
#include "support/allocation.hpp"
#include "support/archive_laws.hpp"
#include "support/catch.hpp"
#include "support/streams.hpp"

namespace rtml::testing {

template <class T>
concept Learner = ScalarLearner<T> || ClassLearner<T>;

/// What the laws show to a learner, and how strictly they judge it.
struct LearnerLaws {
  std::size_t dense = 5;           ///< dense columns, at least 2
  std::size_t nominal = 0;         ///< how many of them are nominal with 4 categories
  std::size_t sparse = 3;          ///< hashed features an example; 0 for a learner that has no use for them
  bool counts = false;             ///< regression labels are counts (Poisson)
  bool probability = true;         ///< a binary learner's prediction is P(y = 1); false for hinge and the like
  std::size_t examples = 400;      ///< of each stream
  std::size_t archived = 60;       ///< examples learned before the archive is damaged: keeps it small
  double rebind_tolerance = 1e-5;  ///< how far a new column that says nothing may move a prediction
  std::uint64_t seed = 1;
};

namespace detail {

inline constexpr std::size_t most_outputs = 32;

/// A prediction, comparable to the bit and made without allocating.
struct Answer {
  std::array<float, most_outputs> scores{};
  std::size_t outputs = 0;
  int decision = 0;  ///< of a class learner

  bool same_bits(const Answer& other) const noexcept {
    if (outputs != other.outputs || decision != other.decision) return false;
    for (std::size_t i = 0; i < outputs; ++i)
      if (std::bit_cast<std::uint32_t>(scores[i]) != std::bit_cast<std::uint32_t>(other.scores[i])) return false;
    return true;
  }
};

template <Learner T>
std::size_t outputs_of(const T& learner) noexcept {
  if constexpr (ClassLearner<T>) {
    return static_cast<std::size_t>(learner.classes());
  } else {
    return 1;
  }
}

template <Learner T>
Answer ask(const T& learner, Features x) noexcept {
  Answer answer;
  answer.outputs = outputs_of(learner);
  if constexpr (ClassLearner<T>) {
    learner.predict_proba(x, std::span<float>(answer.scores).first(answer.outputs));
    answer.decision = learner.predict(x);
  } else {
    answer.scores[0] = learner.predict(x);
  }
  return answer;
}

/// Learns; true when what learn() returned is what `before` says.
template <Learner T>
bool teach(T& learner, Features x, float y, float weight, const Answer& before) noexcept {
  if constexpr (ClassLearner<T>) {
    return learner.learn(x, static_cast<int>(y), weight) == before.decision;
  } else {
    return std::bit_cast<std::uint32_t>(learner.learn(x, y, weight)) == std::bit_cast<std::uint32_t>(before.scores[0]);
  }
}

template <Learner T>
void teach(T& learner, const OwnedExample& example) noexcept {
  if constexpr (ClassLearner<T>) {
    learner.learn(example.x, static_cast<int>(example.y), example.weight);
  } else {
    learner.learn(example.x, example.y, example.weight);
  }
}

template <Learner T>
void teach_all(T& learner, const std::vector<OwnedExample>& examples) noexcept {
  for (const OwnedExample& example : examples) teach(learner, example);
}

/// What is wrong with the numbers of a prediction, whatever they are worth.
template <Learner T>
std::string fault_in(const T& learner, const Answer& answer, const LearnerLaws& laws) {
  double sum = 0.0;
  for (std::size_t i = 0; i < answer.outputs; ++i) {
    const float score = answer.scores[i];
    if (!is_finite(score)) return "a score is not finite";
    const bool probability = ClassLearner<T> || (laws.probability && learner.task() == Task::binary);
    if (probability && (score < 0.0F || score > 1.0F)) return "a probability is " + to_text(score);
    sum += static_cast<double>(score);
  }
  if constexpr (ClassLearner<T>) {
    if (sum < 0.999 || sum > 1.001) return "the probabilities sum to " + to_text(sum);
    if (answer.decision < 0 || answer.decision >= learner.classes()) return "the class is " + to_text(answer.decision);
    const auto first = answer.scores.begin();
    const float largest = *std::max_element(first, first + static_cast<std::ptrdiff_t>(answer.outputs));
    if (answer.scores[static_cast<std::size_t>(answer.decision)] < largest) return "the class is not the most probable one";
  }
  return "";
}

inline Schema schema_for(const LearnerLaws& laws) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < laws.dense; ++i) {
    Column column{.name = "x" + to_text(i)};
    if (i + laws.nominal >= laws.dense) {
      column.kind = Column::Kind::nominal;
      column.categories = 4;
    }
    columns.push_back(std::move(column));
  }
  if (laws.sparse > 0) columns.push_back({.name = "words", .kind = Column::Kind::hashed});
  return Schema(std::move(columns));
}

template <Learner T>
std::vector<OwnedExample> stream_for(const T& learner, const LearnerLaws& laws, std::uint64_t salt, std::size_t n) {
  return labelled_examples({.task = learner.task(),
                            .classes = static_cast<int>(outputs_of(learner)),
                            .dense = laws.dense,
                            .nominal = laws.nominal,
                            .sparse = laws.sparse,
                            .counts = laws.counts},
                           hash_combine(laws.seed, salt), n);
}

template <Learner T>
T trained(const T& fresh, const LearnerLaws& laws, std::size_t n) {
  T learner = fresh;
  learner.bind(schema_for(laws));
  teach_all(learner, stream_for(learner, laws, 0, n));
  return learner;
}

/// The first example on which two learners answer differently while both learn on; "" when none.
template <Learner T>
std::string divergence(T& a, T& b, const std::vector<OwnedExample>& examples) {
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (!ask(a, examples[i].x).same_bits(ask(b, examples[i].x))) return "answers differ after " + to_text(i) + " more examples";
    teach(a, examples[i]);
    teach(b, examples[i]);
  }
  return "";
}

struct Hostile {
  std::string what;
  OwnedExample example;
};

/// Examples no learner may learn from, made from one that it may.
template <Learner T>
std::vector<Hostile> hostile_examples(const T& learner, const OwnedExample& good) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<Hostile> hostile;
  const auto add = [&](std::string what, auto spoil) {
    Hostile one{std::move(what), good};
    spoil(one.example);
    hostile.push_back(std::move(one));
  };
  for (const float value : {inf, -inf, 1e30F, -1e30F, std::nextafter(largest_magnitude, inf)}) {
    add("dense " + to_text(value), [&](OwnedExample& e) { e.x.dense()[1] = value; });
    if (!good.x.sparse().empty()) add("sparse " + to_text(value), [&](OwnedExample& e) { e.x.sparse().back().value = value; });
    add("weight " + to_text(value), [&](OwnedExample& e) { e.weight = value; });
    if constexpr (ScalarLearner<T>) add("label " + to_text(value), [&](OwnedExample& e) { e.y = value; });
  }
  if (!good.x.sparse().empty()) add("sparse NaN", [&](OwnedExample& e) { e.x.sparse().front().value = nan; });
  add("weight NaN", [&](OwnedExample& e) { e.weight = nan; });
  add("weight -1", [&](OwnedExample& e) { e.weight = -1.0F; });
  if constexpr (ScalarLearner<T>) {
    add("label NaN", [&](OwnedExample& e) { e.y = nan; });
  } else {
    for (const int label : {-1, learner.classes(), -2147483647 - 1, 2147483520})
      add("label " + to_text(label), [&](OwnedExample& e) { e.y = static_cast<float>(label); });
  }
  return hostile;
}

/// Usable examples of every magnitude that is let in, denormal to 1e15, with labels and weights alike.
template <Learner T>
std::vector<OwnedExample> wild_examples(const T& learner, const LearnerLaws& laws, std::uint64_t salt, std::size_t n) {
  std::vector<OwnedExample> examples = stream_for(learner, laws, salt, n);
  Rng rng(hash_combine(laws.seed, salt + 1));
  const auto magnitude = [&] {
    constexpr std::array<float, 10> scales = {1e-42F, 1e-30F, 1e-6F, 1.0F, 1.0F, 1.0F, 1e3F, 1e7F, 1e12F, largest_magnitude};
    return scales[rng.below(scales.size())] * static_cast<float>(rng.uniform());
  };
  for (OwnedExample& example : examples) {
    for (float& value : example.x.dense())
      if (rng.uniform() < 0.5) value = rng.uniform() < 0.1 ? 0.0F : (rng.uniform() < 0.5 ? -magnitude() : magnitude());
    for (SparseFeature& feature : example.x.sparse())
      if (rng.uniform() < 0.5) feature.value = rng.uniform() < 0.5 ? -magnitude() : magnitude();
    if (learner.task() == Task::regression && rng.uniform() < 0.5)
      example.y = laws.counts || rng.uniform() < 0.5 ? magnitude() : -magnitude();
    if (rng.uniform() < 0.3) example.weight = magnitude();
  }
  return examples;
}

}  // namespace detail

/// predict changes neither the state nor the next answer.
template <Learner T>
std::string law_predict_is_pure(const T& fresh, const LearnerLaws& laws = {}) {
  const T learner = detail::trained(fresh, laws, laws.examples);
  const Bytes before = save(learner);
  for (const OwnedExample& example : detail::stream_for(learner, laws, 1, laws.examples))
    if (!detail::ask(learner, example.x).same_bits(detail::ask(learner, example.x))) return "asked twice, it answers differently";
  return save(learner) == before ? "" : "predicting changed the state";
}

/// learn returns what predict would have said just before, for rows that it refuses too.
template <Learner T>
std::string law_learn_returns_the_prediction(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, 0);
  const auto stream = detail::stream_for(learner, laws, 2, laws.examples);
  for (std::size_t i = 0; i < stream.size(); ++i)
    if (!detail::teach(learner, stream[i].x, stream[i].y, stream[i].weight, detail::ask(learner, stream[i].x)))
      return "learn returned another prediction on example " + to_text(i);
  for (const auto& [what, example] : detail::hostile_examples(learner, stream.back()))
    if (!detail::teach(learner, example.x, example.y, example.weight, detail::ask(learner, example.x)))
      return "learn returned another prediction on " + what;
  return "";
}

/// A copy goes on like its original, and shares nothing with it.
template <Learner T>
std::string law_copies_agree(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, laws.examples);
  T copy = learner;
  const Bytes before = save(learner);
  const auto stream = detail::stream_for(learner, laws, 3, laws.examples);
  T other = learner;
  detail::teach_all(other, stream);
  if (save(learner) != before) return "a copy that learns changes its original";
  if (auto broken = detail::divergence(learner, copy, stream); !broken.empty()) return "copy and original: " + broken;
  return save(learner) == save(copy) ? "" : "copy and original end in different states";
}

/// Saved, loaded into a fresh learner and continued equals continued, bit for bit.
template <Learner T>
std::string law_checkpoint_continues(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, laws.examples);
  T restored = fresh;
  load(restored, save(learner));
  if (auto broken = detail::divergence(learner, restored, detail::stream_for(learner, laws, 4, laws.examples)); !broken.empty())
    return "saved and loaded: " + broken;
  return save(learner) == save(restored) ? "" : "saved and loaded, it ends in another state";
}

/// After bind and a warm-up neither predict nor learn allocates, refused rows included.
template <Learner T>
std::string law_hot_path_does_not_allocate(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, laws.examples);
  const auto stream = detail::stream_for(learner, laws, 5, laws.examples);
  const auto hostile = detail::hostile_examples(learner, stream.front());
  const AllocationCounter predicting;
  for (const OwnedExample& example : stream) static_cast<void>(detail::ask(learner, example.x));
  const auto of_predict = predicting.count();
  const AllocationCounter learning;
  detail::teach_all(learner, stream);
  for (const auto& one : hostile) detail::teach(learner, one.example);
  const auto of_learn = learning.count();
  if (of_predict != 0) return "predict allocated " + to_text(of_predict) + " times";
  return of_learn == 0 ? "" : "learn allocated " + to_text(of_learn) + " times";
}

/// Weight 0 does nothing at all.
template <Learner T>
std::string law_weight_zero_does_nothing(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, laws.examples);
  const Bytes before = save(learner);
  for (OwnedExample& example : detail::stream_for(learner, laws, 6, 50)) {
    example.weight = 0.0F;
    detail::teach(learner, example);
  }
  return save(learner) == before ? "" : "weight 0 changed the state";
}

/// Rows that are not usable are counted by refused() and leave no other trace.
template <Learner T>
std::string law_hostile_rows_leave_no_trace(const T& fresh, const LearnerLaws& laws = {}) {
  T attacked = detail::trained(fresh, laws, laws.examples);
  T spared = attacked;
  const auto stream = detail::stream_for(attacked, laws, 7, laws.examples);
  for (const auto& [what, example] : detail::hostile_examples(attacked, stream.front())) {
    const auto refused = attacked.refused();
    const detail::Answer before = detail::ask(attacked, stream.front().x);
    if (auto fault = detail::fault_in(attacked, detail::ask(attacked, example.x), laws); !fault.empty()) return what + ": " + fault;
    detail::teach(attacked, example);
    if (attacked.refused() != refused + 1) return what + " was not counted as refused";
    if (!detail::ask(attacked, stream.front().x).same_bits(before)) return what + " changed a prediction";
  }
  return detail::divergence(attacked, spared, stream).empty() ? "" : "refused rows show later";
}

/// Whatever usable examples it learned from, its predictions are finite (and probabilities are), also before the first.
template <Learner T>
std::string law_predictions_stay_finite(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, 0);
  const auto probes = detail::stream_for(learner, laws, 8, 20);
  if (auto fault = detail::fault_in(learner, detail::ask(learner, probes.front().x), laws); !fault.empty())
    return "before learning: " + fault;
  for (std::uint64_t round = 0; round < 5; ++round) {
    const auto wild = detail::wild_examples(learner, laws, 9 + 2 * round, laws.examples);
    for (std::size_t i = 0; i < wild.size(); ++i) {
      for (const OwnedExample& probe : {probes[i % probes.size()], wild[i]})
        if (auto fault = detail::fault_in(learner, detail::ask(learner, probe.x), laws); !fault.empty())
          return "after " + to_text(i) + " wild examples of round " + to_text(round) + ": " + fault;
      detail::teach(learner, wild[i]);
    }
    if (learner.refused() != 0) return "a usable example was refused";
    detail::teach_all(learner, detail::stream_for(learner, laws, 30 + round, laws.examples));
  }
  return "";
}

/// A row that is shorter or longer than the schema (a damaged archive makes one) or holds nothing harms nobody.
template <Learner T>
std::string law_rows_of_other_lengths_do_no_harm(const T& fresh, const LearnerLaws& laws = {}) {
  T learner = detail::trained(fresh, laws, laws.examples);
  const auto stream = detail::stream_for(learner, laws, 10, 50);
  for (const std::size_t dense : {std::size_t{0}, laws.dense - 1, laws.dense + 1, laws.dense + 100}) {
    for (OwnedExample example : stream) {
      example.x.dense().resize(dense, 1.0F);
      detail::teach(learner, example);
      if (auto fault = detail::fault_in(learner, detail::ask(learner, example.x), laws); !fault.empty())
        return to_text(dense) + " dense values: " + fault;
    }
  }
  return detail::fault_in(learner, detail::ask(learner, stream.front().x), laws);
}

/// Bound again to a schema that gained a column, behind or before the others, it keeps what it learned; so does one that was loaded.
template <Learner T>
std::string law_bind_keeps_what_was_learned(const T& fresh, const LearnerLaws& laws = {}) {
  const T learner = detail::trained(fresh, laws, laws.examples);
  const Schema schema = detail::schema_for(laws);
  T same = learner;
  same.bind(schema);
  if (save(same) != save(learner)) return "bound again to the same schema, its state changed";
  const auto stream = detail::stream_for(learner, laws, 11, 100);
  for (const bool in_front : {false, true}) {
    for (const bool loaded : {false, true}) {
      T wider = loaded ? fresh : learner;
      if (loaded) load(wider, save(learner));
      std::vector<Column> columns(schema.columns().begin(), schema.columns().end());
      columns.insert(in_front ? columns.begin() : columns.begin() + static_cast<std::ptrdiff_t>(laws.dense), Column{.name = "gained"});
      wider.bind(Schema(std::move(columns)));
      const std::string which = std::string(loaded ? "loaded, then " : "") + "a column gained " + (in_front ? "in front" : "behind");
      const std::size_t place = in_front ? 0 : laws.dense;
      for (const OwnedExample& example : stream) {
        const detail::Answer old = detail::ask(learner, example.x);
        for (const float value : {std::numeric_limits<float>::quiet_NaN(), 0.0F}) {
          OwnedExample wide = example;
          wide.x.dense().insert(wide.x.dense().begin() + static_cast<std::ptrdiff_t>(place), value);
          const detail::Answer now = detail::ask(wider, wide.x);
          for (std::size_t k = 0; k < old.outputs; ++k) {
            const double was = static_cast<double>(old.scores[k]);
            const double moved = static_cast<double>(now.scores[k]) - was;
            const double bound = laws.rebind_tolerance * (1.0 + (was < 0.0 ? -was : was));
            if (moved > bound || moved < -bound) return which + ": a prediction moved by " + to_text(moved);
          }
        }
      }
      for (OwnedExample wide : stream) {
        wide.x.dense().insert(wide.x.dense().begin() + static_cast<std::ptrdiff_t>(place), 1.0F);
        detail::teach(wider, wide);
        if (auto fault = detail::fault_in(wider, detail::ask(wider, wide.x), laws); !fault.empty()) return which + ": " + fault;
      }
    }
  }
  return "";
}

/// Behind AnyLearner: the same answers, a schema that lost a column is refused by name, and a checkpoint restores.
template <Learner T>
std::string law_erased_is_the_same(const T& fresh, const LearnerLaws& laws = {}) {
  const T learner = detail::trained(fresh, laws, laws.examples);
  AnyLearner any(fresh);
  any.bind(detail::schema_for(laws));
  std::array<float, detail::most_outputs> scores{};
  const auto span = std::span<float>(scores).first(any.outputs());
  for (const OwnedExample& example : detail::stream_for(learner, laws, 0, laws.examples))
    any.learn(example.x, example.y, example.weight, span);
  AnyLearner restored(fresh);
  load(restored, save(any));
  for (const OwnedExample& example : detail::stream_for(learner, laws, 12, 100)) {
    detail::Answer answer = detail::ask(learner, example.x);
    for (const AnyLearner* erased : {&any, &restored}) {
      erased->predict(example.x, span);
      detail::Answer theirs = answer;
      std::copy(span.begin(), span.end(), theirs.scores.begin());
      if (!answer.same_bits(theirs)) return erased == &any ? "erased, it answers differently" : "restored, it answers differently";
    }
  }
  const Schema schema = detail::schema_for(laws);
  const auto columns = schema.columns();
  try {
    any.bind(Schema(std::vector<Column>(columns.begin() + 1, columns.end())));
  } catch (const SchemaError& error) {
    return std::string(error.what()).find("column \"x0\" is missing") != std::string::npos ? "" : "the lost column is not named";
  }
  return "a schema that lost a column was accepted";
}

/// memory_bytes() covers at least what a copy allocates, and is not many times that.
template <Learner T>
std::string law_memory_bytes_tells_the_truth(const T& fresh, const LearnerLaws& laws = {}) {
  const T learner = detail::trained(fresh, laws, laws.examples);
  const AllocationCounter allocations;
  const T copy = learner;
  const std::uint64_t held = allocations.bytes() + sizeof(T);
  const std::uint64_t said = copy.memory_bytes();
  if (said + said / 10 + 64 < held) return "says " + to_text(said) + " bytes, holds " + to_text(held);
  return said <= 3 * held + 1024 ? "" : "says " + to_text(said) + " bytes, holds only " + to_text(held);
}

/// What a damaged archive may leave behind: it must still predict and learn without harm.
template <Learner T>
auto exercise(const LearnerLaws& laws) {
  return [stream = std::vector<OwnedExample>(), laws](T& learner) mutable {
    if (detail::outputs_of(learner) > detail::most_outputs) return;
    if (stream.empty()) stream = detail::stream_for(learner, laws, 13, 5);
    for (const OwnedExample& example : stream) {
      static_cast<void>(detail::ask(learner, example.x));
      detail::teach(learner, example);
    }
    static_cast<void>(learner.memory_bytes());
  };
}

/// Asserts every law of a learner, which comes as constructed: `check_learner(Linear<Logistic>{}, {.sparse = 0})`.
template <Learner T>
void check_learner(const T& fresh, const LearnerLaws& laws = {}) {
  CHECK(law_predict_is_pure(fresh, laws) == "");
  CHECK(law_learn_returns_the_prediction(fresh, laws) == "");
  CHECK(law_copies_agree(fresh, laws) == "");
  CHECK(law_checkpoint_continues(fresh, laws) == "");
  CHECK(law_hot_path_does_not_allocate(fresh, laws) == "");
  CHECK(law_weight_zero_does_nothing(fresh, laws) == "");
  CHECK(law_hostile_rows_leave_no_trace(fresh, laws) == "");
  CHECK(law_predictions_stay_finite(fresh, laws) == "");
  CHECK(law_rows_of_other_lengths_do_no_harm(fresh, laws) == "");
  CHECK(law_bind_keeps_what_was_learned(fresh, laws) == "");
  CHECK(law_erased_is_the_same(fresh, laws) == "");
  CHECK(law_memory_bytes_tells_the_truth(fresh, laws) == "");
  check_archive(detail::trained(fresh, laws, laws.archived), fresh, exercise<T>(laws));
}

}  // namespace rtml::testing
