{{- /* From the names of two networks to a served repository in /repository. All take root and pair. */}}

{{- /* Where the networks are taken from instead of NGC, as a container sees it; empty: NGC. */}}
{{- define "ocdrnet.offlinePath" -}}
{{- $offline := .pair.models.offline }}
{{- if $offline.image }}/offline{{ else if $offline.existingClaim }}/offline{{ $offline.path }}{{ else }}{{ $offline.path }}{{ end }}
{{- end }}

{{- /* NVIDIA's networks, one a line: each is downloaded, or copied, into the cache unless it is there. */}}
{{- define "ocdrnet.downloadCommands" -}}
{{- $from := include "ocdrnet.offlinePath" . }}
{{- range $network := list .pair.models.detector .pair.models.recognizer | uniq }}
{{- if regexMatch "^oc[dr]net-" $network }}
ocdrnet models download {{ $network }} --accept-eula{{ with $from }} --from {{ . }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ocdrnet.buildCommand" -}}
{{- $models := .pair.models }}
{{- $engine := eq .root.Values.mode "cpu" | ternary "cpu" $models.engine -}}
ocdrnet models build --output /repository --engine {{ $engine }} --detector {{ $models.detector }} --recognizer {{ $models.recognizer }} --charset '{{ $models.charset | replace "'" `'\''` }}'
{{- with $models.detectorCard }} --detector-card {{ . }}{{ end }}
{{- with $models.recognizerCard }} --recognizer-card {{ . }}{{ end }}
{{- if ne $models.profile "balanced" }} --profile {{ $models.profile }}{{ end }}
{{- with $models.precision }} --precision {{ . }}{{ end }}
{{- with $models.maxCandidates }} --max-candidates {{ int . }}{{ end }}
{{- with $models.recognizerBatch }} --recognizer-batch {{ int . }}{{ end }}
{{- with $models.detectorBatch }} --detector-batch {{ int . }}{{ end }}
{{- range $step, $count := include "ocdrnet.stepProcesses" . | fromJson }} --processes {{ $step }}={{ int $count }}{{ end }}
{{- end }}

{{- /* What the Job does, one command a line; empty where there is nothing for it to do, and no Job then. */}}
{{- define "ocdrnet.jobCommands" -}}
{{- if eq .pair.models.prepare "job" }}
{{- include "ocdrnet.downloadCommands" . | trim }}
{{- if .pair.models.prepareJob.buildPlans }}
{{ include "ocdrnet.buildCommand" . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The name of the mark that the Job leaves: another image or other networks are another mark. */}}
{{- define "ocdrnet.preparation" -}}
{{ list (include "ocdrnet.serverImage" .root) (include "ocdrnet.jobCommands" .) | join "\n" | sha256sum | trunc 10 }}
{{- end }}

{{- /* The key and the licence, for whoever downloads. */}}
{{- define "ocdrnet.downloadEnvironment" -}}
{{- $ngc := .pair.models.ngc }}
{{- if and $ngc.existingSecret (include "ocdrnet.downloadCommands" .) (not (include "ocdrnet.offlinePath" .)) }}
- name: NGC_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ $ngc.existingSecret }}, key: {{ $ngc.secretKey }}}
{{- end }}
{{- end }}

{{- /* The container that prepares. Takes root, pair, name, script, whether it downloads and builds, and whether Triton
       stands beside it, whose cores it then places the networks on. */}}
{{- define "ocdrnet.preparingContainer" -}}
- name: {{ .name }}
  image: {{ include "ocdrnet.serverImage" .root }}
  imagePullPolicy: {{ .root.Values.images.server.pullPolicy }}
  command: [sh, -euc]
  args:
    - | {{- .script | trim | nindent 6 }}
  env:
    {{- include "ocdrnet.homeless" . | nindent 4 }}
    - {name: OCDRNET_CACHE, value: /cache}
    {{- if .downloads }}
    {{- include "ocdrnet.downloadEnvironment" . | trim | nindent 4 }}
    {{- end }}
    {{- if .serves }}
    - name: OCDRNET_CORES
      valueFrom:
        resourceFieldRef: {containerName: triton, resource: limits.cpu, divisor: "1"}
    - name: OCDRNET_MEMORY
      valueFrom:
        resourceFieldRef: {containerName: triton, resource: limits.memory, divisor: "1"}
    {{- end }}
  {{- if .builds }}
  {{- include "ocdrnet.gpuResources" (merge (dict "requests" .pair.models.prepareResources.requests "limits" .pair.models.prepareResources.limits) .) | nindent 2 }}
  {{- else }}
  {{- include "ocdrnet.resources" .pair.models.prepareResources | nindent 2 }}
  {{- end }}
  {{- include "ocdrnet.containerSecurity" . | nindent 2 }}
  volumeMounts:
    - {name: cache, mountPath: /cache}
    - {name: repository, mountPath: /repository}
    - {name: tmp, mountPath: /tmp}
    {{- if or .pair.models.offline.image .pair.models.offline.existingClaim }}
    - {name: offline, mountPath: /offline, readOnly: true}
    {{- end }}
{{- end }}

{{- /* An image that carries the networks has them copied out: volumes of type image are too young. */}}
{{- define "ocdrnet.offlineContainer" -}}
{{- if .pair.models.offline.image }}
- name: offline
  image: {{ .pair.models.offline.image }}
  imagePullPolicy: {{ .root.Values.images.server.pullPolicy }}
  command: [cp, -R, {{ printf "%s/." .pair.models.offline.path }}, /offline]
  {{- include "ocdrnet.resources" .pair.models.prepareResources | nindent 2 }}
  {{- include "ocdrnet.containerSecurity" . | nindent 2 }}
  volumeMounts:
    - {name: offline, mountPath: /offline}
{{- end }}
{{- end }}

{{- define "ocdrnet.preparationVolumes" -}}
- name: cache
  {{- if .root.Values.cache.persistent }}
  persistentVolumeClaim: {claimName: {{ include "ocdrnet.claim" .root }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ .root.Values.cache.size }}}
  {{- end }}
{{- if .pair.models.offline.image }}
- name: offline
  emptyDir: {sizeLimit: {{ .root.Values.cache.size }}}
{{- else if .pair.models.offline.existingClaim }}
- name: offline
  persistentVolumeClaim: {claimName: {{ .pair.models.offline.existingClaim }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "ocdrnet.prepareSpec" -}}
{{- $preparation := include "ocdrnet.preparation" . }}
{{- $commands := list (include "ocdrnet.jobCommands" . | trim) "mkdir -p /cache/prepared" (printf "touch /cache/prepared/%s" $preparation) -}}
backoffLimit: {{ int .pair.models.prepareJob.backoffLimit }}
activeDeadlineSeconds: {{ int .pair.models.prepareJob.activeDeadlineSeconds }}
template:
  metadata:
    labels: {{- include "ocdrnet.labels" (dict "root" .root "component" "prepare" "pair" .pair) | nindent 6 }}
      {{- include "ocdrnet.placementLabels" . | indent 6 }}
  spec:
    restartPolicy: Never
    {{- include "ocdrnet.podSecurity" .root | nindent 4 }}
    {{- include "ocdrnet.placement" . | nindent 4 }}
    {{- with include "ocdrnet.offlineContainer" . }}
    initContainers: {{ . | nindent 6 }}
    {{- end }}
    containers:
      {{- include "ocdrnet.preparingContainer" (merge (dict "name" "prepare" "downloads" true "builds" .pair.models.prepareJob.buildPlans "script" (join "\n" $commands)) .) | nindent 6 }}
    volumes:
      {{- include "ocdrnet.preparationVolumes" . | nindent 6 }}
      - name: repository
        emptyDir: {sizeLimit: {{ .pair.server.repositorySize }}}
      - name: tmp
        emptyDir: {sizeLimit: {{ .pair.server.temporarySize }}}
{{- end }}
