#include "lmdb_check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include "encoding.hpp"
#include "rtml/core/error.hpp"

// The format is LMDB's data version 1 on 64-bit machines: structures MDB_page, MDB_node, MDB_db and MDB_meta of mdb.c (0.9).
namespace rtml::detail {

namespace {

static_assert(sizeof(std::size_t) == 8 && std::endian::native == std::endian::little, "rtml::durable needs a 64-bit little-endian machine");

using Page = std::uint64_t;

constexpr std::uint32_t magic = 0xbeefc0deU;
constexpr std::uint32_t data_version = 1;
constexpr std::size_t page_header = 16;
constexpr std::size_t node_header = 8;
constexpr std::size_t tree_size = 48;
constexpr std::size_t meta_size = 136;
constexpr std::size_t free_tree = 24;  // places in a meta
constexpr std::size_t tables_tree = free_tree + tree_size;
constexpr std::size_t last_page = tables_tree + tree_size;
constexpr std::size_t commit_number = last_page + 8;
constexpr Page no_page = ~Page{0};
constexpr unsigned deepest = 32;  // LMDB's cursors have no room for more

constexpr std::uint16_t branch_page = 0x01;
constexpr std::uint16_t leaf_page = 0x02;
constexpr std::uint16_t overflow_page = 0x04;
constexpr std::uint16_t meta_page = 0x08;
constexpr std::uint16_t value_elsewhere = 0x01;  // flags of a node: on overflow pages
constexpr std::uint16_t value_is_tree = 0x02;
constexpr std::uint16_t integer_keys = 0x08;  // flags of a tree

/// MDB_db.
struct Tree {
  std::uint16_t flags, depth;
  std::uint64_t branches, leaves, overflows, entries;
  Page root;
};

Tree tree_at(const std::byte* at) {
  return {number_at<std::uint16_t>(at + 4),  number_at<std::uint16_t>(at + 6),  number_at<std::uint64_t>(at + 8),
          number_at<std::uint64_t>(at + 16), number_at<std::uint64_t>(at + 24), number_at<std::uint64_t>(at + 32),
          number_at<Page>(at + 40)};
}

struct Node {
  std::uint16_t flags;
  Bytes key;
  std::uint64_t number;  // of a branch the child's page, of a leaf the size of the value
  const std::byte* value;
};

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat about {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &about) != 0) refuse(path, errno);
    if (!S_ISREG(about.st_mode)) refuse(path, S_ISDIR(about.st_mode) ? EISDIR : EINVAL);
    size_ = static_cast<std::size_t>(about.st_size);
    if (size_ == 0) return;
    map_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (map_ == MAP_FAILED) refuse(path, errno);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (map_ != MAP_FAILED) ::munmap(map_, size_);
    ::close(descriptor_);
  }
  Bytes bytes() const noexcept { return size_ == 0 ? Bytes() : Bytes(static_cast<const std::byte*>(map_), size_); }

 private:
  [[noreturn]] void refuse(const std::string& path, int code) const {
    if (descriptor_ >= 0) ::close(descriptor_);
    raise(IoError(fmt::format("cannot read {}: {}", path, std::generic_category().message(code)), code));
  }

  int descriptor_;
  std::size_t size_ = 0;
  void* map_ = MAP_FAILED;
};

class Check {
 public:
  Check(const std::string& path, Bytes file) : path_(path), file_(file) {}

  void run(std::uint64_t max_bytes) {
    const auto [older, newest] = metas();
    check_free_tree_of(older, max_bytes);
    check_free_tree_of(newest, max_bytes);
    walk(tree_at(newest + tables_tree), Kind::tables);
    for (const Bytes& list : free_lists_) check_free(list);  // when it is known what is in use
  }

 private:
  enum class Kind : std::uint8_t { tables, rows, free };

  /// What a walk counts, to be compared with what the tree says of itself.
  struct Found {
    std::uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0;
  };

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    raise(FormatError(path_ + " is damaged: " + fmt::format(format, std::forward<Args>(args)...)));
  }

  const std::byte* meta_at(std::size_t at) const {
    const std::byte* page = file_.data() + at;
    const std::byte* meta = page + page_header;
    if (number_at<std::uint32_t>(meta) != magic || number_at<std::uint16_t>(page + 10) != meta_page)
      refuse("it has no mark of LMDB (at byte {})", at);
    if (const auto version = number_at<std::uint32_t>(meta + 4); version != data_version)
      refuse("it has data version {} of LMDB, this build reads {} (at byte {})", version, data_version, at);
    return meta;
  }

  /// The older first. LMDB writes them in turn.
  std::pair<const std::byte*, const std::byte*> metas() {
    constexpr std::size_t smallest = 512;
    constexpr std::size_t largest = 32768;
    static_assert(meta_size + page_header <= smallest);
    if (file_.size() < 2 * smallest) refuse("it is truncated: has {} bytes", file_.size());
    const std::byte* first = meta_at(0);
    page_size_ = number_at<std::uint32_t>(first + free_tree);
    if (page_size_ < smallest || page_size_ > largest || !std::has_single_bit(page_size_)) refuse("its pages have {} bytes", page_size_);
    if (file_.size() < 2 * page_size_) refuse("it is truncated: has {} bytes", file_.size());
    const std::byte* second = meta_at(page_size_);
    if (number_at<std::uint32_t>(second + free_tree) != page_size_) refuse("it has pages of two sizes");
    const auto first_commit = number_at<std::uint64_t>(first + commit_number);
    const auto second_commit = number_at<std::uint64_t>(second + commit_number);
    const bool in_turn = first_commit % 2 == 0 && (second_commit == first_commit + 1 || second_commit + 1 == first_commit);
    if (!in_turn && (first_commit != 0 || second_commit != 0)) refuse("its last commits are {} and {}", first_commit, second_commit);
    return first_commit < second_commit ? std::pair(first, second) : std::pair(second, first);
  }

  /// Begins a state: its free pages, and when they became free, which cannot be after its commit.
  void check_free_tree_of(const std::byte* meta, std::uint64_t max_bytes) {
    last_ = number_at<Page>(meta + last_page);
    if (last_ < 1 || last_ >= std::max<std::uint64_t>(file_.size(), max_bytes) / page_size_)
      refuse("the last page is said to be {}", last_);
    seen_.assign(std::min<std::size_t>(last_ + 1, file_.size() / page_size_), false);
    seen_[0] = seen_[1] = true;
    free_beyond_.clear();
    free_lists_.clear();
    last_free_key_ = 0;

    const Tree free = tree_at(meta + free_tree);
    const Tree tables = tree_at(meta + tables_tree);
    if (free.flags != integer_keys || tables.flags != 0) refuse("the flags of the file are {} and {}", free.flags, tables.flags);
    walk(free, Kind::free);
    const auto commit = number_at<std::uint64_t>(meta + commit_number);
    if (last_free_key_ > commit) refuse("commit {} freed pages, but the last is {}", last_free_key_, commit);
  }

  /// `count` pages that nothing else has.
  void claim(Page page, std::uint64_t count) {
    if (page < 2 || page > last_ || count > last_ - page + 1) refuse("{} pages at {} are not among its {}", count, page, last_ + 1);
    if ((page + count) * page_size_ > file_.size()) refuse("it is truncated: has {} bytes, page {} is missing", file_.size(), page);
    for (Page each = page; each < page + count; ++each) {
      if (seen_[each]) refuse("page {} is used twice", each);
      seen_[each] = true;
    }
  }

  const std::byte* take(Page page) {
    claim(page, 1);
    const std::byte* bytes = file_.data() + page * page_size_;
    if (number_at<Page>(bytes) != page) refuse("page {} says that it is {}", page, number_at<Page>(bytes));
    return bytes;
  }

  void walk(const Tree& tree, Kind kind) {
    if (tree.depth > deepest) refuse("a tree is {} deep", tree.depth);
    if ((tree.depth == 0) != (tree.root == no_page)) refuse("a tree of depth {} begins at page {}", tree.depth, tree.root);
    Found found;
    if (tree.depth > 0) walk(tree.root, tree.depth, kind, {}, std::nullopt, found);
    if (found.branches != tree.branches || found.leaves != tree.leaves || found.overflows != tree.overflows ||
        found.entries != tree.entries)
      refuse("the tree at page {} does not hold what it says", tree.root);
  }

  /// A subtree whose keys are in [low, high).
  void walk(Page page, unsigned depth, Kind kind, Bytes low, std::optional<Bytes> high, Found& found) {
    const bool leaf = depth == 1;
    const std::vector<Node> nodes = nodes_of(page, leaf);
    ++(leaf ? found.leaves : found.branches);
    Bytes before = low;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = nodes[i];
      const bool first = i == 0;
      if (!leaf && first) continue;  // the first key of a branch means nothing
      if (leaf && node.key.empty()) refuse("page {} has an empty key", page);
      if (kind == Kind::free && node.key.size() != 8) refuse("page {} has no number as a key", page);
      if (!ordered(kind, before, node.key, first) || (high && !ordered(kind, node.key, *high, false)))
        refuse("the keys of page {} are not in order", page);
      before = node.key;
    }
    if (leaf) {
      for (const Node& node : nodes) check_value(page, node, kind, found);
      found.entries += nodes.size();
      return;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i)
      walk(nodes[i].number, depth - 1, kind, i == 0 ? low : nodes[i].key, i + 1 < nodes.size() ? std::optional(nodes[i + 1].key) : high,
           found);
  }

  /// a < b, or a <= b where they may be equal. An empty bound is below all.
  static bool ordered(Kind kind, Bytes a, Bytes b, bool may_be_equal) {
    if (a.empty()) return true;
    if (kind == Kind::free) {
      const auto left = number_at<std::uint64_t>(a.data());
      const auto right = number_at<std::uint64_t>(b.data());
      return left < right || (may_be_equal && left == right);
    }
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()) ||
           (may_be_equal && std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }

  /// The nodes of a branch or a leaf, which fill the page's upper part without gaps.
  std::vector<Node> nodes_of(Page page, bool leaf) {
    const std::byte* bytes = take(page);
    if (number_at<std::uint16_t>(bytes + 10) != (leaf ? leaf_page : branch_page)) refuse("page {} is of another kind", page);
    const std::size_t lower = number_at<std::uint16_t>(bytes + 12);
    const std::size_t upper = number_at<std::uint16_t>(bytes + 14);
    if (lower < page_header + 2 || lower % 2 != 0 || lower > upper || upper > page_size_) refuse("page {} has no room for its nodes", page);
    const std::size_t count = (lower - page_header) / 2;
    if (!leaf && count < 2) refuse("page {} has a single child", page);

    std::vector<Node> nodes;
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = number_at<std::uint16_t>(bytes + page_header + 2 * i);
      if (at < upper || at % 2 != 0 || at + node_header > page_size_) refuse("node {} of page {} is outside", i, page);
      const std::byte* node = bytes + at;
      const std::uint64_t low = number_at<std::uint16_t>(node);
      const std::uint64_t mid = number_at<std::uint16_t>(node + 2);
      const auto flags = number_at<std::uint16_t>(node + 4);
      const std::size_t key_size = number_at<std::uint16_t>(node + 6);
      const std::uint64_t number = low | mid << 16U | (leaf ? 0 : static_cast<std::uint64_t>(flags) << 32U);
      const std::uint64_t value_size = !leaf ? 0 : ((flags & value_elsewhere) != 0 ? sizeof(Page) : number);
      if (key_size + value_size > page_size_ - at - node_header) refuse("node {} of page {} is cut", i, page);
      nodes.push_back({leaf ? flags : std::uint16_t{0}, {node + node_header, key_size}, number, node + node_header + key_size});
      const std::size_t size = node_header + key_size + static_cast<std::size_t>(value_size);
      places.emplace_back(at, size + size % 2);
    }
    std::sort(places.begin(), places.end());
    std::size_t at = upper;
    for (const auto& [begin, size] : places) {
      if (begin != at) refuse("the nodes of page {} leave gaps", page);
      at += size;
    }
    if (at != page_size_) refuse("the nodes of page {} leave gaps", page);
    return nodes;
  }

  void check_value(Page page, const Node& node, Kind kind, Found& found) {
    const bool elsewhere = node.flags == value_elsewhere;
    const bool is_tree = node.flags == value_is_tree;
    if (is_tree != (kind == Kind::tables) || (!is_tree && !elsewhere && node.flags != 0))
      refuse("page {} has a value with flags {}", page, node.flags);
    const std::byte* value = node.value;
    if (elsewhere) {
      const Page begin = number_at<Page>(node.value);
      const std::byte* bytes = take(begin);
      const std::uint64_t count = number_at<std::uint32_t>(bytes + 12);  // more than it needs where it took the place of a longer one
      if (number_at<std::uint16_t>(bytes + 10) != overflow_page || count < (page_header + node.number - 1) / page_size_ + 1)
        refuse("the value at page {} is not {} bytes long", begin, node.number);
      if (count > 1) claim(begin + 1, count - 1);
      found.overflows += count;
      value = bytes + page_header;
    }
    if (kind == Kind::tables) {
      if (node.number != tree_size) refuse("page {} names a table of {} bytes", page, node.number);
      const Tree tree = tree_at(value);
      if (tree.flags != 0) refuse("a table has the flags {}", tree.flags);
      walk(tree, Kind::rows);
    }
    if (kind == Kind::free) {
      free_lists_.emplace_back(value, static_cast<std::size_t>(node.number));
      const auto freed_by = number_at<std::uint64_t>(node.key.data());
      if (freed_by == 0) refuse("page {} says that commit 0 freed pages", page);  // LMDB would take it for none, and give them out twice
      last_free_key_ = std::max(last_free_key_, freed_by);
    }
  }

  /// A count, then as many pages in descending order.
  void check_free(Bytes list) {
    const auto count = list.size() >= sizeof(Page) ? number_at<std::uint64_t>(list.data()) : 0;
    if (list.size() % sizeof(Page) != 0 || count != list.size() / sizeof(Page) - 1)
      refuse("a list of free pages is {} bytes long", list.size());
    for (std::size_t i = 1; i <= count; ++i) {
      const auto page = number_at<Page>(list.data() + i * sizeof(Page));
      if (page > last_ || (page < seen_.size() ? seen_[page] : !free_beyond_.insert(page).second))
        refuse("page {} is free and not free", page);
      if (i > 1 && page >= number_at<Page>(list.data() + (i - 1) * sizeof(Page))) refuse("free pages are not in order");
      if (page < seen_.size()) seen_[page] = true;
    }
  }

  const std::string& path_;
  Bytes file_;
  std::size_t page_size_ = 0;
  Page last_ = 0;
  std::vector<bool> seen_;                // pages of the file
  std::unordered_set<Page> free_beyond_;  // and free ones that it does not reach to yet
  std::vector<Bytes> free_lists_;
  std::uint64_t last_free_key_ = 0;
};

}  // namespace

void check_lmdb_file(const std::string& path, std::uint64_t max_bytes) {
  const File file(path);
  Check(path, file.bytes()).run(max_bytes);
}

}  // namespace rtml::detail
