{{- /* The one query that both autoscalers use: milliseconds in the queue of a pod's slowest step, per request.
       Takes root, pair, by (the labels of a pod), series (a metric's name without its selector) and selector.
       A rest without requests is 0, not the missing answer of 0 / 0. */}}
{{- define "ocdrnet.queueQuery" -}}
max by ({{ .by }}) (sum by ({{ .by }}, model) (rate(nv_inference_queue_duration_us{ {{- .selector -}} }[{{ .pair.autoscaling.window }}])) / clamp_min(sum by ({{ .by }}, model) (rate(nv_inference_request_success{ {{- .selector -}} }[{{ .pair.autoscaling.window }}])), 0.001)) / 1000
{{- end }}

{{- define "ocdrnet.podPattern" -}}
{{ .pair.fullname }}-[a-z0-9]+-[a-z0-9]{5}
{{- end }}

{{- define "ocdrnet.scalingBehavior" -}}
scaleUp:
  policies:
    - {type: Pods, value: {{ int .autoscaling.scaleUpPodsPerMinute }}, periodSeconds: 60}
scaleDown:
  stabilizationWindowSeconds: {{ int .autoscaling.scaleDownStabilizationSeconds }}
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}
