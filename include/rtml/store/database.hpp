#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "rtml/core/export.hpp"

struct MDB_cursor;
struct MDB_txn;

namespace rtml {

/// Named tables of rows (key -> value, in the order of the keys' bytes) in one folder on a local disk, held by one object of one process at
/// a time. What a write changes is on the disk, all of it, when it returns, or nothing of it is: in any number of tables.
///
/// Every row carries a checksum over key and value, verified when it is read. The structure of the file is checked when it is opened, in
/// O(pages) without those of long values: damage is a FormatError, not a crash. The file does not shrink; what erased rows leave is used
/// again. Reads take no lock.
/// Thread safety: everything, but one View belongs to one thread at a time. Views, cursors and tables must not outlive the database.
/// Fork: a child must not use it; writes refuse there. A host that runs under a file size limit ignores SIGXFSZ.
/// Source: LMDB (H. Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", LDAPCon 2011).
class RTML_API Database {
 public:
  class View;

  struct Options {
    /// Of the file, >= 1 MiB. Costs address space, not memory or disk; another open may raise it.
    std::uint64_t max_bytes = std::uint64_t{1} << 36U;
    unsigned max_tables = 64;      ///< >= 1
    unsigned max_snapshots = 126;  ///< at a time, >= 1
  };

  /// A table of this database, resolved once; see Database::table.
  class Table {
   public:
    const std::string& name() const noexcept { return name_; }

   private:
    friend class Database;
    friend class View;
    Table(std::string name, unsigned handle) : name_(std::move(name)), handle_(handle) {}
    std::string name_;
    unsigned handle_;
  };

  /// Walks the rows of one table in the order of their keys. Borrowed from a View, and gone before it.
  class RTML_API Cursor {
   public:
    Cursor(Cursor&& other) noexcept;
    Cursor& operator=(Cursor&&) = delete;
    ~Cursor();

    bool seek(std::span<const std::byte> key);  ///< to the first row at or after `key`; false when there is none. O(log n), as `seek_last`
    bool seek_last(std::span<const std::byte> key);  ///< to the last row at or before `key`
    bool next();

    std::span<const std::byte> key() const noexcept { return key_; }  ///< of the row that the last call that said true went to

    /// Valid as long as the View, in a Transaction until it changes something. O(bytes): verifies the checksum.
    /// @throws FormatError when the row is damaged.
    std::span<const std::byte> value() const;

   private:
    friend class View;
    Cursor(const Database& database, const Table& table, MDB_cursor* cursor) noexcept;
    bool move(int operation);

    const Database* database_;
    const Table* table_;
    MDB_cursor* cursor_;
    std::span<const std::byte> key_;
    std::span<const std::byte> stored_;
  };

  /// One state of all tables.
  class RTML_API View {
   public:
    /// nullopt when there is no such row, which takes a look at its neighbours; valid and verified as Cursor::value. O(log n + bytes).
    std::optional<std::span<const std::byte>> get(const Table& table, std::span<const std::byte> key) const;
    Cursor cursor(const Table& table) const;

   protected:
    friend class Database;
    View(const Database& database, MDB_txn* transaction) noexcept : database_(&database), transaction_(transaction) {}
    View(View&& other) noexcept : database_(other.database_), transaction_(std::exchange(other.transaction_, nullptr)) {}
    View& operator=(View&&) = delete;
    ~View() = default;

    const Database* database_;
    MDB_txn* transaction_;
  };

  /// The state at one moment; goes on while others write. Pages that it still sees are not used again: let it go soon.
  class RTML_API Snapshot : public View {
   public:
    Snapshot(Snapshot&&) noexcept = default;
    ~Snapshot();

   private:
    friend class Database;
    using View::View;
  };

  /// What a write sees and changes.
  class RTML_API Transaction : public View {
   public:
    /// In place of what was there. @throws ConfigError unless the key has 1 to 511 bytes.
    void put(const Table& table, std::span<const std::byte> key, std::span<const std::byte> value);

    /// The same of a value in two parts, one after the other.
    void put(const Table& table, std::span<const std::byte> key, std::span<const std::byte> head, std::span<const std::byte> tail);

    /// Whether the row was there.
    bool erase(const Table& table, std::span<const std::byte> key);

   private:
    friend class Database;
    using View::View;
  };

  /// Creates the folder where it is missing, takes it, and checks the file.
  /// @throws IoError, when another object holds the folder with the path and the holder's process id; FormatError; ConfigError.
  explicit Database(std::string path) : Database(std::move(path), Options{}) {}
  Database(std::string path, const Options& options);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// Made when it is missing. Not to be called from within `write`; snapshots from before it do not know it.
  /// @throws ConfigError for a name that is empty or longer than 511 bytes, and when there are `max_tables`; FormatError; IoError.
  const Table& table(std::string_view name);

  /// Calls `change` once, with nobody else writing, then commits. Not to be called from within itself. What `change` throws is passed
  /// on, and nothing is changed.
  /// @throws IoError (disk full, `max_bytes` reached, ...): nothing is changed.
  void write(const std::function<void(Transaction&)>& change);

  /// @throws IoError when there are `max_snapshots`.
  Snapshot snapshot() const;

  /// Of the file.
  std::uint64_t bytes() const;
  const std::string& path() const noexcept { return path_; }

 private:
  struct Environment;

  std::optional<Table> open_table(const View& view, const std::string& name, unsigned flags) const;

  std::string path_;
  std::unique_ptr<Environment> environment_;
};

}  // namespace rtml
