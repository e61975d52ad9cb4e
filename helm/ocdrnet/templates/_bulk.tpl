{{- /* The Indexed Job of `ocdrnet bulk`. */}}
{{- define "ocdrnet.bulkSpec" -}}
completionMode: Indexed
completions: {{ int .Values.bulk.shards }}
parallelism: {{ int .Values.bulk.parallelism }}
backoffLimitPerIndex: {{ int .Values.bulk.backoffLimitPerShard }}
template:
  metadata:
    labels: {{- include "ocdrnet.labels" (dict "root" . "component" "bulk") | nindent 6 }}
  spec:
    restartPolicy: Never
    {{- include "ocdrnet.podSecurity" . | nindent 4 }}
    containers:
      - name: bulk
        image: {{ include "ocdrnet.toolsImage" . }}
        imagePullPolicy: {{ .Values.images.tools.pullPolicy }}
        command: [ocdrnet, bulk]
        args:
          - {{ quote .Values.bulk.source }}
          - {{ printf "--output=%s" .Values.bulk.output | quote }}
          - --shards={{ int .Values.bulk.shards }}
          - --url={{ include "ocdrnet.tritonUrl" . }}
          {{- range .Values.bulk.options }}
          - {{ quote . }}
          {{- end }}
        env:
          {{- include "ocdrnet.homeless" . | nindent 10 }}
          {{- include "ocdrnet.environment" (dict "values" .Values.bulk.env "prefix" "") | trim | nindent 10 }}
          {{- include "ocdrnet.trustEnvironment" . | trim | nindent 10 }}
        {{- with .Values.bulk.existingSecret }}
        envFrom:
          - secretRef: {name: {{ . }}}
        {{- end }}
        {{- include "ocdrnet.resources" .Values.bulk.resources | nindent 8 }}
        {{- include "ocdrnet.containerSecurity" . | nindent 8 }}
        volumeMounts:
          - {name: tmp, mountPath: /tmp}
          {{- if .Values.bulk.existingClaim }}
          - {name: data, mountPath: /data}
          {{- end }}
          {{- include "ocdrnet.trustMount" . | trim | nindent 10 }}
    volumes:
      - name: tmp
        emptyDir: {sizeLimit: 4Gi}
      {{- with .Values.bulk.existingClaim }}
      - name: data
        persistentVolumeClaim: {claimName: {{ . }}}
      {{- end }}
      {{- include "ocdrnet.trustVolume" . | trim | nindent 6 }}
{{- end }}
