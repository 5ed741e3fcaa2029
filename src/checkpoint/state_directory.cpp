#include "rtml/checkpoint/state_directory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "layout.hpp"
#include "rtml/core/error.hpp"

namespace rtml::checkpoint {

namespace {

constexpr std::string_view prefix = "checkpoint-";
constexpr std::string_view suffix = ".rtml";
constexpr std::string_view unfinished = ".tmp";
constexpr std::size_t digits = 20;

std::string name_of(std::uint64_t number) { return fmt::format("{}{:020}{}", prefix, number, suffix); }

/// nullopt when the name is not one of ours.
std::optional<std::uint64_t> number_of(std::string_view name) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 62U;  // a made-up name must not make the numbers wrap
  if (name.size() != prefix.size() + digits + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  const std::string_view text = name.substr(prefix.size(), digits);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc{} || end != text.data() + digits || number > largest) return std::nullopt;
  return number;
}

}  // namespace

StateDirectory::StateDirectory(std::string path, const Options& options, FileSystem& files)
    : path_(std::move(path)), options_(options), files_(&files), owner_(::getpid()) {
  require("StateDirectory", "path", path_, !path_.empty(), "the name of a folder");
  require("StateDirectory", "retain", options_.retain, options_.retain >= 1, ">= 1");

  files_->make_directory(path_);
  lock_ = files_->lock(in_folder("LOCK"));
  for (const std::string& name : files_->list(path_)) {
    if (const auto number = number_of(name)) {
      numbers_.push_back(*number);
    } else if (name.ends_with(unfinished) && number_of(std::string_view(name).substr(0, name.size() - unfinished.size()))) {
      remove_quietly(name);
    }
  }
  std::sort(numbers_.begin(), numbers_.end());
  if (!numbers_.empty()) next_ = numbers_.back() + 1;
}

std::optional<StateDirectory::Loaded> StateDirectory::load_newest() {
  Loaded loaded;
  damaged_.clear();
  for (auto number = numbers_.rbegin(); number != numbers_.rend(); ++number) {
    loaded.file = name_of(*number);
    try {
      loaded.sections = decode(files_->read(in_folder(loaded.file)), options_.unpacked_limit);
      return loaded;
    } catch (const Error& error) {
      loaded.refused.push_back(fmt::format("{}: {}", loaded.file, error.what()));
      damaged_.push_back(*number);
    }
  }
  if (loaded.refused.empty()) return std::nullopt;
  std::string reasons;
  for (const std::string& reason : loaded.refused) reasons += "; " + reason;
  raise(FormatError(fmt::format("{}: none of {} checkpoints is whole{}", path_, numbers_.size(), reasons)));
}

std::string StateDirectory::save(std::span<const Section> sections) {
  if (::getpid() != owner_)
    raise(IoError(fmt::format("cannot write {}: it was taken by process {}, this one was forked from it", path_, owner_), EPERM));

  const std::uint64_t number = next_++;
  std::string name = name_of(number);
  const std::string temporary = name + std::string(unfinished);
  numbers_.reserve(numbers_.size() + 1);
  try {
    write_beside(in_folder(temporary), sections);
    files_->rename(in_folder(temporary), in_folder(name));
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  numbers_.push_back(number);
  files_->sync_directory(path_);
  prune();
  return name;
}

void StateDirectory::write_beside(const std::string& temporary, std::span<const Section> sections) {
  const auto file = files_->create(temporary);
  encode_to(sections, options_.compression, [&](std::span<const std::byte> bytes) {
    while (!bytes.empty()) bytes = bytes.subspan(file->write(bytes));
  });
  file->sync();
}

void StateDirectory::remove_quietly(const std::string& name) noexcept {
  try {
    files_->remove(in_folder(name));
  } catch (...) {  // NOLINT(bugprone-empty-catch): a leftover harms nobody, the next start tries again
  }
}

/// Keeps the newest `retain` that are not known to be damaged, and removes all that are older than those.
void StateDirectory::prune() noexcept {
  const auto is_damaged = [&](std::uint64_t number) { return std::find(damaged_.begin(), damaged_.end(), number) != damaged_.end(); };
  std::size_t kept = 0;
  auto oldest = numbers_.end();
  while (oldest != numbers_.begin() && kept < options_.retain) kept += is_damaged(*--oldest) ? 0U : 1U;

  numbers_.erase(std::remove_if(numbers_.begin(), oldest,
                                [&](std::uint64_t number) {
                                  try {
                                    files_->remove(in_folder(name_of(number)));
                                    return true;
                                  } catch (const IoError& error) {
                                    return error.code() == ENOENT;  // else the next save tries again
                                  }
                                }),
                 oldest);
}

}  // namespace rtml::checkpoint
