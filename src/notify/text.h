// Texts of notifications: cleaned, cut at limits, and the built-in wording. Pure.
#pragma once

#include <string>
#include <string_view>

#include "notify/notification.h"

namespace drwatch::notify {

// Valid UTF-8 without control characters other than line feed and tab; what is not becomes U+FFFD.
std::string CleanText(std::string_view text);
// The same on one line: line breaks and tabs become spaces.
std::string CleanLine(std::string_view text);
// At most `limit` characters, counted as UTF-16 units (an emoji is two), the strictest of the ways
// receivers count; "…" marks a cut. `text` must be valid UTF-8.
std::string CutCharacters(std::string_view text, std::size_t limit);
// Both; the way to take over text of any length.
std::string CleanWithin(std::string_view text, std::size_t limit);

// & < > and quotes as HTML writes them.
std::string EscapeHtml(std::string_view text);

// http:// or https:// with something behind it and no blanks or control characters.
bool IsWebUrl(std::string_view url);

// One line that says what is wrong: "BackupFailed: backup nightly cannot be relied on". From the
// annotations summary, message or description; from the labels where there are none.
std::string AlertSummary(const model::Alert& alert);
// "[FIRING:2] BackupFailed" or "[RESOLVED] BackupFailed: ...": the summary of the only alert, else
// the group's labels.
std::string NotificationTitle(const Notification& notification);

}  // namespace drwatch::notify
