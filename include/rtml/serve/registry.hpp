#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/any_learner.hpp"
#include "rtml/core/example.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/schema.hpp"
#include "rtml/core/time.hpp"
#include "rtml/serve/decision.hpp"
#include "rtml/serve/detail/registry_index.hpp"
#include "rtml/serve/lineage.hpp"
#include "rtml/serve/model_version.hpp"

namespace rtml {

/// A folder of model versions: each with its lineage, under aliases that move ("champion", "challenger", any other), with the history of
/// what was decided and why. A version is whole or not there, whenever the process dies. Layout: docs/format.md.
///
/// Thread safety: all of it from any thread; changes take turns, and none waits for a model that is read. One process at a time holds the
/// folder. Cost of a change: the index is written and synced, O(versions + decisions); `add` writes the model too.
class RTML_API Registry {
 public:
  using Alias = detail::RegistryIndex::Alias;

  /// The alias that `promote` and `rollback` move, and only they.
  static constexpr std::string_view champion = "champion";

  struct Options {
    std::size_t keep = 100;          ///< newest versions that stay, in [1, 100,000]; older ones go unless an alias or a rollback needs them
    std::size_t rollbacks = 8;       ///< earlier champions to go back to, in [0, 1000]
    std::size_t decisions = 10'000;  ///< of the history, in [1, 1,000,000]; the oldest makes room
    checkpoint::Compression compression = checkpoint::Compression::none;  ///< of models that are added
    std::uint64_t unpacked_limit = checkpoint::default_unpacked_limit;    ///< bytes that one model file may unpack to, read or written
    Clock clock = system_now;
    /// The learner that a version's state is read into, built as the saved one was. Empty: make_learner of its name, which takes what the
    /// folder says; where others can write to the folder, give one that allows what you serve.
    std::function<AnyLearner(const ModelVersion&)> make = {};

    /// @throws ConfigError
    void validate() const;
  };

  /// A version as it was read and verified.
  struct Loaded {
    ModelVersion version;
    AnyLearner model;                 ///< bound to the schema that was asked for
    std::vector<FeatureVector> rows;  ///< that were kept with it, to warm up on; none when the schema has gained columns since
  };

  /// How well a version fits rows.
  struct Fit {
    std::uint64_t version = 0;
    double loss = 0.0;         ///< mean; infinite when it could not be had
    std::string refused = {};  ///< then why
  };

  /// Of one row, from the scores of a model.
  using Loss = std::function<double(const AnyLearner& model, std::span<const float> scores, const Example& row)>;

  /// Takes the folder (made where it is missing), reads the newest whole index, and removes model files that no index knows: what a crash
  /// while adding or removing left behind.
  /// @throws IoError when another object holds the folder (names the process), or when a newer index cannot be read: it may be whole; FormatError when there are models and no index that is
  /// whole; ConfigError.
  explicit Registry(std::string path) : Registry(std::move(path), Options{}) {}
  Registry(std::string path, Options options, checkpoint::FileSystem& files = checkpoint::system_files());

  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry() = default;

  /// Writes the model as it is now and returns its number. `rows` are kept to warm up on when it is loaded, at most 4096.
  /// Versions beyond `keep` go.
  /// @throws ConfigError; IoError (disk full, a process that was forked from the registry's, ...): then nothing has changed.
  std::uint64_t add(const AnyLearner& model, Lineage lineage = {}, std::string name = {}, std::span<const FeatureVector> rows = {});

  /// Oldest first.
  std::vector<ModelVersion> versions() const;
  std::optional<ModelVersion> find(std::uint64_t number) const;
  /// What an alias points to.
  std::optional<ModelVersion> find(std::string_view alias) const;
  /// By name.
  std::vector<Alias> aliases() const;
  /// Oldest first.
  std::vector<Decision> decisions() const;

  /// Points an alias, new or not, to a version; at most 999 and the champion. Names: letters, digits, `_`, `-`, at most 255; not "latest", not like "v7".
  /// @throws ConfigError for a bad name, for "champion", for a version that is not there; IoError.
  void set_alias(std::string_view alias, std::uint64_t number, std::string reason = {});

  /// @throws ConfigError when it is not there, for "champion"; IoError.
  void delete_alias(std::string_view alias, std::string reason = {});

  /// Makes a version the champion, and the champion before it the one to go back to. Of the champion itself: nothing, and nothing is noted.
  /// @throws ConfigError, IoError
  void promote(std::uint64_t number, std::string reason, std::vector<Figure> figures = {});

  /// Makes the champion before this one the champion again, and returns its number; again: the one before that. What was rolled back from
  /// is no champion to go back to.
  /// @throws ConfigError when there is none; IoError.
  std::uint64_t rollback(std::string reason, std::vector<Figure> figures = {});

  /// Removes a version and its file; it is no champion to go back to any more.
  /// @throws ConfigError when it is not there or an alias points to it; IoError, also when the version is gone and its file is not: the next
  /// start tries again.
  void remove(std::uint64_t number, std::string reason = {});

  /// Reads a version, verifies that it is the file that was added, and binds it to `schema`.
  /// @throws ConfigError when it is not there; SchemaError "version 7 (...) ...: column ..." when `schema` lost or changed a column;
  /// FormatError; IoError.
  Loaded load(std::uint64_t number, const Schema& schema) const;

  /// Which version fits these rows best: the newest `most` versions, best first, by their weighted mean loss (log loss or absolute error
  /// unless `loss` says otherwise). One model is in memory at a time; what cannot be loaded is last, and says why. O(most * rows).
  /// @throws ConfigError when there are no rows, or one has not the columns of `schema`
  std::vector<Fit> best_fit(std::span<const Example> rows, const Schema& schema, std::size_t most = 16, const Loss& loss = {}) const;

  /// Where the file of a version is.
  std::string file_of(std::uint64_t number) const;

  /// What stood in the way when the folder was opened: "file: why" of each newer index that was not whole. Then versions may be missing,
  /// and model files that the index does not know are left where they are.
  const std::vector<std::string>& refused() const noexcept { return refused_; }

  const std::string& path() const noexcept { return path_; }
  std::size_t memory_bytes() const;

 private:
  using Index = detail::RegistryIndex;

  void clean_up();
  Index copy() const;
  const ModelVersion& require_version(const Index& index, std::uint64_t number) const;
  void note(Index& index, Decision decision) const;
  void expire(Index& index) const;
  void commit(Index&& next);
  void write(std::uint64_t number, std::span<const std::byte> bytes);
  void remove_file(std::uint64_t number) noexcept;

  std::string path_;
  Options options_;
  checkpoint::FileSystem* files_;
  std::vector<std::string> refused_;

  mutable std::mutex writing_;  // held by one change from its beginning to its end; before index_mutex_
  checkpoint::StateDirectory state_;
  std::uint64_t next_ = 1;  // of files too: a number whose add failed is not used again

  mutable std::mutex index_mutex_;
  Index index_;
};

}  // namespace rtml
