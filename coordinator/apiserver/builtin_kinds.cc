#include "apiserver/builtin_kinds.h"

#include "apiserver/shape.h"

namespace towpath::apiserver {
namespace {

// Shapes follow the public API reference of Kubernetes v1.35 and Gateway API v1.3, as far as something here reads or a
// tool writes them; what has a life of its own (affinity, volumes) is kept as it is.
constexpr std::string_view kCore = R"(
LocalRef name:s
KeyRef key!:s name:s optional:b
FieldRef apiVersion:s fieldPath!:s
EnvSource configMapKeyRef:KeyRef secretKeyRef:KeyRef fieldRef:FieldRef resourceFieldRef:obj fileKeyRef:obj
EnvVar name!:s value:s valueFrom:EnvSource
EnvFromRef name:s optional:b
EnvFrom prefix:s configMapRef:EnvFromRef secretRef:EnvFromRef
ContainerPort containerPort!:i hostIP:s hostPort:i name:s protocol:s(TCP|UDP|SCTP)
Resources limits:{q} requests:{q} claims:[obj]@name
HttpHeader name!:s value!:s
HttpGet path:s port!:ios host:s scheme:s(HTTP|HTTPS) httpHeaders:[HttpHeader]
TcpSocket host:s port!:ios
Grpc port!:i service:s
Exec command:[s]
Probe httpGet:HttpGet tcpSocket:TcpSocket grpc:Grpc exec:Exec initialDelaySeconds:i timeoutSeconds:i periodSeconds:i
  successThreshold:i failureThreshold:i terminationGracePeriodSeconds:i
LifecycleHandler httpGet:HttpGet tcpSocket:TcpSocket exec:Exec sleep:obj
Lifecycle preStop:LifecycleHandler postStart:LifecycleHandler stopSignal:s
VolumeMount name!:s mountPath!:s subPath:s subPathExpr:s readOnly:b recursiveReadOnly:s mountPropagation:s
VolumeDevice name!:s devicePath!:s
Container name!:s image:s imagePullPolicy:s(Always|IfNotPresent|Never) command:[s] args:[s] workingDir:s env:[EnvVar]@name
  envFrom:[EnvFrom] ports:[ContainerPort]@containerPort resources:Resources resizePolicy:[obj] restartPolicy:s
  restartPolicyRules:[obj] livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle
  securityContext:obj volumeMounts:[VolumeMount]@mountPath volumeDevices:[VolumeDevice]@devicePath stdin:b stdinOnce:b tty:b
  terminationMessagePath:s terminationMessagePolicy:s targetContainerName:s
Toleration key:s operator:s value:s effect:s tolerationSeconds:i
LabelRequirement key!:s operator!:s values:[s]
LabelSelector matchLabels:{s} matchExpressions:[LabelRequirement]
SpreadConstraint maxSkew!:i topologyKey!:s whenUnsatisfiable!:s(DoNotSchedule|ScheduleAnyway) labelSelector:LabelSelector
  minDomains:i matchLabelKeys:[s] nodeAffinityPolicy:s nodeTaintsPolicy:s
HostAlias ip!:s hostnames:[s]
PodSpec containers!:[Container]@name initContainers:[Container]@name ephemeralContainers:[Container]@name volumes:[any]@name
  nodeName:s nodeSelector:{s} affinity:any tolerations:[Toleration]
  topologySpreadConstraints:[SpreadConstraint]@topologyKey restartPolicy:s(Always|OnFailure|Never)
  terminationGracePeriodSeconds:i activeDeadlineSeconds:i runtimeClassName:s serviceAccountName:s serviceAccount:s
  automountServiceAccountToken:b securityContext:obj imagePullSecrets:[LocalRef]@name hostname:s subdomain:s hostNetwork:b
  hostPID:b hostIPC:b hostUsers:b hostnameOverride:s hostAliases:[HostAlias]@ip dnsPolicy:s dnsConfig:obj
  enableServiceLinks:b shareProcessNamespace:b schedulerName:s priority:i priorityClassName:s preemptionPolicy:s
  readinessGates:[obj] overhead:{q} setHostnameAsFQDN:b os:obj resources:Resources schedulingGates:[obj]@name
  resourceClaims:[obj]@name workloadRef:obj
PodTemplateSpec metadata:obj spec:PodSpec
PodTemplate template:PodTemplateSpec
Pod spec:PodSpec status:obj
Condition type!:s status!:s reason:s message:s lastTransitionTime:t lastUpdateTime:t lastProbeTime:t observedGeneration:i
ServicePort name:s port!:i targetPort:ios nodePort:i protocol:s(TCP|UDP|SCTP) appProtocol:s
ServiceSpec ports:[ServicePort]@port selector:{s} type:s(ClusterIP|NodePort|LoadBalancer|ExternalName) clusterIP:s clusterIPs:[s]
  externalIPs:[s] externalName:s sessionAffinity:s(None|ClientIP) sessionAffinityConfig:obj loadBalancerIP:s
  loadBalancerSourceRanges:[s] loadBalancerClass:s externalTrafficPolicy:s(Cluster|Local) internalTrafficPolicy:s(Cluster|Local)
  healthCheckNodePort:i publishNotReadyAddresses:b ipFamilies:[s] ipFamilyPolicy:s allocateLoadBalancerNodePorts:b
  trafficDistribution:s
ServiceStatus loadBalancer:obj conditions:[Condition]@type
Service spec:ServiceSpec status:ServiceStatus
ConfigMap data:{s} binaryData:{s} immutable:b
Secret data:{s} stringData:{s} type:s immutable:b
ObjectReference apiVersion:s kind:s namespace:s name:s uid:s resourceVersion:s fieldPath:s
EventSource component:s host:s
EventSeries count:i lastObservedTime:t
Event involvedObject!:ObjectReference reason:s message:s type:s source:EventSource firstTimestamp:t lastTimestamp:t count:i
  eventTime:t series:EventSeries action:s related:ObjectReference reportingComponent:s reportingInstance:s
Taint key!:s value:s effect!:s timeAdded:t
NodeSpec unschedulable:b taints:[Taint] podCIDR:s podCIDRs:[s] providerID:s configSource:obj externalID:s
Node spec:NodeSpec status:obj
NamespaceSpec finalizers:[s]
NamespaceStatus phase:s conditions:[Condition]@type
Namespace spec:NamespaceSpec status:NamespaceStatus
ReplicaSetSpec replicas:i minReadySeconds:i selector!:LabelSelector template:PodTemplateSpec
ReplicaSetStatus replicas:i fullyLabeledReplicas:i readyReplicas:i availableReplicas:i terminatingReplicas:i observedGeneration:i
  conditions:[Condition]@type
ReplicaSet spec:ReplicaSetSpec status:ReplicaSetStatus
DeploymentSpec replicas:i minReadySeconds:i selector!:LabelSelector template!:PodTemplateSpec strategy:obj revisionHistoryLimit:i
  paused:b progressDeadlineSeconds:i
Deployment spec:DeploymentSpec status:obj
Endpoint addresses!:[s] conditions:obj hostname:s nodeName:s zone:s targetRef:ObjectReference hints:obj deprecatedTopology:{s}
EndpointPort name:s port:i protocol:s appProtocol:s
EndpointSlice addressType!:s endpoints!:[Endpoint] ports:[EndpointPort]
LeaseSpec holderIdentity:s leaseDurationSeconds:i acquireTime:t renewTime:t leaseTransitions:i strategy:s preferredHolder:s
Lease spec:LeaseSpec
JobSpec template!:PodTemplateSpec parallelism:i completions:i completionMode:s backoffLimit:i backoffLimitPerIndex:i
  maxFailedIndexes:i activeDeadlineSeconds:i ttlSecondsAfterFinished:i suspend:b selector:LabelSelector manualSelector:b
  podFailurePolicy:obj podReplacementPolicy:s successPolicy:obj managedBy:s
Job spec:JobSpec status:obj
CrdNames plural!:s singular:s kind!:s listKind:s shortNames:[s] categories:[s]
CrdVersion name!:s served!:b storage!:b deprecated:b deprecationWarning:s schema:obj subresources:obj
  additionalPrinterColumns:[obj] selectableFields:[obj]
CrdSpec group!:s names!:CrdNames scope!:s(Cluster|Namespaced) versions!:[CrdVersion] conversion:obj preserveUnknownFields:b
CustomResourceDefinition spec!:CrdSpec status:obj
)";

constexpr std::string_view kGateway = R"(
GatewayClassSpec controllerName!:s parametersRef:obj description:s
GatewayClass spec!:GatewayClassSpec status:obj
ListenerTls mode:s(Terminate|Passthrough) certificateRefs:[obj] frontendValidation:obj options:{s}
Listener name!:s hostname:s port!:i protocol!:s tls:ListenerTls allowedRoutes:any
GatewaySpec gatewayClassName!:s listeners!:[Listener] addresses:[obj] infrastructure:obj backendTLS:obj allowedListeners:obj
  tls:obj defaultScope:s
Gateway spec!:GatewaySpec status:obj
ParentRef group:s="gateway.networking.k8s.io" kind:s="Gateway" namespace:s name!:s sectionName:s port:i
PathMatch type:s(Exact|PathPrefix|RegularExpression)="PathPrefix" value:s="/"
HeaderMatch type:s(Exact|RegularExpression)="Exact" name!:s value!:s
RouteMatch path:PathMatch={"type":"PathPrefix","value":"/"} headers:[HeaderMatch] queryParams:[HeaderMatch] method:s
HeaderValue name!:s value!:s
HeaderFilter set:[HeaderValue] add:[HeaderValue] remove:[s]
RouteFilter type!:s requestHeaderModifier:HeaderFilter responseHeaderModifier:HeaderFilter requestMirror:obj requestRedirect:obj
  urlRewrite:obj cors:obj externalAuth:obj extensionRef:obj
BackendRef group:s="" kind:s="Service" name!:s namespace:s port:i weight:i=1 filters:[RouteFilter]
RouteRule name:s matches:[RouteMatch]=[{"path":{"type":"PathPrefix","value":"/"}}] filters:[RouteFilter] backendRefs:[BackendRef]
  timeouts:obj retry:obj sessionPersistence:obj
HTTPRouteSpec parentRefs:[ParentRef] hostnames:[s] rules:[RouteRule]=[{"matches":[{"path":{"type":"PathPrefix","value":"/"}}]}]
  useDefaultGateways:s
HTTPRoute spec!:HTTPRouteSpec status:obj
)";

constexpr std::string_view kTable = R"(
kind v1 Pod pods short=po cat=all status gen fields=spec.nodeName,spec.restartPolicy,spec.schedulerName,status.phase,status.podIP
kind v1 PodTemplate podtemplates gen
kind v1 Service services short=svc cat=all status fields=spec.clusterIP,spec.type
kind v1 ConfigMap configmaps short=cm
kind v1 Secret secrets fields=type
kind v1 Event events short=ev
  fields=involvedObject.kind,involvedObject.namespace,involvedObject.name,involvedObject.uid
  fields=involvedObject.apiVersion,involvedObject.resourceVersion,involvedObject.fieldPath,reason,reportingComponent,source,type
kind v1 Node nodes short=no cluster status fields=spec.unschedulable
kind v1 Namespace namespaces short=ns cluster status fields=status.phase
kind apps/v1 ReplicaSet replicasets short=rs cat=all status gen scale fields=status.replicas
kind apps/v1 Deployment deployments short=deploy cat=all status gen scale
kind batch/v1 Job jobs cat=all status gen fields=status.successful
kind coordination.k8s.io/v1 Lease leases
kind discovery.k8s.io/v1 EndpointSlice endpointslices gen
kind apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions short=crd,crds cat=api-extensions cluster status gen
kind gateway.networking.k8s.io/v1 GatewayClass gatewayclasses short=gc cat=gateway-api cluster status gen custom
kind gateway.networking.k8s.io/v1 Gateway gateways short=gtw cat=gateway-api status gen custom
kind gateway.networking.k8s.io/v1 HTTPRoute httproutes cat=gateway-api status gen custom
)";

// Of kinds whose columns are paths; the others have theirs in columns.cc.
std::vector<Column> columnsOf(const std::string& plural) {
  const Column age{.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"};
  if (plural == "gatewayclasses") {
    return {{.name = "Controller", .path = ".spec.controllerName"},
            {.name = "Accepted", .path = ".status.conditions[?(@.type==\"Accepted\")].status"},
            age,
            {.name = "Description", .priority = 1, .path = ".spec.description"}};
  }
  if (plural == "gateways") {
    return {{.name = "Class", .path = ".spec.gatewayClassName"},
            {.name = "Address", .path = ".status.addresses[*].value"},
            {.name = "Programmed", .path = ".status.conditions[?(@.type==\"Programmed\")].status"},
            age};
  }
  if (plural == "httproutes") return {{.name = "Hostnames", .path = ".spec.hostnames"}, age};
  return {age};
}

}  // namespace

std::vector<Kind> builtInKinds() {
  ShapeTable shapes;
  shapes.read(kCore);
  shapes.read(kGateway);
  auto kinds = shapes.kinds(kTable);
  for (auto& kind : kinds) kind.columns = columnsOf(kind.resource.plural);
  return kinds;
}

}  // namespace towpath::apiserver
