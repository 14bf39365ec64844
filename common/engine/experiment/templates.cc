// The templates of an experiment: their ReplicaSets and Services, and what has become of each
// (core-semantics 9.2, 9.3).
#include <algorithm>

#include "engine/experiment/pass.h"

namespace towpath::experiment {
namespace {

using model::ExperimentTemplate;
using model::ReplicaSet;
using model::TemplateStatus;
using model::TemplateStatusCode;

constexpr Duration kOccupiedRetry = 10s;

struct TemplatePass {
  Pass& pass;
  const ExperimentTemplate& spec;
  TemplateView view;
  TemplateStatus next;
  bool wanted = true;  // its pods are

  const ReplicaSet* set() const { return view.replica_set ? &*view.replica_set : nullptr; }
  std::int32_t size() const { return wanted ? spec.replicas : 0; }
};

const std::string* messageFor(const std::map<std::string, std::string>& messages, const std::string& name) {
  const auto found = messages.find(name);
  return found == messages.end() ? nullptr : &found->second;
}

TemplatePass begin(Pass& pass, const ExperimentTemplate& spec) {
  TemplatePass t{pass, spec, {}, {}};
  if (const auto found = pass.world.templates.find(spec.name); found != pass.world.templates.end())
    t.view = found->second;
  if (const TemplateStatus* known = model::findTemplate(pass.world.status, spec.name)) {
    t.next = *known;
  } else {
    t.next.name = spec.name;
    // The deadline also holds where nothing can be made.
    t.next.last_transition_time = pass.stamp;
  }
  const std::string* error = messageFor(pass.world.feedback.template_errors, spec.name);
  if (error != nullptr && !isCompleted(t.next.status)) {
    t.next.status = TemplateStatusCode::kError;
    t.next.message = *error;
  }
  t.wanted = !pass.terminating && !isCompleted(t.next.status);
  return t;
}

// ---- the ReplicaSet
// --------------------------------------------------------------------------------------------------

void scale(TemplatePass& t, std::int32_t to) {
  const ReplicaSet& set = *t.set();
  t.pass.writes.emplace_back(ScaleReplicaSet{t.spec.name, set.name, set.replicas, to});
  event(t.pass, EventType::kNormal, "ScalingReplicaSet",
        fmt::format("Scaled {} ReplicaSet {} from {} to {}", to > set.replicas ? "up" : "down", set.name, set.replicas,
                    to));
  t.next.last_transition_time = t.pass.stamp;
}

void setDeadline(TemplatePass& t, std::optional<WallTime> deadline) {
  t.pass.writes.emplace_back(SetScaleDownDeadline{t.spec.name, t.set()->name, deadline});
}

void scaleUp(TemplatePass& t) {
  // Of a life before this one: it would end the next delay at once.
  if (t.set()->scale_down_deadline) setDeadline(t, std::nullopt);
  if (t.set()->replicas != t.spec.replicas) scale(t, t.spec.replicas);
}

// The pods stay for the delay, and for as long as a route sends them requests.
void scaleDown(TemplatePass& t) {
  if (t.set()->replicas == 0) return;
  const Duration delay = std::chrono::seconds(std::max(t.pass.world.spec.scale_down_delay_seconds, 0));
  if (delay > Duration::zero()) {
    std::optional<WallTime> deadline = t.set()->scale_down_deadline;
    if (!deadline) {
      deadline = t.pass.stamp + delay;
      setDeadline(t, deadline);
    }
    if (*deadline > t.pass.now) {
      lookAgain(t.pass, *deadline);
      return;
    }
  }
  if (!t.view.gets_traffic) scale(t, 0);
}

void reconcileSet(TemplatePass& t) {
  if (t.set() == nullptr) {
    if (!t.wanted) return;
    if (t.pass.world.feedback.occupied.contains(t.spec.name))
      lookAgain(t.pass, t.pass.now + kOccupiedRetry);
    else
      t.pass.made.emplace_back(CreateReplicaSet{t.spec.name});
    return;
  }
  if (t.wanted)
    scaleUp(t);
  else
    scaleDown(t);
}

// ---- the Service
// -----------------------------------------------------------------------------------------------------

void reconcileService(TemplatePass& t) {
  const bool emptied = t.set() == nullptr || (t.set()->replicas == 0 && t.set()->available_replicas == 0);
  const bool over = !t.spec.wants_service || (!t.wanted && emptied);
  if (!t.view.service.empty() && over) {
    t.pass.made.emplace_back(DeleteService{t.spec.name, t.view.service});
    return;
  }
  if (t.view.service.empty() && t.set() != nullptr && t.size() > 0 && t.spec.wants_service && t.spec.has_ports) {
    const std::string& name = t.spec.service_name.empty() ? t.set()->name : t.spec.service_name;
    t.pass.made.emplace_back(CreateService{t.spec.name, name});
  }
}

// ---- its status
// ------------------------------------------------------------------------------------------------------

void count(TemplatePass& t) {
  const ReplicaSet none;
  const ReplicaSet& set = t.set() != nullptr ? *t.set() : none;
  TemplateStatus counted = t.next;
  counted.replicas = counted.updated_replicas = set.current_replicas;
  counted.ready_replicas = set.ready_replicas;
  counted.available_replicas = set.available_replicas;
  if (counted == t.next) return;
  t.next = std::move(counted);
  t.next.last_transition_time = t.pass.stamp;
}

void noteService(TemplatePass& t) {
  t.next.service_name = t.view.service;
  t.next.pod_template_hash = !t.view.service.empty() && t.set() != nullptr ? t.set()->hash : "";
}

TemplateStatusCode codeOf(TemplatePass& t) {
  if (t.pass.terminating) return TemplateStatusCode::kSuccessful;
  const bool whole = t.set() != nullptr && t.size() == t.next.available_replicas;
  if (whole) return durationPassed(t.pass) ? TemplateStatusCode::kSuccessful : TemplateStatusCode::kRunning;
  const std::int32_t seconds = t.pass.world.spec.progress_deadline_seconds;
  const WallTime deadline = t.next.last_transition_time.value_or(t.pass.stamp) + std::chrono::seconds(seconds);
  if (t.pass.now >= deadline) {
    t.next.message = fmt::format("Template '{}' exceeded its progressDeadlineSeconds ({})", t.spec.name, seconds);
    return TemplateStatusCode::kFailed;
  }
  lookAgain(t.pass, deadline);
  return TemplateStatusCode::kProgressing;
}

void judge(TemplatePass& t) {
  if (isCompleted(t.next.status)) return;
  const std::string* occupied = messageFor(t.pass.world.feedback.occupied, t.spec.name);
  t.next.message = occupied != nullptr ? *occupied : "";
  t.next.status = codeOf(t);
}

void announce(TemplatePass& t) {
  const TemplateStatus* before = model::findTemplate(t.pass.world.status, t.spec.name);
  const TemplateStatusCode from = before != nullptr ? before->status : TemplateStatusCode::kNone;
  if (from == t.next.status) return;
  std::string message = fmt::format("Template '{}' transitioned from {} -> {}", t.spec.name, model::toString(from),
                                    model::toString(t.next.status));
  if (!t.next.message.empty()) message += ": " + t.next.message;
  const bool bad = t.next.status == TemplateStatusCode::kFailed || t.next.status == TemplateStatusCode::kError;
  event(t.pass, bad ? EventType::kWarning : EventType::kNormal,
        fmt::format("Template{}", model::toString(t.next.status)), std::move(message));
}

}  // namespace

void reconcileTemplate(Pass& pass, const ExperimentTemplate& spec) {
  TemplatePass t = begin(pass, spec);
  reconcileSet(t);
  reconcileService(t);
  count(t);
  noteService(t);
  judge(t);
  announce(t);
  const auto known = std::ranges::find(pass.next.templates, spec.name, &TemplateStatus::name);
  if (known == pass.next.templates.end())
    pass.next.templates.push_back(std::move(t.next));
  else
    *known = std::move(t.next);
}

}  // namespace towpath::experiment
