#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "rtml/core/export.hpp"
#include "rtml/store/database.hpp"
#include "rtml/store/feature_view.hpp"
#include "rtml/store/online_store.hpp"

namespace rtml {

/// Keeps the rows of a view of an OnlineStore in a table of a Database: reads come from memory, the table is what survives. One row of the
/// table an entity.
///
///     DurableRows cards(database, store, view);              // what was there is in the store again
///     cards.save();                                          // every second: what a crash loses
///     log.commit([&](auto& tx, std::uint64_t) { cards.write(tx); });   // or with events and offsets: all or nothing
///
/// A crash loses what was put after the last commit that holds a `write`: how often it is called is the level of durability. An entity that the
/// store let go (evict_stale, too many entities) stays in the table until `rewrite`.
/// Thread safety: one thread at a time; others may put and read meanwhile. What they put during a write may be in it or in the next one.
class RTML_API DurableRows {
 public:
  /// Puts back the rows that are in the table, which is made when it is missing. `store` has the view; all outlive this.
  /// @throws SchemaError when the table holds rows of another definition of the view, FormatError when it is damaged, ConfigError, IoError
  DurableRows(Database& database, OnlineStore& store, const FeatureView& view);

  std::uint64_t restored() const noexcept { return restored_; }  ///< rows that were put back
  std::uint64_t refused() const noexcept { return refused_; }    ///< rows that the store did not take: it holds fewer entities now

  /// Puts the entities that changed since the last commit into `transaction`. Returns how many. O(changed rows), and a look at each entity.
  /// When the transaction is not committed, the next write holds them again, as long as `committed` was not called.
  std::size_t write(Database::Transaction& transaction);

  /// The transaction of the last write is on the disk.
  void committed() noexcept { saved_ = written_; }

  /// Writes in a transaction of its own, and is committed. @throws IoError, and then nothing changed
  std::size_t save();

  /// The table holds what the store holds, and nothing else: in a transaction of its own.
  std::size_t rewrite();

 private:
  void restore(const Database::View& rows);
  std::size_t put_changed(Database::Transaction& transaction, std::uint64_t since, std::set<std::string>* kept);

  Database* database_;
  OnlineStore* store_;
  FeatureView view_;
  const Database::Table* table_;
  std::uint64_t saved_ = 0;    // version of the store's rows
  std::uint64_t written_ = 0;  // of the last write
  std::uint64_t restored_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace rtml
