{{/* The rules of files/alerts.yaml with what the values say of each alert. */}}
{{- define "github-pat-operator.alertRules" -}}
{{- $values := .Values.metrics }}
{{- $thresholds := dict }}
{{- range $name, $alert := $values.alerts }}
{{- $_ := set $thresholds (printf "$%s" $name) (toString (default dict $alert).threshold) }}
{{- end }}
{{- $rules := list }}
{{- $file := .Files.Get "files/alerts.yaml" | fromYaml }}
{{- range $file.records }}
{{- if or (not .only) (default dict (get $values.alerts (default "" .only))).enabled }}
{{- $rules = append $rules (dict "record" .record "expr" (include "github-pat-operator.filled" (list .expr $thresholds))) }}
{{- end }}
{{- end }}
{{- range $file.alerts }}
{{- $of := default dict (get $values.alerts .alert) }}
{{- if $of.enabled }}
{{- $own := dict "severity" $of.severity }}
{{- $labels := mustMergeOverwrite (deepCopy $values.alertLabels) $own }}
{{- $runbook := printf "%s#%s" $values.runbookUrl (lower .alert) }}
{{- $annotations := dict "summary" .summary "description" .description "remedy" .remedy "runbook_url" $runbook }}
{{- $expr := include "github-pat-operator.filled" (list .expr $thresholds) }}
{{- $rules = append $rules (dict "alert" .alert "expr" $expr "for" $of.for "labels" $labels "annotations" $annotations) }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* An expression with its thresholds. */}}
{{- define "github-pat-operator.filled" -}}
{{- $expr := index . 0 }}
{{- range $name, $threshold := index . 1 }}
{{- $expr = replace $name $threshold $expr }}
{{- end }}
{{- $expr }}
{{- end }}
