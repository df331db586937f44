{{/* CEL: is the caller one whom the policy is for? */}}
{{- define "nbargo.policy.caller" -}}
{{- if eq .Values.isolation "namespace" -}}
request.userInfo.username == "system:serviceaccount:" + request.namespace + ":" + {{ .Values.serviceAccounts.user | toJson }}
{{- else if eq .Values.isolation "serviceAccount" -}}
request.userInfo.username.startsWith({{ printf "system:serviceaccount:%s:%s-" .Release.Namespace .Values.serviceAccounts.user | toJson }})
{{- else -}}
request.userInfo.username == {{ printf "system:serviceaccount:%s:%s" .Release.Namespace .Values.serviceAccounts.user | toJson }}
{{- end -}}
{{- end -}}

{{/* CEL: what the API server knows of the caller, of which the user is the rest after a prefix. */}}
{{- define "nbargo.policy.proof" -}}
{{- if eq .Values.isolation "namespace" -}}
request.namespace
{{- else if eq .Values.isolation "serviceAccount" -}}
request.userInfo.username
{{- else -}}
request.userInfo.extra[?"authentication.kubernetes.io/pod-name"][?0].orValue("")
{{- end -}}
{{- end -}}

{{- define "nbargo.policy.prefix" -}}
{{- if eq .Values.isolation "namespace" -}}
{{ .Values.namespacePrefix }}
{{- else if eq .Values.isolation "serviceAccount" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccounts.user }}-
{{- else -}}
{{ .Values.podNamePrefix }}
{{- end -}}
{{- end -}}

{{/* CEL: a text with the user for {username}; needs the text. */}}
{{- define "nbargo.policy.own" -}}
{{ toJson . }}.replace("{username}", variables.user)
{{- end -}}
