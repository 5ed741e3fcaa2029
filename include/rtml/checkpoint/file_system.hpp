#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// The few operations on files that checkpoints need, replaceable so that a test can let each of them fail.
/// Every operation throws IoError, which names it and the path and carries errno.
class RTML_API FileSystem {
 public:
  /// An open file; closed by the destructor.
  class File {
   public:
    virtual ~File() = default;

    /// Writes some of `bytes` and returns how many, at least one unless `bytes` is empty.
    virtual std::size_t write(std::span<const std::byte> bytes) = 0;

    /// Returns when what was written is on the disk.
    virtual void sync() = 0;

   protected:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
  };

  virtual ~FileSystem() = default;

  /// With its parents; nothing when it is there.
  virtual void make_directory(const std::string& path) = 0;

  /// Names of what is in a directory, in no order.
  virtual std::vector<std::string> list(const std::string& directory) = 0;

  virtual std::vector<std::byte> read(const std::string& path) = 0;

  /// An empty file, in place of what was there.
  virtual std::unique_ptr<File> create(const std::string& path) = 0;

  /// Atomically, in place of what was at `to`.
  virtual void rename(const std::string& from, const std::string& to) = 0;

  virtual void remove(const std::string& path) = 0;

  /// Returns when renamings and removals in `directory` are on the disk.
  virtual void sync_directory(const std::string& directory) = 0;

  /// Holds `path` against every other holder, of this process too, while the returned file is open. The file contains the holder's pid,
  /// which the error of a refused one names.
  virtual std::unique_ptr<File> lock(const std::string& path) = 0;

 protected:
  FileSystem() = default;
  FileSystem(const FileSystem&) = default;
  FileSystem& operator=(const FileSystem&) = default;
};

/// The operating system's (POSIX).
RTML_API FileSystem& system_files();

}  // namespace rtml::checkpoint
