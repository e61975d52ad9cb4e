{{- /* What every pod and every container of the chart has: the "restricted" Pod Security Standard, and no token. */}}

{{- define "ocdrnet.podSecurity" -}}
serviceAccountName: {{ include "ocdrnet.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.security.runAsUser }}
  runAsGroup: {{ .Values.security.runAsUser }}
  fsGroup: {{ .Values.security.fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ocdrnet.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* Environment of any container with a read-only root: what a program writes goes to /tmp. */}}
{{- define "ocdrnet.homeless" -}}
- {name: HOME, value: /tmp}
- {name: PYTHONDONTWRITEBYTECODE, value: "1"}
{{- end }}

{{- /* A mapping of names to values, as environment variables. Takes values and prefix. */}}
{{- define "ocdrnet.environment" -}}
{{- $prefix := .prefix }}
{{- range $name, $value := .values }}
- {name: {{ printf "%s%s" $prefix $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- /* How the release's own callers trust Triton's certificate. */}}
{{- define "ocdrnet.trustEnvironment" -}}
{{- if .Values.server.tls.existingSecret }}
- {name: GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, value: /authority/ca.crt}
{{- end }}
{{- end }}

{{- define "ocdrnet.trustMount" -}}
{{- if .Values.server.tls.existingSecret }}
- {name: authority, mountPath: /authority, readOnly: true}
{{- end }}
{{- end }}

{{- define "ocdrnet.trustVolume" -}}
{{- if .Values.server.tls.existingSecret }}
- name: authority
  secret:
    secretName: {{ .Values.server.tls.existingSecret }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}

{{- define "ocdrnet.resources" -}}
resources:
  requests: {{ toJson .requests }}
  limits: {{ toJson .limits }}
{{- end }}

{{- /* Resources with the pair's GPUs. Takes root, pair, requests and limits. */}}
{{- define "ocdrnet.gpuResources" -}}
{{- $limits := .limits }}
{{- if eq .root.Values.mode "gpu" }}
{{- $limits = merge (dict .pair.server.gpu.resourceName (int .pair.server.gpu.count)) .limits }}
{{- end }}
{{- include "ocdrnet.resources" (dict "requests" .requests "limits" $limits) }}
{{- end }}
