#pragma once
// The kinds that our own code names. Which kinds a server serves is data (apiserver/kinds); this is only their
// spelling.

#include <string>
#include <string_view>

namespace towpath::cluster {

struct Resource {
  std::string group;  // "" for core
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;

  std::string apiVersion() const { return group.empty() ? version : group + "/" + version; }
  // "rollouts.argoproj.io", "pods": the name under which the store keeps it, whatever the version.
  std::string storageName() const { return group.empty() ? plural : plural + "." + group; }
  bool operator==(const Resource&) const = default;
};

inline const Resource kRollouts{"argoproj.io", "v1alpha1", "rollouts", "Rollout"};
inline const Resource kAnalysisTemplates{"argoproj.io", "v1alpha1", "analysistemplates", "AnalysisTemplate"};
inline const Resource kClusterAnalysisTemplates{"argoproj.io", "v1alpha1", "clusteranalysistemplates",
                                                "ClusterAnalysisTemplate", false};
inline const Resource kAnalysisRuns{"argoproj.io", "v1alpha1", "analysisruns", "AnalysisRun"};
inline const Resource kExperiments{"argoproj.io", "v1alpha1", "experiments", "Experiment"};
inline const Resource kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet"};
inline const Resource kDeployments{"apps", "v1", "deployments", "Deployment"};
inline const Resource kPodTemplates{"", "v1", "podtemplates", "PodTemplate"};
inline const Resource kPods{"", "v1", "pods", "Pod"};
inline const Resource kServices{"", "v1", "services", "Service"};
inline const Resource kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"};
inline const Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline const Resource kSecrets{"", "v1", "secrets", "Secret"};
inline const Resource kEvents{"", "v1", "events", "Event"};
inline const Resource kNodes{"", "v1", "nodes", "Node", false};
inline const Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline const Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline const Resource kJobs{"batch", "v1", "jobs", "Job"};
inline const Resource kGatewayClasses{"gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", false};
inline const Resource kGateways{"gateway.networking.k8s.io", "v1", "gateways", "Gateway"};
inline const Resource kHttpRoutes{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"};
inline const Resource kCustomResourceDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                                 "CustomResourceDefinition", false};

}  // namespace towpath::cluster
