// What the tests of registries and slots add, break and look at.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/serve/registry.hpp"

namespace rtml::serve_testing {

using checkpoint::testing::Bytes;
using checkpoint::testing::read_file;
using checkpoint::testing::TemporaryFolder;
using checkpoint::testing::write_file;

/// Three numbers, a category and hashed words.
inline Schema sample_schema() {
  return Schema({{.name = "a"},
                 {.name = "b"},
                 {.name = "c", .definition = "numeric(c)|log1p"},
                 {.name = "kind", .kind = Column::Kind::nominal, .categories = 4},
                 {.name = "words", .kind = Column::Kind::hashed}});
}

/// What 4 columns and a few words say about a label of 0, 1 (or 2).
inline std::vector<FeatureVector> sample_rows(std::size_t count, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<FeatureVector> rows(count);
  for (FeatureVector& row : rows) {
    for (int i = 0; i < 3; ++i) row.dense().push_back(static_cast<float>(rng.normal()));
    row.dense().push_back(static_cast<float>(rng.below(4)));
    for (int i = 0; i < 3; ++i) row.sparse().push_back({static_cast<std::uint32_t>(rng.below(1000)), 1.0F});
  }
  return rows;
}

/// A learner of that name that has learned `count` rows; `sign` turns what it learned around.
inline AnyLearner trained(const std::string& spec, std::size_t count = 500, float sign = 1.0F) {
  AnyLearner model = make_learner(spec);
  model.bind(sample_schema());
  std::vector<float> before(model.outputs());
  for (const FeatureVector& row : sample_rows(count)) {
    const float y = sign * row.dense()[0] > 0.0F ? 1.0F : 0.0F;
    model.learn(row, y, 1.0F, before);
  }
  return model;
}

inline std::vector<std::string> names_below(const std::string& folder) {
  std::vector<std::string> names = checkpoint::system_files().list(folder);
  std::sort(names.begin(), names.end());
  return names;
}

/// The system's files, until the process dies: then all operations fail.
class DyingFiles final : public checkpoint::FileSystem {
 public:
  /// After so many operations from now on; with `revives` only the next one fails.
  void die_after(std::size_t operations, bool revives = false) {
    operations_ = 0;
    done_.clear();
    dying_ = operations;
    revives_ = revives;
  }
  /// Every such operation from now on.
  void fail_at(std::string operation) { failing_ = std::move(operation); }
  bool died() const { return operations_ > dying_; }
  std::size_t reads() const { return reads_; }
  /// What was asked for, in order, since the last die_after.
  const std::vector<std::string>& done() const { return done_; }

  void make_directory(const std::string& path) override { step("make directory"), system().make_directory(path); }
  std::vector<std::string> list(const std::string& path) override { return step("list"), system().list(path); }
  checkpoint::FileBytes read(const std::string& path) override { return step("read"), ++reads_, system().read(path); }
  void rename(const std::string& from, const std::string& to) override { step("rename"), system().rename(from, to); }
  void remove(const std::string& path) override { step("remove"), system().remove(path); }
  void sync_directory(const std::string& path) override { step("sync directory"), system().sync_directory(path); }
  std::unique_ptr<File> lock(const std::string& path) override { return step("lock"), system().lock(path); }
  std::unique_ptr<File> create(const std::string& path) override {
    return step("create"), std::make_unique<DyingFile>(*this, system().create(path));
  }

 private:
  class DyingFile final : public File {
   public:
    DyingFile(DyingFiles& files, std::unique_ptr<File> file) : files_(files), file_(std::move(file)) {}
    std::size_t write(std::span<const std::byte> bytes) override {
      const bool dies = files_.operations_ == files_.dying_;
      if (dies) file_->write(bytes.first(bytes.size() / 2));  // the half that reached the disk
      return files_.step("write"), file_->write(bytes);
    }
    void sync() override { files_.step("sync"), file_->sync(); }

   private:
    DyingFiles& files_;
    std::unique_ptr<File> file_;
  };

  static checkpoint::FileSystem& system() { return checkpoint::system_files(); }
  void step(const std::string& operation) {
    if (done_.empty() || done_.back() != operation) done_.push_back(operation);
    if (operation == failing_) throw IoError("cannot " + operation, EACCES);
    const std::size_t now = operations_++;
    if (now == dying_ || (now > dying_ && !revives_)) throw IoError("died", EIO);
  }

  std::size_t dying_ = static_cast<std::size_t>(-1);
  bool revives_ = false;
  std::string failing_;
  std::vector<std::string> done_;
  std::size_t operations_ = 0;
  std::size_t reads_ = 0;
};

}  // namespace rtml::serve_testing
