#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rtml/core/export.hpp"
#include "rtml/core/time.hpp"

namespace rtml::tracking {

/// One training, tracked: parameters, tags, metrics over time and files, written as MLflow's file store lays them out (Experiment says
/// where), so that `mlflow ui --backend-store-uri FOLDER` shows it, also while it is under way.
///
/// `log_metric` appends to memory; `block` points at a time go to the files, whole lines at once. What was not flushed is lost with the
/// process. Keys are MLflow's: letters, digits, `_`, `.`, `-`, space, and `/`, which makes folders; at most 250 bytes; values are UTF-8.
///
/// Thread safety: all of it from any thread; calls take turns. One object of one process writes a run.
class RTML_API Run {
 public:
  enum class Status : std::uint8_t { running = 1, scheduled = 2, finished = 3, failed = 4, killed = 5 };  // numbers of MLflow's files

  struct Options {
    std::string name = {};         ///< UTF-8, at most 500 bytes; empty: the id
    std::string user = {};         ///< who runs it, UTF-8, at most 250 bytes
    std::string id = {};           ///< letters and digits, at most 32, no folder of MLflow's ("tags"); empty: 32 random hexadecimal digits
    std::size_t block = 65'536;    ///< points in memory before they are written, in [1, 10,000,000]; 32 bytes each
    std::size_t most_keys = 1000;  ///< of metrics, of parameters and of tags, each, in [1, 100,000]
    Clock clock = system_now;

    /// @throws ConfigError
    void validate() const;
  };

  Run(Run&&) noexcept;
  Run& operator=(Run&&) noexcept;

  /// A run that nobody finished failed; what cannot be written then is lost.
  ~Run();

  /// A parameter has one value: the same again is fine.
  /// @throws ConfigError for a bad key, a value of more than 6000 bytes, another value; IoError.
  void log_param(std::string_view key, std::string_view value);

  /// In place of what the tag was.
  /// @throws ConfigError for a bad key, "mlflow.runName", a value of more than 5000 bytes; IoError.
  void set_tag(std::string_view key, std::string_view value);

  /// One point of a metric, now or at `at`; any double, NaN and infinity too. About 0.1 us, and some 10 ms once a block.
  /// @throws ConfigError for a bad key; IoError when the block cannot be written: then the points in memory stay there, this one is not
  /// kept, and the next call tries again.
  void log_metric(std::string_view key, double value, std::int64_t step = 0);
  void log_metric(std::string_view key, double value, std::int64_t step, Time at);

  /// A file among the artifacts of the run, in place of what was there. `path` is a key.
  /// @throws ConfigError, IoError
  void log_artifact(std::string_view path, std::span<const std::byte> bytes);

  /// Writes the points that are in memory to the files. The system may still lose them with the machine.
  /// @throws IoError
  void flush();

  /// Flushes, and notes how the run ended and when. Nothing can be logged after it.
  /// @throws ConfigError when it ended before, or for running; IoError.
  void finish(Status status = Status::finished);

  const std::string& id() const noexcept;

  /// Its folder.
  const std::string& path() const noexcept;

  std::size_t memory_bytes() const;

 private:
  friend class Experiment;
  struct State;
  explicit Run(std::unique_ptr<State> state) noexcept;

  /// Makes the folder of a run.
  static Run begin(const std::string& experiment_folder, const std::string& experiment, const Options& options);

  std::unique_ptr<State> state_;
};

}  // namespace rtml::tracking
