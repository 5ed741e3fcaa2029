#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// A folder of checkpoints, held by one object of one process at a time: `checkpoint-00000000000000000042.rtml` and the like, numbered
/// upwards.
///
/// Thread safety: none; the thread that saves owns it. Fork: a child that inherits it must neither use nor need it (`save` refuses);
/// the folder stays held until both processes have closed it. Programs started by exec do not inherit it. The lock is flock's: keep the
/// folder on a local file system. A host that runs under a file size limit ignores SIGXFSZ, so that a refused write is an error.
class RTML_API StateDirectory {
 public:
  struct Options {
    std::size_t retain = 3;                                 ///< whole checkpoints to keep, >= 1
    Compression compression = Compression::none;            ///< of what is saved; both kinds are read
    std::uint64_t unpacked_limit = default_unpacked_limit;  ///< bytes that the compressed sections of one file may unpack to
  };

  /// What was restored, and what stood in the way.
  struct Loaded {
    std::vector<Section> sections;
    std::string file;                  ///< name in the folder
    std::vector<std::string> refused;  ///< "file: why" of each newer file that was not whole, newest first
  };

  /// Creates the folder where it is missing, takes it, and removes what an interrupted save left behind.
  /// @throws IoError, when another object holds the folder with the path and the holder's process id; ConfigError.
  explicit StateDirectory(std::string path) : StateDirectory(std::move(path), Options{}) {}
  StateDirectory(std::string path, const Options& options, FileSystem& files = system_files());

  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  /// Gives the folder free; never throws.
  ~StateDirectory() = default;

  /// The newest checkpoint that is whole; nullopt when there is none at all.
  /// @throws FormatError when there are checkpoints and none is whole, with the reason for each.
  std::optional<Loaded> load_newest();

  /// Writes a new checkpoint and returns its name in the folder. When it returns, the checkpoint is on the disk: written beside, synced,
  /// renamed, the folder synced. Then older ones beyond `retain` go; one that cannot be removed is tried again by the next save.
  /// Needs no memory beyond the sections, but for what is compressed.
  /// @throws IoError (disk full, ...): the checkpoints that were there still are, and no half-written one is among them.
  std::string save(std::span<const Section> sections);

  /// Checkpoints in the folder, those found damaged included.
  std::size_t files() const noexcept { return numbers_.size(); }

  const std::string& path() const noexcept { return path_; }

 private:
  std::string in_folder(const std::string& name) const { return path_ + "/" + name; }
  void write_beside(const std::string& temporary, std::span<const Section> sections);
  void remove_quietly(const std::string& name) noexcept;
  void prune() noexcept;

  std::string path_;
  Options options_;
  FileSystem* files_;
  std::unique_ptr<FileSystem::File> lock_;
  std::int64_t owner_;                  // the process that took the folder
  std::vector<std::uint64_t> numbers_;  // of the checkpoints in the folder, ascending
  std::vector<std::uint64_t> damaged_;  // of those, what load_newest refused
  std::uint64_t next_ = 1;
};

}  // namespace rtml::checkpoint
