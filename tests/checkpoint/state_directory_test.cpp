#include "rtml/checkpoint/state_directory.hpp"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): POSIX
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint_samples.hpp"
#include "rtml/core/error.hpp"
#include "support/catch.hpp"
#include "support/in_child.hpp"

using rtml::ConfigError;
using rtml::FormatError;
using rtml::IoError;
using rtml::checkpoint::Compression;
using rtml::checkpoint::FileSystem;
using rtml::checkpoint::Section;
using rtml::checkpoint::StateDirectory;
using rtml::checkpoint::system_files;
using rtml::checkpoint::testing::Bytes;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::sample_sections;
using rtml::checkpoint::testing::TemporaryFolder;
using rtml::checkpoint::testing::write_file;

using rtml::testing::in_child;

namespace {

/// The system's files until operation number `failing`, which fails. A disk that stays broken fails everything after it too: for what
/// is on the disk, that is a crash.
class FailingFiles final : public FileSystem {
 public:
  struct Plan {
    std::size_t failing = static_cast<std::size_t>(-1);
    bool stays_broken = false;
    std::size_t longest_write = static_cast<std::size_t>(-1);  // shorter ones than asked for
    int code = ENOSPC;
  };

  explicit FailingFiles(const Plan& plan) : plan_(plan) {}

  std::size_t operations() const { return operations_; }
  /// What was done, without repetitions in a row.
  const std::vector<std::string>& done() const { return done_; }
  bool failed() const { return operations_ > plan_.failing; }

  void make_directory(const std::string& path) override { step("make directory"), system_files().make_directory(path); }
  std::vector<std::string> list(const std::string& path) override { return step("list"), system_files().list(path); }
  rtml::checkpoint::FileBytes read(const std::string& path) override { return step("read"), system_files().read(path); }
  void rename(const std::string& from, const std::string& to) override { step("rename"), system_files().rename(from, to); }
  void remove(const std::string& path) override { step("remove"), system_files().remove(path); }
  void sync_directory(const std::string& path) override { step("sync directory"), system_files().sync_directory(path); }
  std::unique_ptr<File> lock(const std::string& path) override { return step("lock"), system_files().lock(path); }
  std::unique_ptr<File> create(const std::string& path) override {
    step("create");
    return std::make_unique<FailingFile>(*this, system_files().create(path));
  }

 private:
  class FailingFile final : public File {
   public:
    FailingFile(FailingFiles& files, std::unique_ptr<File> file) : files_(files), file_(std::move(file)) {}
    std::size_t write(std::span<const std::byte> bytes) override {
      files_.step("write");
      return file_->write(bytes.first(std::min(bytes.size(), files_.plan_.longest_write)));
    }
    void sync() override { files_.step("sync"), file_->sync(); }

   private:
    FailingFiles& files_;
    std::unique_ptr<File> file_;
  };

  void step(const std::string& operation) {
    if (done_.empty() || done_.back() != operation) done_.push_back(operation);
    const std::size_t now = operations_++;
    if (now == plan_.failing || (plan_.stays_broken && now > plan_.failing)) throw IoError("injected", plan_.code);
  }

  Plan plan_;
  std::vector<std::string> done_;
  std::size_t operations_ = 0;
};

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names = system_files().list(folder);
  std::sort(names.begin(), names.end());
  return names;
}

const std::string first = "checkpoint-00000000000000000001.rtml";
const std::string second = "checkpoint-00000000000000000002.rtml";

}  // namespace

TEST_CASE("A state directory is made where it is missing, and is empty", "[checkpoint]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "deep/er/state");
  CHECK(state.files() == 0);
  CHECK(!state.load_newest().has_value());
}

TEST_CASE("What was saved last is loaded, by another object too", "[checkpoint]") {
  const auto compression = GENERATE(Compression::none, Compression::zstd);
  const TemporaryFolder folder;
  {
    StateDirectory state(folder / "state", {.compression = compression});
    CHECK(state.save(sample_sections(1)) == first);
    CHECK(state.save(sample_sections(2)) == second);
    CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(2));
  }
  StateDirectory state(folder / "state");
  const auto loaded = state.load_newest();
  REQUIRE(loaded.has_value());
  CHECK(loaded->checkpoint.borrowed() == sample_sections(2));
  CHECK(loaded->file == second);
  CHECK(loaded->refused.empty());
  CHECK(state.save(sample_sections(3)) == "checkpoint-00000000000000000003.rtml");
}

TEST_CASE("The newest `retain` checkpoints are kept, and nothing else", "[checkpoint]") {
  const auto retain = static_cast<std::size_t>(GENERATE(range(1, 5)));
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.retain = retain});
  for (std::uint64_t i = 1; i <= 7; ++i) {
    state.save(sample_sections(i));
    CHECK(state.files() == std::min<std::size_t>(i, retain));
    CHECK(names_in(state.path()).size() == state.files() + 1);  // and LOCK
    CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(i));
  }
}

TEST_CASE("A newest checkpoint cut at any byte is refused by name, and the one before it is loaded", "[checkpoint][hostile]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state");
  state.save(sample_sections(1));
  state.save(sample_sections(2));
  const Bytes whole = read_file(folder / ("state/" + second));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_file(folder / ("state/" + second), Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    CAPTURE(size);
    const auto loaded = state.load_newest();
    REQUIRE(loaded.has_value());
    REQUIRE(loaded->file == first);
    REQUIRE(loaded->checkpoint.borrowed() == sample_sections(1));
    REQUIRE(loaded->refused.size() == 1);
    REQUIRE(loaded->refused[0].starts_with(second + ": checkpoint: "));
  }
}

TEST_CASE("A newest checkpoint with any byte flipped is refused, and the one before it is loaded", "[checkpoint][hostile]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.compression = Compression::zstd});
  state.save(sample_sections(1));
  state.save(sample_sections(2));
  Bytes file = read_file(folder / ("state/" + second));
  for (std::byte& byte : file) {
    byte ^= std::byte{0x20};
    write_file(folder / ("state/" + second), file);
    byte ^= std::byte{0x20};
    const auto loaded = state.load_newest();
    REQUIRE(loaded.has_value());
    REQUIRE(loaded->checkpoint.borrowed() == sample_sections(1));
  }
}

TEST_CASE("When no checkpoint is whole the reasons are given, and nothing is loaded", "[checkpoint]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state");
  state.save(sample_sections(1));
  write_file(folder / ("state/" + first), Bytes(10));
  CHECK_THROWS_WITH(state.load_newest(), (folder / "state") + ": none of 1 checkpoints is whole; " + first +
                                             ": checkpoint: is no checkpoint of rtml (at byte 0)");
  CHECK(state.save(sample_sections(2)) == second);
  CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(2));
}

TEST_CASE("A damaged checkpoint is not counted among those to retain", "[checkpoint]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state", {.retain = 2});
  state.save(sample_sections(1));
  state.save(sample_sections(2));
  write_file(folder / ("state/" + second), Bytes(10));
  CHECK(state.load_newest()->file == first);
  state.save(sample_sections(3));
  CHECK(state.files() == 3);
  write_file(folder / "state/checkpoint-00000000000000000003.rtml", Bytes(10));
  CHECK(state.load_newest()->file == first);
}

TEST_CASE("Whatever operation fails, the old checkpoint or the new one is loaded, whole", "[checkpoint][io]") {
  const bool stays_broken = GENERATE(false, true);
  const std::size_t longest_write = GENERATE(std::size_t{100}, static_cast<std::size_t>(-1));
  const int code = GENERATE(ENOSPC, EIO);
  bool failed = true;
  std::size_t refused = 0;
  for (std::size_t failing = 0; failed; ++failing) {
    CAPTURE(failing, stays_broken, longest_write);
    const TemporaryFolder folder;
    { StateDirectory(folder / "state", {.retain = 1}).save(sample_sections(1)); }

    FailingFiles files({.failing = failing, .stays_broken = stays_broken, .longest_write = longest_write, .code = code});
    bool saved = false;
    bool in_place = false;
    try {
      StateDirectory state(folder / "state", {.retain = 1}, files);
      const auto old = state.load_newest();
      REQUIRE(old->checkpoint.borrowed() == sample_sections(1));
      try {
        const std::string name = state.save(sample_sections(2));
        saved = true;
        CHECK(name == second);
      } catch (const IoError& error) {
        CHECK(error.code() == code);
        in_place = state.files() == 2;
        if (!stays_broken) {  // the same object goes on
          CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(in_place ? 2 : 1));
          CHECK(state.save(sample_sections(3)) == "checkpoint-00000000000000000003.rtml");
          CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(3));
        }
      }
    } catch (const IoError& error) {
      CHECK(error.code() == code);  // while starting
    } catch (const FormatError&) {
      CHECK(!saved);  // the read failed, and there was only one to read
    }
    failed = files.failed();
    if (failed && !saved) ++refused;

    StateDirectory state(folder / "state");
    const auto loaded = state.load_newest();
    REQUIRE(loaded.has_value());
    CHECK(loaded->refused.empty());
    if (saved) CHECK(loaded->checkpoint.borrowed() == sample_sections(2));
    if (stays_broken && !saved) CHECK(loaded->checkpoint.borrowed() == sample_sections(in_place ? 2 : 1));
    for (const std::string& name : names_in(state.path())) CHECK(!name.ends_with(".tmp"));
  }
  CHECK(refused >= 9);  // make, lock, list, read, create, write, sync, rename, sync
}

TEST_CASE("A checkpoint is on the disk before it gets its name, and has it there before an older one goes", "[checkpoint][io]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  FailingFiles files({});
  StateDirectory(folder / "state", {.retain = 1}, files).save(sample_sections(2));
  CHECK(files.done() ==
        std::vector<std::string>{"make directory", "lock", "list", "create", "write", "sync", "rename", "sync directory", "remove"});
}

TEST_CASE("A failed save takes its unfinished file away", "[checkpoint][io]") {
  const TemporaryFolder folder;
  for (std::size_t failing = 4; failing < 7; ++failing) {  // after make, lock, list and create: the writes
    FailingFiles files({.failing = failing});
    StateDirectory state(folder / "state", {}, files);
    CHECK_THROWS_AS(state.save(sample_sections()), IoError);
    CHECK(names_in(state.path()) == std::vector<std::string>{"LOCK"});
  }
}

TEST_CASE("Old checkpoints that cannot be removed do not make a save fail, and go with a later one", "[checkpoint][io]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  std::size_t operations = 0;
  {
    FailingFiles files({});
    StateDirectory(folder / "state", {.retain = 1}, files).save(sample_sections(2));
    operations = files.operations();
  }
  FailingFiles files({.failing = operations - 1, .code = EBUSY});
  StateDirectory state(folder / "state", {.retain = 1}, files);
  state.save(sample_sections(3));
  CHECK(files.failed());
  CHECK(state.files() == 2);
  state.save(sample_sections(4));
  CHECK(state.files() == 1);
  std::filesystem::remove(folder / "state/checkpoint-00000000000000000004.rtml");  // by somebody else
  state.save(sample_sections(5));
  CHECK(state.files() == 1);
}

TEST_CASE("A save that the file size limit stops is an IoError, and the checkpoint before it stays", "[checkpoint][io]") {
  const TemporaryFolder folder;
  const int code = in_child([&] {
    StateDirectory state(folder / "state");
    state.save(sample_sections(1));
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 10;
    try {
      state.save(sample_sections(2, 100000));
      return 11;
    } catch (const IoError& error) {
      const std::string what = error.what();
      if (error.code() != EFBIG) return 12;
      if (what.find("cannot write " + (folder / "state/checkpoint-")) == std::string::npos) return 13;
    }
    if (names_in(state.path()) != std::vector<std::string>{"LOCK", first}) return 14;
    return state.load_newest()->checkpoint.borrowed() == sample_sections(1) ? 0 : 15;
  });
  CHECK(code == 0);
  CHECK(StateDirectory(folder / "state").load_newest()->checkpoint.borrowed() == sample_sections(1));
}

TEST_CASE("A folder that is held is refused with its path and the holder's process", "[checkpoint][io]") {
  const TemporaryFolder folder;
  SECTION("by another object of this process") {
    const StateDirectory state(folder / "state");
    const std::string expected = "cannot lock " + (folder / "state/LOCK") + ": held by process " + std::to_string(::getpid());
    CHECK_THROWS_WITH(StateDirectory(folder / "state"), expected);
  }
  SECTION("by another process, until it ends, however it ends") {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t holder = ::fork();
    REQUIRE(holder >= 0);
    if (holder == 0) {
      StateDirectory state(folder / "state");
      static_cast<void>(!::write(ready[1], "x", 1));
      for (;;) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    CHECK_THROWS_WITH(StateDirectory(folder / "state"),
                      "cannot lock " + (folder / "state/LOCK") + ": held by process " + std::to_string(holder));
    CHECK_THROWS_AS(StateDirectory(folder / "state"), IoError);
    REQUIRE(::kill(holder, SIGKILL) == 0);
    REQUIRE(::waitpid(holder, nullptr, 0) == holder);
    ::close(ready[0]);
    ::close(ready[1]);
    CHECK(StateDirectory(folder / "state").files() == 0);
  }
  SECTION("and free again when the object is gone") {
    { const StateDirectory state(folder / "state"); }
    CHECK(StateDirectory(folder / "state").files() == 0);
  }
}

TEST_CASE("A file of the last number is not followed by one that no start would find", "[checkpoint][hostile]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  const std::string last = "checkpoint-04611686018427387904.rtml";
  write_file(folder / ("state/" + last), {});
  StateDirectory state(folder / "state");
  CHECK_THROWS_WITH(state.save(sample_sections(2)), "cannot write " + (folder / "state") + ": there is no number after " + last);
  CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(1));
}

TEST_CASE("A pipe in place of a checkpoint is refused, and nobody waits for what comes out of it", "[checkpoint][hostile]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  REQUIRE(::mkfifo((folder / ("state/" + second)).c_str(), 0600) == 0);
  StateDirectory state(folder / "state");
  const auto loaded = state.load_newest();
  REQUIRE(loaded.has_value());
  CHECK(loaded->file == first);
  CHECK(loaded->unread == EINVAL);
}

TEST_CASE("Loading tells a file that could not be read from one that is damaged", "[checkpoint][io]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  write_file(folder / ("state/" + second), Bytes(10));
  FailingFiles files({.failing = 3, .code = EMFILE});  // after make, lock and list: the first read
  StateDirectory state(folder / "state", {}, files);
  CHECK(state.load_newest()->unread == EMFILE);
  CHECK(state.load_newest()->unread == 0);
}

TEST_CASE("Whatever a limit allows, what was saved compressed is loaded", "[checkpoint]") {
  const TemporaryFolder folder;
  const std::vector<Section> sections{{"a", Bytes(3000)}, {"b", Bytes(3000)}, {"c", Bytes(2000)}};
  for (const std::uint64_t limit : {0U, 2999U, 5000U, 8000U}) {
    StateDirectory state(folder / ("state" + std::to_string(limit)), {.compression = Compression::zstd, .unpacked_limit = limit});
    state.save(sections);
    CHECK(state.load_newest()->checkpoint.borrowed() == sections);
  }
  const auto size = [&](std::uint64_t limit) { return rtml::checkpoint::encode(sections, Compression::zstd, limit).size(); };
  CHECK(size(0) == rtml::checkpoint::encode(sections).size());
  CHECK(size(5000) < size(2999));  // "a" and "c"
  CHECK(size(8000) < size(5000));
}

TEST_CASE("A file that is exported is whole or the one before it, whatever fails", "[checkpoint][io]") {
  const TemporaryFolder folder;
  const std::string path = folder / "export.rtml";
  bool failed = true;
  for (std::size_t failing = 0; failed; ++failing) {
    CAPTURE(failing);
    rtml::checkpoint::write_file(path, sample_sections(1));
    FailingFiles files({.failing = failing});
    try {
      rtml::checkpoint::write_file(path, sample_sections(2), Compression::zstd, files);
    } catch (const IoError&) {
      CHECK(files.done().back() != "write");  // removed
    }
    failed = files.failed();
    const bool in_place = std::count(files.done().begin(), files.done().end(), "sync directory") == 1;
    CHECK(rtml::checkpoint::Checkpoint::open(path).borrowed() == sample_sections(in_place ? 2 : 1));
    CHECK(names_in(folder / "") == std::vector<std::string>{"export.rtml"});
  }
}

TEST_CASE("Several write one path, and what is there is always whole", "[checkpoint][threads]") {
  const TemporaryFolder folder;
  const std::string path = folder / "export.rtml";
  rtml::checkpoint::write_file(path, sample_sections(0));
  std::atomic<int> faults{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer)
    writers.emplace_back([&] {
      try {
        for (std::uint64_t i = 0; i < 50; ++i) rtml::checkpoint::write_file(path, sample_sections(i, 20000));
      } catch (const rtml::Error&) {
        ++faults;
      }
    });
  for (int i = 0; i < 50; ++i) {
    try {
      rtml::checkpoint::Checkpoint::open(path);
    } catch (const rtml::Error&) {
      ++faults;
    }
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(faults == 0);
  CHECK(names_in(folder / "") == std::vector<std::string>{"export.rtml"});
}

TEST_CASE("A forked child may not save into its parent's folder", "[checkpoint][io]") {
  const TemporaryFolder folder;
  StateDirectory state(folder / "state");
  state.save(sample_sections(1));
  const int code = in_child([&] {
    try {
      state.save(sample_sections(2));
      return 1;
    } catch (const IoError& error) {
      return error.code() == EPERM ? 0 : 2;
    }
  });
  CHECK(code == 0);
  CHECK(state.save(sample_sections(3)) == second);
  CHECK_THROWS_AS(StateDirectory(folder / "state"), IoError);  // the child's end did not give it free
}

TEST_CASE("What a crash leaves behind is removed at the start, and what is not ours stays", "[checkpoint][io]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  const Bytes torn(100);
  write_file(folder / ("state/" + second + ".tmp"), torn);
  write_file(folder / "state/report.html.tmp", torn);
  write_file(folder / "state/checkpoint-2.rtml", torn);
  write_file(folder / "state/checkpoint-99999999999999999999.rtml", torn);
  StateDirectory state(folder / "state");
  CHECK(state.files() == 1);
  CHECK(names_in(state.path()) ==
        std::vector<std::string>{"LOCK", first, "checkpoint-2.rtml", "checkpoint-99999999999999999999.rtml", "report.html.tmp"});
  CHECK(state.load_newest()->checkpoint.borrowed() == sample_sections(1));
  CHECK(state.save(sample_sections(2)) == second);
}

TEST_CASE("A folder in place of a checkpoint does not hide the one before it", "[checkpoint]") {
  const TemporaryFolder folder;
  { StateDirectory(folder / "state").save(sample_sections(1)); }
  std::filesystem::create_directory(folder / ("state/" + second));
  StateDirectory state(folder / "state");
  const auto loaded = state.load_newest();
  REQUIRE(loaded.has_value());
  CHECK(loaded->file == first);
  CHECK(loaded->refused == std::vector<std::string>{second + ": cannot read " + (folder / ("state/" + second)) + ": Is a directory"});
}

TEST_CASE("StateDirectory names what is wrong with its options and its path", "[checkpoint][config]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(StateDirectory(folder / "state", {.retain = 0}), "StateDirectory: retain is 0, must be >= 1");
  CHECK_THROWS_AS(StateDirectory(""), ConfigError);
  write_file(folder / "file", Bytes(1));
  CHECK_THROWS_AS(StateDirectory(folder / "file"), IoError);
  CHECK_THROWS_AS(StateDirectory(folder / "file/below"), IoError);
}
