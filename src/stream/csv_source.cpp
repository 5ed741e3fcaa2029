#include "rtml/stream/csv_source.hpp"

#include <algorithm>
#include <limits>
#include <system_error>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"
#include "rtml/stream/infer.hpp"

namespace rtml::stream {

namespace {

std::string_view without_spaces(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool comes_before(const std::string& a, const std::string& b) {
  const auto x = parse_number(a);
  const auto y = parse_number(b);
  if (x && y) return *x < *y;
  return x.has_value() != y.has_value() ? x.has_value() : a < b;
}

/// A pipe is gone when it was read once, and to open one may take for ever.
const std::filesystem::path& regular(const std::filesystem::path& path) {
  std::error_code unknown;
  const auto status = std::filesystem::status(path, unknown);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    raise(ConfigError(path.string() + ": is no regular file, which it must be to be read more than once"));
  return path;
}

}  // namespace

CsvSource::CsvSource(const std::filesystem::path& path, const Options& options) : reader_(regular(path)), name_(path.string()) {
  find_columns(path, options);
  if (task_ != Task::regression) find_labels(path);
}

void CsvSource::find_columns(const std::filesystem::path& path, const Options& options) {
  const std::vector<ColumnSummary> summaries = infer(path);
  target_ = reader_.column(options.target);
  const ColumnSummary& label = summaries[target_];
  if (label.numbers + label.texts + label.missing == 0) raise(FormatError(name_ + ": has no whole row below its header"));
  task_ = options.task.value_or(infer_task(label));
  if (task_ == Task::regression) reader_.declare_numeric(target_);
  std::vector<bool> used(summaries.size(), true);
  used[target_] = false;
  if (!options.time.empty()) {
    time_ = reader_.column(options.time);
    require(name_, "time", options.time, *time_ != target_, "another column than the target");
    used[*time_] = false;
  }
  for (const std::string& name : options.ignore) {
    const std::size_t place = reader_.column(name);
    require(name_, "ignore", name, place != target_, "another column than the target");
    used[place] = false;
  }
  std::vector<bool> nominal(summaries.size(), false);
  for (const std::string& name : options.nominal) {
    const std::size_t place = reader_.column(name);
    require(name_, "nominal", name, used[place], "a column that is not the target, the time or ignored");
    nominal[place] = true;
  }
  for (std::size_t place = 0; place < summaries.size(); ++place) {
    if (!used[place]) continue;
    const ColumnSummary& summary = summaries[place];
    if (summary.name.empty()) raise(FormatError(name_ + ", line 1: column " + to_text(place + 1) + " has no name"));
    const bool empty = summary.numbers + summary.texts == 0;
    SourceColumn::Kind kind = SourceColumn::Kind::text;
    if (empty || summary.numeric()) kind = nominal[place] ? SourceColumn::Kind::nominal : SourceColumn::Kind::numeric;
    if (kind == SourceColumn::Kind::numeric) reader_.declare_numeric(place);
    columns_.push_back({summary.name, kind});
    places_.push_back(place);
  }
  numbers_.resize(columns_.size());
  text_.resize(columns_.size());
}

void CsvSource::find_labels(const std::filesystem::path& path) {
  CsvReader whole(path);
  while (whole.next()) {
    const std::string_view text = without_spaces(whole.row().text[target_]);
    if (text.empty() || std::find(labels_.begin(), labels_.end(), text) != labels_.end()) continue;
    require(name_, "target", whole.columns()[target_], labels_.size() < max_labels, "of at most 1024 labels for a task of classes");
    labels_.emplace_back(text);
  }
  std::sort(labels_.begin(), labels_.end(), comes_before);
  const bool zero_or_one = labels_.size() == 1 && (labels_[0] == "0" || labels_[0] == "1");
  if (zero_or_one) labels_ = {"0", "1"};
  if (task_ == Task::binary)
    require(name_, "target", whole.columns()[target_], labels_.size() == 2,
            "of two labels for a binary task, has " + to_text(labels_.size()));
  require(name_, "target", whole.columns()[target_], labels_.size() >= 2, "of two labels at least");
}

float CsvSource::label_of(std::string_view text) const noexcept {
  const auto at = std::find(labels_.begin(), labels_.end(), without_spaces(text));
  return at == labels_.end() ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(at - labels_.begin());
}

bool CsvSource::next(Row& row, float& y) {
  if (!reader_.next()) return false;
  const Row whole = reader_.row();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    numbers_[i] = whole.numbers[places_[i]];
    text_[i] = whole.text[places_[i]];
  }
  y = task_ == Task::regression ? static_cast<float>(whole.numbers[target_]) : label_of(whole.text[target_]);
  if (is_nan(y)) ++without_label_;
  if (time_) {
    if (const auto at = parse_time(whole.text[*time_])) {
      last_time_ = *at;
    } else {
      ++without_time_;  // it happened no earlier than the row before, as far as anybody knows
    }
  }
  row = {last_time_, numbers_, text_};
  return true;
}

}  // namespace rtml::stream
