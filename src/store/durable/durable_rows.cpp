#include "rtml/store/durable_rows.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "store/durable/encoding.hpp"

namespace rtml {
namespace {

using detail::Bytes;

// A row of the table: key = EntityKey::bytes; value = for each row of the entity, oldest first: event time, available at, cells, 8 bytes each.

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void append(std::vector<std::byte>& to, std::uint64_t number) {
  to.resize(to.size() + sizeof(number));
  detail::put_number(to.data() + to.size() - sizeof(number), number);
}

std::uint64_t ticks_of(Time time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }
Time time_of(std::uint64_t ticks) { return Time(Duration(static_cast<std::int64_t>(ticks))); }

}  // namespace

DurableRows::DurableRows(Database& database, OnlineStore& store, const FeatureView& view)
    : database_(&database), store_(&store), view_(view), table_(&database.table("rows." + view.name())) {
  const Database::Table& views = database.table("views");
  const bool empty = store.version(view) == 0;
  const Bytes name = bytes_of(view.name());
  bool known = false;
  {
    const auto snapshot = database.snapshot();
    if (const auto fingerprint = snapshot.get(views, name)) {
      known = true;
      if (fingerprint->size() != 8)
        raise(FormatError(database.path() + ": the fingerprint of view \"" + view.name() + "\" has another size"));
      if (detail::number_at<std::uint64_t>(fingerprint->data()) != view.fingerprint())
        raise(SchemaError("view \"" + view.name() + "\" in " + database.path() + " has another definition: keys, columns or time to live"));
      restore(snapshot);
    }
  }
  if (!known) {
    database.write([&](Database::Transaction& transaction) {
      std::vector<std::byte> fingerprint;
      append(fingerprint, view.fingerprint());
      transaction.put(views, name, fingerprint);
    });
  }
  if (empty) saved_ = written_ = store.version(view);  // else the table has not what was there
}

void DurableRows::restore(const Database::View& rows) {
  const std::size_t width = 2 + view_.layout().words();
  std::vector<std::uint64_t> cells(view_.layout().words());
  auto cursor = rows.cursor(*table_);
  while (cursor.next()) {
    const Bytes value = cursor.value();
    const std::string_view key(reinterpret_cast<const char*>(cursor.key().data()), cursor.key().size());
    if (value.empty() || value.size() % (width * sizeof(std::uint64_t)) != 0)
      raise(FormatError(database_->path() + ": a row of view \"" + view_.name() + "\" has another size"));
    for (const std::byte* at = value.data(); at != value.data() + value.size(); at += width * sizeof(std::uint64_t)) {
      std::memcpy(cells.data(), at + 2 * sizeof(std::uint64_t), cells.size() * sizeof(std::uint64_t));
      const StoredRow row{.key = key,
                          .event_time = time_of(detail::number_at<std::uint64_t>(at)),
                          .available_at = time_of(detail::number_at<std::uint64_t>(at + sizeof(std::uint64_t))),
                          .cells = cells};
      const PutResult result = store_->restore(view_, row);
      if (result == PutResult::refused) raise(FormatError(database_->path() + ": a row of view \"" + view_.name() + "\" is none"));
      ++(result == PutResult::stored ? restored_ : refused_);
    }
  }
}

std::size_t DurableRows::put_changed(Database::Transaction& transaction, std::uint64_t since, std::set<std::string>* kept) {
  written_ = store_->version(view_);
  // Rows are copied under a lock of the store, and written without it.
  std::vector<std::byte> keys;
  std::vector<std::byte> values;
  struct Entity {
    std::size_t key;
    std::size_t key_size;
    std::size_t value;
    std::size_t value_size;
  };
  std::vector<Entity> entities;
  store_->visit_changed(view_, since, [&](const StoredRow& row) {
    const Bytes key = bytes_of(row.key);
    const bool same = !entities.empty() && std::ranges::equal(Bytes(keys).subspan(entities.back().key), key);
    if (!same) {
      entities.push_back({keys.size(), key.size(), values.size(), 0});
      keys.insert(keys.end(), key.begin(), key.end());
    }
    append(values, ticks_of(row.event_time));
    append(values, ticks_of(row.available_at));
    for (const std::uint64_t cell : row.cells) append(values, cell);
    entities.back().value_size = values.size() - entities.back().value;
  });
  for (const Entity& entity : entities) {
    const Bytes key = Bytes(keys).subspan(entity.key, entity.key_size);
    transaction.put(*table_, key, Bytes(values).subspan(entity.value, entity.value_size));
    if (kept != nullptr) kept->emplace(reinterpret_cast<const char*>(key.data()), key.size());
  }
  return entities.size();
}

std::size_t DurableRows::write(Database::Transaction& transaction) { return put_changed(transaction, saved_, nullptr); }

std::size_t DurableRows::save() {
  std::size_t count = 0;
  database_->write([&](Database::Transaction& transaction) { count = write(transaction); });
  committed();
  return count;
}

std::size_t DurableRows::rewrite() {
  std::size_t count = 0;
  database_->write([&](Database::Transaction& transaction) {
    std::set<std::string> kept;
    count = put_changed(transaction, 0, &kept);
    std::vector<std::string> gone;
    auto cursor = transaction.cursor(*table_);
    while (cursor.next()) {
      std::string key(reinterpret_cast<const char*>(cursor.key().data()), cursor.key().size());
      if (!kept.contains(key)) gone.push_back(std::move(key));
    }
    for (const std::string& key : gone) transaction.erase(*table_, bytes_of(key));
  });
  committed();
  return count;
}

}  // namespace rtml
