#include "rtml/train/shelf.hpp"

#include <cstdint>
#include <vector>

#include "rtml/core/archive.hpp"
#include "rtml/learn/linear.hpp"
#include "support/catch.hpp"

using rtml::AnyLearner;
using rtml::Example;
using rtml::Shelf;

namespace {

/// One column x in {-1, 1}; y = 1 where x == `side`.
struct OneSided {
  std::vector<float> values;
  std::vector<float> labels;

  explicit OneSided(float side, std::size_t n = 100) {
    for (std::size_t i = 0; i < n; ++i) {
      values.push_back(i % 2 == 0 ? 1.0F : -1.0F);
      labels.push_back(values.back() == side ? 1.0F : 0.0F);
    }
  }
  std::size_t size() const { return values.size(); }
  Example at(std::size_t i) const { return {rtml::Features{{&values[i], 1}, {}}, labels[i], 1.0F, {}}; }
};

AnyLearner learned(const OneSided& rows) {
  AnyLearner model{rtml::LogisticRegression{}};
  model.bind(rtml::Schema({{.name = "x"}}));
  float before = 0.0F;
  for (std::size_t i = 0; i < rows.size(); ++i) model.learn(rows.at(i).x, rows.at(i).y, 1.0F, {&before, 1});
  return model;
}

float says(const AnyLearner& model, float x) {
  float score = 0.0F;
  model.predict(rtml::Features{{&x, 1}, {}}, {&score, 1});
  return score;
}

}  // namespace

TEST_CASE("A shelf gives back the state that fits the newest rows, or the model as it is", "[train][shelf]") {
  const AnyLearner left = learned(OneSided(-1.0F));
  const AnyLearner right = learned(OneSided(1.0F));
  Shelf shelf({.keep = 4, .every = 10, .rows = 40});
  shelf.see(left, 9);
  CHECK(shelf.size() == 0);
  shelf.see(left, 10);
  shelf.see(right, 20);
  CHECK(shelf.size() == 2);
  CHECK(says(shelf.best_fit(right, OneSided(-1.0F)), 1.0F) < 0.5F);
  CHECK(says(shelf.best_fit(left, OneSided(1.0F)), 1.0F) > 0.5F);
  CHECK(&shelf.best_fit(right, OneSided(1.0F)) == &right);   // a tie with its copy
  CHECK(&shelf.best_fit(left, OneSided(1.0F, 0)) == &left);  // no rows
  OneSided turned(-1.0F);                                    // only the newest 40 count
  for (std::size_t i = 60; i < 100; ++i) turned.labels[i] = 1.0F - turned.labels[i];
  CHECK(&shelf.best_fit(right, turned) == &right);
  CHECK(&shelf.best_fit(left, turned) != &left);
}

TEST_CASE("A full shelf lets the oldest go", "[train][shelf]") {
  const AnyLearner left = learned(OneSided(-1.0F));
  const AnyLearner right = learned(OneSided(1.0F));
  Shelf shelf({.keep = 2, .every = 1});
  shelf.see(left, 1);
  const std::size_t one = shelf.memory_bytes();
  shelf.see(right, 2);
  CHECK(shelf.memory_bytes() > one);
  shelf.see(right, 3);
  CHECK(shelf.size() == 2);
  CHECK(says(shelf.best_fit(right, OneSided(-1.0F)), 1.0F) > 0.5F);  // nobody is left who knew that
}

TEST_CASE("A shelf lasts; other options and more copies than fit are refused", "[train][shelf][archive]") {
  const AnyLearner left = learned(OneSided(-1.0F));
  Shelf shelf({.keep = 3, .every = 1});
  for (std::uint64_t i = 1; i <= 3; ++i) shelf.see(left, i);
  rtml::Writer writer;
  Shelf::archive(shelf, writer, left);
  const auto bytes = writer.take();
  Shelf restored({.keep = 3, .every = 1});
  rtml::Reader reader(bytes);
  Shelf::archive(restored, reader, left);
  reader.finish();
  CHECK(restored.size() == 3);
  CHECK(says(restored.best_fit(learned(OneSided(1.0F)), OneSided(-1.0F)), 1.0F) == says(left, 1.0F));
  Shelf small({.keep = 2});
  rtml::Reader again(bytes);
  CHECK_THROWS_AS(Shelf::archive(small, again, left), rtml::FormatError);
  CHECK_THROWS_WITH(Shelf({.keep = 0}), "Shelf: keep is 0, must be in [1, 1024]");
  CHECK_THROWS_WITH(Shelf({.every = 0}), "Shelf: every is 0, must be >= 1");
  CHECK_THROWS_WITH(Shelf({.rows = 0}), "Shelf: rows is 0, must be >= 1");
}
