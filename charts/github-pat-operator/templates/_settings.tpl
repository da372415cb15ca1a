{{/* Refuses settings that the operator would not start with, in its words: numbers out of bounds, and what contradicts something else.
     The bounds are those of src/settings.rs, of which a test makes files/bounds.yaml. Those of durations are patterns in values.schema.json,
     and _durations.tpl has those that contradict each other. */}}
{{- define "github-pat-operator.checkSettings" -}}
{{- $bounds := .Files.Get "files/bounds.yaml" | fromYaml }}
{{- $given := .Values.settings }}
{{- include "github-pat-operator.checkDurations" . }}
{{- $is := include "github-pat-operator.amounts" (list "settings" $bounds.settings $given) | fromYaml }}
{{- if gt (int64 $is.failedLoginsPerNamespace) (int64 $is.failedLoginsPerHour) }}
{{- fail "settings.failedLoginsPerNamespace is wrong: it is above failedLoginsPerHour, of which it is a share: lower it, or raise failedLoginsPerHour" }}
{{- end }}
{{- if and (has "consumers" (default list $given.metricsDetails)) (not $given.consumers) }}
{{- fail "settings.metricsDetails is wrong: it has consumers, which are known with settings.consumers alone: set that, or leave it out" }}
{{- end }}
{{- $shown := dict }}
{{- range $given.connectionLabels }}
{{- $label := regexReplaceAll "[^a-zA-Z0-9]" . "_" }}
{{- if hasKey $shown $label }}
{{- printf "settings.connectionLabels is wrong: %s and %s are one label of a metric: leave one of them out" (get $shown $label) . | fail }}
{{- end }}
{{- $_ := set $shown $label . }}
{{- end }}
{{- if and $given.tracesCaBundle (not $given.tracesEndpoint) }}
{{- fail "settings.tracesCaBundle is wrong: there is no tracesEndpoint that it would be for: set that, or leave it out" }}
{{- end }}
{{- $shards := default 1 .Values.shards | int64 }}
{{- range $name := list "failedLoginsPerHour" "questionsPerMinute" }}
{{- if lt (get $is $name | int64) $shards }}
{{- printf "settings.%s is wrong: it is below the number of shards, which share it: raise it" $name | fail }}
{{- end }}
{{- end }}
{{- $atOnce := $bounds.hosts.concurrency.default }}
{{- $names := list }}
{{- /* A day that there is not is read as another one. At midnight the clocks of some places are changed. */}}
{{- $day := $given.githubApiVersion }}
{{- if and $day (ne $day (printf "%s 12:00" $day | toDate "2006-01-02 15:04" | date "2006-01-02")) }}
{{- printf "settings.githubApiVersion is wrong: %s is not a date as in 2022-11-28" $day | fail }}
{{- end }}
{{- include "github-pat-operator.checkUrl" (list "settings.tracesEndpoint" $given.tracesEndpoint) }}
{{- range $host := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- $at := printf "settings.hosts.%s" $host.name }}
{{- if has $host.name $names }}
{{- printf "%s is wrong: it is named twice" $at | fail }}
{{- end }}
{{- $names = append $names $host.name }}
{{- include "github-pat-operator.checkHost" (list $at $bounds.hosts $host) }}
{{- if lt (default $atOnce $host.concurrency | int64) $shards }}
{{- printf "%s.concurrency is wrong: it is below the number of shards, which share it: raise it" $at | fail }}
{{- end }}
{{- end }}
{{- include "github-pat-operator.checkRoots" . }}
{{- if and (lt (int64 $atOnce) $shards) (not (has "github.com" $names)) }}
{{- fail "settings.hosts.github.com.concurrency is wrong: it is below the number of shards, which share it: raise it" }}
{{- end }}
{{- range $sink := include "github-pat-operator.sinks" . | fromYamlArray }}
{{- $at := printf "settings.sinks.%s" $sink.name }}
{{- include "github-pat-operator.checkUrl" (list (printf "%s.url" $at) $sink.url) }}
{{- if and $sink.caBundle $sink.caBundleFrom }}
{{- printf "%s: give caBundle or caBundleFrom, and set the other one to null" $at | fail }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses two names for one API. The operator takes them, and counts and remembers by name. */}}
{{- define "github-pat-operator.checkRoots" -}}
{{- $roots := dict "api.github.com" "github.com" }}
{{- $hosts := include "github-pat-operator.hosts" . | fromYamlArray }}
{{- range $hosts }}
{{- if eq .name "github.com" }}
{{- $roots = dict }}
{{- end }}
{{- end }}
{{- range $hosts }}
{{- $url := urlParse (default "https://api.github.com" .apiUrl) }}
{{- $root := printf "%s%s" ($url.host | lower | trimSuffix ":443" | trimSuffix ".") ($url.path | trimSuffix "/") }}
{{- if hasKey $roots $root }}
{{- printf "settings.hosts.%s.apiUrl is wrong: it is that of %s too, and budgets go by name, so it would get twice the requests: leave one of them out, and name the other one in spec.host" .name (get $roots $root) | fail }}
{{- end }}
{{- $_ := set $roots $root .name }}
{{- end }}
{{- end }}

{{- define "github-pat-operator.checkHost" -}}
{{- $at := index . 0 }}
{{- $host := index . 2 }}
{{- $_ := include "github-pat-operator.amounts" . }}
{{- if and $host.caBundle $host.caBundleFrom }}
{{- printf "%s: give caBundle or caBundleFrom, and set the other one to null" $at | fail }}
{{- end }}
{{- if and $host.onlyCaBundle (not (or $host.caBundle $host.caBundleFrom)) }}
{{- printf "%s.onlyCaBundle is wrong: there is no caBundle whose authorities would be the only ones: give that, or leave it out" $at | fail }}
{{- end }}
{{- range $name := list "apiUrl" "webUrl" }}
{{- include "github-pat-operator.checkUrl" (list (printf "%s.%s" $at $name) (get $host $name)) }}
{{- end }}
{{- with $host.proxy }}
{{- include "github-pat-operator.checkUrl" (list (printf "%s.proxy.url" $at) .url) }}
{{- range .noProxy }}
{{- if and (contains ":" .) (not (include "github-pat-operator.isAddress" (regexReplaceAll "/[0-9]+$" . ""))) }}
{{- printf "%s.proxy.noProxy is wrong: %s is not a host name, an address or a network" $at . | fail }}
{{- end }}
{{- end }}
{{- end }}
{{- $isBuiltIn := eq $host.name "github.com" }}
{{- if not (or $host.apiUrl $isBuiltIn) }}
{{- printf "%s.apiUrl is missing: give the root of the REST API, as in https://ghe.example.com/api/v3" $at | fail }}
{{- end }}
{{- $of := (urlParse (default "https://api.github.com" $host.apiUrl)).hostname | trimSuffix "." }}
{{- if or (eq $of "github.com") (and (hasSuffix ".ghe.com" $of) (not (hasPrefix "api." $of))) }}
{{- printf "%s.apiUrl is wrong: %s has no API: it is at https://api.%s" $at $of $of | fail }}
{{- end }}
{{- if and $host.legacyTokens (or $isBuiltIn (regexMatch "(^|[.])(github|ghe)[.]com$" $of)) }}
{{- printf "%s.legacyTokens is wrong: it is for an Enterprise Server: leave it out" $at | fail }}
{{- end }}
{{- end }}

{{/* Refuses a URL whose host is in brackets and no address of IPv6. The pattern of the schema says the rest. */}}
{{- define "github-pat-operator.checkUrl" -}}
{{- $url := index . 1 | default "" }}
{{- if regexMatch `^https?://\[` $url }}
{{- $address := regexReplaceAll `^https?://\[([^\]]*)\].*$` $url "${1}" }}
{{- if not (include "github-pat-operator.isAddress" $address) }}
{{- printf "%s is wrong: it is not a URL: %s is no address of IPv6" (index . 0) $address | fail }}
{{- end }}
{{- end }}
{{- end }}

{{/* Something for an address of IPv6, nothing for another text. H stands for a part of it, V for an address of IPv4 at its end. */}}
{{- define "github-pat-operator.isAddress" -}}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])" }}
{{- $forms := list
  "(H:){7}(H|:)" "(H:){6}(:H|V|:)" "(H:){5}((:H){1,2}|:V|:)" "(H:){4}((:H){1,3}|(:H)?:V|:)"
  "(H:){3}((:H){1,4}|(:H){0,2}:V|:)" "(H:){2}((:H){1,5}|(:H){0,3}:V|:)" "H:((:H){1,6}|(:H){0,4}:V|:)"
  ":((:H){1,7}|(:H){0,5}:V|:)" | join "|" }}
{{- $pattern := $forms | replace "H" "[0-9A-Fa-f]{1,4}" | replace "V" (printf "(%s[.]){3}%s" $byte $byte) }}
{{- if regexMatch (printf "^(%s)$" $pattern) . }}yes{{ end }}
{{- end }}

{{/* What these numbers with bounds are: as given, else by default. */}}
{{- define "github-pat-operator.amounts" -}}
{{- $at := index . 0 }}
{{- $given := index . 2 }}
{{- range $name, $range := index . 1 }}
{{- $value := hasKey $given $name | ternary (get $given $name) nil }}
{{- $amount := $range.default }}
{{- if not (kindIs "invalid" $value) }}
{{- $amount = $value }}
{{- end }}
{{- if or (lt (int64 $amount) (int64 $range.least)) (gt (int64 $amount) (int64 $range.most)) }}
{{- printf "%s.%s is wrong: %v is not between %s" $at $name $value $range.between | fail }}
{{- end }}
{{ $name }}: {{ int64 $amount }}
{{- end }}
{{- end }}
