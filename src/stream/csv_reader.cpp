#include "rtml/stream/csv_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::stream {

namespace {

constexpr int end_of_file = -1;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes `digits` digits and what follows from the front of `text`.
bool take(std::string_view& text, std::size_t digits, char after, int& value) noexcept {
  if (text.size() < digits) return false;
  const auto result = std::from_chars(text.data(), text.data() + digits, value);
  if (result.ec != std::errc{} || result.ptr != text.data() + digits || value < 0) return false;
  text.remove_prefix(digits);
  if (after == '\0') return true;
  if (text.empty() || text.front() != after) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Time> parse_calendar_time(std::string_view text) noexcept {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take(text, 4, '-', year) || !take(text, 2, '-', month) || !take(text, 2, '\0', day)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  Time at = std::chrono::sys_days(date);
  if (text.empty()) return at;

  int hour = 0;
  int minute = 0;
  int second = 0;
  if (text.front() != 'T' && text.front() != ' ') return std::nullopt;
  text.remove_prefix(1);
  if (!take(text, 2, ':', hour) || !take(text, 2, ':', minute) || !take(text, 2, '\0', second)) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  at += std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    std::int64_t unit = 100'000;  // microseconds
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), unit /= 10)
      at += Duration(unit * (text.front() - '0'));
  }
  return text.empty() || text == "Z" ? std::optional(at) : std::nullopt;
}

std::FILE* open(const std::filesystem::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    const int code = errno;
    raise(IoError("cannot open " + path.string() + ": " + std::generic_category().message(code), code));
  }
  return file;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double value = 0.0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Time> parse_time(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() >= 10 && text[4] == '-') return parse_calendar_time(text);
  const auto number = parse_number(text);
  if (!number || !is_finite(*number)) return std::nullopt;
  const double size = *number < 0.0 ? -*number : *number;
  const double micros = *number * (size < 1e11 ? 1e6 : size < 1e14 ? 1e3 : 1.0);
  if (!(micros > -9e18 && micros < 9e18)) return std::nullopt;
  return Time(Duration(static_cast<std::int64_t>(micros)));
}

CsvReader::CsvReader(const std::filesystem::path& path, const Options& options)
    : CsvReader(std::unique_ptr<std::FILE, Close>(open(path)), {}, path.string(), options) {}

CsvReader CsvReader::of_text(std::string text, const Options& options, std::string name) {
  return {nullptr, std::move(text), std::move(name), options};
}

CsvReader::CsvReader(std::unique_ptr<std::FILE, Close> file, std::string text, std::string name, const Options& options)
    : options_(options), name_(std::move(name)), file_(std::move(file)), buffer_(std::move(text)) {
  require("CsvReader", "max_line", options.max_line, options.max_line >= 16 && options.max_line <= (std::size_t{1} << 30U),
          "in [16, 2^30]");
  require("CsvReader", "max_columns", options.max_columns, options.max_columns > 0, "> 0");
  require("CsvReader", "separator", std::string(1, options.separator),
          options.separator != '"' && options.separator != '\n' && options.separator != '\r', "no quote and no newline");
  read_header();
}

void CsvReader::read_header() {
  if (peek() == 0xEF && buffer_.compare(at_, 3, "\xEF\xBB\xBF") == 0) at_ += 3;  // UTF-8 byte order mark
  const Record header = read_record();
  if (header == Record::end) raise(FormatError(name_ + ": has no header line"));
  if (header == Record::bad) raise(FormatError(name_ + ", line 1: " + reason_));
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    columns_.push_back(record_.substr(begin, end - begin));
    begin = end;
  }
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (std::find(columns_.begin(), columns_.begin() + static_cast<std::ptrdiff_t>(i), columns_[i]) !=
        columns_.begin() + static_cast<std::ptrdiff_t>(i))
      raise(FormatError(name_ + ", line 1: column \"" + columns_[i] + "\" stands twice"));
  numbers_.resize(columns_.size());
  fields_.resize(columns_.size());
  declared_numeric_.resize(columns_.size());
  not_numeric_.resize(columns_.size());
}

std::size_t CsvReader::column(std::string_view name) const {
  const auto at = std::find(columns_.begin(), columns_.end(), name);
  if (at != columns_.end()) return static_cast<std::size_t>(at - columns_.begin());
  std::string there;
  for (const std::string& column : columns_) there += (there.empty() ? "" : ", ") + column;
  raise(ConfigError(name_ + ": there is no column \"" + std::string(name) + "\", only " + there));
}

bool CsvReader::next() {
  for (;;) {
    row_line_ = line_;
    Record record = read_record();
    if (record == Record::end) return false;
    if (record == Record::good && ends_.size() != columns_.size())
      record = refuse(to_text(ends_.size()) + " fields, the header has " + to_text(columns_.size()));
    if (record == Record::good) {
      parse_fields();
      ++rows_;
      return true;
    }
    ++bad_rows_;
    if (reasons_.size() < options_.max_reasons) reasons_.push_back({row_line_, reason_});
  }
}

void CsvReader::parse_fields() {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    fields_[i] = std::string_view(record_).substr(begin, ends_[i] - begin);
    begin = ends_[i];
    const auto number = parse_number(fields_[i]);
    numbers_[i] = number.value_or(missing);
    if (!number && declared_numeric_[i] && !trimmed(fields_[i]).empty()) ++not_numeric_[i];
  }
}

CsvReader::Record CsvReader::read_record() {
  while (peek() == '\n' || peek() == '\r') get();  // blank lines
  row_line_ = line_;
  record_.clear();
  ends_.clear();
  if (peek() == end_of_file) return Record::end;
  std::size_t bytes = 0;  // of this record, as they stand
  bool quoted = false;    // inside quotes
  bool closed = false;    // after the closing quote of a field
  std::size_t begin = 0;
  for (;;) {
    if (++bytes > options_.max_line) {
      skip_line();
      return refuse("longer than " + to_text(options_.max_line) + " bytes" + (quoted ? ", in an open quote" : ""));
    }
    const int c = get();
    if (quoted) {
      if (c == end_of_file) return refuse("a quote that nobody closes");
      if (c != '"') {
        record_ += static_cast<char>(c);
      } else if (peek() == '"') {
        record_ += static_cast<char>(get());
      } else {
        quoted = false;
        closed = true;
      }
      continue;
    }
    const bool ends_line = c == end_of_file || c == '\n' || (c == '\r' && (peek() == '\n' || peek() == end_of_file));
    if (ends_line || c == static_cast<unsigned char>(options_.separator)) {
      ends_.push_back(record_.size());
      begin = record_.size();
      closed = false;
      if (ends_line) return Record::good;  // the \n of a CRLF is skipped like a blank line
      if (ends_.size() >= options_.max_columns) {
        skip_line();
        return refuse("more than " + to_text(options_.max_columns) + " fields");
      }
    } else if (closed) {
      skip_line();
      return refuse("text after a closing quote");
    } else if (c == '"' && record_.size() == begin) {
      quoted = true;
    } else {
      record_ += static_cast<char>(c);
    }
  }
}

CsvReader::Record CsvReader::refuse(std::string reason) {
  reason_ = std::move(reason);
  return Record::bad;
}

void CsvReader::skip_line() {
  int c = get();
  while (c != '\n' && c != end_of_file) c = get();
}

int CsvReader::get() {
  const int c = peek();
  if (c == end_of_file) return c;
  ++at_;
  if (c == '\n') ++line_;
  return c;
}

int CsvReader::peek() {
  if (at_ == buffer_.size() && !fill()) return end_of_file;
  return static_cast<unsigned char>(buffer_[at_]);
}

bool CsvReader::fill() {
  if (!file_) return false;
  constexpr std::size_t chunk = std::size_t{1} << 16U;
  buffer_.resize(chunk);
  at_ = 0;
  buffer_.resize(std::fread(buffer_.data(), 1, chunk, file_.get()));
  if (buffer_.empty() && std::ferror(file_.get()) != 0) {
    const int code = errno;
    raise(IoError("cannot read " + name_ + ": " + std::generic_category().message(code), code));
  }
  return !buffer_.empty();
}

std::size_t CsvReader::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this) + buffer_.capacity() + record_.capacity() + ends_.capacity() * sizeof(std::size_t) +
                      numbers_.capacity() * sizeof(double) + fields_.capacity() * sizeof(std::string_view) +
                      not_numeric_.capacity() * sizeof(std::uint64_t);
  for (const std::string& column : columns_) bytes += sizeof(std::string) + column.capacity();
  for (const BadRow& row : reasons_) bytes += sizeof(BadRow) + row.reason.capacity();
  return bytes;
}

}  // namespace rtml::stream
