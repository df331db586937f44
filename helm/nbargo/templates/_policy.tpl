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

{{/* CEL: the user. A pod's name has a server after two hyphens, which are not in a user unless as a part of "---" and eight
     digits, for a user whose own name is no label. A server in such a form is not taken: in KubeSpawner's own
     pod_name_template, the eight digits stand for user and server together, and what is before them may be another user. */}}
{{- define "nbargo.policy.user" -}}
{{- $user := "[a-z0-9]+(-[a-z0-9]+)*(---[0-9a-f]{8})?" -}}
{{- if eq .Values.isolation "podName" -}}
variables.rest.matches("^{{ $user }}(--[a-z0-9]+(-[a-z0-9]+)*)?$") ? variables.rest.find("^{{ $user }}") : ""
{{- else -}}
variables.rest
{{- end -}}
{{- end -}}
