#pragma once

#include "rtml/core/signal.hpp"

/// Metrics as signals for retraining triggers: `metrics::average_precision(5000) < 0.4`. Each is over the last `window` labels.
namespace rtml::metrics {

namespace detail {
inline Signal metric_signal(const char* name, std::size_t window) { return {Signal::Source::metric, name, window, {}}; }
}  // namespace detail

inline Signal accuracy(std::size_t window = 1000) { return detail::metric_signal("accuracy", window); }
inline Signal kappa(std::size_t window = 1000) { return detail::metric_signal("kappa", window); }
inline Signal precision(std::size_t window = 1000) { return detail::metric_signal("precision", window); }
inline Signal recall(std::size_t window = 1000) { return detail::metric_signal("recall", window); }
inline Signal f1(std::size_t window = 1000) { return detail::metric_signal("f1", window); }
inline Signal macro_f1(std::size_t window = 1000) { return detail::metric_signal("macro_f1", window); }
inline Signal false_positive_rate(std::size_t window = 1000) { return detail::metric_signal("false_positive_rate", window); }
inline Signal log_loss(std::size_t window = 1000) { return detail::metric_signal("log_loss", window); }
inline Signal roc_auc(std::size_t window = 1000) { return detail::metric_signal("roc_auc", window); }
inline Signal average_precision(std::size_t window = 1000) { return detail::metric_signal("average_precision", window); }
inline Signal mae(std::size_t window = 1000) { return detail::metric_signal("mae", window); }
inline Signal rmse(std::size_t window = 1000) { return detail::metric_signal("rmse", window); }
inline Signal r2(std::size_t window = 1000) { return detail::metric_signal("r2", window); }

}  // namespace rtml::metrics
