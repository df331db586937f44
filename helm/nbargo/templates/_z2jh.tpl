{{/* Values for zero-to-jupyterhub. In its strings, KubeSpawner replaces {username} and the like. */}}
{{- define "nbargo.z2jh" -}}
hub:
  config:
    KubeSpawner:
      # The token is mounted where it is needed, below, rather than in every container.
      automount_service_account_token: false
      {{- if eq .Values.isolation "namespace" }}
      # The hub needs rights in the users' namespaces for this; zero-to-jupyterhub does not give them by itself.
      enable_user_namespaces: true
      user_namespace_template: {{ printf "%s{username}" .Values.namespacePrefix }}
      {{- end }}
  extraConfig:
    # Jobs run where the lab does: it is told its node selector, tolerations and pull secrets, with those of a profile.
    # Entries are run in the order of their names; a modify_pod_hook of an earlier one is kept, a later one replaces this.
    zz-nbargo: |
      def nbargo_hook(earlier):
          import json
          from jupyterhub.utils import maybe_future
          from kubernetes_asyncio.client import V1EnvVar

          async def hook(spawner, pod):
              if callable(earlier):
                  pod = await maybe_future(earlier(spawner, pod))
              spec = spawner.api.api_client.sanitize_for_serialization(pod.spec)
              told = {
                  "node_selector": spec.get("nodeSelector"),
                  "tolerations": spec.get("tolerations"),
                  "image_pull_secrets": [each["name"] for each in spec.get("imagePullSecrets", [])],
              }
              text = json.dumps({name: value for name, value in told.items() if value})
              notebook = pod.spec.containers[0]
              notebook.env = [*(notebook.env or []), V1EnvVar(name="NBARGO_LAB_POD", value=text)]
              return pod

          return hook

      c.KubeSpawner.modify_pod_hook = nbargo_hook(c.KubeSpawner.get("modify_pod_hook"))
singleuser:
  {{- if eq .Values.isolation "podName" }}
  # A user is known by the pod's name, which KubeSpawner would cut down when the user's is long.
  podNameTemplate: {{ printf "%s{username}--{servername}" .Values.podNamePrefix | quote }}
  {{- end }}
  serviceAccountName: {{ .Values.serviceAccounts.user }}{{ if eq .Values.isolation "serviceAccount" }}-{username}{{ end }}
  extraLabels:
    nbargo/user: "{username}"
  {{- if eq .Values.home.accessMode "ReadWriteOnce" }}
  extraPodAffinity:
    required:
      # To the node of the user's jobs, while there are any: they have the home there.
      - {{- include "nbargo.sameNode" . | nindent 8 }}
  {{- end }}
  extraEnv:
    NBARGO_USER:
      valueFrom:
        fieldRef:
          fieldPath: metadata.labels['nbargo/user']
    JUPYTER_CONFIG_PATH: /etc/nbargo
  storage:
    {{- if eq .Values.home.type "shared" }}
    type: static
    static:
      pvcName: {{ .Values.home.claimName | quote }}
      subPath: {{ .Values.home.subPath | quote }}
    {{- else }}
    dynamic:
      # One home for each user; named servers share it.
      pvcNameTemplate: {{ .Values.home.claimName | quote }}
    {{- end }}
    homeMountPath: {{ .Values.home.mountPath }}
    extraVolumes:
      - name: nbargo-token
        projected:
          sources:
            - serviceAccountToken:
                path: token
                expirationSeconds: 3600
            - configMap:
                name: kube-root-ca.crt
                items:
                  - key: ca.crt
                    path: ca.crt
            - downwardAPI:
                items:
                  - path: namespace
                    fieldRef:
                      fieldPath: metadata.namespace
      - name: nbargo-config
        configMap:
          name: {{ .Release.Name }}-lab
    extraVolumeMounts:
      - name: nbargo-token
        mountPath: /var/run/secrets/kubernetes.io/serviceaccount
        readOnly: true
      - name: nbargo-config
        mountPath: /etc/nbargo
        readOnly: true
  initContainers:
    - name: watcher
      image: {{ printf "%s:%s" .Values.watcher.image.repository (.Values.watcher.image.tag | default .Chart.AppVersion) | quote }}
      imagePullPolicy: {{ .Values.watcher.image.pullPolicy }}
      restartPolicy: Always
      env:
        - name: NBARGO_USER
          valueFrom:
            fieldRef:
              fieldPath: metadata.labels['nbargo/user']
        - name: NBARGO_HEALTH_PORT
          value: {{ .Values.watcher.healthPort | quote }}
        - name: NBARGO_LOG_LEVEL
          value: {{ .Values.watcher.logLevel }}
        - name: HOME
          value: {{ .Values.home.mountPath }}
        - name: MALLOC_TRIM_THRESHOLD_
          value: "65536"
      ports:
        - name: metrics
          containerPort: {{ .Values.watcher.healthPort }}
      livenessProbe:
        httpGet:
          path: /healthz
          port: {{ .Values.watcher.healthPort }}
        periodSeconds: 30
      resources:
        {{- toYaml .Values.watcher.resources | nindent 8 }}
      securityContext:
        runAsUser: 1000
        runAsGroup: 100
        runAsNonRoot: true
        readOnlyRootFilesystem: true
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      volumeMounts:
        - name: {{ include "nbargo.homeVolume" . | quote }}
          mountPath: {{ .Values.home.mountPath }}
          {{- if eq .Values.home.type "shared" }}
          subPath: {{ .Values.home.subPath | quote }}
          {{- end }}
        - name: nbargo-token
          mountPath: /var/run/secrets/kubernetes.io/serviceaccount
          readOnly: true
{{- end -}}
