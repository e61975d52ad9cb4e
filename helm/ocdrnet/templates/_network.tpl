{{- /* Parts of network policies. */}}

{{- define "ocdrnet.dnsEgress" -}}
{{- with .Values.networkPolicy.dns }}
- to: {{ toYaml . | nindent 4 }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}
{{- end }}

{{- define "ocdrnet.objectStoreEgress" -}}
{{- with .Values.networkPolicy.objectStore }}
- to: {{ toYaml . | nindent 4 }}
  ports:
    {{- range $.Values.networkPolicy.objectStorePorts }}
    - {port: {{ int . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- /* To Triton's pods of this release. */}}
{{- define "ocdrnet.tritonEgress" -}}
- to:
    - podSelector:
        matchLabels: {{- include "ocdrnet.selector" (dict "root" . "component" "server") | nindent 10 }}
  ports: [{port: 8000}, {port: 8001}]
{{- end }}
