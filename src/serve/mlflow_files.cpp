#include "serve/mlflow_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"
#include "rtml/serve/detail/names.hpp"

namespace rtml::tracking {

namespace {

[[noreturn]] void refuse_append(const std::string& path, int code) {
  raise(IoError(fmt::format("cannot append to {}: {}", path, std::generic_category().message(code)), code));
}

}  // namespace

Yaml& Yaml::text(std::string_view key, std::string_view value) {
  text_.append(key).append(": \"");
  std::uint32_t point = 0;
  while (!value.empty()) {
    if (!detail::take_code_point(value, point)) raise(ConfigError(fmt::format("{}: is not UTF-8", key)));
    if (point == '"' || point == '\\') {
      text_.push_back('\\');
      text_.push_back(static_cast<char>(point));
    } else if (point >= 0x20 && point < 0x7f) {
      text_.push_back(static_cast<char>(point));
    } else if (point < 0x10000) {
      fmt::format_to(std::back_inserter(text_), "\\u{:04x}", point);
    } else {
      fmt::format_to(std::back_inserter(text_), "\\U{:08x}", point);
    }
  }
  text_ += "\"\n";
  return *this;
}

Yaml& Yaml::number(std::string_view key, std::int64_t value) { return literal(key, to_text(value)); }

Yaml& Yaml::literal(std::string_view key, std::string_view value) {
  text_.append(key).append(": ").append(value).append("\n");
  return *this;
}

std::string file_uri(std::string_view path) {
  std::string uri = "file://";
  for (const char c : path) {
    if (detail::is_alphanumeric(c) || std::string_view("/_.-~").find(c) != std::string_view::npos) {
      uri += c;
    } else {
      fmt::format_to(std::back_inserter(uri), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  if (error) raise(IoError(fmt::format("cannot find {}: {}", path, error.message()), error.value()));
  std::string text = whole.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool exists(const std::string& path) {
  std::error_code error;
  const bool found = std::filesystem::exists(path, error);
  if (error) raise(IoError(fmt::format("cannot find {}: {}", path, error.message()), error.value()));
  return found;
}

std::int64_t milliseconds(Time at) noexcept { return std::chrono::floor<std::chrono::milliseconds>(at).time_since_epoch().count(); }

std::span<const std::byte> bytes_of(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

void replace_file(const std::string& path, std::span<const std::byte> bytes, const std::string& beside) {
  checkpoint::FileSystem& files = checkpoint::system_files();
  files.make_directory(std::filesystem::path(path).parent_path().string());
  {
    const auto file = files.create(beside);
    while (!bytes.empty()) bytes = bytes.subspan(file->write(bytes));
  }
  files.rename(beside, path);
}

void append_to_file(const std::string& path, std::span<const std::byte> bytes) {
  constexpr mode_t mode = 0666;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0) refuse_append(path, errno);
  const off_t before = ::lseek(file, 0, SEEK_END);
  int code = before < 0 ? errno : 0;
  while (code == 0 && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (written == 0 || errno != EINTR) {
      code = written == 0 ? EIO : errno;
    }
  }
  if (code != 0 && before >= 0 && ::ftruncate(file, before) != 0) code = errno;
  ::close(file);
  if (code != 0) refuse_append(path, code);
}

void require_key(std::string_view what, std::string_view key) {
  require("Run", what, key, detail::is_key(key),
          "a path of letters, digits, _, ., -, space and /, at most 250 bytes, no part of it empty, . or beginning with ..");
}

void require_text(std::string_view what, std::string_view value, std::size_t most) {
  require("Run", what, value.substr(0, 100), value.size() <= most && detail::is_utf8(value),
          fmt::format("UTF-8 of at most {} bytes", most));
}

}  // namespace rtml::tracking
