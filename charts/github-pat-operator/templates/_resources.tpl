{{/* Refuses a request above its limit, as the API server would. What that takes is never refused: like it, this
     rounds up to thousandths, and an amount that a template cannot hold exactly is left to it. A test asks it about the same pairs. */}}
{{- define "github-pat-operator.checkResources" -}}
{{- $given := default dict .Values.resources }}
{{- $limits := default dict $given.limits }}
{{- range $name, $amount := $given.requests }}
{{- $request := toString $amount }}
{{- $limit := get $limits $name | toString }}
{{- $least := include "github-pat-operator.thousandths" $request }}
{{- $most := include "github-pat-operator.thousandths" $limit }}
{{- if and $least $most }}
{{- if gt (float64 $least) (float64 $most) }}
{{- printf "resources.requests.%s is %s, which is above resources.limits.%s, %s, which the API server refuses: lower it, or raise the limit" $name $request $name $limit | fail }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The thousandths in an amount, rounded up, and no more than the API server counts. Nothing for another text, for more than 15 digits, which
     a number of 64 bits does not hold, and for more than three decimals before a binary unit, which need not come to whole thousandths. */}}
{{- define "github-pat-operator.thousandths" -}}
{{- $number := regexFind "^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)" . }}
{{- $unit := trimPrefix $number . }}
{{- $decimal := dict "n" -9 "u" -6 "m" -3 "" 0 "k" 3 "M" 6 "G" 9 "T" 12 "P" 15 "E" 18 }}
{{- $binary := dict "Ki" 1 "Mi" 2 "Gi" 3 "Ti" 4 "Pi" 5 "Ei" 6 }}
{{- $exponent := get $decimal $unit | toString }}
{{- if hasKey $binary $unit }}
{{- $exponent = regexMatch "[.][0-9]{4}" $number | ternary "" "0" }}
{{- else if regexMatch "^[eE][-+]?[0-9]{1,2}$" $unit }}
{{- $exponent = trimAll "eE" $unit }}
{{- end }}
{{- if and $number $exponent (le (regexReplaceAll "[^0-9]" $number "" | len) 15) }}
{{- $amount := atoi $exponent | add 3 | printf "%se%d" $number | float64 | ceil }}
{{- range get $binary $unit | int | until }}
{{- $amount = mulf $amount 1024 }}
{{- end }}
{{- minf $amount 9.223372036854775807e21 }}
{{- end }}
{{- end }}
