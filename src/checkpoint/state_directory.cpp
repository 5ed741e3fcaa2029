#include "rtml/checkpoint/state_directory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <random>
#include <string_view>
#include <utility>

#include "delta.hpp"
#include "layout.hpp"
#include "rtml/core/error.hpp"

namespace rtml::checkpoint {

namespace {

constexpr std::string_view full_prefix = "checkpoint-";
constexpr std::string_view delta_prefix = "delta-";
constexpr std::string_view suffix = ".rtml";
constexpr std::string_view unfinished = ".tmp";
constexpr std::size_t digits = 20;

constexpr std::uint64_t largest = std::uint64_t{1} << 62U;  // a made-up name must not make the numbers wrap

/// nullopt when the name is not one of ours.
std::optional<std::uint64_t> number_of(std::string_view name, std::string_view prefix) {
  if (name.size() != prefix.size() + digits + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const std::string_view text = name.substr(prefix.size(), digits);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc{} || end != text.data() + digits || number > largest) return std::nullopt;
  return number;
}

/// Written at `temporary`, synced, renamed. What is left of a failure is for the caller to remove.
std::uint64_t write_beside(FileSystem& files, const std::string& path, const std::string& temporary, std::span<const Section> sections,
                           Compression compression, std::uint64_t unpacked_limit) {
  std::uint64_t id = 0;
  {
    const auto file = files.create(temporary);
    id = encode_to(sections, compression, unpacked_limit, [&](std::span<const std::byte> bytes) {
      while (!bytes.empty()) bytes = bytes.subspan(file->write(bytes));
    });
    file->sync();
  }
  files.rename(temporary, path);
  return id;
}

}  // namespace

StateDirectory::StateDirectory(std::string path, const Options& options, FileSystem& files)
    : path_(std::move(path)), options_(options), files_(&files), owner_(::getpid()) {
  require("StateDirectory", "path", path_, !path_.empty(), "the name of a folder");
  require("StateDirectory", "retain", options_.retain, options_.retain >= 1, ">= 1");
  require("StateDirectory", "deltas", options_.deltas, options_.deltas <= 1000, "in [0, 1000]");

  files_->make_directory(path_);
  lock_ = files_->lock(in_folder("LOCK"));
  const auto ours = [](std::string_view name) -> std::optional<Saved> {
    if (const auto number = number_of(name, full_prefix)) return Saved{*number, false};
    if (const auto number = number_of(name, delta_prefix)) return Saved{*number, true};
    return std::nullopt;
  };
  for (const std::string& name : files_->list(path_)) {
    if (const auto saved = ours(name)) {
      saved_.push_back(*saved);
    } else if (name.ends_with(unfinished) && ours(std::string_view(name).substr(0, name.size() - unfinished.size()))) {
      remove_quietly(name);
    }
  }
  std::sort(saved_.begin(), saved_.end(), [](const Saved& a, const Saved& b) { return a.number < b.number; });
  if (!saved_.empty()) next_ = saved_.back().number + 1;
}

StateDirectory::~StateDirectory() = default;

std::string StateDirectory::Saved::name() const { return fmt::format("{}{:020}{}", is_delta ? delta_prefix : full_prefix, number, suffix); }

std::size_t StateDirectory::memory_bytes() const noexcept {
  return sizeof(*this) + saved_.capacity() * sizeof(Saved) + damaged_.capacity() * sizeof(std::uint64_t) +
         (last_ ? last_->memory_bytes() : 0);
}

/// With all that a delta builds on.
Checkpoint StateDirectory::load(const Saved& saved) {
  std::vector<Checkpoint> chain;  // newest first
  std::uint64_t number = saved.number;
  std::string name = saved.name();
  chain.emplace_back(files_->read(in_folder(name)), options_.unpacked_limit);
  while (name.starts_with(delta_prefix)) {
    name = base_of(chain.back()).file;
    const auto base = name.starts_with(delta_prefix) ? number_of(name, delta_prefix) : number_of(name, full_prefix);
    if (!base || *base >= number) raise(FormatError(fmt::format("delta: is of \"{}\", which is no older checkpoint", layout::shown(name))));
    number = *base;
    chain.emplace_back(files_->read(in_folder(name)), options_.unpacked_limit);
  }
  if (chain.size() == 1) return std::move(chain.front());
  Patched patched(chain.back());
  chain.pop_back();
  for (; !chain.empty(); chain.pop_back()) patched.apply(chain.back());
  return patched.finish();
}

std::optional<StateDirectory::Loaded> StateDirectory::load_newest() {
  Loaded loaded;
  damaged_.clear();
  for (auto saved = saved_.rbegin(); saved != saved_.rend(); ++saved) {
    loaded.file = saved->name();
    const auto refuse = [&](const Error& error) {
      loaded.refused.push_back(fmt::format("{}: {}", loaded.file, error.what()));
      damaged_.push_back(saved->number);
    };
    try {
      loaded.checkpoint = load(*saved);
      return loaded;
    } catch (const IoError& error) {
      if (loaded.unread == 0) loaded.unread = error.code();
      refuse(error);
    } catch (const Error& error) {
      refuse(error);
    }
  }
  if (loaded.refused.empty()) return std::nullopt;
  std::string reasons;
  for (const std::string& reason : loaded.refused) reasons += "; " + reason;
  raise(FormatError(fmt::format("{}: none of {} checkpoints is whole{}", path_, saved_.size(), reasons)));
}

void StateDirectory::require_owner() const {
  if (::getpid() != owner_)
    raise(IoError(fmt::format("cannot write {}: it was taken by process {}, this one was forked from it", path_, owner_), EPERM));
}

std::string StateDirectory::save(std::span<const Section> sections) {
  require_owner();
  if (next_ > largest) raise(IoError(fmt::format("cannot write {}: there is no number after {}", path_, saved_.back().name()), EOVERFLOW));

  saved_.reserve(saved_.size() + 1);
  std::unique_ptr<BlockHashes> hashes = std::move(last_);  // whatever fails, a full one follows
  std::optional<std::vector<Section>> delta;
  if (options_.deltas > 0) {
    if (!hashes || chain_ >= options_.deltas) hashes = std::make_unique<BlockHashes>();
    delta = hashes->advance(sections, last_file_, last_id_);
  }
  const Saved saved{next_++, delta.has_value()};
  std::string name = saved.name();
  const std::string temporary = name + std::string(unfinished);
  std::uint64_t id = 0;
  try {
    id = write_beside(*files_, in_folder(name), in_folder(temporary), delta ? std::span<const Section>(*delta) : sections,
                      delta ? Compression::zstd : options_.compression, options_.unpacked_limit);
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  saved_.push_back(saved);
  files_->sync_directory(path_);
  last_ = std::move(hashes);
  last_file_ = name;
  last_id_ = id;
  chain_ = delta ? chain_ + 1 : 0;
  prune();
  return name;
}

void StateDirectory::remove_quietly(const std::string& name) noexcept {
  try {
    files_->remove(in_folder(name));
  } catch (...) {  // NOLINT(bugprone-empty-catch): a leftover harms nobody, the next start tries again
  }
}

/// Keeps the newest `retain` that are not known to be damaged and what those are deltas of, and removes all that are older.
void StateDirectory::prune() noexcept {
  const auto is_damaged = [&](const Saved& saved) { return std::find(damaged_.begin(), damaged_.end(), saved.number) != damaged_.end(); };
  std::size_t kept = 0;
  auto oldest = saved_.end();
  while (oldest != saved_.begin() && (kept < options_.retain || oldest->is_delta)) kept += is_damaged(*--oldest) ? 0U : 1U;

  saved_.erase(std::remove_if(saved_.begin(), oldest,
                              [&](const Saved& saved) {
                                try {
                                  files_->remove(in_folder(saved.name()));
                                  return true;
                                } catch (const IoError& error) {
                                  return error.code() == ENOENT;  // else the next save tries again
                                }
                              }),
               oldest);
}

std::uint64_t write_file(const std::string& path, std::span<const Section> sections, Compression compression, FileSystem& files) {
  const std::size_t slash = path.rfind('/');
  std::random_device random;  // several may write the same path at a time
  const std::string temporary = fmt::format("{}.{:08x}{:08x}{}", path, random(), random(), unfinished);
  std::uint64_t id = 0;
  try {
    id = write_beside(files, path, temporary, sections, compression, default_unpacked_limit);
  } catch (...) {
    try {
      files.remove(temporary);
    } catch (...) {  // NOLINT(bugprone-empty-catch): what failed first is what the caller should hear of
    }
    throw;
  }
  files.sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
  return id;
}

}  // namespace rtml::checkpoint
