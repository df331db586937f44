{{/* A pod affinity: to the node of any other pod of the same user, labs and jobs alike. Where there is none, the pod is free
     to go anywhere: the scheduler takes one that matches its own affinity, and no other pod does. The API server adds the
     pod's own nbargo/user to the selector, which must be there and must not name that label itself. */}}
{{- define "nbargo.sameNode" -}}
labelSelector: {}
matchLabelKeys: [nbargo/user]
topologyKey: kubernetes.io/hostname
{{- end -}}

{{/* The settings of ArgoScheduler as a JSON object. They are the same for every user: in a lab, the submitter replaces
     {username} by the lab pod's label nbargo/user. */}}
{{- define "nbargo.lab.settings" -}}
{{- $settings := dict "service_account" .Values.serviceAccounts.job "watcher" "sidecar" -}}
{{- $restricted := dict "allowPrivilegeEscalation" false "capabilities" (dict "drop" (list "ALL")) -}}
{{- $pod := dict "runAsUser" 1000 "runAsGroup" 100 "fsGroup" 100 "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- $_ := set $settings "security_context" $restricted -}}
{{- $_ := set $settings "pod_security_context" $pod -}}
{{- if eq .Values.home.accessMode "ReadWriteOnce" -}}
{{- $term := include "nbargo.sameNode" . | fromYaml -}}
{{- $_ := set $settings "affinity" (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term))) -}}
{{- end -}}
{{- range $name, $value := .Values.lab.settings -}}
{{- $_ := set $settings $name $value -}}
{{- end -}}
{{- $volumes := list (dict "name" "home" "persistentVolumeClaim" (dict "claimName" .Values.home.claimName)) -}}
{{- $mount := dict "name" "home" "mountPath" .Values.home.mountPath -}}
{{- if eq .Values.home.type "shared" -}}
{{- $_ := set $mount "subPath" .Values.home.subPath -}}
{{- end -}}
{{- $mounts := list $mount -}}
{{- range $index, $claim := .Values.jobs.extraClaims -}}
{{- $name := printf "extra-%d" $index -}}
{{- $volumes = append $volumes (dict "name" $name "persistentVolumeClaim" (dict "claimName" $claim.claimName "readOnly" ($claim.readOnly | default false))) -}}
{{- $mounts = append $mounts (dict "name" $name "mountPath" $claim.mountPath) -}}
{{- end -}}
{{- $_ := set $settings "volumes" $volumes -}}
{{- $_ := set $settings "volume_mounts" $mounts -}}
{{- $settings | toJson -}}
{{- end -}}
