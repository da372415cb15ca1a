{{/* Refuses durations that contradict each other, in the words of the operator. A template computes this, since a JSON schema cannot compare two
     values, and with such durations the operator would not start. Each line has a duration, how often it must fit into the other one and
     what must be left of that, in seconds. A test asks the operator about the same pairs. */}}
{{- define "github-pat-operator.checkDurations" -}}
{{- $given := .Values.settings }}
{{- $defaults := (.Files.Get "files/bounds.yaml" | fromYaml).defaults }}
{{- $is := dict }}
{{- range $name, $default := $defaults }}
{{- $_ := set $is $name (get $given $name | default $default) }}
{{- end }}
{{- $wrong := "settings.renewDeadline is wrong: $short is not below leaseDuration, $long, so another replica would lead before this one has ended: lower it, or raise leaseDuration" }}
{{- include "github-pat-operator.checkFits" (list $is.renewDeadline 1 1 $is.leaseDuration $wrong) }}
{{- $wrong = "settings.retryPeriod is wrong: $short is above half of renewDeadline, $long, so one renewal that fails would end the leader: lower it, or raise renewDeadline" }}
{{- include "github-pat-operator.checkFits" (list $is.retryPeriod 2 0 $is.renewDeadline $wrong) }}
{{- $wrong = "settings.trustFor is wrong: $long is below heartbeat, $short, and after a restart an acceptance may seem that old: raise it, or lower heartbeat" }}
{{- include "github-pat-operator.checkFits" (list $is.heartbeat 1 0 $is.trustFor $wrong) }}
{{- range $host := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- /* Its default gives way to a shorter timeout. */}}
{{- with $host.connectTimeout }}
{{- $wrong = printf "settings.hosts.%s.connectTimeout is wrong: $short is above timeout, $long, which includes it: lower it, or raise timeout" $host.name }}
{{- include "github-pat-operator.checkFits" (list . 1 0 ($host.timeout | default (get $defaults "hosts[].timeout")) $wrong) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "github-pat-operator.checkFits" -}}
{{- $short := index . 0 }}
{{- $long := index . 3 }}
{{- $least := include "github-pat-operator.seconds" $short }}
{{- $most := include "github-pat-operator.seconds" $long }}
{{- if and $least $most }}
{{- if gt (add (mul $least (index . 1)) (index . 2)) (int64 $most) }}
{{- index . 4 | replace "$short" $short | replace "$long" $long | fail }}
{{- end }}
{{- end }}
{{- end }}

{{/* The seconds of a duration; nothing for another text, which the operator names. */}}
{{- define "github-pat-operator.seconds" -}}
{{- if regexMatch "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$" . }}
{{- $seconds := 0 }}
{{- range $unit, $size := dict "h" 3600 "m" 60 "s" 1 }}
{{- $seconds = regexFind (printf "[0-9]+%s" $unit) $ | trimSuffix $unit | atoi | mul $size | add $seconds }}
{{- end }}
{{- $seconds }}
{{- end }}
{{- end }}
