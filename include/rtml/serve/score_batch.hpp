#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/concepts.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/table.hpp"
#include "rtml/transform/feature_set.hpp"

namespace rtml {

namespace detail {

template <class Learner>
concept Scores = std::same_as<Learner, AnyLearner> || ScalarLearner<Learner> || ClassLearner<Learner>;

template <class Learner>
std::size_t outputs_of(const Learner& model) noexcept {
  if constexpr (std::same_as<Learner, AnyLearner>) {
    return model.outputs();
  } else if constexpr (ClassLearner<Learner>) {
    return static_cast<std::size_t>(model.classes());
  } else {
    return 1;
  }
}

template <class Learner>
void score_row(const Learner& model, const Features& x, const Context& context, std::span<float> scores) noexcept {
  if constexpr (std::same_as<Learner, AnyLearner>) {
    model.predict(x, scores, context);
  } else if constexpr (ClassLearner<Learner>) {
    if constexpr (requires { model.predict_proba(x, scores, context); }) {
      model.predict_proba(x, scores, context);
    } else {
      model.predict_proba(x, scores);
    }
  } else if constexpr (requires { model.predict(x, context); }) {
    scores[0] = model.predict(x, context);
  } else {
    scores[0] = model.predict(x);
  }
}

/// Rows [begin, end) of a batch whose shape was checked.
template <class Learner>
void score_rows(const Learner& model, const Batch& batch, std::size_t begin, std::size_t end, std::span<float> out) noexcept {
  if constexpr (requires { model.predict_rows(batch.row(0).dense.data(), batch.row_stride(), std::size_t{}, std::size_t{}, out.data()); }) {
    if (begin < end && batch.dense_size() > 0 && !batch.has_sparse() && model.predicts_rows()) {
      model.predict_rows(batch.row(begin).dense.data(), batch.row_stride(), batch.dense_size(), end - begin, out.data() + begin);
      return;
    }
  }
  constexpr std::size_t ahead = 4;
  const std::size_t outputs = outputs_of(model);
  for (std::size_t i = begin; i < end; ++i) {
    if constexpr (requires { model.prefetch(batch.row(i)); })
      if (batch.has_sparse() && i + ahead < end) model.prefetch(batch.row(i + ahead));
    score_row(model, batch.row(i), {.at = batch.time(i)}, out.subspan(i * outputs, outputs));
  }
}

template <class Learner>
void require_room(const Learner& model, std::size_t rows, std::span<const float> out, std::size_t threads) {
  const std::size_t needed = rows * outputs_of(model);
  if (out.size() != needed) require("score_batch", "out", out.size(), false, "rows times outputs, " + to_text(needed));
  require("score_batch", "threads", threads, threads >= 1 && threads <= 1024, "in [1, 1024]");
}

template <class Learner>
void require_columns(const Learner& model, std::size_t columns) {
  if constexpr (requires { model.schema().dense_size(); }) {
    const std::size_t known = model.schema().dense_size();
    if (columns != known && !model.schema().columns().empty())
      require("score_batch", "dense columns", columns, false, "as the model was bound to, " + to_text(known));
  }
}

/// work(begin, end) for `threads` parts of [0, rows), the first in the caller's thread. What one throws is thrown when all have ended. Threads
/// that the system does not give are done without: the caller does their parts.
template <class Work>
void in_parts(std::size_t rows, std::size_t threads, Work work) {
  const std::size_t parts = std::max<std::size_t>(1, std::min(threads, rows));
  if (parts == 1) return work(0, rows);
  const auto begin_of = [&](std::size_t part) { return rows / parts * part + std::min(part, rows % parts); };
#if defined(__cpp_exceptions)
  std::vector<std::exception_ptr> thrown(parts);
  const auto guarded = [&](std::size_t part) noexcept {
    try {
      work(begin_of(part), begin_of(part + 1));
    } catch (...) {
      thrown[part] = std::current_exception();
    }
  };
  std::vector<std::thread> running;
  running.reserve(parts - 1);
  std::size_t started = 1;
  try {
    for (; started < parts; ++started) running.emplace_back(guarded, started);
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): see above
  }
  for (std::size_t part = started; part < parts; ++part) guarded(part);
  guarded(0);
  for (std::thread& thread : running) thread.join();
  for (const std::exception_ptr& error : thrown)
    if (error) std::rethrow_exception(error);
#else
  std::vector<std::thread> running;
  for (std::size_t part = 1; part < parts; ++part)
    running.emplace_back([&work, begin = begin_of(part), end = begin_of(part + 1)] { work(begin, end); });
  work(0, begin_of(1));
  for (std::thread& thread : running) thread.join();
#endif
}

}  // namespace detail

/// Predicts every row of a batch: out [n], or [n, classes] of a learner of classes; the bits of predicting them one by one, whatever the
/// number of
/// threads. Rows that are not usable get what predict gives them. A row's time goes to learners that read one; fields of sparse features
/// have no
/// place in a batch, so products of hashed columns count as missing.
///
/// Cost: of a linear model with dense columns only one pass over the rows, from a hundred columns on at some 0.6 of the pace at which a
/// core reads memory, or better
/// (`rtml-bench score`); else predict's, with the weights of later rows prefetched. Allocates nothing with one thread. Others are started
/// for the call.
/// Thread safety: as predict: while nobody learns. Of a `Published` or `Snapshots` give it what a guard shows.
/// @throws ConfigError when `out` has another size, columns are not the model's, or threads is not in [1, 1024].
template <detail::Scores Learner>
void score_batch(const Learner& model, const Batch& batch, std::span<float> out, std::size_t threads = 1) {
  detail::require_room(model, batch.size(), out, threads);
  detail::require_columns(model, batch.dense_size());
  detail::in_parts(batch.size(), threads,
                   [&](std::size_t begin, std::size_t end) noexcept { detail::score_rows(model, batch, begin, end, out); });
}

/// Computes the features of every row (a span of events; of a set over Row a Table: `stream::CsvTable`, `stream::ArrowTable`, `table_of`)
/// and
/// predicts it, some thousand rows at a time: memory does not grow with the rows. Windows are read as of each row's time, as they are;
/// the bits are those
/// of FeatureSet::compute and predict, row by row.
/// @throws ConfigError also when the table lacks a column that the set reads, or the model was bound to another set.
template <detail::Scores Learner, class Event>
void score_batch(const Learner& model, const FeatureSet<Event>& features, const typename FeatureSet<Event>::Rows& rows,
                 const Fitted& fitted, const EntityWindows& windows, std::span<float> out, std::size_t threads = 1) {
  constexpr std::size_t tile = 2048;
  detail::require_room(model, rows.size(), out, threads);
  if constexpr (requires { model.schema().fingerprint(); })
    if (!model.schema().columns().empty()) model.schema().require_equal(features.schema(), "score_batch");
  const auto slice = [&](std::size_t begin, std::size_t count) {
    if constexpr (requires { rows.slice(begin, count); }) {
      return rows.slice(begin, count);
    } else {
      return rows.subspan(begin, count);
    }
  };
  {
    FeatureBatch none;
    features.transform(slice(0, 0), fitted, windows, none);  // what it refuses it refuses here, in the caller's thread
  }
  const std::size_t outputs = detail::outputs_of(model);
  detail::in_parts(rows.size(), threads, [&](std::size_t begin, std::size_t end) {
    FeatureBatch room;
    for (; begin < end; begin += tile) {
      const std::size_t count = std::min(tile, end - begin);
      const Batch batch = features.transform(slice(begin, count), fitted, windows, room);
      detail::score_rows(model, batch, 0, count, out.subspan(begin * outputs, count * outputs));
    }
  });
}

}  // namespace rtml
