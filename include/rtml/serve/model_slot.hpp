#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "rtml/core/any_learner.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/features.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/serve/model_version.hpp"
#include "rtml/serve/published.hpp"
#include "rtml/serve/registry.hpp"

namespace rtml {

/// The version of a registry that a service answers with. A new one is loaded, verified, and warmed up in the thread that asks for it,
/// and only then published, by one pointer store; the one before stays in memory, so that going back reads no file.
///
///     ModelSlot slot(registry, schema, registry.find(Registry::champion)->number);
///     slot.read()->model.predict(x, scores);    // any thread, while ...
///     slot.serve(registry.add(retrained));      // ... another brings the next one
///
/// Thread safety: `read` from any thread, wait-free; all else from any thread, taking turns. Readers never destroy a model.
/// Memory: the version served, the one before, one more while it is loaded, and those on which readers still hold guards.
class RTML_API ModelSlot {
 public:
  struct Options {
    std::size_t warm_up = 1000;            ///< predictions before a version is shown, in [0, 10,000,000]
    std::vector<FeatureVector> rows = {};  ///< what they are of, in turns; without them the rows kept with the version, else made ones
    std::uint64_t seed = 1;                ///< of rows that are made: normal numbers, uniform categories, 16 hashed features a row

    /// @throws ConfigError
    void validate(const Schema& schema) const;
  };

  /// What readers see.
  struct Served {
    ModelVersion version;
    AnyLearner model;
  };

  /// Shows one version as long as it lives. Keep it short-lived, for it keeps memory.
  class Guard {
   public:
    const Served& operator*() const noexcept { return **shown_; }
    const Served* operator->() const noexcept { return shown_->get(); }

   private:
    friend ModelSlot;
    using Shown = Published<std::shared_ptr<const Served>>::Guard;
    explicit Guard(Shown&& shown) noexcept : shown_(std::move(shown)) {}
    Shown shown_;
  };

  /// Loads `version` as `serve` does. `registry` outlives the slot.
  /// @throws what Registry::load throws; ConfigError.
  ModelSlot(const Registry& registry, Schema schema, std::uint64_t version) : ModelSlot(registry, std::move(schema), version, Options{}) {}
  ModelSlot(const Registry& registry, Schema schema, std::uint64_t version, Options options);

  ModelSlot(const ModelSlot&) = delete;
  ModelSlot& operator=(const ModelSlot&) = delete;
  ~ModelSlot() = default;

  /// What is served now. Wait-free.
  Guard read() const noexcept { return Guard(published_.read()); }

  /// Serves `version` from the moment this returns; readers go on with the one before until then. False when it is served already. The
  /// version before is shown again as it is in memory. Whatever is thrown, the old one goes on serving.
  /// @throws what Registry::load throws; Error when readers hold guards on too many old versions (Published::capacity).
  bool serve(std::uint64_t version);

  /// Shows the version before again, by one pointer store: no file is read, nothing is warmed up. Called again, it comes back. Returns its
  /// number. Tell the registry afterwards (Registry::rollback).
  /// @throws ConfigError when there was none before; Error as `serve`.
  std::uint64_t rollback();

  /// Destroys, here and now, old versions that no reader sees any more. `serve` and `rollback` do it too, but for what readers hold then.
  void reclaim();

  /// Of all versions in memory.
  std::size_t memory_bytes() const;

 private:
  using Pointer = std::shared_ptr<const Served>;

  Pointer load(std::uint64_t version) const;
  void show(Pointer next);

  const Registry& registry_;
  const Schema schema_;
  const Options options_;

  mutable std::mutex writing_;
  Pointer current_;
  Pointer before_;
  std::vector<std::weak_ptr<const Served>> made_;  // to count what readers hold
  Published<Pointer> published_;
};

/// Predicts `rows` in turns, `predictions` in all, and throws the scores away: what a first request would wait for (memory that is not in
/// a cache, code that was never run) waits here. O(predictions).
RTML_API void warm_up(const AnyLearner& model, std::span<const FeatureVector> rows, std::size_t predictions);

/// Rows of a schema: normal numbers, uniform categories, and `hashed` features at uniform indices where it has a hashed column.
RTML_API std::vector<FeatureVector> made_rows(const Schema& schema, std::size_t count, std::size_t hashed, std::uint64_t seed);

}  // namespace rtml
