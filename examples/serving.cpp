// Serving a model that changes: any number of threads read a consistent snapshot without waiting while one publishes.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "rtml/rtml.hpp"

int main() {
  using namespace rtml;
  LogisticRegression model;
  model.bind(Schema::numeric(4));
  Published<LogisticRegression> served(std::make_unique<LogisticRegression>(model));

  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> answers{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      const std::vector<float> x{1.0F, 2.0F, 3.0F, 4.0F};
      while (!stopping.load()) {
        const auto snapshot = served.read();  // whole, whatever the writer does
        answers += snapshot->predict({x, {}}) >= 0.0F ? 1 : 0;
      }
    });
  Rng rng(1);
  for (int publication = 0; publication < 200; ++publication) {
    for (int i = 0; i < 100; ++i) {
      std::vector<float> x(4);
      for (float& value : x) value = static_cast<float>(rng.normal());
      model.learn({x, {}}, x[0] > 0.0F ? 1.0F : 0.0F);
    }
    served.publish(std::make_unique<LogisticRegression>(model));
  }
  while (answers.load() == 0) std::this_thread::yield();
  stopping = true;
  for (std::thread& reader : readers) reader.join();
  fmt::print("{} versions published while {} answers were given\n", served.version() - 1, answers.load() > 0 ? "many" : "no");
  return served.version() == 201 ? 0 : 1;
}
