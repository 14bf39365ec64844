#pragma once
// The checks that lint.h puts together, each for one kind of object. Internal to lint/.

#include "api/analysis_arguments.h"
#include "base/value.h"
#include "lint/document.h"
#include "lint/finding.h"
#include "lint/lint.h"

namespace towpath::lint {

struct Bench {
  const Documents& documents;
  Findings& findings;
  const ProviderCheck& check_provider;
};

// apiVersion, kind, name, and the schema of our own kinds. False: nothing more can be said of the object.
bool checkShape(const Document& document, Findings& findings);  // shape.cc

void checkRollout(const Document& document, Bench bench);     // rollout.cc
void checkExperiment(const Document& document, Bench bench);  // experiment.cc
// What the spec of an Experiment and a canary step have in common, at `path`. Nothing, if it is no object.
void checkExperimentParts(const Document& document, const Value& experiment, const std::string& path, Bench bench);
void checkTemplate(const Document& document, Bench bench);  // templates.cc: of both kinds
void checkRun(const Document& document, Bench bench);       // templates.cc

// `templates`, `args`, `dryRun` … as a Rollout or an Experiment has them.
struct Use {
  const Document& document;
  Value block;
  std::string path;
  // The Rollout's rules (api/validate.h) name missing templates and arguments themselves.
  bool checked_by_rules = false;
};
void checkUse(const Use& use, Bench bench);  // uses.cc

void checkRouting(const Document& rollout, Bench bench);  // routes.cc: what trafficRouting names
void checkService(const Document& document, Bench bench);
void checkHttpRoute(const Document& document, Bench bench);

}  // namespace towpath::lint
