#include "notify/default_templates.h"

namespace drwatch::notify {

std::string_view DefaultTemplates() {
  return R"template(
{{ define "__subject" -}}
[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}]
{{- if eq (len .Alerts) 1 }}
{{- with index .Alerts 0 }} {{ .Labels.alertname }}
{{- with .Annotations.summary }}: {{ . }}{{ end }}{{ end }}
{{- else }} {{ .GroupLabels.SortedPairs.Values | join " " }}
{{- end }}
{{- end }}
{{ define "__alertmanager" }}drwatch{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}{{ end }}
{{ define "__description" }}{{ with .CommonAnnotations.description }}{{ . }}{{ end }}{{ end }}
{{ define "__text_alert_list" }}{{ range . }}Labels:
{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Annotations:
{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}
{{ end }}Source: {{ .GeneratorURL }}
{{ end }}{{ end }}
{{ define "__text_alert_list_markdown" }}{{ template "__text_alert_list" . }}{{ end }}

{{ define "slack.default.title" }}{{ template "__subject" . }}{{ end }}
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} |
{{- " " }}{{ template "slack.default.titlelink" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.text" }}{{ end }}
{{ define "slack.default.footer" }}{{ end }}

{{ define "pagerduty.default.description" }}{{ template "__subject" . }}{{ end }}
{{ define "pagerduty.default.client" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "pagerduty.default.clientURL" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "pagerduty.default.instances" }}{{ template "__text_alert_list" . }}{{ end }}

{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}
{{ define "email.default.html" }}<html><body>
<h3>{{ template "__subject" . }}</h3>
{{ range .Alerts }}<p><b>{{ .Status | toUpper }}: {{ .Labels.alertname }}</b><br>
{{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br>
{{ end }}{{ range .Annotations.SortedPairs }}{{ .Name }}: {{ .Value }}<br>
{{ end }}</p>
{{ end }}<p>Sent by <a href="{{ .ExternalURL }}">drwatch</a></p>
</body></html>
{{ end }}
)template";
}

}  // namespace drwatch::notify
