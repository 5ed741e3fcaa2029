#include "rtml/serve/model_slot.hpp"

#include <algorithm>

#include "rtml/core/error.hpp"
#include "rtml/core/rng.hpp"

namespace rtml {

namespace {

constexpr std::size_t most_made_rows = 4096;

}  // namespace

void ModelSlot::Options::validate(const Schema& schema) const {
  require("ModelSlot", "warm_up", warm_up, warm_up <= 10'000'000, "<= 10000000");
  for (const FeatureVector& row : rows)
    require("ModelSlot", "columns of a row", row.dense().size(), row.dense().size() == schema.dense_size(), "those of the schema");
}

std::vector<FeatureVector> made_rows(const Schema& schema, std::size_t count, std::size_t hashed, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<FeatureVector> rows(count);
  for (FeatureVector& row : rows) {
    for (std::size_t place = 0; place < schema.dense_size(); ++place) {
      const Column& column = schema.dense(place);
      const bool is_nominal = column.kind == Column::Kind::nominal;
      row.dense().push_back(is_nominal ? static_cast<float>(rng.below(std::max(1U, column.categories))) : static_cast<float>(rng.normal()));
    }
    if (!schema.has_hashed()) continue;
    for (std::size_t i = 0; i < hashed; ++i) row.sparse().push_back({static_cast<std::uint32_t>(rng()), 1.0F});
  }
  return rows;
}

void warm_up(const AnyLearner& model, std::span<const FeatureVector> rows, std::size_t predictions) {
  if (rows.empty()) return;
  std::vector<float> scores(model.outputs());
  for (std::size_t i = 0; i < predictions; ++i) model.predict(rows[i % rows.size()], scores);
}

ModelSlot::ModelSlot(const Registry& registry, Schema schema, std::uint64_t version, Options options)
    : registry_(registry),
      schema_(std::move(schema)),
      options_((options.validate(schema_), std::move(options))),
      current_(load(version)),
      made_{current_},
      published_(std::make_unique<Pointer>(current_)) {}

ModelSlot::Pointer ModelSlot::load(std::uint64_t version) const {
  Registry::Loaded loaded = registry_.load(version, schema_);
  auto served = std::make_shared<Served>();
  served->version = std::move(loaded.version);
  served->model = std::move(loaded.model);
  if (!options_.rows.empty()) {
    warm_up(served->model, options_.rows, options_.warm_up);
  } else if (!loaded.rows.empty()) {
    warm_up(served->model, loaded.rows, options_.warm_up);
  } else {
    warm_up(served->model, made_rows(schema_, std::min(options_.warm_up, most_made_rows), 16, options_.seed), options_.warm_up);
  }
  return served;
}

void ModelSlot::show(Pointer next) {
  auto shown = std::make_unique<Pointer>(next);
  if (!published_.publish(std::move(shown)))
    raise(Error("ModelSlot: readers hold guards on " + to_text(published_.retired()) + " old versions, no other can be shown"));
  before_ = std::exchange(current_, std::move(next));
  published_.reclaim().reset();  // `before_` owns what it showed
  std::erase_if(made_, [](const auto& made) { return made.expired(); });
}

bool ModelSlot::serve(std::uint64_t version) {
  const std::lock_guard lock(writing_);
  if (current_->version.number == version) return false;
  if (before_ && before_->version.number == version) {
    show(before_);
    return true;
  }
  Pointer loaded = load(version);
  made_.push_back(loaded);
  show(std::move(loaded));
  return true;
}

std::uint64_t ModelSlot::rollback() {
  const std::lock_guard lock(writing_);
  require("ModelSlot", "version before", "none", before_ != nullptr, "there to go back to");
  show(before_);
  return current_->version.number;
}

void ModelSlot::reclaim() {
  const std::lock_guard lock(writing_);
  published_.reclaim().reset();
}

std::size_t ModelSlot::memory_bytes() const {
  const std::lock_guard lock(writing_);
  std::vector<Pointer> counted;
  std::size_t bytes = sizeof(*this) + schema_.memory_bytes() + made_.capacity() * sizeof(made_.front());
  for (const FeatureVector& row : options_.rows) bytes += row.memory_bytes();
  for (const auto& made : made_) {
    Pointer version = made.lock();
    if (!version || std::find(counted.begin(), counted.end(), version) != counted.end()) continue;
    bytes += sizeof(Served) + version->model.memory_bytes();
    counted.push_back(std::move(version));
  }
  return bytes;
}

}  // namespace rtml
