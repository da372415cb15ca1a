{{/* The rules of files/alerts.yaml with what the values say of each alert. */}}
{{- define "github-pat-operator.alertRules" -}}
{{- $values := .Values.metrics }}
{{- $thresholds := dict }}
{{- $more := list }}
{{- range $.Values.settings.connectionLabels }}
{{- $more = append $more (printf "label_%s" (regexReplaceAll "[^a-zA-Z0-9_]" . "_")) }}
{{- end }}
{{- $more = concat $more (default list $.Values.settings.metricsDetails) | join ", " }}
{{- $rules := list }}
{{- $file := .Files.Get "files/alerts.yaml" | fromYaml }}
{{- range $file.alerts }}
{{- $of := default dict (get $values.alerts .alert) }}
{{- $_ := set $thresholds (printf "$%s" .alert) (empty $of.enabled | ternary "0" (toString $of.threshold)) }}
{{- end }}
{{- $_ := set $thresholds "$ends" (include "github-pat-operator.ends" (dict)) }}
{{- $_ := set $thresholds "$unlessRefused" "unless on (namespace, name) github_pat_connection_condition{condition=\"Ready\", status=\"False\", reason=~\"BadCredentials|AccountSuspended\"}" }}
{{- $withStandby := "$ends <= $GithubPatTokenExpiresCritical * 86400 and $ends > 0 and on (namespace, name) max by (namespace, name) (github_pat_candidates_expiration_timestamp_seconds - time()) > $GithubPatTokenExpiresCritical * 86400" }}
{{- $withStandby = include "github-pat-operator.filled" (list $withStandby $thresholds) }}
{{- $_ := set $thresholds "$withStandby" $withStandby }}
{{- $_ := set $thresholds "$orWithStandby" (empty (default dict $values.alerts.GithubPatTokenExpiresWarning).enabled | ternary (printf "or %s" $withStandby) "") }}
{{- $tellsHost := (default dict $values.alerts.GithubPatHostUnreachable).enabled }}
{{- $ofHost := "unless on (namespace, name) (github_pat_connection_info and on (host, instance) (github_pat_host_breaker_open == 1))" }}
{{- $_ := set $thresholds "$unlessUnreachable" (ternary $ofHost "" (eq (toString $tellsHost) "true")) }}
{{- $lacks := list }}
{{- range $setting := list "metricsPerConnection" "leaderElection" }}
{{- if eq (toString (get $.Values.settings $setting)) "false" }}
{{- $lacks = append $lacks $setting }}
{{- end }}
{{- end }}
{{- $least := get $thresholds "$GithubPatManyNotReady" }}
{{- $of := include "github-pat-operator.notReady" (dict) }}
{{- $many := printf "count by (host, reason) (%s) >= %s" $of $least }}
{{- $ofOne := include "github-pat-operator.notReady" (dict "info" "{organization!=\"\"}") }}
{{- $ofOne = printf "%s unless on (host, reason) (%s)" $ofOne $many }}
{{- $manyOfOne := printf "count by (host, organization) (%s) >= %s" $ofOne $least }}
{{- $told := list }}
{{- range $shared, $failing := dict "reason" $of "organization" $ofOne }}
{{- $told = append $told (printf "unless on (namespace, host, %s) (%s)" $shared (include "github-pat-operator.manyHere" (list $shared $failing $least))) }}
{{- end }}
{{- $hasMany := (default dict $values.alerts.GithubPatManyNotReady).enabled }}
{{- $words := dict "$trustFor" (default "24h" $.Values.settings.trustFor) "$incidentHold" (default "30m" $.Values.settings.incidentHold) }}
{{- range $file.alerts }}
{{- $of := default dict (get $values.alerts .alert) }}
{{- if and $of.enabled (not (has .needs $lacks)) }}
{{- $own := dict "severity" $of.severity }}
{{- $labels := mustMergeOverwrite (deepCopy $values.alertLabels) $own }}
{{- $runbook := printf "%s#%s" $values.runbookUrl (lower .alert) }}
{{- $description := include "github-pat-operator.filled" (list .description $words) }}
{{- $annotations := dict "summary" .summary "description" $description "remedy" .remedy "runbook_url" $runbook }}
{{- $expr := "" }}
{{- if .notReady }}
{{- $expr = include "github-pat-operator.notReady" (dict "condition" (printf ", %s" .notReady)) }}
{{- if $hasMany }}
{{- $expr = printf "%s %s" $expr (join " " $told) }}
{{- end }}
{{- else }}
{{- $expr = include "github-pat-operator.filled" (list .expr (set (deepCopy $thresholds) "$manyNotReady" (printf "%s or %s" $many $manyOfOne))) }}
{{- end }}
{{- if and .ofConnection $more }}
{{- $info := printf "topk by (namespace, name) (1, max by (namespace, name, %s) (github_pat_connection_info))" $more }}
{{- $expr = printf "(%s) * on (namespace, name) group_left (%s) %s" $expr $more $info }}
{{- end }}
{{- $rules = append $rules (dict "alert" .alert "expr" $expr "for" $of.for "labels" $labels "annotations" $annotations) }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* Why a connection is not Ready, with its host and organization: with one of them while replicas with other settings tell another. */}}
{{- define "github-pat-operator.notReady" -}}
max by (namespace, name, reason) (github_pat_connection_condition{condition="Ready", status="False"{{ default "" .condition }}}) * on (namespace, name) group_left (host, organization) topk by (namespace, name) (1, max by (namespace, name, host, organization) (github_pat_connection_info{{ default "" .info }}))
{{- end }}

{{/* The namespaces in which so many fail that the one alert for them is enough: of another namespace no more than two fifths of the
threshold count, so that no tenant silences the alerts of others with connections that fail on purpose. */}}
{{- define "github-pat-operator.manyHere" -}}
{{- $shared := index . 0 }}
{{- $here := printf "count by (namespace, host, %s) (%s)" $shared (index . 1) }}
{{- $most := max 1 (div (mul 2 (int (index . 2))) 5) -}}
clamp_min({{ $here }} - {{ $most }}, 0) + on (host, {{ $shared }}) group_left () sum by (host, {{ $shared }}) (clamp_max({{ $here }}, {{ $most }})) >= {{ index . 2 }}
{{- end }}

{{/* How long each token still works, in seconds, by whatever ends it first. */}}
{{- define "github-pat-operator.ends" -}}
{{- $of := "max by (namespace, name) (github_pat_token_%sexpiration_timestamp_seconds)" -}}
(min by (namespace, name) ({{ printf $of "" }} or label_replace({{ printf $of "declared_" }}, "by", "spec", "", "")) - time())
{{- end }}

{{/* A text with what stands for its names. */}}
{{- define "github-pat-operator.filled" -}}
{{- $expr := index . 0 }}
{{- range $name, $threshold := index . 1 }}
{{- $expr = replace $name $threshold $expr }}
{{- end }}
{{- $expr }}
{{- end }}
