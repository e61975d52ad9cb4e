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

{{- /* Processes of each Python step, as JSON. The networks leave a CPU's cores to one of each; dbnet_postprocess waits
       for the detector where a picture may lie on its side, and with many in flight another goes on meanwhile. */}}
{{- define "ocdrnet.stepProcesses" -}}
{{- $gpu := eq .root.Values.mode "gpu" }}
{{- $few := $gpu | ternary 2 1 }}
{{- $waiting := or $gpu (eq .pair.models.profile "throughput") | ternary 2 1 }}
{{- $usual := dict "image_preprocess" ($gpu | ternary 4 1) "dbnet_postprocess" $waiting "text_crop" $few "text_turn" 1 "text_decode" $few }}
{{- merge (deepCopy .pair.server.stepProcesses) $usual | toJson }}
{{- end }}

{{- /* Mebibytes of /dev/shm: the Python steps, and two more: both networks, or the two processes that group crops for a
       plan; of a CPU's detector two in the profile `throughput`. */}}
{{- define "ocdrnet.sharedMemory" -}}
{{- $gpu := eq .root.Values.mode "gpu" }}
{{- $networks := 2 }}
{{- if and (not $gpu) (eq .pair.models.profile "throughput") }}{{ $networks = 3 }}{{ end }}
{{- $processes := $networks }}
{{- range include "ocdrnet.stepProcesses" . | fromJson }}
{{- $processes = add $processes (int .) }}
{{- end }}
{{- mul $processes .pair.server.sharedMemory.mebibytesPerInstance }}
{{- end }}

{{- define "ocdrnet.command" -}}
{{- if eq .root.Values.mode "cpu" -}}
command: [ocdrnet, serve]
args:
  - --repository={{ include "ocdrnet.repository" . }}
  - --host=0.0.0.0
  - --http-port=8000
  - --grpc-port=8001
  - --metrics-port=8002
  - --log=info
  - --timeout={{ int .pair.server.startup.seconds }}
  - --exit-timeout={{ int .pair.server.exitTimeoutSeconds }}
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
