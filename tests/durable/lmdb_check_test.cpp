// Each thing that LMDB trusts, broken on purpose in an otherwise whole file: it is refused, and for the right reason.

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "durable/log_samples.hpp"
#include "rtml/core/error.hpp"
#include "rtml/store/database.hpp"
#include "support/catch.hpp"

using namespace rtml::testing;
using rtml::Database;
using rtml::FormatError;
using rtml::checkpoint::testing::read_file;
using rtml::checkpoint::testing::write_file;

namespace {

/// Finds its way in a data file with pages of 4 KiB (structures MDB_page, MDB_node, MDB_db and MDB_meta of LMDB 0.9's mdb.c).
class LmdbFile {
 public:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t header = 16;

  explicit LmdbFile(std::string path) : path_(std::move(path)), bytes_(read_file(path_)) {}

  template <class T = std::uint64_t>
  T get(std::size_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void write() const { write_file(path_, bytes_); }

  std::size_t newest() const { return header + (get(commit(header)) > get(commit(header + page_size)) ? 0 : page_size); }  // meta
  std::size_t older() const { return 2 * header + page_size - newest(); }
  static std::size_t free_tree(std::size_t meta) { return meta + 24; }
  static std::size_t tables_tree(std::size_t meta) { return meta + 72; }
  static std::size_t last_page(std::size_t meta) { return meta + 120; }
  static std::size_t commit(std::size_t meta) { return meta + 128; }

  std::size_t root(std::size_t tree) const { return static_cast<std::size_t>(get(tree + 40)) * page_size; }
  std::size_t pointer(std::size_t page, std::size_t i) const { return page + header + 2 * i; }
  std::size_t node(std::size_t page, std::size_t i) const { return page + get<std::uint16_t>(pointer(page, i)); }
  std::size_t value(std::size_t node) const { return node + 8 + get<std::uint16_t>(node + 6); }
  bool is_branch(std::size_t page) const { return get<std::uint16_t>(page + 10) == 1; }

  /// The tree of a table: "big" has a branch, "long" a value on pages of its own, "rtml.tables" comes last.
  std::size_t table(std::size_t i) const { return value(node(root(tables_tree(newest())), i)); }
  std::size_t leaf(std::size_t tree) const {
    std::size_t page = root(tree);
    while (is_branch(page)) page = static_cast<std::size_t>(get<std::uint32_t>(node(page, 0))) * page_size;
    return page;
  }

 private:
  std::string path_;
  std::vector<std::byte> bytes_;
};

void make(const std::string& folder) {
  Database database(folder);
  const Database::Table& big = database.table("big");
  const Database::Table& wide = database.table("long");
  for (int round = 0; round < 3; ++round)
    database.write([&](Database::Transaction& transaction) {
      for (int i = 0; i < 200; ++i) transaction.put(big, as_bytes("key" + std::to_string(1000 + i)), as_bytes(std::string(50, 'x')));
      transaction.put(wide, as_bytes("key"), as_bytes(std::string(10'000, 'x')));
    });
}

}  // namespace

TEST_CASE("Whatever LMDB trusts is checked when a database is opened", "[database][hostile]") {
  struct Damage {
    std::string reason;
    std::function<void(LmdbFile&)> to;
  };
  using F = LmdbFile;
  const std::vector<Damage> damages = {
      {"it has no mark of LMDB (at byte 0)", [](F& f) { f.put<std::uint32_t>(F::header, 1); }},
      {"it has no mark of LMDB (at byte 4096)", [](F& f) { f.put<std::uint16_t>(F::page_size + 10, 2); }},
      {"it has data version 2 of LMDB, this build reads 1 (at byte 0)", [](F& f) { f.put<std::uint32_t>(F::header + 4, 2); }},
      {"its pages have 1000 bytes", [](F& f) { f.put<std::uint32_t>(F::free_tree(F::header), 1000); }},
      {"its pages have 256 bytes", [](F& f) { f.put<std::uint32_t>(F::free_tree(F::header), 256); }},
      {"it has no mark of LMDB (at byte 8192)", [](F& f) { f.put<std::uint32_t>(F::free_tree(F::header), 8192); }},
      {"it has pages of two sizes", [](F& f) { f.put<std::uint32_t>(F::free_tree(F::header + F::page_size), 8192); }},
      {"its last commits are", [](F& f) { f.put(F::commit(f.newest()), f.get(F::commit(f.newest())) + 2); }},
      {"freed pages, but the last is", [](F& f) { f.put(F::commit(f.newest()), f.get(F::commit(f.newest())) - 2); }},
      {"the last page is said to be 0", [](F& f) { f.put<std::uint64_t>(F::last_page(f.newest()), 0); }},
      {"the last page is said to be 4611686018427387904", [](F& f) { f.put(F::last_page(f.older()), std::uint64_t{1} << 62U); }},
      {"are not among its 4", [](F& f) { f.put<std::uint64_t>(F::last_page(f.newest()), 3); }},
      {"the flags of the file are 9 and 0", [](F& f) { f.put<std::uint16_t>(F::free_tree(f.newest()) + 4, 9); }},
      {"the flags of the file are 8 and 4", [](F& f) { f.put<std::uint16_t>(F::tables_tree(f.newest()) + 4, 4); }},
      {"a table has the flags 2", [](F& f) { f.put<std::uint16_t>(f.table(0) + 4, 2); }},
      {"1 pages at 0 are not among its", [](F& f) { f.put<std::uint64_t>(f.table(0) + 40, 0); }},
      {"is used twice", [](F& f) { f.put(f.table(2) + 40, f.get(f.table(1) + 40)); }},
      {"says that it is 77", [](F& f) { f.put<std::uint64_t>(f.root(f.table(0)), 77); }},
      {"a tree is 33 deep", [](F& f) { f.put<std::uint16_t>(f.table(0) + 6, 33); }},
      {"a tree of depth 0 begins at page", [](F& f) { f.put<std::uint16_t>(f.table(0) + 6, 0); }},
      {"is of another kind", [](F& f) { f.put<std::uint16_t>(f.table(0) + 6, 1); }},
      {"is of another kind", [](F& f) { f.put<std::uint16_t>(f.root(f.table(1)) + 10, 1); }},
      {"does not hold what it says", [](F& f) { f.put(f.table(0) + 8, f.get(f.table(0) + 8) + 1); }},    // branches
      {"does not hold what it says", [](F& f) { f.put(f.table(0) + 16, f.get(f.table(0) + 16) + 1); }},  // leaves
      {"does not hold what it says", [](F& f) { f.put(f.table(1) + 24, f.get(f.table(1) + 24) - 1); }},  // overflow pages
      {"does not hold what it says", [](F& f) { f.put(f.table(0) + 32, f.get(f.table(0) + 32) + 1); }},  // entries
      {"has no room for its nodes", [](F& f) { f.put<std::uint16_t>(f.root(f.table(1)) + 12, 16); }},
      {"has no room for its nodes", [](F& f) { f.put<std::uint16_t>(f.root(f.table(1)) + 12, 19); }},
      {"has no room for its nodes", [](F& f) { f.put<std::uint16_t>(f.root(f.table(1)) + 12, 4096); }},
      {"has no room for its nodes", [](F& f) { f.put<std::uint16_t>(f.root(f.table(1)) + 14, 4098); }},
      {"has a single child", [](F& f) { f.put<std::uint16_t>(f.root(f.table(0)) + 12, 18); }},
      {"node 0 of page", [](F& f) { f.put<std::uint16_t>(f.pointer(f.leaf(f.table(0)), 0), 100); }},
      {"node 1 of page", [](F& f) { f.put<std::uint16_t>(f.pointer(f.leaf(f.table(0)), 1), 4094); }},
      {"is cut", [](F& f) { f.put<std::uint16_t>(f.node(f.leaf(f.table(0)), 0) + 6, 5000); }},
      {"is cut", [](F& f) { f.put<std::uint16_t>(f.node(f.leaf(f.table(0)), 0), 5000); }},
      {"leave gaps", [](F& f) { f.put<std::uint16_t>(f.node(f.leaf(f.table(0)), 0), 20); }},
      {"leave gaps", [](F& f) { f.put<std::uint16_t>(f.leaf(f.table(0)) + 14, f.get<std::uint16_t>(f.leaf(f.table(0)) + 14) - 2); }},
      {"leave gaps", [](F& f) { f.put(f.pointer(f.leaf(f.table(0)), 1), f.get<std::uint16_t>(f.pointer(f.leaf(f.table(0)), 0))); }},
      {"are not in order",
       [](F& f) {
         const std::size_t leaf = f.leaf(f.table(0));
         const auto first = f.get<std::uint16_t>(f.pointer(leaf, 0));
         f.put(f.pointer(leaf, 0), f.get<std::uint16_t>(f.pointer(leaf, 1)));
         f.put(f.pointer(leaf, 1), first);
       }},
      {"are not in order", [](F& f) { f.put<char>(f.node(f.root(f.table(0)), 1) + 8, 'z'); }},  // what a branch says of its second child
      {"are not in order", [](F& f) { f.put<char>(f.node(f.root(f.table(0)), 1) + 8, 'a'); }},
      {"has a value with flags 4", [](F& f) { f.put<std::uint16_t>(f.node(f.leaf(f.table(0)), 0) + 4, 4); }},
      {"has a value with flags 2", [](F& f) { f.put<std::uint16_t>(f.node(f.leaf(f.table(0)), 0) + 4, 2); }},
      {"has a value with flags 0", [](F& f) { f.put<std::uint16_t>(f.node(f.root(F::tables_tree(f.newest())), 0) + 4, 0); }},
      {"the value at page", [](F& f) { f.put<std::uint16_t>(f.get(f.value(f.node(f.leaf(f.table(1)), 0))) * F::page_size + 10, 2); }},
      {"the value at page", [](F& f) { f.put<std::uint32_t>(f.get(f.value(f.node(f.leaf(f.table(1)), 0))) * F::page_size + 12, 2); }},
      {"pages at", [](F& f) { f.put<std::uint32_t>(f.get(f.value(f.node(f.leaf(f.table(1)), 0))) * F::page_size + 12, 1'000'000); }},
      {"bytes long",
       [](F& f) {
         const std::size_t list = f.value(f.node(f.leaf(F::free_tree(f.newest())), 0));
         f.put(list, f.get(list) + 1);
       }},
      {"is free and not free", [](F& f) { f.put<std::uint64_t>(f.value(f.node(f.leaf(F::free_tree(f.newest())), 0)) + 8, 1); }},
      {"is free and not free",
       [](F& f) { f.put(f.value(f.node(f.leaf(F::free_tree(f.newest())), 0)) + 8, f.get(F::last_page(f.newest())) + 1); }},
      {"is free and not free", [](F& f) { f.put(f.value(f.node(f.leaf(F::free_tree(f.newest())), 0)) + 8, f.get(f.table(0) + 40)); }},
      {"free pages are not in order",
       [](F& f) {
         const std::size_t leaf = f.leaf(F::free_tree(f.newest()));
         for (std::size_t i = 0;; ++i) {
           const std::size_t list = f.value(f.node(leaf, i));
           if (f.get(list) < 2) continue;  // the loop ends: a commit of this file frees several pages
           const auto first = f.get(list + 8);
           f.put(list + 8, f.get(list + 16));
           f.put(list + 16, first);
           return;
         }
       }},
      {"has no number as a key",
       [](F& f) {
         const std::size_t node = f.node(f.leaf(F::free_tree(f.newest())), 0);  // one byte less of a key, one more of the value
         f.put<std::uint16_t>(node + 6, 7);
         f.put<std::uint16_t>(node, static_cast<std::uint16_t>(f.get<std::uint16_t>(node) + 1));
       }},
      {"says that commit 0 freed pages", [](F& f) { f.put<std::uint64_t>(f.node(f.leaf(F::free_tree(f.newest())), 0) + 8, 0); }},
      {"has an empty key",
       [](F& f) {
         const std::size_t node = f.node(f.leaf(f.table(0)), 0);
         const auto key = f.get<std::uint16_t>(node + 6);
         f.put<std::uint16_t>(node + 6, 0);
         f.put<std::uint16_t>(node, static_cast<std::uint16_t>(f.get<std::uint16_t>(node) + key));
       }},
      {"names a table of",
       [](F& f) {
         const std::size_t node = f.node(f.root(F::tables_tree(f.newest())), 0);
         const auto key = f.get<std::uint16_t>(node + 6);
         f.put<std::uint16_t>(node + 6, static_cast<std::uint16_t>(key - 1));
         f.put<std::uint16_t>(node, 49);
       }},
  };
  const TemporaryFolder folder;
  make(folder / "db");
  const std::string file = folder / "db/data.mdb";
  const LmdbFile whole(file);
  REQUIRE(whole.is_branch(whole.root(whole.table(0))));
  for (std::size_t i = 0; i < damages.size(); ++i) {
    LmdbFile damaged = whole;
    damages[i].to(damaged);
    damaged.write();
    CAPTURE(i, damages[i].reason);
    std::string said = "nothing";
    try {
      const Database database(folder / "db");
    } catch (const FormatError& error) {
      said = error.what();
    }
    CAPTURE(said);
    CHECK(said.starts_with(file + " is damaged: "));
    CHECK(said.find(damages[i].reason) != std::string::npos);
  }
  whole.write();
  CHECK_NOTHROW(Database(folder / "db"));
}
