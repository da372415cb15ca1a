{{/* The settings, and what of them stands in other objects: where the container sees it. Nothing has a subPath, so that what changes there
     comes to the Pod. */}}
{{- define "github-pat-operator.volumeMounts" -}}
- name: settings
  mountPath: /etc/github-pat-operator
  readOnly: true
{{- if (default dict .Values.metrics.tls).secretName }}
- name: metrics-tls
  mountPath: /etc/github-pat-operator-tls
  readOnly: true
{{- end }}
{{- range $host := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- if (default dict $host.proxy).credentialsSecret }}
- name: proxy-{{ include "github-pat-operator.digest" $host.name }}
  mountPath: {{ include "github-pat-operator.proxy" $host.name }}
  readOnly: true
{{- end }}
{{- if $host.clientCertificateSecret }}
- name: certificate-{{ include "github-pat-operator.digest" $host.name }}
  mountPath: {{ include "github-pat-operator.clientCertificate" $host.name }}
  readOnly: true
{{- end }}
{{- end }}
{{- range $sink := include "github-pat-operator.sinks" . | fromYamlArray }}
{{- if $sink.secret }}
- name: sink-{{ include "github-pat-operator.digest" $sink.name }}
  mountPath: {{ include "github-pat-operator.sink" $sink.name }}
  readOnly: true
{{- end }}
{{- end }}
{{- range $of := list "hosts" "sinks" }}
{{- range $one := include (printf "github-pat-operator.%s" $of) $ | fromYamlArray }}
{{- if $one.caBundleFrom }}
- name: authorities-of-{{ $of }}-{{ include "github-pat-operator.digest" $one.name }}
  mountPath: {{ include "github-pat-operator.authorities" (list $of $one.name) }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The same: the volumes. */}}
{{- define "github-pat-operator.volumes" -}}
- name: settings
  configMap:
    name: {{ include "github-pat-operator.fullname" . | quote }}
{{- with (default dict .Values.metrics.tls).secretName }}
- name: metrics-tls
  secret:
    secretName: {{ . | quote }}
    items:
      - { key: tls.crt, path: tls.crt }
      - { key: tls.key, path: tls.key }
{{- end }}
{{- range $host := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- with (default dict $host.proxy).credentialsSecret }}
- name: proxy-{{ include "github-pat-operator.digest" $host.name }}
  secret:
    secretName: {{ .name | quote }}
    items:
      - key: {{ .key | quote }}
        path: credentials
{{- end }}
{{- with $host.clientCertificateSecret }}
- name: certificate-{{ include "github-pat-operator.digest" $host.name }}
  secret:
    secretName: {{ .name | quote }}
    items:
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
{{- end }}
{{- end }}
{{- range $sink := include "github-pat-operator.sinks" . | fromYamlArray }}
{{- with $sink.secret }}
- name: sink-{{ include "github-pat-operator.digest" $sink.name }}
  secret:
    secretName: {{ .name | quote }}
    items:
      - key: {{ .key | quote }}
        path: secret
{{- end }}
{{- end }}
{{- range $of := list "hosts" "sinks" }}
{{- range $one := include (printf "github-pat-operator.%s" $of) $ | fromYamlArray }}
{{- if $one.caBundleFrom }}
- name: authorities-of-{{ $of }}-{{ include "github-pat-operator.digest" $one.name }}
  projected:
    sources:
      {{- range $kind, $source := $one.caBundleFrom }}
      {{- if eq $kind "clusterTrustBundle" }}
      {{- /* Where Helm asks no cluster, it knows of no kinds at all. */}}
      {{- $has := not ($.Capabilities.APIVersions.Has "v1/Pod") }}
      {{- range $version := list "v1" "v1beta1" "v1alpha1" }}
      {{- $has = or $has (printf "certificates.k8s.io/%s/ClusterTrustBundle" $version | $.Capabilities.APIVersions.Has) }}
      {{- end }}
      {{- if not $has }}
      {{- printf "settings.%s.%s.caBundleFrom: this cluster, %s, has no ClusterTrustBundles, which Kubernetes has by default from 1.37 on: name a configMap or a secret" $of $one.name $.Capabilities.KubeVersion.Version | fail }}
      {{- end }}
      - clusterTrustBundle: {{- set (deepCopy $source) "path" "ca.pem" | toYaml | nindent 10 }}
      {{- else }}
      - {{ $kind }}:
          name: {{ $source.name | quote }}
          items:
            - key: {{ $source.key | quote }}
              path: ca.pem
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses further volumes with the name of one of these, mounts of no volume, and mounts in whose way is one of these, the program or the
     token of the ServiceAccount. */}}
{{- define "github-pat-operator.refuseTaken" -}}
{{- $names := list }}
{{- range include "github-pat-operator.volumes" . | fromYamlArray }}
{{- $names = append $names .name }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- if has .name $names }}
{{- printf "extraVolumes: %s is a volume of the chart: give yours another name" .name | fail }}
{{- end }}
{{- end }}
{{- $projected := list }}
{{- range .Values.extraVolumes }}
{{- $names = append $names .name }}
{{- if .projected }}
{{- $projected = append $projected .name }}
{{- end }}
{{- end }}
{{- $places := dict "/github-pat-operator" "where the image has the program" }}
{{- $token := "/var/run/secrets/kubernetes.io/serviceaccount" }}
{{- $_ := set $places $token "where Kubernetes mounts the token of the operator" }}
{{- range include "github-pat-operator.volumeMounts" . | fromYamlArray }}
{{- $_ := set $places .mountPath "where the chart mounts what the operator reads" }}
{{- end }}
{{- range $mount := .Values.extraVolumeMounts }}
{{- /* Without a slash in front, a path begins at the root too. */}}
{{- $given := default "" .mountPath | toString | printf "/%s" | clean | trimSuffix "/" | printf "%s/" }}
{{- /* A token with another audience or lifetime takes the place of the one that Kubernetes would mount. */}}
{{- $replaces := and (eq $given (printf "%s/" $token)) (has .name $projected) }}
{{- range $own, $what := $places }}
{{- if and $replaces (eq $own $token) }}
{{- else if or (hasPrefix (printf "%s/" $own) $given) (hasPrefix $given (printf "%s/" $own)) }}
{{- printf "extraVolumeMounts: %s overlaps with %s, %s: mount yours elsewhere" (trimSuffix "/" $given | default "/") $own $what | fail }}
{{- end }}
{{- end }}
{{- if not (has .name $names) }}
{{- printf "extraVolumeMounts: %s is no volume of the Pod: add it to extraVolumes" .name | fail }}
{{- end }}
{{- end }}
{{- end }}
