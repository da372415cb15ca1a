{{- define "github-pat-operator.hasLeader" -}}
{{- if .Values.settings.leaderElection }}true{{ end }}
{{- end }}

{{/* True if the operator that runs holds no Lease, so that one beside it would write what it writes. */}}
{{- define "github-pat-operator.runsAlone" -}}
{{- $name := include "github-pat-operator.fullname" . }}
{{- if lookup "apps/v1" "Deployment" .Release.Namespace $name }}
{{- $live := lookup "v1" "ConfigMap" .Release.Namespace $name }}
{{- if not (dig "data" "settings.yaml" "" $live | fromYaml).leaderElection }}true{{ end }}
{{- end }}
{{- end }}

{{/* As many as the values say; else what somebody has scaled, which an upgrade leaves; else two, of which one leads. */}}
{{- define "github-pat-operator.replicas" -}}
{{- $most := empty (include "github-pat-operator.hasLeader" .) | ternary 1 2 }}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "github-pat-operator.shardName" .) }}
{{- if not (kindIs "invalid" .Values.replicaCount) }}
{{- .Values.replicaCount }}
{{- else if not $live }}
{{- $most }}
{{- else }}
{{- $replicas := int $live.spec.replicas }}
{{- /* There could not be more before. */}}
{{- $wasAlone := and (include "github-pat-operator.runsAlone" .) (eq $replicas 1) }}
{{- or $wasAlone (and (eq $most 1) (gt $replicas 1)) | ternary $most $replicas }}
{{- end }}
{{- end }}

{{/* The numbers of the shards, each of which has a Deployment; one without a number if there are none. */}}
{{- define "github-pat-operator.shards" -}}
{{- if kindIs "invalid" .Values.shards }}
{{- list "" | toYaml }}
{{- else if not (include "github-pat-operator.hasLeader" .) }}
{{- fail "shards: a change of their number needs settings.leaderElection, by which the new ones wait for the old ones" }}
{{- else if .Values.watchNamespaces }}
{{- fail "shards: watchNamespaces says already which namespaces the operator has: leave one of both out" }}
{{- else }}
{{- $numbers := list }}
{{- range $number := until (int .Values.shards) }}
{{- $numbers = append $numbers (toString $number) }}
{{- end }}
{{- $numbers | toYaml }}
{{- end }}
{{- end }}

{{- define "github-pat-operator.shardName" -}}
{{- include "github-pat-operator.fullname" . }}{{ with .shard }}-{{ . }}{{ end }}
{{- end }}

{{/* Refuses an operator beside one that does not wait for it, nor is waited for: Helm makes the new Deployment before it deletes the old one. */}}
{{- define "github-pat-operator.refuseBeside" -}}
{{- $name := include "github-pat-operator.fullname" . }}
{{- if kindIs "invalid" .Values.shards }}
{{- range $number := until 64 }}
{{- $live := lookup "apps/v1" "Deployment" $.Release.Namespace (printf "%s-%d" $name $number) }}
{{- $labels := dig "metadata" "labels" dict $live }}
{{- if not (and (hasKey $labels "githubpat.dev/shard") (eq (get $labels "app.kubernetes.io/instance") $.Release.Name)) }}
{{- break }}
{{- end }}
{{- if include "github-pat-operator.hasPods" $live }}
{{- printf "shards: the Deployment %s-%d runs, and an operator without shards would write beside it: stop the shards first by kubectl scale deployment --namespace %s --selector app.kubernetes.io/instance=%s,githubpat.dev/shard --replicas 0, and wait until their Pods are gone" $name $number $.Release.Namespace $.Release.Name | fail }}
{{- end }}
{{- end }}
{{- else if include "github-pat-operator.runsAlone" . }}
{{- if lookup "apps/v1" "Deployment" .Release.Namespace $name | include "github-pat-operator.hasPods" }}
{{- printf "shards: the Deployment %s runs, and holds no Lease for which shards would wait, so they would write beside it: stop it first by kubectl scale deployment --namespace %s %s --replicas 0, and wait until its Pod is gone" $name .Release.Namespace $name | fail }}
{{- end }}
{{- end }}
{{- end }}

{{/* True if this Deployment has Pods, or is to have some. */}}
{{- define "github-pat-operator.hasPods" -}}
{{- if or (.spec.replicas | int) (dig "status" "replicas" 0 . | int) (dig "status" "terminatingReplicas" 0 . | int) }}true{{ end }}
{{- end }}

{{/* The names of the shards, as a list in JSON, each with what follows it: those of their Leases. */}}
{{- define "github-pat-operator.shardNames" -}}
{{- $root := index . 0 }}
{{- $names := list }}
{{- range $shard := include "github-pat-operator.shards" $root | fromYamlArray }}
{{- $of := dict "Values" $root.Values "Release" $root.Release "Chart" $root.Chart "shard" $shard }}
{{- $names = append $names (printf "%s%s" (include "github-pat-operator.shardName" $of) (index $ 1)) }}
{{- end }}
{{- $names | toJson }}
{{- end }}
