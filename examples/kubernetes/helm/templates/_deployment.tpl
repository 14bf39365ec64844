{{- /* Puts the values into a Deployment: dict "object" and "root". Writes nothing. */}}
{{- define "towpath.deployment" }}
{{- $values := .root.Values }}
{{- $pod := .object.spec.template.spec }}
{{- $container := index $pod.containers 0 }}
{{- $_ := set .object.spec "replicas" (int $values.replicas) }}
{{- $_ := set $container "image" (printf "%s:%s" $values.image.repository (toString $values.image.tag)) }}
{{- $scope := $values.namespaced | ternary (list "--namespace" .root.Release.Namespace) list }}
{{- $_ := set $container "args" (concat $container.args $scope $values.args) }}
{{- if $values.image.pullPolicy }}{{ $_ := set $container "imagePullPolicy" $values.image.pullPolicy }}{{ end }}
{{- if $values.resources }}{{ $_ := set $container "resources" $values.resources }}{{ end }}
{{- range $field := list "imagePullSecrets" "nodeSelector" "tolerations" }}
{{- if index $values $field }}{{ $_ := set $pod $field (index $values $field) }}{{ end }}
{{- end }}
{{- end }}
