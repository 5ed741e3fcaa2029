#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/file_system.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

class BlockHashes;

/// A folder of checkpoints, held by one object of one process at a time: `checkpoint-00000000000000000042.rtml` and the like, numbered
/// upwards; between them, where `deltas` says so, `delta-00000000000000000043.rtml`: what changed since the one before.
///
/// A delta holds the blocks of 128 bytes whose contents changed, compressed: nothing has to tell what it touched, and nothing can forget to.
/// Loading it takes the full checkpoint and all deltas up to it; their number is bounded. A damaged one makes loading fall back to what came before.
///
/// Thread safety: none; the thread that saves owns it. Fork: a child that inherits it must neither use nor need it (`save` refuses);
/// the folder stays held until both processes have closed it. Programs started by exec do not inherit it. The lock is flock's: keep the
/// folder on a local file system. A host that runs under a file size limit ignores SIGXFSZ, so that a refused write is an error.
class RTML_API StateDirectory {
 public:
  struct Options {
    std::size_t retain = 3;                       ///< whole checkpoints to keep, >= 1, and what they need to be loaded
    std::size_t deltas = 0;                       ///< at most so many between two full ones, in [0, 1000]
    Compression compression = Compression::none;  ///< of full ones; both kinds are read
    std::uint64_t unpacked_limit =
        default_unpacked_limit;  ///< bytes that the compressed sections of one file may unpack to, read or written
  };

  /// What was restored, and what stood in the way.
  struct Loaded {
    Checkpoint checkpoint;             ///< stays valid when its file is removed, and when the folder is given free
    std::string file;                  ///< name in the folder
    std::vector<std::string> refused;  ///< "file: why" of each newer file that was not whole, newest first
    int unread = 0;                    ///< errno of the newest of those that could not be read, and may be whole; 0 = none
  };

  /// Creates the folder where it is missing, takes it, and removes what an interrupted save left behind.
  /// @throws IoError, when another object holds the folder with the path and the holder's process id; ConfigError.
  explicit StateDirectory(std::string path) : StateDirectory(std::move(path), Options{}) {}
  StateDirectory(std::string path, const Options& options, FileSystem& files = system_files());

  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  /// Gives the folder free; never throws.
  ~StateDirectory();

  /// The newest checkpoint that is whole; nullopt when there is none at all.
  /// @throws FormatError when there are checkpoints and none is whole, with the reason for each.
  std::optional<Loaded> load_newest();

  /// Writes a new checkpoint and returns its name in the folder. When it returns, the checkpoint is on the disk: written beside, synced,
  /// renamed, the folder synced. Then older ones beyond `retain` go; one that cannot be removed is tried again by the next save.
  /// The first one of an object is full, and so is one after a failure, or when more than half would have changed.
  /// Needs no memory beyond the sections, but for what is compressed or a delta; with deltas, 1/16 of their size stays in use.
  /// @throws IoError (disk full, ...): the checkpoints that were there still are, and no half-written one is among them; also when
  /// the folder has a file of the last number, 2^62; ConfigError for a section's name, as encode().
  std::string save(std::span<const Section> sections);

  /// For whoever keeps other files with the folder, before it writes them.
  /// @throws IoError in a process that was forked from the one that took the folder
  void require_owner() const;

  /// Checkpoints in the folder, those found damaged included.
  std::size_t files() const noexcept { return saved_.size(); }

  std::size_t memory_bytes() const noexcept;

  const std::string& path() const noexcept { return path_; }

 private:
  struct Saved {
    std::uint64_t number;
    bool is_delta;

    std::string name() const;
  };

  std::string in_folder(const std::string& name) const { return path_ + "/" + name; }
  Checkpoint load(const Saved& saved);
  void remove_quietly(const std::string& name) noexcept;
  void prune() noexcept;

  std::string path_;
  Options options_;
  FileSystem* files_;
  std::unique_ptr<FileSystem::File> lock_;
  std::int64_t owner_;                  // the process that took the folder
  std::vector<Saved> saved_;            // the checkpoints in the folder, ascending
  std::vector<std::uint64_t> damaged_;  // of those, what load_newest refused
  std::uint64_t next_ = 1;

  std::unique_ptr<BlockHashes> last_;  // what was saved last, where a delta may follow
  std::string last_file_;
  std::uint64_t last_id_ = 0;
  std::size_t chain_ = 0;  // deltas since the last full one
};

}  // namespace rtml::checkpoint
