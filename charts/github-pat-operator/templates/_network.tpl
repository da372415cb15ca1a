{{- define "github-pat-operator.ports" -}}
{{- range . }}
- port: {{ . }}
{{- end }}
{{- end }}

{{/* Where connections may go; without addresses, everywhere. */}}
{{- define "github-pat-operator.addresses" -}}
{{- with . -}}
to:
  {{- range . }}
  - ipBlock: { cidr: {{ . | quote }} }
  {{- end }}
{{- end }}
{{- end }}

{{/* The port of a URL. */}}
{{- define "github-pat-operator.port" -}}
{{- $parts := urlParse . }}
{{- $default := eq $parts.scheme "http" | ternary "80" "443" }}
{{- regexFind ":[0-9]+$" $parts.host | trimPrefix ":" | default $default }}
{{- end }}

{{/* The ports of github.com, of the hosts of the settings, of the proxies on the way to them, and of the sinks, and behind their Services. */}}
{{- define "github-pat-operator.hostPorts" -}}
{{- $ports := list 443 }}
{{- range $host := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- range $url := list $host.apiUrl $host.webUrl (default dict $host.proxy).url }}
{{- if $url }}
{{- $ports = append $ports (include "github-pat-operator.port" $url | int) }}
{{- end }}
{{- end }}
{{- with $host.registry }}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "443" | int) }}
{{- end }}
{{- end }}
{{- range include "github-pat-operator.sinks" . | fromYamlArray }}
{{- $ports = append $ports (include "github-pat-operator.port" .url | int) }}
{{- end }}
{{- range (default dict .Values.networkPolicy.hosts).ports }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- $ports | uniq | toYaml }}
{{- end }}

{{/* The ports of the collector of traces, and behind its Service. */}}
{{- define "github-pat-operator.tracesPorts" -}}
{{- $ports := list (include "github-pat-operator.port" .Values.settings.tracesEndpoint | int) }}
{{- range (default dict .Values.networkPolicy.traces).ports }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- $ports | uniq | toYaml }}
{{- end }}
