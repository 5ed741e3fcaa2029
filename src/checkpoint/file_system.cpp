#include "rtml/checkpoint/file_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "rtml/core/error.hpp"

namespace rtml::checkpoint {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string_view operation, const std::string& path, int code) {
  raise(IoError(fmt::format("cannot {} {}: {}", operation, path, std::generic_category().message(code)), code));
}

/// Calls `operation` until no signal interrupts it.
template <class Operation>
auto uninterrupted(Operation operation) {
  auto result = operation();
  while (result < 0 && errno == EINTR) result = operation();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

Descriptor open_file(const std::string& path, int flags) {
  constexpr mode_t mode = 0666;  // less the host's umask
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

class SystemFile final : public FileSystem::File {
 public:
  SystemFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  std::size_t write(std::span<const std::byte> bytes) override {
    const auto written = uninterrupted([&] { return ::write(descriptor_.number(), bytes.data(), bytes.size()); });
    if (written < 0) refuse("write", path_, errno);
    if (written == 0 && !bytes.empty()) refuse("write", path_, EIO);
    return static_cast<std::size_t>(written);
  }

  void sync() override {
    if (uninterrupted([&] { return ::fdatasync(descriptor_.number()); }) != 0) refuse("sync", path_, errno);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

/// All of a file, read into memory. For systems that cannot say of a mapping whether the disk gave all of it, and for what cannot be mapped.
std::vector<std::byte> read_all(int descriptor, std::size_t size, const std::string& path) {
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto count = uninterrupted([&] { return ::read(descriptor, bytes.data() + done, bytes.size() - done); });
    if (count < 0) refuse("read", path, errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return bytes;
}

/// All of a file, mapped and brought into memory; nothing where that cannot be done.
FileBytes mapped([[maybe_unused]] int descriptor, [[maybe_unused]] std::size_t size) {
#if defined(__linux__)
#if !defined(MADV_POPULATE_READ)
  constexpr int MADV_POPULATE_READ = 22;  // Linux 5.14
#endif
  if (size == 0) return {};
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED) return {};
  const std::shared_ptr<const void> owner(memory, [size](void* begin) { ::munmap(begin, size); });
  // A disk that cannot read says so here, and not by a signal in the middle of whoever looks.
  if (::madvise(memory, size, MADV_POPULATE_READ) == 0) return {std::span(static_cast<const std::byte*>(memory), size), owner};
#endif
  return {};
}

/// "process 1234", or "another process" where the file does not say.
std::string holder_in(int descriptor) {
  char text[32];
  const auto size = uninterrupted([&] { return ::pread(descriptor, text, sizeof(text), 0); });
  std::int64_t pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid > 0 ? fmt::format("process {}", pid) : "another process";
}

class SystemFiles final : public FileSystem {
 public:
  void make_directory(const std::string& path) override {
    const fs::path parent = fs::path(path).parent_path();
    std::error_code error;
    const bool made = fs::create_directories(path, error);
    if (error) refuse("make directory", path, error.value());
    if (made) sync_directory(parent.empty() ? "." : parent.string());
  }

  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
      names.push_back(at->path().filename().string());
    if (error) refuse("list", directory, error.value());
    return names;
  }

  FileBytes read(const std::string& path) override {
    const Descriptor file = open_file(path, O_RDONLY | O_NONBLOCK);  // a pipe in its place would wait for a writer
    struct stat about {};
    if (!file.is_open() || ::fstat(file.number(), &about) != 0) refuse("read", path, errno);
    if (!S_ISREG(about.st_mode)) refuse("read", path, S_ISDIR(about.st_mode) ? EISDIR : EINVAL);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (FileBytes bytes = mapped(file.number(), size); bytes.owner()) return bytes;
    return read_all(file.number(), size, path);
  }

  std::unique_ptr<File> create(const std::string& path) override {
    Descriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!file.is_open()) refuse("create", path, errno);
    return std::make_unique<SystemFile>(std::move(file), path);
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) refuse("rename to", to, errno);
  }

  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) refuse("remove", path, errno);
  }

  void sync_directory(const std::string& directory) override {
    const Descriptor opened = open_file(directory, O_RDONLY | O_DIRECTORY);
    if (!opened.is_open() || uninterrupted([&] { return ::fsync(opened.number()); }) != 0) refuse("sync directory", directory, errno);
  }

  std::unique_ptr<File> lock(const std::string& path) override {
    // flock belongs to the open file, not to the process: a second object of this process is refused too.
    Descriptor file = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (!file.is_open()) refuse("lock", path, errno);
    if (uninterrupted([&] { return ::flock(file.number(), LOCK_EX | LOCK_NB); }) != 0) {
      const int code = errno;
      if (code != EWOULDBLOCK) refuse("lock", path, code);
      raise(IoError(fmt::format("cannot lock {}: held by {}", path, holder_in(file.number())), code));
    }
    // Only a hint for whoever is refused: not worth failing for on a full disk.
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(file.number(), 0) != 0 || ::pwrite(file.number(), pid.data(), pid.size(), 0) < 0) errno = 0;
    return std::make_unique<SystemFile>(std::move(file), path);
  }
};

}  // namespace

FileSystem& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace rtml::checkpoint
