#pragma once

#include "rtml/core/arrow_abi.hpp"
#include "rtml/core/batch.hpp"
#include "rtml/core/export.hpp"
#include "rtml/core/schema.hpp"

namespace rtml::stream {

/// Hands a batch to whoever reads the Arrow C data interface: a struct of one float column for each dense one, named as in `schema` and null where
/// it is missing (its value is NaN there), and, when the schema has hashed columns, a column "sparse" of lists of {index: uint32, value: float}.
/// Copies: what is exported outlives the batch, until the consumer releases it; children may be moved out. O(n d + nnz).
/// `array` and `arrow_schema` are overwritten. @throws ConfigError unless the schema is of the batch; nothing is exported then
RTML_API void export_arrow(const Batch& batch, const Schema& schema, ArrowArray& array, ArrowSchema& arrow_schema);

}  // namespace rtml::stream
