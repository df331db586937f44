{{- define "nbargo.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The namespaces that jobs run in, as a JSON object with one list, because a template returns text. */}}
{{- define "nbargo.namespaces" -}}
{{- $names := list -}}
{{- if eq .Values.isolation "namespace" -}}
{{- range .Values.users -}}
{{- $names = append $names (printf "%s%s" $.Values.namespacePrefix .) -}}
{{- end -}}
{{- else -}}
{{- $names = list .Release.Namespace -}}
{{- end -}}
{{- dict "names" $names | toJson -}}
{{- end -}}

{{/* The service accounts of the labs in each of these namespaces. */}}
{{- define "nbargo.userAccounts" -}}
{{- $names := list .Values.serviceAccounts.user -}}
{{- if eq .Values.isolation "serviceAccount" -}}
{{- $names = list -}}
{{- range .Values.users -}}
{{- $names = append $names (printf "%s-%s" $.Values.serviceAccounts.user .) -}}
{{- end -}}
{{- end -}}
{{- dict "names" $names | toJson -}}
{{- end -}}

{{/* The name of what is not in a namespace. */}}
{{- define "nbargo.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace .Release.Name -}}
{{- end -}}

{{/* The volume in the lab's pod that holds the home; the defaults are zero-to-jupyterhub's. */}}
{{- define "nbargo.homeVolume" -}}
{{- .Values.home.volumeName | default (eq .Values.home.type "shared" | ternary "home" "volume-{user_server}") -}}
{{- end -}}
