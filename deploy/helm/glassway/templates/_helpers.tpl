{{- define "glassway.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "glassway.labels" -}}
app.kubernetes.io/name: glassway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "glassway.selector" -}}
app.kubernetes.io/name: glassway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "glassway.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "glassway.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "glassway.name" .) }}
{{- end -}}

{{- define "glassway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "glassway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* What proxy and ingest know each other by. */}}
{{- define "glassway.sharedEnv" -}}
- name: GLASSWAY_ACCESS_INGEST_SECRET
  valueFrom: { secretKeyRef: { name: {{ .Values.existingSecret }}, key: ingest-secret } }
- name: GLASSWAY_ACCESS_KEYS_FILE
  value: /etc/glassway/secret/keys.json
{{- end -}}

{{- define "glassway.clickhouseEnv" -}}
- name: CLICKHOUSE_URL
  value: {{ .Values.clickhouse.url | quote }}
- name: CLICKHOUSE_DATABASE
  value: {{ .Values.clickhouse.database | quote }}
- name: CLICKHOUSE_USER
  value: {{ .Values.clickhouse.username | quote }}
- name: CLICKHOUSE_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ .Values.existingSecret }}, key: clickhouse-password } }
- name: GLASSWAY_CLICKHOUSE_READ_USERNAME
  value: {{ .Values.clickhouse.readUsername | quote }}
- name: GLASSWAY_CLICKHOUSE_READ_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ .Values.existingSecret }}, key: clickhouse-read-password } }
{{- with .Values.clickhouse.cluster }}
- name: GLASSWAY_CLICKHOUSE_CLUSTER
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "glassway.mounts" -}}
- { name: config, mountPath: /etc/glassway/config, readOnly: true }
- { name: secret, mountPath: /etc/glassway/secret, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- end -}}

{{- define "glassway.volumes" -}}
- name: config
  configMap: { name: {{ include "glassway.name" . }} }
- name: secret
  secret:
    secretName: {{ .Values.existingSecret }}
    items: [{ key: keys.json, path: keys.json }]
    optional: true
- name: tmp
  emptyDir: {}
{{- end -}}
