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

{{- define "github-pat-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "github-pat-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "github-pat-operator.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The seconds of a duration. Leading zeros are taken off, since a number that begins with one counts as octal. */}}
{{- define "github-pat-operator.seconds" -}}
{{- $factors := dict "h" 3600 "m" 60 "s" 1 }}
{{- $total := 0 }}
{{- range regexFindAll "[0-9]+[hms]" . -1 }}
{{- $digits := regexReplaceAll "^0+([0-9])" (regexFind "[0-9]+" .) "${1}" }}
{{- $total = add $total (mul (int64 $digits) (get $factors (regexFind "[hms]" .))) }}
{{- end }}
{{- $total }}
{{- end }}

{{/* Fails unless a duration is within the bounds of the operator, which would not start with it; see src/settings.rs. */}}
{{- define "github-pat-operator.within" -}}
{{- $seconds := int64 (include "github-pat-operator.seconds" .value) }}
{{- if or (lt $seconds (int64 (include "github-pat-operator.seconds" .least))) (gt $seconds (int64 (include "github-pat-operator.seconds" .most))) }}
{{- fail (printf "settings.%s: %s is not between %s and %s" .name .value .least .most) }}
{{- end }}
{{- end }}

{{/* The settings file. What is null is left out, and the operator's default holds. */}}
{{- define "github-pat-operator.settings" -}}
{{- $bounds := dict "minimumInterval" (list "10s" "24h") "trustFor" (list "1m" "720h") "confirmAfter" (list "1s" "1h") "heartbeat" (list "1m" "24h") }}
{{- $file := dict "listen" "0.0.0.0:8080" }}
{{- range $name, $value := .Values.settings }}
{{- if and (hasKey $bounds $name) (not (kindIs "invalid" $value)) }}
{{- $between := get $bounds $name }}
{{- include "github-pat-operator.within" (dict "name" $name "value" $value "least" (first $between) "most" (last $between)) }}
{{- end }}
{{- if and (ne $name "hosts") (not (kindIs "invalid" $value)) }}
{{- $_ := set $file $name $value }}
{{- end }}
{{- end }}
{{- $trust := get $file "trustFor" | default "24h" }}
{{- $heartbeat := get $file "heartbeat" | default "1h" }}
{{- if lt (int64 (include "github-pat-operator.seconds" $trust)) (int64 (include "github-pat-operator.seconds" $heartbeat)) }}
{{- fail (printf "settings.trustFor: %s is below heartbeat, %s" $trust $heartbeat) }}
{{- end }}
{{- $hosts := list }}
{{- $names := dict }}
{{- range $index, $given := .Values.settings.hosts }}
{{- if hasKey $names $given.name }}
{{- fail (printf "settings.hosts[%d].name: %s is named twice" $index $given.name) }}
{{- end }}
{{- $_ := set $names $given.name true }}
{{- $host := omit $given "caBundle" }}
{{- if $given.caBundle }}
{{- $_ := set $host "caBundle" (printf "/etc/github-pat-operator/%s" (include "github-pat-operator.caBundle" $index)) }}
{{- end }}
{{- $hosts = append $hosts $host }}
{{- end }}
{{- $_ := set $file "hosts" $hosts }}
{{- toYaml $file }}
{{- end }}

{{/* The file with the certificates of the host at this index. */}}
{{- define "github-pat-operator.caBundle" -}}
hosts-{{ . }}.pem
{{- end }}
