#pragma once

#include <chrono>
#include <cstdint>

/// The words of core/, declared: for headers that only name them.
namespace rtml {

class AnyLearner;
class Batch;
class BatchBuffer;
class ConfigError;
class Error;
class FeatureVector;
class FormatError;
class IoError;
class Reader;
class Rng;
class Schema;
class SchemaError;
class Spec;
class SpinLock;
class Table;
class Writer;

struct Column;
struct Context;
struct EventId;
struct Example;
struct Features;
struct Outcome;
struct Row;
struct Signal;
struct SparseFeature;
struct TableColumn;

enum class Change : std::uint8_t;
enum class Task : std::uint8_t;

using Duration = std::chrono::microseconds;
using Time = std::chrono::time_point<std::chrono::system_clock, Duration>;

}  // namespace rtml
