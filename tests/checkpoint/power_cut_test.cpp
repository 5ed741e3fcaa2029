// A disk with a cache that forgets: what was not synced survives a power cut in any subset and order, page by page. In memory, so that
// thousands of cuts take a second.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"
#include "support/catch.hpp"

namespace {

using rtml::IoError;
using rtml::Rng;
using rtml::checkpoint::FileBytes;
using rtml::checkpoint::FileSystem;
using rtml::checkpoint::Section;
using rtml::checkpoint::StateDirectory;
using rtml::checkpoint::testing::Bytes;
using rtml::checkpoint::testing::mixed_bytes;

constexpr std::size_t page = 512;

class ForgetfulDisk final : public FileSystem {
 public:
  struct Faults {
    bool ignores_sync = false;            // of files; says that it was done
    bool ignores_sync_directory = false;  // of folders
    double failing = 0.0;                 // share of operations that fail
  };

  ForgetfulDisk(std::uint64_t seed, const Faults& faults) : rng_(seed), faults_(faults) {}

  /// The power goes after so many more operations: those after it fail.
  void cut_after(std::uint64_t operations) { left_ = operations; }
  bool is_cut() const { return left_ == 0; }

  void have(const Faults& faults) { faults_ = faults; }

  /// What the next start finds: of all that was not synced, some.
  void restart() {
    std::map<std::string, std::shared_ptr<Inode>> found = durable_;
    for (const Change& change : pending_) {
      if (rng_.below(2) == 0) continue;
      if (!change.gone.empty()) found.erase(change.gone);
      if (!change.made.empty()) found[change.made] = change.inode;
    }
    durable_.clear();
    for (auto& [name, inode] : found) durable_[name] = survivor(*inode);
    names_ = durable_;
    pending_.clear();
    left_ = ~std::uint64_t{0};
  }

  void make_directory(const std::string&) override { step(); }
  std::vector<std::string> list(const std::string&) override {
    step();
    std::vector<std::string> names;
    for (const auto& entry : names_) names.push_back(entry.first);
    return names;
  }
  FileBytes read(const std::string& path) override {
    step();
    const auto found = names_.find(name_in(path));
    if (found == names_.end()) throw IoError("no such file", ENOENT);
    return found->second->written;
  }
  std::unique_ptr<File> create(const std::string& path) override {
    step();
    auto inode = std::make_shared<Inode>();
    change({"", name_in(path), inode});
    return std::make_unique<ForgetfulFile>(*this, std::move(inode));
  }
  void rename(const std::string& from, const std::string& to) override {
    step();
    change({name_in(from), name_in(to), names_.at(name_in(from))});
  }
  void remove(const std::string& path) override {
    step();
    if (!names_.contains(name_in(path))) throw IoError("no such file", ENOENT);
    change({name_in(path), "", nullptr});
  }
  void sync_directory(const std::string&) override {
    step();
    if (faults_.ignores_sync_directory) return;
    for (const Change& change : pending_) apply(change, durable_);
    pending_.clear();
  }
  std::unique_ptr<File> lock(const std::string&) override { return std::make_unique<ForgetfulFile>(*this, std::make_shared<Inode>()); }

 private:
  struct Inode {
    Bytes written;                // what readers see
    Bytes durable;                // what is on the disk for certain
    std::vector<bool> uncertain;  // pages that may be there or not
    std::vector<bool> never;      // pages that a failed sync dropped: they are thought to be clean, and never get there
  };
  struct Change {  // of the folder
    std::string gone;
    std::string made;
    std::shared_ptr<Inode> inode;
  };

  class ForgetfulFile final : public File {
   public:
    ForgetfulFile(ForgetfulDisk& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}
    std::size_t write(std::span<const std::byte> bytes) override {
      if (bytes.empty()) return 0;
      disk_.step(ENOSPC);
      const std::size_t count = 1 + disk_.rng_.below(bytes.size());  // shorter than asked for
      Bytes& written = inode_->written;
      const std::size_t begin = written.size() / page;
      written.insert(written.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
      const std::size_t pages = (written.size() + page - 1) / page;
      inode_->uncertain.resize(pages);
      inode_->never.resize(pages);
      std::fill(inode_->uncertain.begin() + static_cast<std::ptrdiff_t>(begin), inode_->uncertain.end(), true);
      return count;
    }
    void sync() override {
      try {
        disk_.step(EIO);
      } catch (const IoError&) {
        for (std::size_t i = 0; i < inode_->never.size(); ++i) inode_->never[i] = inode_->never[i] || inode_->uncertain[i];
        std::fill(inode_->uncertain.begin(), inode_->uncertain.end(), false);
        throw;
      }
      if (disk_.faults_.ignores_sync) return;
      for (std::size_t i = 0; i < inode_->uncertain.size(); ++i) copy_page(*inode_, i);
      inode_->durable.resize(inode_->written.size());
      std::fill(inode_->uncertain.begin(), inode_->uncertain.end(), false);
    }

   private:
    ForgetfulDisk& disk_;
    std::shared_ptr<Inode> inode_;
  };

  static void copy_page(Inode& inode, std::size_t i) {
    if (inode.never[i]) return;
    const std::size_t begin = i * page;
    const std::size_t end = std::min(begin + page, inode.written.size());
    inode.durable.resize(std::max(inode.durable.size(), end));
    std::copy(inode.written.begin() + static_cast<std::ptrdiff_t>(begin), inode.written.begin() + static_cast<std::ptrdiff_t>(end),
              inode.durable.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  std::shared_ptr<Inode> survivor(Inode inode) {
    for (std::size_t i = 0; i < inode.uncertain.size(); ++i)
      if (inode.uncertain[i] && rng_.below(2) == 0) copy_page(inode, i);
    if (rng_.below(2) == 0) inode.durable.resize(std::max(inode.durable.size(), inode.written.size()));  // the length without the data
    inode.written = inode.durable;
    inode.uncertain.assign((inode.durable.size() + page - 1) / page, false);
    inode.never = inode.uncertain;
    return std::make_shared<Inode>(std::move(inode));
  }

  static std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  static void apply(const Change& change, std::map<std::string, std::shared_ptr<Inode>>& names) {
    if (!change.gone.empty()) names.erase(change.gone);
    if (!change.made.empty()) names[change.made] = change.inode;
  }

  void change(Change change) {
    apply(change, names_);
    pending_.push_back(std::move(change));
  }

  void step(int code = EIO) {
    if (left_ == 0) throw IoError("the power is off", EIO);
    --left_;
    if (left_ == 0) throw IoError("the power goes", EIO);
    if (faults_.failing > 0.0 && rng_.uniform() < faults_.failing) throw IoError("injected", code);
  }

  Rng rng_;
  Faults faults_;
  std::uint64_t left_ = ~std::uint64_t{0};
  std::map<std::string, std::shared_ptr<Inode>> names_;    // as readers see them
  std::map<std::string, std::shared_ptr<Inode>> durable_;  // as they are on the disk for certain
  std::vector<Change> pending_;
};

/// State number i; most of it as that of number i - 1.
std::vector<Section> numbered_state(std::uint64_t i) {
  Bytes model = mixed_bytes(1, 3000);
  for (std::size_t at = 0; at < 8; ++at) model[(i * 100 + at) % model.size()] = static_cast<std::byte>(i >> (8 * at));
  return {{"model", std::move(model)}, {"offset", mixed_bytes(i, 20)}};
}

struct Outcome {
  std::uint64_t cuts = 0;
  std::uint64_t lost = 0;      // cuts after which a checkpoint that was said to be saved was not there, or nothing could be loaded
  std::uint64_t refused = 0;   // files with a checkpoint's name that were not whole
  std::uint64_t failures = 0;  // saves that failed while the power was on
};

/// Saves, is cut off, starts again; some times over.
void live(std::uint64_t seed, const ForgetfulDisk::Faults& faults, Outcome& outcome) {
  Rng rng(seed);
  ForgetfulDisk disk(seed, faults);
  const StateDirectory::Options options{.retain = 1 + rng.below(3), .deltas = rng.below(5)};
  std::uint64_t tried = 0;
  std::uint64_t promised = 0;  // the newest whose save returned
  for (int start = 0; start < 4; ++start) {
    disk.cut_after(1 + rng.below(120));
    try {
      StateDirectory state("state", options, disk);
      while (true) {
        ++tried;
        try {
          state.save(numbered_state(tried));
          promised = tried;
        } catch (const IoError&) {
          if (disk.is_cut()) throw;
          ++outcome.failures;
        }
      }
    } catch (const IoError&) {  // the power, or a start that failed
    }
    disk.restart();
    ++outcome.cuts;
    ForgetfulDisk calm = disk;
    calm.have({});
    std::uint64_t found = 0;
    try {
      StateDirectory state("state", options, calm);
      if (const auto loaded = state.load_newest()) {
        outcome.refused += loaded->refused.size();
        for (found = tried; found > 0 && !(loaded->checkpoint.borrowed() == numbered_state(found)); --found) {
        }
        if (found == 0) ++outcome.lost;  // nothing that was ever saved
      }
    } catch (const rtml::FormatError&) {
      ++outcome.refused;
    }
    if (found < promised) ++outcome.lost;
    promised = found;
  }
}

Outcome many_lives(const ForgetfulDisk::Faults& faults, std::uint64_t count) {
  Outcome outcome;
  for (std::uint64_t seed = 0; seed < count; ++seed) live(seed, faults, outcome);
  return outcome;
}

}  // namespace

TEST_CASE("A power cut at any moment leaves the last checkpoint that was saved or a newer one, and no torn file", "[checkpoint][io]") {
  const Outcome outcome = many_lives({}, 1500);
  CHECK(outcome.cuts == 6000);
  CHECK(outcome.lost == 0);
  CHECK(outcome.refused == 0);
  CHECK(outcome.failures == 0);
}

TEST_CASE("So it is on a disk that fails now and then, whose failed syncs lose what was written", "[checkpoint][io]") {
  const Outcome outcome = many_lives({.failing = 0.05}, 1500);
  CHECK(outcome.lost == 0);
  CHECK(outcome.refused == 0);
  CHECK(outcome.failures > 1000);
}

TEST_CASE("Without either sync, power cuts lose checkpoints: these tests would see it", "[checkpoint][io]") {
  const Outcome no_sync = many_lives({.ignores_sync = true}, 300);
  CHECK(no_sync.refused > 100);
  CHECK(no_sync.lost > 100);
  const Outcome no_directory = many_lives({.ignores_sync_directory = true}, 300);
  CHECK(no_directory.lost > 100);
}

TEST_CASE("After a save that failed, whatever failed of it, a full checkpoint follows", "[checkpoint][delta][io]") {
  ForgetfulDisk disk(1, {});
  StateDirectory state("state", {.deltas = 10}, disk);
  CHECK(state.save(numbered_state(1)).starts_with("checkpoint-"));
  CHECK(state.save(numbered_state(2)).starts_with("delta-"));
  disk.have({.failing = 1.0});
  CHECK_THROWS_AS(state.save(numbered_state(3)), IoError);
  disk.have({});
  CHECK(state.save(numbered_state(4)).starts_with("checkpoint-"));
  CHECK(state.save(numbered_state(5)).starts_with("delta-"));
  CHECK(state.load_newest()->checkpoint.borrowed() == numbered_state(5));
}
