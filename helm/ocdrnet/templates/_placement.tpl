{{- /* Which nodes serve and build. Takes root and pair. */}}

{{- define "ocdrnet.claim" -}}
{{ .Values.cache.existingClaim | default (printf "%s-cache" (include "ocdrnet.fullname" .)) }}
{{- end }}

{{- /* "true" where the pods of one claim must be on one node. */}}
{{- define "ocdrnet.oneNode" -}}
{{- if and .root.Values.cache.persistent (eq .root.Values.cache.accessMode "ReadWriteOnce") (ne .pair.models.prepare "none") }}true{{ end }}
{{- end }}

{{- define "ocdrnet.placementLabels" -}}
{{- if include "ocdrnet.oneNode" . }}
ocdrnet.io/cache: {{ include "ocdrnet.claim" .root | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "ocdrnet.placement" -}}
{{- $root := .root }}
{{- $pair := .pair }}
{{- $products := and (eq $root.Values.mode "gpu") $pair.server.gpu.products }}
{{- $oneNode := include "ocdrnet.oneNode" . }}
{{- with $pair.server.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $pair.server.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- if and (eq $root.Values.mode "gpu") $pair.server.gpu.runtimeClassName }}
runtimeClassName: {{ $pair.server.gpu.runtimeClassName }}
{{- end }}
{{- with $pair.server.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if or $products $oneNode }}
affinity:
  {{- if $products }}
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: nvidia.com/gpu.product, operator: In, values: {{ toJson $products }}}
  {{- end }}
  {{- if $oneNode }}
  # A ReadWriteOnce volume is attached to one node: whoever uses it goes where the others are.
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{ include "ocdrnet.placementLabels" . | trim | nindent 12 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "ocdrnet.spread" -}}
{{- $spread := .pair.server.topologySpread }}
{{- if and $spread.topologyKey (not (include "ocdrnet.oneNode" .)) }}
topologySpreadConstraints:
  - topologyKey: {{ $spread.topologyKey }}
    maxSkew: {{ $spread.maxSkew }}
    whenUnsatisfiable: {{ $spread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{ include "ocdrnet.selector" (dict "root" .root "component" "server" "pair" .pair) | nindent 8 }}
{{- end }}
{{- end }}
