{{- /* How Triton is started. All take root and pair. */}}

{{- define "ocdrnet.repository" -}}
{{- if eq .pair.models.prepare "none" }}{{ .pair.models.servedRepository }}{{ else }}/repository{{ end }}
{{- end }}

{{- /* Seconds that the server takes to end: in mode cpu `ocdrnet serve` gives Triton 3 more. */}}
{{- define "ocdrnet.exitSeconds" -}}
{{- add (eq .root.Values.mode "cpu" | ternary 3 0) .pair.server.exitTimeoutSeconds }}
{{- end }}

{{- define "ocdrnet.graceSeconds" -}}
{{- add .pair.server.preStopSeconds (include "ocdrnet.exitSeconds" . | int) .pair.server.graceMarginSeconds }}
{{- end }}

{{- /* Cores that Triton may use: its limit, rounded up as Kubernetes does it for OCDRNET_CORES. */}}
{{- define "ocdrnet.cores" -}}
{{- $cpu := .pair.server.resources.limits.cpu | toString }}
{{- hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu | float64) 1000) (trimSuffix "m" $cpu | float64) | ceil }}
{{- end }}

{{- /* Processes of each Python step, as JSON, as `models build` counts them for these cores; the numbers are its own.
       dbnet_postprocess waits for the detector where an image may lie on its side, and with many in flight another
       goes on meanwhile. */}}
{{- define "ocdrnet.stepProcesses" -}}
{{- $numbers := .root.Files.Get "files/step-processes.json" | fromJson }}
{{- $cores := include "ocdrnet.cores" . | float64 }}
{{- $usual := dict }}
{{- range $step, $perCore := get $numbers.perCore .root.Values.mode }}
{{- $count := eq $.pair.models.profile "small" | ternary 1 (round (mulf $cores $perCore) 6 | ceil | int) }}
{{- $_ := set $usual $step (min $numbers.most $count) }}
{{- end }}
{{- if and (eq .root.Values.mode "cpu") (eq .pair.models.profile "throughput") }}
{{- $_ := set $usual "dbnet_postprocess" (max 2 $usual.dbnet_postprocess) }}
{{- end }}
{{- merge (deepCopy .pair.server.stepProcesses) $usual | toJson }}
{{- end }}

{{- /* Mebibytes of /dev/shm: the Python steps, and two processes of the networks: their own, or those that group crops
       for a plan. Of a CPU's detector there are two in the profile `throughput`. */}}
{{- define "ocdrnet.sharedMemory" -}}
{{- $processes := and (eq .root.Values.mode "cpu") (eq .pair.models.profile "throughput") | ternary 3 2 }}
{{- range include "ocdrnet.stepProcesses" . | fromJson }}
{{- $processes = add $processes (int .) }}
{{- end }}
{{- mul $processes .pair.server.sharedMemory.mebibytesPerInstance }}
{{- end }}

{{- /* Whether HTTP is offered: not by a CPU's Triton, which one small request can end; nothing stands for no. */}}
{{- define "ocdrnet.http" -}}
{{- if and .Values.service.http (eq .Values.mode "gpu") }}true{{ end }}
{{- end }}

{{- define "ocdrnet.command" -}}
{{- if eq .root.Values.mode "cpu" -}}
command: [ocdrnet, serve]
args:
  - --repository={{ include "ocdrnet.repository" . }}
  - --host=0.0.0.0
  # For the kubelet's probes; no Service has it, and the network policy lets only this release's pods in.
  - --http-host=0.0.0.0
  - --http-port=8000
  - --grpc-port=8001
  - --metrics-port=8002
  - --log=info
  - --timeout={{ int .pair.server.startup.seconds }}
  - --exit-timeout={{ int .pair.server.exitTimeoutSeconds }}
  {{- with .pair.server.tracing.url }}
  - {{ printf "--otel-endpoint=%s" . | quote }}
  - --otel-rate={{ int $.pair.server.tracing.rate }}
  {{- end }}
{{- else -}}
command: [tritonserver]
args:
  - --model-repository={{ include "ocdrnet.repository" . }}
  - --model-control-mode=none
  - --disable-auto-complete-config
  - --exit-timeout-secs={{ int .pair.server.exitTimeoutSeconds }}
  - --log-format=ISO8601
  - --http-port=8000
  - --grpc-port=8001
  - --metrics-port=8002
  - --http-header-forward-pattern=(?i)^ocdrnet-
  - --grpc-header-forward-pattern=(?i)^ocdrnet-
  - --http-max-input-size={{ int64 .pair.server.maxRequestBytes }}
  # Kubernetes puts the variable in; without a Secret it is the pod's own id, which nobody sends.
  - --http-restricted-api=model-repository,shared-memory,trace,logging:ocdrnet-admin-key=$(OCDRNET_ADMIN_KEY)
  - --grpc-restricted-protocol=model-repository,shared-memory,trace,logging:ocdrnet-admin-key=$(OCDRNET_ADMIN_KEY)
  {{- include "ocdrnet.grpcFlags" . | trim | nindent 2 }}
  {{- include "ocdrnet.tracingFlags" . | trim | nindent 2 }}
  {{- range .pair.server.extraFlags }}
  - {{ quote . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "ocdrnet.grpcFlags" -}}
{{- if .pair.server.grpc.maxConnectionAgeSeconds }}
- --grpc-max-connection-age={{ mul 1000 .pair.server.grpc.maxConnectionAgeSeconds }}
- --grpc-max-connection-age-grace={{ mul 1000 .pair.server.grpc.maxConnectionAgeGraceSeconds }}
{{- end }}
{{- if .pair.server.tls.existingSecret }}
- --grpc-use-ssl=true
- --grpc-server-cert=/tls/tls.crt
- --grpc-server-key=/tls/tls.key
{{- if .pair.server.tls.mutual }}
- --grpc-use-ssl-mutual=true
- --grpc-root-cert=/tls/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "ocdrnet.tracingFlags" -}}
{{- with .pair.server.tracing.url }}
- --trace-config=mode=opentelemetry
- --trace-config=level=TIMESTAMPS
- --trace-config=rate={{ int $.pair.server.tracing.rate }}
- {{ printf "--trace-config=opentelemetry,url=%s" . | quote }}
- --trace-config=opentelemetry,resource=service.name={{ $.pair.fullname }}
{{- end }}
{{- end }}

{{- define "ocdrnet.adminKey" -}}
{{- if eq .root.Values.mode "gpu" }}
- name: OCDRNET_ADMIN_KEY
  valueFrom:
    {{- if .pair.server.admin.existingSecret }}
    secretKeyRef: {name: {{ .pair.server.admin.existingSecret }}, key: {{ .pair.server.admin.secretKey }}}
    {{- else }}
    fieldRef: {fieldPath: metadata.uid}
    {{- end }}
{{- end }}
{{- end }}

{{- /* The ensemble is ready when every step of it is; /v2/health/live would answer for a server with dead stubs. */}}
{{- define "ocdrnet.probe" -}}
httpGet: {path: /v2/models/ocdrnet/ready, port: http}
timeoutSeconds: 5
{{- end }}
