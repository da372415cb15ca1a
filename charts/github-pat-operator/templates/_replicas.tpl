{{- define "github-pat-operator.hasLeader" -}}
{{- if .Values.settings.leaderElection }}true{{ end }}
{{- end }}

{{/* As many as the values say; else what somebody has scaled, which an upgrade leaves; else two, of which one leads. */}}
{{- define "github-pat-operator.replicas" -}}
{{- $most := empty (include "github-pat-operator.hasLeader" .) | ternary 1 2 }}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "github-pat-operator.fullname" .) }}
{{- if not (kindIs "invalid" .Values.replicaCount) }}
{{- .Values.replicaCount }}
{{- else if not $live }}
{{- $most }}
{{- else }}
{{- $replicas := int $live.spec.replicas }}
{{- /* There could not be more before. */}}
{{- $wasAlone := and (eq $live.spec.strategy.type "Recreate") (eq $replicas 1) }}
{{- or $wasAlone (and (eq $most 1) (gt $replicas 1)) | ternary $most $replicas }}
{{- end }}
{{- end }}
