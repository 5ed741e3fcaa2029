#include "rtml/core/batch.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "rtml/core/batch_eigen.hpp"
#include "rtml/core/batch_xtensor.hpp"
#include "rtml/core/finite.hpp"
#include "support/allocation.hpp"
#include "support/catch.hpp"

using namespace rtml;

namespace {

template <class M>
concept Borrows = requires(const M& matrix) {
  batch_of(matrix);
};
template <class M>
concept BorrowsTemporary = requires {
  batch_of(std::declval<M>());
};

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

static_assert(Borrows<RowMajor> && Borrows<Eigen::Matrix<float, 3, 2, Eigen::RowMajor>> && Borrows<Eigen::RowVectorXf>);
static_assert(Borrows<Eigen::Map<const RowMajor>> && Borrows<Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>> &&
              Borrows<Eigen::Ref<RowMajor>>);
static_assert(!Borrows<Eigen::MatrixXf>, "column-major");
static_assert(!Borrows<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>, "double");
static_assert(!Borrows<Eigen::Map<RowMajor, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>>, "strided along a row");
static_assert(!Borrows<decltype(RowMajor() * 2.0F)>, "an expression");
static_assert(!BorrowsTemporary<RowMajor> && !BorrowsTemporary<const RowMajor>);

static_assert(Borrows<xt::xtensor<float, 2>> && Borrows<xt::xarray<float>>);
static_assert(!Borrows<xt::xtensor<double, 2>> && !Borrows<xt::xtensor<float, 2, xt::layout_type::column_major>>);
static_assert(!Borrows<decltype(xt::view(std::declval<xt::xtensor<float, 2>&>(), xt::all(), xt::range(0, 2)))>, "a view with gaps");
static_assert(!Borrows<decltype(std::declval<xt::xtensor<float, 2>&>() + 1.0F)>, "an expression");
static_assert(!BorrowsTemporary<xt::xtensor<float, 2>> && !BorrowsTemporary<const xt::xtensor<float, 2>>);
static_assert(!Borrows<std::vector<float>> && !Borrows<int>);

std::vector<float> dense_row(const Batch& batch, std::size_t i) {
  const Features x = batch.row(i);
  return {x.dense.begin(), x.dense.end()};
}

using Values = std::vector<float>;

}  // namespace

TEST_CASE("a batch gives the rows of a borrowed block without copying it", "[core]") {
  const std::vector<float> values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  SECTION("rows one after the other") {
    const Batch batch(values.data(), 4, 3);
    CHECK(batch.size() == 4);
    CHECK(batch.dense_size() == 3);
    CHECK(dense_row(batch, 3) == Values{9, 10, 11});
    CHECK(batch.row(1).dense.data() == values.data() + 3);
    CHECK(batch.row(1).sparse.empty());
  }
  SECTION("rows with a gap") {
    const Batch batch(values.data(), 3, 2, 4);
    CHECK(dense_row(batch, 0) == Values{0, 1});
    CHECK(dense_row(batch, 2) == Values{8, 9});
  }
  SECTION("rows backwards") {
    const Batch batch(values.data() + 9, 4, 3, -3);
    CHECK(dense_row(batch, 0) == Values{9, 10, 11});
    CHECK(dense_row(batch, 3) == Values{0, 1, 2});
  }
  SECTION("windows that overlap") {
    const Batch batch(values.data(), 10, 3, 1);
    CHECK(dense_row(batch, 9) == Values{9, 10, 11});
  }
}

TEST_CASE("a batch carries sparse rows, labels, weights and times beside the block", "[core]") {
  const std::array<float, 4> values = {1, 2, 3, 4};
  const std::array<std::uint64_t, 3> offsets = {1, 1, 3};
  const std::array<SparseFeature, 4> sparse = {{{9, 9.0F}, {5, 0.5F}, {6, 0.6F}, {7, 0.7F}}};
  const std::array<float, 2> labels = {0, 1};
  const std::array<float, 2> weights = {2, 3};
  const std::array<Time, 2> times = {from_unix_seconds(10), from_unix_seconds(20)};
  const Batch plain(values.data(), 2, 2);
  const Batch batch = plain.with_sparse(offsets, sparse).with_labels(labels).with_weights(weights).with_times(times);
  CHECK(batch.row(0).sparse.empty());
  REQUIRE(batch.row(1).sparse.size() == 2);
  CHECK(batch.row(1).sparse[0] == SparseFeature{5, 0.5F});
  CHECK(batch.row(1).sparse[1] == SparseFeature{6, 0.6F});
  CHECK(dense_row(batch, 1) == Values{3, 4});
  CHECK(batch.label(1) == 1.0F);
  CHECK(batch.weight(0) == 2.0F);
  CHECK(batch.time(1) == from_unix_seconds(20));
  CHECK(batch.has_labels());
  CHECK(batch.labels().data() == labels.data());
  CHECK(batch.weights().size() == 2);
  CHECK(batch.times().size() == 2);
  CHECK_FALSE(plain.has_labels());
  CHECK(plain.weight(1) == 1.0F);
  CHECK(plain.time(1) == Time{});
}

TEST_CASE("a batch may be empty, or hold sparse rows alone", "[core]") {
  CHECK(Batch{}.empty());
  CHECK(Batch(nullptr, 0, 5).empty());
  CHECK(Batch(nullptr, 3, 0).row(2).dense.empty());
  const std::array<std::uint64_t, 3> offsets = {0, 1, 1};
  const std::array<SparseFeature, 1> sparse = {{{4, 1.5F}}};
  const Batch batch = Batch(2).with_sparse(offsets, sparse);
  CHECK(batch.row(0).sparse.size() == 1);
  CHECK(batch.row(0).dense.empty());
  CHECK(batch.row(1).sparse.empty());
  const std::array<std::uint64_t, 1> none = {0};
  CHECK(Batch(0).with_sparse(none, {}).empty());
}

TEST_CASE("a batch names the part whose size does not agree", "[core][config]") {
  const std::array<float, 6> values{};
  const std::array<SparseFeature, 2> sparse{};
  const Batch batch(values.data(), 3, 2);
  const auto span = [&](std::size_t n) { return std::span<const float>(values).first(n); };
  CHECK_THROWS_WITH(batch.with_labels(span(2)), "Batch: labels is 2, must be one a row, 3");
  CHECK_THROWS_WITH(batch.with_weights(span(4)), "Batch: weights is 4, must be one a row, 3");
  CHECK_THROWS_WITH(batch.with_times({}), "Batch: times is 0, must be one a row, 3");
  CHECK_THROWS_WITH(Batch(nullptr, 1, 1), "Batch: dense is \"null\", must be the address of the first row");
  const std::array<std::uint64_t, 4> ascending = {0, 1, 1, 2};
  const std::array<std::uint64_t, 4> falling = {0, 2, 1, 2};
  const std::array<std::uint64_t, 4> beyond = {0, 1, 2, 3};
  CHECK_NOTHROW(batch.with_sparse(ascending, sparse));
  CHECK_THROWS_WITH(batch.with_sparse(std::span(ascending).first(3), sparse), "Batch: offsets is 3, must be one more than rows, 4");
  CHECK_THROWS_WITH(batch.with_sparse(falling, sparse), "Batch: offsets is 1, must be at least the one before, 2");
  CHECK_THROWS_WITH(batch.with_sparse(beyond, sparse), "Batch: offsets is 3, must be at most the features, 2");
  CHECK_THROWS_AS(batch.with_labels({}), ConfigError);
}

TEST_CASE("a row-major Eigen block is borrowed, whatever lies between its rows", "[core]") {
  RowMajor matrix(3, 4);
  for (int i = 0; i < 12; ++i) matrix(i / 4, i % 4) = static_cast<float>(i);
  const Batch whole = batch_of(matrix);
  CHECK(whole.row(2).dense.data() == &matrix(2, 0));
  CHECK(dense_row(whole, 1) == Values{4, 5, 6, 7});
  const Eigen::Block<RowMajor> corner = matrix.block(1, 1, 2, 2);
  const Batch part = batch_of(corner);
  CHECK(part.size() == 2);
  CHECK(part.dense_size() == 2);
  CHECK(dense_row(part, 1) == Values{9, 10});
  const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> map(matrix.data(), 2, 3, Eigen::OuterStride<>(8));
  CHECK(dense_row(batch_of(map), 1) == Values{8, 9, 10});
  const Eigen::RowVectorXf one = matrix.row(2);
  CHECK(dense_row(batch_of(one), 0) == Values{8, 9, 10, 11});
}

TEST_CASE("an Eigen block that cannot be borrowed is gathered into the buffer", "[core]") {
  BatchBuffer buffer;
  Eigen::MatrixXd columns(2, 3);
  columns << 1, 2, 3, 4, 5, 1e300;
  const Batch gathered = gather(columns, buffer);
  CHECK(dense_row(gathered, 0) == Values{1, 2, 3});
  CHECK(dense_row(gathered, 1) == Values{4, 5, std::numeric_limits<float>::infinity()});
  Eigen::MatrixXi whole(2, 2);
  whole << 1, 2, 3, 4;
  CHECK(dense_row(gather(whole, buffer), 1) == Values{3, 4});
  RowMajor matrix(2, 4);
  matrix << 0, 1, 2, 3, 4, 5, 6, 7;
  using Strided = Eigen::Map<RowMajor, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
  CHECK(dense_row(gather(Strided(matrix.data(), 2, 2, {4, 2}), buffer), 1) == Values{4, 6});
}

TEST_CASE("a row-major xtensor block is borrowed", "[core]") {
  const xt::xtensor<float, 2> block = {{1, 2, 3}, {4, 5, 6}};
  const Batch batch = batch_of(block);
  CHECK(batch.row(1).dense.data() == block.data() + 3);
  CHECK(dense_row(batch, 1) == Values{4, 5, 6});
  std::vector<float> memory = {1, 2, 3, 4};
  const auto adapted = xt::adapt(memory.data(), memory.size(), xt::no_ownership(), std::array<std::size_t, 2>{2, 2});
  CHECK(batch_of(adapted).row(1).dense.data() == memory.data() + 2);
  const xt::xtensor<float, 2> one = xt::ones<float>({1, 3});
  CHECK(dense_row(batch_of(one), 0) == Values{1, 1, 1});
  const xt::xtensor<float, 2> narrow = {{1}, {2}};
  CHECK(dense_row(batch_of(narrow), 1) == Values{2});
  const xt::xarray<float> cube = xt::zeros<float>({2, 2, 2});
  CHECK_THROWS_WITH(batch_of(cube), "Batch: dimension is 3, must be 2: rows and columns");
}

TEST_CASE("any other xtensor expression is gathered into the buffer", "[core]") {
  BatchBuffer buffer;
  const xt::xtensor<double, 2> doubles = {{1, 2}, {3, 4}};
  CHECK(dense_row(gather(doubles, buffer), 1) == Values{3, 4});
  const xt::xtensor<float, 2, xt::layout_type::column_major> columns = {{1, 2}, {3, 4}};
  CHECK(dense_row(gather(columns, buffer), 0) == Values{1, 2});
  const xt::xtensor<float, 2> block = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  CHECK(dense_row(gather(xt::view(block, xt::all(), xt::range(0, 4, 2)), buffer), 1) == Values{5, 7});
  CHECK(dense_row(gather(block * 2.0F, buffer), 1) == Values{10, 12, 14, 16});
  const xt::xarray<double> line = {1, 2};
  CHECK_THROWS_AS(gather(line, buffer), ConfigError);
}

TEST_CASE("a batch buffer allocates only to grow, and missing values stay missing", "[core]") {
  BatchBuffer buffer;
  const std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN(), 3, 4, 5, 6};
  Batch batch = gather(values.data(), 3, 2, 1, 3, buffer);  // column-major
  CHECK(dense_row(batch, 2) == Values{3, 6});
  CHECK(is_nan(batch.row(1).dense[0]));
  CHECK(buffer.memory_bytes() >= sizeof(BatchBuffer) + 6 * sizeof(float));
  const testing::AllocationCounter allocations;
  batch = gather(values.data(), 2, 3, 3, 1, buffer);
  const Batch labelled = batch.with_labels(std::span<const float>(batch.row(0).dense).first(2));
  const auto count = allocations.count();
  CHECK(count == 0);
  CHECK(labelled.row(1).dense.size() == 3);
  const double* nowhere = nullptr;
  CHECK_THROWS_AS(gather(nowhere, 1, 1, 1, 1, buffer), ConfigError);
}
