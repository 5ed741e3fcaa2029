// rtml-bench checkpoint: saving and loading a linear model whose weights are all in use, beside a plain write and read of as many bytes.
// Both sides end with fdatasync when they write. Rounds alternate between the two, so that what else the machine does falls on both; medians.
// Cold reads come after the file was written out and dropped from the page cache (posix_fadvise); where that leaves it there, `cold` is false.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/state_directory.hpp"
#include "rtml/core/rng.hpp"
#include "rtml/learn/linear.hpp"
#include "stopwatch.hpp"

namespace rtml_bench {
namespace checkpoint_bench {
namespace {

using namespace rtml;
using checkpoint::Checkpoint;
using checkpoint::Section;
using checkpoint::StateDirectory;

struct Options {
  unsigned bits = 22;
  unsigned rounds = 7;
  std::string folder = ".";
  bool json = false;
};

constexpr std::size_t features_of_an_example = 30;
constexpr std::size_t examples_between = 1000;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

class File {
 public:
  File(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (number_ < 0) fail("cannot open " + path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(number_); }
  int number() const { return number_; }

 private:
  int number_;
};

template <class Work>
double seconds_of(Work work) {
  const auto begin = Clock::now();
  work();
  return nanoseconds(Clock::now() - begin) / 1e9;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void write_plainly(const std::string& path, std::span<const std::byte> bytes) {
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.number(), bytes.data(), bytes.size());
    if (written <= 0) fail("cannot write " + path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fdatasync(file.number()) != 0) fail("cannot sync " + path);
}

/// Into memory of its own, as whoever needs the bytes has to.
void read_plainly(const std::string& path, std::size_t size) {
  const File file(path, O_RDONLY);
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(static_cast<std::byte*>(std::malloc(size)), &std::free);
  if (!memory) throw std::bad_alloc();
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(file.number(), memory.get() + done, size - done);
    if (count <= 0) fail("cannot read " + path);
    done += static_cast<std::size_t>(count);
  }
}

/// Out of the page cache; false when it is still there.
bool drop(const std::string& path, std::size_t size) {
  const File file(path, O_RDONLY);
  if (::fdatasync(file.number()) != 0) fail("cannot sync " + path);
  ::posix_fadvise(file.number(), 0, 0, POSIX_FADV_DONTNEED);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  if (memory == MAP_FAILED) fail("cannot map " + path);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((size + page - 1) / page);
  const bool known = ::mincore(memory, size, resident.data()) == 0;
  ::munmap(memory, size);
  const auto left = std::count_if(resident.begin(), resident.end(), [](unsigned char r) { return (r & 1U) != 0; });
  return known && left * 100 < static_cast<std::ptrdiff_t>(resident.size());
}

/// Every one of the 2^bits weights was learned, or all but those that no index met.
LogisticRegression learned_model(unsigned bits) {
  LogisticRegression model({.bits = bits});
  model.bind(Schema({{.name = "token", .kind = Column::Kind::hashed}}));
  Rng rng(1);
  std::vector<SparseFeature> sparse(256);
  for (std::size_t at = 0; at < std::size_t{1} << bits; at += sparse.size()) {
    for (std::size_t i = 0; i < sparse.size(); ++i) sparse[i] = {static_cast<std::uint32_t>(at + i), 1.0F};
    model.learn({{}, sparse}, rng.uniform() < 0.3 ? 1.0F : 0.0F);
  }
  return model;
}

void learn_more(LogisticRegression& model, Rng& rng) {
  std::vector<SparseFeature> sparse(features_of_an_example);
  for (std::size_t n = 0; n < examples_between; ++n) {
    for (SparseFeature& feature : sparse) feature = {static_cast<std::uint32_t>(rng()), 1.0F};
    model.learn({{}, sparse}, rng.uniform() < 0.3 ? 1.0F : 0.0F);
  }
}

std::vector<Section> sections_of(const LogisticRegression& model) {
  Writer writer = Writer::borrowing();
  writer(model);
  std::vector<Section> sections;
  sections.push_back(Section::of("model", std::move(writer)));
  return sections;
}

std::size_t size_of(const std::string& path) { return static_cast<std::size_t>(std::filesystem::file_size(path)); }

class Run {
 public:
  explicit Run(const Options& options) : options_(options), folder_(options.folder + "/rtml-bench-checkpoint-" + to_text(::getpid())) {}
  ~Run() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  nlohmann::ordered_json measure() {
    LogisticRegression model = learned_model(options_.bits);
    nlohmann::ordered_json figures = measure_full(model);
    measure_deltas(model, figures);
    return figures;
  }

 private:
  nlohmann::ordered_json measure_full(const LogisticRegression& model) {
    StateDirectory state(folder_ + "/state", {.retain = 1});
    const std::string raw = folder_ + "/raw";
    std::string file;
    std::vector<double> save, raw_write, load_warm, raw_warm, load_cold, raw_cold, map;
    bool cold = true;
    std::vector<std::byte> bytes;
    for (unsigned round = 0; round < options_.rounds; ++round) {
      save.push_back(seconds_of([&] { file = state.path() + "/" + state.save(sections_of(model)); }));
      bytes.resize(size_of(file), std::byte{1});
      raw_write.push_back(seconds_of([&] { write_plainly(raw, bytes); }));
      const auto load_all = [&] {
        LogisticRegression restored({.bits = options_.bits});
        const FileBytesOf newest(state);
        load(restored, newest.bytes());
        if (restored.memory_bytes() < bytes.size() / 2) throw std::runtime_error("nothing was loaded");
      };
      load_warm.push_back(seconds_of(load_all));
      raw_warm.push_back(seconds_of([&] { read_plainly(raw, bytes.size()); }));
      map.push_back(seconds_of([&] {
        LogisticRegression mapped({.bits = options_.bits});
        Checkpoint::open(file).restore("model", mapped);
      }));
      cold = drop(file, bytes.size()) && drop(raw, bytes.size()) && cold;
      load_cold.push_back(seconds_of(load_all));
      raw_cold.push_back(seconds_of([&] { read_plainly(raw, bytes.size()); }));
    }
    return {{"bytes", bytes.size()},
            {"save_seconds", median(save)},
            {"load_seconds", median(load_warm)},
            {"raw_write_seconds", median(raw_write)},
            {"raw_read_seconds", median(raw_warm)},
            {"cold", cold},
            {"load_cold_seconds", median(load_cold)},
            {"raw_read_cold_seconds", median(raw_cold)},
            {"map_seconds", median(map)}};
  }

  /// 1000 examples of 30 features between two checkpoints.
  void measure_deltas(LogisticRegression& model, nlohmann::ordered_json& figures) {
    constexpr std::size_t chain = 8;
    StateDirectory state(folder_ + "/deltas", {.retain = 1, .deltas = chain});
    state.save(sections_of(model));
    Rng rng(2);
    std::vector<double> save, sizes;
    for (std::size_t i = 0; i < chain; ++i) {
      learn_more(model, rng);
      std::string file;
      save.push_back(seconds_of([&] { file = state.save(sections_of(model)); }));
      sizes.push_back(static_cast<double>(size_of(state.path() + "/" + file)));
    }
    figures["delta_bytes"] = median(sizes);
    figures["delta_save_seconds"] = median(save);
    figures["delta_load_seconds"] = seconds_of([&] { state.load_newest(); });
    figures["delta_memory_bytes"] = state.memory_bytes();
  }

  /// The model's bytes of the newest checkpoint.
  class FileBytesOf {
   public:
    explicit FileBytesOf(StateDirectory& state) : loaded_(state.load_newest()) {}
    std::span<const std::byte> bytes() const { return loaded_->checkpoint.at("model").bytes; }

   private:
    std::optional<StateDirectory::Loaded> loaded_;
  };

  Options options_;
  std::string folder_;
};

void run(const Options& options) {
  const auto figures = Run(options).measure();
  if (options.json) {
    fmt::print("{}\n", figures.dump());
    return;
  }
  const auto of = [&](const char* name) { return figures[name].get<double>(); };
  fmt::print("{} weights, {:.1f} MB\n", std::uint64_t{1} << options.bits, of("bytes") / 1e6);
  fmt::print("{:<28}{:>10}{:>10}{:>8}\n", "", "rtml ms", "plain ms", "ratio");
  const auto line = [&](const char* what, const char* ours, const char* plain) {
    fmt::print("{:<28}{:>10.1f}{:>10.1f}{:>8.2f}\n", what, 1e3 * of(ours), 1e3 * of(plain), of(ours) / of(plain));
  };
  line("save, to the disk", "save_seconds", "raw_write_seconds");
  line("load, from the page cache", "load_seconds", "raw_read_seconds");
  line(figures["cold"].get<bool>() ? "load, from the disk" : "load (cache not dropped)", "load_cold_seconds", "raw_read_cold_seconds");
  fmt::print("{:<28}{:>10.1f}\n", "map", 1e3 * of("map_seconds"));
  fmt::print(
      "after {} examples of {} features a delta is {:.2f} MB: saved in {:.1f} ms, the chain loaded in {:.1f} ms, {:.1f} MB of checksums\n",
      examples_between, features_of_an_example, of("delta_bytes") / 1e6, 1e3 * of("delta_save_seconds"), 1e3 * of("delta_load_seconds"),
      of("delta_memory_bytes") / 1e6);
}

}  // namespace
}  // namespace checkpoint_bench

void add_checkpoint(CLI::App& app) {
  using namespace checkpoint_bench;
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("checkpoint", "Save and load 2^bits weights beside a plain write and read of as many bytes");
  command->add_option("--bits", options->bits, "2^bits weights of 16 bytes")->check(CLI::Range(8U, 28U))->capture_default_str();
  command->add_option("--rounds", options->rounds, "Rounds, of which the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_option("--folder", options->folder, "Where the files are written")->check(CLI::ExistingDirectory)->capture_default_str();
  command->add_flag("--json", options->json, "One JSON object on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace rtml_bench
