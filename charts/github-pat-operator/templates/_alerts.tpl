{{/* The rules of files/alerts.yaml with what the values say of each alert. */}}
{{- define "github-pat-operator.alertRules" -}}
{{- $values := .Values.metrics }}
{{- $alerts := default dict $values.alerts }}
{{- $thresholds := dict }}
{{- $held := dict }}
{{- $more := list }}
{{- range $.Values.settings.connectionLabels }}
{{- $more = append $more (printf "label_%s" (regexReplaceAll "[^a-zA-Z0-9_]" . "_")) }}
{{- end }}
{{- $details := default list $.Values.settings.metricsDetails }}
{{- $more = concat $more (without $details "consumers") | join ", " }}
{{- $rules := list }}
{{- $file := .Files.Get "files/alerts.yaml" | fromYaml }}
{{- range $file.alerts }}
{{- $of := default dict (get $alerts .alert) }}
{{- $_ := set $thresholds (printf "$%s" .alert) (empty $of.enabled | ternary "0" (toString $of.threshold)) }}
{{- $_ := set $held .alert (include "github-pat-operator.held" $of) }}
{{- end }}
{{- include "github-pat-operator.checkStages" $alerts }}
{{- $_ := set $thresholds "$ends" (include "github-pat-operator.ends" (dict)) }}
{{- $reasons := "" }}
{{- range $file.alerts }}
{{- if eq .alert "GithubPatTokenRefused" }}
{{- $reasons = .notReady }}
{{- end }}
{{- end }}
{{- $refused := include "github-pat-operator.stayed" (list $reasons (replace "=~" "!~" $reasons) $held.GithubPatTokenRefused) }}
{{- $_ := set $thresholds "$unlessRefused" (printf "unless on (namespace, name) (%s)" $refused) }}
{{- $notReady := list }}
{{- range $file.alerts }}
{{- if .notReady }}
{{- $notReady = append $notReady (include "github-pat-operator.stayed" (list .notReady "status!=\"False\"" (get $held .alert))) }}
{{- end }}
{{- end }}
{{- $_ := set $thresholds "$unlessNotReady" (printf "unless on (namespace, name) (%s)" (join " or " $notReady)) }}
{{- $withStandby := "$ends <= $GithubPatTokenExpiresCritical * 86400 and $ends > 0 and on (namespace, name) max by (namespace, name) (last_over_time(github_pat_candidates_expiration_timestamp_seconds[$held]) - time()) > $GithubPatTokenExpiresCritical * 86400" | replace "$held" $held.GithubPatTokenExpiresCritical }}
{{- $withStandby = include "github-pat-operator.filled" (list $withStandby $thresholds) }}
{{- $_ := set $thresholds "$withStandby" $withStandby }}
{{- $_ := set $thresholds "$orWithStandby" (empty (default dict $alerts.GithubPatTokenExpiresWarning).enabled | ternary (printf "or %s" $withStandby) "") }}
{{- $tellsHost := (default dict $alerts.GithubPatHostUnreachable).enabled }}
{{- $ofHost := "unless on (namespace, name) (github_pat_connection_info and on (host, instance) (github_pat_host_breaker_open == 1 unless on (host, instance) min_over_time(github_pat_host_breaker_open[$held]) == 0))" | replace "$held" $held.GithubPatHostUnreachable }}
{{- $_ := set $thresholds "$unlessUnreachable" (ternary $ofHost "" (eq (toString $tellsHost) "true")) }}
{{- $lacks := list }}
{{- range $setting := list "metricsPerConnection" "leaderElection" }}
{{- if eq (toString (get $.Values.settings $setting)) "false" }}
{{- $lacks = append $lacks $setting }}
{{- end }}
{{- end }}
{{- $least := get $thresholds "$GithubPatManyNotReady" }}
{{- $of := include "github-pat-operator.notReady" (dict) }}
{{- $ofMany := default dict $alerts.GithubPatManyNotReady }}
{{- $ofOne := include "github-pat-operator.notReady" (dict "info" "{organization!=\"\"}") }}
{{- $count := printf "count by (host, reason) (%s)" $of }}
{{- $manyOfOne := printf "count by (host, organization) (%s) >= %s" $ofOne $least }}
{{- /* A reason is told for the host, unless all that fail for it, or did a moment ago, are of one organization that is told for all reasons. */}}
{{- $lately := include "github-pat-operator.notReady" (dict "range" $held.GithubPatManyNotReady) }}
{{- $latelyOfOne := include "github-pat-operator.notReady" (dict "range" $held.GithubPatManyNotReady "info" "{organization!=\"\"}") }}
{{- $inOne := printf "max by (host, reason) (count by (host, reason, organization) (%s and on (host, organization) (%s)))" $latelyOfOne $manyOfOne }}
{{- $many := printf "(%s >= %s unless on (host, reason) (count by (host, reason) (%s) == %s))" $count $least $lately $inOne }}
{{- /* An organization of which the alert for a reason tells of many has none of its own. */}}
{{- $manyFor := "max by (host, organization) (count by (host, organization, reason) (%s and on (host, reason) %s)) >= %s" }}
{{- $manyOfOne = printf "%s unless on (host, organization) (%s)" $manyOfOne (printf $manyFor $ofOne $many $least) }}
{{- /* Left out is what the alert for many tells, and what it may come to tell: connections that have failed for less than its for. */}}
{{- $firing := "ALERTS{alertname=\"GithubPatManyNotReady\", alertstate=\"firing\"}" }}
{{- $ofReasons := printf $manyFor $ofOne $firing $least }}
{{- $new := printf "$one unless on (namespace, name) github_pat_connection_condition{condition=\"Ready\", status=\"False\"} offset %s" $ofMany.for }}
{{- $told := list }}
{{- range list (list "reason" $of $firing) (list "organization" $ofOne (printf "(%s or %s)" $firing $ofReasons)) }}
{{- $shared := index . 0 }}
{{- $here := include "github-pat-operator.manyHere" (list $shared (index . 1) $least) }}
{{- $told = append $told (printf "($one and on (host, %s) %s or %s) and on (namespace, host, %s) (%s)" $shared (index . 2) $new $shared $here) }}
{{- end }}
{{- $defaults := (.Files.Get "files/bounds.yaml" | fromYaml).defaults }}
{{- $words := dict "$trustFor" (default $defaults.trustFor $.Values.settings.trustFor) "$incidentHold" (default $defaults.incidentHold $.Values.settings.incidentHold) }}
{{- $reason := "max by (reason) (github_pat_connection_condition{namespace=%q, name=%q, condition=\"Ready\", status=\"False\"})" }}
{{- $consumers := "topk(1, max by (consumers) (github_pat_connection_info{namespace=%q, name=%q, consumers!=\"\"}))" }}
{{- $consumers = printf "{{ range printf `%s` $labels.namespace $labels.name | query }}{{ .Labels.consumers }}{{ end }}" $consumers }}
{{- $reason = printf "{{ range printf `%s` $labels.namespace $labels.name | query }}: {{ .Labels.reason }}{{ end }}" $reason }}
{{- range $file.alerts }}
{{- $of := default dict (get $alerts .alert) }}
{{- if and $of.enabled (not (has .needs $lacks)) }}
{{- $own := dict "severity" $of.severity }}
{{- $labels := mustMergeOverwrite (deepCopy (default dict $values.alertLabels)) $own }}
{{- $runbook := printf "%s#%s" $values.runbookUrl (lower .alert) }}
{{- $description := include "github-pat-operator.filled" (list .description $words) }}
{{- $annotations := dict "summary" (replace "$reason" $reason .summary) "description" $description "remedy" .remedy "runbook_url" $runbook }}
{{- if and .ofConnection (has "consumers" $details) }}
{{- $_ := set $annotations "consumers" $consumers }}
{{- end }}
{{- $expr := "" }}
{{- if .notReady }}
{{- $expr = include "github-pat-operator.notReady" (dict "condition" (printf ", %s" .notReady)) }}
{{- if $ofMany.enabled }}
{{- $expr = printf "%s unless (%s)" $expr (join " or " $told | replace "$one" $expr) }}
{{- end }}
{{- $expr = printf "max without (reason) (%s)" $expr }}
{{- range $exact := .unlessFires }}
{{- if (default dict (get $alerts $exact)).enabled }}
{{- $expr = printf "%s unless on (namespace, name) ALERTS{alertname=\"%s\", alertstate=\"firing\"}" $expr $exact }}
{{- else }}
{{- range $file.alerts }}
{{- if eq .alert $exact }}
{{- $expr = printf "%s unless on (namespace, name) github_pat_connection_condition{condition=\"Ready\", status=\"False\", %s}" $expr .notReady }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- else }}
{{- $expr = include "github-pat-operator.filled" (list .expr (set (deepCopy $thresholds) "$manyNotReady" (printf "%s or %s" $many $manyOfOne))) }}
{{- end }}
{{- if and .ofConnection $more }}
{{- $info := printf "topk by (namespace, name) (1, max by (namespace, name, %s) (github_pat_connection_info))" $more }}
{{- $expr = printf "(%s) * on (namespace, name) group_left (%s) %s" $expr $more $info }}
{{- end }}
{{- $rule := dict "alert" .alert "expr" $expr "for" $of.for "labels" $labels "annotations" $annotations }}
{{- if $of.keepFiringFor }}
{{- $_ := set $rule "keep_firing_for" $of.keepFiringFor }}
{{- end }}
{{- $rules = append $rules $rule }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* Refuses a notice that would never fire, since the warning comes no later. A warning fires where a standby takes over, also below the critical
days. */}}
{{- define "github-pat-operator.checkStages" -}}
{{- $notice := default dict .GithubPatTokenExpiresNotice }}
{{- $warning := default dict .GithubPatTokenExpiresWarning }}
{{- if and $notice.enabled $warning.enabled (le (int64 $notice.threshold) (int64 $warning.threshold)) }}
{{- printf "metrics.alerts.GithubPatTokenExpiresNotice.threshold is wrong: %d is not above that of GithubPatTokenExpiresWarning, %d, so the alert would never fire: raise it, or lower the other one" (int64 $notice.threshold) (int64 $warning.threshold) | fail }}
{{- end }}
{{- end }}

{{/* How long what an alert tells of has lasted once the alert fires for certain: its for, and the time between two scrapes, of two minutes
at most as in metrics.interval, and between two evaluations, of a minute at most. */}}
{{- define "github-pat-operator.held" -}}
{{- $for := default "0s" .for }}
{{- $unit := get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) (trimAll "0123456789" $for) }}
{{- printf "%ds" (add 180 (mul $unit (trimSuffix (trimAll "0123456789" $for) $for | int))) }}
{{- end }}

{{/* Connections that are not Ready with the first matchers, and had no condition Ready with the second ones within this time. */}}
{{- define "github-pat-operator.stayed" -}}
github_pat_connection_condition{condition="Ready", status="False", {{ index . 0 }}} unless on (namespace, name) present_over_time(github_pat_connection_condition{condition="Ready", {{ index . 1 }}}[{{ index . 2 }}])
{{- end }}

{{/* Why a connection is not Ready, or was not within a range, with its host and organization: with one of them while replicas with other
settings tell another. */}}
{{- define "github-pat-operator.notReady" -}}
{{- $of := printf "github_pat_connection_condition{condition=\"Ready\", status=\"False\"%s}" (default "" .condition) -}}
max by (namespace, name, reason) ({{ if .range }}last_over_time({{ $of }}[{{ .range }}]){{ else }}{{ $of }}{{ end }}) * on (namespace, name) group_left (host, organization) topk by (namespace, name) (1, max by (namespace, name, host, organization) (github_pat_connection_info{{ default "" .info }}))
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
