// A report as JSON, Markdown and HTML.
#include <algorithm>

#include "base/strings.h"
#include "web/evidence.h"
#include "web/status_page.h"

namespace drwatch::web {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CellText(const Json& cell) {
  if (cell.is_null()) return "";
  if (cell.is_boolean()) return cell.get<bool>() ? "yes" : "no";
  if (cell.is_number_float()) return base::FormatDouble(cell.get<double>());
  return cell.is_string() ? cell.get<std::string>() : Dump(cell);
}

std::string MarkdownEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      escaped += ' ';
      continue;
    }
    if (c == '<' || c == '&') {
      escaped += c == '<' ? "&lt;" : "&amp;";
      continue;
    }
    if (std::string_view("\\`*_[]|#").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string ColumnTitle(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string ChainText(const recovery::AuditChain& chain) {
  if (!chain.problems.empty()) return "BROKEN: " + base::Join(chain.problems, "; ");
  if (chain.rows == 0) return "empty";
  return "whole: rows 1 to " + std::to_string(chain.last_id) + ", head " + chain.head;
}

std::vector<std::pair<std::string, std::string>> Heading(const Evidence& evidence) {
  std::vector<std::pair<std::string, std::string>> heading = {
      {"From", base::FormatRfc3339(evidence.from)},
      {"To", base::FormatRfc3339(evidence.to)},
      {"Made", base::FormatRfc3339(evidence.generated)},
      {"Audit log", ChainText(evidence.chain)}};
  if (evidence.cut) {
    heading.emplace_back("Incomplete", "only the first " + std::to_string(kMaxEvidenceRows) +
                                           " rows are reported; ask for less time");
  }
  return heading;
}

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:90em;padding:0 1em;"
    "color:#1b1f24}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}"
    "table{border-collapse:collapse;font-size:13px}th,td{border:1px solid #d0d7de;padding:.25em "
    ".6em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#f6f8fa}"
    "p.none,p.note{color:#57606a}@media print{body{margin:0;max-width:none}}";

}  // namespace

std::string EvidenceJson(const Evidence& evidence) {
  Json json = {{"from", base::FormatRfc3339(evidence.from)},
               {"to", base::FormatRfc3339(evidence.to)},
               {"generated_at", base::FormatRfc3339(evidence.generated)},
               {"complete", !evidence.cut},
               {"chain",
                {{"intact", evidence.chain.problems.empty()},
                 {"rows", evidence.chain.rows},
                 {"last_id", evidence.chain.last_id},
                 {"head", evidence.chain.head},
                 {"problems", evidence.chain.problems}}}};
  for (const EvidenceSection& section : evidence.sections) {
    Json& list = json[section.key] = Json::array();
    for (const auto& row : section.rows) {
      Json object = Json::object();
      for (std::size_t i = 0; i < row.size(); ++i) object[section.columns[i]] = row[i];
      list.push_back(std::move(object));
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string EvidenceMarkdown(const Evidence& evidence) {
  std::string text = "# Disaster recovery evidence\n\n";
  for (const auto& [name, value] : Heading(evidence)) {
    text += "- " + name + ": " + MarkdownEscaped(value) + "\n";
  }
  for (const EvidenceSection& section : evidence.sections) {
    text += "\n## " + section.title + "\n";
    if (!section.note.empty()) text += section.note + "\n";
    text += "\n";
    if (section.rows.empty()) {
      text += "None.\n";
      continue;
    }
    std::string rule = "|";
    text += "|";
    for (const std::string& column : section.columns) {
      text += " " + ColumnTitle(column) + " |";
      rule += "---|";
    }
    text += "\n" + rule + "\n";
    for (const auto& row : section.rows) {
      text += "|";
      for (const Json& cell : row) text += " " + MarkdownEscaped(CellText(cell)) + " |";
      text += "\n";
    }
  }
  return text;
}

std::string EvidenceHtml(const Evidence& evidence) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<title>Disaster recovery evidence</title><style>" +
      std::string(kStyle) + "</style></head><body>\n<h1>Disaster recovery evidence</h1>\n<table>";
  for (const auto& [name, value] : Heading(evidence)) {
    html += "<tr><th>" + EscapeHtml(name) + "</th><td>" + EscapeHtml(value) + "</td></tr>\n";
  }
  html += "</table>\n";
  for (const EvidenceSection& section : evidence.sections) {
    html += "<h2>" + EscapeHtml(section.title) + "</h2>\n";
    if (!section.note.empty()) html += "<p class=\"note\">" + EscapeHtml(section.note) + "</p>\n";
    if (section.rows.empty()) {
      html += "<p class=\"none\">None.</p>\n";
      continue;
    }
    html += "<table><tr>";
    for (const std::string& column : section.columns) {
      html += "<th>" + EscapeHtml(ColumnTitle(column)) + "</th>";
    }
    html += "</tr>\n";
    for (const auto& row : section.rows) {
      html += "<tr>";
      for (const Json& cell : row) html += "<td>" + EscapeHtml(CellText(cell)) + "</td>";
      html += "</tr>\n";
    }
    html += "</table>\n";
  }
  return html + "</body></html>\n";
}

std::string AuditRowsJson(const std::vector<recovery::AuditRow>& rows, MoreRows more) {
  Json list = Json::array();
  for (const recovery::AuditRow& row : rows) {
    const recovery::AuditEvent& event = row.event;
    Json metrics = Json::parse(event.metrics, nullptr, false);
    if (!metrics.is_object()) metrics = nullptr;
    list.push_back({{"id", row.id},
                    {"event_type", event.type},
                    {"event_description", event.description},
                    {"initiated_by", event.initiated_by},
                    {"timestamp", base::FormatRfc3339(event.time)},
                    {"duration_minutes",
                     event.duration ? Json(base::ToSeconds(*event.duration) / 60) : Json(nullptr)},
                    {"success", event.success ? Json(*event.success) : Json(nullptr)},
                    {"metrics", std::move(metrics)},
                    {"notes", event.notes.empty() ? Json(nullptr) : Json(event.notes)},
                    {"digest", row.digest}});
  }
  Json next = nullptr;
  if (more == MoreRows::kYes && !rows.empty()) next = rows.back().id;
  return Dump({{"status", "success"},
               {"data", {{"rows", std::move(list)}, {"next_after", std::move(next)}}}});
}

}  // namespace drwatch::web
