#pragma once
// How a Job of a job metric is known: by the run and the metric that it measures (core-semantics 8.11).

namespace towpath::metrics {

inline constexpr const char* kJobRunUid = "analysisrun.argoproj.io/uid";              // label, also of its pods
inline constexpr const char* kJobRunName = "analysisrun.argoproj.io/name";            // annotations
inline constexpr const char* kJobRunNamespace = "analysisrun.argoproj.io/namespace";  //
inline constexpr const char* kJobMetric = "analysisrun.argoproj.io/metric-name";      //

}  // namespace towpath::metrics
