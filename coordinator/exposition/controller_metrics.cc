#include "exposition/controller_metrics.h"

#include <algorithm>

namespace towpath::exposition {
namespace {

constexpr std::array kReconcileBounds{.01, .15, .25, .5, 1.0};
constexpr std::array kDurationBounds{30., 60., 120., 300., 600., 1200., 1800., 3600., 7200., 14400., 28800.};
constexpr std::array kProgressionBounds{30., 60., 120., 300., 600., 900., 1800., 3600.};
constexpr std::array kManualPauseBounds{0., 60., 300., 600., 1800., 3600., 7200., 14400., 28800.};
// client-go's, for the work queues.
constexpr std::array kQueueBounds{1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1., 10.};

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// One at a time: objects that went, and are not back.
template <class Forget>
void forgetOlder(std::deque<std::pair<MonoTime, cluster::ObjectKey>>& gone, MonoTime before,
                 const cluster::Cache& cache, Forget forget) {
  while (!gone.empty() && gone.front().first <= before) {
    if (const cluster::ObjectKey& key = gone.front().second; !cache.find(key.ns, key.name)) forget(key);
    gone.pop_front();
  }
}

}  // namespace

struct ControllerMetrics::Passes {
  struct Series {
    Histogram<kReconcileBounds> took;
    std::uint64_t failed = 0;
  };
  cluster::Controller* controller = nullptr;
  cluster::Cache* objects = nullptr;
  std::string prefix, queue;
  std::map<cluster::ObjectKey, Series> series;
  Histogram<kQueueBounds> waited, took;
  std::deque<std::pair<MonoTime, cluster::ObjectKey>> gone;
  cluster::Cache::Listener listener;

  void note(const cluster::Controller::PassReport& pass) {
    waited.observe(seconds(pass.waited));
    took.observe(seconds(pass.took));
    // The pass that finds its object gone begins no new series.
    const auto found = series.find(pass.key);
    if (found == series.end() && !objects->find(pass.key.ns, pass.key.name)) return;
    Series& of = found == series.end() ? series[pass.key] : found->second;
    of.took.observe(seconds(pass.took));
    if (pass.failed) ++of.failed;
  }
};

struct ControllerMetrics::Durations {
  struct Series {
    Histogram<kDurationBounds> all;
    Histogram<kProgressionBounds> progression;
    Histogram<kManualPauseBounds> manual_pause;
  };
  std::map<std::string, Series> by_status;  // "Promoted" and five others

  void observe(const FinishedUpdate& update) {
    Series& of = by_status[update.status];
    of.all.observe(update.seconds);
    of.progression.observe(std::max(0.0, update.seconds - update.paused_seconds));
    of.manual_pause.observe(update.paused_seconds);
  }
};

template <class Facts>
ControllerMetrics::Known<Facts>::Known(cluster::Cache& cache, Facts (*read)(const Value&))
    : cache_(cache), read_(read), listener_(cache.listen([this](const cluster::CacheChange& change) {
        const cluster::ObjectKey key = change.key();
        facts_.erase(key);
        if (change.after)
          changed_.insert(key);
        else
          changed_.erase(key);
      })) {}

template <class Facts>
const std::map<cluster::ObjectKey, Facts>& ControllerMetrics::Known<Facts>::now() {
  for (const cluster::ObjectKey& key : changed_) {
    if (const cluster::ObjectRef object = cache_.find(key.ns, key.name))
      facts_.insert_or_assign(key, read_(object->parse()));
  }
  changed_.clear();
  return facts_;
}

ControllerMetrics::ControllerMetrics(loop::Loop& loop, Caches caches, cluster::EventRecorder& events)
    : loop_(loop),
      rollout_cache_(caches.rollouts),
      events_(events),
      rollouts_(caches.rollouts, &rolloutFacts),
      runs_(caches.analysis_runs, &runFacts),
      templates_(caches.analysis_templates, &metricFacts),
      experiments_(caches.experiments, &runFacts),
      durations_(std::make_unique<Durations>()),
      rollout_listener_(caches.rollouts.listen([this](const cluster::CacheChange& change) { noteRollout(change); })) {
  events.onRecord([this](const cluster::EventSubject& subject, cluster::EventType type, const std::string& reason) {
    if (subject.kind != cluster::kRollouts.kind) return;
    const char* text = type == cluster::EventType::kNormal ? "Normal" : "Warning";
    ++event_counts_[{subject.ns, subject.name}][{text, reason}];
  });
}

ControllerMetrics::~ControllerMetrics() {
  events_.onRecord({});
  for (const auto& passes : passes_) passes->controller->onPass({});
}

void ControllerMetrics::follow(cluster::Controller& controller, cluster::Cache& objects, std::string prefix,
                               std::string queue) {
  Passes& passes = *passes_.emplace_back(std::make_unique<Passes>());
  passes.controller = &controller;
  passes.objects = &objects;
  passes.prefix = std::move(prefix);
  passes.queue = std::move(queue);
  controller.onPass([&passes](const cluster::Controller::PassReport& pass) { passes.note(pass); });
  passes.listener = objects.listen([this, &passes](const cluster::CacheChange& change) {
    if (change.after) return;
    forgetGone();
    passes.gone.emplace_back(loop_.now(), change.key());
  });
}

// An update that is over is counted once; those that were over before we came are not.
void ControllerMetrics::noteRollout(const cluster::CacheChange& change) {
  if (!change.after) {
    forgetGone();
    gone_rollouts_.emplace_back(loop_.now(), change.key());
    return;
  }
  if (!change.after->json().contains("\"finishedAt\"")) return;
  const std::optional<FinishedUpdate> update = finishedUpdate(change.after->parse());
  if (!update) return;
  const bool fresh = std::exchange(finished_[change.key()], update->finished_at) != update->finished_at;
  if (fresh && change.before) durations_->observe(*update);
}

void ControllerMetrics::forgetGone() {
  const MonoTime before = loop_.now() - kKeptAfterDeletion;
  for (const auto& passes : passes_) {
    forgetOlder(passes->gone, before, *passes->objects,
                [&](const cluster::ObjectKey& key) { passes->series.erase(key); });
  }
  forgetOlder(gone_rollouts_, before, rollout_cache_, [&](const cluster::ObjectKey& key) {
    event_counts_.erase(key);
    finished_.erase(key);
  });
}

void ControllerMetrics::writeRollouts(MetricsText& text) {
  const auto& all = rollouts_.now();
  text.family("rollout_info", Type::kGauge, "Information about a Rollout.");
  for (const auto& [key, of] : all) {
    text.add({{"namespace", key.ns},
              {"name", key.name},
              {"strategy", of.strategy},
              {"traffic_router", of.traffic_router},
              {"phase", of.phase}},
             1);
  }
  const auto replicas = [&](const char* name, const char* help, std::int64_t RolloutFacts::* member) {
    text.family(name, Type::kGauge, help);
    for (const auto& [key, of] : all) {
      text.add({{"namespace", key.ns}, {"name", key.name}}, static_cast<double>(of.*member));
    }
  };
  replicas("rollout_info_replicas_available", "Available replicas of a Rollout.", &RolloutFacts::available);
  replicas("rollout_info_replicas_unavailable", "Unavailable replicas of a Rollout.", &RolloutFacts::unavailable);
  replicas("rollout_info_replicas_desired", "Wanted replicas of a Rollout.", &RolloutFacts::desired);
  replicas("rollout_info_replicas_updated", "Replicas of a Rollout's newest version.", &RolloutFacts::updated);
  text.family("rollout_phase", Type::kGauge, "Deprecated: see rollout_info.");
  for (const auto& [key, of] : all) {
    for (const std::string_view phase : kRolloutPhases) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"strategy", of.strategy}, {"phase", phase}},
               phase == of.phase ? 1 : 0);
    }
  }
  const auto durations = [&](const char* name, const char* help, auto Durations::Series::* member) {
    text.family(name, Type::kHistogram, help);
    for (const auto& [status, series] : durations_->by_status) text.add({{"status", status}}, series.*member);
  };
  durations("rollout_duration_seconds", "How long updates took.", &Durations::Series::all);
  durations("rollout_progression_duration_seconds", "How long updates took, pauses for people left out.",
            &Durations::Series::progression);
  durations("rollout_manual_pause_duration_seconds", "How long updates waited for people.",
            &Durations::Series::manual_pause);
}

void ControllerMetrics::writeEvents(MetricsText& text) {
  text.family("rollout_events_total", Type::kCounter, "Events about a Rollout.");
  for (const auto& [key, counts] : event_counts_) {
    for (const auto& [kind, count] : counts) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"type", kind.first}, {"reason", kind.second}},
               static_cast<double>(count));
    }
  }
}

void ControllerMetrics::writeRuns(MetricsText& text) {
  const auto& all = runs_.now();
  text.family("analysis_run_info", Type::kGauge, "Information about an AnalysisRun.");
  for (const auto& [key, run] : all) text.add({{"namespace", key.ns}, {"name", key.name}, {"phase", run.phase}}, 1);
  text.family("analysis_run_phase", Type::kGauge, "Deprecated: see analysis_run_info.");
  for (const auto& [key, run] : all) {
    for (const std::string_view phase : kRunPhases) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"phase", phase}}, phase == run.phase ? 1 : 0);
    }
  }
  text.family("analysis_run_metric_type", Type::kGauge, "The providers of an AnalysisRun's metrics.");
  for (const auto& [key, run] : all) {
    for (const MetricFacts& metric : run.metrics) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"metric", metric.name}, {"type", metric.type}}, 1);
    }
  }
  text.family("analysis_run_metric_phase", Type::kGauge, "What became of an AnalysisRun's metrics.");
  for (const auto& [key, run] : all) {
    for (const MetricFacts& metric : run.metrics) {
      for (const std::string_view phase : kRunPhases) {
        text.add({{"namespace", key.ns},
                  {"name", key.name},
                  {"metric", metric.name},
                  {"type", metric.type},
                  {"dry_run", metric.dry_run ? "true" : "false"},
                  {"phase", phase}},
                 phase == metric.phase ? 1 : 0);
      }
    }
  }
}

void ControllerMetrics::writeTemplates(MetricsText& text) {
  const auto& all = templates_.now();
  text.family("analysis_template_info", Type::kGauge, "The AnalysisTemplates that there are.");
  for (const auto& [key, metrics] : all) text.add({{"namespace", key.ns}, {"name", key.name}}, 1);
  text.family("analysis_template_metric_info", Type::kGauge, "Their metrics.");
  for (const auto& [key, metrics] : all) {
    for (const MetricFacts& metric : metrics) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"type", metric.type}, {"metric", metric.name}}, 1);
    }
  }
}

void ControllerMetrics::writeExperiments(MetricsText& text) {
  const auto& all = experiments_.now();
  text.family("experiment_info", Type::kGauge, "Information about an Experiment.");
  for (const auto& [key, of] : all) text.add({{"namespace", key.ns}, {"name", key.name}, {"phase", of.phase}}, 1);
  text.family("experiment_phase", Type::kGauge, "Deprecated: see experiment_info.");
  for (const auto& [key, of] : all) {
    for (const std::string_view phase : kRunPhases) {
      text.add({{"namespace", key.ns}, {"name", key.name}, {"phase", phase}}, phase == of.phase ? 1 : 0);
    }
  }
}

void ControllerMetrics::writePasses(MetricsText& text) {
  for (const auto& passes : passes_) {
    text.family(passes->prefix + "_reconcile", Type::kHistogram, "How long passes over an object took, in seconds.");
    for (const auto& [key, series] : passes->series) {
      text.add({{"namespace", key.ns}, {"name", key.name}}, series.took);
    }
    text.family(passes->prefix + "_reconcile_error", Type::kCounter, "Passes over an object that failed.");
    for (const auto& [key, series] : passes->series) {
      if (series.failed > 0) text.add({{"namespace", key.ns}, {"name", key.name}}, static_cast<double>(series.failed));
    }
  }
}

void ControllerMetrics::writeQueues(MetricsText& text) {
  const auto each = [&](const char* name, Type type, const char* help, auto value) {
    text.family(name, type, help);
    for (const auto& passes : passes_) text.add({{"name", passes->queue}}, value(*passes));
  };
  const auto queueOf = [](const Passes& passes) -> const cluster::WorkQueue& { return passes.controller->queue(); };
  each("workqueue_depth", Type::kGauge, "Objects that wait for a pass.",
       [&](const Passes& passes) { return static_cast<double>(queueOf(passes).waiting()); });
  each("workqueue_adds_total", Type::kCounter, "Objects that were put in line.",
       [&](const Passes& passes) { return static_cast<double>(queueOf(passes).adds()); });
  each("workqueue_retries_total", Type::kCounter, "Objects that were put in line because a pass failed.",
       [&](const Passes& passes) { return static_cast<double>(queueOf(passes).retries()); });
  each("workqueue_queue_duration_seconds", Type::kHistogram, "How long objects waited in line.",
       [](const Passes& passes) { return passes.waited; });
  each("workqueue_work_duration_seconds", Type::kHistogram, "How long passes took.",
       [](const Passes& passes) { return passes.took; });
}

void ControllerMetrics::write(MetricsText& text) {
  forgetGone();
  writeRollouts(text);
  writeEvents(text);
  writeRuns(text);
  writeTemplates(text);
  writeExperiments(text);
  writePasses(text);
  writeQueues(text);
}

}  // namespace towpath::exposition
