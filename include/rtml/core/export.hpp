#pragma once

/// Marks what the compiled core exports; everything else in src/ stays hidden.
#if defined(__GNUC__)
#define RTML_API __attribute__((visibility("default")))
#else
#define RTML_API
#endif
