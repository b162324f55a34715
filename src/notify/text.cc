#include "notify/text.h"

#include "base/strings.h"

namespace drwatch::notify {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";

// Bytes of the UTF-8 sequence at the start of `text`; 0 if it is not a valid one.
std::size_t SequenceLength(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length > text.size() || !base::IsValidUtf8(text.substr(0, length))) return 0;
  return length;
}

std::string Clean(std::string_view text, bool one_line) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (first == '\n' || first == '\t') {
      result += one_line ? ' ' : text[0];
    } else if (first == '\r' && !one_line) {
      // CR LF becomes LF.
    } else if (first == '\r') {
      result += ' ';
    } else if (length == 0 || first < 0x20 || first == 0x7f) {
      result += kReplacement;
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

std::size_t Utf16Units(std::string_view sequence) { return sequence.size() == 4 ? 2 : 1; }

}  // namespace

std::string CleanText(std::string_view text) { return Clean(text, false); }

std::string CleanLine(std::string_view text) { return std::string(base::Trim(Clean(text, true))); }

std::string CutCharacters(std::string_view text, std::size_t limit) {
  std::size_t units = 0;
  std::size_t cut = 0;  // the longest prefix that leaves room for the mark
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = SequenceLength(text.substr(at));
    if (length == 0) length = 1;
    units += Utf16Units(text.substr(at, length));
    at += length;
    if (units + 1 <= limit) cut = at;
    if (units > limit)
      return std::string(text.substr(0, cut)) + std::string(limit > 0 ? kEllipsis : "");
  }
  return std::string(text);
}

std::string CleanWithin(std::string_view text, std::size_t limit) {
  // No character takes more than four bytes: what lies behind can be neither kept nor counted.
  return CutCharacters(CleanText(text.substr(0, 4 * limit + 4)), limit);
}

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

bool IsWebUrl(std::string_view url) {
  const std::string scheme = base::Lower(url.substr(0, 8));
  const bool web = (scheme.starts_with("http://") && url.size() > 7) ||
                   (scheme.starts_with("https://") && url.size() > 8);
  if (!web || !base::IsValidUtf8(url)) return false;
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
  }
  return true;
}

std::string AlertSummary(const model::Alert& alert) {
  const std::string name = CleanLine(alert.labels.Get(model::kAlertName));
  for (const char* annotation : {"summary", "message", "description"}) {
    const std::string text = CleanLine(alert.annotations.Get(annotation));
    if (text.empty()) continue;
    return name.empty() || text.starts_with(name) ? text : name + ": " + text;
  }
  const std::string labels = CleanLine(alert.labels.Without(model::kAlertName).ToString());
  if (name.empty()) return labels == "{}" ? "alert without a name" : labels;
  return labels == "{}" ? name : name + " " + labels;
}

std::string NotificationTitle(const Notification& notification) {
  const std::size_t firing = notification.FiringCount();
  std::string state = "[RESOLVED] ";
  if (firing > 0) state = "[FIRING:" + std::to_string(firing) + "] ";
  if (notification.alerts.size() == 1) return state + AlertSummary(notification.alerts.front());
  const model::Labels common = notification.CommonLabels();
  const std::string name = CleanLine(common.Get(model::kAlertName));
  const std::string group =
      CleanLine(notification.group_labels.Without(model::kAlertName).ToString());
  std::string what = name;
  if (group != "{}") what += (what.empty() ? "" : " ") + group;
  if (what.empty()) what = std::to_string(notification.alerts.size()) + " alerts";
  return state + what;
}

}  // namespace drwatch::notify
