// Files that fuzzers need not wait for.
#pragma once

#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"

namespace rtml::fuzz {

using Bytes = std::vector<std::byte>;

/// A disk of one folder.
class MemoryFiles final : public checkpoint::FileSystem {
 public:
  std::map<std::string, Bytes> files;

  void make_directory(const std::string&) override {}
  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& file : files)
      if (file.first.starts_with(directory + "/")) names.push_back(file.first.substr(directory.size() + 1));
    return names;
  }
  checkpoint::FileBytes read(const std::string& path) override { return at(path)->second; }
  std::unique_ptr<File> create(const std::string& path) override {
    files[path].clear();
    return std::make_unique<MemoryFile>(files[path]);
  }
  void rename(const std::string& from, const std::string& to) override {
    files[to] = std::move(at(from)->second);
    files.erase(from);
  }
  void remove(const std::string& path) override { files.erase(at(path)); }
  void sync_directory(const std::string&) override {}
  std::unique_ptr<File> lock(const std::string&) override { return std::make_unique<MemoryFile>(lock_); }

 private:
  class MemoryFile final : public File {
   public:
    explicit MemoryFile(Bytes& bytes) : bytes_(bytes) {}
    std::size_t write(std::span<const std::byte> bytes) override {
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
      return bytes.size();
    }
    void sync() override {}

   private:
    Bytes& bytes_;
  };

  std::map<std::string, Bytes>::iterator at(const std::string& path) {
    const auto found = files.find(path);
    if (found == files.end()) throw IoError("no " + path, ENOENT);
    return found;
  }

  Bytes lock_;
};

}  // namespace rtml::fuzz
