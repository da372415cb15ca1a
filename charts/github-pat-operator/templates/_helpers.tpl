{{- define "github-pat-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "github-pat-operator.fullname" -}}
{{- $name := include "github-pat-operator.name" . }}
{{- $made := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $made .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "github-pat-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "github-pat-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The chart's own labels outweigh commonLabels. */}}
{{- define "github-pat-operator.labels" -}}
{{- $own := include "github-pat-operator.selectorLabels" . | fromYaml }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- mustMergeOverwrite (deepCopy (default dict .Values.commonLabels)) $own | toYaml }}
{{- end }}

{{- define "github-pat-operator.serviceAccountName" -}}
{{- default (include "github-pat-operator.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "github-pat-operator.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The hosts as the list that the settings file has, from a map or a list; a host that is null is left out. */}}
{{- define "github-pat-operator.hosts" -}}
{{- $hosts := list }}
{{- if kindIs "map" .Values.settings.hosts }}
{{- range $name, $host := .Values.settings.hosts }}
{{- if not (kindIs "invalid" $host) }}
{{- $hosts = append $hosts (set (deepCopy $host) "name" $name) }}
{{- end }}
{{- end }}
{{- else }}
{{- $hosts = default list .Values.settings.hosts }}
{{- end }}
{{- toYaml $hosts }}
{{- end }}

{{/* The settings file: the values as they are, which the operator checks when it starts. */}}
{{- define "github-pat-operator.settings" -}}
{{- $file := set (omit .Values.settings "hosts") "listen" "[::]:8080" }}
{{- if include "github-pat-operator.hasLeader" . }}
{{- $_ := set $file "leaseName" (include "github-pat-operator.fullname" .) }}
{{- end }}
{{- $_ := set $file "secretsRole" (printf "%s-secrets" (include "github-pat-operator.fullname" .)) }}
{{- if (default dict .Values.grant).allNamespaces }}
{{- $_ := set $file "secretScope" "Cluster" }}
{{- end }}
{{- if .Values.watchNamespaces }}
{{- $_ := set $file "watchNamespaces" .Values.watchNamespaces }}
{{- end }}
{{- $hosts := list }}
{{- range $index, $given := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- $host := omit $given "caBundle" }}
{{- if $given.caBundle }}
{{- $_ := set $host "caBundle" (printf "/etc/github-pat-operator/%s" (include "github-pat-operator.caBundle" $index)) }}
{{- end }}
{{- if $given.proxy }}
{{- $proxy := omit $given.proxy "credentialsSecret" }}
{{- if not $proxy.noProxy }}
{{- $proxy = omit $proxy "noProxy" }}
{{- end }}
{{- if $given.proxy.credentialsSecret }}
{{- $_ := set $proxy "credentialsFile" (printf "%s/credentials" (include "github-pat-operator.proxy" $index)) }}
{{- end }}
{{- $_ := set $host "proxy" $proxy }}
{{- end }}
{{- $hosts = append $hosts $host }}
{{- end }}
{{- set $file "hosts" $hosts | toYaml }}
{{- end }}

{{/* The folder with the credentials of the proxy of the host at this index. */}}
{{- define "github-pat-operator.proxy" -}}
/etc/github-pat-operator-proxies/{{ . }}
{{- end }}

{{/* The file with the certificates of the host at this index. */}}
{{- define "github-pat-operator.caBundle" -}}
hosts-{{ . }}.pem
{{- end }}
