#include "rtml/store/database.hpp"

#include <fmt/format.h>
#include <lmdb.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "encoding.hpp"
#include "lmdb_check.hpp"
#include "rtml/checkpoint/file_system.hpp"
#include "rtml/core/error.hpp"

namespace rtml {

using detail::Bytes;

namespace {

using checkpoint::system_files;

constexpr std::size_t checksum_size = 8;
constexpr mdb_mode_t mode = 0666;  // less the host's umask

[[noreturn]] void refuse(std::string_view operation, const std::string& path, int code) {
  const std::string what = fmt::format("cannot {} {}: ", operation, path);
  switch (code) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH: raise(FormatError(what + mdb_strerror(code)));
    case MDB_MAP_FULL: raise(IoError(what + "max_bytes is reached", ENOSPC));
    case MDB_READERS_FULL: raise(IoError(what + "there are max_snapshots", EAGAIN));
    case MDB_DBS_FULL: raise(ConfigError(what + "there are max_tables"));
    default: raise(IoError(what + mdb_strerror(code), code > 0 ? code : EIO));
  }
}

MDB_val borrowed(Bytes bytes) { return {bytes.size(), const_cast<std::byte*>(bytes.data())}; }  // LMDB does not write to it
Bytes bytes_of(const MDB_val& value) { return {static_cast<const std::byte*>(value.mv_data), value.mv_size}; }

std::uint64_t checksum_of(Bytes key, Bytes value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size()));
}

/// As hexadecimal digits: keys need not be text.
std::string shown(Bytes key) {
  std::string text;
  for (const std::byte byte : key) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

void check_key(Bytes key) {
  constexpr std::size_t longest = 511;  // LMDB's, as Debian and others build it
  require("Database", "key", key.size(), !key.empty() && key.size() <= longest, "1 to 511 bytes long");
}

struct Closed {
  void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
};
using OpenEnv = std::unique_ptr<MDB_env, Closed>;

OpenEnv open_env(const std::string& path, const Database::Options& options) {
  MDB_env* made = nullptr;
  if (const int code = mdb_env_create(&made); code != 0) refuse("open", path, code);
  OpenEnv env(made);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t size = (options.max_bytes + page - 1) / page * page;
  int code = mdb_env_set_mapsize(env.get(), static_cast<std::size_t>(size));
  if (code == 0) code = mdb_env_set_maxdbs(env.get(), options.max_tables + 1);  // and the catalogue
  if (code == 0) code = mdb_env_set_maxreaders(env.get(), options.max_snapshots);
  if (code == 0) code = mdb_env_open(env.get(), path.c_str(), MDB_NOTLS, mode);
  if (code != 0) refuse("open", path, code);
  return env;
}

/// Names all tables. LMDB would take a damaged name for a table that was never made.
constexpr const char* catalogue_name = "rtml.tables";

/// An empty data file appears whole, under a name of its own first: one that is short is damaged, never just begun.
void make_data_file(const std::string& path, const Database::Options& options) {
  const std::string beside = path + "/new";
  std::error_code ignored;
  std::filesystem::remove_all(beside, ignored);  // of a start that was interrupted
  system_files().make_directory(beside);
  {
    const OpenEnv env = open_env(beside, options);
    MDB_txn* transaction = nullptr;
    MDB_dbi handle = 0;
    int code = mdb_txn_begin(env.get(), nullptr, 0, &transaction);
    if (code == 0) code = mdb_dbi_open(transaction, catalogue_name, MDB_CREATE, &handle);
    if (code == 0) code = mdb_txn_commit(transaction);
    if (code != 0) refuse("write", beside, code);
  }
  system_files().sync_directory(beside);
  system_files().rename(beside + "/data.mdb", path + "/data.mdb");
  system_files().sync_directory(path);
  std::filesystem::remove_all(beside, ignored);
}

}  // namespace

struct Database::Environment {
  std::unique_ptr<checkpoint::FileSystem::File> lock;
  OpenEnv env;
  pid_t owner = ::getpid();
  std::mutex tables_mutex;
  std::optional<Table> catalogue;
  std::map<std::string, Table, std::less<>> tables;
};

Database::Database(std::string path, const Options& options) : path_(std::move(path)), environment_(std::make_unique<Environment>()) {
  constexpr std::uint64_t least = std::uint64_t{1} << 20U;
  constexpr std::uint64_t most = std::uint64_t{1} << 46U;  // half of what a process can address
  require("Database", "path", path_, !path_.empty(), "the name of a folder");
  require("Database", "max_bytes", options.max_bytes, options.max_bytes >= least && options.max_bytes <= most, "in [1 MiB, 64 TiB]");
  require("Database", "max_tables", options.max_tables, options.max_tables >= 1 && options.max_tables <= 10'000, "in [1, 10000]");
  require("Database", "max_snapshots", options.max_snapshots, options.max_snapshots >= 1 && options.max_snapshots <= 10'000,
          "in [1, 10000]");

  system_files().make_directory(path_);
  environment_->lock = system_files().lock(path_ + "/LOCK");
  const std::string file = path_ + "/data.mdb";
  std::error_code unknown;  // then it is made, or opening it says why not
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, unknown))) make_data_file(path_, options);
  detail::check_lmdb_file(file, options.max_bytes);
  environment_->env = open_env(path_, options);

  write([&](Transaction& transaction) { environment_->catalogue = open_table(transaction, catalogue_name, 0); });
  if (!environment_->catalogue) raise(FormatError(file + " is damaged: its table of tables is missing"));
}

Database::~Database() {
  if (environment_->owner != ::getpid())
    static_cast<void>(environment_->env.release());  // the parent's; closing it could disturb its locks
}

std::optional<Database::Table> Database::open_table(const View& view, const std::string& name, unsigned flags) const {
  MDB_dbi handle = 0;
  const int code = mdb_dbi_open(view.transaction_, name.c_str(), flags, &handle);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) refuse("open table \"" + name + "\" in", path_, code);
  return Table(name, handle);
}

const Database::Table& Database::table(std::string_view name) {
  require("Database", "table", name, !name.empty() && name.size() <= 511 && name != catalogue_name, "1 to 511 bytes long, not rtml.tables");
  const std::lock_guard lock(environment_->tables_mutex);
  if (const auto known = environment_->tables.find(name); known != environment_->tables.end()) return known->second;

  const std::string text(name);
  const Bytes key = std::as_bytes(std::span(text));
  std::optional<Table> opened;
  write([&](Transaction& transaction) {
    const bool was_made = transaction.get(*environment_->catalogue, key).has_value();
    opened = open_table(transaction, text, was_made ? 0 : MDB_CREATE);
    if (!opened) raise(FormatError(path_ + " is damaged: table \"" + text + "\" is missing"));
    if (!was_made) transaction.put(*environment_->catalogue, key, {});
  });
  return environment_->tables.emplace(text, *std::move(opened)).first->second;
}

void Database::write(const std::function<void(Transaction&)>& change) {
  if (environment_->owner != ::getpid())
    raise(IoError(fmt::format("cannot write {}: it was opened by process {}, this one was forked from it", path_, environment_->owner),
                  EPERM));

  MDB_txn* begun = nullptr;
  if (const int code = mdb_txn_begin(environment_->env.get(), nullptr, 0, &begun); code != 0) refuse("write", path_, code);
  Transaction transaction(*this, begun);
  try {
    change(transaction);
  } catch (...) {
    mdb_txn_abort(begun);
    throw;
  }
  if (const int code = mdb_txn_commit(begun); code != 0) refuse("write", path_, code);
}

Database::Snapshot Database::snapshot() const {
  MDB_txn* begun = nullptr;
  if (const int code = mdb_txn_begin(environment_->env.get(), nullptr, MDB_RDONLY, &begun); code != 0) refuse("read", path_, code);
  return {*this, begun};
}

std::uint64_t Database::bytes() const {
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path_ + "/data.mdb", error);
  if (error) raise(IoError(fmt::format("cannot read {}/data.mdb: {}", path_, error.message()), error.value()));
  return bytes;
}

Database::Snapshot::~Snapshot() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

std::optional<Bytes> Database::View::get(const Table& table, Bytes key) const {
  Cursor rows = cursor(table);
  const bool at_or_behind = rows.seek(key);
  if (at_or_behind && std::equal(key.begin(), key.end(), rows.key().begin(), rows.key().end())) return rows.value();
  // A damaged key stays between its neighbours: were it this one, it would be found next to here.
  if (at_or_behind) rows.value();
  if (rows.seek_last(key)) rows.value();
  return std::nullopt;
}

Database::Cursor Database::View::cursor(const Table& table) const {
  MDB_cursor* opened = nullptr;
  const int code = mdb_cursor_open(transaction_, table.handle_, &opened);
  if (code == EINVAL)
    raise(ConfigError(fmt::format("Database: table \"{}\" of {} was asked for after this view began", table.name_, database_->path_)));
  if (code != 0) refuse("read table \"" + table.name_ + "\" of", database_->path_, code);
  return {*database_, table, opened};
}

void Database::Transaction::put(const Table& table, Bytes key, Bytes value) { put(table, key, value, {}); }

void Database::Transaction::put(const Table& table, Bytes key, Bytes head, Bytes tail) {
  check_key(key);
  const std::size_t size = head.size() + tail.size();
  MDB_val row = borrowed(key);
  MDB_val space{size + checksum_size, nullptr};
  if (const int code = mdb_put(transaction_, table.handle_, &row, &space, MDB_RESERVE); code != 0)
    refuse("write table \"" + table.name_ + "\" of", database_->path_, code);
  auto* const at = static_cast<std::byte*>(space.mv_data);
  std::copy(tail.begin(), tail.end(), std::copy(head.begin(), head.end(), at));
  detail::put_number(at + size, checksum_of(key, {at, size}));
}

bool Database::Transaction::erase(const Table& table, Bytes key) {
  check_key(key);
  MDB_val row = borrowed(key);
  const int code = mdb_del(transaction_, table.handle_, &row, nullptr);
  if (code != 0 && code != MDB_NOTFOUND) refuse("write table \"" + table.name_ + "\" of", database_->path_, code);
  return code == 0;
}

Database::Cursor::Cursor(const Database& database, const Table& table, MDB_cursor* cursor) noexcept
    : database_(&database), table_(&table), cursor_(cursor) {}

Database::Cursor::Cursor(Cursor&& other) noexcept
    : database_(other.database_),
      table_(other.table_),
      cursor_(std::exchange(other.cursor_, nullptr)),
      key_(other.key_),
      stored_(other.stored_) {}

Database::Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool Database::Cursor::move(int operation) {
  MDB_val key = borrowed(key_);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) refuse("read table \"" + table_->name() + "\" of", database_->path(), code);
  key_ = bytes_of(key);
  stored_ = bytes_of(value);
  return true;
}

bool Database::Cursor::seek(Bytes key) {
  check_key(key);
  key_ = key;
  return move(MDB_SET_RANGE);
}

bool Database::Cursor::seek_last(Bytes key) {
  if (!seek(key)) return move(MDB_LAST);
  return std::equal(key.begin(), key.end(), key_.begin(), key_.end()) || move(MDB_PREV);
}

bool Database::Cursor::next() { return move(MDB_NEXT); }

Bytes Database::Cursor::value() const {
  if (stored_.size() >= checksum_size) {
    const Bytes value = stored_.first(stored_.size() - checksum_size);
    if (checksum_of(key_, value) == detail::number_at<std::uint64_t>(value.data() + value.size())) return value;
  }
  raise(FormatError(
      fmt::format("{}: row {} of table \"{}\" is damaged: its checksum differs", database_->path(), shown(key_), table_->name())));
}

}  // namespace rtml
