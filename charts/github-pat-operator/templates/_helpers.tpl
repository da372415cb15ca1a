{{- define "github-pat-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "github-pat-operator.fullname" -}}
{{- $name := include "github-pat-operator.name" . }}
{{- $made := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $made .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The Service of the metrics. Its name is a label of DNS: no dot, no digit in front, 63 characters at most. Where that takes something off
     the name of the release, a digest tells it from those of others. */}}
{{- define "github-pat-operator.metricsService" -}}
{{- $full := include "github-pat-operator.fullname" . }}
{{- $name := replace "." "-" $full }}
{{- $name = regexMatch "^[0-9]" $name | ternary (printf "r%s" $name) $name | trunc 55 | trimSuffix "-" }}
{{- eq $name $full | ternary $name (printf "%s-%s" ($name | trunc 46 | trimSuffix "-") (include "github-pat-operator.digest" $full)) }}-metrics
{{- end }}

{{- define "github-pat-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "github-pat-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- with .shard }}
githubpat.dev/shard: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The chart's own labels outweigh commonLabels. */}}
{{- define "github-pat-operator.labels" -}}
{{- $own := include "github-pat-operator.selectorLabels" . | fromYaml }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- mustMergeOverwrite (deepCopy (default dict .Values.commonLabels)) $own | toYaml }}
{{- end }}

{{/* Labels and annotations of an object that has none of its own. */}}
{{- define "github-pat-operator.marks" -}}
labels: {{- include "github-pat-operator.labels" . | nindent 2 }}
{{- with include "github-pat-operator.annotations" . }}
{{ . }}
{{- end }}
{{- end }}

{{- define "github-pat-operator.annotations" -}}
{{- with .Values.commonAnnotations -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether the chart brings the CustomResourceDefinition. crds.install is the name that crds.enabled had in earlier charts. */}}
{{- define "github-pat-operator.hasCrd" -}}
{{- if and .Values.crds.install (not .Values.crds.enabled) }}
{{- fail "crds.install is true, and crds.enabled, as it is called now, is false: leave crds.install out" }}
{{- end }}
{{- if kindIs "invalid" .Values.crds.install | ternary .Values.crds.enabled .Values.crds.install }}true{{ end }}
{{- end }}

{{- define "github-pat-operator.serviceAccountName" -}}
{{- $name := default (include "github-pat-operator.fullname" .) .Values.serviceAccount.name }}
{{- if eq $name "default" }}
{{- fail "serviceAccount.name: default is that of all Pods of the namespace that name none, which would have the rights of the operator and be held to what it does: name one that nothing else uses" }}
{{- end }}
{{- $name }}
{{- end }}

{{/* Refuses root where the kubelet would not start it. Each field of the container outweighs that of the Pod. */}}
{{- define "github-pat-operator.refuseRoot" -}}
{{- $user := dict }}
{{- $nonRoot := false }}
{{- range $name := list "podSecurityContext" "securityContext" }}
{{- $given := default dict (index $.Values $name) }}
{{- if not (kindIs "invalid" $given.runAsUser) }}
{{- $user = dict "at" $name "is" (int64 $given.runAsUser) }}
{{- end }}
{{- if not (kindIs "invalid" $given.runAsNonRoot) }}
{{- $nonRoot = $given.runAsNonRoot }}
{{- end }}
{{- end }}
{{- if and $nonRoot $user.at (eq $user.is 0) }}
{{- printf "%s.runAsUser is 0, which is root, and runAsNonRoot is true, so the container would not start: name another user" $user.at | fail }}
{{- end }}
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

{{/* The sinks as the list that the settings file has; one that is null is left out. */}}
{{- define "github-pat-operator.sinks" -}}
{{- $sinks := list }}
{{- range $name, $sink := .Values.settings.sinks }}
{{- if not (kindIs "invalid" $sink) }}
{{- $sinks = append $sinks (set (deepCopy $sink) "name" $name) }}
{{- end }}
{{- end }}
{{- toYaml $sinks }}
{{- end }}

{{/* Not empty if there is any. */}}
{{- define "github-pat-operator.hasSinks" -}}
{{- if include "github-pat-operator.sinks" . | fromYamlArray }}true{{ end }}
{{- end }}

{{/* The selector of connections as the settings have it, on one line. */}}
{{- define "github-pat-operator.selector" -}}
{{- $selector := default dict .Values.selector }}
{{- $demands := list }}
{{- range $key, $value := $selector.matchLabels }}
{{- $demands = append $demands (printf "%s=%s" $key $value) }}
{{- end }}
{{- range $selector.matchExpressions }}
{{- $values := default list .values | join "," }}
{{- $in := dict "In" (printf "%s in (%s)" .key $values) "NotIn" (printf "%s notin (%s)" .key $values) }}
{{- $demands = append $demands (get (merge $in (dict "Exists" .key "DoesNotExist" (printf "!%s" .key))) .operator) }}
{{- end }}
{{- join "," $demands }}
{{- end }}

{{/* The settings file: the values as they are, which the operator checks when it starts. */}}
{{- define "github-pat-operator.settings" -}}
{{- $file := set (omit .Values.settings "hosts" "sinks") "listen" "[::]:8080" }}
{{- if or (include "github-pat-operator.hasLeader" .) (include "github-pat-operator.hasSinks" .) }}
{{- $_ := set $file "leaseName" (include "github-pat-operator.fullname" .) }}
{{- end }}
{{- if .Values.settings.tracesCaBundle }}
{{- $_ := set $file "tracesCaBundle" "/etc/github-pat-operator/traces.pem" }}
{{- end }}
{{- if (default dict .Values.metrics.tls).secretName }}
{{- $_ := set $file "metricsListen" "[::]:8443" }}
{{- $_ := set $file "metricsTlsDirectory" "/etc/github-pat-operator-tls" }}
{{- end }}
{{- if include "github-pat-operator.asksReaders" . }}
{{- $_ := set $file "metricsAuthentication" true }}
{{- end }}
{{- $_ := set $file "secretsRole" (printf "%s-secrets" (include "github-pat-operator.fullname" .)) }}
{{- if (default dict .Values.grant).allNamespaces }}
{{- $_ := set $file "secretScope" "Cluster" }}
{{- end }}
{{- if .Values.waitingPods.enabled }}
{{- $_ := set $file "waitingPods" true }}
{{- $_ := set $file "waitingPodsRole" (printf "%s-waiting-pods" (include "github-pat-operator.fullname" .)) }}
{{- end }}
{{- if .Values.watchNamespaces }}
{{- $_ := set $file "watchNamespaces" .Values.watchNamespaces }}
{{- end }}
{{- with include "github-pat-operator.selector" . }}
{{- $_ := set $file "selector" . }}
{{- end }}
{{- $hosts := list }}
{{- range $index, $given := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- $host := omit $given "caBundle" "caBundleFrom" "clientCertificateSecret" }}
{{- if $given.caBundle }}
{{- $_ := set $host "caBundle" (printf "/etc/github-pat-operator/%s" (include "github-pat-operator.caBundle" $index)) }}
{{- else if $given.caBundleFrom }}
{{- $_ := set $host "caBundle" (printf "%s/ca.pem" (include "github-pat-operator.authorities" (list "hosts" $given.name))) }}
{{- end }}
{{- if $given.clientCertificateSecret }}
{{- $folder := include "github-pat-operator.clientCertificate" $given.name }}
{{- $files := dict "certificateFile" (printf "%s/tls.crt" $folder) "keyFile" (printf "%s/tls.key" $folder) }}
{{- $_ := set $host "clientCertificate" $files }}
{{- end }}
{{- if $given.proxy }}
{{- $proxy := omit $given.proxy "credentialsSecret" }}
{{- if not $proxy.noProxy }}
{{- $proxy = omit $proxy "noProxy" }}
{{- end }}
{{- if $given.proxy.credentialsSecret }}
{{- $_ := set $proxy "credentialsFile" (printf "%s/credentials" (include "github-pat-operator.proxy" $given.name)) }}
{{- end }}
{{- $_ := set $host "proxy" $proxy }}
{{- end }}
{{- $hosts = append $hosts $host }}
{{- end }}
{{- $sinks := list }}
{{- range $index, $given := include "github-pat-operator.sinks" . | fromYamlArray }}
{{- $sink := omit $given "caBundle" "caBundleFrom" "secret" }}
{{- if $given.caBundle }}
{{- $_ := set $sink "caBundle" (printf "/etc/github-pat-operator/sinks-%d.pem" $index) }}
{{- else if $given.caBundleFrom }}
{{- $_ := set $sink "caBundle" (printf "%s/ca.pem" (include "github-pat-operator.authorities" (list "sinks" $given.name))) }}
{{- end }}
{{- if $given.secret }}
{{- $_ := set $sink "secretFile" (printf "%s/secret" (include "github-pat-operator.sink" $given.name)) }}
{{- end }}
{{- $sinks = append $sinks $sink }}
{{- end }}
{{- if $sinks }}
{{- $_ := set $file "sinks" $sinks }}
{{- end }}
{{- set $file "hosts" $hosts | toYaml }}
{{- end }}

{{/* Not empty if readers of /metrics show who they are. */}}
{{- define "github-pat-operator.asksReaders" -}}
{{- if (default dict .Values.metrics.authentication).enabled }}
{{- if not (default dict .Values.metrics.tls).secretName }}
{{- fail "metrics.authentication: readers would show their tokens without TLS: set metrics.tls.secretName too" }}
{{- end }}true
{{- end }}
{{- end }}

{{/* The port of the container where /metrics is. */}}
{{- define "github-pat-operator.metricsPort" -}}
{{- (default dict .Values.metrics.tls).secretName | empty | ternary "probes" "metrics" }}
{{- end }}

{{/* What stands for the name of a host or sink in those of its volumes and folders. No other one ever has it: a running Pod has the volumes of
     its start, and with a position would take those of another host once the settings change. */}}
{{- define "github-pat-operator.digest" -}}
{{- sha256sum . | trunc 8 }}
{{- end }}

{{/* The folder with the credentials of the proxy of the host of this name. */}}
{{- define "github-pat-operator.proxy" -}}
/etc/github-pat-operator-proxies/{{ include "github-pat-operator.digest" . }}
{{- end }}

{{/* The folder with the secret of the sink of this name. */}}
{{- define "github-pat-operator.sink" -}}
/etc/github-pat-operator-sinks/{{ include "github-pat-operator.digest" . }}
{{- end }}

{{/* The folder with the authorities of the host or sink of this name. */}}
{{- define "github-pat-operator.authorities" -}}
/etc/github-pat-operator-authorities/{{ index . 0 }}/{{ index . 1 | include "github-pat-operator.digest" }}
{{- end }}

{{/* The folder with the client certificate for the host of this name. */}}
{{- define "github-pat-operator.clientCertificate" -}}
/etc/github-pat-operator-certificates/{{ include "github-pat-operator.digest" . }}
{{- end }}

{{/* The file with the certificates of the host at this index. */}}
{{- define "github-pat-operator.caBundle" -}}
hosts-{{ . }}.pem
{{- end }}

{{/* Those of the settings that the operator reads at its start alone, as docs/settings.md has them. A test holds the list. */}}
{{- define "github-pat-operator.settingsOfTheStart" -}}
{{- $file := include "github-pat-operator.settings" . | fromYaml }}
{{- $names := list "shard" "selector" "concurrency" "waitingPods" "secretScope" "watchNamespaces" "leaderElection" "leaseName" "leaseNamespace" "leaseDuration" }}
{{- $names = concat $names (list "renewDeadline" "retryPeriod" "listen" "logFormat" "metricsListen") }}
{{- $names = concat $names (list "metricsTlsDirectory" "metricsAuthentication" "tracesEndpoint" "tracesCaBundle") }}
{{- range concat $names (list "connectionLabels" "metricsDetails" "sinks") }}
{{ . }}: {{ get $file . | toJson }}
{{- end }}
{{- /* With their certificates, of which the file has the paths. */}}
{{ .Values.settings.sinks | toJson }}
{{ .Values.settings.tracesCaBundle | toJson }}
{{- end }}
