{{- /* A pod of locust. Takes root and options, those of its role. */}}
{{- define "ocdrnet.locustPod" -}}
{{- $root := .root -}}
{{- include "ocdrnet.podSecurity" $root }}
containers:
  - name: locust
    image: {{ include "ocdrnet.toolsImage" $root }}
    imagePullPolicy: {{ $root.Values.images.tools.pullPolicy }}
    command: [sh, -euc]
    args:
      # Locust wants a file, which lies among the installed packages.
      - |
        file=$(python3 -c 'import importlib.util as u; print(u.find_spec("ocdrnet_loadtest.locustfile").origin)')
        exec locust --locustfile "$file" {{ .options }}
    env:
      {{- include "ocdrnet.homeless" $root | nindent 6 }}
      {{- include "ocdrnet.trustEnvironment" $root | trim | nindent 6 }}
    {{- include "ocdrnet.resources" $root.Values.loadtest.resources | nindent 4 }}
    {{- include "ocdrnet.containerSecurity" $root | nindent 4 }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- include "ocdrnet.trustMount" $root | trim | nindent 6 }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}
  {{- include "ocdrnet.trustVolume" $root | trim | nindent 2 }}
{{- end }}
