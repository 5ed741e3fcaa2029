#include "rtml/stream/arrow_export.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rtml/core/error.hpp"
#include "rtml/core/finite.hpp"

namespace rtml::stream {

namespace {

/// What one exported struct, and only it, keeps alive: a consumer may move a child out and release it long after its parent.
template <class Exported>
struct Node {
  std::vector<Exported> children;
  std::vector<Exported*> places;
  std::string format;
  std::string name;
  std::vector<const void*> buffers;
  std::vector<std::uint8_t> validity;
  std::vector<float> floats;
  std::vector<std::uint32_t> indices;
  std::vector<std::int64_t> offsets;
};

template <class Exported>
void release(Exported* exported) {
  for (std::int64_t i = 0; i < exported->n_children; ++i) {
    Exported* const child = exported->children[i];
    if (child->release != nullptr) child->release(child);
  }
  delete static_cast<Node<Exported>*>(exported->private_data);
  exported->release = nullptr;
}

/// Releases what was made when making the rest throws.
template <class Exported>
struct Owned : Exported {
  Owned() : Exported{} {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (this->release != nullptr) Exported::release(this);
  }
  Exported take() noexcept { return std::exchange(static_cast<Exported&>(*this), Exported{}); }
};

template <class Exported>
void hold(Owned<Exported>& made, std::unique_ptr<Node<Exported>> node) {
  for (Exported& child : node->children) node->places.push_back(&child);
  made.n_children = static_cast<std::int64_t>(node->children.size());
  made.children = node->places.data();
  made.private_data = node.release();
  made.release = &release<Exported>;
}

/// Children of a node under way, released with it.
template <class Exported>
class Children {
 public:
  explicit Children(std::size_t most) { made_.reserve(most); }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    for (Exported& child : made_)
      if (child.release != nullptr) child.release(&child);
  }
  void add(Owned<Exported>&& child) { made_.push_back(child.take()); }
  std::vector<Exported> take() noexcept { return std::exchange(made_, {}); }

 private:
  std::vector<Exported> made_;
};

void describe(Owned<ArrowSchema>& made, std::string format, std::string name, std::int64_t flags, std::vector<ArrowSchema> children = {}) {
  auto node = std::make_unique<Node<ArrowSchema>>();
  node->children = std::move(children);
  node->places.reserve(node->children.size());
  node->format = std::move(format);
  node->name = std::move(name);
  made.format = node->format.c_str();
  made.name = node->name.c_str();
  made.flags = flags;
  hold(made, std::move(node));
}

using ArrayNode = std::unique_ptr<Node<ArrowArray>>;

void fill(Owned<ArrowArray>& made, ArrayNode node, std::size_t length, std::int64_t nulls, const void* values) {
  const void* const validity = nulls == 0 ? nullptr : node->validity.data();
  node->buffers = {validity};
  if (values != nullptr) node->buffers.push_back(values);
  made.length = static_cast<std::int64_t>(length);
  made.null_count = nulls;
  made.n_buffers = static_cast<std::int64_t>(node->buffers.size());
  made.buffers = node->buffers.data();
  node->places.reserve(node->children.size());
  hold(made, std::move(node));
}

const void* address(const auto& values) noexcept {
  static const std::uint64_t nothing = 0;  // an empty vector may have none
  return values.empty() ? static_cast<const void*>(&nothing) : values.data();
}

void export_dense(const Batch& batch, std::size_t place, Owned<ArrowArray>& made) {
  auto node = std::make_unique<Node<ArrowArray>>();
  node->floats.resize(batch.size());
  node->validity.resize((batch.size() + 7) / 8);
  std::int64_t nulls = 0;
  for (std::size_t row = 0; row < batch.size(); ++row) {
    const float value = batch.row(row).dense[place];
    node->floats[row] = value;
    const bool present = !is_nan(value);
    nulls += present ? 0 : 1;
    node->validity[row / 8] = static_cast<std::uint8_t>(node->validity[row / 8] | (present ? 1U : 0U) << (row % 8));
  }
  const void* const values = address(node->floats);
  fill(made, std::move(node), batch.size(), nulls, values);
}

template <class T>
void export_values(std::vector<T> values, std::vector<T> Node<ArrowArray>::*member, Owned<ArrowArray>& made) {
  auto node = std::make_unique<Node<ArrowArray>>();
  (*node).*member = std::move(values);
  const std::vector<T>& held = (*node).*member;
  const void* const place = address(held);
  const std::size_t size = held.size();
  fill(made, std::move(node), size, 0, place);
}

void export_sparse(const Batch& batch, Owned<ArrowArray>& made) {
  std::vector<std::uint32_t> indices;
  std::vector<float> values;
  auto list = std::make_unique<Node<ArrowArray>>();
  list->offsets.push_back(0);
  for (std::size_t row = 0; row < batch.size(); ++row) {
    for (const SparseFeature& feature : batch.row(row).sparse) {
      indices.push_back(feature.index);
      values.push_back(feature.value);
    }
    list->offsets.push_back(static_cast<std::int64_t>(indices.size()));
  }
  const std::size_t count = indices.size();
  Children<ArrowArray> fields(2);
  Owned<ArrowArray> index;
  export_values(std::move(indices), &Node<ArrowArray>::indices, index);
  fields.add(std::move(index));
  Owned<ArrowArray> value;
  export_values(std::move(values), &Node<ArrowArray>::floats, value);
  fields.add(std::move(value));
  Children<ArrowArray> items(1);
  Owned<ArrowArray> item;
  auto pair = std::make_unique<Node<ArrowArray>>();
  pair->children = fields.take();
  fill(item, std::move(pair), count, 0, nullptr);
  items.add(std::move(item));
  list->children = items.take();
  const void* const offsets = list->offsets.data();
  fill(made, std::move(list), batch.size(), 0, offsets);
}

void describe_sparse(Owned<ArrowSchema>& made) {
  Children<ArrowSchema> fields(2);
  Owned<ArrowSchema> index;
  describe(index, "I", "index", 0);
  fields.add(std::move(index));
  Owned<ArrowSchema> value;
  describe(value, "f", "value", 0);
  fields.add(std::move(value));
  Children<ArrowSchema> items(1);
  Owned<ArrowSchema> item;
  describe(item, "+s", "item", 0, fields.take());
  items.add(std::move(item));
  describe(made, "+L", "sparse", 0, items.take());
}

}  // namespace

void export_arrow(const Batch& batch, const Schema& schema, ArrowArray& array, ArrowSchema& arrow_schema) {
  require("export_arrow", "columns of the schema", schema.dense_size(), schema.dense_size() == batch.dense_size(),
          "those of the batch, " + to_text(batch.dense_size()));
  const bool sparse = schema.has_hashed();
  if (sparse && schema.dense_place("sparse"))
    require("export_arrow", "column", "sparse", false, "of another name: hashed features go there");
  const std::size_t columns = schema.dense_size() + (sparse ? 1 : 0);
  Children<ArrowArray> arrays(columns);
  Children<ArrowSchema> schemas(columns);
  for (std::size_t place = 0; place < schema.dense_size(); ++place) {
    Owned<ArrowArray> column;
    export_dense(batch, place, column);
    arrays.add(std::move(column));
    Owned<ArrowSchema> description;
    describe(description, "f", schema.dense(place).name, ARROW_FLAG_NULLABLE);
    schemas.add(std::move(description));
  }
  if (sparse) {
    Owned<ArrowArray> column;
    export_sparse(batch, column);
    arrays.add(std::move(column));
    Owned<ArrowSchema> description;
    describe_sparse(description);
    schemas.add(std::move(description));
  }
  Owned<ArrowSchema> whole_schema;
  describe(whole_schema, "+s", "", 0, schemas.take());
  Owned<ArrowArray> whole;
  auto node = std::make_unique<Node<ArrowArray>>();
  node->children = arrays.take();
  fill(whole, std::move(node), batch.size(), 0, nullptr);
  array = whole.take();
  arrow_schema = whole_schema.take();
}

}  // namespace rtml::stream
