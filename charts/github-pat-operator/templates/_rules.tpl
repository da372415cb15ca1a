{{/* What the operator does with connections and, if so wanted, with workloads. A test compares it with the requests it makes. */}}
{{- define "github-pat-operator.rules" -}}
# list, watch: to know the connections, and to hear of changes. They are never changed but for their status.
# get: to read one when its status is to change, since only a digest of it is kept.
- apiGroups: [githubpat.dev]
  resources: [githubpatconnections]
  verbs: [get, list, watch]
# To say what became of them.
- apiGroups: [githubpat.dev]
  resources: [githubpatconnections/status]
  verbs: [update]
{{- if .Values.restartWorkloads }}
# get: to see how far a roll-out is. patch: to annotate the pod template, for spec.restart.
- apiGroups: [apps]
  resources: [daemonsets, deployments, statefulsets]
  verbs: [get, patch]
{{- end }}
{{- if .Values.waitingPods.enabled }}
# To hear of Pods that no node has yet, of which some wait for connections.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end }}
{{- if .Values.settings.consumers }}
# To see what names an output, for status.consumers.
- apiGroups: [""]
  resources: [pods, serviceaccounts]
  verbs: [list]
- apiGroups: [apps]
  resources: [controllerrevisions, daemonsets, deployments, replicasets, statefulsets]
  verbs: [list]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [list]
- apiGroups: [source.toolkit.fluxcd.io]
  resources: [gitrepositories]
  verbs: [list]
{{- end }}
# To tell changes of connections as Events.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* What the operator does with Secrets, in namespaces where that is granted. The same test holds it. */}}
{{- define "github-pat-operator.secretRules" -}}
# get: to read the token that a connection names, and an output before it is changed.
# list, watch: metadata only, to hear of changed tokens and of outputs that somebody changed or deleted.
# create, update, delete: to write and withdraw outputs, and nothing but those.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, update, delete]
{{- end }}

{{/* What it does with Pods that wait, in namespaces where that is granted. */}}
{{- define "github-pat-operator.waitingPodRules" -}}
# To lift the gate off Pods. The policy that confines the operator, which must be there, lets it change nothing else of them.
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end }}

{{/* The roles that a namespace grants: what follows the name of the release in that of each, and the template of its rules. */}}
{{- define "github-pat-operator.granted" -}}
secrets: github-pat-operator.secretRules
{{- if .Values.waitingPods.enabled }}
waiting-pods: github-pat-operator.waitingPodRules
{{- end }}
{{- end }}

{{/* The rest of a binding of the role of this kind and name to the operator's ServiceAccount. */}}
{{- define "github-pat-operator.binds" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "github-pat-operator.serviceAccountName" .root | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
