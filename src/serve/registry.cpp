#include "rtml/serve/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "rtml/checkpoint/checkpoint.hpp"
#include "rtml/checkpoint/format.hpp"
#include "rtml/core/archive.hpp"
#include "rtml/core/error.hpp"
#include "rtml/core/outcome.hpp"
#include "rtml/learn/make_learner.hpp"
#include "rtml/metrics/loss.hpp"
#include "rtml/metrics/outcome_of.hpp"

namespace rtml {

namespace {

constexpr std::size_t most_rows = 4096;
constexpr std::string_view file_prefix = "version-";
constexpr std::string_view file_suffix = ".rtml";
constexpr std::string_view lost = ".lost";
constexpr std::size_t file_digits = 20;

std::string file_name(std::uint64_t number) { return fmt::format("{}{:020}{}", file_prefix, number, file_suffix); }

/// Of a model file; nullopt when the name is not one of ours.
std::optional<std::uint64_t> number_in(std::string_view name) {
  if (name.size() != file_prefix.size() + file_digits + file_suffix.size()) return std::nullopt;
  if (!name.starts_with(file_prefix) || !name.ends_with(file_suffix)) return std::nullopt;
  const char* begin = name.data() + file_prefix.size();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(begin, begin + file_digits, number);
  if (error != std::errc{} || end != begin + file_digits) return std::nullopt;
  return number;
}

/// The last field of a checkpoint's footer: what `decode` holds the whole file to, so it names the file.
std::uint64_t footer_checksum(std::span<const std::byte> file) {
  if (file.size() < 8) return 0;
  std::uint64_t checksum = 0;
  for (std::size_t i = 0; i < 8; ++i) checksum |= std::to_integer<std::uint64_t>(file[file.size() - 8 + i]) << (8 * i);
  return checksum;
}

void require_text(std::string_view option, const std::string& text, std::size_t most) {
  require("Registry", option, text, text.size() <= most && detail::is_utf8(text), fmt::format("UTF-8 of at most {} bytes", most));
}

template <class Entry>
void require_names(std::string_view type, std::string_view option, const std::vector<Entry>& named) {
  require(type, option, named.size(), named.size() <= 1000, "at most 1000 of them");
  for (const Entry& entry : named) {
    require(type, option, entry.name, detail::is_key(entry.name),
            "a path of letters, digits, _, ., -, space and /, at most 250 bytes, no part of it empty, . or beginning with ..");
    const auto is_namesake = [&](const Entry& other) { return other.name == entry.name; };
    require(type, option, entry.name, std::count_if(named.begin(), named.end(), is_namesake) == 1, "named once");
  }
}

double usual_loss(const AnyLearner& model, std::span<const float> scores, const Example& row) {
  return metrics::loss_of(model.task(), metrics::outcome_of(model.task(), scores, row.y, model.threshold()), model.threshold());
}

double loss_on(const AnyLearner& model, std::span<const Example> rows, const Registry::Loss& loss) {
  std::vector<float> scores(model.outputs());
  double sum = 0.0;
  double weight = 0.0;
  for (const Example& row : rows) {
    model.predict(row.x, scores, {.at = row.at});
    sum += static_cast<double>(row.weight) * (loss ? loss(model, scores, row) : usual_loss(model, scores, row));
    weight += static_cast<double>(row.weight);
  }
  const double mean = sum / weight;
  return std::isnan(mean) ? std::numeric_limits<double>::infinity() : mean;
}

}  // namespace

void Lineage::validate() const {
  require("Lineage", "to", to_unix_micros(to), from <= to, "not before from");
  require("Lineage", "offsets", offsets.size(), offsets.size() <= most, "at most 1000 ranges");
  for (const Offsets& range : offsets) require("Lineage", "offsets: end", range.end, range.begin <= range.end, ">= begin");
  require("Lineage", "feature_set", feature_set, feature_set.size() <= detail::most_key_bytes && detail::is_utf8(feature_set),
          "UTF-8 of at most 250 bytes");
  require("Lineage", "run_id", run_id, run_id.size() <= detail::most_key_bytes && detail::is_utf8(run_id), "UTF-8 of at most 250 bytes");
  require_names("Lineage", "params", params);
  for (const Parameter& param : params)
    require("Lineage", "params", param.value, param.value.size() <= detail::most_param_bytes && detail::is_utf8(param.value),
            "UTF-8 of at most 6000 bytes");
  require_names("Lineage", "metrics", metrics);
}

void Registry::Options::validate() const {
  require("Registry", "keep", keep, keep >= 1 && keep <= 100'000, "in [1, 100000]");
  require("Registry", "rollbacks", rollbacks, rollbacks <= 1000, "<= 1000");
  require("Registry", "decisions", decisions, decisions >= 1 && decisions <= 1'000'000, "in [1, 1000000]");
  require("Registry", "clock", "empty", static_cast<bool>(clock), "a function");
}

Registry::Registry(std::string path, Options options, checkpoint::FileSystem& files)
    : path_(std::move(path)),
      options_((options.validate(), std::move(options))),
      files_(&files),
      state_(path_.empty() ? std::string() : path_ + "/index", checkpoint::StateDirectory::Options{}, files) {
  files_->make_directory(path_ + "/versions");
  const auto newest = state_.load_newest();
  if (newest) {
    // An older index in the place of one that may be whole would forget what that one knows.
    if (newest->unread != 0) raise(IoError(fmt::format("cannot open {}/index: {}", path_, newest->refused.front()), newest->unread));
    refused_ = newest->refused;
    const checkpoint::StoredSection* const section = newest->checkpoint.find("registry");
    if (section == nullptr) raise(FormatError(fmt::format("{}/index/{}: has no section \"registry\"", path_, newest->file)));
    rtml::load(index_, section->bytes);
  }
  next_ = index_.next;
  clean_up();
  // From the first moment on there is an index: model files without one are then never what a crash left behind.
  if (!newest) commit(Index(index_));
}

/// Removes model files that the index does not know; sets them aside when a newer index is damaged.
void Registry::clean_up() {
  for (const std::string& name : files_->list(path_ + "/versions")) {
    const bool is_lost = name.ends_with(lost);
    const auto number = number_in(std::string_view(name).substr(0, name.size() - (is_lost ? lost.size() : 0)));
    if (!number) continue;
    if (*number < Index::last) next_ = std::max(next_, *number + 1);
    if (is_lost || index_.find(*number) != nullptr) continue;
    if (state_.files() == 0) raise(FormatError(fmt::format("{}: there are models ({}) and no index", path_, name)));
    if (refused_.empty()) {
      remove_file(*number);
    } else {  // the index that knew it may be the one that was refused: out of the way of later starts
      files_->rename(path_ + "/versions/" + name, path_ + "/versions/" + name + std::string(lost));
    }
  }
}

Registry::Index Registry::copy() const {
  const std::lock_guard lock(index_mutex_);
  return index_;
}

const ModelVersion& Registry::require_version(const Index& index, std::uint64_t number) const {
  const ModelVersion* found = index.find(number);
  require("Registry", "version", number, found != nullptr, "one of the registry " + path_);
  return *found;
}

void Registry::note(Index& index, Decision decision) const {
  require_text("reason", decision.reason, detail::most_tag_bytes);
  require_names("Registry", "figures", decision.figures);
  decision.at = options_.clock();
  index.decisions.push_back(std::move(decision));
  if (index.decisions.size() > options_.decisions)
    index.decisions.erase(index.decisions.begin(), index.decisions.end() - static_cast<std::ptrdiff_t>(options_.decisions));
}

/// Takes versions beyond `keep` off the index, but those that an alias or a rollback needs.
void Registry::expire(Index& index) const {
  if (index.versions.size() <= options_.keep) return;
  std::vector<ModelVersion> kept;
  const std::size_t older = index.versions.size() - options_.keep;
  for (std::size_t i = 0; i < index.versions.size(); ++i) {
    const std::uint64_t number = index.versions[i].number;
    if (i >= older || index.alias_of(number) != nullptr || index.is_rollback_target(number)) {
      kept.push_back(std::move(index.versions[i]));
    } else {
      note(index, {.kind = Decision::Kind::expired, .from = number, .reason = fmt::format("beyond the newest {}", options_.keep)});
    }
  }
  index.versions = std::move(kept);
}

/// Writes `next`, then shows it, then removes the files of versions that went. A crash before the last step leaves files that the next
/// start removes.
void Registry::commit(Index&& next) {
  const checkpoint::Section section{"registry", save(next)};
  state_.save({&section, 1});
  {
    const std::lock_guard lock(index_mutex_);
    std::swap(index_, next);
  }
  for (const ModelVersion& version : next.versions)
    if (index_.find(version.number) == nullptr) remove_file(version.number);
}

/// Under the number of no version: what is written in part when the process dies is a file that no index knows.
void Registry::write(std::uint64_t number, std::span<const std::byte> bytes) {
  try {
    const auto file = files_->create(file_of(number));
    while (!bytes.empty()) bytes = bytes.subspan(file->write(bytes));
    file->sync();
    files_->sync_directory(path_ + "/versions");
  } catch (...) {
    remove_file(number);
    throw;
  }
}

void Registry::remove_file(std::uint64_t number) noexcept {
  try {
    files_->remove(file_of(number));
  } catch (...) {  // NOLINT(bugprone-empty-catch): the next start tries again
  }
}

std::uint64_t Registry::add(const AnyLearner& model, Lineage lineage, std::string name, std::span<const FeatureVector> rows) {
  require("Registry", "model", "empty", static_cast<bool>(model), "a learner");
  lineage.validate();
  require_text("name", name, detail::most_key_bytes);
  require_text("learner", model.name(), detail::most_param_bytes);
  require("Registry", "rows", rows.size(), rows.size() <= most_rows, "at most 4096");
  for (const FeatureVector& row : rows)
    require("Registry", "columns of a row", row.dense().size(), row.dense().size() == model.schema().dense_size(), "those of the schema");

  const std::lock_guard lock(writing_);
  state_.require_owner();  // in a forked process the file of the number may be the parent's
  require("Registry", "versions", next_, next_ < Index::last, "numbered below 2^62");
  require("Lineage", "parent", lineage.parent, lineage.parent < index_.next, "0 or the number of an earlier version");
  lineage.schema = model.schema().fingerprint();

  const checkpoint::Section sections[] = {{"learner", save(model)}, {"rows", save(std::vector<FeatureVector>(rows.begin(), rows.end()))}};
  const std::vector<std::byte> bytes = checkpoint::encode(sections, options_.compression, options_.unpacked_limit);
  const std::uint64_t number = next_++;
  write(number, bytes);

  Index next = copy();
  next.next = number + 1;
  next.versions.push_back({.number = number,
                           .name = std::move(name),
                           .learner = model.name(),
                           .task = model.task(),
                           .outputs = static_cast<std::uint32_t>(model.outputs()),
                           .created = options_.clock(),
                           .bytes = bytes.size(),
                           .checksum = footer_checksum(bytes),
                           .lineage = std::move(lineage)});
  note(next, {.kind = Decision::Kind::added, .to = number});
  expire(next);
  const std::size_t indices = state_.files();
  try {
    commit(std::move(next));
  } catch (...) {
    if (state_.files() == indices) remove_file(number);  // else an index that names it may be on the disk
    throw;
  }
  return number;
}

std::vector<ModelVersion> Registry::versions() const { return copy().versions; }
std::vector<Registry::Alias> Registry::aliases() const { return copy().aliases; }
std::vector<Decision> Registry::decisions() const { return copy().decisions; }

std::optional<ModelVersion> Registry::find(std::uint64_t number) const {
  const std::lock_guard lock(index_mutex_);
  const ModelVersion* found = index_.find(number);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::optional<ModelVersion> Registry::find(std::string_view alias) const {
  const std::lock_guard lock(index_mutex_);
  const Alias* found = index_.find(alias);
  return found != nullptr ? std::optional(*index_.find(found->version)) : std::nullopt;
}

namespace {

/// Points `alias` to `number`; 0 takes it away. Returns where it pointed before, 0 = nowhere.
std::uint64_t point(detail::RegistryIndex& index, std::string_view alias, std::uint64_t number, Time now) {
  const auto at = std::lower_bound(index.aliases.begin(), index.aliases.end(), alias,
                                   [](const auto& each, std::string_view sought) { return each.name < sought; });
  const bool is_there = at != index.aliases.end() && at->name == alias;
  const std::uint64_t before = is_there ? at->version : 0;
  if (is_there && number == 0) {
    index.aliases.erase(at);
  } else if (is_there) {
    at->version = number;
    at->since = now;
  } else if (number != 0) {
    // The champion's place is kept.
    const bool is_champions = alias == Registry::champion || index.find(Registry::champion) != nullptr;
    const std::size_t most = detail::RegistryIndex::most_aliases - (is_champions ? 0 : 1);
    require("Registry", "aliases", index.aliases.size() + 1, index.aliases.size() < most, "at most 999 and the champion");
    index.aliases.insert(at, {std::string(alias), number, now});
  }
  return before;
}

}  // namespace

void Registry::set_alias(std::string_view alias, std::uint64_t number, std::string reason) {
  require("Registry", "alias", alias, detail::is_alias(alias), "letters, digits, _ and -, at most 255, neither \"latest\" nor like \"v7\"");
  require("Registry", "alias", alias, alias != champion, "moved by promote and rollback");
  const std::lock_guard lock(writing_);
  Index next = copy();
  require_version(next, number);
  const std::uint64_t before = point(next, alias, number, options_.clock());
  note(next, {.kind = Decision::Kind::alias_set, .alias = std::string(alias), .from = before, .to = number, .reason = std::move(reason)});
  commit(std::move(next));
}

void Registry::delete_alias(std::string_view alias, std::string reason) {
  require("Registry", "alias", alias, alias != champion, "moved by promote and rollback");
  const std::lock_guard lock(writing_);
  Index next = copy();
  const std::uint64_t before = point(next, alias, 0, {});
  require("Registry", "alias", alias, before != 0, "one of the registry " + path_);
  note(next, {.kind = Decision::Kind::alias_deleted, .alias = std::string(alias), .from = before, .reason = std::move(reason)});
  commit(std::move(next));
}

void Registry::promote(std::uint64_t number, std::string reason, std::vector<Figure> figures) {
  const std::lock_guard lock(writing_);
  Index next = copy();
  require_version(next, number);
  const std::uint64_t before = point(next, champion, number, options_.clock());
  if (before == number) return;
  if (before != 0) next.before.push_back(before);
  if (next.before.size() > options_.rollbacks)
    next.before.erase(next.before.begin(), next.before.end() - static_cast<std::ptrdiff_t>(options_.rollbacks));
  note(next, {.kind = Decision::Kind::promoted,
              .alias = std::string(champion),
              .from = before,
              .to = number,
              .reason = std::move(reason),
              .figures = std::move(figures)});
  commit(std::move(next));
}

std::uint64_t Registry::rollback(std::string reason, std::vector<Figure> figures) {
  const std::lock_guard lock(writing_);
  Index next = copy();
  require("Registry", "champions before this one", next.before.size(), !next.before.empty(), ">= 1 to go back");
  const std::uint64_t number = next.before.back();
  next.before.pop_back();
  const std::uint64_t before = point(next, champion, number, options_.clock());
  note(next, {.kind = Decision::Kind::rolled_back,
              .alias = std::string(champion),
              .from = before,
              .to = number,
              .reason = std::move(reason),
              .figures = std::move(figures)});
  commit(std::move(next));
  return number;
}

void Registry::remove(std::uint64_t number, std::string reason) {
  const std::lock_guard lock(writing_);
  Index next = copy();
  require_version(next, number);
  const Alias* alias = next.alias_of(number);
  require("Registry", "version", number, alias == nullptr,
          alias != nullptr ? "without an alias, but \"" + alias->name + "\" points to it" : std::string());
  std::erase(next.before, number);
  std::erase_if(next.versions, [&](const ModelVersion& version) { return version.number == number; });
  note(next, {.kind = Decision::Kind::removed, .from = number, .reason = std::move(reason)});
  commit(std::move(next));
  const std::vector<std::string> left = files_->list(path_ + "/versions");
  if (std::any_of(left.begin(), left.end(), [&](const std::string& name) { return number_in(name) == number; }))
    files_->remove(file_of(number));  // says why it cannot
  files_->sync_directory(path_ + "/versions");
}

Registry::Loaded Registry::load(std::uint64_t number, const Schema& schema) const {
  Loaded loaded;
  {
    const std::lock_guard lock(index_mutex_);
    loaded.version = require_version(index_, number);
  }
  const ModelVersion& version = loaded.version;
  const std::string path = file_of(number);
  const auto refuse = [&](std::string_view why) { raise(FormatError(fmt::format("{}: {}", path, why))); };

  const checkpoint::FileBytes file = files_->read(path);
  if (file.size() != version.bytes || footer_checksum(file) != version.checksum) refuse("is not the file that was added");
  const checkpoint::Checkpoint checkpoint(file, options_.unpacked_limit);
  const std::vector<checkpoint::StoredSection>& sections = checkpoint.sections();
  if (sections.size() != 2 || sections[0].name != "learner" || sections[1].name != "rows") refuse("is no model of a registry");

  loaded.model = options_.make ? options_.make(version)
                               : make_learner(version.learner, version.task, static_cast<int>(std::clamp(version.outputs, 2U, 65536U)));
  if (!loaded.model) raise(ConfigError(fmt::format("Registry: make gave no learner for version {}", number)));
  rtml::load(loaded.model, sections[0].bytes);  // copied: a mapping would cost requests a page fault each
  rtml::load(loaded.rows, sections[1].bytes);
  const Schema& learned = loaded.model.schema();
  if (learned.fingerprint() != version.lineage.schema || loaded.model.task() != version.task || loaded.model.outputs() != version.outputs)
    refuse("holds another model than the index says");
  const auto is_of_another = [&](const FeatureVector& row) { return row.dense().size() != learned.dense_size(); };
  if (loaded.rows.size() > most_rows || std::any_of(loaded.rows.begin(), loaded.rows.end(), is_of_another))
    refuse("holds rows of another schema");

  if (const auto missing = schema.missing_from(learned))
    raise(SchemaError(fmt::format("version {} ({}) learned from other features: {}", number, version.learner, *missing)));
  if (schema.fingerprint() != learned.fingerprint()) loaded.rows.clear();
  loaded.model.bind(schema);
  return loaded;
}

std::vector<Registry::Fit> Registry::best_fit(std::span<const Example> rows, const Schema& schema, std::size_t most,
                                              const Loss& loss) const {
  require("Registry", "rows to fit", rows.size(), !rows.empty(), ">= 1");
  require("Registry", "versions to compare", most, most >= 1, ">= 1");
  for (const Example& row : rows)
    require("Registry", "columns of a row", row.x.dense.size(), row.x.dense.size() == schema.dense_size(), "those of the schema");
  std::vector<std::uint64_t> numbers;
  {
    const std::lock_guard lock(index_mutex_);
    for (auto at = index_.versions.rbegin(); at != index_.versions.rend() && numbers.size() < most; ++at) numbers.push_back(at->number);
  }
  std::vector<Fit> fits;
  for (const std::uint64_t number : numbers) {
    Fit fit{.version = number, .loss = std::numeric_limits<double>::infinity()};
    try {
      fit.loss = loss_on(load(number, schema).model, rows, loss);
    } catch (const Error& error) {
      fit.refused = error.what();
    }
    fits.push_back(std::move(fit));
  }
  // Newer ones first where two are equal, refused ones last.
  std::stable_sort(fits.begin(), fits.end(), [](const Fit& a, const Fit& b) {
    if (a.refused.empty() != b.refused.empty()) return a.refused.empty();
    return a.loss < b.loss;
  });
  return fits;
}

std::string Registry::file_of(std::uint64_t number) const { return path_ + "/versions/" + file_name(number); }

std::size_t Registry::memory_bytes() const {
  const std::lock_guard lock(index_mutex_);
  return sizeof(*this) + index_.memory_bytes();
}

}  // namespace rtml
