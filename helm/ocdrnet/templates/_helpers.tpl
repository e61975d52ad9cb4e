{{- /* Names, labels, images. */}}

{{- define "ocdrnet.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 30 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 30 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 30 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- /* What a Service or a policy finds the release's pods by. Takes root, component and, of Triton, pair. */}}
{{- define "ocdrnet.selector" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .pair }}
ocdrnet.io/pair: {{ .name }}
{{- end }}
{{- end }}

{{- define "ocdrnet.labels" -}}
{{ include "ocdrnet.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Takes root, of (one of `images`) and suffix (of the tag). */}}
{{- define "ocdrnet.image" -}}
{{- $image := get .root.Values.images .of }}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}
{{- else }}{{ $image.repository }}:{{ $image.tag | default (print .root.Chart.AppVersion .suffix) }}{{ end }}
{{- end }}

{{- define "ocdrnet.serverImage" -}}
{{ include "ocdrnet.image" (dict "root" . "of" "server" "suffix" (eq .Values.mode "cpu" | ternary "-cpu" "")) }}
{{- end }}

{{- define "ocdrnet.toolsImage" -}}
{{ include "ocdrnet.image" (dict "root" . "of" "tools" "suffix" "-tools") }}
{{- end }}

{{- /* `helm test` wants the client alone, which both have: the server's image is on a node already, but that of a GPU is
       many times larger. */}}
{{- define "ocdrnet.testImage" -}}
{{ eq .Values.mode "cpu" | ternary (include "ocdrnet.serverImage" .) (include "ocdrnet.toolsImage" .) | trim }}
{{- end }}

{{- define "ocdrnet.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "ocdrnet.fullname" .) "default") }}
{{- end }}

{{- /* Every pair of networks, as a JSON array: its name, the name of its resources, models, server, autoscaling. */}}
{{- define "ocdrnet.pairs" -}}
{{- $pairs := list }}
{{- if .Values.server.enabled }}
{{- $fullname := include "ocdrnet.fullname" . }}
{{- $base := dict "models" .Values.models "server" .Values.server "autoscaling" .Values.autoscaling }}
{{- $pairs = append $pairs (merge (dict "name" "default" "fullname" $fullname) (deepCopy $base)) }}
{{- range $name, $over := .Values.extraPairs }}
{{- $names := dict "name" $name "fullname" (printf "%s-%s" $fullname $name) }}
{{- $pairs = append $pairs (merge $names (mergeOverwrite (deepCopy $base) (deepCopy $over))) }}
{{- end }}
{{- end }}
{{- toJson $pairs }}
{{- end }}

{{- /* Where the release's own pods reach the default pair. */}}
{{- define "ocdrnet.tritonUrl" -}}
{{- $host := printf "%s%s" (include "ocdrnet.fullname" .) (.Values.service.headless | ternary "-headless" "") }}
{{- if .Values.server.tls.existingSecret }}grpcs{{ else }}grpc{{ end }}://{{ $host }}:8001
{{- end }}
