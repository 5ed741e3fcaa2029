#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/export.hpp"

namespace rtml::checkpoint {

/// The bytes of a file, read-only, mapped where the system can; a copy shares them. They stay when the file is removed or replaced by
/// renaming. Who truncates a mapped file kills its readers: files of a state directory are never written to again.
class FileBytes {
 public:
  FileBytes() = default;
  FileBytes(std::vector<std::byte> bytes)  // NOLINT(google-explicit-constructor): bytes are bytes
      : FileBytes(std::make_shared<const std::vector<std::byte>>(std::move(bytes))) {}
  FileBytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) noexcept : bytes_(bytes), owner_(std::move(owner)) {}

  operator std::span<const std::byte>() const noexcept { return bytes_; }  // NOLINT(google-explicit-constructor)
  std::span<const std::byte> span() const noexcept { return bytes_; }
  std::size_t size() const noexcept { return bytes_.size(); }

  /// Keeps the bytes.
  const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

 private:
  explicit FileBytes(std::shared_ptr<const std::vector<std::byte>> bytes) noexcept : bytes_(*bytes), owner_(std::move(bytes)) {}

  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

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

  virtual FileBytes read(const std::string& path) = 0;

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
